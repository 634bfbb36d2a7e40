/* The future's insides, for what is built on futures: tasks, gather, shield. */
#ifndef GYRE_FUTURE_FUTURE_INTERNAL_H
#define GYRE_FUTURE_FUTURE_INTERNAL_H

#include "../loop/error_internal.h"
#include "../loop/loop_internal.h"
#include "future.h"

/* One entry of a future's callback list. Completion moves its node to the ready queue. */
typedef struct gyre__callback {
    gyre__node node;             /* next: in the list, NULL at its end */
    struct gyre__callback *prev; /* the head's points to the tail */
} gyre__callback;

enum gyre__future_kind {
    GYRE__FUTURE_PLAIN,
    GYRE__FUTURE_TASK,
    GYRE__FUTURE_COMBINED, /* has a class of its own: struct gyre__combined */
};

enum {
    GYRE__FUTURE_UNRETRIEVED = 1,  /* has an error that nobody has looked at */
    GYRE__FUTURE_DETAIL_ONCE = 2,  /* the cancellation's detail goes to the first who asks */
    GYRE__FUTURE_OWNS_NAME = 4,
    GYRE__FUTURE_MARKED = 8,       /* met already by who is going through several futures: watch.c */
    GYRE__FUTURE_DETAIL_OLD = 16,  /* tasks: the detail is a request's message, not that of the result */
};

struct gyre_future {
    gyre_loop *loop;
    uint32_t refs;
    uint32_t line;             /* where it was made */
    const char *file;
    uint8_t kind;              /* enum gyre__future_kind */
    uint8_t state;             /* gyre_future_state */
    uint8_t flags;
    uint8_t blocks;            /* tasks: size of the block in units */
    uint32_t id;               /* tasks: the N of Task-N */
    int64_t result;            /* value, or error code */
    gyre_error *detail;        /* of the error or the cancellation; reference */
    gyre__callback *callbacks; /* head of the list */
    const char *name;          /* or NULL */
};

/* What differs between kinds of futures. */
typedef struct gyre__future_class {
    const char *name;                                        /* for dumps */
    int64_t (*cancel)(gyre_future *future, gyre_error *detail);
    void (*fini)(gyre_future *future);                       /* the last reference is gone */
    size_t size;
    /* For dumps: the i-th future it waits for, or NULL. */
    gyre_future *(*awaits)(const gyre_future *future, size_t i);
    /* Cancelling it when it is done does not count as looking at its error. */
    bool keeps_error;
} gyre__future_class;

/* A future with a class: gather, shield, as_completed and so on embed it first. */
typedef struct gyre__combined {
    gyre_future future;
    const gyre__future_class *class;
} gyre__combined;

/* Tasks have no room for a class pointer; task/ sets this when it makes the first one. */
extern const gyre__future_class *gyre__task_class;

/* Fills in a future of any kind with one reference, in memory of `blocks_take`. */
void gyre__future_init(gyre_future *future, gyre_loop *loop, enum gyre__future_kind kind,
                       const char *file, unsigned line);

/* A combined future: zeroed memory of class->size, initialised; NULL when memory is short. */
gyre_future *gyre__combined_new(gyre_loop *loop, const gyre__future_class *class, const char *file,
                                unsigned line);

/*
 * The three ways to complete a future of any kind; it must be pending. Details are moved.
 * An error counts as unretrieved until someone looks.
 */
void gyre__future_finish_result(gyre_future *future, int64_t value);
void gyre__future_finish_error(gyre_future *future, int64_t code, gyre_error *detail);
void gyre__future_finish_cancelled(gyre_future *future, gyre_error *detail, bool detail_once);

/* Adds an embedded entry whose node.run is set; a done future schedules it at once. */
void gyre__future_add(gyre_future *future, gyre__callback *callback);

/* Removes an entry that is still in the list of a pending future. */
void gyre__future_remove(gyre_future *future, gyre__callback *callback);

/* gyre_future_result() without the copy to the current detail: the detail is given as a new reference. */
int64_t gyre__future_take(gyre_future *future, gyre_error **out_detail);

/* The detail of the error or the cancellation, borrowed. */
static inline gyre_error *gyre__future_detail(const gyre_future *future)
{
    return future->flags & GYRE__FUTURE_DETAIL_OLD ? NULL : future->detail;
}

/* Marks the error as seen. */
static inline void gyre__future_retrieved(gyre_future *future)
{
    future->flags &= (uint8_t)~GYRE__FUTURE_UNRETRIEVED;
}

#endif
