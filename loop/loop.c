/* The event loop: life, one iteration as a list of phases, and the ways to run it. */
#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "alloc.h"
#include "loop_internal.h"

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

static int thread_number(void)
{
    return (int)syscall(SYS_gettid);
}

void gyre__affinity_failure(const gyre_loop *loop, const char *function)
{
    if (loop->generation != gyre__fork_generation)
        gyre__fatal("%s: the loop was made before fork(); the child may only close it", function);
    gyre__fatal("%s: called from thread %d, but the loop belongs to thread %d; "
                "use gyre_call_soon_threadsafe()",
                function, thread_number(), loop->owner_tid);
}

static void count_fork(void)
{
    gyre__fork_generation++;
    gyre__running = NULL;
}

static void watch_forks(void)
{
    pthread_atfork(NULL, NULL, count_fork);
}

/* ---- time and chance ---- */

static uint64_t monotonic(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

uint64_t gyre_loop_time(const gyre_loop *loop)
{
    if (loop->is_virtual)
        return loop->virtual_now;
    return loop->now ? loop->now(loop->hook_context) : monotonic();
}

uint64_t gyre__deadline(const gyre_loop *loop, int64_t delay_ns)
{
    uint64_t now;

    if (delay_ns == GYRE_FOREVER)
        return GYRE__NEVER;
    now = gyre_loop_time(loop);
    if (delay_ns < 0) /* before now, so before what is due now */
        return (uint64_t)-delay_ns < now ? now - (uint64_t)-delay_ns : 0;
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
        loop->random_state[0] = monotonic();
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
    loop->owner_tid = thread_number();
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
    gyre__backend_drop(&loop->backend);
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
        gyre__backend_cancel_all(loop);
        gyre__backend_poll(loop, GYRE_SECONDS(1));
        gyre__drain_ready(loop);
    }
}

int64_t gyre_loop_close(gyre_loop *loop)
{
    if (!loop)
        return 0;
    if (loop->generation != gyre__fork_generation)
        return drop_in_child(loop);
    gyre__check_thread(loop, __func__);
    if (loop->running)
        return GYRE_ELOOPRUNNING;
    gyre__backend_enable(&loop->backend);
    loop->closing = true;
    gyre__running = loop;
    if (loop->unwind)
        loop->unwind(loop);
    call_close_hooks(loop);
    gyre__drain_ready(loop);
    finish_operations(loop);
    gyre__drain_ready(loop);
    drop_timers(loop);
    gyre__drain_ready(loop);
    gyre__running = NULL;
    gyre__signals_fini(loop);
    gyre__backend_fini(&loop->backend);
    gyre__post_fini(loop);
    gyre_context_unref(loop->context);
    loop->context = NULL;
    gyre_error_clear();
    release_loop(loop);
    return 0;
}

/* ---- one iteration ---- */

/* Everything that could wake the loop, apart from what is ready and the timers. */
static bool waits_for_outside(const gyre_loop *loop)
{
    return loop->backend.in_flight > loop->backend.internal || loop->holds;
}

/* Threads of this process; posts can come from another one only. */
static bool has_other_threads(void)
{
    struct stat info;

    return stat("/proc/self/task", &info) < 0 || info.st_nlink > 3;
}

/* True if nothing can ever happen again. Looked at only when the loop would sleep without a limit. */
static bool deadlocked(gyre_loop *loop)
{
    if (waits_for_outside(loop) || gyre__post_waiting(loop))
        return false;
    return loop->is_virtual || (!loop->signals && !has_other_threads());
}

/* The virtual clock moves to the next timer, but only when nothing from outside may come before. */
static bool jump(gyre_loop *loop)
{
    uint64_t next;
    bool exact;

    while ((next = gyre__timers_next(&loop->timers, &exact)), !exact)
        gyre__timers_sort(&loop->timers, next);
    if (next == GYRE__NEVER)
        return false;
    if (next > loop->virtual_now)
        loop->virtual_now = next;
    return true;
}

/* How long phase 2 may wait: 0 when anything is ready, else until the next timer. */
static int64_t choose_timeout(gyre_loop *loop, uint64_t limit_ns, uint64_t *out_timeout)
{
    uint64_t next, now;
    bool exact;

    *out_timeout = 0;
    if (loop->ready.head || loop->stopping || limit_ns == 0)
        return 0;
    if (loop->is_virtual && !waits_for_outside(loop) && !gyre__post_waiting(loop)) {
        if (jump(loop))
            return 0;
    } else {
        next = loop->is_virtual ? GYRE__NEVER : gyre__timers_next(&loop->timers, &exact);
        if (next != GYRE__NEVER) {
            now = gyre_loop_time(loop);
            *out_timeout = next > now ? next - now : 0;
            if (*out_timeout > limit_ns)
                *out_timeout = limit_ns;
            return 0;
        }
    }
    *out_timeout = limit_ns;
    return limit_ns == GYRE__NEVER && deadlocked(loop) ? GYRE_EDEADLOCK : 0;
}

