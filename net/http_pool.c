/*
 * The client's pool: places for connections, who waits for one, and the connections nobody uses.
 *
 * A place is a struct gyre__http_connection, with a stream or without. It is given from hand to
 * hand: whoever lets go of one gives it to a waiter there and then, so that nobody who comes later
 * can be faster. A waiter stands in the line of its origin; origins whose waiters are held back by
 * the limit in all alone are "starving" and get places that other origins can spare, in turn. The
 * older of the two first waiters wins.
 */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "../loop/alloc.h"
#include "../task/line_internal.h"
#include "http_client_internal.h"
#include "stream_internal.h"

/* ---- waiters ---- */

static gyre_http_response *waiter_of(gyre__link *link)
{
    return gyre__slot_task(link)->wait.slot.data;
}

/* The first who still waits, or NULL. Those whose wait was cancelled leave the line. */
static gyre_http_response *first_waiter(struct gyre__http_origin *origin)
{
    while (!gyre__list_empty(&origin->waiters)) {
        gyre__link *link = origin->waiters.next;

        if (!gyre__waiter_done(gyre__slot_task(link)))
            return waiter_of(link);
        gyre__list_remove(link);
    }
    return NULL;
}

static bool is_starving(const struct gyre__http_origin *origin)
{
    return !gyre__list_empty(&origin->waiters) &&
           origin->connections < origin->client->options.limit_per_host;
}

static void update_starving(struct gyre__http_origin *origin)
{
    bool listed = !gyre__list_empty(&origin->starving);

    if (is_starving(origin) == listed)
        return;
    gyre__list_remove(&origin->starving);
    if (!listed)
        gyre__list_append(&origin->client->starving, &origin->starving);
}

/* The origin, other than this one, whose turn it is to get a place that can be spared, or NULL. */
static struct gyre__http_origin *first_starving(const struct gyre__http_origin *own)
{
    gyre__link *list = &own->client->starving, *link = list->next;

    while (link != list) {
        struct gyre__http_origin *origin =
            GYRE__CONTAINER(link, struct gyre__http_origin, starving);

        link = link->next;
        if (!first_waiter(origin))
            gyre__list_remove(&origin->starving);
        else if (origin != own)
            return origin;
    }
    return NULL;
}

static void leave_line(gyre_http_response *r, gyre__link *link)
{
    gyre__list_remove(link);
    if (!r->queued)
        return;
    r->queued = false;
    r->client->stats.waiting--;
    update_starving(r->origin);
}

/* ---- places ---- */

void gyre__http_end_stream(gyre_stream *stream, bool abort)
{
    /* After the loop was closed only giving it up ends a stream. */
    if (abort || stream->fd < 0 || stream->loop->closing)
        gyre_stream_abort(stream);
    else
        gyre__stream_close_soon(stream, false);
}

void gyre__http_disconnect(gyre__http_connection *connection, bool abort)
{
    gyre_stream *stream = connection->stream;

    connection->stream = NULL;
    connection->used = false;
    if (stream)
        gyre__http_end_stream(stream, abort);
}

static void unlist_idle(gyre__http_connection *connection)
{
    gyre__list_remove(&connection->link);
    gyre__list_remove(&connection->age);
    connection->origin->client->stats.idle--;
}

static void free_place(gyre__http_connection *connection)
{
    struct gyre__http_origin *origin = connection->origin;
    gyre_http_client *client = origin->client;

    gyre__http_disconnect(connection, true);
    gyre_free(connection);
    origin->connections--;
    client->stats.connections--;
    update_starving(origin);
    gyre__http_origin_forget(origin);
}

static gyre__http_connection *make_place(struct gyre__http_origin *origin)
{
    gyre__http_connection *connection = gyre_alloc_zeroed(sizeof(*connection));

    if (!connection)
        return NULL;
    connection->origin = origin;
    gyre__list_init(&connection->link);
    gyre__list_init(&connection->age);
    origin->connections++;
    origin->client->stats.connections++;
    update_starving(origin);
    return connection;
}

static void move_place(gyre__http_connection *connection, struct gyre__http_origin *origin)
{
    struct gyre__http_origin *from = connection->origin;

    gyre__http_disconnect(connection, false);
    connection->origin = origin;
    origin->connections++;
    from->connections--;
    update_starving(origin);
    update_starving(from);
    gyre__http_origin_forget(from);
}

