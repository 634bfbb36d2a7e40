/* Files over HTTP: what is found, what is refused, ranges, conditions, listings. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../net/http_files.h"
#include "../net/http_router.h"
#include "../task/run.h"
#include "support/folder.h"
#include "support/http_talk.h"
#include "support/unit.h"

enum { BIG = 3000000 };

#define TAG                          "\"6553f100-0-a\""
#define DATE                         "Tue, 14 Nov 2023 22:13:20 GMT"
#define FIELDS                       "ETag: " TAG "\r\nLast-Modified: " DATE "\r\nAccept-Ranges: bytes\r\n"
#define ASK(method_, path_, fields_) method_ " " path_ " HTTP/1.1\r\nHost: x\r\n" fields_ "\r\n"
#define GET(path_)                   ASK("GET", path_, "")
#define RANGE(range_)                ASK("GET", "/a.txt", "Range: " range_ "\r\n")
#define WITH(fields_)                ASK("GET", "/a.txt", fields_)
#define PLAIN                        "Content-Type: text/plain; charset=utf-8\r\n"
#define WHOLE                                                                                      \
    "HTTP/1.1 200 OK\r\nDate: *\r\n" PLAIN "Content-Length: 10\r\n" FIELDS "\r\n0123456789"
#define PART(size_, range_, body_)                                                                 \
    "HTTP/1.1 206 Partial Content\r\nDate: *\r\n" PLAIN "Content-Length: " size_ "\r\n" FIELDS     \
    "Content-Range: bytes " range_ "/10\r\n\r\n" body_
#define OUTSIDE                                                                                    \
    "HTTP/1.1 416 Range Not Satisfiable\r\nDate: *\r\nContent-Type: text/plain\r\n"                \
    "Content-Length: 26\r\n" FIELDS "Content-Range: bytes */10\r\n\r\n416 Range Not Satisfiable\n"
#define NOT_MODIFIED "HTTP/1.1 304 Not Modified\r\nDate: *\r\n" FIELDS "\r\n"
#define STATUS(status_, length_)                                                                   \
    "HTTP/1.1 " status_ "\r\nDate: *\r\nContent-Type: text/plain\r\nContent-Length: " length_      \
    "\r\n\r\n" status_ "\n"
#define FAILED    STATUS("412 Precondition Failed", "24")
#define MISSING   STATUS("404 Not Found", "14")
#define FORBIDDEN STATUS("403 Forbidden", "14")
#define MOVED(where_)                                                                              \
    "HTTP/1.1 301 Moved Permanently\r\nDate: *\r\nContent-Type: text/plain\r\n"                    \
    "Content-Length: 22\r\nLocation: " where_ "\r\n\r\n301 Moved Permanently\n"
#define HTML(size_, tag_, body_)                                                                   \
    "HTTP/1.1 200 OK\r\nDate: *\r\nContent-Type: text/html; "                                      \
    "charset=utf-8\r\nContent-Length: " size_ "\r\nETag: \"6553f100-0-" tag_                       \
    "\"\r\nLast-Modified: " DATE "\r\nAccept-Ranges: bytes\r\n\r\n" body_

