/* Lists of HTTP header fields: order, case, what is refused, room, lists of tokens, printing. */
#include "support/unit.h"

#include <stdio.h>
#include <stdlib.h>

#include "../loop/alloc.h"
#include "../loop/error.h"
#include "../net/http_headers.h"

static void assert_printed(const gyre_http_headers *headers, const char *expected)
{
    char text[512];

    assert_int_equal(gyre_http_headers_print(headers, text, sizeof(text)), strlen(expected));
    assert_string_equal(text, expected);
    assert_int_equal(gyre_http_headers_size(headers), strlen(expected));
}

static void test_add_and_get(void **state)
{
    gyre_http_headers headers = {0};
    gyre_http_header field;

    (void)state;
    assert_null(gyre_http_headers_get(&headers, "a"));
    assert_int_equal(gyre_http_headers_count(&headers), 0);
    assert_int_equal(gyre_http_headers_add(&headers, "Content-Type", " text/html\t"), 0);
    assert_int_equal(gyre_http_headers_add(&headers, "X", ""), 0);
    assert_int_equal(gyre_http_headers_addn(&headers, "Y-Z!", 3, "12345", 2), 0);
    assert_int_equal(gyre_http_headers_count(&headers), 3);
    assert_string_equal(gyre_http_headers_get(&headers, "CONTENT-type"), "text/html");
    assert_string_equal(gyre_http_headers_get(&headers, "x"), "");
    assert_string_equal(gyre_http_headers_get(&headers, "y-z"), "12");
    assert_null(gyre_http_headers_get(&headers, "y"));
    assert_null(gyre_http_headers_get(&headers, ""));
    field = gyre_http_headers_at(&headers, 0);
    assert_string_equal(field.name, "Content-Type");
    assert_int_equal(field.name_size, 12);
    assert_int_equal(field.value_size, 9);
    assert_null(gyre_http_headers_at(&headers, 3).name);
    assert_printed(&headers, "Content-Type: text/html\r\nX: \r\nY-Z: 12\r\n");
    gyre_http_headers_clear(&headers);
    assert_int_equal(gyre_http_headers_count(&headers), 0);
    assert_printed(&headers, "");
    gyre_http_headers_fini(&headers);
    gyre_http_headers_fini(&headers);
}

static void test_refused(void **state)
{
    static const char *const names[] = {"",    " a",  "a ",   "a b", "a:",  "a\r",   "a\n", "a(",
                                        "a/b", "a\"", "\x80", "a,b", "a;b", "a\x01", "[a]", "{"};
    static const char *const values[] = {"\r",   "\n",  "a\r\nb: c", "a\nb", "a\rb",   "a\x01",
                                         "\x7F", "a\v", "\f",        "\x1B", " \r\n ", "a\r\n b"};
    gyre_http_headers headers = {0};

    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        assert_int_equal(gyre_http_headers_add(&headers, names[i], "v"), GYRE_EHTTPHEADER);
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        assert_int_equal(gyre_http_headers_add(&headers, "a", values[i]), GYRE_EHTTPHEADER);
        assert_int_equal(gyre_http_headers_set(&headers, "a", values[i]), GYRE_EHTTPHEADER);
    }
    assert_int_equal(gyre_http_headers_addn(&headers, "a", 1, "b\0c", 3), GYRE_EHTTPHEADER);
    assert_int_equal(gyre_http_headers_addn(&headers, "a\0b", 3, "c", 1), GYRE_EHTTPHEADER);
    assert_int_equal(gyre_http_headers_count(&headers), 0);
    assert_int_equal(gyre_http_headers_add(&headers, "!#$%&'*+-.^_`|~09azAZ", "\t\x80\xFF ~"), 0);
    assert_printed(&headers, "!#$%&'*+-.^_`|~09azAZ: \x80\xFF ~\r\n");
    gyre_http_headers_fini(&headers);
}

static void test_set_and_remove(void **state)
{
    gyre_http_headers headers = {0};

    (void)state;
    assert_int_equal(gyre_http_headers_set(&headers, "A", "1"), 0);
    assert_int_equal(gyre_http_headers_add(&headers, "B", "2"), 0);
    assert_int_equal(gyre_http_headers_add(&headers, "a", "3"), 0);
    assert_int_equal(gyre_http_headers_add(&headers, "C", "4"), 0);
    assert_int_equal(gyre_http_headers_set(&headers, "a", "5"), 0);
    assert_printed(&headers, "a: 5\r\nB: 2\r\nC: 4\r\n");
    assert_int_equal(gyre_http_headers_set(&headers, "C", "6"), 0);
    assert_int_equal(gyre_http_headers_set(&headers, "D", "7"), 0);
    assert_printed(&headers, "a: 5\r\nB: 2\r\nC: 6\r\nD: 7\r\n");
    assert_int_equal(gyre_http_headers_remove(&headers, "b"), 1);
    assert_int_equal(gyre_http_headers_remove(&headers, "b"), 0);
    assert_int_equal(gyre_http_headers_add(&headers, "A", "8"), 0);
    assert_int_equal(gyre_http_headers_remove(&headers, "A"), 2);
    assert_printed(&headers, "C: 6\r\nD: 7\r\n");
    gyre_http_headers_fini(&headers);
}

