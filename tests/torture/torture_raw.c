/* Torture of raw operations, readiness, files and directories. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../../loop/alloc.h"
#include "../../net/directory.h"
#include "../../net/file.h"
#include "../../net/poll.h"
#include "../../task/sleep.h"
#include "../../task/timeout.h"
#include "../support/torture.h"

#define LONGEST GYRE_SECONDS(1) /* for the other side, which a failure may have ended */

static int listener = -1;
static gyre_address address;
static int pair[2] = {-1, -1};
static char folder[] = "/tmp/gyre-torture-XXXXXX";

static void close_one(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

/* ---- a connection ---- */

static int64_t open_listener(gyre_loop *loop)
{
    (void)loop;
    listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (gyre_address_parse(&address, "127.0.0.1", 0) < 0 ||
        bind(listener, gyre_address_raw(&address), address.length) < 0 || listen(listener, 4) < 0)
        return -errno;
    return gyre_address_local(listener, &address);
}

static void close_listener(void)
{
    close_one(&listener);
}

/* Connects, says something, ends its side, reads to the end. */
struct client {
    gyre_frame frame;
    int fd;
    char text[8];
    struct iovec piece;
    struct msghdr message;
    int64_t n;
};
GYRE_CORO(client)
{
    GYRE_BEGIN;
    self->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    GYRE_TRY(gyre_connect(self->fd, &address));
    self->piece = (struct iovec){(void *)(uintptr_t) "hello", 5};
    self->message = (struct msghdr){.msg_iov = &self->piece, .msg_iovlen = 1};
    GYRE_TRY(gyre_sendmsg(self->fd, &self->message, 0));
    GYRE_TRY(gyre_shutdown(self->fd, SHUT_WR));
    do
        GYRE_TRY(self->n, gyre_recv(self->fd, self->text, sizeof(self->text), 0));
    while (self->n > 0);
    GYRE_FINALLY;
    if (self->fd > 0)
        GYRE_AWAIT(self->n, gyre_close(self->fd));
    GYRE_END;
}

/* Echoes until the end, with a client of its own. */
struct connection {
    gyre_frame frame;
    gyre_task *client;
    gyre_address peer;
    int fd;
    char text[8];
    int64_t n, total;
};
GYRE_CORO(connection)
{
    GYRE_BEGIN;
    self->fd = -1;
    self->client = GYRE_SPAWN(client);
    if (!self->client)
        GYRE_RETURN(-ENOMEM);
    GYRE_TRY(self->n, gyre_wait_for(gyre_accept(listener, &self->peer, 0), LONGEST));
    self->fd = (int)self->n;
    for (;;) {
        GYRE_TRY(self->n, gyre_recv(self->fd, self->text, sizeof(self->text), 0));
        if (self->n == 0)
            break;
        self->total += self->n;
        GYRE_TRY(gyre_send(self->fd, self->text, (size_t)self->n, MSG_WAITALL));
    }
    GYRE_TRY(gyre_close(self->fd));
    self->fd = -1;
    GYRE_TRY(self->client);
    GYRE_RETURN(self->total);
    GYRE_FINALLY;
    if (self->fd >= 0)
        GYRE_AWAIT(self->n, gyre_close(self->fd));
    if (self->client) {
        gyre_task_cancel(self->client);
        GYRE_AWAIT(self->n, self->client);
        gyre_task_unref(self->client);
    }
    GYRE_END;
}

/* ---- readiness ---- */

static int64_t open_pair(gyre_loop *loop)
{
    (void)loop;
    return socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0 ? -errno : 0;
}

static void close_pair(void)
{
    close_one(&pair[0]);
    close_one(&pair[1]);
}

static int64_t on_readable(gyre_loop *loop, void *arg)
{
    gyre_future *done = arg;
    char byte;

    if (read(pair[0], &byte, 1) == 1)
        return 0;
    gyre_remove_reader(loop, pair[0]);
    if (!gyre_future_done(done))
        return gyre_future_set_result(done, 3);
    return 0;
}

static int64_t on_writable(gyre_loop *loop, void *arg)
{
    (void)arg;
    if (send(pair[1], "ab", 2, MSG_NOSIGNAL) != 2)
        return -errno;
    shutdown(pair[1], SHUT_WR);
    gyre_remove_writer(loop, pair[1]);
    return 0;
}

/* Bytes and the end go from a writer callback to a reader callback. */
struct callbacks {
    gyre_frame frame;
    gyre_future *done;
    int64_t rc;
};
GYRE_CORO(callbacks)
{
    GYRE_BEGIN;
    self->done = gyre_future_new(gyre_loop_current());
    if (!self->done)
        GYRE_RETURN(-ENOMEM);
    GYRE_TRY(gyre_poll(pair[1], POLLOUT));
    self->rc = gyre_add_reader(gyre_loop_current(), pair[0], on_readable, self->done);
    if (self->rc >= 0)
        self->rc = gyre_add_writer(gyre_loop_current(), pair[1], on_writable, NULL);
    if (self->rc < 0)
        GYRE_RETURN(self->rc);
    GYRE_TRY(self->rc, gyre_wait_for(self->done, LONGEST));
    GYRE_RETURN(self->rc);
    GYRE_FINALLY;
    gyre_remove_reader(gyre_loop_current(), pair[0]);
    gyre_remove_writer(gyre_loop_current(), pair[1]);
    gyre_future_unref(self->done);
    GYRE_AWAIT(self->rc, gyre_sleep(0)); /* the kernel takes its time to let go of them */
    GYRE_AWAIT(self->rc, gyre_close(pair[0]));
    pair[0] = -1;
    GYRE_END;
}

/* ---- files ---- */

static int64_t make_folder(gyre_loop *loop)
{
    FILE *file;

    (void)loop;
    strcpy(folder + strlen(folder) - 6, "XXXXXX");
    if (!mkdtemp(folder) || chdir(folder) < 0)
        return -errno;
    file = fopen("old", "we");
    if (!file)
        return -errno;
    fputs("old", file);
    fclose(file);
    return 0;
}

static void remove_folder(void)
{
    if (chdir("/") == 0) {
        char command[64];

        snprintf(command, sizeof(command), "rm -r %s", folder);
        if (system(command) != 0)
            abort();
    }
}

/* What is there is the old or the new, and nothing else is left. */
static bool is_old_or_new(torture_mode mode, int64_t result)
{
    char text[16] = "";
    FILE *names, *file = fopen("old", "re");
    int lines = 0, byte;

    (void)mode;
    if (!file || !fgets(text, sizeof(text), file))
        return false;
    fclose(file);
    if (strcmp(text, "old") != 0 && strcmp(text, "replaced") != 0)
        return false;
    if (result == 8 && strcmp(text, "replaced") != 0)
        return false;
    names = popen("ls -A", "r");
    while ((byte = fgetc(names)) != EOF)
        lines += byte == '\n';
    pclose(names);
    return lines == 1;
}

struct replace {
    gyre_frame frame;
    char *data;
    int64_t n;
};
GYRE_CORO(replace)
{
    GYRE_BEGIN;
    GYRE_TRY(gyre_file_replace("old", "replaced", 8, 0));
    GYRE_TRY(self->n, gyre_file_read_all("old", 100, &self->data));
    if (strcmp(self->data, "replaced") != 0)
        GYRE_RETURN(-EBADMSG);
    GYRE_RETURN(self->n);
    GYRE_FINALLY;
    gyre_free(self->data);
    GYRE_END;
}

/* Names, renaming, removing, and a walk through the directory. */
struct names {
    gyre_frame frame;
    gyre_directory *directory;
    gyre_directory_entry entry;
    gyre_file file;
    gyre_file_info info;
    int64_t n, count;
};
GYRE_CORO(names)
{
    GYRE_BEGIN;
    GYRE_TRY(gyre_mkdir("d", 0700));
    GYRE_TRY(gyre_file_open(&self->file, "d/f", O_RDWR | O_CREAT, 0600));
    GYRE_TRY(gyre_file_write(&self->file, "some text", 9));
    GYRE_TRY(gyre_file_stat(&self->file, &self->info));
    GYRE_TRY(gyre_file_close(&self->file));
    GYRE_TRY(gyre_rename("d/f", "g"));
    GYRE_TRY(gyre_directory_open(".", &self->directory));
    for (;;) {
        GYRE_TRY(self->n, gyre_directory_next(self->directory, &self->entry));
        if (self->n == 0)
            break;
        self->count++;
    }
    GYRE_TRY(gyre_unlink("g"));
    GYRE_TRY(gyre_unlinkat(AT_FDCWD, "d", AT_REMOVEDIR));
    GYRE_RETURN(self->count);
    GYRE_FINALLY;
    GYRE_AWAIT(self->n, gyre_file_close(&self->file));
    GYRE_AWAIT(self->n, gyre_directory_close(self->directory));
    GYRE_END;
}

/* ---- pipes ---- */

struct pipe_writer {
    gyre_frame frame;
    gyre_file out;
    int64_t n;
};
GYRE_CORO(pipe_writer)
{
    GYRE_BEGIN;
    GYRE_TRY(gyre_file_write(&self->out, "through a pipe", 14));
    GYRE_FINALLY;
    GYRE_AWAIT(self->n, gyre_file_close(&self->out));
    GYRE_END;
}

struct pipes {
    gyre_frame frame;
    gyre_task *writer;
    gyre_file in;
    int fds[2];
    char text[4];
    int64_t n, total;
};
GYRE_CORO(pipes)
{
    GYRE_BEGIN;
    if (pipe2(self->fds, O_CLOEXEC) < 0)
        GYRE_RETURN(-errno);
    self->in = gyre_file_from(self->fds[0]);
    self->writer = GYRE_SPAWN(pipe_writer, .out = gyre_file_from(self->fds[1]));
    if (!self->writer) {
        close(self->fds[1]);
        GYRE_RETURN(-ENOMEM);
    }
    do {
        GYRE_TRY(self->n, gyre_file_read(&self->in, self->text, sizeof(self->text)));
        self->total += self->n;
    } while (self->n > 0);
    GYRE_TRY(self->writer);
    GYRE_RETURN(self->total);
    GYRE_FINALLY;
    GYRE_AWAIT(self->n, gyre_file_close(&self->in));
    gyre_task_unref(self->writer);
    GYRE_END;
}

static const torture_scenario scenarios[] = {
    {TORTURE_MAIN(connection), .flags = TORTURE_IO, .expect = 5,
     .setup = open_listener, .teardown = close_listener},
    {TORTURE_MAIN(callbacks), .flags = TORTURE_IO, .expect = 3,
     .setup = open_pair, .teardown = close_pair},
    {TORTURE_MAIN(replace), .flags = TORTURE_IO, .expect = 8, .setup = make_folder,
     .teardown = remove_folder, .check = is_old_or_new},
    {TORTURE_MAIN(names), .flags = TORTURE_IO, .expect = 3, .setup = make_folder,
     .teardown = remove_folder},
    {TORTURE_MAIN(pipes), .flags = TORTURE_IO, .expect = 14},
};

int main(int argc, char **argv)
{
    return torture_main(argc, argv, scenarios, sizeof(scenarios) / sizeof(scenarios[0]));
}
