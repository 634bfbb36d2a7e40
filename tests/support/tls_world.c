/* An authority with a server and clients, and streams between them. */
#include "tls_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "../../task/task.h"
#include "ca.h"

static void make(ca_cert *issuer, const char *name, const char *names, const char *usage,
                 char **out_pem, char **out_key)
{
    ca_cert *cert = ca_make(&(ca_options){
        .common_name = name, .names = names, .issuer = issuer, .extended_key_usage = usage});

    *out_pem = ca_pem(cert);
    *out_key = ca_key_pem(cert, NULL);
    ca_free(cert);
}

void tls_world_open(tls_world *world)
{
    ca_cert *root = ca_make(&(ca_options){.common_name = "the authority", .authority = true});
    ca_cert *other = ca_make(&(ca_options){.common_name = "another authority", .authority = true});

    world->root = ca_pem(root);
    make(root, "the server", "DNS:localhost,IP:127.0.0.1", NULL, &world->server,
         &world->server_key);
    make(root, "the client", "DNS:client.example", "clientAuth", &world->client,
         &world->client_key);
    make(other, "a stranger", "DNS:client.example", "clientAuth", &world->stranger,
         &world->stranger_key);
    ca_free(root);
    ca_free(other);
}

void tls_world_close(tls_world *world)
{
    free(world->root);
    free(world->server);
    free(world->server_key);
    free(world->client);
    free(world->client_key);
    free(world->stranger);
    free(world->stranger_key);
}

gyre_tls_context *tls_world_server(const tls_world *world, gyre_tls_options options)
{
    gyre_tls_context *context;

    options.cert_pem = world->server;
    options.cert_pem_size = strlen(world->server);
    options.key_pem = world->server_key;
    options.key_pem_size = strlen(world->server_key);
    options.ca_pem = world->root;
    options.ca_pem_size = strlen(world->root);
    assert_int_equal(gyre_tls_server_context(&options, &context), 0);
    return context;
}

gyre_tls_context *tls_world_client(const tls_world *world, gyre_tls_options options)
{
    gyre_tls_context *context;

    options.ca_pem = world->root;
    options.ca_pem_size = strlen(world->root);
    assert_int_equal(gyre_tls_client_context(&options, &context), 0);
    return context;
}

void plain_pair(const gyre_stream_options *options, gyre_stream **out_a, gyre_stream **out_b)
{
    int fds[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
    assert_int_equal(gyre_stream_new(gyre_loop_current(), fds[0], options, out_a), 0);
    assert_int_equal(gyre_stream_new(gyre_loop_current(), fds[1], options, out_b), 0);
}

struct server_side {
    gyre_frame frame;
    gyre_stream *stream;
    gyre_tls_context *context;
};
GYRE_CORO(server_side)
{
    GYRE_BEGIN;
    GYRE_TRY(gyre_start_tls(self->stream, self->context, NULL));
    GYRE_END;
}

GYRE_CORO_PUBLIC(tls_pair_start)
{
    GYRE_BEGIN;
    plain_pair(self->options, self->out_client, self->out_server);
    self->task =
        GYRE_SPAWN(server_side, .stream = *self->out_server, .context = self->server_context);
    assert_non_null(self->task);
    GYRE_AWAIT(self->client_rc,
               gyre_start_tls(*self->out_client, self->client_context,
                              &(gyre_start_tls_options){.server_name = "localhost"}));
    GYRE_AWAIT(self->server_rc, self->task);
    gyre_task_unref(self->task);
    GYRE_RETURN(self->client_rc < 0 ? self->client_rc : self->server_rc);
    GYRE_END;
}

GYRE_CORO_PUBLIC(close_one)
{
    GYRE_BEGIN;
    GYRE_TRY(gyre_stream_close(self->stream));
    GYRE_END;
}

GYRE_CORO_PUBLIC(tls_close_ends)
{
    GYRE_BEGIN;
    self->task = GYRE_SPAWN(close_one, .stream = self->ends->client);
    assert_non_null(self->task);
    GYRE_TRY(gyre_stream_close(self->ends->server));
    GYRE_TRY(self->task);
    GYRE_FINALLY;
    gyre_task_unref(self->task);
    GYRE_END;
}
