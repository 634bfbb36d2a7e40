/*
 * Subprocesses: starting programs, talking to them through streams, waiting for their end.
 *
 *     struct sorted {
 *         gyre_frame frame;
 *         gyre_subprocess *sort;
 *         gyre_subprocess_output output;
 *         int64_t status;
 *     };
 *     GYRE_CORO(sorted)
 *     {
 *         GYRE_BEGIN;
 *         self->status = gyre_subprocess_exec(
 *             GYRE_ARGV("sort", "-n"),
 *             &(gyre_subprocess_options){.in = GYRE_SUBPROCESS_PIPE, .out = GYRE_SUBPROCESS_PIPE},
 *             &self->sort);
 *         if (self->status < 0)
 *             GYRE_RETURN(self->status);
 *         GYRE_TRY(self->status,
 *                  gyre_subprocess_communicate(self->sort, "10\n9\n", 5, &self->output));
 *         fputs(self->output.out, stdout);
 *         GYRE_FINALLY;
 *         gyre_subprocess_output_free(&self->output);
 *         gyre_subprocess_free(self->sort);
 *         GYRE_END;
 *     }
 *
 * No zombies and no strays: a child that is still running when its owner gives it up, or when the
 * loop closes, is killed (SIGKILL) and reaped, as asyncio does when it closes the transport. What
 * the child started in its turn is not known here: give it a group (new_session) and signal that.
 *
 * SIGCHLD and its handler are left alone: each child is watched through a descriptor of its own
 * (pidfd), so other children of the process may be waited for by other means. (A SIGCHLD that is
 * ignored, or a wait() for any child elsewhere, takes the status away: -ECHILD.) Signals go
 * through the same descriptor: never to another process that has got the number since.
 *
 * The child starts with no signal blocked, with SIGPIPE and SIGXFSZ at their default (other signals
 * that this process ignores stay ignored, as with nohup), and with no descriptor but the three
 * standard ones and those of pass_fds.
 *
 * Python names: asyncio.create_subprocess_exec, create_subprocess_shell,
 * asyncio.subprocess.Process.
 */
#ifndef GYRE_NET_SUBPROCESS_H
#define GYRE_NET_SUBPROCESS_H

#include <sys/types.h>

#include "../task/coro.h"
#include "stream.h"

GYRE_BEGIN_DECLS

typedef struct gyre_subprocess gyre_subprocess;

/* What becomes of one of the three standard descriptors. */
typedef enum gyre_subprocess_stdio {
    GYRE_SUBPROCESS_INHERIT, /* this process's own. None */
    GYRE_SUBPROCESS_PIPE,    /* a pipe, here a stream. PIPE */
    GYRE_SUBPROCESS_DEVNULL, /* /dev/null. DEVNULL */
    GYRE_SUBPROCESS_STDOUT,  /* `err` only: where the output goes. STDOUT */
    GYRE_SUBPROCESS_FD,      /* the descriptor in in_fd, out_fd, err_fd */
} gyre_subprocess_stdio;

/*
 * How a program is started; all zero is a good default. Everything is borrowed during the call
 * only.
 */
typedef struct gyre_subprocess_options {
    gyre_loop *loop;               /* NULL: the running one */
    gyre_subprocess_stdio in, out, err; /* default: inherited */
    int in_fd, out_fd, err_fd;     /* for GYRE_SUBPROCESS_FD; stay the caller's */
    const char *executable;        /* program to run in place of argv[0]. executable */
    const char *const *environment; /* "NAME=value" up to a NULL; NULL: that of this process. env */
    const char *cwd;               /* directory to start in; NULL: that of this process. cwd */
    bool new_session;              /* a session and group of its own: setsid(). start_new_session */
    bool set_group;                /* join `group`, 0: one of its own. process_group */
    pid_t group;
    const int *pass_fds;           /* descriptors it keeps, with the same numbers. pass_fds */
    size_t pass_fd_count;
    gyre_stream_options stream;    /* for the pipes */
} gyre_subprocess_options;

