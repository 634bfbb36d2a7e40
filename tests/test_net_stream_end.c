/* The end of a stream that comes together with its last bytes, and wakes the receiver only once. */
#include <sys/socket.h>

#include "net/stream.h"
#include "support/tls_world.h"
#include "support/unit.h"
#include "task/run.h"
#include "task/timeout.h"

struct main_end {
    gyre_frame frame;
    gyre_stream *a, *b;
    char buffer[64];
    int64_t n;
};
GYRE_CORO(main_end)
{
    GYRE_BEGIN;
    plain_pair(NULL, &self->a, &self->b);
    /* From the first read on the kernel receives by itself. */
    GYRE_TRY(gyre_stream_write(self->a, "first", 5));
    GYRE_TRY(self->n, gyre_stream_read(self->b, self->buffer, sizeof(self->buffer)));
    assert_int_equal(self->n, 5);
    assert_int_equal(gyre_stream_write_soon(self->a, "last", 4), 4);
    assert_int_equal(gyre_stream_write_eof(self->a), 0);
    GYRE_TRY(self->n, gyre_stream_read(self->b, self->buffer, sizeof(self->buffer)));
    assert_int_equal(self->n, 4);
    GYRE_AWAIT(self->n, gyre_wait_for(gyre_stream_read(self->b, self->buffer, sizeof(self->buffer)),
                                      GYRE_SECONDS(2)));
    assert_int_equal(self->n, 0);
    GYRE_FINALLY;
    gyre_stream_abort(self->a);
    gyre_stream_abort(self->b);
    GYRE_END;
}
static void last_bytes_and_end(void **state)
{
    (void)state;
    assert_int_equal(GYRE_RUN(main_end), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(last_bytes_and_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
