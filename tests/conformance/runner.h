/*
 * The conformance runner: an interpreter of the script language of SPEC.md on gyre's public API.
 *
 *   runner.c           the program: a script from a file, or many from standard input; how one ends
 *   runner_parse.c     text to statements
 *   runner_run.c       calls of bodies, and the statements one after the other
 *   runner_trace.c     memory, names, errors, and the lines that come out
 *   runner_ops_*.c     what each statement does, one file per family
 *
 * A call of a body is a `call`; run_call(), the one coroutine of the runner, interprets it, as a
 * coroutine or as a generator of either kind; callbacks and the top level, which never wait, are
 * interpreted directly. Blocks that are under way are a stack of `scope`s in the call, so that
 * errors, `return` and `break` leave them one by one, awaiting where a block awaits at its end.
 *
 * Values: a script's number V is the value V + BIAS of gyre, `none` is GYRE_NONE. Times: the clock
 * is moved to EPOCH before the script starts, so that scripts can name times before it.
 */
#ifndef GYRE_TESTS_CONFORMANCE_RUNNER_H
#define GYRE_TESTS_CONFORMANCE_RUNNER_H

#include <gyre/gyre.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BIAS  (INT64_C(1) << 33)
#define EPOCH (UINT64_C(1) << 53) /* ns: about 104 days; scripts' times have 32 bits of ms */

typedef struct runner runner;
typedef struct call call;
typedef struct node node;

/* ---- what the parser makes ---- */

typedef struct body {
    enum body_kind { BODY_SCRIPT, BODY_CORO, BODY_CALLBACK, BODY_GEN, BODY_AGEN } kind;
    const char *name;
    const char *who; /* "@name", for callbacks */
    unsigned line;
    const node *first;
    unsigned depth; /* blocks in blocks, at most */
    unsigned loops; /* loops in loops, at most */
    runner *runner;
} body;

/* A name of the script, and what it stands for. */
typedef struct symbol {
    const char *name;
    struct symbol *next;
    body *body;   /* of a body */
    void *object; /* of a slot (NULL: unset) or a declared object */
    int64_t variable;
    unsigned created;  /* tasks and futures that got the name */
    unsigned implicit; /* ... and `~name` */
} symbol;

typedef struct operand {
    enum { IS_NUMBER, IS_ACCUMULATOR, IS_ARGUMENT, IS_COUNTER } value;
    bool given;     /* an optional one is there */
    bool never;     /* `-` */
    bool call;      /* `!CORO` */
    bool self;      /* `self` */
    bool slot;      /* a slot that is read: may be unset */
    int64_t number; /* the number, mode or code; the loop of a counter */
    symbol *symbol;
} operand;

/* A part of a block: its statements and what is before them. */
typedef struct part {
    struct part *next;
    enum { PART_BODY, PART_ELSE, PART_EXCEPT, PART_FINALLY } kind;
    unsigned line;
    int64_t code; /* of an except clause, or one of the two below */
    const node *first;
} part;

enum { EXCEPT_ANY = -1, EXCEPT_ALL = -2 };

typedef enum want {
    WANT_NOTHING,      /* go on */
    WANT_END,          /* the body has ended */
    WANT_AWAIT,        /* await call->begin(call) */
    WANT_FUTURE,       /* await call->future */
    WANT_CALL,         /* await call->callee */
    WANT_TIMED_FUTURE, /* the same under wait_for(call->timeout) */
    WANT_TIMED_CALL,
    WANT_YIELD,      /* yield call->value */
    WANT_YIELD_FROM, /* yield from call->generator */
} want;

typedef struct scope scope;

/* A kind of statement. */
typedef struct op {
    const char *name;
    const char *operands; /* kinds as in reference.py */
    want (*start)(call *c, const node *n);
    want (*leave)(call *c, scope *s); /* blocks: the end of a part, whatever the flow is */
} op;

struct node {
    const node *next;
    const op *op;
    unsigned line;
    unsigned count; /* operands */
    operand *args;
    part *parts;
};

extern const op flow_ops[], task_ops[], future_ops[], loop_ops[], combine_ops[], scope_ops[],
    queue_ops[], lock_ops[], generator_ops[];

/* True if it is a script; else `problem` has a line about it. */
bool parse(runner *r, char *script);

/* ---- errors ---- */

/* An error on its way, or being handled. */
typedef struct failure {
    int64_t code;
    gyre_error *detail; /* reference */
} failure;

failure take_failure(int64_t code);         /* with the current detail, if that belongs to it */
int64_t raise_failure(failure *moved);      /* gives the code, the detail becomes the current one */
failure copy_failure(const failure *other); /* new reference */
void drop_failure(failure *f);
int64_t script_code(int64_t code);      /* of gyre's code */
int64_t gyre_code(int64_t script_code); /* of a code that scripts can raise */

/* ---- a run ---- */

enum flow { FLOW_NEXT, FLOW_ERROR, FLOW_RETURN, FLOW_BREAK };

/* A block that is under way. */
struct scope {
    const node *head; /* NULL: the body */
    const node *next; /* statement to run */
    enum { STAGE_BODY, STAGE_EXCEPT, STAGE_FINALLY } stage;
    enum flow saved_flow; /* finally: what it interrupts */
    failure saved;        /* ... or, in an except clause, the error being handled */
    void *object;         /* timeout, group, generator, lock */
    unsigned round;       /* loops */
    unsigned loop;        /* ... which counter */
};

