/* TLS on streams: everything a stream can do, half-close, truncation, garbage. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "loop/alloc.h"
#include "net/stream_tls.h"
#include "support/tls_world.h"
#include "task/run.h"
#include "task/task.h"

static tls_world world;
static gyre_tls_context *server_context, *client_context;

#define OPEN_ENDS(ends_, options_)                                                                 \
    GYRE_CALL(tls_pair_start, .client_context = client_context, .server_context = server_context,  \
              .out_client = &(ends_)->client, .out_server = &(ends_)->server,                      \
              .options = (options_))

/* ---- the usual ---- */

struct main_talk {
    gyre_frame frame;
    struct tls_ends ends;
    const gyre_tls_engine *tls;
    gyre_tls_certificate *certificate;
    const char *line;
    size_t size;
    char *pem;
    char buffer[64];
    int64_t n;
};

static void ask(struct main_talk *self)
{
    self->tls = gyre_stream_tls(self->ends.client);
    assert_true(gyre_tls_engine_is_ready(self->tls));
    assert_false(gyre_tls_engine_is_server(self->tls));
    assert_string_equal(gyre_tls_engine_version(self->tls), "TLSv1.3");
    assert_int_equal(strncmp(gyre_tls_engine_cipher(self->tls), "TLS_", 4), 0);
    assert_string_equal(gyre_tls_engine_alpn(self->tls), "");
    assert_true(gyre_tls_engine_verified(self->tls));
    assert_string_equal(gyre_tls_engine_verified_name(self->tls), "localhost");
    assert_int_equal(gyre_tls_engine_chain_length(self->tls), 2);
    assert_int_equal(gyre_tls_engine_certificate(self->tls, 0, &self->certificate), 0);
    assert_string_equal(self->certificate->subject, "CN=the server");
    assert_string_equal(self->certificate->issuer, "CN=the authority");
    assert_int_equal(self->certificate->name_count, 2);
    assert_string_equal(self->certificate->names[0], "DNS:localhost");
    assert_string_equal(self->certificate->names[1], "IP:127.0.0.1");
    assert_true(self->certificate->not_before < self->certificate->not_after);
    assert_true(strlen(self->certificate->serial) > 0);
    assert_int_equal(gyre_tls_certificate_pem(self->certificate, &self->pem), strlen(world.server));
    assert_string_equal(self->pem, world.server);
    gyre_free(self->pem);
    gyre_tls_certificate_free(self->certificate);
    assert_int_equal(gyre_tls_engine_certificate(self->tls, 1, &self->certificate), 0);
    assert_string_equal(self->certificate->subject, "CN=the authority");
    gyre_tls_certificate_free(self->certificate);
    assert_int_equal(gyre_tls_engine_certificate(self->tls, 2, &self->certificate), -ENOENT);
    self->tls = gyre_stream_tls(self->ends.server);
    assert_true(gyre_tls_engine_is_server(self->tls));
    assert_string_equal(gyre_tls_engine_server_name(self->tls), "localhost");
    assert_false(gyre_tls_engine_verified(self->tls));
    assert_int_equal(gyre_tls_engine_chain_length(self->tls), 0);
}

