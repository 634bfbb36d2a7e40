/* gyre-fetch's progress bar: what it says, and that it never grows wider than the terminal. */
#include "../../samples/fetch/progress.h"

#include <string.h>

#include "../../samples/fetch/show.h"
#include "../support/unit.h"

static void assert_bar(const struct progress *progress, unsigned columns, const char *wanted)
{
    char line[512];

    progress_print(progress, columns, line, sizeof(line));
    assert_string_equal(line, wanted);
}

static void test_one_file(void **state)
{
    struct progress progress = {
        .files = 1, .there = 25000000, .whole = 100000000, .rate = 5e6, .elapsed_ns = 5000000000};

    (void)state;
    assert_bar(&progress, 80,
               "[=======>                     ]   25%  25.0 MB of 100.0 MB  5.0 MB/s  0:15 left");
    progress.whole = 0;
    assert_bar(&progress, 80, "25.0 MB  5.0 MB/s");
    progress = (struct progress){.files = 1};
    assert_bar(&progress, 80, "0 B  0 B/s");
}

static void test_many_files(void **state)
{
    struct progress progress = {.files = 930,
                                .fetched = 464,
                                .failed = 1,
                                .bytes = 12345678,
                                .rate = 1234,
                                .elapsed_ns = 60000000000};

    (void)state;
    assert_bar(&progress, 100,
               "[================>                ]   50%  464 of 930 files  12.3 MB  1.2 kB/s  "
               "1:00 left  1 failed");
    assert_bar(&progress, 60, "[======>     ]   50%  464 of 930 files  1:00 left  1 failed");
    assert_bar(&progress, 46, " 50%  464 of 930 files  1:00 left  1 failed");
    progress.under_way = 232.5;
    assert_bar(&progress, 46, " 75%  464 of 930 files  0:20 left  1 failed");
    progress.missing = 1234 * 120; /* one of those under way is that large */
    assert_bar(&progress, 46, " 75%  464 of 930 files  2:00 left  1 failed");
}

static void test_any_width(void **state)
{
    struct progress progress = {.files = 1000000,
                                .fetched = 999998,
                                .failed = 1,
                                .under_way = 5,
                                .bytes = UINT64_MAX,
                                .rate = 1e18,
                                .elapsed_ns = UINT64_MAX};
    char line[512];

    (void)state;
    for (unsigned columns = 0; columns < 600; columns++) {
        memset(line, '#', sizeof(line));
        progress_print(&progress, columns, line, sizeof(line));
        assert_true(strlen(line) < (columns > 1 ? columns : 1));
    }
}

static void test_rate(void **state)
{
    struct progress_rate rate = {.count = 0};

    (void)state;
    assert_true(progress_per_second(&rate) == 0);
    progress_sample(&rate, 0, 0);
    assert_true(progress_per_second(&rate) == 0);
    for (uint64_t i = 1; i <= 100; i++) /* 1 MB/s for long, then nothing */
        progress_sample(&rate, i * 200000000, i * 200000);
    assert_true((int)progress_per_second(&rate) == 1000000);
    for (uint64_t i = 101; i <= 200; i++)
        progress_sample(&rate, i * 200000000, 20000000);
    assert_true(progress_per_second(&rate) == 0);
}

static void test_numbers(void **state)
{
    (void)state;
    assert_string_equal(show_size(0).text, "0 B");
    assert_string_equal(show_size(999).text, "999 B");
    assert_string_equal(show_size(1000).text, "1.0 kB");
    assert_string_equal(show_size(999949).text, "999.9 kB");
    assert_string_equal(show_size(999950).text, "1.0 MB");
    assert_string_equal(show_size(UINT64_MAX).text, "18.4 EB");
    assert_string_equal(show_time(50000000).text, "0.05 s");
    assert_string_equal(show_time(12345000000).text, "12.3 s");
    assert_string_equal(show_clock(5000000000).text, "0:05");
    assert_string_equal(show_clock(3599000000000).text, "59:59");
    assert_string_equal(show_clock(3661000000000).text, "1:01:01");
    assert_string_equal(show_clock(INT64_C(183600000000000)).text, "2d 03h");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_file),  cmocka_unit_test(test_many_files),
        cmocka_unit_test(test_any_width), cmocka_unit_test(test_rate),
        cmocka_unit_test(test_numbers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
