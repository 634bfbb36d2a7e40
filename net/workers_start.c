/* One worker: starting it as a process or a thread, what runs in it, and how its end is noticed. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../loop/alloc.h"
#include "workers_internal.h"

struct gyre__workers_thread {
    gyre__workers_master *master; /* unchanging while threads run, as far as they look at it */
    struct gyre__workers_self self;
    pthread_t thread;
    pthread_mutex_t lock; /* around the rest */
    gyre_loop *loop;      /* while the main task runs */
    gyre_task *main;
    bool asked; /* to end */
    bool posted;
    gyre__post post; /* brings the request into the loop */
};

_Thread_local const struct gyre__workers_self *gyre__workers_self;

/* ---- in the worker ---- */

static void write_note(const struct gyre__workers_self *self, const struct gyre__workers_note *note)
{
    ssize_t n;

    do
        n = write(self->notes, note, sizeof(*note));
    while (n < 0 && errno == EINTR);
}

static void note_end(const struct gyre__workers_self *self, int64_t value)
{
    struct gyre__workers_note note;
    const gyre_error *detail = gyre_error_current();

    memset(&note, 0, sizeof(note));
    note.kind = GYRE__NOTE_ENDED;
    note.value = value;
    if (value < 0)
        snprintf(note.text, sizeof(note.text), "%s",
                 gyre_error_code(detail) == value ? gyre_error_text(detail) : gyre_strerror(value));
    write_note(self, &note);
}

void gyre_worker_ready(void)
{
    struct gyre__workers_note note;

    if (!gyre__workers_self)
        return;
    memset(&note, 0, sizeof(note));
    note.kind = GYRE__NOTE_READY;
    write_note(gyre__workers_self, &note);
}

int gyre_worker_index(void)
{
    return gyre__workers_self ? (int)gyre__workers_self->index : -1;
}

unsigned gyre_worker_count(void)
{
    return gyre__workers_self ? gyre__workers_self->count : 0;
}

static struct gyre__workers_self self_of(const gyre__workers_master *master, unsigned index,
                                         int notes)
{
    return (struct gyre__workers_self){.index = index,
                                       .count = master->count,
                                       .notes = notes,
                                       .mail_in = master->mail_in[index],
                                       .mail_out = master->mail_out};
}

/* ---- as a process ---- */

static void close_one(const struct gyre__workers_one *one)
{
    if (!one->alive)
        return;
    close(one->notes);
    if (one->pidfd >= 0)
        close(one->pidfd);
}

/* What is the master's, and other workers'. */
static void close_rest(const gyre__workers_master *master, unsigned index)
{
    close(master->signals);
    for (unsigned i = 0; i < master->count; i++) {
        close_one(&master->slots[i].current);
        close_one(&master->slots[i].fresh);
        if (i != index)
            close(master->mail_in[i]);
    }
}

/*
 * SIGINT and SIGHUP of a terminal reach the whole group: here they mean nothing, as the master
 * passes on what they mean, once.
 */
static _Noreturn void run_process(gyre__workers_master *master, unsigned index, int notes,
                                  pid_t parent)
{
    struct gyre__workers_self self = self_of(master, index, notes);
    int64_t rc;

    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != parent)
        _exit(1);
    close_rest(master, index);
    signal(SIGINT, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
    pthread_sigmask(SIG_SETMASK, &master->before, NULL);
    gyre__workers_self = &self;
    rc = gyre__run(&master->options.run, master->coro, master->args, master->file, master->line);
    note_end(&self, rc);
    gyre_error_clear();
    fflush(NULL);
    _exit(rc < 0);
}

static int64_t start_process(gyre__workers_master *master, struct gyre__workers_one *one,
                             const int pipe[2])
{
    pid_t parent = getpid(), pid;

    fflush(NULL);
    pid = fork();
    if (pid < 0)
        return -errno;
    if (pid == 0) {
        close(pipe[0]);
        run_process(master, one->index, pipe[1], parent);
    }
    one->pid = pid;
    one->pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
    return 0;
}

/* ---- as a thread ---- */

/* The main task of a thread's loop: what the master can cancel. */
struct worker_main {
    gyre_frame frame;
    struct gyre__workers_thread *thread;
    int64_t rc;
};

static void register_main(struct gyre__workers_thread *thread, gyre_task *task)
{
    pthread_mutex_lock(&thread->lock);
    thread->loop = gyre_loop_current();
    thread->main = task;
    if (thread->asked && !thread->posted)
        gyre_task_cancel(task);
    pthread_mutex_unlock(&thread->lock);
}

static void unregister_main(struct gyre__workers_thread *thread)
{
    pthread_mutex_lock(&thread->lock);
    thread->loop = NULL;
    thread->main = NULL;
    pthread_mutex_unlock(&thread->lock);
}

GYRE_CORO(worker_main)
{
    GYRE_BEGIN;
    self->frame.leaf = true;
    register_main(self->thread, gyre_task_current());
    GYRE_TRY(self->rc, gyre__call(self->thread->master->coro, self->thread->master->args));
    GYRE_RETURN(self->rc);
    GYRE_FINALLY;
    unregister_main(self->thread);
    GYRE_END;
}

/* Arrives in the loop; its main task may have ended meanwhile. */
static void on_request(gyre__node *node)
{
    struct gyre__workers_thread *thread =
        GYRE__CONTAINER(node, struct gyre__workers_thread, post.node);

    if (thread->main) /* written in this thread only */
        gyre_task_cancel(thread->main);
}