GYRE_CORO(main_talk)
{
    GYRE_BEGIN;
    GYRE_TRY(OPEN_ENDS(&self->ends, NULL));
    ask(self);
    GYRE_AWAIT(self->n, gyre_stream_write(self->ends.client, "one\ntwo\r\n\r\nrest", 15));
    assert_int_equal(self->n, 15);
    GYRE_AWAIT(self->n, gyre_stream_readline(self->ends.server, &self->line));
    assert_int_equal(self->n, 4);
    assert_memory_equal(self->line, "one\n", 4);
    GYRE_AWAIT(self->n, gyre_stream_read_until(self->ends.server, "\r\n\r\n", 4, &self->line));
    assert_int_equal(self->n, 7);
    assert_memory_equal(self->line, "two\r\n\r\n", 7);
    GYRE_AWAIT(self->n, gyre_stream_fill(self->ends.server, 4));
    assert_int_equal(self->n, 4);
    assert_memory_equal(gyre_stream_peek(self->ends.server, &self->size), "rest", 4);
    assert_int_equal(gyre_stream_consume(self->ends.server, 4), 0);
    /* An answer in pieces is one record. */
    GYRE_AWAIT(self->n,
               gyre_stream_writev(self->ends.server,
                                  (struct iovec[]){{"a", 1}, {"", 0}, {"bc", 2}, {"def", 3}}, 4));
    assert_int_equal(self->n, 6);
    GYRE_AWAIT(self->n, gyre_stream_read(self->ends.client, self->buffer, sizeof(self->buffer)));
    assert_int_equal(self->n, 6);
    assert_memory_equal(self->buffer, "abcdef", 6);
    /* Byte by byte: the rest of a record stays where it is. */
    GYRE_AWAIT(self->n, gyre_stream_write(self->ends.server, "xyz", 3));
    GYRE_AWAIT(self->n, gyre_stream_read(self->ends.client, self->buffer, 1));
    GYRE_AWAIT(self->n, gyre_stream_read(self->ends.client, self->buffer + 1, 1));
    GYRE_AWAIT(self->n, gyre_stream_read(self->ends.client, self->buffer + 2, 1));
    assert_memory_equal(self->buffer, "xyz", 3);
    GYRE_AWAIT(self->n, GYRE_CALL(tls_close_ends, .ends = &self->ends));
    assert_int_equal(self->n, 0);
    GYRE_END;
}
static void talk(void **state)
{
    (void)state;
    assert_int_equal(GYRE_RUN(main_talk), 0);
}

/* ---- the ends of it ---- */

struct main_half {
    gyre_frame frame;
    struct tls_ends ends;
    char buffer[64];
    int64_t n;
};
GYRE_CORO(main_half)
{
    GYRE_BEGIN;
    GYRE_TRY(OPEN_ENDS(&self->ends, NULL));
    /* At once after the handshake: the tickets of the server come after the client's close_notify. */
    assert_int_equal(gyre_stream_write_soon(self->ends.client, "question", 8), 8);
    assert_int_equal(gyre_stream_write_eof(self->ends.client), 0);
    assert_int_equal(gyre_stream_write_eof(self->ends.client), GYRE_ESTATE);
    assert_int_equal(gyre_stream_write_soon(self->ends.client, "x", 1), GYRE_ESTATE);
    GYRE_TRY(self->n, gyre_stream_read_exactly(self->ends.server, self->buffer, 8));
    GYRE_TRY(self->n, gyre_stream_read(self->ends.server, self->buffer, 1));
    assert_int_equal(self->n, 0);
    assert_true(gyre_stream_at_eof(self->ends.server));
    assert_true(gyre_tls_engine_peer_closed(gyre_stream_tls(self->ends.server)));
    GYRE_TRY(self->n, gyre_stream_write(self->ends.server, "answer", 6));
    GYRE_TRY(self->n, gyre_stream_read_exactly(self->ends.client, self->buffer, 6));
    assert_memory_equal(self->buffer, "answer", 6);
    GYRE_TRY(gyre_stream_close(self->ends.server)); /* has the client's close_notify */
    GYRE_TRY(self->n, gyre_stream_read(self->ends.client, self->buffer, 1));
    assert_int_equal(self->n, 0);
    GYRE_TRY(gyre_stream_close(self->ends.client));
    GYRE_END;
}
static void half_close(void **state)
{
    (void)state;
    assert_int_equal(GYRE_RUN(main_half), 0);
}