static const struct {
    const char *request, *answer; /* NULL: only the status matters */
} cases[] = {
    {GET("/a.txt"), WHOLE},
    {ASK("HEAD", "/a.txt", ""),
     "HTTP/1.1 200 OK\r\nDate: *\r\n" PLAIN "Content-Length: 10\r\n" FIELDS "\r\n"},
    {GET("/a.txt?x=y"), WHOLE},
    {GET("//a.txt"), WHOLE},
    {GET("/sub/../a.txt"), FORBIDDEN},
    {GET("/%61.txt"), WHOLE},
    {GET("/a.txt/"), MISSING},
    {GET("/nothing"), MISSING},
    {GET("/a.txt/b"), MISSING},
    {GET("/"), HTML("3", "3", "top")},
    {GET("/sub/"), HTML("3", "3", "sub")},
    {GET("/sub"), MOVED("/sub/")},
    {GET("/sub?a=b"), MOVED("/sub/?a=b")},
    {GET("//sub"), MOVED("/sub/")},
    {GET("/bare/"), FORBIDDEN},
    {ASK("POST", "/a.txt", ""),
     "HTTP/1.1 405 Method Not Allowed\r\nDate: *\r\nContent-Type: text/plain\r\n"
     "Content-Length: 23\r\nAllow: GET, HEAD\r\n\r\n405 Method Not Allowed\n"},
    /* ---- ways out ---- */
    {GET("/../secret"), FORBIDDEN},
    {GET("/%2e%2e/secret"), FORBIDDEN},
    {GET("/..%2fsecret"), FORBIDDEN},
    {GET("/sub/%2e%2e/%2e%2e/secret"), FORBIDDEN},
    {GET("/out"), FORBIDDEN},
    {GET("/out-dir/passwd"), FORBIDDEN},
    {GET("/up"), FORBIDDEN},
    {GET("/proc"), FORBIDDEN},
    {GET("/loop"), FORBIDDEN},
    {GET("/pipe"), FORBIDDEN},
    {GET("/.hidden"), MISSING},
    {GET("/.git/config"), MISSING},
    {GET("/sub/.hidden"), MISSING},
    {GET("/inside"), WHOLE}, /* a link that stays inside, to a name without a type of its own */
    /* ---- ranges ---- */
    {RANGE("bytes=0-3"), PART("4", "0-3", "0123")},
    {RANGE("bytes=3-3"), PART("1", "3-3", "3")},
    {RANGE("bytes=7-"), PART("3", "7-9", "789")},
    {RANGE("bytes=7-100"), PART("3", "7-9", "789")},
    {RANGE("bytes=-2"), PART("2", "8-9", "89")},
    {RANGE("bytes=-100"), PART("10", "0-9", "0123456789")},
    {RANGE("bytes=9-"), PART("1", "9-9", "9")},
    {RANGE("bytes=10-"), OUTSIDE},
    {RANGE("bytes=-0"), OUTSIDE},
    {RANGE("bytes=99999999999999999999999-"), OUTSIDE},
    {RANGE("bytes=3-2"), WHOLE},
    {RANGE("bytes=a-2"), WHOLE},
    {RANGE("bytes="), WHOLE},
    {RANGE("bytes=1-2-3"), WHOLE},
    {RANGE("lines=1-2"), WHOLE},
    {RANGE("bytes=0-5,3-9"), WHOLE}, /* they overlap */
    {RANGE("bytes=0-0,1-1,2-2,3-3,4-4,5-5,6-6,7-7,8-8,9-9,0-0,1-1,2-2,3-3,4-4,5-5,6-6"), WHOLE},
    {RANGE("bytes=20-30, 1-2"), PART("2", "1-2", "12")},
    {ASK("HEAD", "/a.txt", "Range: bytes=0-3\r\n"),
     "HTTP/1.1 200 OK\r\nDate: *\r\n" PLAIN "Content-Length: 10\r\n" FIELDS "\r\n"},
    /* ---- conditions ---- */
    {WITH("If-None-Match: " TAG "\r\n"), NOT_MODIFIED},
    {WITH("If-None-Match: \"x\", W/" TAG "\r\n"), NOT_MODIFIED},
    {WITH("If-None-Match: *\r\n"), NOT_MODIFIED},
    {WITH("If-None-Match: \"x\"\r\n"), WHOLE},
    {WITH("If-None-Match: \"x\"\r\nIf-None-Match: " TAG "\r\n"), NOT_MODIFIED},
    {WITH("If-None-Match: \"x\"\r\nIf-Modified-Since: " DATE "\r\n"), WHOLE},
    {WITH("If-Modified-Since: " DATE "\r\n"), NOT_MODIFIED},
    {WITH("If-Modified-Since: Tue, 14 Nov 2023 22:13:19 GMT\r\n"), WHOLE},
    {WITH("If-Modified-Since: Tuesday, 14-Nov-23 22:13:20 GMT\r\n"), NOT_MODIFIED},
    {WITH("If-Modified-Since: yesterday\r\n"), WHOLE},
    {WITH("If-Match: " TAG "\r\n"), WHOLE},
    {WITH("If-Match: *\r\n"), WHOLE},
    {WITH("If-Match: \"x\"\r\n"), FAILED},
    {WITH("If-Match: W/" TAG "\r\n"), FAILED},
    {WITH("If-Unmodified-Since: " DATE "\r\n"), WHOLE},
    {WITH("If-Unmodified-Since: Tue, 14 Nov 2023 22:13:19 GMT\r\n"), FAILED},
    {WITH("Range: bytes=0-3\r\nIf-Range: " TAG "\r\n"), PART("4", "0-3", "0123")},
    {WITH("Range: bytes=0-3\r\nIf-Range: \"x\"\r\n"), WHOLE},
    {WITH("Range: bytes=0-3\r\nIf-Range: W/" TAG "\r\n"), WHOLE},
    {WITH("Range: bytes=0-3\r\nIf-Range: " DATE "\r\n"), PART("4", "0-3", "0123")},
    {WITH("Range: bytes=0-3\r\nIf-Range: Wed, 15 Nov 2023 22:13:20 GMT\r\n"), WHOLE},
    {ASK("GET", "/empty.txt", "Range: bytes=0-\r\n"),
     "HTTP/1.1 416 Range Not Satisfiable\r\nDate: *\r\nContent-Type: text/plain\r\n"
     "Content-Length: 26\r\nETag: \"6553f100-0-0\"\r\nLast-Modified: " DATE
     "\r\nAccept-Ranges: bytes\r\nContent-Range: bytes */0\r\n\r\n416 Range Not Satisfiable\n"},
    {GET("/empty.txt"),
     "HTTP/1.1 200 OK\r\nDate: *\r\n" PLAIN "Content-Length: 0\r\nETag: \"6553f100-0-0\"\r\n"
     "Last-Modified: " DATE "\r\nAccept-Ranges: bytes\r\n\r\n"},
};

