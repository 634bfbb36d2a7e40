/*
 * Servers and connecting: a session a connection, limits, want of descriptors, graceful ends, the
 * race of addresses.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "loop/alloc.h"
#include "net/connect.h"
#include "net/resolver.h"
#include "net/server.h"
#include "task/factory.h"
#include "task/run.h"
#include "task/sleep.h"
#include "task/timeout.h"

static unsigned sessions_started, sessions_ended;

struct echo {
    gyre_frame frame;
    gyre_stream *stream;
    int mark; /* copied for each connection */
    char buffer[1024];
    int64_t n;
};
GYRE_CORO(echo)
{
    GYRE_BEGIN;
    sessions_started++;
    for (;;) {
        GYRE_TRY(self->n, gyre_stream_read(self->stream, self->buffer, sizeof(self->buffer)));
        if (self->n == 0)
            GYRE_RETURN(0);
        GYRE_TRY(gyre_stream_write(self->stream, self->buffer, (size_t)self->n));
    }
    GYRE_FINALLY;
    sessions_ended++;
    GYRE_AWAIT(self->n, gyre_stream_close(self->stream));
    GYRE_END;
}

#define OPTIONS(...) ((gyre_server_options){.host = "127.0.0.1", __VA_ARGS__})

/* Sends a word and reads it back. */
struct say {
    gyre_frame frame;
    gyre_stream *stream; /* borrowed */
    const char *word;
    char buffer[64];
    int64_t n;
};
GYRE_CORO(say)
{
    GYRE_BEGIN;
    GYRE_TRY(gyre_stream_write(self->stream, self->word, strlen(self->word)));
    GYRE_TRY(self->n, gyre_stream_read_exactly(self->stream, self->buffer, strlen(self->word)));
    GYRE_RETURN(memcmp(self->buffer, self->word, strlen(self->word)) == 0);
    GYRE_END;
}

struct main_many {
    gyre_frame frame;
    gyre_server *server;
    gyre_stream *streams[50];
    gyre_address address;
    char text[GYRE_ADDRESS_TEXT];
    int i;
    int64_t rc;
};
GYRE_CORO(main_many)
{
    GYRE_BEGIN;
    sessions_started = sessions_ended = 0;
    self->rc = GYRE_START_SERVER(&self->server, OPTIONS(.port = 0), echo, .mark = 1);
    assert_int_equal(self->rc, 0);
    assert_true(gyre_server_is_serving(self->server));
    assert_int_equal(gyre_server_address_count(self->server), 1);
    assert_int_equal(gyre_server_address(self->server, 1, &self->address), -EINVAL);
    for (self->i = 0; self->i < 50; self->i++) {
        GYRE_AWAIT(self->rc, gyre_open_connection("127.0.0.1", gyre_server_port(self->server), NULL,
                                                  &self->streams[self->i]));
        assert_int_equal(self->rc, 0);
    }
    for (self->i = 0; self->i < 50; self->i++) {
        GYRE_AWAIT(self->rc, GYRE_CALL(say, .stream = self->streams[self->i], .word = "hello"));
        assert_int_equal(self->rc, 1);
    }
    assert_int_equal(gyre_server_connections(self->server), 50);
    assert_int_equal(gyre_stream_peer(self->streams[0], &self->address), 0);
    assert_int_equal(gyre_address_port(&self->address), gyre_server_port(self->server));
    for (self->i = 0; self->i < 40; self->i++) {
        GYRE_AWAIT(self->rc, gyre_stream_close(self->streams[self->i]));
        assert_int_equal(self->rc, 0);
    }
    /* Ten are left: the grace runs out and they are cancelled. */
    GYRE_AWAIT(self->rc, gyre_sleep(GYRE_MS(5)));
    GYRE_AWAIT(self->rc, gyre_server_stop(self->server, GYRE_MS(10)));
    assert_int_equal(self->rc, 10);
    assert_false(gyre_server_is_serving(self->server));
    assert_int_equal(gyre_server_connections(self->server), 0);
    assert_int_equal(sessions_started, 50);
    assert_int_equal(sessions_ended, 50);
    GYRE_AWAIT(self->rc, gyre_server_wait_closed(self->server));
    assert_int_equal(self->rc, 0);
    GYRE_AWAIT(self->rc, gyre_open_connection("127.0.0.1", gyre_server_port(self->server), NULL,
                                              &self->streams[0]));
    assert_int_equal(self->rc, -ECONNREFUSED);
    assert_null(self->streams[0]);
    for (self->i = 40; self->i < 50; self->i++)
        gyre_stream_abort(self->streams[self->i]);
    gyre_server_free(self->server);
    gyre_server_free(NULL);
    GYRE_END;
}
static void many_connections(void **state)
{
    (void)state;
    assert_int_equal(GYRE_RUN(main_many), 0);
}