static void *run_thread(void *arg)
{
    struct gyre__workers_thread *thread = arg;
    int64_t rc;

    gyre__workers_self = &thread->self;
    rc = gyre__run(&thread->master->options.run, &worker_main_coro,
                   &(struct worker_main){.frame = {.coro = &worker_main_coro}, .thread = thread},
                   thread->master->file, thread->master->line);
    note_end(&thread->self, rc);
    gyre_error_clear();
    gyre__workers_self = NULL;
    return NULL;
}

static int64_t start_thread(gyre__workers_master *master, struct gyre__workers_one *one,
                            const int pipe[2])
{
    struct gyre__workers_thread *thread = gyre_alloc_zeroed(sizeof(*thread));
    int rc;

    if (!thread)
        return -ENOMEM;
    thread->master = master;
    thread->self = self_of(master, one->index, pipe[1]);
    thread->post.node.run = on_request;
    pthread_mutex_init(&thread->lock, NULL);
    rc = pthread_create(&thread->thread, NULL, run_thread, thread);
    if (rc) {
        pthread_mutex_destroy(&thread->lock);
        gyre_free(thread);
        return -rc;
    }
    one->thread = thread;
    one->pid = getpid();
    return 0;
}

static void ask_thread(struct gyre__workers_thread *thread)
{
    pthread_mutex_lock(&thread->lock);
    thread->asked = true;
    if (thread->loop && !thread->posted) {
        thread->posted = true;
        gyre__post_push(thread->loop, &thread->post);
    }
    pthread_mutex_unlock(&thread->lock);
}

/* ---- as the master sees it ---- */

int64_t gyre__workers_start(gyre__workers_master *master, unsigned index,
                            struct gyre__workers_one *one)
{
    int pipe[2];
    int64_t rc;

    *one = (struct gyre__workers_one){.index = index, .pidfd = -1, .started_at = gyre__monotonic()};
    if (pipe2(pipe, O_CLOEXEC) < 0)
        return -errno;
    fcntl(pipe[0], F_SETFL, O_NONBLOCK);
    rc = master->options.threads ? start_thread(master, one, pipe)
                                 : start_process(master, one, pipe);
    if (!one->thread)
        close(pipe[1]); /* else it is the thread's, in this process */
    if (rc < 0) {
        close(pipe[0]);
        return rc;
    }
    one->notes = pipe[0];
    one->alive = true;
    return 0;
}

/* Where SIGCHLD is ignored nobody reaps it: its number may be another process's by now. */
void gyre__workers_signal(const struct gyre__workers_one *one, int number)
{
    if (one->pidfd < 0 || (syscall(SYS_pidfd_send_signal, one->pidfd, number, NULL, 0) < 0 &&
                           errno == ENOSYS))
        kill(one->pid, number);
}

void gyre__workers_ask(struct gyre__workers_one *one)
{
    if (one->thread)
        ask_thread(one->thread);
    else
        gyre__workers_signal(one, SIGTERM);
}

static void read_notes(struct gyre__workers_one *one)
{
    struct gyre__workers_note note;

    while (read(one->notes, &note, sizeof(note)) == (ssize_t)sizeof(note)) {
        if (note.kind == GYRE__NOTE_READY)
            one->ready = true;
        else
            one->note = note, one->noted_end = true;
    }
}

static void describe_signal(struct gyre__workers_one *one, int number)
{
    const char *name = sigabbrev_np(number);

    snprintf(one->note.text, sizeof(one->note.text), "killed by SIG%s", name ? name : "?");
    one->note.value = GYRE_EWORKERDIED;
}

/* The status of a process that said nothing, or that was killed after it had said its last word. */
static void complete_note(struct gyre__workers_one *one, int status)
{
    if (WIFSIGNALED(status)) {
        describe_signal(one, WTERMSIG(status));
    } else if (!one->noted_end) {
        snprintf(one->note.text, sizeof(one->note.text), "exited with status %d",
                 WEXITSTATUS(status));
        one->note.value = WEXITSTATUS(status) ? GYRE_EWORKERDIED : 0;
    }
}

static bool process_ended(struct gyre__workers_one *one)
{
    int status = 0;
    pid_t pid;

    do
        pid = waitpid(one->pid, &status, WNOHANG);
    while (pid < 0 && errno == EINTR);
    if (pid == 0)
        return false;
    read_notes(one); /* what it wrote last */
    if (pid > 0) {
        complete_note(one, status);
    } else if (!one->noted_end) { /* SIGCHLD is ignored: nobody knows how it ended */
        snprintf(one->note.text, sizeof(one->note.text), "ended without a word");
        one->note.value = GYRE_EWORKERDIED;
    }
    return true;
}

static bool thread_ended(struct gyre__workers_one *one)
{
    if (!one->noted_end)
        return false;
    pthread_join(one->thread->thread, NULL);
    close(one->thread->self.notes);
    pthread_mutex_destroy(&one->thread->lock);
    gyre_free(one->thread);
    one->thread = NULL;
    return true;
}

bool gyre__workers_look(struct gyre__workers_one *one, bool *out_crashed)
{
    read_notes(one);
    if (one->thread ? !thread_ended(one) : !process_ended(one))
        return false;
    close_one(one);
    one->alive = false;
    *out_crashed = one->note.value < 0;
    return true;
}