/* ---- the site ---- */

static void make_file(const char *name, const char *text)
{
    const struct timespec times[2] = {{.tv_sec = 1700000000}, {.tv_sec = 1700000000}};

    folder_make_file(name, text);
    assert_int_equal(utimensat(AT_FDCWD, name, times, 0), 0);
}

static char pattern(size_t i)
{
    return (char)('a' + i * 7 % 26);
}

static void make_big(void)
{
    FILE *file = fopen("www/big.bin", "w");

    for (size_t i = 0; i < BIG; i++)
        putc(pattern(i), file);
    fclose(file);
}

static void make_site(void)
{
    mkdir("www", 0755);
    mkdir("www/sub", 0755);
    mkdir("www/bare", 0755);
    mkdir("www/.git", 0755);
    mkdir("www/list", 0755);
    mkdir("www/list/dir", 0755);
    make_file("secret", "secret");
    make_file("www/a.txt", "0123456789");
    make_file("www/empty.txt", "");
    make_file("www/index.html", "top");
    make_file("www/sub/index.html", "sub");
    make_file("www/.hidden", "hidden");
    make_file("www/sub/.hidden", "hidden");
    make_file("www/.git/config", "hidden");
    make_file("www/list/<b>&\"'.txt", "");
    make_file("www/list/javascript:x", "");
    make_file("www/list/50% off?.txt", "");
    make_file("www/list/.dot", "");
    make_big();
    assert_int_equal(symlink("a.txt", "www/inside"), 0);
    assert_int_equal(symlink("../secret", "www/out"), 0);
    assert_int_equal(symlink("/etc", "www/out-dir"), 0);
    assert_int_equal(symlink("..", "www/up"), 0);
    assert_int_equal(symlink("/proc/self/cwd", "www/proc"), 0);
    assert_int_equal(symlink("loop", "www/loop"), 0);
    assert_int_equal(mkfifo("www/pipe", 0644), 0);
}

static gyre_http_server *server;
static gyre_http_files *files;

static void serve(const gyre_http_files_options *options)
{
    make_site();
    assert_int_equal(gyre_http_files_new("www", options, &files), 0);
    assert_int_equal(
        GYRE_START_HTTP_SERVER(&server, ((gyre_http_server_options){.listen.host = "127.0.0.1"}),
                               gyre_http_serve, .files = files),
        0);
}

struct stop {
    gyre_frame frame;
};
GYRE_CORO(stop)
{
    GYRE_BEGIN;
    GYRE_TRY(gyre_http_server_stop(server, GYRE_SECONDS(5)));
    gyre_http_server_free(server);
    gyre_http_files_free(files);
    GYRE_END;
}

#define TALK(text_)                                                                                \
    GYRE_TRY(GYRE_CALL(http_talk, .port = gyre_http_server_port(server), .text = (text_)))

struct page {
    gyre_frame frame;
    size_t i;
    int64_t rc;
};