struct main_limit {
    gyre_frame frame;
    gyre_server *server;
    gyre_stream *streams[3];
    int i;
    int64_t rc;
};
GYRE_CORO(main_limit)
{
    GYRE_BEGIN;
    sessions_started = 0;
    self->rc = GYRE_START_SERVER(&self->server, OPTIONS(.max_connections = 2), echo);
    assert_int_equal(self->rc, 0);
    for (self->i = 0; self->i < 3; self->i++) {
        GYRE_AWAIT(self->rc, gyre_open_connection("localhost", gyre_server_port(self->server), NULL,
                                                  &self->streams[self->i]));
        assert_int_equal(self->rc, 0);
    }
    GYRE_AWAIT(self->rc, GYRE_CALL(say, .stream = self->streams[1], .word = "two"));
    assert_int_equal(self->rc, 1);
    GYRE_AWAIT(self->rc, gyre_wait_for(GYRE_CALL(say, .stream = self->streams[2], .word = "three"),
                                       GYRE_MS(10)));
    assert_int_equal(self->rc, GYRE_ETIMEOUT);
    assert_int_equal(sessions_started, 2);
    /* One goes, and the third is served. */
    gyre_stream_abort(self->streams[0]);
    GYRE_AWAIT(self->rc, GYRE_CALL(say, .stream = self->streams[2], .word = ""));
    GYRE_AWAIT(self->rc, gyre_stream_fill(self->streams[2], 5));
    assert_int_equal(self->rc, 5);
    assert_int_equal(sessions_started, 3);
    gyre_stream_abort(self->streams[1]);
    gyre_stream_abort(self->streams[2]);
    gyre_server_free(self->server); /* sessions go on on their own, and end with their peers */
    GYRE_AWAIT(self->rc, gyre_sleep(GYRE_MS(5)));
    GYRE_END;
}
static void no_more_than_allowed(void **state)
{
    (void)state;
    assert_int_equal(GYRE_RUN(main_limit), 0);
}

static unsigned reports;
static void count_report(gyre_loop *loop, const gyre_exception_context *context, void *arg)
{
    (void)loop;
    (void)arg;
    assert_int_equal(context->code, -EMFILE);
    reports++;
}

