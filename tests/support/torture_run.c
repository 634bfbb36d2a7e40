/*
 * One run of a torture scenario: allocator, park hook and seam that fail the k-th, and the checks
 * after.
 */
#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../loop/alloc.h"
#include "../../loop/loop_internal.h"
#include "../../task/inspect.h"
#include "../../task/run.h"
#include "../../task/task_internal.h"
#include "torture_internal.h"

enum {
    MOST_ITERATIONS = 200000,
    RUN_SECONDS = 20, /* then a run is taken to hang */
    WAIT_SECONDS = 2, /* without anything happening */
    HOLD = 3,         /* iterations for which a completion is held back */
    MOST_OPS = 256,   /* whose verbs are remembered at a time */
};

/* In front of every block of gyre's. */
struct block {
    struct block *next, *prev;
    size_t size;
    unsigned number; /* of the allocation */
};
_Static_assert(sizeof(struct block) % 16 == 0, "blocks stay aligned");

/* The run that is under way in this process. */
static struct {
    torture_run *run;
    gyre_loop *loop;
    gyre_task *main;
    struct block blocks;
    pthread_mutex_t lock; /* around allocations: scenarios may have threads */
    bool exempt;          /* the harness itself allocates */
    bool live;            /* the run has begun and not ended */
    bool set_up;          /* the scenario's setup was called */
    gyre__op *held;       /* its end is held back */
    unsigned held_for;
    struct {
        const gyre__op *op;
        uint8_t verb;
    } ops[MOST_OPS];
} now = {.lock = PTHREAD_MUTEX_INITIALIZER};

torture_mode torture_current_mode(void)
{
    return now.run->mode;
}

unsigned torture_current_k(void)
{
    return now.run->k;
}

bool torture_injected(void)
{
    return now.run->injected;
}

GYRE_PRINTF(1, 2) static void problem(const char *format, ...)
{
    size_t used = strlen(now.run->problem);
    va_list args;

    if (used + 3 >= sizeof(now.run->problem))
        return;
    if (used)
        used += (size_t)snprintf(now.run->problem + used, sizeof(now.run->problem) - used, "; ");
    va_start(args, format);
    vsnprintf(now.run->problem + used, sizeof(now.run->problem) - used, format, args);
    va_end(args);
}

/* True for the count that is to fail. */
static bool is_due(torture_mode mode, unsigned count)
{
    if (now.run->mode != mode || count != now.run->k)
        return false;
    now.run->injected = true;
    return true;
}

/* ---- allocations ---- */

static bool refuse(void)
{
    unsigned number;

    if (now.exempt)
        return false;
    number = ++now.run->allocations;
    if (now.run->mode == TORTURE_ALLOC_REST && number > now.run->k)
        return true;
    return is_due(TORTURE_ALLOC_ONE, number) || is_due(TORTURE_ALLOC_REST, number);
}

bool torture__refuse(void)
{
    bool refused;

    pthread_mutex_lock(&now.lock);
    refused = now.live && refuse();
    pthread_mutex_unlock(&now.lock);
    return refused;
}

bool torture__refuses_all(void)
{
    return now.live && !now.exempt && now.run->mode == TORTURE_ALLOC_REST && now.run->injected;
}

static void link_block(struct block *block)
{
    block->next = now.blocks.next;
    block->prev = &now.blocks;
    block->next->prev = block->prev->next = block;
}

static void *count_alloc(void *context, size_t size)
{
    struct block *block = NULL;

    (void)context;
    pthread_mutex_lock(&now.lock);
    if (!refuse() && (block = malloc(sizeof(*block) + size)) != NULL) {
        block->size = size;
        block->number = now.run->allocations;
        link_block(block);
        memset(block + 1, 0xa5, size);
    }
    pthread_mutex_unlock(&now.lock);
    return block ? block + 1 : NULL;
}

