/*
 * Workers, as processes and as threads: starting, crashes, stopping, rolling, signals, mail, and
 * a shared port.
 */
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../net/connect.h"
#include "../net/raw.h"
#include "../net/server.h"
#include "../net/workers.h"
#include "../task/timeout.h"
#include "support/in_task.h"

/* What workers and master both see. */
static struct shared {
    atomic_int runs, cleanups, signals, sum, crashes;
    atomic_int answered[4];
    pid_t pids[8];
} * shared;

/* What the master was told. */
static struct {
    int started, ready, done, crashed, killed, rolled;
    char text[128];
    int64_t error, restart;
    int ready_wanted, number; /* when so many are ready, the master gets the signal */
    int rolled_wanted;        /* when so many rolls are over it gets SIGTERM */
    int end_at_ready;         /* the same when so many have become ready */
    int hup_at_started;       /* when so many have been started it gets SIGHUP */
} heard;

static void on_event(const gyre_workers_event *event, void *arg)
{
    int *counts[] = {&heard.started, &heard.ready,  &heard.done,
                     &heard.crashed, &heard.killed, &heard.rolled};

    (void)arg;
    ++*counts[event->kind];
    if (event->kind == GYRE_WORKERS_CRASHED) {
        atomic_fetch_add(&shared->crashes, 1);
        snprintf(heard.text, sizeof(heard.text), "%s", event->text);
        heard.error = event->error;
        heard.restart = event->restart_ns;
    }
    if (event->kind == GYRE_WORKERS_READY && heard.ready == heard.ready_wanted)
        kill(getpid(), heard.number);
    if (event->kind == GYRE_WORKERS_READY && heard.ready == heard.end_at_ready)
        kill(getpid(), SIGTERM);
    if (event->kind == GYRE_WORKERS_STARTED && heard.started == heard.hup_at_started)
        kill(getpid(), SIGHUP);
    if (event->kind == GYRE_WORKERS_ROLLED && heard.rolled == heard.rolled_wanted)
        kill(getpid(), SIGTERM);
}

static void begin(void)
{
    memset(&heard, 0, sizeof(heard));
    memset(shared, 0, sizeof(*shared));
    unit_forget_loops();
    gyre_error_clear();
}

#define OPTIONS_FOR(threads_)                                                                      \
    ((gyre_workers_options){                                                                       \
        .count = 2, .threads = (threads_), .backoff_ns = GYRE_MS(1), .on_event = on_event})

/* Nothing is left: no child, no descriptor, no signal blocked. */
static void assert_tidy(unsigned descriptors)
{
    sigset_t set;

    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    assert_int_equal(unit_descriptors(), descriptors);
    pthread_sigmask(SIG_BLOCK, NULL, &set);
    assert_false(sigismember(&set, SIGTERM));
}

#define FOR_BOTH(name_)                                                                            \
    static void name_##_processes(void **state)                                                    \
    {                                                                                              \
        unsigned before = unit_descriptors();                                                      \
        (void)state;                                                                               \
        begin();                                                                                   \
        name_(false);                                                                              \
        assert_tidy(before);                                                                       \
    }                                                                                              \
    static void name_##_threads(void **state)                                                      \
    {                                                                                              \
        unsigned before = unit_descriptors();                                                      \
        (void)state;                                                                               \
        begin();                                                                                   \
        name_(true);                                                                               \
        assert_tidy(before);                                                                       \
    }                                                                                              \
    struct gyre__semicolon

/* ---- to the end ---- */

struct finish {
    gyre_frame frame;
    int bonus;
};
GYRE_CORO(finish)
{
    GYRE_BEGIN;
    GYRE_TRY(gyre_sleep(GYRE_MS(1)));
    if (gyre_worker_count() != 2)
        GYRE_RETURN(-EINVAL);
    atomic_fetch_add(&shared->sum, self->bonus + gyre_worker_index());
    GYRE_RETURN(gyre_worker_index());
    GYRE_END;
}

