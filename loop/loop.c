/* The event loop: its life from gyre_loop_new to gyre_loop_close; threads, time and chance. */
#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "alloc.h"
#include "error_internal.h"
#include "loop_internal.h"
#include "provided_internal.h"

_Thread_local gyre_loop *gyre__running;
_Thread_local char gyre__thread_mark;
unsigned gyre__fork_generation;

enum { DEFAULT_ENTRIES = 256, MAX_ENTRIES = 32768 };

/* ---- misuse ---- */

void gyre__fatal(const char *format, ...)
{
    va_list args;

    fflush(stdout);
    fputs("gyre: ", stderr);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    abort();
}

int gyre__thread_number(void)
{
    return (int)syscall(SYS_gettid);
}

void gyre__affinity_failure(const gyre_loop *loop, const char *function)
{
    if (loop->generation != gyre__fork_generation)
        gyre__fatal("%s: the loop was made before fork(); the child may only close it", function);
    gyre__fatal("%s: called from thread %d, but the loop belongs to thread %d; "
                "use gyre_call_soon_threadsafe()",
                function, gyre__thread_number(), loop->owner_tid);
}

static void count_fork(void)
{
    gyre__fork_generation++;
    gyre__running = NULL;
    gyre__error_slot = NULL; /* that of a task which does not run on here */
}

static void watch_forks(void)
{
    pthread_atfork(NULL, NULL, count_fork);
}

/* ---- time and chance ---- */

uint64_t gyre__monotonic(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

uint64_t gyre_loop_time(const gyre_loop *loop)
{
    if (loop->is_virtual)
        return loop->virtual_now;
    return loop->now ? loop->now(loop->hook_context) : gyre__monotonic();
}

uint64_t gyre__deadline(const gyre_loop *loop, int64_t delay_ns)
{
    uint64_t now;

    if (delay_ns == GYRE_FOREVER)
        return GYRE__NEVER;
    now = gyre_loop_time(loop);
    if (delay_ns < 0) /* before now, so before what is due now */
        return 0 - (uint64_t)delay_ns < now ? now + (uint64_t)delay_ns : 0; /* unsigned: INT64_MIN too */
    return (uint64_t)delay_ns < GYRE__NEVER - now ? now + (uint64_t)delay_ns : GYRE__NEVER;
}

/* xorshift128+: not for secrets. */
uint64_t gyre_loop_random(gyre_loop *loop)
{
    uint64_t a = loop->random_state[0], b = loop->random_state[1];

    if (loop->random)
        return loop->random(loop->hook_context);
    loop->random_state[0] = b;
    a ^= a << 23;
    loop->random_state[1] = a ^ b ^ (a >> 17) ^ (b >> 26);
    return loop->random_state[1] + b;
}

static void seed_random(gyre_loop *loop)
{
    if (getrandom(loop->random_state, sizeof(loop->random_state), GRND_NONBLOCK) !=
        (ssize_t)sizeof(loop->random_state)) {
        loop->random_state[0] = gyre__monotonic();
        loop->random_state[1] = (uintptr_t)loop;
    }
    loop->random_state[0] |= 1; /* all zero would stay so */
}

/* ---- life ---- */

int64_t gyre_loop_new(const gyre_loop_options *options, gyre_loop **out_loop)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    const gyre_loop_options defaults = {.clock = GYRE_CLOCK_REAL};
    unsigned entries;
    gyre_loop *loop;
    int64_t rc;

    options = options ? options : &defaults;
    entries = options->ring_entries ? options->ring_entries : DEFAULT_ENTRIES;
    if (entries > MAX_ENTRIES || entries & (entries - 1)) {
        gyre__set_error_text("ring_entries must be a power of two up to %d", MAX_ENTRIES);
        return -EINVAL;
    }
    pthread_once(&once, watch_forks);
    loop = gyre_alloc_zeroed(sizeof(*loop));
    if (!loop) {
        gyre__set_error_text("out of memory");
        return -ENOMEM;
    }
    loop->owner = &gyre__thread_mark;
    loop->owner_tid = gyre__thread_number();
    loop->generation = gyre__fork_generation;
    loop->is_virtual = options->clock == GYRE_CLOCK_VIRTUAL;
    loop->now = options->now;
    loop->random = options->random;
    loop->hook_context = options->context;
    loop->debug = options->debug;
    loop->slow_ns = GYRE_MS(100);
    loop->wake_fd = -1;
    gyre__blocks_init(&loop->blocks, options->direct_blocks);
    gyre__timers_init(&loop->timers, gyre_loop_time(loop));
    gyre__list_init(&loop->tasks);
    gyre__list_init(&loop->close_hooks);
    seed_random(loop);
    rc = gyre__backend_init(&loop->backend, entries);
    if (rc == 0) {
        rc = gyre__post_init(loop);
        if (rc < 0)
            gyre__set_error_text("eventfd failed: %s", gyre_strerror(rc));
    }
    if (rc < 0) {
        gyre__backend_fini(&loop->backend);
        gyre_free(loop);
        return rc;
    }
    *out_loop = loop;
    return 0;
}

