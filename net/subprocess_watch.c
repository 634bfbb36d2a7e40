/*
 * The end of a subprocess: noticed through its pidfd, told to who waits, brought about when
 * nobody wants it any more.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../loop/alloc.h"
#include "subprocess_internal.h"

enum {
    FIRST_LOOK_MS =
        1, /* where nothing tells of the end: time until the first look, doubled up to the last */
    LAST_LOOK_MS = 50,
    LAST_WAIT_MS = 5000, /* how long closing waits for a killed child: it may hang in the kernel */
    BY_PIDFD = 3,        /* P_PIDFD, an enumerator that older headers lack */
};

void gyre__subprocess_unref(gyre_subprocess *process)
{
    gyre_loop *loop = process->loop;

    if (--process->refs)
        return;
    for (int i = 0; i < 2; i++)
        gyre_free(process->collected[i].data);
    gyre_free(process);
    gyre__loop_drop(loop);
}

/* ---- noticing ---- */

static void close_pidfd(gyre_subprocess *process)
{
    if (process->pidfd >= 0 && !process->polling) {
        close(process->pidfd);
        process->pidfd = -1;
    }
}

static void drop_timer(gyre_subprocess *process)
{
    if (gyre__timer_is_set(&process->look)) {
        gyre__timers_remove(&process->loop->timers, &process->look);
        gyre__subprocess_unref(process);
    }
}

static void wake_waiters(gyre_subprocess *process)
{
    for (gyre__link *link = process->waiters.next; link != &process->waiters; link = link->next)
        gyre__wake_task(gyre__slot_task(link));
}

/* The caller holds a reference. */
static void set_ended(gyre_subprocess *process, int64_t status)
{
    process->ended = true;
    process->status = status;
    gyre__list_remove(&process->hook.link);
    drop_timer(process);
    close_pidfd(process);
    wake_waiters(process);
    gyre__subprocess_tell_exit(process);
}

static int64_t status_of(const siginfo_t *info)
{
    return info->si_code == CLD_EXITED ? info->si_status & 0xff
                                       : GYRE_SUBPROCESS_SIGNALLED + info->si_status;
}

/* Reaps it if it has ended. */
static bool look(gyre_subprocess *process)
{
    siginfo_t info = {.si_pid = 0};
    bool by_fd = process->pidfd >= 0;
    int rc;

    if (process->ended)
        return true;
    do
        rc = waitid(by_fd ? (idtype_t)BY_PIDFD : P_PID,
                    by_fd ? (id_t)process->pidfd : (id_t)process->pid, &info, WEXITED | WNOHANG);
    while (rc < 0 && errno == EINTR);
    if (rc < 0 && by_fd && errno == EINVAL) /* a kernel that has pidfds but cannot wait for them */
        rc = waitid(P_PID, (id_t)process->pid, &info, WEXITED | WNOHANG);
    if (rc < 0)
        set_ended(process, -errno);
    else if (info.si_pid)
        set_ended(process, status_of(&info));
    return process->ended;
}

static void look_later(gyre_subprocess *process)
{
    if (gyre__timer_is_set(&process->look))
        return;
    process->look_delay = process->look_delay ? 2 * process->look_delay : GYRE_MS(FIRST_LOOK_MS);
    if (process->look_delay > GYRE_MS(LAST_LOOK_MS))
        process->look_delay = GYRE_MS(LAST_LOOK_MS);
    process->refs++;
    gyre__timers_add(&process->loop->timers, &process->look,
                     gyre__deadline(process->loop, process->look_delay), 0);
}

static void on_timer(gyre__node *node)
{
    gyre_subprocess *process = GYRE__CONTAINER(node, gyre_subprocess, look.node);

    if (!look(process) && !process->loop->closing)
        look_later(process);
    gyre__subprocess_unref(process);
}

static bool start_poll(gyre_subprocess *process)
{
    const gyre__request request = {.verb = GYRE__OP_POLL, .fd = process->pidfd, .flags = POLLIN};

    if (process->pidfd < 0 || gyre__op_start(process->loop, &process->poll, &request) < 0)
        return false;
    process->polling = true;
    process->refs++;
    return true;
}

static void polled(gyre__node *node)
{
    gyre_subprocess *process = GYRE__CONTAINER(node, gyre_subprocess, poll.node);

    process->polling = false;
    if (look(process)) /* or it was found to have ended before */
        close_pidfd(process);
    else if (!process->loop->closing && (process->poll.res < 0 || !start_poll(process)))
        look_later(process);
    gyre__subprocess_unref(process); /* the poll's */
}

