/* The callback face of subprocesses: a transport for each pipe, and what tells of the end. */
#include <errno.h>

#include "subprocess_internal.h"

/* The last call, once the process and its pipes have all ended. */
static void tell_lost(gyre_subprocess *process)
{
    const gyre_subprocess_protocol *protocol = process->protocol;

    if (!protocol || !process->exit_told || process->faces[0].transport ||
        process->faces[1].transport)
        return;
    process->protocol = NULL;
    if (protocol->connection_lost)
        protocol->connection_lost(process->self);
}

static void on_data(void *self, const char *data, size_t size)
{
    struct gyre__pipe_face *face = self;
    gyre_subprocess *process = face->process;

    if (process->protocol && process->protocol->pipe_data_received)
        process->protocol->pipe_data_received(process->self, face->descriptor, data, size);
}

static void on_lost(void *self, int64_t error)
{
    struct gyre__pipe_face *face = self;
    gyre_subprocess *process = face->process;

    face->transport = NULL;
    if (process->protocol && process->protocol->pipe_connection_lost)
        process->protocol->pipe_connection_lost(process->self, face->descriptor, error);
    tell_lost(process);
    gyre__subprocess_unref(process);
}

static const gyre_protocol pipe_protocol = {.data_received = on_data, .connection_lost = on_lost};

/* From the handle that reaped it. Its output may be on its way still. */
void gyre__subprocess_tell_exit(gyre_subprocess *process)
{
    if (!process->protocol || process->exit_told)
        return;
    process->exit_told = true;
    if (process->protocol->process_exited)
        process->protocol->process_exited(process->self, process->status);
    tell_lost(process);
}

static void tell(gyre__node *node)
{
    gyre_subprocess *process = GYRE__CONTAINER(node, gyre_subprocess, tell);

    gyre__subprocess_tell_exit(process);
    gyre__subprocess_unref(process);
}

/* No call comes after this. */
void gyre__subprocess_drop_faces(gyre_subprocess *process)
{
    process->protocol = NULL;
    for (int i = 0; i < 2; i++)
        if (process->faces[i].transport)
            gyre_transport_abort(process->faces[i].transport);
}

static int64_t start_face(gyre_subprocess *process, int i)
{
    struct gyre__pipe_face *face = &process->faces[i];
    int64_t rc;

    if (!process->pipes[i + 1])
        return 0;
    *face = (struct gyre__pipe_face){.process = process, .descriptor = i + 1};
    rc = gyre_transport_new(process->pipes[i + 1], &pipe_protocol, face, &face->transport);
    if (rc < 0)
        return rc;
    process->pipes[i + 1] = NULL; /* the transport's */
    process->refs++;
    return 0;
}

int64_t gyre_subprocess_set_protocol(gyre_subprocess *process,
                                     const gyre_subprocess_protocol *protocol, void *self)
{
    int64_t rc;

    gyre__check_thread(process->loop, __func__);
    if (process->loop->closing)
        return GYRE_ELOOPCLOSED;
    if (process->protocol || process->communicating || process->exit_told)
        return -EBUSY;
    for (int i = 0; i < 2; i++) {
        rc = start_face(process, i);
        if (rc < 0) {
            gyre__subprocess_drop_faces(process);
            return rc;
        }
    }
    process->protocol = protocol;
    process->self = self;
    if (process->ended) {
        process->tell.run = tell;
        process->refs++;
        gyre__ready_push(&process->loop->ready, &process->tell);
    }
    return 0;
}