static void count_release(void *context, void *memory)
{
    struct block *block = (struct block *)memory - 1;

    (void)context;
    pthread_mutex_lock(&now.lock);
    block->prev->next = block->next;
    block->next->prev = block->prev;
    pthread_mutex_unlock(&now.lock);
    memset(block, 0x5a, sizeof(*block) + block->size);
    free(block);
}

static void *count_resize(void *context, void *memory, size_t size)
{
    void *moved = count_alloc(context, size);

    if (moved && memory) {
        size_t old = ((struct block *)memory - 1)->size;

        memcpy(moved, memory, old < size ? old : size);
        count_release(context, memory);
    }
    return moved;
}

static void check_blocks(void)
{
    unsigned count = 0;
    size_t bytes = 0;

    for (struct block *block = now.blocks.next; block != &now.blocks; block = block->next) {
        if (++count <= 4)
            problem("leak: %zu bytes of allocation %u", block->size, block->number);
        bytes += block->size;
    }
    if (count)
        problem("%u blocks, %zu bytes left", count, bytes);
}

/* ---- parks ---- */

static void at_park(gyre_loop *loop, gyre_task *task, void *arg)
{
    unsigned count = ++now.run->parks;

    (void)loop;
    (void)arg;
    if (is_due(TORTURE_CANCEL_MAIN, count))
        gyre_task_cancel(now.main ? now.main : task);
    if (is_due(TORTURE_CANCEL_PARKED, count) || is_due(TORTURE_CANCEL_TWICE, count) ||
        (now.run->mode == TORTURE_CANCEL_TWICE && count == now.run->k + 1))
        gyre_task_cancel(task);
}

/* ---- operations ---- */

static size_t find_op(const gyre__op *op)
{
    for (size_t i = 0; i < MOST_OPS; i++)
        if (now.ops[i].op == op)
            return i;
    return MOST_OPS;
}

static void remember(const gyre__op *op, uint8_t verb)
{
    size_t at = find_op(op);

    if (at == MOST_OPS)
        at = find_op(NULL);
    if (at == MOST_OPS)
        return;
    now.ops[at].op = op;
    now.ops[at].verb = verb;
}

static uint8_t forget(const gyre__op *op)
{
    size_t at = find_op(op);

    if (at == MOST_OPS)
        return GYRE__OP_COUNT;
    now.ops[at].op = NULL;
    return now.ops[at].verb;
}

static bool can_be_short(const gyre__request *request)
{
    switch (request->verb) {
    case GYRE__OP_READ:
    case GYRE__OP_WRITE:
    case GYRE__OP_RECV:
    case GYRE__OP_SEND:
    case GYRE__OP_READV: /* one buffer in place of several */
    case GYRE__OP_WRITEV:
    case GYRE__OP_SPLICE:
        return request->length > 1 && !request->select;
    default:
        return false;
    }
}

static int64_t at_start(void *context, gyre__op *op, gyre__request *request)
{
    (void)context;
    if (request->verb != GYRE__OP_CLOSE && is_due(TORTURE_REFUSED, now.run->starts + 1)) {
        now.run->starts++;
        return -EBUSY;
    }
    if (now.run->mode != TORTURE_SHORT) {
        now.run->starts += request->verb != GYRE__OP_CLOSE;
    } else if (can_be_short(request)) {
        if (is_due(TORTURE_SHORT, ++now.run->starts))
            request->length = 1;
    }
    remember(op, request->verb);
    return 0;
}

/* A result that owns something is let go of before it is replaced. */
static void at_completion(void *context, gyre__op *op, int32_t *res, uint32_t *flags)
{
    bool gives_fd;
    uint8_t verb;
    unsigned count;

    (void)context;
    if (*flags & IORING_CQE_F_MORE)
        return; /* the operation lives on: only its end may say that it failed */
    verb = forget(op);
    gives_fd = verb == GYRE__OP_ACCEPT || verb == GYRE__OP_OPENAT || verb == GYRE__OP_OPENAT2 ||
               verb == GYRE__OP_SOCKET;
    count = ++now.run->completions;
    if (!is_due(TORTURE_EIO, count) && !is_due(TORTURE_ECANCELED, count))
        return;
    if (gives_fd && *res >= 0)
        close(*res);
    *res = now.run->mode == TORTURE_EIO ? -EIO : -ECANCELED;
}