/* An argument list: GYRE_ARGV("ls", "-l"). Lives as long as the block around it. */
#define GYRE_ARGV(...) ((const char *const[]){__VA_ARGS__, NULL})

/*
 * Starts a program: argv[0], looked for in PATH (that of `environment` if it is given) unless it
 * has a slash in it. argv: strings up to a NULL, borrowed. options: borrowed, may be NULL.
 * create_subprocess_exec(). *out_process: new, ended with gyre_subprocess_free(). Never suspends,
 * but takes as long as the kernel needs to load the program. Errors, with the detail
 * (gyre_error_text) saying what failed: -ENOENT, -EACCES, -ENOEXEC, -E2BIG and others of exec, or
 * of cwd; -EAGAIN where the kernel allows no more processes; -EMFILE, -ENFILE; -EBADF for
 * descriptors that are not open; -EPERM of the group; -EINVAL for options that make no sense;
 * -ENOMEM; GYRE_ELOOPCLOSED; GYRE_ENOTASK without a loop.
 */
GYRE_API GYRE_MUST_USE int64_t gyre_subprocess_exec(const char *const *argv,
                                                    const gyre_subprocess_options *options,
                                                    gyre_subprocess **out_process);

/*
 * The same for a command line that /bin/sh runs: never with text from outside in it.
 * create_subprocess_shell().
 */
GYRE_API GYRE_MUST_USE int64_t gyre_subprocess_shell(const char *command,
                                                     const gyre_subprocess_options *options,
                                                     gyre_subprocess **out_process);

/*
 * Gives the subprocess up (moved): the pipes are closed; if it is running it is killed, and
 * reaped in the background (at once while the loop closes). Tasks that wait for it get -ECHILD.
 * Never waits. NULL is allowed.
 */
GYRE_API void gyre_subprocess_free(gyre_subprocess *process);

/* ---- waiting ---- */

/*
 * From here on a status says that a signal ended the process: GYRE_SUBPROCESS_SIGNALLED + its
 * number.
 */
#define GYRE_SUBPROCESS_SIGNALLED 256

/*
 * Waits until the process has ended. Result: its exit status, 0 to 255, or
 * GYRE_SUBPROCESS_SIGNALLED + signal where a signal ended it. Any number of tasks may wait, and
 * again later. wait(). A child that fills a pipe nobody reads never ends:
 * gyre_subprocess_communicate() then. Errors: -ECHILD when the status was taken away (see above).
 * Cancelled: GYRE_ECANCELLED, the process goes on.
 */
GYRE_API GYRE_MUST_USE gyre_await gyre_subprocess_wait(gyre_subprocess *process);

/* What a process wrote; all zero at first. Memory of gyre_alloc(), with a '\0' behind the bytes. */
typedef struct gyre_subprocess_output {
    char *out; /* of stdout; NULL where that is no pipe */
    size_t out_size;
    char *err; /* of stderr */
    size_t err_size;
    size_t limit; /* set it: most bytes of each; default 64 MiB */
} gyre_subprocess_output;

/*
 * Sends `input` (size bytes, borrowed until the await is over; where stdin is a pipe) and ends
 * stdin, collects what comes from those of stdout and stderr that are pipes up to their ends, and
 * waits for the process. Result: the status, as gyre_subprocess_wait(). *output: borrowed; its
 * memory is the caller's, gyre_subprocess_output_free(). communicate().
 *
 * A process that ends without reading all of its input is no error. Errors: GYRE_ELIMIT for more
 * output than the limit (what came is in *output; the process goes on, so kill it); -EBUSY while
 * another task reads or communicates; -ENOMEM; errors of the pipes. In a time-out,
 *
 *     GYRE_AWAIT(self->n, gyre_wait_for(gyre_subprocess_communicate(...), GYRE_SECONDS(2)));
 *
 * or otherwise cancelled the process goes on, and nothing is lost: what has come is kept, and
 * calling it once more (with the same input, after a gyre_subprocess_kill() perhaps) goes on
 * where it was.
 */
