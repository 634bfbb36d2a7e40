/*
 * Watching several futures: what gather, wait, shield and as_completed have in common.
 *
 * A watch is the combined future itself with one entry for each operand, all in one block. While
 * entries are in the lists of their futures or in the ready queue it holds a reference to itself,
 * as the closures of asyncio do, and a hook in the loop lets go of what will never complete.
 */
#ifndef GYRE_FUTURE_WATCH_INTERNAL_H
#define GYRE_FUTURE_WATCH_INTERNAL_H

#include "future_internal.h"

typedef struct gyre__watch gyre__watch;

/* The entry of an operand. */
typedef struct gyre__watched {
    union {
        gyre__callback
            callback; /* node.run: NULL unless it is in the future's list or ready to run */
        struct {
            gyre__node node;
            int64_t value; /* of a future that was let go of */
        } ended;
    };
    gyre__watch *watch; /* NULL: the same future as an earlier operand */
} gyre__watched;

struct gyre__watch {
    gyre__combined combined; /* first */
    gyre__watched *entries;  /* in the order of the arguments, duplicates too */
    gyre_future **futures;   /* of the entries; references; NULL: was let go of */
    size_t count;            /* entries */
    size_t held;             /* futures that were not let go of */
    size_t distinct;         /* entries that are no duplicates */
    size_t marked;           /* those done at the opening that are still to be gone through */
    size_t outstanding;      /* what runs yet, or could; while there is any it holds itself */
    gyre__close_hook hook;   /* while it holds itself */
};

enum {
    GYRE__WATCH_AHEAD = 32
}; /* operands on which something is done in turn are fetched that early */

static inline gyre_future *gyre__watch_future(gyre__watch *watch)
{
    return &watch->combined.future;
}

/*
 * What the class makes, which begins with a watch. loop: NULL for the running one. Gives NULL when
 * memory is short or the loop closes.
 */
gyre__watch *gyre__watch_new(gyre_loop *loop, const gyre__future_class *class, const char *file,
                             unsigned line);

/* For a watch that could not be opened: NULL for -ENOMEM, else its future, done with the error. */
gyre_future *gyre__watch_refuse(gyre__watch *watch, int64_t code);

/*
 * Takes references to n futures, or if `moved` those of the array, and enters itself in the lists
 * of those that are pending; `run` is what their completion runs. -ENOMEM (also for a NULL among
 * them) and GYRE_EWRONGLOOP leave everything as it was. Then gyre__watch_next_done() must go
 * through those that are done.
 */
int64_t gyre__watch_open(gyre__watch *watch, size_t n, gyre_future *const *futures, bool moved,
                         void (*run)(gyre__node *node));

/* The next entry from *index on, no duplicate, whose future was done at the opening, or NULL. */
gyre__watched *gyre__watch_next_done(gyre__watch *watch, size_t *index);

/* Starts to hold itself if something is outstanding; `close` must end that when the loop closes. */
void gyre__watch_hold(gyre__watch *watch, void (*close)(gyre_loop *loop, gyre__close_hook *hook));

/* Has a done entry run as if its future completed now: add_done_callback() on a done future. */
void gyre__watch_schedule(gyre__watched *entry, void (*run)(gyre__node *node));

/* What the run function of an entry begins with. */
static inline gyre__watched *gyre__watched_from(gyre__node *node)
{
    gyre__watched *entry = GYRE__CONTAINER(node, gyre__watched, callback.node);

    node->run = NULL;
    return entry;
}

static inline size_t gyre__watched_index(const gyre__watched *entry)
{
    return (size_t)(entry - entry->watch->entries);
}

static inline gyre_future *gyre__watched_future(const gyre__watched *entry)
{
    return entry->watch->futures[gyre__watched_index(entry)];
}

/*
 * Lets go of the future of an entry that has run and whose value is all that is of interest: it is
 * in the cache now, and it may be that nobody else needs it.
 */
void gyre__watched_drop(gyre__watched *entry);

/* Lets go of itself. */
void gyre__watch_release(gyre__watch *watch);

/* What the run function of anything outstanding ends with. The watch may be gone then. */
static inline void gyre__watch_over(gyre__watch *watch)
{
    if (--watch->outstanding == 0)
        gyre__watch_release(watch);
}

/* Leaves the lists of pending futures; entries that are ready still run. It may be gone then. */
void gyre__watch_leave(gyre__watch *watch);

static inline gyre__watch *gyre__watch_of_hook(gyre__close_hook *hook)
{
    return GYRE__CONTAINER(hook, gyre__watch, hook);
}

/* For the classes: the last reference is gone. */
void gyre__watch_fini(gyre_future *future);

/* For the classes: the i-th operand that is pending. */
gyre_future *gyre__watch_awaits(const gyre_future *future, size_t i);

#endif