struct main_emfile {
    gyre_frame frame;
    gyre_server *server;
    gyre_stream *stream;
    int fillers[64], count;
    struct rlimit before;
    gyre_loop_stats first, second;
    int64_t rc;
};
GYRE_CORO(main_emfile)
{
    GYRE_BEGIN;
    reports = 0;
    gyre_loop_set_exception_handler(gyre_loop_current(), count_report, NULL);
    self->rc = GYRE_START_SERVER(&self->server, OPTIONS(.port = 0), echo);
    assert_int_equal(self->rc, 0);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &self->before), 0);
    self->count = dup(0);
    close(self->count);
    /* Room for the client's socket and no more. */
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &(struct rlimit){(rlim_t)self->count + 1,
                                                               self->before.rlim_max}),
                     0);
    GYRE_AWAIT(self->rc, gyre_open_connection("127.0.0.1", gyre_server_port(self->server), NULL,
                                              &self->stream));
    assert_int_equal(self->rc, 0);
    gyre_loop_get_stats(gyre_loop_current(), &self->first);
    GYRE_AWAIT(self->rc, gyre_wait_for(GYRE_CALL(say, .stream = self->stream, .word = "early"),
                                       GYRE_MS(150)));
    assert_int_equal(self->rc, GYRE_ETIMEOUT);
    gyre_loop_get_stats(gyre_loop_current(), &self->second);
    assert_true(self->second.iterations - self->first.iterations < 50); /* it did not spin */
    assert_int_equal(reports, 1);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &self->before), 0);
    GYRE_AWAIT(self->rc, gyre_stream_fill(self->stream, 5));
    assert_int_equal(self->rc, 5);
    gyre_stream_abort(self->stream);
    gyre_server_free(self->server);
    GYRE_AWAIT(self->rc, gyre_sleep(GYRE_MS(2)));
    GYRE_END;
}
static void out_of_descriptors(void **state)
{
    (void)state;
    assert_int_equal(GYRE_RUN(main_emfile), 0);
}

/* ---- addresses ---- */

struct main_unix {
    gyre_frame frame;
    gyre_server *server, *second;
    gyre_stream *stream;
    char path[64];
    struct stat info;
    int64_t rc;
};
GYRE_CORO(main_unix)
{
    GYRE_BEGIN;
    snprintf(self->path, sizeof(self->path), "/tmp/gyre-test-%d.sock", getpid());
    self->rc = GYRE_START_SERVER(&self->server, ((gyre_server_options){.unix_path = self->path}), echo);
    assert_int_equal(self->rc, 0);
    GYRE_AWAIT(self->rc, gyre_open_unix_connection(self->path, NULL, &self->stream));
    assert_int_equal(self->rc, 0);
    GYRE_AWAIT(self->rc, GYRE_CALL(say, .stream = self->stream, .word = "unix"));
    assert_int_equal(self->rc, 1);
    /* A second server takes the name over; the first one must not remove it then. */
    self->rc = GYRE_START_SERVER(&self->second, ((gyre_server_options){.unix_path = self->path}), echo);
    assert_int_equal(self->rc, 0);
    gyre_server_free(self->server);
    assert_int_equal(stat(self->path, &self->info), 0);
    gyre_server_free(self->second);
    assert_int_equal(stat(self->path, &self->info), -1);
    gyre_stream_abort(self->stream);
    GYRE_AWAIT(self->rc, gyre_open_unix_connection(self->path, NULL, &self->stream));
    assert_int_equal(self->rc, -ENOENT);
    GYRE_AWAIT(self->rc, gyre_sleep(GYRE_MS(1)));
    GYRE_END;
}
static void unix_sockets(void **state)
{
    (void)state;
    assert_int_equal(GYRE_RUN(main_unix), 0);
}

struct main_refused {
    gyre_frame frame;
    gyre_server *server, *second;
    gyre_stream *stream;
    int64_t rc;
};
GYRE_CORO(main_refused)
{
    GYRE_BEGIN;
    self->rc = GYRE_START_SERVER(&self->server, ((gyre_server_options){.host = "no.such.name"}), echo);
    assert_int_equal(self->rc, -EINVAL);
    self->rc = GYRE_START_SERVER(&self->server, OPTIONS(.port = 0), echo);
    assert_int_equal(self->rc, 0);
    self->rc = GYRE_START_SERVER(&self->second, OPTIONS(.port = gyre_server_port(self->server)), echo);
    assert_int_equal(self->rc, -EADDRINUSE);
    gyre_server_free(self->server);
    GYRE_AWAIT(self->rc, gyre_sleep(GYRE_MS(1)));
    self->rc = GYRE_START_SERVER(&self->server, OPTIONS(.reuse_port = true), echo);
    assert_int_equal(self->rc, 0);
    self->rc = GYRE_START_SERVER(
        &self->second, OPTIONS(.port = gyre_server_port(self->server), .reuse_port = true), echo);
    assert_int_equal(self->rc, 0);
    gyre_server_free(self->server);
    gyre_server_free(self->second);
    GYRE_END;
}
static void what_cannot_listen(void **state)
{
    (void)state;
    assert_int_equal(GYRE_RUN(main_refused), 0);
}