static void they_end(bool threads)
{
    assert_int_equal(gyre_worker_index(), -1);
    assert_int_equal(gyre_worker_count(), 0);
    assert_int_equal(GYRE_WORKERS(OPTIONS_FOR(threads), finish, .bonus = 10), 0);
    assert_int_equal(shared->sum, 21);
    assert_int_equal(heard.started, 2);
    assert_int_equal(heard.done, 2);
    assert_int_equal(heard.crashed, 0);
}
FOR_BOTH(they_end);

/* ---- crashes ---- */

struct stumble {
    gyre_frame frame;
    int64_t rc;
};
GYRE_CORO(stumble)
{
    GYRE_BEGIN;
    self->rc = gyre_worker_index() == 0 ? 0 : atomic_fetch_add(&shared->runs, 1);
    if (self->rc == 0 && gyre_worker_index() == 1)
        raise(SIGKILL);
    if (self->rc == 1)
        exit(9);
    if (self->rc == 2)
        GYRE_RETURN(gyre_raise(gyre_error_new(GYRE_EUSER(4), "no luck")));
    GYRE_END;
}

static void crashes_are_restarted(void **state)
{
    unsigned before = unit_descriptors();

    (void)state;
    begin();
    assert_int_equal(GYRE_WORKERS(OPTIONS_FOR(false), stumble), 0);
    assert_int_equal(heard.started, 5);
    assert_int_equal(heard.crashed, 3);
    assert_int_equal(heard.done, 2);
    assert_int_equal(heard.error, GYRE_EUSER(4));
    assert_string_equal(heard.text, "no luck");
    assert_int_equal(heard.restart, GYRE_MS(4)); /* 1, 2, 4 */
    assert_tidy(before);
}

struct fail {
    gyre_frame frame;
};
GYRE_CORO(fail)
{
    GYRE_BEGIN;
    atomic_fetch_add(&shared->runs, 1);
    GYRE_RETURN(gyre_worker_index() == 1 ? -EADDRINUSE : 0);
    GYRE_END;
}

static void it_gives_up(bool threads)
{
    gyre_workers_options options = OPTIONS_FOR(threads);

    options.most_restarts = 3;
    assert_int_equal(GYRE_WORKERS((options), fail), -EADDRINUSE);
    assert_non_null(strstr(gyre_error_text(gyre_error_current()), "Address already in use"));
    assert_int_equal(heard.crashed, 4);
    assert_int_equal(shared->runs, 5);
    assert_true(heard.restart < 0);
    gyre_error_clear();
}
FOR_BOTH(it_gives_up);

/* ---- stopping ---- */

struct serve {
    gyre_frame frame;
    bool deaf;
    int64_t rc;
};
GYRE_CORO(serve)
{
    GYRE_BEGIN;
    gyre_worker_ready();
    do
        GYRE_AWAIT(self->rc, gyre_sleep(GYRE_SECONDS(100)));
    while (self->deaf);
    GYRE_RETURN(self->rc);
    GYRE_FINALLY;
    GYRE_AWAIT(self->rc, gyre_sleep(GYRE_MS(1))); /* the cleanup may wait */
    if (self->rc >= 0)
        atomic_fetch_add(&shared->cleanups, 1);
    GYRE_END;
}

static void they_stop(bool threads)
{
    for (int i = 0; i < 2; i++) {
        begin();
        heard.ready_wanted = 2;
        heard.number = i ? SIGINT : SIGTERM;
        assert_int_equal(GYRE_WORKERS(OPTIONS_FOR(threads), serve), 0);
        assert_int_equal(heard.done, 2);
        assert_int_equal(heard.crashed + heard.killed, 0);
        assert_int_equal(shared->cleanups, 2);
    }
}
FOR_BOTH(they_stop);

