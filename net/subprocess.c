/* Starting a subprocess: from its options to descriptors, pipes and a launch. */
#include "subprocess.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../loop/alloc.h"
#include "../loop/error_internal.h"
#include "subprocess_internal.h"

enum { FIRST_OTHER = 3 };

/* ---- what the three standard descriptors become ---- */

/* A descriptor that is none of the standard ones, even if this process has closed some of those. */
static int raise_fd(int fd)
{
    int raised;

    if (fd < 0 || fd >= FIRST_OTHER)
        return fd;
    raised = fcntl(fd, F_DUPFD_CLOEXEC, FIRST_OTHER);
    close(fd);
    return raised;
}

static void close_fd(int fd)
{
    if (fd >= 0)
        close(fd);
}

/* One end becomes a stream of ours, the other the child's. Gives that one. */
static int64_t make_pipe(gyre_subprocess *process, int i, const gyre_subprocess_options *options)
{
    int fds[2], ours, theirs, saved;
    int64_t rc;

    if (pipe2(fds, O_CLOEXEC) < 0)
        return -errno;
    ours = raise_fd(fds[i == 0]);
    saved = errno;
    theirs = raise_fd(fds[i != 0]);
    if (theirs < 0)
        saved = errno;
    rc = ours < 0 || theirs < 0
             ? -saved
             : gyre_stream_new(process->loop, ours, &options->stream, &process->pipes[i]);
    if (rc < 0) {
        close_fd(ours);
        close_fd(theirs);
        return rc;
    }
    return theirs;
}

/*
 * What the child's descriptor i is made from; *out_own says that it is to be closed here
 * afterwards.
 */
static int64_t source_of(gyre_subprocess *process, int i, gyre_subprocess_stdio kind, int given,
                         const gyre_subprocess_options *options, bool *out_own)
{
    int fd;

    *out_own = kind == GYRE_SUBPROCESS_PIPE || kind == GYRE_SUBPROCESS_DEVNULL;
    switch (kind) {
    case GYRE_SUBPROCESS_INHERIT:
        return -1;
    case GYRE_SUBPROCESS_PIPE:
        return make_pipe(process, i, options);
    case GYRE_SUBPROCESS_DEVNULL:
        fd = raise_fd(open("/dev/null", (i == 0 ? O_RDONLY : O_WRONLY) | O_CLOEXEC));
        return fd < 0 ? -errno : fd;
    case GYRE_SUBPROCESS_FD:
        return fcntl(given, F_GETFD) < 0 ? -errno : given;
    case GYRE_SUBPROCESS_STDOUT:
    default:
        return -EINVAL;
    }
}

/* The three sources; on failure none is left open. */
static int64_t open_stdio(gyre_subprocess *process, gyre__launch *launch,
                          const gyre_subprocess_options *options, bool own[3])
{
    const gyre_subprocess_stdio kinds[3] = {options->in, options->out, options->err};
    const int given[3] = {options->in_fd, options->out_fd, options->err_fd};

    launch->merge = options->err == GYRE_SUBPROCESS_STDOUT;
    for (int i = 0; i < 3; i++) {
        int64_t fd;

        own[i] = false;
        launch->stdio[i] = -1;
        if (kinds[i] == GYRE_SUBPROCESS_INHERIT || (i == 2 && launch->merge))
            continue;
        fd = source_of(process, i, kinds[i], given[i], options, &own[i]);
        if (fd < 0) {
            while (i-- > 0)
                if (own[i])
                    close(launch->stdio[i]);
            return fd;
        }
        launch->stdio[i] = (int)fd;
    }
    return 0;
}

/* ---- the rest of the launch ---- */

static const char *path_of(const char *const *environment)
{
    const char *path = NULL;

    if (!environment)
        path = getenv("PATH");
    for (; environment && *environment && !path; environment++)
        if (strncmp(*environment, "PATH=", 5) == 0)
            path = *environment + 5;
    return path ? path : "/bin:/usr/bin";
}

static int64_t check(const char *const *argv, const gyre_subprocess_options *options)
{
    if (!options->loop)
        return GYRE_ENOTASK;
    gyre__check_thread(options->loop, "gyre_subprocess_exec");
    if (options->loop->closing)
        return GYRE_ELOOPCLOSED;
    if (!argv[0] || (options->set_group && (options->group < 0 || options->new_session)))
        return -EINVAL;
    for (size_t i = 0; i < options->pass_fd_count; i++)
        if (fcntl(options->pass_fds[i], F_GETFD) < 0)
            return -errno;
    return 0;
}

static gyre_subprocess *make_process(gyre_loop *loop)
{
    gyre_subprocess *process = gyre_alloc_zeroed(sizeof(*process));

    if (!process)
        return NULL;
    process->loop = loop;
    process->refs = 1;
    process->pidfd = -1;
    gyre__list_init(&process->waiters);
    gyre__loop_keep(loop);
    return process;
}

