/* Raw socket operations: what they give, and what cancelling, closing and shortage do to them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "loop/backend_internal.h"
#include "net/raw.h"
#include "task/inspect.h"
#include "task/run.h"
#include "task/sleep.h"
#include "task/timeout.h"

/* ---- what the tests stand on ---- */

static int pair[2];
static char log_text[256]; /* what the coroutines of a test have seen */

static void note(const char *format, ...)
{
    size_t used = strlen(log_text);
    va_list args;

    va_start(args, format);
    vsnprintf(log_text + used, sizeof(log_text) - used, format, args);
    va_end(args);
}

static unsigned open_descriptors(void)
{
    DIR *folder = opendir("/proc/self/fd");
    unsigned count = 0;

    while (readdir(folder))
        count++;
    closedir(folder);
    return count;
}

static unsigned descriptors_before;

static int set_up(void **state)
{
    (void)state;
    descriptors_before = open_descriptors();
    log_text[0] = '\0';
    return socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair);
}

static void close_one(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

/* Whatever a test did, no descriptor is left. */
static int tear_down(void **state)
{
    (void)state;
    close_one(&pair[0]);
    close_one(&pair[1]);
    return open_descriptors() == descriptors_before ? 0 : -1;
}

static int listen_on(const char *host, gyre_address *out_address)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_int_equal(gyre_address_parse(out_address, host, 0), 0);
    assert_int_equal(bind(fd, gyre_address_raw(out_address), out_address->length), 0);
    assert_int_equal(listen(fd, 16), 0);
    assert_int_equal(gyre_address_local(fd, out_address), 0);
    return fd;
}

static int connected_to(const gyre_address *address)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_int_equal(connect(fd, gyre_address_raw(address), address->length), 0);
    return fd;
}

/* ---- a conversation ---- */

struct client {
    gyre_frame frame;
    gyre_address address;
    int fd;
    int64_t rc;
    char text[16];
};
GYRE_CORO(client)
{
    GYRE_BEGIN;
    GYRE_TRY(gyre_connect(self->fd, &self->address));
    GYRE_TRY(self->rc, gyre_send(self->fd, "hello", 5, 0));
    GYRE_TRY(gyre_shutdown(self->fd, SHUT_WR));
    GYRE_TRY(self->rc, gyre_recv(self->fd, self->text, sizeof(self->text), 0));
    note("client %.*s;", (int)self->rc, self->text);
    GYRE_TRY(self->rc, gyre_recv(self->fd, self->text, sizeof(self->text), 0));
    GYRE_RETURN(self->rc);
    GYRE_FINALLY;
    GYRE_AWAIT(self->rc, gyre_close(self->fd));
    GYRE_END;
}

struct conversation {
    gyre_frame frame;
    int listener, fd;
    gyre_address address, peer, own;
    gyre_task *client;
    int64_t n;
    char text[16];
};
GYRE_CORO(conversation)
{
    GYRE_BEGIN;
    self->client = GYRE_SPAWN(client, .address = self->address,
                              .fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    GYRE_TRY(self->n, gyre_accept(self->listener, &self->peer, 0));
    self->fd = (int)self->n;
    note("cloexec %d;", fcntl(self->fd, F_GETFD) & FD_CLOEXEC);
    note("peer %d;", gyre_address_peer(self->fd, &self->own) == 0 &&
                         gyre_address_equal(&self->own, &self->peer) &&
                         self->peer.length == self->own.length);
    GYRE_TRY(self->n, gyre_recv(self->fd, self->text, sizeof(self->text), MSG_WAITALL));
    note("server %.*s;", (int)self->n, self->text);
    GYRE_TRY(self->n, gyre_send(self->fd, "bye", 3, 0));
    GYRE_TRY(gyre_close(self->fd));
    GYRE_TRY(self->n, self->client);
    GYRE_RETURN(self->n);
    GYRE_FINALLY;
    gyre_task_unref(self->client);
    GYRE_END;
}

static void test_conversation(void **state)
{
    gyre_address address;
    int fd = listen_on("127.0.0.1", &address);

    (void)state;
    assert_int_equal(GYRE_RUN(conversation, .listener = fd, .address = address), 0);
    close(fd);
    assert_string_equal(log_text, "cloexec 1;peer 1;server hello;client bye;");
}

/* ---- messages ---- */

/* A message of one piece with room for one descriptor beside it. */
struct envelope {
    struct msghdr header;
    struct iovec piece;
    char text[8];
    _Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int))];
};

