/* Opening connections: look-up, a staggered race of attempts, a stream for the winner. */
#include "connect.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../future/wait.h"
#include "../loop/alloc.h"
#include "../task/task_internal.h"
#include "../task/timeout.h"
#include "raw.h"
#include "resolver.h"
#include "stream_internal.h"
#include "stream_tls.h"

enum { MOST_ATTEMPTS = 16, ATTEMPT_DELAY_MS = 250, NAME_SIZE = 256 };

/* What the attempts of a race share; each holds a reference, so that none must be waited for. */
struct race {
    unsigned refs;
    bool over;           /* nobody waits for a winner any more */
    int winner;          /* descriptor of the first that connected, or -1 */
    int64_t first_error; /* of the address tried first */
    gyre_connect_options options;
    gyre_address local;  /* what options.local points to */
    char tls_name[NAME_SIZE]; /* what options.tls_server_name points to */
};

static void unref_race(struct race *race)
{
    if (--race->refs)
        return;
    if (race->winner >= 0)
        close(race->winner);
    gyre_tls_context_unref(race->options.tls);
    gyre_free(race);
}

static struct race *make_race(const gyre_connect_options *options)
{
    struct race *race = gyre_alloc_zeroed(sizeof(*race));

    if (!race)
        return NULL;
    race->refs = 1;
    race->winner = -1;
    if (options)
        race->options = *options;
    if (race->options.local) {
        race->local = *race->options.local;
        race->options.local = &race->local;
    }
    gyre_tls_context_ref(race->options.tls);
    if (race->options.tls_server_name) {
        strcpy(race->tls_name, race->options.tls_server_name); /* its length was looked at */
        race->options.tls_server_name = race->tls_name;
    }
    return race;
}

/* ---- one attempt ---- */

struct attempt {
    gyre_frame frame;
    struct race *race; /* reference */
    gyre_address address;
    bool is_first;
    int fd;
    int64_t rc;
};

static int64_t make_socket(const struct race *race, const gyre_address *address)
{
    const int on = 1;
    int family = gyre_address_family(address), fd;

    if (race->options.local && gyre_address_family(&race->local) != family)
        return -EADDRNOTAVAIL;
    fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    if (family != AF_UNIX && !race->options.nagle)
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    if (race->options.local &&
        bind(fd, gyre_address_raw(&race->local), race->local.length) < 0) {
        int64_t rc = -errno;

        close(fd);
        return rc;
    }
    return fd;
}

/* The descriptor goes to the race, not into the result: a cancelled task's result is lost. */
GYRE_CORO(attempt)
{
    GYRE_BEGIN;
    self->rc = make_socket(self->race, &self->address);
    if (self->rc >= 0) {
        self->fd = (int)self->rc;
        GYRE_AWAIT(self->rc, gyre_connect(self->fd, &self->address));
    }
    if (self->rc >= 0 && !self->race->over && self->race->winner < 0) {
        self->race->winner = self->fd;
        self->fd = -1;
    }
    if (self->rc < 0 && self->is_first)
        self->race->first_error = self->rc;
    GYRE_RETURN(self->rc);
    GYRE_FINALLY;
    if (self->fd >= 0)
        close(self->fd);
    unref_race(self->race);
    GYRE_END;
}

/* ---- the race ---- */

struct run_race {
    gyre_frame frame;
    struct race *race;
    const gyre_address *addresses; /* borrowed from the caller's frame */
    size_t count, next;            /* addresses; the first not tried yet */
    gyre_future *running[MOST_ATTEMPTS]; /* tasks, references */
    size_t running_count;
    gyre_future *wait; /* reference */
    int64_t last_error;
};

static void start_attempt(struct run_race *self)
{
    gyre_task *task;

    self->race->refs++; /* before: where tasks are eager the attempt may be over when spawning returns */
    task = GYRE_SPAWN(attempt, .race = self->race, .address = self->addresses[self->next],
                      .is_first = self->next == 0, .fd = -1);
    self->next++;
    if (!task) {
        unref_race(self->race);
        self->last_error = -ENOMEM;
        return;
    }
    self->running[self->running_count++] = gyre_task_future(task);
}

