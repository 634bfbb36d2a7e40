/* UDP endpoints: addresses, cut datagrams, connected peers, full queues, segments, and closing. */
#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "net/udp.h"
#include "task/run.h"
#include "task/sleep.h"
#include "task/timeout.h"

static gyre_udp *open_on_loopback(const gyre_address *peer, size_t limit)
{
    gyre_address local;
    gyre_udp *udp;

    assert_int_equal(gyre_address_parse(&local, "127.0.0.1", 0), 0);
    assert_int_equal(gyre_udp_open(gyre_loop_current(),
                                   &(gyre_udp_options){.local = &local, .peer = peer, .queue_limit = limit},
                                   &udp),
                     0);
    return udp;
}

struct recv_task {
    gyre_frame frame;
    gyre_udp *udp;
    char buffer[16];
    int64_t rc;
};
GYRE_CORO(recv_task)
{
    GYRE_BEGIN;
    GYRE_AWAIT(self->rc, gyre_udp_recv(self->udp, self->buffer, sizeof(self->buffer), NULL));
    GYRE_RETURN(self->rc);
    GYRE_END;
}

struct main_datagrams {
    gyre_frame frame;
    gyre_udp *a, *b;
    gyre_address to, from, own;
    gyre_task *reader;
    char buffer[2048], big[70000];
    int i;
    int64_t n;
};
GYRE_CORO(main_datagrams)
{
    GYRE_BEGIN;
    self->a = open_on_loopback(NULL, 0);
    self->b = open_on_loopback(NULL, 0);
    assert_int_equal(gyre_udp_local(self->b, &self->to), 0);
    assert_int_equal(gyre_udp_local(self->a, &self->own), 0);
    GYRE_AWAIT(self->n, gyre_udp_send(self->a, "hello", 5, &self->to));
    assert_int_equal(self->n, 5);
    GYRE_AWAIT(self->n, gyre_udp_recv(self->b, self->buffer, sizeof(self->buffer), &self->from));
    assert_int_equal(self->n, 5);
    assert_memory_equal(self->buffer, "hello", 5);
    assert_true(gyre_address_equal(&self->from, &self->own));
    /* An empty one, a cut one. */
    GYRE_AWAIT(self->n, gyre_udp_send(self->a, "", 0, &self->to));
    GYRE_AWAIT(self->n, gyre_udp_recv(self->b, self->buffer, sizeof(self->buffer), NULL));
    assert_int_equal(self->n, 0);
    memset(self->big, 'x', sizeof(self->big));
    GYRE_AWAIT(self->n, gyre_udp_send(self->a, self->big, 1000, &self->to));
    GYRE_AWAIT(self->n, gyre_udp_recv(self->b, self->buffer, 10, NULL));
    assert_int_equal(self->n, 1000);
    GYRE_AWAIT(self->n, gyre_udp_send(self->a, self->big, 9000, &self->to));
    GYRE_AWAIT(self->n, gyre_udp_recv(self->b, self->buffer, sizeof(self->buffer), NULL));
    assert_int_equal(self->n, 9000);
    /* Without an address, and too large. */
    GYRE_AWAIT(self->n, gyre_udp_send(self->a, "x", 1, NULL));
    assert_int_equal(self->n, -EDESTADDRREQ);
    assert_int_equal(gyre_udp_send_now(self->a, self->big, 70000, &self->to), -EMSGSIZE);
    /* A reader parks, a second one may not, a cancelled one loses nothing. */
    self->reader = GYRE_SPAWN(recv_task, .udp = self->b);
    GYRE_AWAIT(self->n, gyre_sleep(0));
    GYRE_AWAIT(self->n, gyre_udp_recv(self->b, self->buffer, 1, NULL));
    assert_int_equal(self->n, -EBUSY);
    assert_int_equal(gyre_udp_send_now(self->a, "late", 4, &self->to), 4);
    gyre_task_cancel(self->reader);
    GYRE_AWAIT(self->n, self->reader);
    assert_int_equal(self->n, GYRE_ECANCELLED);
    gyre_task_unref(self->reader);
    GYRE_AWAIT(self->n, gyre_udp_recv(self->b, self->buffer, sizeof(self->buffer), NULL));
    assert_int_equal(self->n, 4);
    /* Segments arrive as datagrams. */
    GYRE_AWAIT(self->n, gyre_udp_send_segments(self->a, self->big, 2500, 1000, &self->to));
    assert_int_equal(self->n, 2500);
    for (self->i = 0; self->i < 3; self->i++) {
        GYRE_AWAIT(self->n, gyre_udp_recv(self->b, self->buffer, sizeof(self->buffer), NULL));
        assert_int_equal(self->n, self->i < 2 ? 1000 : 500);
    }
    GYRE_AWAIT(self->n, gyre_udp_send_segments(self->a, self->big, 9000, 0, &self->to));
    assert_int_equal(self->n, -EINVAL);
    GYRE_AWAIT(self->n, gyre_udp_send_segments(self->a, self->big, 9000, 10, &self->to));
    assert_int_equal(self->n, -EINVAL);
    /* Closed while a task reads. */
    self->reader = GYRE_SPAWN(recv_task, .udp = self->b);
    GYRE_AWAIT(self->n, gyre_sleep(0));
    gyre_udp_close(self->b);
    GYRE_AWAIT(self->n, self->reader);
    assert_int_equal(self->n, -EBADF);
    gyre_task_unref(self->reader);
    gyre_udp_close(self->a);
    gyre_udp_close(NULL);
    GYRE_END;
}
static void datagrams(void **state)
{
    (void)state;
    assert_int_equal(GYRE_RUN(main_datagrams), 0);
}