static void the_deaf_are_killed(void **state)
{
    gyre_workers_options options = OPTIONS_FOR(false);
    unsigned before = unit_descriptors();

    (void)state;
    begin();
    heard.ready_wanted = 2;
    heard.number = SIGTERM;
    options.grace_ns = GYRE_MS(20);
    assert_int_equal(GYRE_WORKERS((options), serve, .deaf = true), 2);
    assert_int_equal(heard.killed, 2);
    assert_tidy(before);
}

/* ---- rolling ---- */

static void they_roll(bool threads)
{
    gyre_workers_options options = OPTIONS_FOR(threads);

    options.wait_ready = true;
    heard.ready_wanted = 2;
    heard.number = SIGHUP;
    heard.rolled_wanted = 1;
    assert_int_equal(GYRE_WORKERS((options), serve), 0);
    assert_int_equal(heard.started, 4);
    assert_int_equal(heard.ready, 4);
    assert_int_equal(heard.done, 4);
    assert_int_equal(shared->cleanups, 4);
    assert_int_equal(heard.crashed + heard.killed, 0);
}
FOR_BOTH(they_roll);

/* The new version does not work: the old workers stay. */
struct second_fails {
    gyre_frame frame;
};
GYRE_CORO(second_fails)
{
    GYRE_BEGIN;
    if (atomic_fetch_add(&shared->runs, 1) >= 2)
        GYRE_RETURN(-ENOEXEC);
    GYRE_TRY(GYRE_CALL(serve));
    GYRE_END;
}

static void a_roll_that_fails(bool threads)
{
    gyre_workers_options options = OPTIONS_FOR(threads);

    options.wait_ready = true;
    heard.ready_wanted = 2;
    heard.number = SIGHUP;
    heard.rolled_wanted = 1;
    assert_int_equal(GYRE_WORKERS((options), second_fails), 0);
    assert_int_equal(heard.started, 3);
    assert_int_equal(heard.crashed, 1);
    assert_int_equal(heard.error, -ENOEXEC);
    assert_int_equal(heard.done, 2);
}
FOR_BOTH(a_roll_that_fails);

/* The old one was told to end before the new one turned out to be broken: its place is filled. */
struct third_fails {
    gyre_frame frame;
    bool patient;
    int64_t rc;
};
GYRE_CORO(third_fails)
{
    GYRE_BEGIN;
    if (atomic_fetch_add(&shared->runs, 1) == 2) {
        self->patient = false;
        GYRE_RETURN(-ENOEXEC);
    }
    GYRE_TRY(GYRE_CALL(serve));
    GYRE_FINALLY;
    while (self->patient && !shared->crashes) /* the old one goes after the new one */
        GYRE_AWAIT(self->rc, gyre_sleep(GYRE_MS(1)));
    GYRE_END;
}

/* The roll fails, and the signal for the end comes with the worker that makes it two again. */
static void a_roll_that_does_not_wait(bool threads)
{
    gyre_workers_options options = OPTIONS_FOR(threads);

    heard.ready_wanted = 2;
    heard.number = SIGHUP;
    heard.end_at_ready = 3;
    assert_int_equal(GYRE_WORKERS((options), third_fails, .patient = true), 0);
    assert_int_equal(heard.rolled, 1);
    assert_int_equal(heard.started, 4);
    assert_int_equal(heard.crashed, 1);
    assert_int_equal(heard.done, 3);
    assert_int_equal(shared->cleanups, 3);
}
FOR_BOTH(a_roll_that_does_not_wait);

/* Asked for once more while one is under way that fails: it is not forgotten. */
static void a_roll_is_asked_for_again(bool threads)
{
    gyre_workers_options options = OPTIONS_FOR(threads);

    options.wait_ready = true;
    heard.ready_wanted = 2;
    heard.number = SIGHUP;
    heard.hup_at_started = 3;
    heard.rolled_wanted = 2;
    assert_int_equal(GYRE_WORKERS((options), third_fails), 0);
    assert_int_equal(heard.started, 5);
    assert_int_equal(heard.crashed, 1);
    assert_int_equal(heard.done, 4);
}
FOR_BOTH(a_roll_is_asked_for_again);

