/* Files over HTTP when something goes wrong: they change on the way, their type is no type. */
#include <unistd.h>

#include "../net/connect.h"
#include "../net/http_files.h"
#include "../net/http_router.h"
#include "../task/run.h"
#include "support/folder.h"
#include "support/http_talk.h"
#include "support/unit.h"

enum { BIG = 60000000 }; /* more than sockets hold */

#define GET(path_, fields_) "GET " path_ " HTTP/1.1\r\nHost: x\r\n" fields_ "\r\n"

static gyre_http_server *server;
static gyre_http_files *files;

struct favourite {
    gyre_frame frame;
    gyre_http_exchange *exchange;
    const char *path, *type;
};
GYRE_CORO(favourite)
{
    GYRE_BEGIN;
    GYRE_TRY(gyre_http_serve_file(self->exchange, self->path, self->type));
    GYRE_END;
}

struct shrinking {
    gyre_frame frame;
    gyre_stream *stream;
    char buffer[4096];
    size_t got;
    int64_t n;
};
GYRE_CORO(shrinking)
{
    static const char twice[] = GET("/big.bin", "") GET("/big.bin", "");

    GYRE_BEGIN;
    unit_record_reports(gyre_loop_current());
    folder_make_file("big.bin", "");
    assert_int_equal(truncate("big.bin", BIG), 0);
    assert_int_equal(gyre_http_files_new(".", NULL, &files), 0);
    assert_int_equal(
        GYRE_START_HTTP_SERVER(&server, ((gyre_http_server_options){.listen.host = "127.0.0.1"}),
                               gyre_http_serve, .files = files),
        0);
    GYRE_TRY(gyre_open_connection("127.0.0.1", gyre_http_server_port(server), NULL, &self->stream));
    GYRE_TRY(gyre_stream_write(self->stream, twice, sizeof(twice) - 1));
    GYRE_TRY(gyre_stream_read(self->stream, self->buffer, sizeof(self->buffer)));
    assert_int_equal(truncate("big.bin", 100), 0);
    do {
        GYRE_AWAIT(self->n, gyre_stream_read(self->stream, self->buffer, sizeof(self->buffer)));
        self->got += self->n > 0 ? (size_t)self->n : 0;
    } while (self->n > 0);
    assert_true(self->got < BIG); /* cut off: no second answer in the place of the rest */
    GYRE_TRY(gyre_http_server_stop(server, GYRE_SECONDS(5)));
    gyre_http_server_free(server);
    gyre_http_files_free(files);
    GYRE_FINALLY;
    gyre_stream_abort(self->stream);
    GYRE_END;
}
static void a_file_that_shrinks(void **state)
{
    (void)state;
    assert_int_equal(GYRE_RUN(shrinking), 0);
}

struct bad_type {
    gyre_frame frame;
    gyre_http_router *router;
};
GYRE_CORO(bad_type)
{
    GYRE_BEGIN;
    unit_record_reports(gyre_loop_current());
    folder_make_file("a.txt", "0123456789");
    assert_int_equal(gyre_http_router_new(&self->router), 0);
    assert_int_equal(GYRE_HTTP_ROUTE(self->router, "GET", "/a.txt", favourite, .path = "a.txt",
                                     .type = "a/b\r\nX-Evil: yes"),
                     0);
    assert_int_equal(
        GYRE_START_HTTP_SERVER(&server, ((gyre_http_server_options){.listen.host = "127.0.0.1"}),
                               gyre_http_route, .router = self->router),
        0);
    GYRE_TRY(GYRE_CALL(http_talk, .port = gyre_http_server_port(server),
                       .text = GET("/a.txt", "") GET("/a.txt", "Range: bytes=0-1\r\n")
                           GET("/a.txt", "Range: bytes=0-1,4-5\r\n")));
    assert_int_equal(http_count("HTTP/1.1 500 "), 3);
    assert_int_equal(http_count("X-Evil"), 0);
    GYRE_TRY(gyre_http_server_stop(server, GYRE_SECONDS(5)));
    gyre_http_server_free(server);
    gyre_http_router_free(self->router);
    GYRE_END;
}
static void a_bad_type(void **state)
{
    (void)state;
    assert_int_equal(GYRE_RUN(bad_type), 0);
}

int main(void)
{
#define IN_FOLDER(name_) cmocka_unit_test_setup_teardown(name_, folder_set_up, folder_tear_down)
    const struct CMUnitTest tests[] = {
        IN_FOLDER(a_bad_type),
        IN_FOLDER(a_file_that_shrinks),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