static void describe(int64_t rc, const gyre__launch *launch)
{
    const char *what = "cannot start a process for", *name = launch->file;

    if (launch->stage == GYRE__LAUNCH_EXEC)
        what = "cannot run";
    else if (launch->stage == GYRE__LAUNCH_CWD)
        what = "cannot change to the directory", name = launch->cwd;
    else if (launch->stage == GYRE__LAUNCH_GROUP)
        what = "cannot set the process group of";
    else if (launch->stage == GYRE__LAUNCH_STDIO)
        what = "cannot set up the descriptors of";
    gyre__error_set(gyre_error_newf(rc, "%s %s: %s", what, name, gyre_strerror(rc)));
}

static int64_t start(gyre_subprocess *process, gyre__launch *launch,
                     const gyre_subprocess_options *options)
{
    bool own[3];
    int64_t rc = open_stdio(process, launch, options, own);

    if (rc < 0)
        return rc;
    rc = gyre__launch_run(launch, &process->pid, &process->pidfd);
    for (int i = 0; i < 3; i++)
        if (own[i])
            close(launch->stdio[i]);
    if (rc < 0)
        describe(rc, launch);
    else
        gyre__subprocess_watch(process);
    return rc;
}

static int64_t run(const char *const *argv, const gyre_subprocess_options *options,
                   gyre_subprocess **out_process)
{
    const char *file = options->executable ? options->executable : argv[0];
    gyre__launch launch = {
        .file = file,
        .argv = argv,
        .environment =
            options->environment ? options->environment : (const char *const *)(uintptr_t)environ,
        .cwd = options->cwd,
        .new_session = options->new_session,
        .set_group = options->set_group,
        .group = options->group,
        .pass_fds = options->pass_fds,
        .pass_fd_count = options->pass_fd_count,
    };
    gyre_subprocess *process = make_process(options->loop);
    int64_t rc;

    if (!process)
        return -ENOMEM;
    if (!strchr(file, '/'))
        launch.search = path_of(options->environment);
    process->own_group = options->new_session || (options->set_group && options->group == 0);
    rc = start(process, &launch, options);
    if (rc < 0) {
        process->ended = true; /* there is nothing to kill */
        gyre_subprocess_free(process);
        return rc;
    }
    *out_process = process;
    return 0;
}

int64_t gyre_subprocess_exec(const char *const *argv, const gyre_subprocess_options *options,
                             gyre_subprocess **out_process)
{
    gyre_subprocess_options copy = options ? *options : (gyre_subprocess_options){.loop = NULL};
    int64_t rc;

    *out_process = NULL;
    copy.loop = copy.loop ? copy.loop : gyre_loop_current();
    rc = check(argv, &copy);
    return rc < 0 ? rc : run(argv, &copy, out_process);
}

int64_t gyre_subprocess_shell(const char *command, const gyre_subprocess_options *options,
                              gyre_subprocess **out_process)
{
    gyre_subprocess_options copy = options ? *options : (gyre_subprocess_options){.loop = NULL};

    if (!copy.executable)
        copy.executable = "/bin/sh";
    return gyre_subprocess_exec(GYRE_ARGV(copy.executable, "-c", command), &copy, out_process);
}

/* ---- pipes ---- */

gyre_stream *gyre_subprocess_stdin(gyre_subprocess *process)
{
    return process->pipes[0];
}

gyre_stream *gyre_subprocess_stdout(gyre_subprocess *process)
{
    return process->pipes[1];
}

gyre_stream *gyre_subprocess_stderr(gyre_subprocess *process)
{
    return process->pipes[2];
}

gyre_stream *gyre__subprocess_take(gyre_subprocess *process, int descriptor)
{
    gyre_stream *stream = process->pipes[descriptor];

    process->pipes[descriptor] = NULL;
    return stream;
}

gyre_stream *gyre_subprocess_take(gyre_subprocess *process, int descriptor)
{
    if (descriptor < 0 || descriptor > 2 || process->communicating)
        return NULL;
    return gyre__subprocess_take(process, descriptor);
}

gyre_await gyre_subprocess_close_stdin(gyre_subprocess *process)
{
    if (process->communicating)
        return gyre__complete(gyre__task_running(__func__), -EBUSY);
    return gyre_stream_close(gyre__subprocess_take(process, 0));
}

/* ---- asking ---- */

pid_t gyre_subprocess_pid(const gyre_subprocess *process)
{
    return process->pid;
}

bool gyre_subprocess_returncode(const gyre_subprocess *process, int *out_code)
{
    if (!process->ended)
        return false;
    if (process->status >= GYRE_SUBPROCESS_SIGNALLED)
        *out_code = -(int)(process->status - GYRE_SUBPROCESS_SIGNALLED);
    else
        *out_code =
            process->status < 0 ? 255 : (int)process->status; /* asyncio's for a lost status */
    return true;
}
