/*
 * The insides of workers: workers.c is the master, workers_start.c starts one worker and is what
 * runs in it, workers_mail.c has the messages between them.
 */
#ifndef GYRE_NET_WORKERS_INTERNAL_H
#define GYRE_NET_WORKERS_INTERNAL_H

#include <pthread.h>
#include <signal.h>

#include "../task/task_internal.h"
#include "workers.h"

/* What a worker tells its master through a pipe: one write each, so never in parts. */
struct gyre__workers_note {
    enum { GYRE__NOTE_READY, GYRE__NOTE_ENDED } kind;
    int64_t value; /* what the coroutine gave */
    char text[104]; /* of its error */
};

/* What a worker knows of itself. */
struct gyre__workers_self {
    unsigned index, count;
    int notes;            /* its end of the pipe */
    int mail_in;          /* its mailbox */
    const int *mail_out;  /* everybody's, where messages go in */
};

/* In its thread; NULL elsewhere. */
extern _Thread_local const struct gyre__workers_self *gyre__workers_self;

/* A worker that is a thread; lives until that is joined. */
struct gyre__workers_thread;

/* One worker as its master sees it. */
struct gyre__workers_one {
    bool alive;
    bool ready;
    bool told;            /* to end */
    bool killed;
    bool noted_end;       /* `note` is its last one */
    unsigned index;
    pid_t pid;
    int pidfd;            /* -1 where there is none */
    int notes;            /* our end of the pipe */
    struct gyre__workers_thread *thread; /* NULL: a process */
    struct gyre__workers_note note;
    uint64_t started_at, kill_at;
};

/* A place that always shall have a worker. */
struct gyre__workers_slot {
    struct gyre__workers_one current;
    struct gyre__workers_one fresh; /* will take its place */
    uint64_t restart_at;  /* 0: not to be restarted */
    int64_t backoff;
    unsigned restarts;    /* in a row */
};

/* The master. */
typedef struct gyre__workers_master {
    gyre_workers_options options;
    const gyre_coro *coro;
    const void *args;
    const char *file;
    unsigned line;
    unsigned count;
    struct gyre__workers_slot *slots;
    int *mail_in, *mail_out;
    struct pollfd *fds;
    int signals;          /* signalfd */
    sigset_t before;      /* what was blocked */
    bool stopping;
    int roll;             /* the slot that is being replaced; -1: none */
    bool roll_again;
    unsigned killed;
    int64_t failure;      /* why it gave up */
    gyre_error *detail;
} gyre__workers_master;

/* workers_start.c: starts one; on success everything in *one is set. */
int64_t gyre__workers_start(gyre__workers_master *master, unsigned index,
                            struct gyre__workers_one *one);
/* To one that is a process. */
void gyre__workers_signal(const struct gyre__workers_one *one, int number);
/* Asks it to end: SIGTERM, or a cancellation. */
void gyre__workers_ask(struct gyre__workers_one *one);
/*
 * Reads what it has told; true when it has ended (it is reaped then). *out_crashed: not with a
 * value.
 */
bool gyre__workers_look(struct gyre__workers_one *one, bool *out_crashed);

/* workers_mail.c: the mailboxes. */
int64_t gyre__workers_open_mail(gyre__workers_master *master);
void gyre__workers_close_mail(gyre__workers_master *master);

#endif
