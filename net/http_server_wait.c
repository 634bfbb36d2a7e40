/* Time-outs of an HTTP server's connections: one timer each, set anew only when it is due. */
#include <linux/sockios.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "http_server_internal.h"
#include "poll.h"

static void set_timer(gyre__httpd_connection *connection, uint64_t deadline)
{
    gyre__timers *timers = &connection->server->loop->timers;

    if (deadline >= GYRE__NEVER || connection->server->loop->closing)
        return;
    if (gyre__timer_is_set(&connection->timer)) {
        if (connection->timer.deadline <= deadline)
            return; /* it looks again when it is due */
        gyre__timers_remove(timers, &connection->timer);
    }
    gyre__timers_add(timers, &connection->timer, deadline, 0);
}

/*
 * What the client has taken so far, as far as the kernel tells. A large send ends only when all
 * of it has gone, so what is unsent says little: TCP counts what was acknowledged.
 */
static uint64_t progress_of(const gyre__httpd_connection *connection)
{
    struct tcp_info info = {.tcpi_state = 0};
    socklen_t size = sizeof(info);
    int queued = 0;

    if (getsockopt(connection->stream->fd, IPPROTO_TCP, TCP_INFO, &info, &size) == 0)
        return info.tcpi_bytes_acked;
    ioctl(connection->stream->fd, SIOCOUTQ, &queued);
    return UINT64_MAX - gyre_stream_unsent(connection->stream) - (uint64_t)queued;
}

void gyre__httpd_wait_expire(gyre__httpd_wait *wait)
{
    if (!wait->task || wait->expired)
        return;
    wait->expired = true;
    gyre_task_cancel(wait->task);
}

static void look_at(gyre__httpd_connection *connection, gyre__httpd_wait *wait, uint64_t now)
{
    if (!wait->task || wait->expired || wait->deadline > now)
        return;
    if (wait == &connection->writing) {
        uint64_t progress = progress_of(connection);

        if (progress != wait->progress) { /* slow, but alive */
            wait->progress = progress;
            wait->deadline = gyre__deadline(connection->server->loop,
                                            connection->server->options.write_timeout_ns);
            return;
        }
    }
    gyre__httpd_wait_expire(wait);
}

static void timer_due(gyre__node *node)
{
    gyre__httpd_connection *connection = GYRE__CONTAINER(node, gyre__httpd_connection, timer.node);
    gyre__httpd_wait *waits[] = {&connection->reading, &connection->writing};
    uint64_t now = gyre_loop_time(connection->server->loop);

    for (int i = 0; i < 2; i++) {
        look_at(connection, waits[i], now);
        if (waits[i]->task && !waits[i]->expired)
            set_timer(connection, waits[i]->deadline);
    }
}

void gyre__httpd_timer_init(gyre__httpd_connection *connection)
{
    gyre__timer_init(&connection->timer, timer_due);
}

void gyre__httpd_timer_stop(gyre__httpd_connection *connection)
{
    gyre__timers_remove(&connection->server->loop->timers, &connection->timer);
}

void gyre__httpd_wait_begin(gyre__httpd_connection *connection, gyre__httpd_wait *wait,
                            int64_t timeout_ns)
{
    uint64_t now = gyre__httpd_now(connection->server);

    if (wait->task)
        return; /* somebody else waits there: the stream will say -EBUSY */
    wait->task = gyre_task_current();
    wait->cancels = wait->task->cancels;
    wait->expired = false;
    wait->deadline =
        (uint64_t)timeout_ns < GYRE__NEVER - now ? now + (uint64_t)timeout_ns : GYRE__NEVER;
    set_timer(connection, wait->deadline);
}

int64_t gyre__httpd_wait_end(gyre__httpd_wait *wait, int64_t result)
{
    gyre_task *task = gyre_task_current();

    if (wait->task != task)
        return result;
    wait->task = NULL;
    /*
     * If nobody else has cancelled the task since, this cancellation is ours: as
     * gyre_timeout_exit().
     */
    if (wait->expired && gyre_task_uncancel(task) <= wait->cancels && result == GYRE_ECANCELLED) {
        gyre_error_clear();
        result = GYRE_ETIMEOUT;
    }
    wait->expired = false;
    return result;
}

/* ---- waiting for the client to take what is sent ---- */

static int64_t ended(gyre_http_exchange *exchange, int64_t rc)
{
    rc = gyre__httpd_wait_end(&exchange->connection->writing, rc);
    if (rc == GYRE_ETIMEOUT)
        exchange->connection->abort = true; /* it would not take the rest either */
    if (rc < 0 && rc != GYRE_ECANCELLED && !exchange->error)
        exchange->error = rc;
    return rc;
}

struct http_drain {
    gyre_frame frame;
    gyre_http_exchange *exchange;
    int64_t result, rc;
};
GYRE_CORO(http_drain)
{
    GYRE_BEGIN;
    self->exchange->connection->writing.progress = progress_of(self->exchange->connection);
    gyre__httpd_wait_begin(self->exchange->connection, &self->exchange->connection->writing,
                           self->exchange->server->options.write_timeout_ns);
    GYRE_AWAIT(self->rc, gyre_stream_drain(self->exchange->connection->stream));
    self->rc = ended(self->exchange, self->rc);
    GYRE_RETURN(self->rc < 0 ? self->rc : self->result);
    GYRE_END;
}

gyre_await gyre__httpd_drain(gyre_http_exchange *exchange, int64_t result)
{
    const gyre_stream *stream = exchange->connection->stream;

    if (gyre_stream_unsent(stream) <= stream->high_water)
        return gyre__complete(gyre__task_running("gyre_http_write"), result);
    return gyre__call(&http_drain_coro, &(struct http_drain){
                                            .frame = {.coro = &http_drain_coro, .leaf = true},
                                            .exchange = exchange,
                                            .result = result,
                                        });
}

struct http_writable {
    gyre_frame frame;
    gyre_http_exchange *exchange;
    int64_t rc;
};
GYRE_CORO(http_writable)
{
    GYRE_BEGIN;
    self->exchange->connection->writing.progress = progress_of(self->exchange->connection);
    gyre__httpd_wait_begin(self->exchange->connection, &self->exchange->connection->writing,
                           self->exchange->server->options.write_timeout_ns);
    GYRE_AWAIT(self->rc, gyre_poll(self->exchange->connection->stream->fd, POLLOUT));
    self->rc = ended(self->exchange, self->rc);
    GYRE_RETURN(self->rc < 0 ? self->rc : 0);
    GYRE_END;
}

gyre_await gyre__httpd_wait_writable(gyre_http_exchange *exchange)
{
    return gyre__call(&http_writable_coro,
                      &(struct http_writable){.frame = {.coro = &http_writable_coro, .leaf = true},
                                              .exchange = exchange});
}