/* Lets go of the attempts that have ended. */
static void collect(struct run_race *self)
{
    size_t kept = 0;

    for (size_t i = 0; i < self->running_count; i++) {
        gyre_future *future = self->running[i];

        if (gyre_future_done(future)) {
            int64_t rc = gyre_future_result(future);

            if (rc < 0)
                self->last_error = rc;
            gyre_future_unref(future);
        } else {
            self->running[kept++] = future;
        }
    }
    self->running_count = kept;
}

/* The losers close their sockets themselves. */
static void give_up(struct run_race *self)
{
    self->race->over = true;
    for (size_t i = 0; i < self->running_count; i++) {
        gyre_future_cancel(self->running[i]);
        gyre_future_ignore(self->running[i]);
        gyre_future_unref(self->running[i]);
    }
}

static gyre_future *wait_for_attempts(struct run_race *self, int64_t delay, gyre_wait_mode mode)
{
    gyre_future_unref(self->wait);
    self->wait = gyre_wait(gyre_loop_current(), self->running_count, self->running, delay, mode);
    return self->wait;
}

static int64_t head_start(const struct run_race *self)
{
    int64_t delay = self->race->options.attempt_delay_ns;

    if (self->next == self->count)
        return GYRE_FOREVER;
    return delay ? delay : GYRE_MS(ATTEMPT_DELAY_MS);
}

GYRE_CORO(run_race)
{
    GYRE_BEGIN;
    while (self->race->winner < 0) {
        if (self->next < self->count)
            start_attempt(self);
        if (!self->running_count) {
            if (self->next < self->count)
                continue;
            break;
        }
        GYRE_TRY(wait_for_attempts(self, head_start(self), GYRE_FIRST_COMPLETED));
        collect(self);
    }
    if (self->race->winner < 0)
        GYRE_RETURN(self->race->first_error ? self->race->first_error : self->last_error);
    GYRE_RETURN(0);
    GYRE_FINALLY;
    give_up(self);
    gyre_future_unref(self->wait);
    GYRE_END;
}

/* RFC 8305, section 4: the families take turns, beginning with that of the first address. */
static void interleave(gyre_address *addresses, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        int before = gyre_address_family(&addresses[i - 1]);
        size_t other = i;

        while (other < count && gyre_address_family(&addresses[other]) == before)
            other++;
        if (other < count && other > i) {
            gyre_address moved = addresses[other];

            memmove(&addresses[i + 1], &addresses[i], (other - i) * sizeof(*addresses));
            addresses[i] = moved;
        }
    }
}

/* ---- the whole ---- */

struct open_connection {
    gyre_frame frame;
    struct race *race;        /* reference */
    bool by_name;             /* look `name` up; else `single` is the address */
    uint16_t port;
    gyre_stream **out_stream;
    gyre_address single;
    gyre_address *addresses;  /* new, from the resolver */
    int64_t count;
    char name[NAME_SIZE];
    char session_key[8];
    uint64_t began;           /* the look-up, on the loop's clock */
};

/* An IP address as text; false for other families. */
static bool print_host(const gyre_address *address, char *buffer)
{
    const struct sockaddr *raw = gyre_address_raw(address);
    const void *bytes;

    if (raw->sa_family == AF_INET)
        bytes = &((const struct sockaddr_in *)(const void *)raw)->sin_addr;
    else if (raw->sa_family == AF_INET6)
        bytes = &((const struct sockaddr_in6 *)(const void *)raw)->sin6_addr;
    else
        return false;
    return inet_ntop(raw->sa_family, bytes, buffer, INET6_ADDRSTRLEN) != NULL;
}

/* The context tells sessions apart by name and port. */
static gyre_await start_tls(struct open_connection *self)
{
    const gyre_connect_options *options = &self->race->options;
    char text[INET6_ADDRSTRLEN];
    const char *name = options->tls_server_name;

    if (!name && self->by_name)
        name = self->name;
    if (!name && print_host(&self->single, text))
        name = text;
    snprintf(self->session_key, sizeof(self->session_key), "%u",
             self->by_name ? self->port : gyre_address_port(&self->single));
    return gyre_start_tls(*self->out_stream, options->tls,
                          &(gyre_start_tls_options){.server_name = name,
                                                    .session_key = self->session_key});
}

