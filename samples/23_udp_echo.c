/* UDP: a server that answers each datagram, and a client that asks again when no answer comes. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <gyre/gyre.h>

/* Answers, but lets every other datagram go by, as networks do. */
struct answer {
    gyre_frame frame;
    gyre_udp *udp;
    gyre_address from;
    char buffer[512];
    unsigned seen;
    int64_t n;
};
GYRE_CORO(answer)
{
    GYRE_BEGIN;
    for (;;) {
        GYRE_TRY(self->n, gyre_udp_recv(self->udp, self->buffer, sizeof(self->buffer), &self->from));
        if (self->seen++ % 2)
            GYRE_TRY(gyre_udp_send(self->udp, self->buffer, (size_t)self->n, &self->from));
    }
    GYRE_END;
}

struct ask {
    gyre_frame frame;
    gyre_udp *server, *client;
    gyre_address address;
    gyre_task *task;
    char reply[512];
    int tries, question;
    int64_t n;
};
GYRE_CORO(ask)
{
    GYRE_BEGIN;
    if (gyre_address_parse(&self->address, "127.0.0.1", 0) < 0)
        GYRE_RETURN(-EINVAL);
    self->n = gyre_udp_open(gyre_loop_current(), &(gyre_udp_options){.local = &self->address}, &self->server);
    if (self->n >= 0)
        self->n = gyre_udp_local(self->server, &self->address);
    if (self->n >= 0)
        self->n = gyre_udp_open(gyre_loop_current(), &(gyre_udp_options){.peer = &self->address}, &self->client);
    if (self->n < 0)
        GYRE_RETURN(self->n);
    self->task = GYRE_SPAWN(answer, .udp = self->server);
    for (self->question = 1; self->question <= 3; self->question++) {
        self->tries = 0;
        do {
            self->tries++;
            GYRE_TRY(gyre_udp_send(self->client, "ping", 4, NULL));
            GYRE_AWAIT(self->n, gyre_wait_for(gyre_udp_recv(self->client, self->reply,
                                                            sizeof(self->reply), NULL),
                                              GYRE_MS(20)));
        } while (self->n == GYRE_ETIMEOUT);
        printf("question %d: %.*s after %d tries\n", self->question, (int)self->n, self->reply, self->tries);
    }
    GYRE_FINALLY;
    if (self->task) {
        gyre_task_cancel(self->task);
        GYRE_AWAIT(self->n, self->task);
    }
    gyre_task_unref(self->task);
    gyre_udp_close(self->server);
    gyre_udp_close(self->client);
    GYRE_END;
}

int main(void)
{
    int64_t rc = GYRE_RUN(ask);

    if (rc < 0)
        fprintf(stderr, "udp echo: %s\n", gyre_strerror(rc));
    return rc < 0;
}
