/*
 * The master of workers: starts them, passes signals on, restarts what crashes, replaces one
 * after another, ends.
 */
#include "workers.h"

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "../loop/alloc.h"
#include "workers_internal.h"

enum { MOST_WORKERS = 1024, DEFAULT_RESTARTS = 16, LOOK_MS = 200 };

/* ---- telling ---- */

static void print_event(const gyre_workers_event *event)
{
    if (event->kind == GYRE_WORKERS_CRASHED)
        fprintf(stderr, "worker %u (%d) crashed: %s\n", event->index, (int)event->pid, event->text);
    else if (event->kind == GYRE_WORKERS_KILLED)
        fprintf(stderr, "worker %u (%d) did not end in time and was killed\n", event->index,
                (int)event->pid);
}

static void tell(const gyre__workers_master *master, const gyre_workers_event *event)
{
    if (master->options.on_event)
        master->options.on_event(event, master->options.arg);
    else
        print_event(event);
}

static void tell_of(const gyre__workers_master *master, gyre_workers_event_kind kind,
                    const struct gyre__workers_one *one)
{
    tell(master,
         &(gyre_workers_event){
             .kind = kind, .index = one->index, .pid = one->pid, .text = "", .restart_ns = -1});
}

/* ---- starting and ending workers ---- */

static uint64_t after(int64_t delay_ns)
{
    return delay_ns == GYRE_FOREVER ? UINT64_MAX : gyre__monotonic() + (uint64_t)delay_ns;
}

static int64_t start(gyre__workers_master *master, struct gyre__workers_one *one, unsigned index)
{
    int64_t rc = gyre__workers_start(master, index, one);

    if (rc >= 0)
        tell_of(master, GYRE_WORKERS_STARTED, one);
    return rc;
}

static void ask(const gyre__workers_master *master, struct gyre__workers_one *one)
{
    if (!one->alive || one->told)
        return;
    one->told = true;
    one->kill_at = after(master->options.grace_ns);
    gyre__workers_ask(one);
}

static void kill_one(gyre__workers_master *master, struct gyre__workers_one *one)
{
    if (!one->alive || one->killed || one->thread)
        return;
    one->killed = one->told = true;
    gyre__workers_signal(one, SIGKILL);
    master->killed++;
    tell_of(master, GYRE_WORKERS_KILLED, one);
}

/* Every worker that may be alive. */
static void each(gyre__workers_master *master,
                 void (*visit)(gyre__workers_master *master, struct gyre__workers_one *one))
{
    for (unsigned i = 0; i < master->count; i++) {
        visit(master, &master->slots[i].current);
        visit(master, &master->slots[i].fresh);
    }
}

static void ask_any(gyre__workers_master *master, struct gyre__workers_one *one)
{
    ask(master, one);
}

static void stop_all(gyre__workers_master *master)
{
    master->stopping = true;
    master->roll = -1;
    for (unsigned i = 0; i < master->count; i++)
        master->slots[i].restart_at = 0;
    each(master, ask_any);
}

static void give_up(gyre__workers_master *master, int64_t code, const char *text)
{
    if (master->failure)
        return;
    master->failure = code;
    master->detail = gyre_error_newf(code, "a worker crashed again and again: %s", text);
    stop_all(master);
}

/* A restart later, the later the more it crashes; at some point no more. */
static void crashed(gyre__workers_master *master, struct gyre__workers_slot *slot,
                    const struct gyre__workers_one *one)
{
    const gyre_workers_options *options = &master->options;
    gyre_workers_event event = {.kind = GYRE_WORKERS_CRASHED,
                                .index = one->index,
                                .pid = one->pid,
                                .error = one->note.value,
                                .text = one->note.text,
                                .restart_ns = -1};

    if (gyre__monotonic() - one->started_at >= (uint64_t)options->most_backoff_ns) {
        slot->restarts = 0;
        slot->backoff = options->backoff_ns;
    }
    if (!master->stopping && ++slot->restarts <= options->most_restarts) {
        event.restart_ns = slot->backoff;
        slot->restart_at = after(slot->backoff);
        slot->backoff = slot->backoff < options->most_backoff_ns / 2 ? 2 * slot->backoff
                                                                     : options->most_backoff_ns;
    }
    tell(master, &event);
    if (!master->stopping && event.restart_ns < 0)
        give_up(master, one->note.value, one->note.text);
}