static void on_loop_close(gyre_loop *loop, gyre__close_hook *hook)
{
    gyre_subprocess *process = GYRE__CONTAINER(hook, gyre_subprocess, hook);

    (void)loop;
    process->refs++;
    gyre__subprocess_end_now(process);
    gyre__subprocess_unref(process);
}

void gyre__subprocess_watch(gyre_subprocess *process)
{
    gyre__op_init(&process->poll, polled, NULL);
    gyre__timer_init(&process->look, on_timer);
    process->hook.close = on_loop_close;
    gyre__list_append(&process->loop->close_hooks, &process->hook.link);
    if (!start_poll(process))
        look_later(process);
}

/* ---- bringing it about ---- */

static int64_t send_signal(gyre_subprocess *process, int number)
{
    int64_t rc;

    if (process->ended)
        return -ESRCH;
    if (process->pidfd >= 0 && syscall(SYS_pidfd_send_signal, process->pidfd, number, NULL, 0) == 0)
        return 0;
    rc = process->pidfd >= 0 ? -errno : -ENOSYS;
    if (rc ==
        -ENOSYS) /* not reaped yet, and only this thread reaps: the number is still the child's */
        rc = kill(process->pid, number) < 0 ? -errno : 0;
    return rc;
}

void gyre__subprocess_end_now(gyre_subprocess *process)
{
    struct pollfd fd = {.fd = process->pidfd, .events = POLLIN};

    drop_timer(process);
    send_signal(process, SIGKILL);
    if (process->pidfd >= 0)
        while (poll(&fd, 1, LAST_WAIT_MS) < 0 && errno == EINTR)
            ;
    for (int i = 0; !look(process) && process->pidfd < 0 && i < LAST_WAIT_MS; i++)
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    if (!process->ended)
        set_ended(process, -ECHILD); /* it hangs in the kernel, and stays there without us */
}

static void check_thread(const gyre_subprocess *process, const char *function)
{
    if (!process->loop->closed)
        gyre__check_thread(process->loop, function);
}

int64_t gyre_subprocess_send_signal(gyre_subprocess *process, int signal_number)
{
    check_thread(process, __func__);
    return send_signal(process, signal_number);
}

int64_t gyre_subprocess_terminate(gyre_subprocess *process)
{
    return gyre_subprocess_send_signal(process, SIGTERM);
}

int64_t gyre_subprocess_kill(gyre_subprocess *process)
{
    return gyre_subprocess_send_signal(process, SIGKILL);
}

int64_t gyre_subprocess_signal_group(gyre_subprocess *process, int signal_number)
{
    check_thread(process, __func__);
    if (!process->own_group)
        return -EINVAL;
    if (process->ended)
        return -ESRCH;
    return kill(-process->pid, signal_number) < 0 ? -errno : 0;
}

void gyre_subprocess_free(gyre_subprocess *process)
{
    if (!process)
        return;
    check_thread(process, __func__);
    gyre__subprocess_drop_faces(process);
    for (int i = 0; i < 3; i++) {
        gyre_stream_abort(process->pipes[i]);
        process->pipes[i] = NULL;
    }
    process->given_up = true;
    if (!process->ended && process->loop->closing)
        gyre__subprocess_end_now(process);
    else if (!process->ended)
        send_signal(process, SIGKILL); /* the watch reaps it */
    wake_waiters(process);
    gyre__subprocess_unref(process);
}

/* ---- waiting ---- */

static int64_t finish_wait(gyre_task *task)
{
    gyre_subprocess *process = task->wait.slot.data;
    int64_t rc = gyre__wait_result(task);

    gyre__list_remove(&task->wait.slot.link);
    if (rc == 0)
        rc = process->ended ? process->status : -ECHILD;
    gyre__subprocess_unref(process);
    return rc;
}

static const gyre__wait_kind wait_end = {
    .what = "the end of a subprocess", .cancel = gyre__cancel_wait, .finish = finish_wait};

gyre_await gyre_subprocess_wait(gyre_subprocess *process)
{
    gyre_task *task = gyre__task_running(__func__);

    if (process->ended)
        return gyre__complete(task, process->status);
    if (!gyre__may_park(task))
        return gyre__complete(task, GYRE_ECANCELLED);
    process->refs++;
    task->wait.slot.data = process;
    gyre__list_append(&process->waiters, &task->wait.slot.link);
    return gyre__park_slot(task, &wait_end, process);
}
