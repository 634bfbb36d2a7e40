/* The version: the same in the headers, the library and the build. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "loop/version.h"

static void test_library_matches_headers(void **state)
{
    (void)state;
    assert_string_equal(gyre_version(), GYRE_VERSION_STRING);
    assert_int_equal(gyre_version_number(), GYRE_VERSION_NUMBER);
}

static void test_text_and_number_agree(void **state)
{
    char text[32];

    (void)state;
    snprintf(text, sizeof(text), "%d.%d.%d", gyre_version_number() / 1000000,
             gyre_version_number() / 1000 % 1000, gyre_version_number() % 1000);
    assert_string_equal(gyre_version(), text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_library_matches_headers),
        cmocka_unit_test(test_text_and_number_agree),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