static void fill_envelope(struct envelope *envelope, size_t size)
{
    envelope->piece = (struct iovec){envelope->text, size};
    envelope->header = (struct msghdr){.msg_iov = &envelope->piece,
                                       .msg_iovlen = 1,
                                       .msg_control = envelope->control,
                                       .msg_controllen = sizeof(envelope->control)};
}

struct pass_descriptor {
    gyre_frame frame;
    struct envelope out, in;
    int64_t n;
};
GYRE_CORO(pass_descriptor)
{
    GYRE_BEGIN;
    fill_envelope(&self->out, 2);
    memcpy(self->out.text, "fd", 2);
    *CMSG_FIRSTHDR(&self->out.header) = (struct cmsghdr){
        .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof(int))};
    memcpy(CMSG_DATA(CMSG_FIRSTHDR(&self->out.header)), &pair[0], sizeof(int));
    GYRE_TRY(self->n, gyre_sendmsg(pair[0], &self->out.header, 0));
    note("sent %d;", (int)self->n);
    fill_envelope(&self->in, sizeof(self->in.text));
    GYRE_TRY(self->n, gyre_recvmsg(pair[1], &self->in.header, MSG_CMSG_CLOEXEC));
    note("got %d %.2s;", (int)self->n, self->in.text);
    memcpy(&self->n, CMSG_DATA(CMSG_FIRSTHDR(&self->in.header)), sizeof(int));
    GYRE_TRY(gyre_close((int)self->n));
    GYRE_RETURN(0);
    GYRE_END;
}

static void test_messages_carry_descriptors(void **state)
{
    (void)state;
    assert_int_equal(GYRE_RUN(pass_descriptor), 0);
    assert_string_equal(log_text, "sent 2;got 2 fd;");
}

/* ---- errors ---- */

struct bad_calls {
    gyre_frame frame;
    int fd;
    gyre_address address;
    struct msghdr message;
    char byte;
    int64_t rc[8];
};
GYRE_CORO(bad_calls)
{
    GYRE_BEGIN;
    GYRE_AWAIT(self->rc[0], gyre_accept(self->fd, NULL, 0));
    GYRE_AWAIT(self->rc[1], gyre_connect(self->fd, &self->address));
    GYRE_AWAIT(self->rc[2], gyre_recv(self->fd, &self->byte, 1, 0));
    GYRE_AWAIT(self->rc[3], gyre_send(self->fd, &self->byte, 1, 0));
    GYRE_AWAIT(self->rc[4], gyre_recvmsg(self->fd, &self->message, 0));
    GYRE_AWAIT(self->rc[5], gyre_sendmsg(self->fd, &self->message, 0));
    GYRE_AWAIT(self->rc[6], gyre_shutdown(self->fd, SHUT_WR));
    for (int i = 0; i < 7; i++)
        note("%s ", gyre_err_name(self->rc[i]));
    GYRE_RETURN(0);
    GYRE_END;
}

static void test_not_a_descriptor(void **state)
{
    gyre_address address;

    (void)state;
    assert_int_equal(gyre_address_parse(&address, "127.0.0.1", 1), 0);
    assert_int_equal(GYRE_RUN(bad_calls, .fd = -1, .address = address), 0);
    assert_string_equal(log_text, "EBADF EBADF EBADF EBADF EBADF EBADF EBADF ");
}

static void test_not_a_socket(void **state)
{
    int fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    gyre_address address;

    (void)state;
    assert_int_equal(gyre_address_parse(&address, "127.0.0.1", 1), 0);
    assert_int_equal(GYRE_RUN(bad_calls, .fd = fd, .address = address), 0);
    close(fd);
    assert_string_equal(log_text,
                        "ENOTSOCK ENOTSOCK ENOTSOCK ENOTSOCK ENOTSOCK ENOTSOCK ENOTSOCK ");
}

struct errors {
    gyre_frame frame;
    gyre_address closed, local;
    int fd;
    char byte;
    int64_t rc;
};
GYRE_CORO(errors)
{
    GYRE_BEGIN;
    GYRE_AWAIT(self->rc, gyre_connect(self->fd, &self->closed));
    note("%s ", gyre_err_name(self->rc));
    GYRE_AWAIT(self->rc, gyre_accept(self->fd, NULL, 0)); /* does not listen */
    note("%s ", gyre_err_name(self->rc));
    GYRE_AWAIT(self->rc, gyre_recv(pair[0], &self->byte, 1, MSG_DONTWAIT));
    note("%s ", gyre_err_name(self->rc));
    close_one(&pair[1]);
    GYRE_AWAIT(self->rc, gyre_send(pair[0], "x", 1, 0)); /* and no SIGPIPE */
    note("%s ", gyre_err_name(self->rc));
    GYRE_AWAIT(self->rc, gyre_recv(pair[0], &self->byte, 1, 0));
    note("%d ", (int)self->rc);
    GYRE_AWAIT(self->rc, gyre_close(12345));
    note("%s", gyre_err_name(self->rc));
    GYRE_RETURN(0);
    GYRE_END;
}

