/* A server's coroutine must have its stream as the second member. */
// must not compile: gcc clang
#include <gyre/gyre.h>

struct session {
    gyre_frame frame;
#ifdef MISUSE
    int k;
#endif
    gyre_stream *stream;
};
GYRE_CORO(session)
{
    GYRE_BEGIN;
    GYRE_FINALLY;
    gyre_stream_abort(self->stream);
    GYRE_END;
}

struct body {
    gyre_frame frame;
    gyre_server *server;
    int64_t rc;
};
GYRE_CORO(body)
{
    GYRE_BEGIN;
    self->rc = GYRE_START_SERVER(&self->server, ((gyre_server_options){.host = "127.0.0.1"}), session);
    gyre_server_free(self->server);
    GYRE_RETURN(self->rc);
    GYRE_END;
}

int main(void)
{
    return (int)GYRE_RUN(body);
}
