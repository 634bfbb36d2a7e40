/*
 * The subprocess's insides: subprocess.c starts one, subprocess_launch.c is what happens between
 * this process and the program, subprocess_watch.c has its end, subprocess_communicate.c and
 * subprocess_protocol.c its pipes.
 */
#ifndef GYRE_NET_SUBPROCESS_INTERNAL_H
#define GYRE_NET_SUBPROCESS_INTERNAL_H

#include "../task/task_internal.h"
#include "stream_internal.h"
#include "subprocess.h"
#include "transport.h"

/* ---- launching ---- */

/* Where a launch failed. */
enum gyre__launch_stage {
    GYRE__LAUNCH_CLONE,
    GYRE__LAUNCH_GROUP,
    GYRE__LAUNCH_CWD,
    GYRE__LAUNCH_STDIO,
    GYRE__LAUNCH_EXEC,
};

/* What the child does before it becomes the program. Everything is borrowed. */
typedef struct gyre__launch {
    const char *file;         /* name or path of the program */
    const char *search;       /* directories to look in, as in PATH; NULL: `file` is a path */
    const char *const *argv;
    const char *const *environment;
    const char *cwd;          /* or NULL */
    int stdio[3];             /* what 0, 1 and 2 become; -1: left as it is */
    bool merge;               /* 2 becomes what 1 is */
    bool new_session, set_group;
    pid_t group;
    const int *pass_fds;
    size_t pass_fd_count;
    enum gyre__launch_stage stage; /* of the failure */
} gyre__launch;

/*
 * Runs it: *out_pid, and *out_pidfd (-1 where the kernel has no such thing). -errno, with
 * launch->stage.
 */
int64_t gyre__launch_run(gyre__launch *launch, pid_t *out_pid, int *out_pidfd);

/* For tests: do as where the kernel has no pidfd, no close_range. */
extern bool gyre__launch_without_pidfd, gyre__launch_without_close_range;

/* ---- the process ---- */

/* Output of one pipe, as far as communicate has come. */
struct gyre__collected {
    char *data;
    size_t size, capacity;
};

/* One pipe of a process with a protocol. */
struct gyre__pipe_face {
    gyre_subprocess *process; /* reference */
    gyre_transport *transport; /* NULL: lost, or none */
    int descriptor;
};

struct gyre_subprocess {
    gyre_loop *loop;
    unsigned refs;         /* of the owner, the poll, the timer, waiting tasks, pipe faces */
    pid_t pid;
    int pidfd;             /* -1: there is none (any more) */
    bool own_group;
    bool ended;            /* reaped: the pid means nothing any more */
    bool given_up;         /* by its owner */
    int64_t status;        /* what wait gives, once it has ended */

    gyre__op poll;         /* on the pidfd */
    bool polling;          /* until its completion was handled; holds a reference */
    gyre__timer look;      /* where polling is not possible; a reference while it is set or due */
    int64_t look_delay;
    gyre__link waiters;    /* tasks in wait */
    gyre__close_hook hook; /* until it has ended */

    gyre_stream *pipes[3];
    struct gyre__collected collected[2]; /* of stdout, stderr; as long as it: reads write there */
    size_t fed;            /* bytes of the input that stdin took over */
    bool communicating;

    const gyre_subprocess_protocol *protocol;
    void *self;
    bool exit_told;
    gyre__node tell;       /* for a protocol set after the end; a reference while it is queued */
    struct gyre__pipe_face faces[2];
};

void gyre__subprocess_unref(gyre_subprocess *process);

/* subprocess_watch.c: notices the end from now on; cannot fail. */
void gyre__subprocess_watch(gyre_subprocess *process);

/* Kills and reaps within the call, for at most some seconds. */
void gyre__subprocess_end_now(gyre_subprocess *process);

/* The stream, moved out. */
gyre_stream *gyre__subprocess_take(gyre_subprocess *process, int descriptor);

/* subprocess_protocol.c: it has ended; the owner lets go. */
void gyre__subprocess_tell_exit(gyre_subprocess *process);
void gyre__subprocess_drop_faces(gyre_subprocess *process);

#endif
