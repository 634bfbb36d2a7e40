/* The two engines' transport: bytes from the output of one are fed to the other. */
#include "tls_pair.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "../../loop/error.h"

enum { MOST_TURNS = 200000 };

static void end(tls_side *side, int64_t code)
{
    side->ended = true;
    side->code = code;
    if (code < 0 && gyre_error_code(gyre_error_current()) == code)
        snprintf(side->text, sizeof(side->text), "%s", gyre_error_text(gyre_error_current()));
}

/* Says and hears what can be said and heard now. */
static int64_t talk(tls_side *side)
{
    int64_t rc = 0;

    if (!gyre_tls_engine_is_ready(side->engine))
        rc = gyre_tls_engine_handshake(side->engine);
    if (rc == 0 && !side->greeted) {
        side->greeted = true;
        rc = gyre_tls_engine_write(side->engine, side->greeting, strlen(side->greeting));
    }
    if (rc < 0)
        return rc;
    do {
        rc = gyre_tls_engine_read(side->engine, side->heard + side->heard_length,
                                  sizeof(side->heard) - side->heard_length);
        if (rc > 0)
            side->heard_length += (size_t)rc;
    } while (rc > 0 && side->heard_length < sizeof(side->heard));
    return rc;
}

static void advance(tls_side *side)
{
    int64_t rc, closed = 0;

    if (side->ended)
        return;
    gyre_error_clear();
    rc = talk(side);
    /* Having heard all there will be, it closes its own side, too. */
    if ((rc == 0 || (rc == -EAGAIN && side->heard_length == strlen("ping"))) && !side->cut &&
        !gyre_tls_engine_is_closed(side->engine))
        closed = gyre_tls_engine_close(side->engine);
    if (closed < 0)
        end(side, closed);
    else if (rc != -EAGAIN)
        end(side, rc);
}

/* Feeds at most `step` bytes on; gives how many. */
static size_t carry(tls_side *from, tls_side *to, size_t step)
{
    size_t size;
    const char *data = gyre_tls_engine_output(from->engine, &size);

    if (step && size > step)
        size = step;
    if (size == 0)
        return 0;
    if (!to->ended && gyre_tls_engine_feed(to->engine, data, size) < 0)
        end(to, -ENOMEM);
    gyre_tls_engine_sent(from->engine, size);
    return size;
}

int64_t tls_pair_open(tls_pair *pair, gyre_tls_context *client, gyre_tls_context *server,
                      const char *server_name)
{
    gyre_tls_engine_options options = {.server_name = server_name, .session_key = "443"};
    int64_t rc;

    *pair = (tls_pair){.client.greeting = "ping", .server.greeting = "pong"};
    rc = gyre_tls_engine_new(server, NULL, &pair->server.engine);
    if (rc < 0)
        return rc;
    gyre_error_clear();
    rc = gyre_tls_engine_new(client, &options, &pair->client.engine);
    if (rc < 0)
        end(&pair->client, rc);
    return rc;
}

bool tls_pair_run(tls_pair *pair, size_t step)
{
    tls_side *client = &pair->client, *server = &pair->server;

    for (unsigned turn = 0; turn < MOST_TURNS; turn++) {
        size_t moved;

        advance(client);
        advance(server);
        moved = carry(client, server, step) + carry(server, client, step);
        pair->bytes += moved;
        if (moved)
            continue;
        if (client->ended && server->ended)
            return true;
        /* Who has come to an end, or has nothing to say any more, closes its transport. */
        if (client->ended || client->cut)
            gyre_tls_engine_feed_eof(server->engine);
        if (server->ended || server->cut)
            gyre_tls_engine_feed_eof(client->engine);
        if (!client->ended && !server->ended && !client->cut && !server->cut)
            return false;
    }
    return false;
}

void tls_pair_close(tls_pair *pair)
{
    gyre_tls_engine_free(pair->client.engine);
    gyre_tls_engine_free(pair->server.engine);
    pair->client.engine = pair->server.engine = NULL;
}