static void test_errors(void **state)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    gyre_address closed;

    (void)state;
    close(listen_on("127.0.0.1", &closed));
    assert_int_equal(GYRE_RUN(errors, .fd = fd, .closed = closed), 0);
    close(fd);
    assert_string_equal(log_text, "ECONNREFUSED EINVAL EAGAIN EPIPE 0 EBADF");
}

/* ---- cancellation ---- */

struct one_recv {
    gyre_frame frame;
    int fd;
    char text[8];
    int64_t n;
};
GYRE_CORO(one_recv)
{
    GYRE_BEGIN;
    GYRE_AWAIT(self->n, gyre_recv(self->fd, self->text, sizeof(self->text), 0));
    note("recv %s;", self->n < 0 ? gyre_err_name(self->n) : self->text);
    if (self->n < 0)
        GYRE_RETURN(self->n);
    GYRE_AWAIT(self->n, gyre_sleep(0));
    note("then %s;", gyre_err_name(self->n));
    GYRE_RETURN(self->n);
    GYRE_END;
}

struct cancel_recv {
    gyre_frame frame;
    bool data;   /* arrives before the cancellation ... */
    bool reaped; /* ... and its completion is taken in */
    gyre_task *task;
    int64_t rc;
    char text[8];
};
GYRE_CORO(cancel_recv)
{
    GYRE_BEGIN;
    self->task = GYRE_SPAWN(one_recv, .fd = pair[0]);
    GYRE_TRY(gyre_sleep(0));
    GYRE_TRY(gyre_sleep(0)); /* now the kernel has the operation */
    if (self->data && write(pair[1], "abc", 3) != 3)
        GYRE_RETURN(-errno);
    if (self->reaped)
        GYRE_TRY(gyre_sleep(0)); /* its completion is behind this task in the ready queue */
    gyre_task_cancel(self->task);
    GYRE_AWAIT(self->rc, self->task);
    note("%s;", gyre_err_name(self->rc));
    GYRE_AWAIT(self->rc, gyre_recv(pair[0], self->text, sizeof(self->text), MSG_DONTWAIT));
    note("left %s", self->rc < 0 ? gyre_err_name(self->rc) : self->text);
    GYRE_RETURN(0);
    GYRE_FINALLY;
    gyre_task_unref(self->task);
    GYRE_END;
}

static void test_cancel_recv(void **state)
{
    (void)state;
    assert_int_equal(GYRE_RUN(cancel_recv), 0);
    assert_string_equal(log_text, "recv GYRE_ECANCELLED;GYRE_ECANCELLED;left EAGAIN");
}

/* The operation has won: its bytes are delivered, the cancellation comes with the next await. */
static void test_recv_wins(void **state)
{
    (void)state;
    assert_int_equal(GYRE_RUN(cancel_recv, .data = true, .reaped = true), 0);
    assert_string_equal(log_text, "recv abc;then GYRE_ECANCELLED;GYRE_ECANCELLED;left EAGAIN");
}

/* Who wins is the kernel's affair; the bytes are delivered, or still there. */
static void test_cancel_races_with_data(void **state)
{
    (void)state;
    assert_int_equal(GYRE_RUN(cancel_recv, .data = true), 0);
    if (strstr(log_text, "recv abc"))
        assert_string_equal(log_text, "recv abc;then GYRE_ECANCELLED;GYRE_ECANCELLED;left EAGAIN");
    else
        assert_string_equal(log_text, "recv GYRE_ECANCELLED;GYRE_ECANCELLED;left abc");
}

/* A cancellation that was kept is raised before the next operation starts, ready as it might be. */
struct cancelled_before {
    gyre_frame frame;
    char byte;
    int64_t rc;
};
GYRE_CORO(cancelled_before)
{
    GYRE_BEGIN;
    if (write(pair[1], "x", 1) != 1)
        GYRE_RETURN(-errno);
    gyre_task_cancel(gyre_task_current());
    GYRE_AWAIT(self->rc, gyre_recv(pair[0], &self->byte, 1, 0));
    note("%s;", gyre_err_name(self->rc));
    GYRE_AWAIT(self->rc, gyre_recv(pair[0], &self->byte, 1, 0));
    note("%d %c", (int)self->rc, self->byte);
    GYRE_RETURN(0);
    GYRE_END;
}

