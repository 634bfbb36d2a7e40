/*
 * Subprocesses: statuses, pipes, what the child inherits, signals, time-outs, and that no zombie
 * is left.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../net/subprocess_internal.h"
#include "../task/timeout.h"
#include "support/in_task.h"

/* On the real clock: children take their time. */
#define REAL_TEST(name_)                                                                           \
    static void run_##name_(void **state)                                                          \
    {                                                                                              \
        (void)state;                                                                               \
        unit_forget_loops();                                                                       \
        assert_int_equal(GYRE_RUN_WITH((gyre_run_options){.on_loop = unit_on_loop}, name_), 0);    \
        assert_no_children();                                                                      \
    }                                                                                              \
    struct gyre__semicolon

static void assert_no_children(void)
{
    siginfo_t info;

    assert_int_equal(waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT), -1);
    assert_int_equal(errno, ECHILD);
}

static const gyre_subprocess_options piped = {
    .in = GYRE_SUBPROCESS_PIPE, .out = GYRE_SUBPROCESS_PIPE, .err = GYRE_SUBPROCESS_PIPE};
static const gyre_subprocess_options out_piped = {.out = GYRE_SUBPROCESS_PIPE};

/* A command and what it wrote: the way in which most tests here look at the child's world. */
struct ask {
    gyre_frame frame;
    const char *command;
    gyre_subprocess_options options; /* stdout is a pipe unless they say otherwise */
    gyre_subprocess *process;
    gyre_subprocess_output output;
    char *answer; /* 256 bytes */
    int64_t rc;
};
GYRE_CORO(ask)
{
    GYRE_BEGIN;
    if (self->options.out == GYRE_SUBPROCESS_INHERIT)
        self->options.out = GYRE_SUBPROCESS_PIPE;
    self->rc = gyre_subprocess_shell(self->command, &self->options, &self->process);
    assert_int_equal(self->rc, 0);
    GYRE_TRY(self->rc, gyre_subprocess_communicate(self->process, NULL, 0, &self->output));
    if (self->answer)
        snprintf(self->answer, 256, "%s", self->output.out);
    GYRE_RETURN(self->rc);
    GYRE_FINALLY;
    gyre_subprocess_output_free(&self->output);
    gyre_subprocess_free(self->process);
    GYRE_END;
}

/* ---- how it ended ---- */

struct statuses {
    gyre_frame frame;
    gyre_subprocess *process;
    int code;
    int64_t rc;
};
GYRE_CORO(statuses)
{
    GYRE_BEGIN;
    assert_int_equal(gyre_subprocess_exec(GYRE_ARGV("true"), NULL, &self->process), 0);
    assert_true(gyre_subprocess_pid(self->process) > 0);
    assert_false(gyre_subprocess_returncode(self->process, &self->code));
    GYRE_AWAIT(self->rc, gyre_subprocess_wait(self->process));
    assert_int_equal(self->rc, 0);
    GYRE_AWAIT(self->rc, gyre_subprocess_wait(self->process)); /* and again */
    assert_int_equal(self->rc, 0);
    assert_true(gyre_subprocess_returncode(self->process, &self->code));
    assert_int_equal(self->code, 0);
    assert_int_equal(gyre_subprocess_kill(self->process), -ESRCH);
    gyre_subprocess_free(self->process);

    GYRE_AWAIT(self->rc, GYRE_CALL(ask, .command = "exit 7"));
    assert_int_equal(self->rc, 7);
    assert_int_equal(gyre_subprocess_shell("kill -9 $$", NULL, &self->process), 0);
    GYRE_AWAIT(self->rc, gyre_subprocess_wait(self->process));
    assert_int_equal(self->rc, GYRE_SUBPROCESS_SIGNALLED + SIGKILL);
    assert_true(gyre_subprocess_returncode(self->process, &self->code));
    assert_int_equal(self->code, -SIGKILL);
    gyre_subprocess_free(self->process);
    gyre_subprocess_free(NULL);
    GYRE_END;
}
REAL_TEST(statuses);