void gyre__loop_drop_last(gyre_loop *loop)
{
    gyre__blocks_fini(&loop->blocks);
    gyre_free(loop);
}

/* The struct itself goes when the last future or handle does. */
static void release_loop(gyre_loop *loop)
{
    loop->closed = true;
    gyre__loop_keep(loop);
    gyre__loop_drop(loop);
}

/* In a fork's child the ring is the parent's: nothing may be submitted or waited for. */
static int64_t drop_in_child(gyre_loop *loop)
{
    loop->closing = true;
    if (loop->has_run && loop->owner == &gyre__thread_mark)
        gyre__sigpipe_unblock();
    gyre__signals_drop(loop);
    gyre__backend_drop(&loop->backend);
    gyre__provided_fini(loop);
    gyre__post_fini(loop);
    gyre__blocks_fini(&loop->blocks);
    gyre_free(loop);
    return 0;
}

/* Drops what is queued: every node knows that the loop is closing and only lets go. */
void gyre__drain_ready(gyre_loop *loop)
{
    while (loop->ready.head) {
        gyre__node *node = gyre__ready_pop(&loop->ready);

        node->run(node);
    }
}

static void drop_timers(gyre_loop *loop)
{
    gyre__timer *timer;

    while ((timer = gyre__timers_pop(&loop->timers, GYRE__NEVER)) != NULL)
        timer->node.run(&timer->node);
}

static void call_close_hooks(gyre_loop *loop)
{
    while (!gyre__list_empty(&loop->close_hooks)) {
        gyre__close_hook *hook = GYRE__CONTAINER(loop->close_hooks.prev, gyre__close_hook, link);

        gyre__list_remove(&hook->link);
        hook->close(loop, hook);
    }
}

/* Waits for the completion of everything the kernel has; asks again in case the queue was full. */
static void finish_operations(gyre_loop *loop)
{
    while (loop->backend.in_flight) {
        gyre__op_cancel(&loop->wake_op); /* kernels before 5.19 cannot cancel all at once */
        gyre__backend_cancel_all(loop);
        gyre__backend_poll(loop, GYRE_SECONDS(1));
        gyre__drain_ready(loop);
    }
}

int64_t gyre_loop_close(gyre_loop *loop)
{
    gyre_loop *outer = gyre__running; /* another loop may be running around this call */
    gyre_error **outer_slot = gyre__error_slot;

    if (!loop)
        return 0;
    if (loop->generation != gyre__fork_generation)
        return drop_in_child(loop);
    gyre__check_thread(loop, __func__);
    if (loop->closed)
        return 0;
    if (loop->running || loop->closing)
        return GYRE_ELOOPRUNNING;
    gyre__backend_enable(&loop->backend);
    loop->closing = true;
    gyre__running = loop;
    gyre__error_slot = NULL;
    if (loop->unwind)
        loop->unwind(loop);
    call_close_hooks(loop);
    gyre__drain_ready(loop);
    finish_operations(loop);
    gyre__drain_ready(loop);
    drop_timers(loop);
    gyre__post_take(loop);
    gyre__drain_ready(loop);
    gyre__running = outer;
    gyre__signals_fini(loop);
    gyre__backend_fini(&loop->backend);
    if (loop->has_run)
        gyre__sigpipe_unblock();
    gyre__provided_fini(loop);
    gyre__post_fini(loop);
    gyre_context_unref(loop->context);
    loop->context = NULL;
    gyre_error_clear();
    gyre__error_slot = outer_slot;
    release_loop(loop);
    return 0;
}

/* ---- what can be asked and set ---- */

bool gyre_loop_is_running(const gyre_loop *loop)
{
    return loop->running;
}

bool gyre_loop_is_closed(const gyre_loop *loop)
{
    return loop->closed;
}

gyre_loop *gyre_loop_current(void)
{
    return gyre__running;
}

void gyre_loop_hold(gyre_loop *loop)
{
    gyre__check_thread(loop, __func__);
    loop->holds++;
}

void gyre_loop_release(gyre_loop *loop)
{
    gyre__check_thread(loop, __func__);
    if (!loop->holds)
        gyre__fatal("gyre_loop_release: more releases than holds");
    loop->holds--;
}

void gyre_loop_set_debug(gyre_loop *loop, bool debug)
{
    loop->debug = debug;
}

bool gyre_loop_get_debug(const gyre_loop *loop)
{
    return loop->debug;
}

void gyre_loop_set_slow_callback_duration(gyre_loop *loop, int64_t ns)
{
    loop->slow_ns = ns;
}

void gyre__loop_set_seam(gyre_loop *loop, const gyre__seam *seam)
{
    loop->seam = seam;
}

void gyre_loop_get_stats(const gyre_loop *loop, gyre_loop_stats *out_stats)
{
    *out_stats = (gyre_loop_stats){
        .iterations = loop->iterations,
        .enters = loop->backend.enters,
        .submit_full = loop->backend.full,
        .cq_overflows = loop->backend.overflows,
        .timers = loop->timers.count,
        .tasks = loop->task_count,
        .operations = loop->backend.in_flight - loop->backend.internal,
        .ring_mode = loop->backend.mode,
    };
}