static void end_roll(gyre__workers_master *master, unsigned index, int64_t error)
{
    master->roll = master->roll_again ? 0 : -1;
    master->roll_again = false;
    tell(master, &(gyre_workers_event){.kind = GYRE_WORKERS_ROLLED,
                                       .index = index,
                                       .pid = getpid(),
                                       .error = error,
                                       .text = error ? gyre_strerror(error) : "",
                                       .restart_ns = -1});
}

/* The one that was to take over has ended: the old one stays. */
static void fresh_ended(gyre__workers_master *master, struct gyre__workers_slot *slot)
{
    struct gyre__workers_one *one = &slot->fresh;
    int64_t error = one->note.value < 0 ? one->note.value : GYRE_EWORKERDIED;

    tell(master, &(gyre_workers_event){.kind = one->told ? GYRE_WORKERS_DONE : GYRE_WORKERS_CRASHED,
                                       .index = one->index,
                                       .pid = one->pid,
                                       .error = one->told ? 0 : error,
                                       .text = one->note.text,
                                       .restart_ns = -1});
    if (master->roll >= 0)
        end_roll(master, one->index, error);
}

static void look_at_fresh(gyre__workers_master *master, struct gyre__workers_slot *slot)
{
    bool was_ready = slot->fresh.ready, failed;

    if (!slot->fresh.alive)
        return;
    if (gyre__workers_look(&slot->fresh, &failed))
        fresh_ended(master, slot);
    else if (slot->fresh.ready && !was_ready)
        tell_of(master, GYRE_WORKERS_READY, &slot->fresh);
}

static void look_at_current(gyre__workers_master *master, struct gyre__workers_slot *slot)
{
    struct gyre__workers_one *one = &slot->current;
    bool was_ready = one->ready, failed;

    if (!one->alive)
        return;
    if (!gyre__workers_look(one, &failed)) {
        if (one->ready && !was_ready)
            tell_of(master, GYRE_WORKERS_READY, one);
        return;
    }
    if (failed && !one->told && !slot->fresh.alive)
        crashed(master, slot, one);
    else
        tell_of(master, GYRE_WORKERS_DONE, one);
    if (slot->fresh.alive && master->roll >= 0) { /* also where the old one went before its time */
        slot->current = slot->fresh;
        slot->fresh.alive = false;
        master->roll++;
    } else if (one->told && !master->stopping) { /* for a new one that is gone already */
        slot->restart_at = after(slot->backoff);
    }
}

/* ---- what is to be done ---- */

static void advance_roll(gyre__workers_master *master)
{
    while (master->roll >= 0 && !master->stopping) {
        struct gyre__workers_slot *slot;
        int64_t rc;

        if ((unsigned)master->roll == master->count) {
            end_roll(master, master->count - 1, 0);
            continue;
        }
        slot = &master->slots[master->roll];
        if (slot->fresh.alive) {
            if (slot->fresh.ready || !master->options.wait_ready)
                ask(master, &slot->current);
            return;
        }
        if (!slot->current.alive) { /* done, or about to be restarted anyway */
            master->roll++;
            continue;
        }
        rc = start(master, &slot->fresh, (unsigned)master->roll);
        if (rc < 0)
            end_roll(master, (unsigned)master->roll, rc);
    }
}

static void kill_if_due(gyre__workers_master *master, struct gyre__workers_one *one)
{
    if (one->alive && one->told && gyre__monotonic() >= one->kill_at)
        kill_one(master, one);
}