GYRE_API GYRE_MUST_USE gyre_await gyre_subprocess_communicate(gyre_subprocess *process,
                                                              const void *input, size_t size,
                                                              gyre_subprocess_output *output);

/* Frees what communicate gave; all is zero then, but for the limit. */
GYRE_API void gyre_subprocess_output_free(gyre_subprocess_output *output);

/* ---- signals; never suspend. Result 0; -ESRCH once the end has been noticed; -EPERM ---- */

GYRE_API int64_t gyre_subprocess_send_signal(gyre_subprocess *process, int signal_number);
GYRE_API int64_t gyre_subprocess_terminate(gyre_subprocess *process); /* SIGTERM. terminate() */
GYRE_API int64_t gyre_subprocess_kill(gyre_subprocess *process);      /* SIGKILL. kill() */

/*
 * To the process and all it started, for one with new_session, or set_group and group 0; else
 * -EINVAL.
 */
GYRE_API int64_t gyre_subprocess_signal_group(gyre_subprocess *process, int signal_number);

/* ---- the pipes ---- */

/* The streams of the pipes, borrowed; NULL where there is none (any more). Do not close them. */
GYRE_API gyre_stream *gyre_subprocess_stdin(gyre_subprocess *process);
GYRE_API gyre_stream *gyre_subprocess_stdout(gyre_subprocess *process);
GYRE_API gyre_stream *gyre_subprocess_stderr(gyre_subprocess *process);

/*
 * Ends stdin: sends what is unsent, then the child sees the end. Result and errors of
 * gyre_stream_close(); 0 where there is none; -EBUSY while a task communicates.
 * process.stdin.close(), wait_closed().
 */
GYRE_API GYRE_MUST_USE gyre_await gyre_subprocess_close_stdin(gyre_subprocess *process);

/*
 * Hands the stream of descriptor 0, 1 or 2 over (moved to the caller); NULL where there is none,
 * or while a task communicates. For tasks of their own, which may outlive the process.
 */
GYRE_API gyre_stream *gyre_subprocess_take(gyre_subprocess *process, int descriptor);

/* ---- asking ---- */

GYRE_API pid_t gyre_subprocess_pid(const gyre_subprocess *process); /* pid */

/*
 * asyncio's number: true and the exit status, or minus the number of the signal, once the end has
 * been noticed; false before. returncode.
 */
GYRE_API bool gyre_subprocess_returncode(const gyre_subprocess *process, int *out_code);

/* ---- the callback face ---- */

/*
 * The functions of a subprocess protocol, static; any may be NULL. Called from the loop, one
 * handle at a time, never from inside a call of these functions. SubprocessProtocol.
 */
typedef struct gyre_subprocess_protocol {
    void (*pipe_data_received)(void *self, int descriptor, const char *data, size_t size);
    void (*pipe_connection_lost)(void *self, int descriptor, int64_t error); /* once each */
    void (*process_exited)(void *self, int64_t status); /* once; as gyre_subprocess_wait() */
    void (*connection_lost)(void *self); /* last: it has ended, and so have all its pipes */
} gyre_subprocess_protocol;

/*
 * From now on the protocol hears of everything; `self` is the user's object, both are borrowed
 * until connection_lost() or gyre_subprocess_free() (no call comes after that). The streams of
 * stdout and stderr are the protocol's then; stdin can be written to with
 * gyre_stream_write_soon(). loop.subprocess_exec(). Gives 0; -EBUSY if somebody reads, or there
 * was one already; -ENOMEM; GYRE_ELOOPCLOSED.
 */
GYRE_API int64_t gyre_subprocess_set_protocol(gyre_subprocess *process,
                                              const gyre_subprocess_protocol *protocol, void *self);

GYRE_END_DECLS

#endif
