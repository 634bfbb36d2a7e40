/*
 * Sending parts of files: small ones in one write with their head, large ones without a copy
 * where the stream is plain.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/sendfile.h>
#include <sys/uio.h>

#include "../loop/alloc.h"
#include "http_files_internal.h"
#include "poll.h"
#include "raw.h"

enum { SMALL = 32768, PIECE = 65536, LARGE_PIECE = 262144 };

struct send_file {
    gyre_frame frame;
    gyre_http_exchange *exchange;
    int fd;
    int64_t offset, left, n;
    char *buffer; /* the exchange's */
};

/* Reads what is in the page cache; -EAGAIN where that would have to wait. */
static int64_t read_cached(int fd, char *buffer, size_t size, int64_t offset)
{
    const struct iovec piece = {.iov_base = buffer, .iov_len = size};
    ssize_t n = preadv2(fd, &piece, 1, offset, RWF_NOWAIT);

    if (n >= 0)
        return n;
    return errno == EOPNOTSUPP || errno == EINTR ? -EAGAIN : -errno;
}

/* All at once behind the head, if it is there without waiting. */
static bool append_cached(gyre_http_exchange *exchange, int fd, int64_t offset, int64_t size)
{
    char *to = size <= SMALL ? gyre__httpd_out_reserve(exchange, (size_t)size) : NULL;

    if (!to || read_cached(fd, to, (size_t)size, offset) != size)
        return false;
    exchange->out_size += (size_t)size;
    exchange->sent += (uint64_t)size;
    return true;
}

static bool is_cached(int fd, int64_t offset, int64_t size)
{
    char byte;

    return read_cached(fd, &byte, 1, offset) == 1 &&
           read_cached(fd, &byte, 1, offset + size - 1) == 1;
}

/*
 * The kernel's own way: for plain sockets with nothing before it. Not where tests stand between
 * loop and kernel.
 */
static bool can_send_directly(const struct send_file *self)
{
    const gyre_stream *stream = self->exchange->connection->stream;

    return self->left > SMALL && stream->is_socket && !stream->loop->seam &&
           gyre__httpd_stream_is_plain(stream) && !gyre_stream_unsent(stream) &&
           is_cached(self->fd, self->offset, self->left < LARGE_PIECE ? self->left : LARGE_PIECE);
}

/*
 * sendfile() knows no MSG_DONTWAIT: for its duration the socket does not block. Nothing else
 * looks at that flag meanwhile, as the ring's work is done in this thread too.
 */
static int64_t send_directly(struct send_file *self)
{
    int socket = self->exchange->connection->stream->fd, flags = fcntl(socket, F_GETFL);
    off_t offset = self->offset;
    ssize_t n;

    if (flags < 0 || fcntl(socket, F_SETFL, flags | O_NONBLOCK) < 0)
        return -errno;
    n = sendfile(socket, self->fd, &offset,
                 self->left < LARGE_PIECE ? (size_t)self->left : LARGE_PIECE);
    if (n < 0)
        n = -errno;
    fcntl(socket, F_SETFL, flags);
    return n;
}

static void count_sent(struct send_file *self)
{
    self->offset += self->n;
    self->left -= self->n;
    self->exchange->sent += (uint64_t)self->n;
}

static char *take_buffer(gyre_http_exchange *exchange)
{
    if (exchange->body_capacity < PIECE) {
        char *buffer = gyre_realloc(exchange->body, PIECE);

        if (!buffer)
            return NULL;
        exchange->body = buffer;
        exchange->body_capacity = PIECE;
    }
    return exchange->body;
}

/* What the ring reads must be able to wait. */
static void let_wait(int fd)
{
    int flags = fcntl(fd, F_GETFL);

    if (flags >= 0 && flags & O_NONBLOCK)
        fcntl(fd, F_SETFL, flags & ~O_NONBLOCK);
}

GYRE_CORO(send_file)
{
    GYRE_BEGIN;
    gyre__httpd_flush(self->exchange);
    while (self->left > 0) {
        if (can_send_directly(self)) {
            self->n = send_directly(self);
            if (self->n > 0)
                count_sent(self);
            else if (self->n == 0)
                GYRE_RETURN(GYRE_EHTTPLENGTH); /* the file has become shorter */
            else if (self->n != -EAGAIN && self->n != -EINTR)
                GYRE_RETURN(self->exchange->error = self->n);
            if (self->left > 0) {
                GYRE_TRY(gyre__httpd_wait_writable(self->exchange));
            }
            continue;
        }
        if (!self->buffer) {
            self->buffer = take_buffer(self->exchange);
            if (!self->buffer)
                GYRE_RETURN(-ENOMEM);
            let_wait(self->fd);
        }
        GYRE_TRY(self->n, gyre_read(self->fd, self->buffer,
                                    self->left < PIECE ? (size_t)self->left : PIECE, self->offset));
        if (self->n == 0)
            GYRE_RETURN(GYRE_EHTTPLENGTH);
        self->offset += self->n;
        self->left -= self->n;
        GYRE_TRY(gyre_http_write(self->exchange, self->buffer, (size_t)self->n));
    }
    GYRE_RETURN(0);
    GYRE_END;
}

gyre_await gyre__httpd_send_file(gyre_http_exchange *exchange, int fd, int64_t offset, int64_t size)
{
    gyre_task *task = gyre__task_running("gyre_http_serve_file");

    if (exchange->bodyless || size == 0 || append_cached(exchange, fd, offset, size))
        return gyre__complete(task, 0);
    return gyre__call(&send_file_coro, &(struct send_file){
                                           .frame = {.coro = &send_file_coro, .leaf = true},
                                           .exchange = exchange,
                                           .fd = fd,
                                           .offset = offset,
                                           .left = size,
                                       });
}