/* "All interfaces" is two sockets with one port; names with two addresses are raced. */
struct main_race {
    gyre_frame frame;
    gyre_server *server;
    gyre_stream *stream;
    gyre_address *list;
    char name[256];
    int64_t rc;
};
GYRE_CORO(main_race)
{
    GYRE_BEGIN;
    self->rc = GYRE_START_SERVER(&self->server, ((gyre_server_options){.port = 0}), echo);
    assert_int_equal(self->rc, 0);
    GYRE_AWAIT(self->rc, gyre_open_connection("localhost", gyre_server_port(self->server),
                                              &(gyre_connect_options){.timeout_ns = GYRE_SECONDS(5)},
                                              &self->stream));
    assert_int_equal(self->rc, 0);
    GYRE_AWAIT(self->rc, GYRE_CALL(say, .stream = self->stream, .word = "race"));
    assert_int_equal(self->rc, 1);
    gyre_stream_abort(self->stream);
    /* Listening on IPv4 only, a first attempt over IPv6 fails and the second one wins at once. */
    gyre_server_free(self->server);
    GYRE_AWAIT(self->rc, gyre_sleep(GYRE_MS(1)));
    self->rc = GYRE_START_SERVER(&self->server, OPTIONS(.port = 0), echo);
    assert_int_equal(self->rc, 0);
    GYRE_AWAIT(self->rc, gyre_open_connection(
                             "localhost", gyre_server_port(self->server),
                             &(gyre_connect_options){.attempt_delay_ns = GYRE_FOREVER}, &self->stream));
    assert_int_equal(self->rc, 0);
    gyre_stream_abort(self->stream);
    GYRE_AWAIT(self->rc, gyre_getaddrinfo("localhost", 80, NULL, &self->list));
    assert_true(self->rc >= 1);
    assert_int_equal(gyre_address_port(&self->list[0]), 80);
    GYRE_AWAIT(self->rc, gyre_getnameinfo(&self->list[0], self->name, sizeof(self->name)));
    assert_true(self->rc > 0);
    GYRE_AWAIT(self->rc, gyre_getnameinfo(&self->list[0], self->name, 2));
    assert_int_equal(self->rc, -ENOSPC);
    gyre_free(self->list);
    GYRE_AWAIT(self->rc, gyre_getaddrinfo("a name with spaces", 80, NULL, &self->list));
    assert_true(self->rc < 0);
    assert_null(self->list);
    /* Given up at once: the look-up goes on in its thread and is dropped. */
    GYRE_AWAIT(self->rc, gyre_wait_for(gyre_getaddrinfo("localhost", 1, NULL, &self->list), 0));
    assert_int_equal(self->rc, GYRE_ETIMEOUT);
    gyre_server_free(self->server);
    GYRE_END;
}
static void names_and_races(void **state)
{
    (void)state;
    assert_int_equal(GYRE_RUN(main_race), 0);
}

/* The loop ends with sessions under way: all are unwound. */
struct main_leave {
    gyre_frame frame;
    gyre_server *server;
    gyre_stream *stream;
    int64_t rc;
};
GYRE_CORO(main_leave)
{
    GYRE_BEGIN;
    sessions_started = sessions_ended = 0;
    self->rc = GYRE_START_SERVER(&self->server, OPTIONS(.port = 0), echo);
    GYRE_AWAIT(self->rc, gyre_open_connection("127.0.0.1", gyre_server_port(self->server), NULL,
                                              &self->stream));
    GYRE_AWAIT(self->rc, GYRE_CALL(say, .stream = self->stream, .word = "bye"));
    gyre_stream_abort(self->stream);
    gyre_server_free(self->server);
    GYRE_RETURN(self->rc);
    GYRE_END;
}
static void the_loop_ends_first(void **state)
{
    (void)state;
    assert_int_equal(GYRE_RUN(main_leave), 1);
    assert_int_equal(sessions_started, 1);
    assert_int_equal(sessions_ended, 1);
}

