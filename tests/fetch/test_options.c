/* gyre-fetch's command line and lists: what is taken, and the exit status of what is not. */
#include "../../samples/fetch/options.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "../support/folder.h"
#include "../support/unit.h"

enum { MOST_WORDS = 40 };

/* Parses words in one string, divided by '|'. */
static int parse(struct options *options, const char *line)
{
    static char copy[1024];
    char *argv[MOST_WORDS + 1] = {NULL}, *rest = NULL;
    int argc = 0;

    snprintf(copy, sizeof(copy), "gyre-fetch|%s", line);
    for (char *word = strtok_r(copy, "|", &rest); word; word = strtok_r(NULL, "|", &rest))
        argv[argc++] = word;
    optind = 0; /* glibc: begin anew */
    return options_parse(options, argc, argv);
}

static void assert_status(const char *line, int status)
{
    struct options options;

    assert_int_equal(parse(&options, line), status);
    options_fini(&options);
}

static void test_all_at_once(void **state)
{
    struct options options;

    (void)state;
    assert_int_equal(parse(&options,
                           "-c|20|-o|d|-H|A: b|-H|C:|--cacert|f|--insecure|--retry=3|"
                           "--max-time|1.5|--max-redirs|0|--resolve|a.example:80:127.0.0.1|"
                           "--resolve|[::1]:443:[::2]|-s|--json|http://a.example/b|"
                           "https://a.example/b"),
                     OPTIONS_RUN);
    assert_int_equal(options.concurrency, 20);
    assert_string_equal(options.directory, "d");
    assert_string_equal(gyre_http_headers_get(&options.headers, "a"), "b");
    assert_string_equal(gyre_http_headers_get(&options.headers, "c"), "");
    assert_string_equal(options.cacert, "f");
    assert_true(options.insecure && options.silent && options.json && !options.resume);
    assert_int_equal(options.retries, 3);
    assert_int_equal(options.max_time_ns, GYRE_MS(1500));
    assert_int_equal(options.max_redirects, 0);
    assert_int_equal(options.resolve_count, 2);
    assert_string_equal(options.resolve[0].host, "a.example");
    assert_string_equal(options.resolve[1].host, "::1");
    assert_int_equal(options.resolve[1].port, 443);
    assert_int_equal(options.list.count, 2);
    assert_string_equal(options.list.items[0].path, "d/b");
    assert_string_equal(options.list.items[1].path, "d/b-2");
    options_fini(&options);
}

static void test_defaults(void **state)
{
    struct options options;

    (void)state;
    assert_int_equal(parse(&options, "http://a.example"), OPTIONS_RUN);
    assert_int_equal(options.concurrency, 8);
    assert_int_equal(options.retries, 2);
    assert_int_equal(options.max_redirects, 10);
    assert_true(options.max_time_ns == GYRE_FOREVER);
    assert_string_equal(options.list.items[0].path, "index.html");
    options_fini(&options);
    assert_int_equal(parse(&options, "-O|-|--|http://a.example/"), OPTIONS_RUN);
    assert_null(options.list.items[0].path);
    options_fini(&options);
}

static void test_mistakes(void **state)
{
    static const char *const lines[] = {
        "",
        "-c",
        "-c|0|http://a/",
        "-c|x|http://a/",
        "-c|-1|http://a/",
        "-c|10001|http://a/",
        "--retry|-1|http://a/",
        "--max-time|0|http://a/",
        "--max-time|nan|http://a/",
        "--max-time|1e3|http://a/",
        "--max-redirs||http://a/",
        "-H|A|http://a/",
        "-H|A b: c|http://a/",
        "-H|A: b\nC: d|http://a/",
        "--resolve|a|http://a/",
        "--resolve|a:80|http://a/",
        "--resolve|a:80:b|http://a/",
        "--resolve|a:0:1.2.3.4|http://a/",
        "--resolve|:80:1.2.3.4|http://a/",
        "--resolve|[::1:80:1.2.3.4|http://a/",
        "--nothing",
        "-x|http://a/",
        "--json=3|http://a/",
        "ftp://a/",
        "a.example",
        "http://",
        "http:///a",
        "http://a b/",
        "-o|a|-O|b|http://a/",
        "-O|b|http://a/|http://b/",
        "-O|-|--json|http://a/",
        "-O|-|--resume|http://a/",
        "--resume|-H|Range: bytes=1-|http://a/",
        "-o|/dev/null|http://a/",
        "-O|/tmp|http://a/",
        "-i|/nonexistent",
        "-i|/tmp",
        "--",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
        assert_status(lines[i], EXIT_USAGE);
}

static void test_lists(void **state)
{
    struct options options;

    (void)state;
    folder_make_file("good", "\xef\xbb\xbfhttp://a/1\r\n\n  # no\n \thttp://a/2 \nhttp://a/3");
    assert_int_equal(parse(&options, "-i|good|http://a/0"), OPTIONS_RUN);
    assert_int_equal(options.list.count, 4);
    assert_string_equal(options.list.items[0].url, "http://a/0");
    assert_string_equal(options.list.items[1].url, "http://a/1");
    assert_string_equal(options.list.items[3].url, "http://a/3");
    options_fini(&options);
    folder_make_file("bad", "http://a/1\nhttp://a/ 2\n");
    assert_status("-i|bad", EXIT_USAGE);
    folder_make_file("empty", "\n# nothing\n");
    assert_status("-i|empty", EXIT_USAGE);
    assert_status("-i|empty|http://a/", EXIT_USAGE);
    assert_status("-i|/dev/zero", EXIT_USAGE); /* a line without end */
    unlink("good");
    unlink("bad");
    unlink("empty");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_at_once),
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_mistakes),
        cmocka_unit_test_setup_teardown(test_lists, folder_set_up, folder_tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
