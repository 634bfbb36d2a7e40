/*
 * The HTTP parser: what messages say, how events come, bodies without copies, limits, memory kept
 * and memory that fails. Malformed messages have a test of their own.
 */
#include "support/unit.h"

#include <stdlib.h>

#include "../loop/alloc.h"
#include "../loop/error.h"
#include "../net/http_parser_internal.h"

static gyre__http_parser parser;
static enum gyre__http_event event;
static const char *body;
static size_t body_size;

static int64_t next(const char *text)
{
    return gyre__http_parser_next(&parser, text, strlen(text), &event, &body, &body_size);
}

static void begin(bool request)
{
    gyre__http_parser_init(&parser, request, NULL);
}

static void end(void)
{
    gyre__http_parser_fini(&parser);
}

static void assert_head(bool request, const char *text)
{
    begin(request);
    assert_int_equal(next(text), strlen(text));
    assert_int_equal(event, GYRE__HTTP_HEAD);
}

static void test_request(void **state)
{
    (void)state;
    assert_head(true, "GET /a/b?c=d HTTP/1.1\r\nHost: Example.com:80\r\nX-y: z\r\n\r\n");
    assert_string_equal(parser.method, "GET");
    assert_int_equal(parser.method_number, HTTP_GET);
    assert_string_equal(parser.target, "/a/b?c=d");
    assert_string_equal(parser.path, "/a/b?c=d");
    assert_int_equal(parser.path_size, 8);
    assert_string_equal(parser.query, "c=d");
    assert_string_equal(parser.host, "Example.com:80");
    assert_int_equal(parser.target_form, GYRE__HTTP_ORIGIN);
    assert_int_equal(parser.version, 11);
    assert_true(parser.keep_alive && !parser.upgrade && !parser.chunked && !parser.has_length);
    assert_string_equal(gyre_http_headers_get(&parser.headers, "x-Y"), "z");
    assert_int_equal(next(""), 0);
    assert_int_equal(event, GYRE__HTTP_END);
    assert_int_equal(next("GET"), 0);
    assert_int_equal(event, GYRE__HTTP_END);
    end();
}

