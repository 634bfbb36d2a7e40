/* Foreign texts in what gyre-fetch prints: JSON that is JSON, lines that leave the terminal alone. */
#include "../../samples/fetch/json.h"

#include <stdlib.h>
#include <string.h>

#include "../../samples/fetch/say.h"
#include "../../samples/fetch/utf8.h"
#include "../support/unit.h"

static char url[] = "http://a.example/b", path[] = "d/b",
            error[] = "a \"b\" \\ \x1b[31m \xff \xc3\xa4";

static void test_json(void **state)
{
    struct item item = {.url = url,
                        .path = path,
                        .state = ITEM_FETCHED,
                        .status = 200,
                        .size = 5,
                        .attempts = 1,
                        .total_ns = 1234567};
    char *line = json_line(&item);

    (void)state;
    assert_non_null(line);
    assert_string_equal(
        line,
        "{\"url\": \"http://a.example/b\", \"final_url\": null, \"status\": 200, \"bytes\": 5, "
        "\"file\": \"d/b\", \"error\": null, \"attempts\": 1, \"resumed\": 0, "
        "\"phases\": {\"queue\": 0.000, \"name\": 0.000, \"connect\": 0.000, \"tls\": 0.000, "
        "\"send\": 0.000, \"first_byte\": 0.000, \"body\": 0.000, \"total\": 1.235}}\n");
    free(line);
    item = (struct item){.url = url, .path = path, .state = ITEM_FAILED, .error = error};
    line = json_line(&item);
    assert_non_null(line);
    assert_non_null(strstr(line, "\"status\": null"));
    assert_non_null(strstr(line, "\"file\": null"));
    assert_non_null(strstr(line, "\"a \\\"b\\\" \\\\ \\u001b[31m \\ufffd \xc3\xa4\""));
    free(line);
    item = (struct item){.url = url, .state = ITEM_FETCHED};
    line = json_line(&item);
    assert_non_null(line);
    assert_non_null(strstr(line, "\"file\": \"-\""));
    free(line);
}

static void test_clean(void **state)
{
    char text[32];

    (void)state;
    say_clean(text, sizeof(text), "a\x1b[31m\r\n\t\x7f\xff\xc3\xa4\xe2\x80\xae");
    assert_string_equal(text, "a?[31m?????\xc3\xa4?");
    say_clean(text, 4, "ab\xc3\xa4"); /* no half character at the end */
    assert_string_equal(text, "ab");
    say_clean(text, 1, "ab");
    assert_string_equal(text, "");
}

static void test_utf8(void **state)
{
    static const char *const bad[] = {"\x80",
                                      "\xc0\x80",
                                      "\xc1\xbf",
                                      "\xe0\x80\x80",
                                      "\xed\xa0\x80",
                                      "\xc3",
                                      "\xf0\x80\x80\x80",
                                      "\xf5\x80\x80\x80",
                                      "\xf4\x90\x80\x80",
                                      "\xe2\x80",
                                      "\xc3\x28",
                                      "\xff"};
    uint32_t code = 0;

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(utf8_character(bad[i], strlen(bad[i]), &code), 0);
    assert_int_equal(utf8_character("a", 1, &code), 1);
    assert_int_equal(utf8_character("\xc3\xa4", 2, &code), 2);
    assert_int_equal(code, 0xe4);
    assert_int_equal(utf8_character("\xe2\x82\xac", 3, &code), 3);
    assert_int_equal(code, 0x20ac);
    assert_int_equal(utf8_character("\xf4\x8f\xbf\xbf", 4, &code), 4);
    assert_int_equal(code, 0x10ffff);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_json),
        cmocka_unit_test(test_clean),
        cmocka_unit_test(test_utf8),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