/* ---- signals ---- */

static int first_free_descriptor(void)
{
    int fd = dup(0);

    close(fd);
    return fd;
}

/* Where the master cannot even begin, the signals are as they were. */
static void no_descriptor_for_signals(void **state)
{
    struct rlimit before, few;
    unsigned descriptors = unit_descriptors();
    int64_t rc;

    (void)state;
    begin();
    getrlimit(RLIMIT_NOFILE, &before);
    few = (struct rlimit){.rlim_cur = (rlim_t)first_free_descriptor() + 2,
                          .rlim_max = before.rlim_max};
    setrlimit(RLIMIT_NOFILE, &few);
    rc = GYRE_WORKERS(((gyre_workers_options){.count = 1, .on_event = on_event}), finish);
    setrlimit(RLIMIT_NOFILE, &before);
    assert_int_equal(rc, -EMFILE);
    assert_tidy(descriptors);
}

static int64_t count_signal(gyre_loop *loop, void *arg)
{
    (void)loop;
    (void)arg;
    if (atomic_fetch_add(&shared->signals, 1) == 1)
        kill(getppid(), SIGTERM);
    return 0;
}

struct listen_to_signals {
    gyre_frame frame;
    int64_t rc;
};
GYRE_CORO(listen_to_signals)
{
    GYRE_BEGIN;
    self->rc = gyre_loop_add_signal_handler(gyre_loop_current(), SIGUSR1, count_signal, NULL);
    if (self->rc < 0)
        GYRE_RETURN(self->rc);
    GYRE_TRY(GYRE_CALL(serve));
    GYRE_END;
}

static void signals_are_passed_on(void **state)
{
    (void)state;
    begin();
    heard.ready_wanted = 2;
    heard.number = SIGUSR1;
    assert_int_equal(GYRE_WORKERS(OPTIONS_FOR(false), listen_to_signals), 0);
    assert_int_equal(shared->signals, 2);
}

/* ---- mail ---- */

static int64_t wrong(const char *what, int64_t n)
{
    fprintf(stderr, "%s: %lld (%s)\n", what, (long long)n, gyre_err_name(n));
    return -EPROTO;
}

/* Worker 0 sends a pipe's end and many messages; worker 1 writes their sum into the pipe. */
struct mail {
    gyre_frame frame;
    gyre_worker_message message;
    int fds[2], i, number, sum;
    int64_t n;
    char text[8];
};
GYRE_CORO(mail)
{
    GYRE_BEGIN;
    if (gyre_worker_index() == 0) {
        if (pipe(self->fds) < 0)
            GYRE_RETURN(-errno);
        GYRE_TRY(gyre_worker_send(1, "pipe", 4, self->fds[1]));
        for (self->i = 1; self->i <= 1000; self->i++)
            GYRE_TRY(gyre_worker_send(1, &self->i, sizeof(self->i), -1));
        GYRE_TRY(self->n, gyre_read(self->fds[0], &self->sum, sizeof(self->sum), GYRE_POSITION));
        atomic_store(&shared->sum, self->sum);
        close(self->fds[0]);
        close(self->fds[1]);
        GYRE_AWAIT(self->n, gyre_worker_send(2, "x", 1, -1));
        if (self->n != -EINVAL)
            GYRE_RETURN(wrong("send to nobody", self->n));
        GYRE_RETURN(0);
    }
    GYRE_AWAIT(self->n, gyre_wait_for(gyre_worker_receive(&self->number, 4, &self->message), 0));
    if (self->n != GYRE_ETIMEOUT && self->n != 4)
        GYRE_RETURN(wrong("receive without waiting", self->n));
    if (self->n < 0)
        GYRE_TRY(self->n, gyre_worker_receive(self->text, 8, &self->message));
    if (self->n != 4 || self->message.from != 0 || self->message.fd < 0)
        GYRE_RETURN(wrong("first message", self->n));
    self->fds[0] = self->message.fd;
    for (self->i = 1; self->i <= 1000; self->i++) {
        GYRE_TRY(self->n, gyre_worker_receive(&self->number, sizeof(self->number), &self->message));
        if (self->n != 4 || self->number != self->i || self->message.fd != -1)
            GYRE_RETURN(wrong("message", self->n));
        self->sum += self->number;
    }
    GYRE_TRY(gyre_write(self->fds[0], &self->sum, sizeof(self->sum), GYRE_POSITION));
    close(self->fds[0]);
    /* To itself, and too long for the buffer: lost, and its descriptor closed. */
    GYRE_TRY(gyre_worker_send(1, "too long", 8, 1));
    GYRE_AWAIT(self->n, gyre_worker_receive(self->text, 3, &self->message));
    if (self->n != GYRE_ELIMIT || self->message.fd != -1)
        GYRE_RETURN(wrong("too long", self->n));
    GYRE_END;
}