/* ---- unused connections ---- */

static gyre__http_connection *oldest_idle(const gyre_http_client *client)
{
    if (gyre__list_empty(&client->idle))
        return NULL;
    return GYRE__CONTAINER(client->idle.next, gyre__http_connection, age);
}

/* The look is a system call. */
bool gyre__http_is_silent(const gyre__http_connection *connection, bool look)
{
    const gyre_stream *stream = connection->stream;
    char byte;

    if (!stream || gyre_stream_error(stream) || stream->eof || stream->closing ||
        gyre__stream_available(stream))
        return false;
    return !look || (recv(stream->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 &&
                     (errno == EAGAIN || errno == EINTR));
}

/*
 * A server may have closed it meanwhile, or said something nobody asked for. What was used in this or the
 * last iteration is not asked for again.
 */
static bool is_alive(const gyre__http_connection *connection)
{
    uint64_t age = connection->origin->client->loop->iterations - connection->iteration;

    return gyre__http_is_silent(connection, age > 1);
}

static void set_timer(gyre_http_client *client)
{
    const gyre__http_connection *oldest = oldest_idle(client);
    int64_t timeout = client->options.idle_timeout_ns;
    uint64_t look = gyre__deadline(client->loop, GYRE_SECONDS(1)), end;

    if (!oldest || timeout == GYRE_FOREVER || gyre__timer_is_set(&client->timer))
        return;
    end = oldest->idle_since + (uint64_t)timeout;
    gyre__timers_add(&client->loop->timers, &client->timer, end < look ? end : look, 0);
}

/*
 * Once a second, or earlier: closes what has not been used for too long, and what the server has
 * closed, so that it need not wait for us.
 */
static void timer_due(gyre__node *node)
{
    gyre_http_client *client = GYRE__CONTAINER(node, gyre_http_client, timer.node);
    uint64_t now = gyre_loop_time(client->loop);
    gyre__link *link = client->idle.next;

    if (client->loop->closing)
        return;
    while (link != &client->idle) {
        gyre__http_connection *idle = GYRE__CONTAINER(link, gyre__http_connection, age);
        bool expired = now - idle->idle_since >= (uint64_t)client->options.idle_timeout_ns;

        link = link->next;
        if (!expired && is_alive(idle))
            continue;
        client->stats.stale += !expired;
        unlist_idle(idle);
        gyre__http_disconnect(idle, false);
        free_place(idle);
    }
    set_timer(client);
}

static void make_idle(gyre__http_connection *connection)
{
    gyre_http_client *client = connection->origin->client;

    connection->idle_since = gyre_loop_time(client->loop);
    connection->iteration = client->loop->iterations;
    gyre__list_append(&connection->origin->idle, &connection->link);
    gyre__list_append(&client->idle, &connection->age);
    client->stats.idle++;
    set_timer(client);
}

gyre_stream *gyre__http_pool_take_idle(gyre_http_client *client)
{
    gyre__http_connection *oldest = oldest_idle(client);
    gyre_stream *stream;

    if (!oldest)
        return NULL;
    unlist_idle(oldest);
    stream = oldest->stream;
    oldest->stream = NULL;
    free_place(oldest);
    return stream;
}

/* ---- taking ---- */

/* An unused connection to the origin that is alive, the one used last; NULL: there is none. */
static gyre__http_connection *take_idle(struct gyre__http_origin *origin)
{
    while (!gyre__list_empty(&origin->idle)) {
        gyre__http_connection *newest =
            GYRE__CONTAINER(origin->idle.prev, gyre__http_connection, link);

        unlist_idle(newest);
        if (is_alive(newest))
            return newest;
        origin->client->stats.stale++;
        gyre__http_disconnect(newest, false);
        free_place(newest); /* the origin stays: a request uses it */
    }
    return NULL;
}

/* A place that is there now: 0, -EAGAIN when there is none, -ENOMEM. */
static int64_t take(gyre_http_response *r)
{
    struct gyre__http_origin *origin = r->origin;
    gyre_http_client *client = r->client;

    r->connection = take_idle(origin);
    if (r->connection)
        return 0;
    if (origin->connections >= client->options.limit_per_host)
        return -EAGAIN;
    if (client->stats.connections < client->options.limit) {
        r->connection = make_place(origin);
        return r->connection ? 0 : -ENOMEM;
    }
    r->connection = oldest_idle(client);
    if (!r->connection)
        return -EAGAIN;
    unlist_idle(r->connection); /* of another origin, which needs it less */
    move_place(r->connection, origin);
    return 0;
}

/* ---- giving ---- */

/* The place goes to whoever should have it now; unused, it stays open if it has a connection. */
static void give(gyre__http_connection *connection)
{
    gyre_http_client *client = connection->origin->client;
    gyre_http_response *waiter = first_waiter(connection->origin);
    struct gyre__http_origin *other = first_starving(connection->origin);

    if (other && (!waiter || first_waiter(other)->ticket < waiter->ticket)) {
        gyre__list_remove(&other->starving); /* the next turn is another's */
        waiter = first_waiter(other);
        move_place(connection, other);
    }
    if (waiter) {
        gyre_task *task = gyre__slot_task(waiter->origin->waiters.next);

        waiter->connection = connection;
        leave_line(waiter, &task->wait.slot.link);
        gyre__wake_task(task);
    } else if (connection->stream && !client->closed && !client->loop->closing) {
        make_idle(connection);
    } else {
        free_place(connection);
    }
}

void gyre__http_release(gyre_http_response *r, enum gyre__http_release how)
{
    gyre__http_connection *connection = r->connection;

    if (!connection)
        return;
    r->connection = NULL;
    connection->used = true;
    connection->iteration = r->client->loop->iterations;
    if (how != GYRE__HTTP_KEEP || r->client->options.no_keep_alive || r->client->closed)
        gyre__http_disconnect(connection, how == GYRE__HTTP_ABORT);
    give(connection);
}

/* ---- waiting ---- */

static int64_t finish_acquire(gyre_task *task)
{
    gyre_http_response *r = task->wait.slot.data;

    leave_line(r, &task->wait.slot.link);
    if (gyre__raises_cancelled(task)) {
        if (r->connection) { /* given to this task, which will not have it */
            gyre__http_connection *connection = r->connection;

            r->connection = NULL;
            give(connection);
        }
        return GYRE_ECANCELLED;
    }
    return r->connection ? 0 : GYRE_ESTATE;
}

static const gyre__wait_kind wait_acquire = {.what = "a place in the pool of an HTTP client",
                                             .cancel = gyre__cancel_wait,
                                             .finish = finish_acquire};

gyre_await gyre__http_acquire(gyre_http_response *r)
{
    gyre_task *task = gyre__task_running("gyre_http_send");
    gyre_await pending;
    int64_t rc = r->client->closed ? GYRE_ESTATE : take(r);

    if (rc != -EAGAIN)
        return gyre__complete(task, rc);
    if (!gyre__may_park(task))
        return gyre__complete(task, GYRE_ECANCELLED);
    r->ticket = ++r->client->tickets;
    r->queued = true;
    r->client->stats.waiting++;
    task->wait.slot.data = r;
    pending = gyre__line_up(&r->origin->waiters, task, &wait_acquire, r->client);
    update_starving(r->origin);
    return pending;
}

/* ---- its life ---- */

void gyre__http_pool_init(gyre_http_client *client)
{
    gyre__list_init(&client->idle);
    gyre__list_init(&client->starving);
    gyre__timer_init(&client->timer, timer_due);
}

void gyre__http_pool_dismiss(gyre_http_client *client)
{
    for (size_t i = 0; i < client->bucket_count; i++)
        for (struct gyre__http_origin *origin = client->buckets[i]; origin; origin = origin->next) {
            gyre_http_response *waiter;

            while ((waiter = first_waiter(origin)) != NULL) {
                gyre_task *task = gyre__slot_task(origin->waiters.next);

                leave_line(waiter, &task->wait.slot.link);
                gyre__wake_task(task);
            }
        }
}

/* Nothing uses it any more: there are no places left, so no origins either. */
void gyre__http_pool_fini(gyre_http_client *client)
{
    gyre__timers_remove(&client->loop->timers, &client->timer);
    gyre_free(client->buckets);
}