GYRE_CORO(page)
{
    GYRE_BEGIN;
    serve(&(gyre_http_files_options){.default_type = "text/plain; charset=utf-8"});
    for (self->i = 0; self->i < sizeof(cases) / sizeof(cases[0]); self->i++) {
        TALK(cases[self->i].request);
        if (strcmp(http_answer, cases[self->i].answer) != 0)
            print_error("case %zu: %s\n", self->i, cases[self->i].request);
        assert_string_equal(http_answer, cases[self->i].answer);
    }
    GYRE_TRY(GYRE_CALL(stop));
    GYRE_END;
}
static void exact_answers(void **state)
{
    (void)state;
    assert_int_equal(GYRE_RUN(page), 0);
}

/* ---- several ranges ---- */

struct parts {
    gyre_frame frame;
    char boundary[32];
    char expected[1000];
};
GYRE_CORO(parts)
{
    GYRE_BEGIN;
    serve(NULL);
    TALK(RANGE("bytes=0-1, -2,4-5"));
    assert_int_equal(
        sscanf(strstr(http_answer, "boundary="), "boundary=%31[0-9a-f]", self->boundary), 1);
    {
        const char *b = self->boundary;

        snprintf(
            self->expected, sizeof(self->expected),
            "HTTP/1.1 206 Partial Content\r\nDate: *\r\nContent-Type: multipart/byteranges; "
            "boundary=%s\r\nContent-Length: %zu\r\n" FIELDS "\r\n"
            "\r\n--%s\r\n" PLAIN "Content-Range: bytes 0-1/10\r\n\r\n01"
            "\r\n--%s\r\n" PLAIN "Content-Range: bytes 8-9/10\r\n\r\n89"
            "\r\n--%s\r\n" PLAIN "Content-Range: bytes 4-5/10\r\n\r\n45"
            "\r\n--%s--\r\n",
            b,
            3 * (strlen("\r\n--\r\n" PLAIN "Content-Range: bytes 0-1/10\r\n\r\n01") + strlen(b)) +
                strlen("\r\n----\r\n") + strlen(b),
            b, b, b, b);
    }
    assert_string_equal(http_answer, self->expected);
    GYRE_TRY(GYRE_CALL(stop));
    GYRE_END;
}
static void several_ranges(void **state)
{
    (void)state;
    assert_int_equal(GYRE_RUN(parts), 0);
}

/* ---- large files ---- */

static void assert_big(size_t from, size_t size)
{
    const char *body = strstr(http_answer, "\r\n\r\n") + 4;

    assert_int_equal(http_answer_size - (size_t)(body - http_answer), size);
    for (size_t i = 0; i < size; i++)
        if (body[i] != pattern(from + i))
            fail_msg("byte %zu differs", from + i);
}

struct large {
    gyre_frame frame;
};
GYRE_CORO(large)
{
    GYRE_BEGIN;
    serve(NULL);
    TALK(ASK("GET", "/big.bin", "Range: bytes=1000-900999\r\n"));
    assert_big(1000, 900000);
    TALK(ASK("GET", "/big.bin", "Range: bytes=-5000\r\n"));
    assert_big(BIG - 5000, 5000);
    TALK(ASK("GET", "/big.bin", "Range: bytes=100-140000\r\n") GET("/a.txt"));
    assert_string_equal(http_answer + http_answer_size - 14, "\r\n\r\n0123456789");
    GYRE_TRY(GYRE_CALL(stop));
    GYRE_END;
}
static void large_files(void **state)
{
    (void)state;
    assert_int_equal(GYRE_RUN(large), 0);
}

/* ---- listings ---- */

struct list {
    gyre_frame frame;
};
GYRE_CORO(list)
{
    GYRE_BEGIN;
    serve(&(gyre_http_files_options){.listing = true, .index = "", .cache_control = "no-cache"});
    TALK("GET /list/ HTTP/1.0\r\n\r\n");
    assert_string_equal(
        http_answer,
        "HTTP/1.1 200 OK\r\nDate: *\r\nContent-Type: text/html; charset=utf-8\r\nConnection: "
        "close\r\n\r\n"
        "<!DOCTYPE html>\n<meta charset=\"utf-8\">\n<title>/list/</title>\n<ul>\n"
        "<li><a href=\"../\">../</a>\n"
        "<li><a href=\"./dir/\">dir/</a>\n"
        "<li><a href=\"./50%25%20off%3F.txt\">50% off?.txt</a>\n"
        "<li><a href=\"./%3Cb%3E&amp;%22&#39;.txt\">&lt;b&gt;&amp;&quot;&#39;.txt</a>\n"
        "<li><a href=\"./javascript:x\">javascript:x</a>\n</ul>\n");
    TALK(GET("/list/%3Cb%3E&%22'.txt"));
    assert_int_equal(http_count("HTTP/1.1 200 OK"), 1);
    assert_int_equal(http_count("Cache-Control: no-cache\r\n"), 1);
    TALK(GET("/"));
    assert_int_equal(http_count("<li><a href=\"./index.html\">index.html</a>\n"), 1);
    assert_int_equal(http_count("../"), 0);
    assert_int_equal(http_count("hidden"), 0);
    GYRE_TRY(GYRE_CALL(stop));
    GYRE_END;
}
static void listings(void **state)
{
    (void)state;
    assert_int_equal(GYRE_RUN(list), 0);
}