struct refusals {
    gyre_frame frame;
    gyre_subprocess *process;
};
GYRE_CORO(refusals)
{
    GYRE_BEGIN;
    assert_int_equal(
        gyre_subprocess_exec(GYRE_ARGV("gyre-no-such-program", "x"), &piped, &self->process),
        -ENOENT);
    assert_null(self->process);
    assert_string_equal(gyre_error_text(gyre_error_current()),
                        "cannot run gyre-no-such-program: No such file or directory");
    assert_int_equal(gyre_subprocess_exec(GYRE_ARGV("/etc/passwd"), NULL, &self->process), -EACCES);
    assert_int_equal(gyre_subprocess_exec(GYRE_ARGV("/bin/true/x"), NULL, &self->process),
                     -ENOTDIR);
    assert_int_equal(gyre_subprocess_exec(GYRE_ARGV("true"),
                                          &(gyre_subprocess_options){.cwd = "/gyre/nowhere"},
                                          &self->process),
                     -ENOENT);
    assert_non_null(strstr(gyre_error_text(gyre_error_current()), "directory /gyre/nowhere"));
    assert_int_equal(gyre_subprocess_exec((const char *const[]){NULL}, NULL, &self->process),
                     -EINVAL);
    assert_int_equal(gyre_subprocess_exec(GYRE_ARGV("true"),
                                          &(gyre_subprocess_options){.out = GYRE_SUBPROCESS_STDOUT},
                                          &self->process),
                     -EINVAL);
    assert_int_equal(gyre_subprocess_exec(GYRE_ARGV("true"),
                                          &(gyre_subprocess_options){.in = GYRE_SUBPROCESS_PIPE,
                                                                     .out = GYRE_SUBPROCESS_FD,
                                                                     .out_fd = 999},
                                          &self->process),
                     -EBADF);
    assert_int_equal(gyre_subprocess_exec(GYRE_ARGV("true"),
                                          &(gyre_subprocess_options){.pass_fds = (const int[]){998},
                                                                     .pass_fd_count = 1},
                                          &self->process),
                     -EBADF);
    assert_int_equal(gyre_subprocess_exec(GYRE_ARGV("true"),
                                          &(gyre_subprocess_options){.set_group = true, .group = 1},
                                          &self->process),
                     -EPERM);
    gyre_error_clear();
    GYRE_END;
}
REAL_TEST(refusals);

static void not_without_a_loop(void **state)
{
    gyre_subprocess *process;

    (void)state;
    assert_int_equal(gyre_subprocess_exec(GYRE_ARGV("true"), NULL, &process), GYRE_ENOTASK);
}

/* ---- pipes ---- */

enum { BIG = 1000000 };
static char big[BIG];

struct communicating {
    gyre_frame frame;
    gyre_subprocess *process;
    gyre_subprocess_output output;
    char answer[256];
    int64_t rc;
};
GYRE_CORO(communicating)
{
    GYRE_BEGIN;
    memset(big, 'b', BIG);
    assert_int_equal(gyre_subprocess_shell("cat; echo done >&2", &piped, &self->process), 0);
    GYRE_AWAIT(self->rc, gyre_subprocess_communicate(self->process, big, BIG, &self->output));
    assert_int_equal(self->rc, 0);
    assert_int_equal(self->output.out_size, BIG);
    assert_memory_equal(self->output.out, big, BIG);
    assert_string_equal(self->output.err, "done\n");
    gyre_subprocess_output_free(&self->output);
    gyre_subprocess_free(self->process);

    /* Both outputs in one; no input. */
    GYRE_AWAIT(self->rc,
               GYRE_CALL(ask, .command = "echo out; echo err >&2", .answer = self->answer,
                         .options = {.out = GYRE_SUBPROCESS_PIPE, .err = GYRE_SUBPROCESS_STDOUT}));
    assert_string_equal(self->answer, "out\nerr\n");

    /* It does not read its input: no error. */
    assert_int_equal(gyre_subprocess_exec(GYRE_ARGV("true"), &piped, &self->process), 0);
    GYRE_AWAIT(self->rc, gyre_subprocess_communicate(self->process, big, BIG, &self->output));
    assert_int_equal(self->rc, 0);
    assert_int_equal(self->output.out_size, 0);
    assert_string_equal(self->output.out, "");
    gyre_subprocess_output_free(&self->output);
    gyre_subprocess_free(self->process);

    /* More than the limit. */
    self->output.limit = 1000;
    assert_int_equal(gyre_subprocess_shell("while :; do echo y; done", &out_piped, &self->process),
                     0);
    GYRE_AWAIT(self->rc, gyre_subprocess_communicate(self->process, NULL, 0, &self->output));
    assert_int_equal(self->rc, GYRE_ELIMIT);
    assert_true(self->output.out_size > 1000);
    assert_memory_equal(self->output.out, "y\ny\n", 4);
    gyre_subprocess_output_free(&self->output);
    assert_int_equal(self->output.limit, 1000);
    gyre_subprocess_free(self->process);
    GYRE_END;
}
REAL_TEST(communicating);