static void they_write_to_each_other(bool threads)
{
    gyre_workers_options options = OPTIONS_FOR(threads);

    options.most_restarts = 1;
    assert_int_equal(GYRE_WORKERS((options), mail), 0);
    assert_int_equal(heard.crashed, 0);
    assert_int_equal(shared->sum, 500500);
}
FOR_BOTH(they_write_to_each_other);

struct no_worker {
    gyre_frame frame;
    gyre_worker_message message;
    char text[4];
    int64_t n;
};
GYRE_CORO(no_worker)
{
    GYRE_BEGIN;
    gyre_worker_ready();
    GYRE_AWAIT(self->n, gyre_worker_send(0, "x", 1, -1));
    assert_int_equal(self->n, GYRE_ESTATE);
    GYRE_AWAIT(self->n, gyre_worker_receive(self->text, 4, &self->message));
    assert_int_equal(self->n, GYRE_ESTATE);
    self->n = GYRE_WORKERS(((gyre_workers_options){.count = 1}), finish);
    assert_int_equal(self->n, GYRE_ELOOPRUNNING);
    GYRE_END;
}
static void outside(void **state)
{
    (void)state;
    begin();
    assert_int_equal(GYRE_RUN(no_worker), 0);
    assert_int_equal(GYRE_WORKERS(((gyre_workers_options){.count = 100000}), finish), -EINVAL);
}

/* ---- a port ---- */

struct session {
    gyre_frame frame;
    gyre_stream *stream;
    char index;
    int64_t n;
};
GYRE_CORO(session)
{
    GYRE_BEGIN;
    self->index = (char)gyre_worker_index();
    GYRE_TRY(gyre_stream_write(self->stream, &self->index, 1));
    GYRE_FINALLY;
    GYRE_AWAIT(self->n, gyre_stream_close(self->stream));
    GYRE_END;
}

/*
 * The last worker is the client: it connects until every other one has answered, then ends it
 * all.
 */
struct call {
    gyre_frame frame;
    uint16_t port;
    bool threads;
    gyre_stream *stream;
    char index;
    int i;
    int64_t n;
};
GYRE_CORO(call)
{
    GYRE_BEGIN;
    for (self->i = 0; self->i < 500 && !(shared->answered[0] && shared->answered[1]); self->i++) {
        GYRE_AWAIT(self->n, gyre_open_connection("127.0.0.1", self->port, NULL, &self->stream));
        if (self->n < 0) { /* nobody listens yet */
            GYRE_TRY(gyre_sleep(GYRE_MS(2)));
            continue;
        }
        GYRE_AWAIT(self->n, gyre_stream_read_exactly(self->stream, &self->index, 1));
        if (self->n == 1)
            atomic_fetch_add(&shared->answered[(int)self->index], 1);
        GYRE_AWAIT(self->n, gyre_stream_close(self->stream));
    }
    kill(self->threads ? getpid() : getppid(), SIGTERM);
    GYRE_TRY(gyre_sleep(GYRE_SECONDS(100)));
    GYRE_END;
}