static void test_several(void **state)
{
    gyre_http_headers headers = {0};
    const char *value;
    char seen[32] = "";

    (void)state;
    assert_int_equal(gyre_http_headers_add(&headers, "Set-Cookie", "a"), 0);
    assert_int_equal(gyre_http_headers_add(&headers, "Other", "x"), 0);
    assert_int_equal(gyre_http_headers_add(&headers, "set-cookie", "b"), 0);
    for (size_t cursor = 0; (value = gyre_http_headers_next(&headers, "SET-COOKIE", &cursor));)
        strcat(seen, value);
    assert_string_equal(seen, "ab");
    gyre_http_headers_fini(&headers);
}

static void test_tokens(void **state)
{
    gyre_http_headers headers = {0};

    (void)state;
    assert_false(gyre_http_headers_has(&headers, "connection", "close"));
    assert_int_equal(gyre_http_headers_add(&headers, "Connection", "keep-alive, ,Upgrade ;x=1"), 0);
    assert_int_equal(gyre_http_headers_add(&headers, "connection", ",CLOSE,"), 0);
    assert_true(gyre_http_headers_has(&headers, "connection", "keep-alive"));
    assert_true(gyre_http_headers_has(&headers, "connection", "upgrade"));
    assert_true(gyre_http_headers_has(&headers, "connection", "close"));
    assert_false(gyre_http_headers_has(&headers, "connection", "clos"));
    assert_false(gyre_http_headers_has(&headers, "connection", "closed"));
    assert_false(gyre_http_headers_has(&headers, "connection", "x"));
    gyre_http_headers_fini(&headers);
}

/* Many fields, removed and added again: the arena does not grow with what is gone. */
static void test_room_is_used_again(void **state)
{
    gyre_http_headers headers = {0};
    char name[16];

    (void)state;
    for (int i = 0; i < 1000; i++) {
        snprintf(name, sizeof(name), "name-%d", i);
        assert_int_equal(gyre_http_headers_add(&headers, name, "value"), 0);
    }
    for (int i = 0; i < 1000; i++) {
        snprintf(name, sizeof(name), "NAME-%d", i);
        assert_string_equal(gyre_http_headers_get(&headers, name), "value");
        if (i % 10)
            assert_int_equal(gyre_http_headers_remove(&headers, name), 1);
    }
    assert_int_equal(gyre_http_headers_count(&headers), 100);
    for (int i = 0; i < 20000; i++)
        assert_int_equal(gyre_http_headers_set(&headers, "name-0", "another value"), 0);
    assert_int_equal(gyre_http_headers_count(&headers), 100);
    assert_true(headers.capacity <= 65536);
    assert_string_equal(gyre_http_headers_at(&headers, 0).value, "another value");
    assert_string_equal(gyre_http_headers_at(&headers, 99).name, "name-990");
    gyre_http_headers_fini(&headers);
}

static void test_copy_and_short_buffers(void **state)
{
    gyre_http_headers headers = {0}, copy = {0};
    char text[9];

    (void)state;
    assert_int_equal(gyre_http_headers_add(&headers, "A", "b"), 0);
    assert_int_equal(gyre_http_headers_add(&headers, "C", "d"), 0);
    assert_int_equal(gyre_http_headers_add(&copy, "E", "f"), 0);
    assert_int_equal(gyre_http_headers_copy(&copy, &headers), 0);
    assert_int_equal(gyre_http_headers_copy(&copy, &copy), 0);
    gyre_http_headers_fini(&headers);
    assert_printed(&copy, "A: b\r\nC: d\r\n");
    assert_int_equal(gyre_http_headers_print(&copy, text, sizeof(text)), 12);
    assert_string_equal(text, "A: b\r\nC:");
    assert_int_equal(gyre_http_headers_print(&copy, NULL, 0), 12);
    gyre_http_headers_fini(&copy);
}

/* ---- memory that fails ---- */

static int left; /* allocations before one fails */

static void *failing_alloc(void *context, size_t size)
{
    (void)context;
    return left-- > 0 ? malloc(size) : NULL;
}

static void *failing_resize(void *context, void *block, size_t size)
{
    (void)context;
    return left-- > 0 ? realloc(block, size) : NULL;
}

static void release(void *context, void *block)
{
    (void)context;
    free(block);
}

static void test_memory_fails(void **state)
{
    static const gyre_allocator failing = {failing_alloc, failing_resize, release, NULL};
    char large[2000];

    (void)state;
    memset(large, 'x', sizeof(large));
    large[sizeof(large) - 1] = 0;
    gyre_set_allocator(&failing);
    for (int allowed = 0; allowed < 4; allowed++) {
        gyre_http_headers headers = {0}, copy = {0};
        int64_t result;

        left = allowed;
        result = gyre_http_headers_add(&headers, "a", "b");
        assert_int_equal(result, allowed < 2 ? -ENOMEM : 0);
        assert_int_equal(gyre_http_headers_count(&headers), allowed >= 2);
        if (result == 0) {
            left = 0;
            assert_int_equal(gyre_http_headers_set(&headers, "a", large), -ENOMEM);
            assert_int_equal(gyre_http_headers_copy(&copy, &headers), -ENOMEM);
            left = 1;
            assert_int_equal(gyre_http_headers_copy(&copy, &headers), -ENOMEM);
            assert_int_equal(gyre_http_headers_count(&copy), 0);
            assert_printed(&headers, "a: b\r\n");
        }
        gyre_http_headers_fini(&headers);
        gyre_http_headers_fini(&copy);
    }
    gyre_set_allocator(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_add_and_get),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_set_and_remove),
        cmocka_unit_test(test_several),
        cmocka_unit_test(test_tokens),
        cmocka_unit_test(test_room_is_used_again),
        cmocka_unit_test(test_copy_and_short_buffers),
        cmocka_unit_test(test_memory_fails),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