struct streaming {
    gyre_frame frame;
    gyre_subprocess *process;
    gyre_stream *taken;
    const char *line;
    int64_t rc;
};
GYRE_CORO(streaming)
{
    GYRE_BEGIN;
    assert_int_equal(gyre_subprocess_exec(GYRE_ARGV("cat"), &piped, &self->process), 0);
    GYRE_TRY(gyre_stream_write(gyre_subprocess_stdin(self->process), "one\n", 4));
    GYRE_TRY(self->rc, gyre_stream_readline(gyre_subprocess_stdout(self->process), &self->line));
    assert_memory_equal(self->line, "one\n", 4);
    GYRE_TRY(gyre_stream_write(gyre_subprocess_stdin(self->process), "two", 3));
    GYRE_TRY(gyre_subprocess_close_stdin(self->process));
    assert_null(gyre_subprocess_stdin(self->process));
    GYRE_TRY(gyre_subprocess_close_stdin(self->process));
    GYRE_TRY(self->rc, gyre_subprocess_wait(self->process));
    assert_int_equal(self->rc, 0);
    self->taken = gyre_subprocess_take(self->process, 1);
    assert_null(gyre_subprocess_stdout(self->process));
    assert_null(gyre_subprocess_take(self->process, 7));
    gyre_subprocess_free(self->process);
    GYRE_TRY(self->rc, gyre_stream_readline(self->taken, &self->line)); /* the pipe outlives it */
    assert_int_equal(self->rc, 3);
    gyre_stream_abort(self->taken);
    GYRE_END;
}
REAL_TEST(streaming);

struct redirecting {
    gyre_frame frame;
    int fds[2];
    char answer[256];
    int64_t rc;
};
GYRE_CORO(redirecting)
{
    GYRE_BEGIN;
    assert_int_equal(pipe2(self->fds, O_CLOEXEC), 0);
    GYRE_TRY(GYRE_CALL(ask, .command = "cat; echo x; echo y >&2",
                       .options = {.in = GYRE_SUBPROCESS_DEVNULL,
                                   .out = GYRE_SUBPROCESS_FD,
                                   .out_fd = self->fds[1],
                                   .err = GYRE_SUBPROCESS_DEVNULL}));
    assert_int_equal(read(self->fds[0], self->answer, 256), 2);
    assert_memory_equal(self->answer, "x\n", 2);
    close(self->fds[0]);
    close(self->fds[1]);
    /* Standard descriptors as sources of each other: here stdout goes where stderr is. */
    GYRE_TRY(GYRE_CALL(ask, .command = "[ /proc/self/fd/1 -ef /proc/self/fd/2 ] || exit 3",
                       .options = {.out = GYRE_SUBPROCESS_FD, .out_fd = 2}));
    assert_int_equal(self->frame.result, 0);
    GYRE_END;
}
REAL_TEST(redirecting);

/* ---- its world ---- */

static const char *const small_world[] = {"GYRE_TEST=7", NULL};
static const char *const long_path[] = {"PATH=/gyre/none::/etc/passwd:/bin:/usr/bin", NULL};