static void test_cancelled_before(void **state)
{
    (void)state;
    assert_int_equal(GYRE_RUN(cancelled_before), 0);
    assert_string_equal(log_text, "GYRE_ECANCELLED;1 x");
}

struct one_accept {
    gyre_frame frame;
    int listener;
    int64_t fd;
};
GYRE_CORO(one_accept)
{
    GYRE_BEGIN;
    self->fd = -1;
    GYRE_TRY(self->fd, gyre_accept(self->listener, NULL, 0));
    note("accepted;");
    GYRE_TRY(gyre_sleep(0));
    note("not cancelled;");
    GYRE_FINALLY;
    if (self->fd >= 0)
        GYRE_AWAIT(self->fd, gyre_close((int)self->fd));
    GYRE_END;
}

struct cancel_accept {
    gyre_frame frame;
    int listener;
    gyre_address address;
    bool connect;
    int client;
    gyre_task *task;
    int64_t rc;
};
GYRE_CORO(cancel_accept)
{
    GYRE_BEGIN;
    self->task = GYRE_SPAWN(one_accept, .listener = self->listener);
    GYRE_TRY(gyre_sleep(0));
    GYRE_TRY(gyre_sleep(0));
    if (self->connect) {
        self->client = connected_to(&self->address);
        GYRE_TRY(gyre_sleep(0));
    }
    gyre_task_cancel(self->task);
    GYRE_AWAIT(self->rc, self->task);
    note("%s", gyre_err_name(self->rc));
    if (self->connect)
        close(self->client);
    GYRE_RETURN(0);
    GYRE_FINALLY;
    gyre_task_unref(self->task);
    GYRE_END;
}

static void test_cancel_accept(void **state)
{
    gyre_address address;
    int fd = listen_on("127.0.0.1", &address);

    (void)state;
    assert_int_equal(GYRE_RUN(cancel_accept, .listener = fd, .address = address), 0);
    close(fd);
    assert_string_equal(log_text, "GYRE_ECANCELLED");
}

static void test_accept_wins(void **state)
{
    gyre_address address;
    int fd = listen_on("127.0.0.1", &address);

    (void)state;
    assert_int_equal(GYRE_RUN(cancel_accept, .listener = fd, .address = address, .connect = true),
                     0);
    close(fd);
    assert_string_equal(log_text, "accepted;GYRE_ECANCELLED");
}

struct full_send {
    gyre_frame frame;
    int64_t n, total;
    char block[4096];
};
GYRE_CORO(full_send)
{
    GYRE_BEGIN;
    for (;;) {
        GYRE_TRY(self->n, gyre_send(pair[0], self->block, sizeof(self->block), 0));
        self->total += self->n;
    }
    GYRE_FINALLY;
    note("sent %d;", self->total > 0);
    GYRE_END;
}

struct cancel_send {
    gyre_frame frame;
    gyre_task *task;
    int64_t rc;
};
GYRE_CORO(cancel_send)
{
    GYRE_BEGIN;
    self->task = GYRE_SPAWN(full_send);
    GYRE_TRY(gyre_sleep(GYRE_MS(20)));
    gyre_task_cancel(self->task);
    GYRE_AWAIT(self->rc, self->task);
    note("%s", gyre_err_name(self->rc));
    GYRE_RETURN(0);
    GYRE_FINALLY;
    gyre_task_unref(self->task);
    GYRE_END;
}

static void test_cancel_send(void **state)
{
    (void)state;
    assert_int_equal(GYRE_RUN(cancel_send), 0);
    assert_string_equal(log_text, "sent 1;GYRE_ECANCELLED");
}

/* ---- closing ---- */

struct close_under {
    gyre_frame frame;
    gyre_task *reader;
    int64_t rc;
};
GYRE_CORO(close_under)
{
    GYRE_BEGIN;
    self->reader = GYRE_SPAWN(one_recv, .fd = pair[0]);
    GYRE_TRY(gyre_sleep(0));
    GYRE_TRY(gyre_sleep(0));
    GYRE_AWAIT(self->rc, gyre_close(pair[0]));
    note("close %d;", (int)self->rc);
    pair[0] = -1;
    GYRE_AWAIT(self->rc, self->reader);
    note("%s", gyre_err_name(self->rc));
    GYRE_RETURN(0);
    GYRE_FINALLY;
    gyre_task_unref(self->reader);
    GYRE_END;
}

