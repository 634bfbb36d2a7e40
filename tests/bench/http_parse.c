/*
 * Parsing HTTP requests: a hello request and a browser's, by gyre's parser, and by llhttp alone
 * with callbacks that do nothing, which is the floor.
 */
#include "bench.h"

#include "../../loop/error.h"
#include "../../net/http_parser_internal.h"

enum { ROUNDS = 200000 };

static const char hello[] = "GET / HTTP/1.1\r\nHost: 127.0.0.1:8080\r\n\r\n";

static const char browser[] =
    "GET /index.html?a=b&c=d HTTP/1.1\r\n"
    "Host: www.example.com\r\n"
    "Connection: keep-alive\r\n"
    "sec-ch-ua: \"Chromium\";v=\"118\", \"Not=A?Brand\";v=\"99\"\r\n"
    "sec-ch-ua-mobile: ?0\r\n"
    "Upgrade-Insecure-Requests: 1\r\n"
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko)\r\n"
    "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/webp,*/*;q=0.8\r\n"
    "Sec-Fetch-Site: none\r\n"
    "Sec-Fetch-Mode: navigate\r\n"
    "Accept-Encoding: gzip, deflate, br\r\n"
    "Accept-Language: en-US,en;q=0.9\r\n"
    "Cookie: session=0123456789abcdef0123456789abcdef; theme=dark\r\n"
    "\r\n";

static double parse(const char *text, size_t size)
{
    gyre__http_parser parser;
    enum gyre__http_event event;
    const char *body;
    size_t body_size;
    double start;

    gyre__http_parser_init(&parser, true, NULL);
    start = bench_cpu_ns();
    for (int i = 0; i < ROUNDS; i++) {
        int64_t taken = gyre__http_parser_next(&parser, text, size, &event, &body, &body_size);

        bench_check(taken == (int64_t)size && event == GYRE__HTTP_HEAD, "parsing");
        taken = gyre__http_parser_next(&parser, text, 0, &event, &body, &body_size);
        bench_check(taken == 0 && event == GYRE__HTTP_END, "parsing to the end");
        gyre__http_parser_reset(&parser);
    }
    start = (bench_cpu_ns() - start) / ROUNDS;
    gyre__http_parser_fini(&parser);
    return start;
}

static int ignore_data(llhttp_t *llhttp, const char *at, size_t size)
{
    (void)llhttp;
    (void)at;
    (void)size;
    return 0;
}

static int ignore(llhttp_t *llhttp)
{
    (void)llhttp;
    return 0;
}

static double parse_bare(const char *text, size_t size)
{
    llhttp_settings_t settings;
    llhttp_t llhttp;
    double start = bench_cpu_ns();

    llhttp_settings_init(&settings);
    settings.on_url = settings.on_header_field = settings.on_header_value = ignore_data;
    settings.on_headers_complete = settings.on_message_complete = ignore;
    llhttp_init(&llhttp, HTTP_REQUEST, &settings);
    for (int i = 0; i < ROUNDS; i++)
        bench_check(llhttp_execute(&llhttp, text, size) == HPE_OK, "llhttp");
    return (bench_cpu_ns() - start) / ROUNDS;
}

static double parse_hello(void)
{
    return parse(hello, sizeof(hello) - 1);
}

static double floor_hello(void)
{
    return parse_bare(hello, sizeof(hello) - 1);
}

static double parse_browser(void)
{
    return parse(browser, sizeof(browser) - 1);
}

static double floor_browser(void)
{
    return parse_bare(browser, sizeof(browser) - 1);
}

int main(int argc, char **argv)
{
    (void)argc;
    bench_only = argv + 1;
    bench_line("http_hello", parse_hello);
    bench_line("floor_http_hello", floor_hello);
    bench_line("http_browser", parse_browser);
    bench_line("floor_http_browser", floor_browser);
    return 0;
}