static void test_targets(void **state)
{
    (void)state;
    assert_head(true, "GET http://a:1?q HTTP/1.1\r\nHost: a:1\r\n\r\n");
    assert_string_equal(parser.target, "http://a:1?q");
    assert_string_equal(parser.path, "/?q");
    assert_string_equal(parser.query, "q");
    assert_int_equal(parser.target_form, GYRE__HTTP_ABSOLUTE);
    end();
    assert_head(true, "GET http://a HTTP/1.1\r\nHost: A\r\n\r\n");
    assert_string_equal(parser.path, "/");
    assert_null(parser.query);
    end();
    assert_head(true, "GET http://a/b HTTP/1.0\r\n\r\n");
    assert_string_equal(parser.path, "/b");
    assert_null(parser.host);
    assert_false(parser.keep_alive);
    end();
    assert_head(true, "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_int_equal(parser.target_form, GYRE__HTTP_ASTERISK);
    assert_string_equal(parser.path, "*");
    end();
    assert_head(true, "CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_int_equal(parser.target_form, GYRE__HTTP_AUTHORITY);
    assert_string_equal(parser.path, "a:443");
    assert_true(parser.upgrade);
    assert_int_equal(next("tunnel"), 0);
    assert_int_equal(event, GYRE__HTTP_END);
    end();
}

static void assert_kept(bool request, const char *text, bool kept, bool upgrade)
{
    assert_head(request, text);
    assert_int_equal(parser.keep_alive, kept);
    assert_int_equal(parser.upgrade, upgrade);
    end();
}

static void test_connection(void **state)
{
#define V11 "GET / HTTP/1.1\r\nHost: a\r\n"
#define V10 "GET / HTTP/1.0\r\n"
    (void)state;
    assert_kept(true, V11 "\r\n", true, false);
    assert_kept(true, V11 "Connection: close\r\n\r\n", false, false);
    assert_kept(true, V11 "Connection: x, CLOSE\r\n\r\n", false, false);
    assert_kept(true, V11 "Connection: x\r\nConnection: close\r\n\r\n", false, false);
    assert_kept(true, V11 "Connection: closed\r\n\r\n", true, false);
    assert_kept(true, V11 "Connection: keep-alive, close\r\n\r\n", false, false);
    assert_kept(true, V10 "\r\n", false, false);
    assert_kept(true, V10 "Connection: Keep-Alive\r\n\r\n", true, false);
    assert_kept(true, V10 "Connection: keep-alive, close\r\n\r\n", false, false);
    assert_kept(true, V11 "Upgrade: a\r\n\r\n", true, false);
    assert_kept(true, V11 "Connection: upgrade\r\n\r\n", true, false);
    assert_kept(true, V11 "Connection: keep-alive, Upgrade\r\nUpgrade: a\r\n\r\n", true, true);
    assert_kept(false, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", true, false);
    assert_kept(false, "HTTP/1.1 101 x\r\n\r\n", true, true);
    assert_kept(false, "HTTP/1.1 200 OK\r\nUpgrade: a\r\nConnection: upgrade\r\n\r\n", true, false);
}

static void test_expect(void **state)
{
    (void)state;
    assert_head(true, V11 "Expect: 100-Continue\r\nContent-Length: 1\r\n\r\n");
    assert_true(parser.expect_continue);
    assert_true(parser.has_length && parser.content_length == 1);
    end();
    assert_head(true, V10 "Expect: 100-continue\r\n\r\n");
    assert_false(parser.expect_continue);
    end();
    assert_head(true, V11 "Expect: 100\r\n\r\n");
    assert_false(parser.expect_continue);
    end();
}

/* Bodies are pieces of the input, and what follows is left. */
static void test_body_is_not_copied(void **state)
{
    static const char text[] = V11 "Content-Length: 5\r\n\r\nhelloGET";
    size_t head = sizeof(text) - 1 - 8;

    (void)state;
    begin(true);
    assert_int_equal(next(text), head);
    assert_int_equal(event, GYRE__HTTP_HEAD);
    assert_int_equal(next(text + head), 5);
    assert_int_equal(event, GYRE__HTTP_BODY);
    assert_ptr_equal(body, text + head);
    assert_int_equal(body_size, 5);
    assert_int_equal(next("GET"), 0);
    assert_int_equal(event, GYRE__HTTP_END);
    gyre__http_parser_reset(&parser);
    assert_false(gyre__http_parser_started(&parser));
    assert_int_equal(next("\r\nG"), 3);
    assert_int_equal(event, GYRE__HTTP_MORE);
    assert_true(gyre__http_parser_started(&parser));
    end();
}

static void test_chunks_and_trailers(void **state)
{
    static const char text[] = "5;x\r\nhello\r\n6\r\n world\r\n0\r\nDigest: y\r\n\r\n";
    size_t at = 0;
    char joined[32] = "";

    (void)state;
    assert_head(true, V11 "Transfer-Encoding: chunked\r\nTrailer: digest\r\n\r\n");
    assert_true(parser.chunked);
    do {
        int64_t taken = next(text + at);

        assert_true(taken >= 0);
        at += (size_t)taken;
        if (event == GYRE__HTTP_BODY)
            strncat(joined, body, body_size);
    } while (event == GYRE__HTTP_BODY);
    assert_int_equal(event, GYRE__HTTP_END);
    assert_int_equal(at, sizeof(text) - 1);
    assert_string_equal(joined, "hello world");
    assert_string_equal(gyre_http_headers_get(&parser.trailers, "digest"), "y");
    assert_null(gyre_http_headers_get(&parser.headers, "digest"));
    end();
}

static void test_response(void **state)
{
    (void)state;
    assert_head(false, "HTTP/1.0 404 Not Found\r\nContent-Length: 3\r\n\r\n");
    assert_int_equal(parser.status, 404);
    assert_string_equal(parser.reason, "Not Found");
    assert_int_equal(parser.framing, GYRE__HTTP_LENGTH);
    assert_int_equal(next("abc"), 3);
    assert_int_equal(event, GYRE__HTTP_BODY);
    assert_int_equal(gyre__http_parser_eof(&parser), 0);
    end();
    assert_head(false, "HTTP/1.1 200\r\n\r\n");
    assert_string_equal(parser.reason, "");
    assert_int_equal(parser.framing, GYRE__HTTP_UNTIL_EOF);
    assert_int_equal(next("abc"), 3);
    assert_false(parser.keep_alive);
    assert_int_equal(gyre__http_parser_eof(&parser), 0);
    assert_int_equal(next(""), 0);
    assert_int_equal(event, GYRE__HTTP_END);
    end();
}

/* The answer to HEAD has the length of a body, and no body. */
static void test_no_body(void **state)
{
    static const char *const heads[] = {
        "HTTP/1.1 200 OK\r\nContent-Length: 5000000000\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        "HTTP/1.1 200 OK\r\n\r\n",
    };
    static const gyre__http_limits limits = {.body = 10};

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        gyre__http_parser_init(&parser, false, &limits);
        assert_int_equal(next(heads[i]), strlen(heads[i]));
        assert_int_equal(event, GYRE__HTTP_HEAD);
        parser.no_body = true;
        assert_int_equal(next("HTTP/1.1"), 0);
        assert_int_equal(event, GYRE__HTTP_END);
        assert_true(parser.keep_alive);
        end();
    }
}

static void test_eof(void **state)
{
    (void)state;
    begin(true);
    assert_int_equal(gyre__http_parser_eof(&parser), GYRE_EEOF);
    assert_int_equal(next("\r\n"), 2);
    assert_int_equal(gyre__http_parser_eof(&parser), GYRE_EEOF);
    assert_int_equal(next("GET"), 3);
    assert_int_equal(gyre__http_parser_eof(&parser), GYRE_EHTTPINCOMPLETE);
    assert_int_equal(gyre__http_parser_eof(&parser), GYRE_EHTTPINCOMPLETE);
    assert_int_equal(next("GET"), GYRE_EHTTPINCOMPLETE);
    gyre__http_parser_reset(&parser);
    assert_int_equal(gyre__http_parser_eof(&parser), GYRE_EEOF);
    end();
}

static void test_errors_stay(void **state)
{
    (void)state;
    begin(true);
    assert_int_equal(gyre__http_parser_status(&parser), 400);
    assert_int_equal(next("GET / HTTP/1.1\r\nHost: a\r\nb : c\r\n\r\n"), GYRE_EHTTPSYNTAX);
    assert_int_equal(parser.error, GYRE_EHTTPSYNTAX);
    assert_int_equal(parser.error_position, 25);
    assert_non_null(parser.error_text);
    assert_int_equal(next("GET / HTTP/1.1\r\n"), GYRE_EHTTPSYNTAX);
    assert_int_equal(gyre__http_parser_eof(&parser), GYRE_EHTTPSYNTAX);
    end();
}

static void test_default_limits(void **state)
{
    static char text[200000];
    size_t size;

    (void)state;
    memset(text, 'a', sizeof(text));
    for (int over = 0; over < 2; over++) {
        size = (size_t)sprintf(text, "GET /");
        memset(text + size, 'a', 8192);
        strcpy(text + 8192 - 11 + over, " HTTP/1.1\r\nHost: a\r\n\r\n");
        begin(true);
        if (over)
            assert_int_equal(next(text), GYRE_EHTTPLINE);
        else
            assert_true(next(text) > 0);
        assert_int_equal(gyre__http_parser_status(&parser), over ? 414 : 400);
        end();
        size = (size_t)sprintf(text, V11 "x: ");
        memset(text + size, 'a', 66000);
        strcpy(text + 16 + 65536 - 2 + over, "\r\n\r\n");
        begin(true);
        if (over)
            assert_int_equal(next(text), GYRE_EHTTPFIELDS);
        else
            assert_true(next(text) > 0);
        assert_int_equal(gyre__http_parser_status(&parser), over ? 431 : 400);
        end();
        size = (size_t)sprintf(text, V11);
        for (int i = 0; i < 99 + over; i++)
            size += (size_t)sprintf(text + size, "a:b\r\n");
        strcpy(text + size, "\r\n");
        begin(true);
        if (over)
            assert_int_equal(next(text), GYRE_EHTTPFIELDS);
        else
            assert_int_equal(next(text), size + 2);
        end();
    }
}

/* A chunked body that never ends is stopped by its limit, in no memory. */
static void test_endless_chunks(void **state)
{
    static const gyre__http_limits limits = {.body = 1000000};
    int64_t taken = 0;
    uint64_t seen = 0;

    (void)state;
    gyre__http_parser_init(&parser, true, &limits);
    assert_true(next(V11 "Transfer-Encoding: chunked\r\n\r\n") > 0);
    while (taken >= 0) {
        const char *chunk = "10\r\n0123456789abcdef\r\n";

        for (size_t at = 0; taken >= 0 && at<strlen(chunk); at += taken> 0 ? (size_t)taken : 0) {
            taken = next(chunk + at);
            seen += body_size;
        }
    }
    assert_int_equal(taken, GYRE_EHTTPBODY);
    assert_int_equal(seen, 1000000);
    assert_null(parser.line);
    end();
}

/* Many chunk extensions are a way to make a server work for nothing. */
static void test_endless_extensions(void **state)
{
    int64_t taken = 0;
    size_t chunks = 0;

    (void)state;
    begin(true);
    assert_true(next(V11 "Transfer-Encoding: chunked\r\n\r\n") > 0);
    for (; taken >= 0; chunks++) {
        taken = next("1;abcdefghijklmno\r\nx");
        if (taken >= 0)
            taken = next("\r\n");
    }
    assert_int_equal(taken, GYRE_EHTTPSYNTAX);
    assert_in_range(chunks, 1024, 1026);
    end();
}

/* ---- memory ---- */

static int left, live, made;

static void *counting_alloc(void *context, size_t size)
{
    (void)context;
    if (left-- <= 0)
        return NULL;
    live++;
    made++;
    return malloc(size);
}

static void *counting_resize(void *context, void *block, size_t size)
{
    (void)context;
    if (left-- <= 0)
        return NULL;
    live += block == NULL;
    made++;
    return realloc(block, size);
}

static void counting_release(void *context, void *block)
{
    (void)context;
    live -= block != NULL;
    free(block);
}

static const gyre_allocator counting = {counting_alloc, counting_resize, counting_release, NULL};

static const char message[] = V11 "a: b\r\nTransfer-Encoding: chunked\r\n\r\n"
                                  "5\r\nhello\r\n0\r\nc: d\r\n\r\n";

/* Feeds the message in two pieces; 0 or the error. */
static int64_t feed_message(size_t cut)
{
    size_t at = 0, stop = cut;

    for (;;) {
        int64_t taken =
            gyre__http_parser_next(&parser, message + at, stop - at, &event, &body, &body_size);

        if (taken < 0)
            return taken;
        at += (size_t)taken;
        if (event == GYRE__HTTP_END)
            return 0;
        if (event == GYRE__HTTP_MORE)
            stop = sizeof(message) - 1;
    }
}

static void test_memory_is_kept(void **state)
{
    (void)state;
    gyre_set_allocator(&counting);
    left = 1000;
    begin(true);
    assert_int_equal(feed_message(10), 0);
    made = 0;
    for (size_t cut = 1; cut < sizeof(message) - 1; cut++) {
        gyre__http_parser_reset(&parser);
        assert_int_equal(feed_message(cut), 0);
    }
    assert_int_equal(made, 0);
    end();
    assert_int_equal(live, 0);
    gyre_set_allocator(NULL);
}

static void test_memory_fails(void **state)
{
    unsigned failures = 0;

    (void)state;
    gyre_set_allocator(&counting);
    for (int allowed = 0; allowed < 20; allowed++) {
        int64_t result;

        left = allowed;
        begin(true);
        result = feed_message(10);
        assert_true(result == 0 || result == -ENOMEM);
        if (result < 0) {
            failures++;
            assert_int_equal(gyre__http_parser_status(&parser), 500);
            left = 1000;
            gyre__http_parser_reset(&parser);
            assert_int_equal(feed_message(10), 0);
        }
        end();
        assert_int_equal(live, 0);
    }
    assert_in_range(failures, 5, 10);
    gyre_set_allocator(NULL);
}

/* Buffers of a large message are not kept for the next ones. */
static void test_large_buffers_go(void **state)
{
    char *text = malloc(50000);

    (void)state;
    assert_non_null(text);
    begin(true);
    assert_true(next(V11 "x: ") > 0);
    memset(text, 'a', 40000);
    strcpy(text + 40000, "\r\n\r\n");
    assert_true(next(text) > 0);
    assert_int_equal(event, GYRE__HTTP_HEAD);
    assert_true(parser.headers.capacity > 40000 && parser.line_capacity > 40000);
    gyre__http_parser_reset(&parser);
    assert_int_equal(parser.headers.capacity, 0);
    assert_int_equal(parser.line_capacity, 0);
    end();
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_request),
        cmocka_unit_test(test_targets),
        cmocka_unit_test(test_connection),
        cmocka_unit_test(test_expect),
        cmocka_unit_test(test_body_is_not_copied),
        cmocka_unit_test(test_chunks_and_trailers),
        cmocka_unit_test(test_response),
        cmocka_unit_test(test_no_body),
        cmocka_unit_test(test_eof),
        cmocka_unit_test(test_errors_stay),
        cmocka_unit_test(test_default_limits),
        cmocka_unit_test(test_endless_chunks),
        cmocka_unit_test(test_endless_extensions),
        cmocka_unit_test(test_memory_is_kept),
        cmocka_unit_test(test_memory_fails),
        cmocka_unit_test(test_large_buffers_go),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