/* Sessions and attempts begin in an iteration of their own even where tasks are eager. */
struct main_eager {
    gyre_frame frame;
    gyre_server *server;
    gyre_stream *streams[5];
    gyre_address address;
    int i;
    int64_t rc;
};
GYRE_CORO(main_eager)
{
    GYRE_BEGIN;
    assert_int_equal(gyre_loop_set_task_factory(gyre_loop_current(), gyre_eager_task_factory, NULL), 0);
    self->rc = GYRE_START_SERVER(&self->server, OPTIONS(.port = 0), echo);
    assert_int_equal(self->rc, 0);
    for (self->i = 0; self->i < 5; self->i++) {
        GYRE_AWAIT(self->rc, gyre_open_connection("localhost", gyre_server_port(self->server), NULL,
                                                  &self->streams[self->i]));
        assert_int_equal(self->rc, 0);
        GYRE_AWAIT(self->rc, GYRE_CALL(say, .stream = self->streams[self->i], .word = "eager"));
        assert_int_equal(self->rc, 1);
    }
    gyre_stream_abort(self->streams[0]);
    /* An attempt that is over before spawning it returns: no socket of this family can be had. */
    self->address = (gyre_address){.storage.ss_family = 99, .length = 2};
    GYRE_AWAIT(self->rc, gyre_open_connection_to(&self->address, NULL, &self->streams[0]));
    assert_true(self->rc < 0);
    assert_null(self->streams[0]);
    for (self->i = 1; self->i < 5; self->i++)
        gyre_stream_abort(self->streams[self->i]);
    GYRE_TRY(gyre_sleep(GYRE_MS(2)));
    GYRE_TRY(gyre_server_stop(self->server, GYRE_MS(100)));
    gyre_server_free(self->server);
    GYRE_END;
}
static void eager_tasks(void **state)
{
    (void)state;
    assert_int_equal(GYRE_RUN(main_eager), 0);
}

/* Bound to an address of one family, only peers of that family are tried. */
struct main_local {
    gyre_frame frame;
    gyre_server *server;
    gyre_stream *stream;
    gyre_address local, peer;
    int64_t rc;
};
GYRE_CORO(main_local)
{
    GYRE_BEGIN;
    self->rc = GYRE_START_SERVER(&self->server, OPTIONS(.port = 0), echo);
    assert_int_equal(gyre_address_parse(&self->local, "127.0.0.9", 0), 0);
    GYRE_AWAIT(self->rc, gyre_open_connection("localhost", gyre_server_port(self->server),
                                              &(gyre_connect_options){.local = &self->local},
                                              &self->stream));
    assert_int_equal(self->rc, 0);
    assert_int_equal(gyre_stream_local(self->stream, &self->peer), 0);
    gyre_address_set_port(&self->peer, 0);
    assert_true(gyre_address_equal(&self->peer, &self->local));
    gyre_stream_abort(self->stream);
    assert_int_equal(gyre_address_parse(&self->local, "::1", 0), 0);
    GYRE_AWAIT(self->rc, gyre_open_connection("127.0.0.1", gyre_server_port(self->server),
                                              &(gyre_connect_options){.local = &self->local},
                                              &self->stream));
    assert_int_equal(self->rc, -EADDRNOTAVAIL);
    gyre_server_free(self->server);
    GYRE_END;
}
static void local_address(void **state)
{
    (void)state;
    assert_int_equal(GYRE_RUN(main_local), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(eager_tasks),        cmocka_unit_test(local_address),
        cmocka_unit_test(many_connections),   cmocka_unit_test(no_more_than_allowed),
        cmocka_unit_test(out_of_descriptors), cmocka_unit_test(unix_sockets),
        cmocka_unit_test(what_cannot_listen), cmocka_unit_test(names_and_races),
        cmocka_unit_test(the_loop_ends_first),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