/* ---- below a route, and single files ---- */

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

struct routed {
    gyre_frame frame;
    gyre_http_router *router;
};
GYRE_CORO(routed)
{
    GYRE_BEGIN;
    make_site();
    assert_int_equal(gyre_http_files_new("www", &(gyre_http_files_options){.hidden = true}, &files),
                     0);
    assert_int_equal(gyre_http_router_new(&self->router), 0);
    assert_int_equal(
        GYRE_HTTP_ROUTE(self->router, NULL, "/files/:path*", gyre_http_serve, .files = files), 0);
    assert_int_equal(
        GYRE_HTTP_ROUTE(self->router, "GET", "/one", favourite, .path = "www/out", .type = "a/b"),
        0);
    assert_int_equal(GYRE_HTTP_ROUTE(self->router, "GET", "/none", favourite, .path = "www/none"),
                     0);
    assert_int_equal(GYRE_HTTP_ROUTE(self->router, "GET", "/dir", favourite, .path = "www"), 0);
    assert_int_equal(
        GYRE_START_HTTP_SERVER(&server, ((gyre_http_server_options){.listen.host = "127.0.0.1"}),
                               gyre_http_route, .router = self->router),
        0);
    TALK(GET("/files/.git/config"));
    assert_int_equal(http_count("HTTP/1.1 200 OK"), 1);
    TALK(GET("/files/../secret"));
    assert_int_equal(http_count("HTTP/1.1 403 "), 1);
    TALK(GET("/files/sub"));
    assert_int_equal(http_count("Location: /files/sub/\r\n"), 1);
    TALK(GET("/files/"));
    assert_string_equal(http_answer + http_answer_size - 3, "top");
    TALK(GET("/one"));
    assert_int_equal(http_count("Content-Type: a/b\r\n"), 1);
    assert_string_equal(http_answer + http_answer_size - 6, "secret");
    TALK(GET("/none") GET("/dir"));
    assert_int_equal(http_count("HTTP/1.1 404 "), 1);
    assert_int_equal(http_count("HTTP/1.1 403 "), 1);
    GYRE_TRY(GYRE_CALL(stop));
    gyre_http_router_free(self->router);
    GYRE_END;
}
static void below_a_route(void **state)
{
    (void)state;
    assert_int_equal(GYRE_RUN(routed), 0);
}

static void what_cannot_be_served(void **state)
{
    (void)state;
    assert_int_equal(gyre_http_files_new("missing", NULL, &files), -ENOENT);
    assert_null(files);
    folder_make_file("file", "");
    assert_int_equal(gyre_http_files_new("file", NULL, &files), -ENOTDIR);
    assert_int_equal(
        gyre_http_files_new(".", &(gyre_http_files_options){.cache_control = "a\r\nb"}, &files),
        GYRE_EHTTPHEADER);
    assert_string_equal(gyre_http_content_type("a/b.HTML", NULL), "text/html; charset=utf-8");
    assert_string_equal(gyre_http_content_type("a.tar.gz", NULL), "application/gzip");
    assert_null(gyre_http_content_type("a.d/b", NULL));
}

int main(void)
{
#define IN_FOLDER(name_) cmocka_unit_test_setup_teardown(name_, folder_set_up, folder_tear_down)
    const struct CMUnitTest tests[] = {
        IN_FOLDER(exact_answers), IN_FOLDER(several_ranges), IN_FOLDER(large_files),
        IN_FOLDER(listings),      IN_FOLDER(below_a_route),  IN_FOLDER(what_cannot_be_served),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