/* The peer still gets the alert that says what was wrong, if there is one. */
static void give_stream_up(struct open_connection *self)
{
    gyre_stream *stream = *self->out_stream;

    *self->out_stream = NULL;
    if (stream && stream->fd >= 0 && !stream->loop->closing)
        gyre__stream_close_soon(stream, self->frame.value == GYRE_ECANCELLED);
    else
        gyre_stream_abort(stream);
}

GYRE_CORO(open_connection)
{
    GYRE_BEGIN;
    self->count = 1;
    if (self->by_name) {
        self->began = gyre_loop_time(gyre_loop_current());
        GYRE_TRY(self->count,
                 gyre_getaddrinfo(self->name, self->port,
                                  &(gyre_resolve_options){.family = self->race->options.family},
                                  &self->addresses));
        interleave(self->addresses, (size_t)self->count);
        if (self->race->options.out_lookup_ns)
            *self->race->options.out_lookup_ns += gyre_loop_time(gyre_loop_current()) - self->began;
    }
    GYRE_TRY(GYRE_CALL(run_race, .race = self->race,
                       .addresses = self->by_name ? self->addresses : &self->single,
                       .count = self->count < MOST_ATTEMPTS ? (size_t)self->count : MOST_ATTEMPTS));
    self->count = gyre_stream_new(gyre_loop_current(), self->race->winner,
                                  &self->race->options.stream, self->out_stream);
    if (self->count < 0)
        GYRE_RETURN(self->count);
    self->race->winner = -1; /* the stream's now */
    if (self->race->options.tls)
        GYRE_TRY(start_tls(self));
    GYRE_RETURN(0);
    GYRE_FINALLY;
    if (self->frame.value < 0)
        give_stream_up(self);
    unref_race(self->race);
    gyre_free(self->addresses);
    GYRE_END;
}

/* Makes the call, under a deadline where one is wanted. */
static gyre_await start(struct open_connection *args, const gyre_connect_options *options)
{
    int64_t timeout = options && options->timeout_ns ? options->timeout_ns : GYRE_FOREVER;
    gyre_task *task = gyre__task_running("gyre_open_connection");
    gyre_await pending;

    *args->out_stream = NULL;
    if (!gyre__may_park(task))
        return gyre__complete(task, GYRE_ECANCELLED);
    if (options && options->tls_server_name && strlen(options->tls_server_name) >= NAME_SIZE)
        return gyre__complete(task, -EINVAL);
    args->frame = (gyre_frame){.coro = &open_connection_coro};
    args->race = make_race(options);
    if (!args->race)
        return gyre__complete(task, -ENOMEM);
    if (timeout == GYRE_FOREVER)
        pending = gyre__call(&open_connection_coro, args);
    else
        pending = gyre_wait_for(gyre__call(&open_connection_coro, args), timeout);
    if (!pending.pending) /* out of memory before the coroutine took the race over */
        unref_race(args->race);
    return pending;
}

gyre_await gyre_open_connection(const char *host, uint16_t port, const gyre_connect_options *options,
                                gyre_stream **out_stream)
{
    struct open_connection args = {.by_name = true, .port = port, .out_stream = out_stream};

    if (strlen(host) >= sizeof(args.name))
        return gyre__complete(gyre__task_running(__func__), GYRE_EDNSNAME);
    memcpy(args.name, host, strlen(host) + 1);
    return start(&args, options);
}

gyre_await gyre_open_connection_to(const gyre_address *address, const gyre_connect_options *options,
                                   gyre_stream **out_stream)
{
    struct open_connection args = {.single = *address, .out_stream = out_stream};

    return start(&args, options);
}

gyre_await gyre_open_unix_connection(const char *path, const gyre_connect_options *options,
                                     gyre_stream **out_stream)
{
    struct open_connection args = {.out_stream = out_stream};
    size_t length = strlen(path);
    char name[128] = "";
    int64_t rc;

    if (length >= sizeof(name))
        return gyre__complete(gyre__task_running(__func__), -ENAMETOOLONG);
    memcpy(name, path, length);
    if (name[0] == '@')
        name[0] = '\0';
    rc = gyre_address_unix(&args.single, name, length);
    if (rc < 0)
        return gyre__complete(gyre__task_running(__func__), rc);
    return start(&args, options);
}