struct worlds {
    gyre_frame frame;
    char answer[256];
    int64_t rc;
};
GYRE_CORO(worlds)
{
    GYRE_BEGIN;
    GYRE_TRY(GYRE_CALL(ask, .command = "pwd", .answer = self->answer,
                       .options = {.out = GYRE_SUBPROCESS_PIPE, .cwd = "/usr"}));
    assert_string_equal(self->answer, "/usr\n");
    GYRE_TRY(GYRE_CALL(ask, .command = "echo $GYRE_TEST:$HOME", .answer = self->answer,
                       .options = {.out = GYRE_SUBPROCESS_PIPE, .environment = small_world}));
    assert_string_equal(self->answer, "7:\n");
    /* The environment's own PATH counts, and every entry is tried. */
    GYRE_TRY(GYRE_CALL(
        ask, .command = "true",
        .options = {.executable = "sh", .out = GYRE_SUBPROCESS_PIPE, .environment = long_path}));
    /* argv[0] and the program are two things. */
    GYRE_TRY(GYRE_CALL(ask, .command = "echo $0", .answer = self->answer,
                       .options = {.executable = "/bin/sh", .out = GYRE_SUBPROCESS_PIPE}));
    assert_string_equal(self->answer, "/bin/sh\n");
    GYRE_END;
}
REAL_TEST(worlds);

struct descriptors {
    gyre_frame frame;
    int fd, i;
    int64_t rc;
};
GYRE_CORO(descriptors)
{
    GYRE_BEGIN;
    self->fd = fcntl(1, F_DUPFD, 200); /* inheritable, as careless libraries make them */
    assert_true(self->fd >= 200 && self->fd < 220);
    for (self->i = 0; self->i < 2; self->i++) {
        gyre__launch_without_close_range = self->i == 1;
        GYRE_AWAIT(self->rc,
                   GYRE_CALL(ask, .command = "for i in 3 4 5 6 7 8 9 200; do "
                                             "[ -e /proc/self/fd/$i ] && exit $i; done; exit 0"));
        assert_int_equal(self->rc, 0);
        GYRE_AWAIT(self->rc, GYRE_CALL(ask, .command = "[ -e /proc/self/fd/200 ]",
                                       .options = {.out = GYRE_SUBPROCESS_PIPE,
                                                   .pass_fds = &self->fd,
                                                   .pass_fd_count = 1}));
        assert_int_equal(self->rc, 0);
        fcntl(self->fd, F_SETFD, FD_CLOEXEC); /* passed all the same */
    }
    gyre__launch_without_close_range = false;
    close(self->fd);
    GYRE_END;
}
REAL_TEST(descriptors);

static void ignore_signal(int number)
{
    (void)number;
}