/* A call of a body. */
struct call {
    runner *runner;
    const body *body;
    call *next; /* in the runner's list */
    int64_t argument, accumulator;
    int64_t *counters;
    scope *scopes;
    unsigned depth; /* scopes under way */
    unsigned loops; /* loops under way */
    enum flow flow;
    failure failure;
    int64_t result; /* what it returns */
    /* A statement that waits: what for, with what, and what follows. */
    const node *node;
    void (*settle)(call *c, const node *n, int64_t rc);
    gyre_await (*begin)(call *c);
    gyre_future *future; /* reference */
    call *callee;
    int64_t timeout;
    int64_t value;
    gyre_generator *generator;
    void *out; /* what an await gives besides its result */
};

/* A task or future. */
typedef struct record {
    gyre_future *future; /* reference */
    struct record *next; /* in order of creation */
    struct record **children;
    size_t count;         /* gather: its children */
    struct record *inner; /* shield */
    bool is_gather;
} record;

typedef struct text {
    char *chars;
    size_t length, room;
} text;

/* What the end of a script frees. */
typedef struct kept {
    struct kept *next;
    void (*release)(void *object);
    void *object;
} kept;

struct runner {
    struct chunk *chunks;
    symbol *symbols[64];
    body *script; /* or NULL */
    const char *problem;
    gyre_loop *loop;
    const char *who; /* where no task runs */
    bool over;       /* no statement runs any more */
    text trace, scratch;
    record *records, **records_end;
    kept *kept, *async_generators;
    call *calls;
};

/* ---- runner_trace.c ---- */

void *take(runner *r, size_t size); /* zeroed memory that goes with the script */
void drop_memory(runner *r);
void keep(runner *r, void (*release)(void *object), void *object);
void text_add(text *t, const char *format, ...) GYRE_PRINTF(2, 3);
void text_error(text *t, int64_t code, const gyre_error *detail);         /* without the `!` */
const char *format(runner *r, const char *format, ...) GYRE_PRINTF(2, 3); /* goes with the script */
int64_t clock_ms(const runner *r);
/* A line of the trace; the result is "" where there is none. */
void emit(runner *r, unsigned line, const char *name, const char *result);
void emit_number(runner *r, unsigned line, const char *name, int64_t number);
void emit_failure(runner *r, unsigned line, const char *name, const failure *f);
const char *unique_name(runner *r, symbol *s);   /* for the next task or future of a slot */
const char *implicit_name(runner *r, symbol *s); /* for the next task of !CORO */

/* ---- runner_run.c ---- */

call *new_call(const body *b, int64_t argument);
want advance(call *c);            /* runs statements until one waits, or to the end */
void settle(call *c, int64_t rc); /* the wait is over */
int64_t end_call(call *c);        /* the result, as gyre wants it */
int64_t run_plain(call *c);       /* where nothing waits */
gyre_task *spawn(const body *b, int64_t argument, const char *name, bool eager);
gyre_task *spawn_in(gyre_group *group, const body *b, int64_t argument, const char *name);
gyre_generator *new_generator(const body *b, int64_t argument);
gyre_async_generator *new_async_generator(const body *b, int64_t argument);
void release_call(call *c);

int64_t value_of(const call *c, const operand *o);
int64_t encode(int64_t number);
int64_t duration(const call *c, const operand *o); /* ns, or GYRE_FOREVER */
uint64_t moment(int64_t ms);

scope *push_scope(call *c, const node *head, const node *first);
void pop_scope(call *c);

/* What a statement that waits answers. */
want await_begin(call *c, gyre_await (*begin)(call *c),
                 void (*settle)(call *c, const node *n, int64_t rc));
want await_future(call *c, gyre_future *moved, void (*settle)(call *c, const node *n, int64_t rc));

/* The ends of statements: log, and set the accumulator. */
bool failed(call *c, const node *n, int64_t rc); /* true, after logging it, if rc is an error */
want fail(call *c, const node *n, int64_t code);
want done(call *c, const node *n);
want done_number(call *c, const node *n, int64_t number);
want done_none(call *c, const node *n);
want done_word(call *c, const node *n, const char *word);
want done_stop(call *c, const node *n, int64_t value);
want done_value(call *c, const node *n, int64_t value); /* number or none */

void settle_void(call *c, const node *n, int64_t rc);
void settle_number(call *c, const node *n, int64_t rc);
void settle_value(call *c, const node *n, int64_t rc);

/* ---- runner_ops_*.c ---- */

record *new_record(runner *r, gyre_future *moved);   /* in the order of creation */
record *spawn_item(const call *c, const operand *o); /* a task for !CORO */
gyre_future *future_of(const operand *o);            /* borrowed; of a slot or `self` */
/* Ends a statement with the result of a task or future, maybe a list. rec: NULL for a call's. */
want done_record(call *c, const node *n, const record *rec, int64_t value);
int64_t run_callback(const body *b, const char *given, int64_t argument);
int64_t run_until(runner *r, gyre_future *future); /* logs a deadlock */
/* Declares an object: -EINVAL if the kind is none of theirs. */
int64_t declare_queue(runner *r, symbol *s, const char *kind, int64_t size);
int64_t declare_lock(runner *r, symbol *s, const char *kind, int64_t size, symbol *lock);

#endif