static bool at_end(void *context, gyre__op *op)
{
    (void)context;
    /* While the main task runs: afterwards nobody would let go of it. */
    if (!now.main || gyre_task_done(now.main) || !is_due(TORTURE_LATE, now.run->completions))
        return false;
    now.held = op;
    now.held_for = 0;
    return true;
}

static void deliver_held(void)
{
    gyre__op *op = now.held;

    now.held = NULL;
    if (op)
        gyre__op_deliver(op);
}

static const gyre__seam seam = {.start = at_start, .complete = at_completion, .hold = at_end};

/* ---- the run ---- */

static void at_report(gyre_loop *loop, const gyre_exception_context *context, void *arg)
{
    (void)loop;
    (void)arg;
    now.run->reports++;
    if (getenv("TORTURE_VERBOSE"))
        fprintf(stderr, "report: %s: %s %s\n", context->message, gyre_err_name(context->code),
                gyre_error_text(context->detail));
}

static unsigned open_descriptors(void)
{
    DIR *folder = opendir("/proc/self/fd");
    unsigned count = 0;

    while (folder && readdir(folder))
        count++;
    if (folder)
        closedir(folder);
    return count;
}

/* One iteration; false when the scenario is stuck. */
static bool iterate(gyre_loop *loop)
{
    bool outside = loop->backend.in_flight > loop->backend.internal || loop->holds;
    uint64_t start = gyre__monotonic();
    int64_t rc;

    if (now.held) {
        if (now.held_for++ == HOLD)
            deliver_held();
        gyre_loop_run_once(loop, 0);
        return true;
    }
    if (loop->is_virtual && !outside) {
        rc = gyre_loop_run_once(loop, GYRE_FOREVER);
        return rc >= 0;
    }
    rc = gyre_loop_run_once(loop, GYRE_SECONDS(WAIT_SECONDS));
    return rc > 0 || gyre__monotonic() - start < (uint64_t)GYRE_SECONDS(WAIT_SECONDS) * 9 / 10;
}

static void drive(const torture_scenario *scenario)
{
    torture_run *run = now.run;

    while (!gyre_task_done(now.main)) {
        if (run->mode == TORTURE_CLOSE && run->iterations == run->k) {
            run->injected = true;
            return;
        }
        if (++run->iterations > MOST_ITERATIONS) {
            problem("no end after %d iterations", MOST_ITERATIONS);
            return;
        }
        if (!iterate(now.loop)) {
            run->deadlock = true;
            if (run->mode == TORTURE_PLAIN || !(scenario->flags & TORTURE_MAY_DEADLOCK)) {
                problem("deadlock: the main task waits and nothing can wake it");
                if (getenv("TORTURE_VERBOSE"))
                    gyre_loop_dump(now.loop, stderr);
            }
            return;
        }
    }
}

/*
 * What was given up without waiting (aborted streams, closed servers) must end by itself, and soon.
 */
static void await_operations(void)
{
    gyre_loop_stats stats;

    for (int i = 0; i < 100; i++) {
        gyre_loop_get_stats(now.loop, &stats);
        if (!stats.operations)
            return;
        gyre_loop_run_once(now.loop, GYRE_MS(10));
    }
    problem("%zu operations in flight after the last task", stats.operations);
}