static void test_close_ends_other_awaits(void **state)
{
    char byte;

    (void)state;
    assert_int_equal(GYRE_RUN(close_under), 0);
    assert_non_null(strstr(log_text, "recv ECANCELED;"));
    assert_non_null(strstr(log_text, "close 0;"));
    assert_int_equal(read(pair[1], &byte, 1), 0); /* the peer knows */
}

struct one_close {
    gyre_frame frame;
    int64_t rc;
};
GYRE_CORO(one_close)
{
    GYRE_BEGIN;
    GYRE_AWAIT(self->rc, gyre_close(pair[0]));
    pair[0] = -1;
    note("close %d;", (int)self->rc);
    GYRE_TRY(gyre_sleep(0));
    GYRE_RETURN(0);
    GYRE_END;
}

struct cancel_close {
    gyre_frame frame;
    gyre_task *task;
    int64_t rc;
};
GYRE_CORO(cancel_close)
{
    GYRE_BEGIN;
    self->task = GYRE_SPAWN(one_close);
    GYRE_TRY(gyre_sleep(0)); /* it waits for the close */
    gyre_task_cancel(self->task);
    GYRE_AWAIT(self->rc, self->task);
    note("%s", gyre_err_name(self->rc));
    GYRE_RETURN(0);
    GYRE_FINALLY;
    gyre_task_unref(self->task);
    GYRE_END;
}

static void test_close_is_not_cancelled(void **state)
{
    (void)state;
    assert_int_equal(GYRE_RUN(cancel_close), 0);
    assert_string_equal(log_text, "close 0;GYRE_ECANCELLED");
}

struct close_in_no_time {
    gyre_frame frame;
    int64_t rc;
};
GYRE_CORO(close_in_no_time)
{
    GYRE_BEGIN;
    GYRE_AWAIT(self->rc, gyre_wait_for(gyre_close(pair[0]), 0));
    note("%d ", fcntl(pair[0], F_GETFD));
    pair[0] = -1;
    GYRE_AWAIT(self->rc, gyre_wait_for(gyre_close(pair[1]), GYRE_SECONDS(10)));
    note("%d", (int)self->rc);
    pair[1] = -1;
    GYRE_RETURN(0);
    GYRE_END;
}

/* A time limit of 0 cancels coroutines before they start; this one closes even then. */
static void test_close_in_no_time(void **state)
{
    (void)state;
    assert_int_equal(GYRE_RUN(close_in_no_time), 0);
    assert_string_equal(log_text, "-1 0");
}

static int64_t refuse_close(void *context, gyre__op *op, gyre__request *request)
{
    (void)context;
    (void)op;
    return request->verb == GYRE__OP_CLOSE ? -EBUSY : 0;
}

/* A ring that takes nothing cannot keep a descriptor open, nor what waits on it waiting. */
static void test_close_without_a_ring(void **state)
{
    const gyre__seam seam = {.start = refuse_close};
    gyre_loop *loop;
    gyre_task *task;

    (void)state;
    assert_int_equal(gyre_loop_new(NULL, &loop), 0);
    gyre__loop_set_seam(loop, &seam);
    task = GYRE_SPAWN_ON(loop, close_under);
    assert_int_equal(gyre_loop_run_until(loop, gyre_task_future(task)), 0);
    gyre_task_unref(task);
    gyre_loop_close(loop);
    assert_non_null(strstr(log_text, "recv ECANCELED;"));
    assert_non_null(strstr(log_text, "close 0;"));
}

static void test_dumps_name_the_operation(void **state)
{
    gyre_loop *loop;
    gyre_task *task;
    char text[64];

    (void)state;
    assert_int_equal(gyre_loop_new(NULL, &loop), 0);
    task = GYRE_SPAWN_ON(loop, one_recv, .fd = pair[0]);
    gyre_loop_run_once(loop, 0);
    assert_string_equal(gyre_task_waits_for(task, text, sizeof(text)), "recv");
    gyre_loop_close(loop);
    gyre_task_unref(task);
}

