/*
 * Mail between workers under torture: messages and descriptors, with each step failing in turn;
 * none is lost or left open.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../../net/workers_internal.h"
#include "../../task/timeout.h"
#include "../support/torture.h"

static int ends[2] = {-1, -1};
static const struct gyre__workers_self self_of_all = {.index = 0, .count = 1, .mail_out = &ends[1]};
static struct gyre__workers_self worker;

/* This process is its own and only worker. */
static int64_t open_mail(gyre_loop *loop)
{
    (void)loop;
    if (socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, ends) < 0)
        return -errno;
    worker = self_of_all;
    worker.mail_in = ends[0];
    gyre__workers_self = &worker;
    return 0;
}

/* With what is still in it. */
static void close_mail(void)
{
    for (int i = 0; i < 2; i++)
        if (ends[i] >= 0)
            close(ends[i]);
    ends[0] = ends[1] = -1;
    gyre__workers_self = NULL;
}

struct sender {
    gyre_frame frame;
    int fd, i;
};
GYRE_CORO(sender)
{
    GYRE_BEGIN;
    for (self->i = 0; self->i < 6; self->i++)
        GYRE_TRY(gyre_worker_send(0, "letter", 6, self->i % 2 ? self->fd : -1));
    GYRE_END;
}

struct exchange {
    gyre_frame frame;
    gyre_task *sender;
    gyre_worker_message message;
    char text[8];
    int fd, i, got;
    int64_t n;
};
GYRE_CORO(exchange)
{
    GYRE_BEGIN;
    self->message.fd = -1;
    self->fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    self->sender = GYRE_SPAWN(sender, .fd = self->fd);
    if (!self->sender)
        GYRE_RETURN(-ENOMEM);
    for (self->i = 0; self->i < 6; self->i++) {
        GYRE_TRY(self->n,
                 gyre_wait_for(gyre_worker_receive(self->text, 8, &self->message), GYRE_MS(100)));
        self->got += self->n == 6 && memcmp(self->text, "letter", 6) == 0 &&
                     (self->message.fd >= 0) == (self->i % 2 == 1);
        if (self->message.fd >= 0)
            close(self->message.fd);
        self->message.fd = -1;
    }
    GYRE_TRY(self->sender);
    GYRE_RETURN(self->got);
    GYRE_FINALLY;
    if (self->message.fd >= 0)
        close(self->message.fd);
    if (self->sender) {
        gyre_task_cancel(self->sender);
        GYRE_AWAIT(self->n, self->sender); /* it uses our descriptor */
        gyre_task_unref(self->sender);
    }
    if (self->fd >= 0)
        close(self->fd);
    GYRE_END;
}

int main(int argc, char **argv)
{
    const torture_scenario scenarios[] = {
        /* A result that is replaced takes the descriptor that came with it along. */
        {.name = "exchange",
         .coro = &exchange_coro,
         .args = &(const struct exchange){.frame = {.coro = &exchange_coro}, .fd = -1},
         .flags = TORTURE_IO | TORTURE_NO_EIO | TORTURE_NO_ECANCELED,
         .expect = 6,
         .setup = open_mail,
         .teardown = close_mail},
    };

    return torture_main(argc, argv, scenarios, sizeof(scenarios) / sizeof(scenarios[0]));
}