struct share_port {
    gyre_frame frame;
    uint16_t port;
    bool threads;
    gyre_server *server;
    int64_t n;
};
GYRE_CORO(share_port)
{
    GYRE_BEGIN;
    if (gyre_worker_index() == 2)
        GYRE_TRY(GYRE_CALL(call, .port = self->port, .threads = self->threads));
    self->n = GYRE_START_SERVER(
        &self->server,
        ((gyre_server_options){.host = "127.0.0.1", .port = self->port, .reuse_port = true}),
        session);
    if (self->n < 0)
        GYRE_RETURN(self->n);
    GYRE_TRY(gyre_sleep(GYRE_SECONDS(100)));
    GYRE_FINALLY;
    if (self->server)
        GYRE_AWAIT(self->n, gyre_server_stop(self->server, GYRE_MS(100)));
    gyre_server_free(self->server);
    GYRE_END;
}

static void they_share_a_port(bool threads)
{
    gyre_workers_options options = OPTIONS_FOR(threads);
    uint16_t port;
    int64_t fd = gyre_workers_reserve_port("127.0.0.1", &port);

    assert_true(fd >= 0);
    options.count = 3;
    assert_int_equal(GYRE_WORKERS((options), share_port, .port = port, .threads = threads), 0);
    assert_int_equal(heard.crashed, 0);
    assert_true(shared->answered[0] > 0);
    assert_true(shared->answered[1] > 0);
    close((int)fd);
    assert_int_equal(gyre_workers_reserve_port("no number", &port), -EINVAL);
}
FOR_BOTH(they_share_a_port);

/* ---- the master dies ---- */

static int run_master(void *arg)
{
    (void)arg;
    heard.ready_wanted = 2;
    heard.number = SIGKILL;
    return (int)GYRE_WORKERS(OPTIONS_FOR(false), serve);
}

static void the_master_is_killed(void **state)
{
    (void)state;
    begin();
    assert_int_equal(unit_in_child(run_master, NULL), -1);
    for (int i = 0; i < 5000 && shared->cleanups < 2; i++)
        usleep(1000); /* they are not our children: nothing tells of their end */
    assert_int_equal(shared->cleanups, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(they_end_processes),
        cmocka_unit_test(crashes_are_restarted),
        cmocka_unit_test(it_gives_up_processes),
        cmocka_unit_test(they_stop_processes),
        cmocka_unit_test(the_deaf_are_killed),
        cmocka_unit_test(they_roll_processes),
        cmocka_unit_test(a_roll_that_fails_processes),
        cmocka_unit_test(a_roll_that_does_not_wait_processes),
        cmocka_unit_test(a_roll_is_asked_for_again_processes),
        cmocka_unit_test(no_descriptor_for_signals),
        cmocka_unit_test(signals_are_passed_on),
        cmocka_unit_test(they_write_to_each_other_processes),
        cmocka_unit_test(outside),
        cmocka_unit_test(they_share_a_port_processes),
        cmocka_unit_test(the_master_is_killed),
        cmocka_unit_test(they_end_threads),
        cmocka_unit_test(it_gives_up_threads),
        cmocka_unit_test(they_stop_threads),
        cmocka_unit_test(they_roll_threads),
        cmocka_unit_test(a_roll_that_fails_threads),
        cmocka_unit_test(a_roll_that_does_not_wait_threads),
        cmocka_unit_test(a_roll_is_asked_for_again_threads),
        cmocka_unit_test(they_write_to_each_other_threads),
        cmocka_unit_test(they_share_a_port_threads),
    };

    shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