/* Datagrams of any size, one at a time. */
struct main_large {
    gyre_frame frame;
    gyre_udp *a, *b;
    gyre_address to;
    char big[60000], buffer[60000];
    int i;
    int64_t n;
};
GYRE_CORO(main_large)
{
    GYRE_BEGIN;
    self->a = open_on_loopback(NULL, 0);
    assert_int_equal(gyre_udp_local(self->a, &self->to), 0);
    gyre_address_set_port(&self->to, 0);
    assert_int_equal(gyre_udp_open(gyre_loop_current(),
                                   &(gyre_udp_options){.local = &self->to, .max_size = 65507}, &self->b),
                     0);
    assert_int_equal(gyre_udp_local(self->b, &self->to), 0);
    for (self->i = 0; self->i < 5; self->i++) {
        memset(self->big, 'a' + self->i, sizeof(self->big));
        GYRE_AWAIT(self->n, gyre_udp_send(self->a, self->big, sizeof(self->big), &self->to));
        assert_int_equal(self->n, 60000);
        GYRE_AWAIT(self->n, gyre_udp_recv(self->b, self->buffer, sizeof(self->buffer), NULL));
        assert_int_equal(self->n, 60000);
        assert_memory_equal(self->buffer, self->big, sizeof(self->big));
    }
    gyre_udp_close(self->a);
    gyre_udp_close(self->b);
    GYRE_END;
}
static void large_datagrams(void **state)
{
    (void)state;
    assert_int_equal(GYRE_RUN(main_large), 0);
}

/* What was sent in one go is joined by the kernel, and comes apart again. */
struct main_joined {
    gyre_frame frame;
    gyre_udp *a, *b;
    gyre_address to, from;
    char data[5000], buffer[2000];
    size_t at;
    int64_t n;
};
GYRE_CORO(main_joined)
{
    GYRE_BEGIN;
    assert_int_equal(gyre_address_parse(&self->to, "127.0.0.1", 0), 0);
    assert_int_equal(gyre_udp_open(gyre_loop_current(),
                                   &(gyre_udp_options){.local = &self->to, .gro = true}, &self->b),
                     0);
    assert_int_equal(gyre_udp_local(self->b, &self->to), 0);
    self->a = open_on_loopback(NULL, 0);
    for (size_t i = 0; i < sizeof(self->data); i++)
        self->data[i] = (char)(i * 7);
    GYRE_AWAIT(self->n, gyre_udp_send_segments(self->a, self->data, 4500, 1000, &self->to));
    assert_int_equal(self->n, 4500);
    while (self->at < 4500) {
        GYRE_AWAIT(self->n, gyre_udp_recv(self->b, self->buffer, sizeof(self->buffer), &self->from));
        assert_int_equal(self->n, self->at < 4000 ? 1000 : 500);
        assert_memory_equal(self->buffer, self->data + self->at, (size_t)self->n);
        self->at += (size_t)self->n;
    }
    gyre_udp_close(self->a);
    gyre_udp_close(self->b);
    GYRE_END;
}
static void joined_datagrams(void **state)
{
    (void)state;
    assert_int_equal(GYRE_RUN(main_joined), 0);
}

struct main_connected {
    gyre_frame frame;
    gyre_udp *server, *client, *stranger;
    gyre_address address, client_address;
    char buffer[64];
    int i;
    int64_t n;
};
GYRE_CORO(main_connected)
{
    GYRE_BEGIN;
    self->server = open_on_loopback(NULL, 4);
    assert_int_equal(gyre_udp_local(self->server, &self->address), 0);
    self->client = open_on_loopback(&self->address, 0);
    assert_int_equal(gyre_udp_local(self->client, &self->client_address), 0);
    GYRE_AWAIT(self->n, gyre_udp_send(self->client, "ping", 4, NULL));
    assert_int_equal(self->n, 4);
    GYRE_AWAIT(self->n, gyre_udp_recv(self->server, self->buffer, 64, &self->address));
    assert_int_equal(self->n, 4);
    /* A stranger is not heard. */
    self->stranger = open_on_loopback(NULL, 0);
    GYRE_AWAIT(self->n, gyre_udp_send(self->stranger, "psst", 4, &self->client_address));
    GYRE_AWAIT(self->n, gyre_wait_for(gyre_udp_recv(self->client, self->buffer, 64, NULL), GYRE_MS(5)));
    assert_int_equal(self->n, GYRE_ETIMEOUT);
    /* A queue of four keeps four. */
    for (self->i = 0; self->i < 10; self->i++)
        assert_int_equal(gyre_udp_send_now(self->client, "flood", 5, NULL), 5);
    GYRE_AWAIT(self->n, gyre_sleep(GYRE_MS(5)));
    assert_int_equal(gyre_udp_dropped(self->server), 6);
    for (self->i = 0; self->i < 4; self->i++) {
        GYRE_AWAIT(self->n, gyre_udp_recv(self->server, self->buffer, 64, NULL));
        assert_int_equal(self->n, 5);
    }
    /* The peer goes: its port answers that nobody is there. */
    gyre_udp_close(self->server);
    GYRE_AWAIT(self->n, gyre_sleep(GYRE_MS(1)));
    assert_int_equal(gyre_udp_send_now(self->client, "anyone?", 7, NULL), 7);
    GYRE_AWAIT(self->n, gyre_udp_recv(self->client, self->buffer, 64, NULL));
    assert_int_equal(self->n, -ECONNREFUSED);
    gyre_udp_close(self->client);
    gyre_udp_close(self->stranger);
    GYRE_END;
}
static void connected(void **state)
{
    (void)state;
    assert_int_equal(GYRE_RUN(main_connected), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(datagrams),
        cmocka_unit_test(large_datagrams),
        cmocka_unit_test(joined_datagrams),
        cmocka_unit_test(connected),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