struct signal_masks {
    gyre_frame frame;
    char answer[256];
    sigset_t set, before;
    int64_t rc;
};
GYRE_CORO(signal_masks)
{
    GYRE_BEGIN;
    sigemptyset(&self->set);
    sigaddset(&self->set, SIGUSR1);
    pthread_sigmask(SIG_BLOCK, &self->set, &self->before); /* SIGPIPE is: by the loop */
    signal(SIGPIPE, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
    signal(SIGUSR2, ignore_signal);
    GYRE_TRY(GYRE_CALL(ask, .command = "grep -E 'Sig(Blk|Ign)' /proc/self/status | cut -f2",
                       .answer = self->answer));
    assert_string_equal(self->answer, "0000000000000000\n0000000000000001\n");
    signal(SIGPIPE, SIG_DFL);
    signal(SIGHUP, SIG_DFL);
    signal(SIGUSR2, SIG_DFL);
    pthread_sigmask(SIG_SETMASK, &self->before, NULL);
    GYRE_END;
}
REAL_TEST(signal_masks);

struct groups {
    gyre_frame frame;
    gyre_subprocess *process;
    gyre_subprocess_output output;
    int64_t rc;
};
GYRE_CORO(groups)
{
    GYRE_BEGIN;
    assert_int_equal(gyre_subprocess_exec(GYRE_ARGV("sleep", "100"),
                                          &(gyre_subprocess_options){.new_session = true},
                                          &self->process),
                     0);
    assert_int_equal(getsid(gyre_subprocess_pid(self->process)),
                     gyre_subprocess_pid(self->process));
    gyre_subprocess_free(self->process);
    assert_int_equal(gyre_subprocess_exec(GYRE_ARGV("sleep", "100"), NULL, &self->process), 0);
    assert_int_equal(gyre_subprocess_signal_group(self->process, SIGTERM), -EINVAL);
    gyre_subprocess_free(self->process);
    /* The pipe ends only when all that have it end. */
    assert_int_equal(gyre_subprocess_shell(
                         "sleep 100 & sleep 100 & echo up; wait",
                         &(gyre_subprocess_options){.out = GYRE_SUBPROCESS_PIPE, .set_group = true},
                         &self->process),
                     0);
    assert_int_equal(getpgid(gyre_subprocess_pid(self->process)),
                     gyre_subprocess_pid(self->process));
    GYRE_TRY(gyre_stream_fill(gyre_subprocess_stdout(self->process), 3));
    assert_int_equal(gyre_subprocess_signal_group(self->process, SIGTERM), 0);
    GYRE_AWAIT(self->rc, gyre_subprocess_communicate(self->process, NULL, 0, &self->output));
    assert_int_equal(self->rc, GYRE_SUBPROCESS_SIGNALLED + SIGTERM);
    assert_string_equal(self->output.out, "up\n");
    assert_int_equal(gyre_subprocess_signal_group(self->process, SIGTERM), -ESRCH);
    gyre_subprocess_output_free(&self->output);
    gyre_subprocess_free(self->process);
    GYRE_END;
}
REAL_TEST(groups);

/* ---- giving up ---- */

struct timeouts {
    gyre_frame frame;
    gyre_subprocess *process;
    gyre_subprocess_output output;
    int64_t rc;
};
GYRE_CORO(timeouts)
{
    GYRE_BEGIN;
    assert_int_equal(
        gyre_subprocess_shell("head -c 3; echo early; exec sleep 100", &piped, &self->process), 0);
    GYRE_AWAIT(self->rc,
               gyre_wait_for(gyre_subprocess_communicate(self->process, "abc", 3, &self->output),
                             GYRE_MS(100)));
    assert_int_equal(self->rc, GYRE_ETIMEOUT);
    assert_null(self->output.out);
    assert_int_equal(gyre_subprocess_kill(self->process), 0);
    GYRE_AWAIT(self->rc, gyre_subprocess_communicate(self->process, "abc", 3, &self->output));
    assert_int_equal(self->rc, GYRE_SUBPROCESS_SIGNALLED + SIGKILL);
    assert_string_equal(self->output.out, "abcearly\n"); /* from before and after the time-out */
    gyre_subprocess_output_free(&self->output);
    gyre_subprocess_free(self->process);

    assert_int_equal(gyre_subprocess_exec(GYRE_ARGV("sleep", "100"), NULL, &self->process), 0);
    GYRE_AWAIT(self->rc, gyre_wait_for(gyre_subprocess_wait(self->process), GYRE_MS(5)));
    assert_int_equal(self->rc, GYRE_ETIMEOUT);
    assert_int_equal(gyre_subprocess_terminate(self->process), 0);
    GYRE_AWAIT(self->rc, gyre_subprocess_wait(self->process));
    assert_int_equal(self->rc, GYRE_SUBPROCESS_SIGNALLED + SIGTERM);
    assert_int_equal(gyre_subprocess_send_signal(self->process, SIGUSR1), -ESRCH);
    gyre_subprocess_free(self->process);
    GYRE_END;
}
REAL_TEST(timeouts);

struct waiter {
    gyre_frame frame;
    gyre_subprocess *process;
};
GYRE_CORO(waiter)
{
    GYRE_BEGIN;
    GYRE_TRY(self->frame.value, gyre_subprocess_wait(self->process));
    GYRE_RETURN(self->frame.value);
    GYRE_END;
}

struct given_up {
    gyre_frame frame;
    gyre_subprocess *process;
    gyre_task *waiter;
    pid_t pid;
    int64_t rc;
};
GYRE_CORO(given_up)
{
    GYRE_BEGIN;
    assert_int_equal(gyre_subprocess_exec(GYRE_ARGV("sleep", "100"), &piped, &self->process), 0);
    self->waiter = GYRE_SPAWN(waiter, .process = self->process);
    GYRE_TRY(gyre_sleep(0));
    self->pid = gyre_subprocess_pid(self->process);
    gyre_subprocess_free(self->process);
    GYRE_AWAIT(self->rc, self->waiter);
    assert_int_equal(self->rc, -ECHILD);
    gyre_task_unref(self->waiter);
    while (kill(self->pid, 0) == 0) /* until it is reaped in the background */
        GYRE_TRY(gyre_sleep(GYRE_MS(1)));
    assert_no_children();
    /* One more, which the end of the loop meets: run_given_up looks. */
    assert_int_equal(gyre_subprocess_exec(GYRE_ARGV("sleep", "100"), &piped, &self->process), 0);
    gyre_subprocess_free(self->process);
    GYRE_END;
}
REAL_TEST(given_up);

/* Given up under a task that communicates, before and after that has begun. */
struct talker {
    gyre_frame frame;
    gyre_subprocess *process;
    gyre_subprocess_output output;
    int64_t rc;
};
GYRE_CORO(talker)
{
    GYRE_BEGIN;
    GYRE_TRY(self->rc, gyre_subprocess_communicate(self->process, "abc", 3, &self->output));
    GYRE_FINALLY;
    gyre_subprocess_output_free(&self->output);
    GYRE_END;
}

struct given_up_talking {
    gyre_frame frame;
    gyre_subprocess *process;
    gyre_task *talker;
    int turns, i;
    int64_t rc;
};
GYRE_CORO(given_up_talking)
{
    GYRE_BEGIN;
    for (self->turns = 1; self->turns < 5; self->turns++) {
        assert_int_equal(gyre_subprocess_exec(GYRE_ARGV("sleep", "100"), &piped, &self->process),
                         0);
        self->talker = GYRE_SPAWN(talker, .process = self->process);
        for (self->i = 0; self->i < self->turns; self->i++)
            GYRE_TRY(gyre_sleep(0));
        gyre_subprocess_free(self->process);
        GYRE_AWAIT(self->rc, self->talker);
        assert_true(self->rc == -EBADF || self->rc == -ECHILD);
        gyre_task_unref(self->talker);
    }
    GYRE_END;
}
REAL_TEST(given_up_talking);

static gyre_subprocess *survivor;

struct leave_one {
    gyre_frame frame;
    int64_t rc;
};
GYRE_CORO(leave_one)
{
    GYRE_BEGIN;
    assert_int_equal(gyre_subprocess_exec(GYRE_ARGV("sleep", "100"), &piped, &survivor), 0);
    GYRE_RETURN(gyre_subprocess_pid(survivor));
    GYRE_END;
}

static void the_loop_closes_first(void **state)
{
    int code;

    (void)state;
    assert_true(GYRE_RUN(leave_one) > 0);
    assert_no_children();
    assert_true(gyre_subprocess_returncode(survivor, &code));
    assert_int_equal(code, -SIGKILL);
    assert_int_equal(gyre_subprocess_kill(survivor), -ESRCH);
    gyre_subprocess_free(survivor);
}

/* ---- where the kernel gives no pidfd; where the status goes elsewhere ---- */

static void without_pidfd(void **state)
{
    gyre__launch_without_pidfd = true;
    run_statuses(state);
    run_timeouts(state);
    run_given_up(state);
    the_loop_closes_first(state);
    gyre__launch_without_pidfd = false;
}

struct lost_status {
    gyre_frame frame;
    gyre_subprocess *process;
    int code;
    int64_t rc;
};
GYRE_CORO(lost_status)
{
    GYRE_BEGIN;
    signal(SIGCHLD, SIG_IGN);
    assert_int_equal(gyre_subprocess_exec(GYRE_ARGV("true"), NULL, &self->process), 0);
    GYRE_AWAIT(self->rc, gyre_subprocess_wait(self->process));
    assert_int_equal(self->rc, -ECHILD);
    assert_true(gyre_subprocess_returncode(self->process, &self->code));
    assert_int_equal(self->code, 255);
    gyre_subprocess_free(self->process);
    assert_int_equal(gyre_subprocess_exec(GYRE_ARGV("gyre-no-such-program"), NULL, &self->process),
                     -ENOENT);
    signal(SIGCHLD, SIG_DFL);
    gyre_error_clear();
    GYRE_END;
}
REAL_TEST(lost_status);

/* A daemon that has closed its standard descriptors: new ones take their numbers. */
static int run_closed(void *arg)
{
    (void)arg;
    close(0);
    close(1);
    close(2);
    return (int)GYRE_RUN(communicating);
}

static void standard_descriptors_closed(void **state)
{
    (void)state;
    assert_int_equal(unit_in_child(run_closed, NULL), 0);
}

/* ---- the callback face ---- */

static int exits, losses, lost_pipes;
static char heard[2][64];

static void on_pipe_data(void *self, int descriptor, const char *data, size_t size)
{
    (void)self;
    strncat(heard[descriptor - 1], data, size);
}

static void on_pipe_lost(void *self, int descriptor, int64_t error)
{
    (void)self;
    assert_int_equal(error, 0);
    assert_true(descriptor == 1 || descriptor == 2);
    lost_pipes++;
}

static void on_exit_told(void *self, int64_t status)
{
    (void)self;
    assert_int_equal(status, 5);
    exits++;
}

static void on_all_lost(void *self)
{
    assert_int_equal(exits, 1);
    gyre_future_set_result(self, 1);
    losses++;
}

static const gyre_subprocess_protocol protocol = {on_pipe_data, on_pipe_lost, on_exit_told,
                                                  on_all_lost};

struct protocols {
    gyre_frame frame;
    gyre_subprocess *process;
    gyre_subprocess_output output;
    gyre_future *end;
    int64_t rc;
};
GYRE_CORO(protocols)
{
    GYRE_BEGIN;
    self->end = gyre_future_new(gyre_loop_current());
    assert_int_equal(
        gyre_subprocess_shell("read x; echo got $x; echo bad >&2; exit 5", &piped, &self->process),
        0);
    assert_int_equal(gyre_subprocess_set_protocol(self->process, &protocol, self->end), 0);
    assert_int_equal(gyre_subprocess_set_protocol(self->process, &protocol, self->end), -EBUSY);
    GYRE_AWAIT(self->rc, gyre_subprocess_communicate(self->process, NULL, 0, &self->output));
    assert_int_equal(self->rc, -EBUSY);
    assert_int_equal(gyre_stream_write_soon(gyre_subprocess_stdin(self->process), "it\n", 3), 3);
    GYRE_TRY(self->end);
    assert_int_equal(losses, 1);
    assert_int_equal(lost_pipes, 2);
    assert_string_equal(heard[0], "got it\n");
    assert_string_equal(heard[1], "bad\n");
    gyre_future_unref(self->end);
    gyre_subprocess_free(self->process);
    /* Set after the end. */
    exits = 0;
    self->end = gyre_future_new(gyre_loop_current());
    assert_int_equal(gyre_subprocess_shell("exit 5", NULL, &self->process), 0);
    GYRE_TRY(gyre_subprocess_wait(self->process));
    assert_int_equal(gyre_subprocess_set_protocol(self->process, &protocol, self->end), 0);
    assert_int_equal(exits, 0);
    GYRE_TRY(self->end);
    gyre_future_unref(self->end);
    gyre_subprocess_free(self->process);
    /* Given up: not a word any more. */
    assert_int_equal(gyre_subprocess_shell("echo x; sleep 100", &piped, &self->process), 0);
    assert_int_equal(gyre_subprocess_set_protocol(self->process, &protocol, NULL), 0);
    gyre_subprocess_free(self->process);
    GYRE_TRY(gyre_sleep(GYRE_MS(20)));
    assert_int_equal(losses, 2);
    assert_int_equal(lost_pipes, 2);
    GYRE_END;
}
REAL_TEST(protocols);

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(run_statuses),
        cmocka_unit_test(run_refusals),
        cmocka_unit_test(not_without_a_loop),
        cmocka_unit_test(run_communicating),
        cmocka_unit_test(run_streaming),
        cmocka_unit_test(run_redirecting),
        cmocka_unit_test(run_worlds),
        cmocka_unit_test(run_descriptors),
        cmocka_unit_test(run_signal_masks),
        cmocka_unit_test(run_groups),
        cmocka_unit_test(run_timeouts),
        cmocka_unit_test(run_given_up),
        cmocka_unit_test(run_given_up_talking),
        cmocka_unit_test(the_loop_closes_first),
        cmocka_unit_test(without_pidfd),
        cmocka_unit_test(run_lost_status),
        cmocka_unit_test(standard_descriptors_closed),
        cmocka_unit_test(run_protocols),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