static void phase_wait(gyre_loop *loop, uint64_t timeout)
{
    if (timeout) {
        gyre__post_arm(loop);
        atomic_store(&loop->asleep, true);
        if (gyre__post_waiting(loop))
            timeout = 0;
    }
    gyre__backend_poll(loop, timeout);
    if (timeout) {
        atomic_store_explicit(&loop->asleep, false, memory_order_relaxed);
        gyre__post_take(loop);
    }
}

static void phase_timers(gyre_loop *loop)
{
    gyre__timer *timer;
    uint64_t now;

    if (!loop->timers.count)
        return;
    now = gyre_loop_time(loop);
    while ((timer = gyre__timers_pop(&loop->timers, now)) != NULL)
        gyre__ready_push(&loop->ready, &timer->node);
}

static void run_slow(gyre_loop *loop, gyre__node *node)
{
    uint64_t start = monotonic(), taken;

    node->run(node);
    taken = monotonic() - start;
    if ((int64_t)taken >= loop->slow_ns) {
        char message[96];

        snprintf(message, sizeof(message), "a callback or task step took %.3f s", (double)taken / 1e9);
        gyre_loop_call_exception_handler(loop, &(gyre_exception_context){.message = message});
    }
}

static bool phase_run(gyre_loop *loop)
{
    gyre__node *node, *last = loop->ready.tail;

    if (!loop->ready.head)
        return false;
    do {
        node = gyre__ready_pop(&loop->ready);
        if (loop->ready.head)
            __builtin_prefetch(loop->ready.head->next);
        if (__builtin_expect(loop->debug, 0))
            run_slow(loop, node);
        else
            node->run(node);
    } while (node != last);
    return true;
}

int64_t gyre__iterate(gyre_loop *loop, uint64_t limit_ns)
{
    uint64_t timeout;
    int64_t rc;

    loop->iterations++;
    gyre__post_take(loop);
    rc = choose_timeout(loop, limit_ns, &timeout);
    if (rc < 0)
        return rc;
    phase_wait(loop, timeout);
    phase_timers(loop);
    return phase_run(loop);
}

/* ---- runs ---- */

/* A loop made in one thread may first run in another, to which it then belongs. */
int64_t gyre__loop_adopt(gyre_loop *loop)
{
    if (!loop->has_run && loop->generation == gyre__fork_generation) {
        loop->owner = &gyre__thread_mark;
        loop->owner_tid = thread_number();
    }
    gyre__check_thread(loop, "gyre_loop_run");
    if (loop->closing)
        return GYRE_ELOOPCLOSED;
    return loop->running || gyre__running ? GYRE_ELOOPRUNNING : 0;
}

static int64_t enter(gyre_loop *loop)
{
    int64_t rc = gyre__loop_adopt(loop);

    if (rc < 0)
        return rc;
    loop->has_run = true;
    rc = gyre__backend_enable(&loop->backend);
    if (rc < 0)
        return rc;
    loop->running = true;
    gyre__running = loop;
    return 0;
}

static void leave(gyre_loop *loop)
{
    loop->running = false;
    loop->stopping = false;
    gyre__running = NULL;
}

int64_t gyre_loop_run(gyre_loop *loop)
{
    int64_t rc = enter(loop);

    if (rc < 0)
        return rc;
    do
        rc = gyre__iterate(loop, GYRE__NEVER);
    while (rc >= 0 && !loop->stopping);
    leave(loop);
    return rc == GYRE_EDEADLOCK ? gyre__report_deadlock(loop) : rc < 0 ? rc : 0;
}

int64_t gyre_loop_run_once(gyre_loop *loop, int64_t timeout_ns)
{
    int64_t rc = enter(loop);

    if (rc < 0)
        return rc;
    if (timeout_ns < 0)
        timeout_ns = 0;
    rc = gyre__iterate(loop, timeout_ns == GYRE_FOREVER ? GYRE__NEVER : (uint64_t)timeout_ns);
    leave(loop);
    return rc;
}

void gyre_loop_stop(gyre_loop *loop)
{
    gyre__check_thread(loop, __func__);
    loop->stopping = true;
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