/* The end of the connection without close_notify, between records and inside of one. */
struct main_cut {
    gyre_frame frame;
    bool inside, lax;
    gyre_tls_context *context, *strict;
    struct tls_ends ends;
    char buffer[64];
    int fd;
    int64_t n;
};
GYRE_CORO(main_cut)
{
    GYRE_BEGIN;
    self->context = tls_world_client(&world, (gyre_tls_options){.insecure_truncation = self->lax});
    GYRE_TRY(GYRE_CALL(tls_pair_start, .client_context = self->context,
                       .server_context = server_context, .out_client = &self->ends.client,
                       .out_server = &self->ends.server));
    GYRE_TRY(gyre_stream_write(self->ends.server, "all", 3));
    self->fd = gyre_stream_fd(self->ends.server);
    if (self->inside)
        assert_int_equal(send(self->fd,
                              "\x17\x03\x03\x00\x20"
                              "half",
                              9, 0),
                         9);
    shutdown(self->fd, SHUT_WR);
    GYRE_TRY(self->n, gyre_stream_read_exactly(self->ends.client, self->buffer, 3));
    GYRE_AWAIT(self->n, gyre_stream_read(self->ends.client, self->buffer, 8));
    assert_int_equal(self->n, self->lax && !self->inside ? 0 : GYRE_ETLSTRUNCATED);
    GYRE_AWAIT(self->n, gyre_stream_read(self->ends.client, self->buffer, 8));
    assert_int_equal(self->n, self->lax && !self->inside ? 0 : GYRE_ETLSTRUNCATED);
    /* The other direction is open: the peer's socket is half closed. */
    GYRE_TRY(self->n, gyre_stream_write(self->ends.client, "back", 4));
    GYRE_TRY(self->n, gyre_stream_read_exactly(self->ends.server, self->buffer, 4));
    GYRE_TRY(gyre_stream_close(self->ends.client));
    gyre_stream_abort(self->ends.server);
    GYRE_FINALLY;
    gyre_tls_context_unref(self->context);
    GYRE_END;
}
static void cut_off(void **state)
{
    (void)state;
    assert_int_equal(GYRE_RUN(main_cut), 0);
    assert_int_equal(GYRE_RUN(main_cut, .lax = true), 0);
    assert_int_equal(GYRE_RUN(main_cut, .inside = true), 0);
    assert_int_equal(GYRE_RUN(main_cut, .inside = true, .lax = true), 0);
}

/* Bytes that are no TLS: an error for the reader, an alert for the peer, plaintext for nobody. */
struct main_garbage {
    gyre_frame frame;
    struct tls_ends ends;
    char buffer[64];
    int64_t n;
};
GYRE_CORO(main_garbage)
{
    GYRE_BEGIN;
    GYRE_TRY(OPEN_ENDS(&self->ends, NULL));
    assert_int_equal(send(gyre_stream_fd(self->ends.client),
                          "\x17\x03\x03\x00\x20"
                          "abcdefghijklmnopqrstuvwxyz012345",
                          37, 0),
                     37);
    GYRE_AWAIT(self->n, gyre_stream_read(self->ends.server, self->buffer, 64));
    assert_int_equal(self->n, GYRE_ETLS);
    assert_non_null(strstr(gyre_error_text(gyre_error_current()), "mac"));
    GYRE_AWAIT(self->n, gyre_stream_read(self->ends.server, self->buffer, 64));
    assert_int_equal(self->n, GYRE_ETLS);
    GYRE_AWAIT(self->n, gyre_stream_write(self->ends.server, "x", 1));
    assert_int_equal(self->n, GYRE_ETLS);
    assert_int_equal(gyre_stream_error(self->ends.server), GYRE_ETLS);
    GYRE_AWAIT(self->n, gyre_stream_read(self->ends.client, self->buffer, 64));
    assert_int_equal(self->n, GYRE_ETLSALERT);
    assert_non_null(strstr(gyre_error_text(gyre_error_current()), "bad record mac"));
    GYRE_TRY(gyre_stream_close(self->ends.server));
    GYRE_TRY(gyre_stream_close(self->ends.client));
    GYRE_END;
}
static void garbage(void **state)
{
    (void)state;
    assert_int_equal(GYRE_RUN(main_garbage), 0);
}

/* ---- set-up ---- */

static int open_world(void **state)
{
    (void)state;
    tls_world_open(&world);
    server_context = tls_world_server(&world, (gyre_tls_options){0});
    client_context = tls_world_client(&world, (gyre_tls_options){0});
    return 0;
}

static int close_world(void **state)
{
    (void)state;
    gyre_tls_context_unref(server_context);
    gyre_tls_context_unref(client_context);
    tls_world_close(&world);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(talk),
        cmocka_unit_test(half_close),
        cmocka_unit_test(cut_off),
        cmocka_unit_test(garbage),
    };

    return cmocka_run_group_tests(tests, open_world, close_world);
}
