/* What gyre-fetch knows about parts of files, and what it tries again. */
#include "../../samples/fetch/resume.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../../samples/fetch/retry.h"
#include "../support/unit.h"

static const char early[] = "Sat, 01 Aug 2020 10:00:00 GMT";
static const char late[] = "Sat, 01 Aug 2020 10:00:01 GMT";

static void assert_validator(const char *tag, const char *modified, const char *date,
                             const char *wanted)
{
    struct resume resume;
    gyre_http_headers headers;

    gyre_http_headers_init(&headers);
    if (tag)
        assert_int_equal(gyre_http_headers_add(&headers, "ETag", tag), 0);
    if (modified)
        assert_int_equal(gyre_http_headers_add(&headers, "Last-Modified", modified), 0);
    if (date)
        assert_int_equal(gyre_http_headers_add(&headers, "Date", date), 0);
    resume_note(&resume, &headers, 7);
    assert_string_equal(resume.validator, wanted);
    assert_int_equal(resume.total, 7);
    gyre_http_headers_fini(&headers);
}

static void test_validators(void **state)
{
    char longest[600];

    (void)state;
    assert_validator("\"a\"", early, late, "\"a\"");
    assert_validator("W/\"a\"", early, late, "");
    assert_validator(NULL, early, late, early);
    assert_validator(NULL, early, early, ""); /* may have changed again within that second */
    assert_validator(NULL, early, NULL, "");
    assert_validator(NULL, "yesterday", late, "");
    assert_validator(NULL, NULL, late, "");
    memset(longest, 'x', sizeof(longest));
    longest[0] = longest[sizeof(longest) - 2] = '"';
    longest[sizeof(longest) - 1] = '\0';
    assert_validator(longest, NULL, NULL, "");
}

static void test_fits(void **state)
{
    struct resume resume = {.validator = "\"a\"", .total = 100};
    gyre_http_headers headers;

    (void)state;
    gyre_http_headers_init(&headers);
    assert_true(resume_fits(&resume, &headers, 100));
    assert_true(resume_fits(&resume, &headers, -1));
    assert_false(resume_fits(&resume, &headers, 101));
    assert_int_equal(gyre_http_headers_add(&headers, "ETag", "\"a\""), 0);
    assert_true(resume_fits(&resume, &headers, 100));
    assert_int_equal(gyre_http_headers_set(&headers, "ETag", "\"b\""), 0);
    assert_false(resume_fits(&resume, &headers, 100));
    gyre_http_headers_fini(&headers);
}

static void test_ranges(void **state)
{
    static const char *const bad[] = {
        "",
        "bytes",
        "bytes */100",
        "bytes 1-2",
        "bytes 5-4/10",
        "bytes 0-10/10",
        "bits 1-2/3",
        "bytes -1-2/3",
        "bytes 1-2/3x",
        "bytes 1-2/-1",
        "bytes 1 -2/3",
        "bytes 1-2/9999999999999999999",
    };
    uint64_t first, last;
    int64_t total;

    (void)state;
    assert_true(resume_range("bytes 5-9/10", &first, &last, &total));
    assert_true(first == 5 && last == 9 && total == 10);
    assert_true(resume_range("bytes 0-0/*", &first, &last, &total));
    assert_true(first == 0 && last == 0 && total == -1);
    assert_false(resume_range(NULL, &first, &last, &total));
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_false(resume_range(bad[i], &first, &last, &total));
}

static void test_text(void **state)
{
    struct resume resume = {.validator = "\"a b\"", .total = 100}, back;
    char *text = malloc(RESUME_TEXT);
    size_t size;

    (void)state;
    assert_non_null(text);
    size = resume_print(&resume, "http://a/b", text);
    assert_int_equal(size, strlen(text));
    assert_true(resume_parse(&back, "http://a/b", text));
    assert_string_equal(back.validator, resume.validator);
    assert_int_equal(back.total, 100);
    assert_false(resume_parse(&back, "http://a/bc", text));
    assert_false(resume_parse(&back, "http://a/", text));
    for (size_t i = 0; i < size - 1; i++) { /* cut off anywhere */
        char saved = text[i];

        text[i] = '\0';
        assert_false(resume_parse(&back, "http://a/b", text));
        text[i] = saved;
    }
    resume.validator[0] = '\0'; /* nothing to ask with */
    resume_print(&resume, "http://a/b", text);
    assert_false(resume_parse(&back, "http://a/b", text));
    free(text);
}

static void test_what_is_worth_it(void **state)
{
    (void)state;
    assert_true(retry_status(408) && retry_status(429) && retry_status(500) && retry_status(503));
    assert_false(retry_status(404) || retry_status(301) || retry_status(501) || retry_status(505));
    assert_true(retry_error(-ECONNREFUSED) && retry_error(GYRE_EHTTPINCOMPLETE));
    assert_true(retry_error(GYRE_ETIMEOUT) && retry_error(GYRE_EDNSAGAIN));
    assert_false(retry_error(GYRE_ETLSVERIFY) || retry_error(GYRE_EDNSNAME));
    assert_false(retry_error(GYRE_EHTTPSYNTAX) || retry_error(-ENOMEM));
}

static void test_pauses(void **state)
{
    (void)state;
    for (unsigned attempt = 1; attempt < 100; attempt++) {
        int64_t least = retry_delay(attempt, 0), most = GYRE_SECONDS(38);

        assert_true(least >= GYRE_MS(375) && least <= most);
        assert_true(retry_delay(attempt, UINT64_MAX) >= least);
        assert_true(retry_delay(attempt, UINT64_MAX) <= most);
    }
    assert_true(retry_delay(3, 7) > retry_delay(1, 7) * 3);
}

static void test_retry_after(void **state)
{
    (void)state;
    assert_int_equal(retry_after(NULL, 0), -1);
    assert_int_equal(retry_after("", 0), -1);
    assert_int_equal(retry_after("soon", 0), -1);
    assert_int_equal(retry_after("12 s", 0), -1);
    assert_int_equal(retry_after("0", 0), 0);
    assert_int_equal(retry_after("12", 0), GYRE_SECONDS(12));
    assert_int_equal(retry_after("99999999999999999999", 0), GYRE_FOREVER);
    assert_int_equal(retry_after(late, 1596276000), GYRE_SECONDS(1));
    assert_int_equal(retry_after(early, 1596276005), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_validators),       cmocka_unit_test(test_fits),
        cmocka_unit_test(test_ranges),           cmocka_unit_test(test_text),
        cmocka_unit_test(test_what_is_worth_it), cmocka_unit_test(test_pauses),
        cmocka_unit_test(test_retry_after),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