static void do_what_is_due(gyre__workers_master *master)
{
    uint64_t now = gyre__monotonic();

    each(master, kill_if_due);
    for (unsigned i = 0; i < master->count; i++) {
        struct gyre__workers_slot *slot = &master->slots[i];

        if (slot->fresh.alive && master->options.wait_ready && !slot->fresh.ready &&
            now - slot->fresh.started_at >= (uint64_t)master->options.grace_ns)
            ask(master, &slot->fresh); /* not ready in all that time: it will not be */
        if (!slot->restart_at || now < slot->restart_at)
            continue;
        slot->restart_at = 0;
        if (start(master, &slot->current, i) < 0) {
            slot->current.note =
                (struct gyre__workers_note){.value = -EAGAIN, .text = "cannot be started"};
            crashed(master, slot, &slot->current);
        }
    }
}

static void pass_on(gyre__workers_master *master, int number)
{
    for (unsigned i = 0; i < master->count; i++) {
        struct gyre__workers_slot *slot = &master->slots[i];

        if (slot->current.alive && !slot->current.thread)
            gyre__workers_signal(&slot->current, number);
        if (slot->fresh.alive && !slot->fresh.thread)
            gyre__workers_signal(&slot->fresh, number);
    }
}

static void take_signals(gyre__workers_master *master)
{
    struct signalfd_siginfo info;

    while (read(master->signals, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
        switch (info.ssi_signo) {
        case SIGUSR1:
        case SIGUSR2:
            pass_on(master, (int)info.ssi_signo);
            break;
        case SIGHUP:
            if (master->roll >= 0)
                master->roll_again = true;
            else if (!master->stopping)
                master->roll = 0;
            break;
        default:
            if (master->stopping)
                each(master, kill_one);
            else
                stop_all(master);
        }
    }
}

/* ---- waiting ---- */

static bool is_anything_left(const gyre__workers_master *master)
{
    for (unsigned i = 0; i < master->count; i++) {
        const struct gyre__workers_slot *slot = &master->slots[i];

        if (slot->current.alive || slot->fresh.alive || slot->restart_at)
            return true;
    }
    return false;
}

static uint64_t sooner(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* When something is due, and the descriptors that may tell of something before. */
static uint64_t prepare_wait(const gyre__workers_master *master, nfds_t *out_count)
{
    uint64_t due = UINT64_MAX;
    nfds_t count = 0;

    master->fds[count++] = (struct pollfd){.fd = master->signals, .events = POLLIN};
    for (unsigned i = 0; i < 2 * master->count; i++) {
        const struct gyre__workers_slot *slot = &master->slots[i / 2];
        const struct gyre__workers_one *one = i % 2 ? &slot->fresh : &slot->current;

        if (slot->restart_at)
            due = sooner(due, slot->restart_at);
        if (!one->alive)
            continue;
        if (one->told && !one->killed && !one->thread)
            due = sooner(due, one->kill_at);
        if (one == &slot->fresh && master->options.wait_ready && !one->told)
            due = sooner(due, one->started_at + (uint64_t)master->options.grace_ns);
        if (one->pidfd < 0 && !one->thread)
            due = sooner(due, gyre__monotonic() + (uint64_t)GYRE_MS(LOOK_MS));
        else if (one->pidfd >= 0)
            master->fds[count++] = (struct pollfd){.fd = one->pidfd, .events = POLLIN};
        if (!one->noted_end) /* then it is at its end, and says it on and on */
            master->fds[count++] = (struct pollfd){.fd = one->notes, .events = POLLIN};
    }
    *out_count = count;
    return due;
}

static void wait_for_something(const gyre__workers_master *master)
{
    nfds_t count;
    uint64_t due = prepare_wait(master, &count), now = gyre__monotonic();
    uint64_t left = due > now ? due - now : 0;
    struct timespec limit = {.tv_sec = (time_t)(left / 1000000000),
                             .tv_nsec = (long)(left % 1000000000)};

    ppoll(master->fds, count, due == UINT64_MAX ? NULL : &limit, NULL);
}

static int64_t supervise(gyre__workers_master *master)
{
    int64_t rc = 0;

    for (unsigned i = 0; i < master->count && rc >= 0; i++)
        rc = start(master, &master->slots[i].current, i);
    if (rc < 0) {
        master->failure = rc;
        stop_all(master);
    }
    while (is_anything_left(master)) {
        wait_for_something(master);
        take_signals(master);
        for (unsigned i = 0; i < master->count; i++) {
            look_at_fresh(master, &master->slots[i]);
            look_at_current(master, &master->slots[i]);
        }
        do_what_is_due(master);
        advance_roll(master);
    }
    return master->failure ? master->failure : (int64_t)master->killed;
}

/* ---- the whole ---- */

static int64_t take_over_signals(gyre__workers_master *master)
{
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP, SIGUSR1, SIGUSR2};
    struct sigaction action;
    sigset_t set;

    sigemptyset(&set);
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
        if (sigaction(numbers[i], NULL, &action) == 0 && action.sa_handler != SIG_IGN)
            sigaddset(&set, numbers[i]);
    pthread_sigmask(SIG_BLOCK, &set, &master->before);
    master->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (master->signals < 0) {
        int64_t rc = -errno;

        pthread_sigmask(SIG_SETMASK, &master->before, NULL);
        return rc;
    }
    return 0;
}

static unsigned cores(void)
{
    cpu_set_t set;

    return sched_getaffinity(0, sizeof(set), &set) == 0 ? (unsigned)CPU_COUNT(&set) : 1;
}

static void fill_options(gyre_workers_options *options)
{
    options->count = options->count ? options->count : cores();
    options->grace_ns = options->grace_ns ? options->grace_ns : GYRE_SECONDS(30);
    options->backoff_ns = options->backoff_ns ? options->backoff_ns : GYRE_MS(100);
    options->most_backoff_ns =
        options->most_backoff_ns ? options->most_backoff_ns : GYRE_SECONDS(10);
    options->most_restarts = options->most_restarts ? options->most_restarts : DEFAULT_RESTARTS;
}

static int64_t run(gyre__workers_master *master)
{
    int64_t rc = gyre__workers_open_mail(master);

    if (rc >= 0)
        rc = take_over_signals(master);
    if (rc >= 0)
        rc = supervise(master);
    if (master->signals >= 0) {
        close(master->signals);
        pthread_sigmask(SIG_SETMASK, &master->before, NULL);
    }
    gyre__workers_close_mail(master);
    return rc;
}

int64_t gyre__workers(const gyre_workers_options *options, const gyre_coro *coro, const void *args,
                      const char *file, unsigned line)
{
    gyre__workers_master master = {.options = *options,
                                   .coro = coro,
                                   .args = args,
                                   .file = file,
                                   .line = line,
                                   .signals = -1,
                                   .roll = -1};
    int64_t rc = -ENOMEM;

    if (gyre__running)
        return GYRE_ELOOPRUNNING;
    if (gyre__workers_self)
        return GYRE_ESTATE;
    fill_options(&master.options);
    master.count = master.options.count;
    if (master.count > MOST_WORKERS)
        return -EINVAL;
    master.slots = gyre_alloc_zeroed(master.count * sizeof(*master.slots));
    master.mail_in = gyre_alloc(2 * master.count * sizeof(*master.mail_in));
    master.fds = gyre_alloc((1 + 4 * (size_t)master.count) * sizeof(*master.fds));
    if (master.slots && master.mail_in && master.fds) {
        master.mail_out = master.mail_in + master.count;
        for (unsigned i = 0; i < master.count; i++)
            master.slots[i].backoff = master.options.backoff_ns;
        rc = run(&master);
    }
    gyre_free(master.fds);
    gyre_free(master.mail_in);
    gyre_free(master.slots);
    gyre__error_set(master.detail);
    return rc;
}