/* Owns both ends; waits for bytes that never come. */
struct owner {
    gyre_frame frame;
    int fds[2];
    char byte;
    int64_t rc;
};
GYRE_CORO(owner)
{
    GYRE_BEGIN;
    GYRE_TRY(gyre_recv(self->fds[0], &self->byte, 1, 0));
    GYRE_FINALLY;
    GYRE_AWAIT(self->rc, gyre_close(self->fds[0]));
    note("close %d;", (int)self->rc);
    GYRE_AWAIT(self->rc, gyre_recv(self->fds[1], &self->byte, 1, 0));
    note("%s;", gyre_err_name(self->rc));
    GYRE_AWAIT(self->rc, gyre_close(self->fds[1]));
    note("close %d;", (int)self->rc);
    GYRE_END;
}

static void test_loop_closes_with_operations_pending(void **state)
{
    gyre_loop *loop;
    gyre_task *task;
    int fds[2];

    (void)state;
    assert_int_equal(gyre_loop_new(NULL, &loop), 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    task = GYRE_SPAWN_ON(loop, owner, .fds = {fds[0], fds[1]});
    for (int i = 0; i < 3; i++)
        gyre_loop_run_once(loop, 0);
    assert_int_equal(gyre_loop_close(loop), 0);
    assert_true(gyre_task_cancelled(task));
    gyre_task_unref(task);
    assert_string_equal(log_text, "close 0;GYRE_ECANCELLED;close 0;");
    assert_int_equal(fcntl(fds[0], F_GETFD), -1);
    assert_int_equal(fcntl(fds[1], F_GETFD), -1);
}

/* The loop closes in the very iteration in which a descriptor is being closed. */
static void test_loop_closes_under_a_close(void **state)
{
    gyre_loop *loop;
    gyre_task *task;

    (void)state;
    for (int iterations = 1; iterations < 4; iterations++) {
        int kept = fcntl(pair[0], F_DUPFD_CLOEXEC, 0), number = pair[0];

        assert_int_equal(gyre_loop_new(NULL, &loop), 0);
        task = GYRE_SPAWN_ON(loop, one_close);
        for (int i = 0; i < iterations; i++)
            gyre_loop_run_once(loop, 0);
        assert_int_equal(gyre_loop_close(loop), 0);
        gyre_task_unref(task);
        assert_int_equal(fcntl(number, F_GETFD), -1);
        pair[0] = kept;
    }
}

/* ---- shortage ---- */

struct starved {
    gyre_frame frame;
    int listener;
    struct rlimit before;
    int64_t fd;
};
GYRE_CORO(starved)
{
    GYRE_BEGIN;
    GYRE_AWAIT(self->fd, gyre_accept(self->listener, NULL, 0));
    note("%s;", gyre_err_name(self->fd));
    setrlimit(RLIMIT_NOFILE, &self->before);
    GYRE_TRY(self->fd, gyre_accept(self->listener, NULL, 0));
    note("accepted");
    GYRE_TRY(gyre_close((int)self->fd));
    GYRE_RETURN(0);
    GYRE_END;
}

static void test_no_descriptor_left(void **state)
{
    gyre_address address;
    int listener = listen_on("127.0.0.1", &address), client = connected_to(&address);
    struct rlimit before, low;
    gyre_loop *loop;
    gyre_task *task;

    (void)state;
    assert_int_equal(gyre_loop_new(NULL, &loop), 0);
    getrlimit(RLIMIT_NOFILE, &before);
    low = before;
    low.rlim_cur = 0;
    setrlimit(RLIMIT_NOFILE, &low);
    task = GYRE_SPAWN_ON(loop, starved, .listener = listener, .before = before);
    assert_int_equal(gyre_loop_run_until(loop, gyre_task_future(task)), 0);
    setrlimit(RLIMIT_NOFILE, &before);
    gyre_task_unref(task);
    gyre_loop_close(loop);
    close(client);
    close(listener);
    assert_string_equal(log_text, "EMFILE;accepted");
}

int main(void)
{
#define TEST(name_) cmocka_unit_test_setup_teardown(test_##name_, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(conversation),
        TEST(messages_carry_descriptors),
        TEST(not_a_descriptor),
        TEST(not_a_socket),
        TEST(errors),
        TEST(cancel_recv),
        TEST(recv_wins),
        TEST(cancel_races_with_data),
        TEST(cancelled_before),
        TEST(cancel_accept),
        TEST(accept_wins),
        TEST(cancel_send),
        TEST(close_ends_other_awaits),
        TEST(close_is_not_cancelled),
        TEST(close_in_no_time),
        TEST(close_without_a_ring),
        TEST(dumps_name_the_operation),
        TEST(loop_closes_with_operations_pending),
        TEST(loop_closes_under_a_close),
        TEST(no_descriptor_left),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