/* The end of gyre_run(): everything that is left is cancelled and waited for. */
static void tidy_up(const torture_scenario *scenario)
{
    int64_t rc;

    now.run->result = gyre_task_result(now.main);
    if (scenario->check && !scenario->check(now.run->mode, now.run->result))
        problem("check failed, result %lld", (long long)now.run->result);
    deliver_held();
    rc = gyre_loop_cancel_all_tasks(now.loop);
    if (rc >= 0)
        await_operations();
}

static void run_main(const torture_scenario *scenario)
{
    now.main = gyre__spawn(&(gyre_spawn_options){.loop = now.loop}, scenario->coro, scenario->args,
                           __FILE__, __LINE__);
    if (!now.main) {
        if (!now.run->injected)
            problem("the main task could not be spawned");
        return;
    }
    drive(scenario);
    if (gyre_task_done(now.main))
        tidy_up(scenario);
}

/* Closes; a future keeps the struct, so that one can look at what is left. */
static void close_loop(void)
{
    gyre_future *anchor;

    deliver_held();
    now.exempt = true;
    anchor = gyre_future_new(now.loop);
    now.exempt = false;
    if (gyre_loop_close(now.loop) < 0)
        problem("gyre_loop_close refused");
    if (now.loop->backend.in_flight)
        problem("%zu operations in flight after close", now.loop->backend.in_flight);
    if (now.loop->task_count)
        problem("%zu tasks left after close", now.loop->task_count);
    if (now.loop->timers.count)
        problem("%zu timers left after close", now.loop->timers.count);
    if (now.loop->ready.head)
        problem("handles left after close");
    gyre_future_unref(anchor);
}

static void run_loop(const torture_scenario *scenario)
{
    const gyre_loop_options options = {
        .clock = scenario->flags & TORTURE_REAL_CLOCK ? GYRE_CLOCK_REAL : GYRE_CLOCK_VIRTUAL,
        .ring_entries = 8,
        .direct_blocks = true,
    };
    int64_t rc = gyre_loop_new(&options, &now.loop);

    if (rc < 0) {
        if (rc != -ENOMEM || !now.run->injected)
            problem("gyre_loop_new: %s (%s)", gyre_err_name(rc), gyre_loop_error_text());
        return;
    }
    now.loop->park_hook = at_park;
    gyre_loop_set_exception_handler(now.loop, at_report, NULL);
    gyre__loop_set_seam(now.loop, &seam);
    now.set_up = true;
    rc = scenario->setup ? scenario->setup(now.loop) : 0;
    if (rc >= 0)
        run_main(scenario);
    else if (!now.run->injected)
        problem("setup: %s", gyre_err_name(rc));
    close_loop();
    gyre_task_unref(now.main);
    gyre_error_clear();
}

static void check_plain(const torture_scenario *scenario)
{
    if (now.run->result != scenario->expect)
        problem("result %lld (%s), expected %lld", (long long)now.run->result,
                gyre_err_name(now.run->result), (long long)scenario->expect);
    if (now.run->reports && !(scenario->flags & TORTURE_MAY_REPORT))
        problem("%u calls of the exception handler", now.run->reports);
}

void torture_run_once(const torture_scenario *scenario, torture_run *run)
{
    const gyre_allocator counting = {count_alloc, count_resize, count_release, NULL};
    unsigned before = open_descriptors();

    *run = (torture_run){.mode = run->mode, .k = run->k};
    now.run = run;
    now.main = NULL;
    now.set_up = false;
    now.blocks.next = now.blocks.prev = &now.blocks;
    memset(now.ops, 0, sizeof(now.ops));
    gyre_set_allocator(&counting);
    torture__openssl_starts();
    alarm(RUN_SECONDS);
    now.live = true;
    run_loop(scenario);
    if (scenario->teardown && now.set_up)
        scenario->teardown();
    now.live = false;
    alarm(0);
    gyre_set_allocator(NULL);
    check_blocks();
    if (open_descriptors() != before)
        problem("%u descriptors, %u before", open_descriptors(), before);
    if (run->mode == TORTURE_PLAIN)
        check_plain(scenario);
}
