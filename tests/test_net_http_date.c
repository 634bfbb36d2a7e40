/* HTTP dates: printed in one form, read in three, checked against the C library. */
#include "support/unit.h"

#include <stdio.h>
#include <time.h>

#include "../net/http_date_internal.h"

enum { NOW = 1700000000 }; /* November 2023 */

static void assert_reads(const char *text, int64_t expected)
{
    int64_t seconds = -1;

    if (gyre__http_date_parse(text, strlen(text), NOW, &seconds) != 0)
        fail_msg("%s is refused", text);
    assert_int_equal(seconds, expected);
}

static void test_forms(void **state)
{
    (void)state;
    assert_reads("Sun, 06 Nov 1994 08:49:37 GMT", 784111777);
    assert_reads("Sunday, 06-Nov-94 08:49:37 GMT", 784111777);
    assert_reads("Sun Nov  6 08:49:37 1994", 784111777);
    assert_reads("Wed Nov 16 08:49:37 1994", 784975777);
    assert_reads("Mon, 06 Nov 1994 08:49:37 GMT", 784111777); /* not that day: who cares */
    assert_reads("Thu, 01 Jan 1970 00:00:00 GMT", 0);
    assert_reads("Wed, 31 Dec 1969 23:59:59 GMT", -1);
    assert_reads("Thu, 29 Feb 2024 00:00:00 GMT", 1709164800);
    assert_reads("Sat, 31 Dec 2016 23:59:60 GMT", 1483228800);
    assert_reads("Friday, 01-Jan-73 00:00:00 GMT", 3250454400); /* 2073: 50 years on */
    assert_reads("Friday, 01-Jan-74 00:00:00 GMT", 126230400);  /* 1974 */
}

static void test_refused(void **state)
{
    static const char *const bad[] = {
        "",
        "x",
        "Sun, 06 Nov 1994 08:49:37",
        "Sun, 06 Nov 1994 08:49:37 UTC",
        "Sun, 06 Nov 1994 08:49:37 GMT ",
        " Sun, 06 Nov 1994 08:49:37 GMT",
        "Sun, 6 Nov 1994 08:49:37 GMT",
        "Sun, 06 nov 1994 08:49:37 GMT",
        "sun, 06 Nov 1994 08:49:37 GMT",
        "Sun,06 Nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 94 08:49:37 GMT",
        "Sun, 06 Nov 1994 8:49:37 GMT",
        "Sun, 06 Nov 1994 24:00:00 GMT",
        "Sun, 06 Nov 1994 08:60:37 GMT",
        "Sun, 06 Nov 1994 08:49:61 GMT",
        "Sun, 00 Nov 1994 08:49:37 GMT",
        "Sun, 31 Nov 1994 08:49:37 GMT",
        "Sun, 29 Feb 2023 08:49:37 GMT",
        "Sun, 29 Feb 1900 08:49:37 GMT",
        "Sun, 06 Nov 0000 08:49:37 GMT",
        "Sun, 06 Nov -994 08:49:37 GMT",
        "Sun, 06-Nov-1994 08:49:37 GMT",
        "Sunday, 06-Nov-1994 08:49:37 GMT",
        "Sun Nov 6 08:49:37 1994",
        "Sun Nov  6 08:49:37 1994 GMT",
        "Sun Nov  6 08:49:37 94",
        "784111777",
        "1994-11-06T08:49:37Z",
    };
    int64_t seconds = 42;

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        if (gyre__http_date_parse(bad[i], strlen(bad[i]), NOW, &seconds) != -EINVAL)
            fail_msg("%s is taken", bad[i]);
    assert_int_equal(gyre__http_date_parse("Sun, 06 Nov 1994\0", 17, NOW, &seconds), -EINVAL);
    assert_int_equal(seconds, 42);
}

/* Every few days from 1601 to 9999, as gmtime() has them. */
static void test_print_as_the_c_library(void **state)
{
    char ours[GYRE__HTTP_DATE_SIZE], theirs[64];

    (void)state;
    for (time_t t = -11644473600; t < 253402300800; t += 86400 * 11 + 3661) {
        struct tm parts;
        int64_t back = 0;

        gmtime_r(&t, &parts);
        strftime(theirs, sizeof(theirs), "%a, %d %b %Y %H:%M:%S GMT", &parts);
        gyre__http_date_print(ours, t);
        assert_string_equal(ours, theirs);
        assert_int_equal(gyre__http_date_parse(ours, strlen(ours), NOW, &back), 0);
        assert_int_equal(back, t);
    }
    gyre__http_date_print(ours, INT64_MAX);
    assert_string_equal(ours, "Fri, 31 Dec 9999 23:59:59 GMT");
    gyre__http_date_print(ours, INT64_MIN);
    assert_string_equal(ours, "Mon, 01 Jan 1601 00:00:00 GMT");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_forms),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_print_as_the_c_library),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
