/*
 * URLs: what is parsed and what is refused where, RFC 3986's references, percent-encoding, queries.
 */
#include "support/unit.h"

#include <stdio.h>
#include <stdlib.h>

#include "../loop/alloc.h"
#include "../loop/error.h"
#include "../net/url.h"

static gyre_url parse(const char *text)
{
    gyre_url url;
    size_t position = 99;

    if (gyre_url_parse(&url, text, strlen(text), &position) != 0)
        fail_msg("%s: refused at %zu: %s", text, position, gyre_error_text(gyre_error_current()));
    assert_int_equal(position, 0);
    return url;
}

static const char *or_none(const char *text)
{
    return text ? text : "(none)";
}

/* Parses and prints: parts are checked as "scheme userinfo host port path query fragment". */
static void assert_parts(const char *text, const char *expected, const char *printed)
{
    gyre_url url = parse(text), again;
    char parts[512], whole[512];

    snprintf(parts, sizeof(parts), "%s %s %s %u %s %s %s", url.scheme, or_none(url.userinfo),
             or_none(url.host), url.port, url.path, or_none(url.query), or_none(url.fragment));
    assert_string_equal(parts, expected);
    assert_int_equal(gyre_url_print(&url, whole, sizeof(whole)), strlen(printed));
    assert_string_equal(whole, printed);
    again = parse(whole);
    assert_string_equal(again.path, url.path);
    gyre_url_fini(&again);
    gyre_url_fini(&url);
}

#define SAME(text, parts) assert_parts(text, parts, text)

static void test_parts(void **state)
{
    (void)state;
    SAME("http://a/", "http (none) a 80 / (none) (none)");
    SAME("http://a/b/c?d=e#f", "http (none) a 80 /b/c d=e f");
    SAME("https://u:p@a.b:8443/?#", "https u:p a.b 8443 /  ");
    assert_parts("HTTP://EXAMPLE.Com", "http (none) example.com 80 / (none) (none)",
                 "http://example.com/");
    assert_parts("http://a:80/", "http (none) a 80 / (none) (none)", "http://a/");
    assert_parts("https://a:00443/", "https (none) a 443 / (none) (none)", "https://a/");
    assert_parts("http://a:/b", "http (none) a 80 /b (none) (none)", "http://a/b");
    assert_parts("http://a?b", "http (none) a 80 / b (none)", "http://a/?b");
    assert_parts("http://a#b", "http (none) a 80 / (none) b", "http://a/#b");
    SAME("http://a/%41%2F%20", "http (none) a 80 /%41%2F%20 (none) (none)");
    SAME("http://a/../b/./c//d", "http (none) a 80 /../b/./c//d (none) (none)");
    SAME("http://a.example.com./", "http (none) a.example.com. 80 / (none) (none)");
    SAME("ws://a/b", "ws (none) a 80 /b (none) (none)");
    SAME("wss://a:80/b", "wss (none) a 80 /b (none) (none)");
    SAME("http://a_b-c/", "http (none) a_b-c 80 / (none) (none)");
    SAME("http://@a/", "http  a 80 / (none) (none)");
    SAME("file:///etc/passwd", "file (none)  0 /etc/passwd (none) (none)");
    SAME("mailto:a@b.c", "mailto (none) (none) 0 a@b.c (none) (none)");
    SAME("urn:isbn:1?q", "urn (none) (none) 0 isbn:1 q (none)");
    SAME("foo://%41!$&'()*+,;=:9/", "foo (none) %41!$&'()*+,;= 9 / (none) (none)");
    SAME("a:", "a (none) (none) 0  (none) (none)");
    SAME("x+y-z.1:b", "x+y-z.1 (none) (none) 0 b (none) (none)");
}

static void test_addresses(void **state)
{
    gyre_url url = parse("http://127.0.0.1:8080/");

    (void)state;
    assert_true(url.host_is_ipv4 && !url.host_is_ipv6 && url.port_given);
    gyre_url_fini(&url);
    url = parse("http://[::1]/");
    assert_true(!url.host_is_ipv4 && url.host_is_ipv6 && !url.port_given);
    gyre_url_fini(&url);
    SAME("http://[::1]:8080/", "http (none) ::1 8080 / (none) (none)");
    assert_parts("http://[2001:DB8:0:0:0:0:0:1]/", "http (none) 2001:db8::1 80 / (none) (none)",
                 "http://[2001:db8::1]/");
    assert_parts("http://[::FFFF:1.2.3.4]/", "http (none) ::ffff:1.2.3.4 80 / (none) (none)",
                 "http://[::ffff:1.2.3.4]/");
    SAME("http://[fe80::1%25eth0]/", "http (none) fe80::1%eth0 80 / (none) (none)");
}

static void assert_refused(const char *text, size_t size, size_t expected)
{
    gyre_url url;
    size_t position = 999;

    assert_int_equal(gyre_url_parse(&url, text, size, &position), GYRE_EURL);
    if (position != expected)
        fail_msg("%s: refused at %zu instead of %zu (%s)", text, position, expected,
                 gyre_error_text(gyre_error_current()));
    assert_null(url.text);
    assert_int_equal(gyre_error_code(gyre_error_current()), GYRE_EURL);
    gyre_error_clear();
    gyre_url_fini(&url);
}

static const struct refused {
    const char *text;
    size_t position;
} refused[] = {
    {"", 0},
    {"a", 0},
    {"/a", 0},
    {"//a/b", 0},
    {"?a", 0},
    {"1http://a/", 0},
    {":a", 0},
    {"ht tp://a/", 2},
    {"ht_tp://a/", 2},
    {" http://a/", 0},
    {"http://a/ ", 9},
    {"http://a/\n", 9},
    {"http://a/b c", 10},
    {"http://a/\t", 9},
    {"http://a/\x7F", 9},
    {"http://a/\xC3\xA4", 9},
    {"http://a/<b>", 9},
    {"http://a/\"", 9},
    {"http://a/[", 9},
    {"http://a/|", 9},
    {"http://a/\\b", 9},
    {"http://a/{b}", 9},
    {"http://a/^", 9},
    {"http://a/`", 9},
    {"http://a/%", 10},
    {"http://a/%4", 11},
    {"http://a/%g0", 10},
    {"http://a/%0g", 11},
    {"http://a/?%", 11},
    {"http://a/?[]", 10},
    {"http://a/#%x", 11},
    {"http://a/#b#c", 11},
    {"http:", 5},
    {"http:a", 5},
    {"http:/a", 5},
    {"http://", 7},
    {"http:///a", 7},
    {"http://?a", 7},
    {"http://:80/", 7},
    {"http://u@/", 9},
    {"http://u@b@c/", 10},
    {"http://u[@b/", 8},
    {"http://a b/", 8},
    {"http://a%41/", 8},
    {"http://a!/", 8},
    {"http://a\xC3\xA4/", 8},
    {"http://a..b/", 7},
    {"http://.a/", 7},
    {"http://./", 7},
    {"http://1.2.3/", 7},
    {"http://127.1/", 7},
    {"http://1.2.3.256/", 7},
    {"http://1.2.3.04/", 7},
    {"http://1.2.3.4.5/", 7},
    {"http://0x7f.0.0.1.0x1/", 7},
    {"http://2130706433/", 7},
    {"http://0x7f000001/", 7},
    {"http://a.0x/", 7},
    {"http://a:x/", 9},
    {"http://a:1x/", 10},
    {"http://a:0/", 9},
    {"http://a:65536/", 13},
    {"http://a:-1/", 9},
    {"http://a:1:2/", 10},
    {"http://[::1/", 11},
    {"http://[]/", 8},
    {"http://[1.2.3.4]/", 8},
    {"http://[::g]/", 8},
    {"http://[::1]x/", 12},
    {"http://[::1]:x/", 13},
    {"http://[v1.a]/", 8},
    {"http://[fe80::1%eth0]/", 8},
    {"http://[fe80::1%25]/", 8},
    {"http://::1/", 8},
};

static void test_refused_with_position(void **state)
{
    char label[80];

    (void)state;
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
        assert_refused(refused[i].text, strlen(refused[i].text), refused[i].position);
    assert_refused("http://a/\0b", 11, 9);
    assert_refused("http://a\0/", 10, 8);
    memset(label, 'a', sizeof(label));
    memcpy(label, "http://", 7);
    label[7 + 64] = 0;
    assert_refused(label, strlen(label), 7);
    label[7 + 63] = 0;
    SAME("http://u/v@b/", "http (none) u 80 /v@b/ (none) (none)");
}

static void test_longest(void **state)
{
    size_t size = GYRE_URL_MOST + 1;
    char *text = malloc(size);
    gyre_url url;

    (void)state;
    assert_non_null(text);
    memset(text, 'a', size);
    memcpy(text, "http://a/", 9);
    assert_int_equal(gyre_url_parse(&url, text, size - 1, NULL), 0);
    assert_int_equal(gyre_url_print(&url, NULL, 0), size - 1);
    gyre_url_fini(&url);
    assert_refused(text, size, GYRE_URL_MOST);
    free(text);
}

/* ---- references ---- */

static void assert_resolved(const char *base_text, const char *reference, const char *expected)
{
    gyre_url base = parse(base_text), url;
    char text[256];

    if (gyre_url_resolve(&url, &base, reference, strlen(reference), NULL) != 0)
        fail_msg("%s: refused", reference);
    gyre_url_print(&url, text, sizeof(text));
    if (strcmp(text, expected) != 0)
        fail_msg("%s on %s gives %s, not %s", reference, base_text, text, expected);
    gyre_url_fini(&url);
    gyre_url_fini(&base);
}

/* RFC 3986, 5.4.1 and 5.4.2. */
static const char *const references[][2] = {
    {"g:h", "g:h"},
    {"g", "http://a/b/c/g"},
    {"./g", "http://a/b/c/g"},
    {"g/", "http://a/b/c/g/"},
    {"/g", "http://a/g"},
    {"//g", "http://g/"},
    {"?y", "http://a/b/c/d;p?y"},
    {"g?y", "http://a/b/c/g?y"},
    {"#s", "http://a/b/c/d;p?q#s"},
    {"g#s", "http://a/b/c/g#s"},
    {"g?y#s", "http://a/b/c/g?y#s"},
    {";x", "http://a/b/c/;x"},
    {"g;x", "http://a/b/c/g;x"},
    {"g;x?y#s", "http://a/b/c/g;x?y#s"},
    {"", "http://a/b/c/d;p?q"},
    {".", "http://a/b/c/"},
    {"./", "http://a/b/c/"},
    {"..", "http://a/b/"},
    {"../", "http://a/b/"},
    {"../g", "http://a/b/g"},
    {"../..", "http://a/"},
    {"../../", "http://a/"},
    {"../../g", "http://a/g"},
    {"../../../g", "http://a/g"},
    {"../../../../g", "http://a/g"},
    {"/./g", "http://a/g"},
    {"/../g", "http://a/g"},
    {"g.", "http://a/b/c/g."},
    {".g", "http://a/b/c/.g"},
    {"g..", "http://a/b/c/g.."},
    {"..g", "http://a/b/c/..g"},
    {"./../g", "http://a/b/g"},
    {"./g/.", "http://a/b/c/g/"},
    {"g/./h", "http://a/b/c/g/h"},
    {"g/../h", "http://a/b/c/h"},
    {"g;x=1/./y", "http://a/b/c/g;x=1/y"},
    {"g;x=1/../y", "http://a/b/c/y"},
    {"g?y/./x", "http://a/b/c/g?y/./x"},
    {"g?y/../x", "http://a/b/c/g?y/../x"},
    {"g#s/./x", "http://a/b/c/g#s/./x"},
    {"g#s/../x", "http://a/b/c/g#s/../x"},
};

static void test_references(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(references) / sizeof(references[0]); i++)
        assert_resolved("http://a/b/c/d;p?q", references[i][0], references[i][1]);
    assert_resolved("https://u:p@a:8443/b?c#d", "e", "https://u:p@a:8443/e");
    assert_resolved("https://u:p@a:8443/b", "//h", "https://h/");
    assert_resolved("https://a/b", "http://a/../c", "http://a/c");
    assert_resolved("http://[fe80::1%25eth0]:1/a", "b", "http://[fe80::1%25eth0]:1/b");
    assert_resolved("http://a", "b", "http://a/b");
    assert_resolved("foo://a", "b", "foo://a/b");
    assert_resolved("foo:a/b", "../../c", "foo:c");
    assert_resolved("foo:/a", "/.//b", "foo:/.//b");
    assert_resolved("foo:/a", "..//b", "foo:/.//b");
    assert_resolved("http://a//b/c", "../d", "http://a//d");
    assert_resolved("http://a/b//", "../c", "http://a/b/c");
}

static void test_bad_references(void **state)
{
    gyre_url base = parse("http://a/b"), url;
    size_t position;

    (void)state;
    assert_int_equal(gyre_url_resolve(&url, &base, "a b", 3, &position), GYRE_EURL);
    assert_int_equal(position, 1);
    assert_int_equal(gyre_url_resolve(&url, &base, "//", 2, &position), GYRE_EURL);
    assert_int_equal(position, 2);
    assert_int_equal(gyre_url_resolve(&url, &base, "//a!", 4, &position), GYRE_EURL);
    assert_int_equal(position, 3);
    assert_int_equal(gyre_url_resolve(&url, &base, "1:a", 3, &position), GYRE_EURL);
    assert_int_equal(position, 0);
    assert_int_equal(gyre_url_resolve(&url, &base, "http:b", 6, &position), GYRE_EURL);
    gyre_error_clear();
    gyre_url_fini(&base);
}

/* ---- comparing, copying, printing ---- */

static bool same_origin(const char *a_text, const char *b_text)
{
    gyre_url a = parse(a_text), b = parse(b_text);
    bool same = gyre_url_same_origin(&a, &b);

    assert_int_equal(gyre_url_same_origin(&b, &a), same);
    gyre_url_fini(&a);
    gyre_url_fini(&b);
    return same;
}

static void test_same_origin(void **state)
{
    (void)state;
    assert_true(same_origin("http://a/b", "HTTP://A:80/c?d"));
    assert_true(same_origin("http://u:p@a/", "http://a/"));
    assert_true(same_origin("http://[::1]/", "http://[0:0:0:0:0:0:0:1]:80/"));
    assert_false(same_origin("http://a/", "https://a/"));
    assert_false(same_origin("http://a/", "https://a:80/"));
    assert_false(same_origin("http://a/", "http://a:81/"));
    assert_false(same_origin("http://a/", "http://b/"));
    assert_false(same_origin("http://a/", "http://a./"));
    assert_false(same_origin("http://a/", "http://aa/"));
    assert_false(same_origin("foo:a", "foo:a"));
}

static void test_copy_and_pieces(void **state)
{
    gyre_url url = parse("http://u:p@[fe80::1%25lo]:81/a?b#c"), copy;
    char text[128];

    (void)state;
    assert_int_equal(gyre_url_copy(&copy, &url), 0);
    assert_true(copy.text != url.text);
    gyre_url_fini(&url);
    gyre_url_print(&copy, text, sizeof(text));
    assert_string_equal(text, "http://u:p@[fe80::1%25lo]:81/a?b#c");
    assert_string_equal(copy.host, "fe80::1%lo");
    gyre_url_print_bare(&copy, text, sizeof(text));
    assert_string_equal(text, "http://[fe80::1%25lo]:81/a?b");
    gyre_url_print_authority(&copy, text, sizeof(text));
    assert_string_equal(text, "[fe80::1]:81");
    gyre_url_print_target(&copy, text, sizeof(text));
    assert_string_equal(text, "/a?b");
    assert_int_equal(gyre_url_print(&copy, text, 8), 34);
    assert_string_equal(text, "http://");
    assert_int_equal(gyre_url_print(&copy, NULL, 0), 34);
    gyre_url_fini(&copy);
    gyre_url_fini(&copy);
    gyre_url_fini(NULL);
}

/* ---- percent-encoding ---- */

static void assert_encoded(const char *text, enum gyre_url_part part, const char *expected)
{
    char encoded[128], decoded[128];

    assert_int_equal(gyre_url_encode(encoded, sizeof(encoded), text, strlen(text), part),
                     strlen(expected));
    assert_string_equal(encoded, expected);
    assert_int_equal(gyre_url_decode(decoded, sizeof(decoded), encoded, strlen(encoded), part),
                     strlen(text));
    assert_string_equal(decoded, text);
}

static void test_encode(void **state)
{
    (void)state;
    assert_encoded("a/b c", GYRE_URL_SEGMENT, "a%2Fb%20c");
    assert_encoded("a/b c?", GYRE_URL_PATH, "a/b%20c%3F");
    assert_encoded("a=1&b=2+3/?#", GYRE_URL_QUERY, "a=1&b=2+3/?%23");
    assert_encoded("a=1&b+c;d", GYRE_URL_VALUE, "a%3D1%26b%2Bc%3Bd");
    assert_encoded("a b+c~*", GYRE_URL_FORM, "a+b%2Bc%7E*");
    assert_encoded("u:p@h", GYRE_URL_USERINFO, "u%3Ap%40h");
    assert_encoded("\x01\x7F\xC3\xA4%", GYRE_URL_FRAGMENT, "%01%7F%C3%A4%25");
    assert_encoded("", GYRE_URL_PATH, "");
}

static void test_encode_short_buffers(void **state)
{
    char buffer[8];

    (void)state;
    assert_int_equal(gyre_url_encode(buffer, 6, "a b c", 5, GYRE_URL_PATH), 9);
    assert_string_equal(buffer, "a%20b");
    assert_int_equal(gyre_url_encode(buffer, 4, "a b c", 5, GYRE_URL_PATH), 9);
    assert_string_equal(buffer, "a");
    assert_int_equal(gyre_url_encode(NULL, 0, "a b c", 5, GYRE_URL_PATH), 9);
    memset(buffer, 'x', sizeof(buffer));
    assert_int_equal(gyre_url_decode(buffer, 2, "abc", 3, GYRE_URL_PATH), 3);
    assert_memory_equal(buffer, "abx", 3);
    assert_int_equal(gyre_url_decode(buffer, 8, "a%00b", 5, GYRE_URL_PATH), 3);
    assert_memory_equal(buffer, "a\0b", 4);
}

static void test_decode_refuses(void **state)
{
    static const char *const bad[] = {"%", "%4", "%4g", "%g4", "a%", "%%41", "% 1", "%+1"};
    char buffer[8];

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(gyre_url_decode(buffer, 8, bad[i], strlen(bad[i]), GYRE_URL_FORM),
                         GYRE_EURL);
}

/* ---- queries ---- */

static void test_query(void **state)
{
    const char *cursor = "&a=1&&b&c==&=d&e=%20+x&";
    gyre_url_pair pair;
    char seen[128] = "", value[16];

    (void)state;
    while (gyre_url_query_next(&cursor, &pair))
        snprintf(seen + strlen(seen), sizeof(seen) - strlen(seen), "[%.*s|%.*s]",
                 (int)pair.name_size, pair.name, pair.value ? (int)pair.value_size : 1,
                 pair.value ? pair.value : "-");
    assert_string_equal(seen, "[a|1][b|-][c|=][|d][e|%20+x]");
    cursor = NULL;
    assert_false(gyre_url_query_next(&cursor, &pair));
    assert_int_equal(gyre_url_query_get("a=1&%62+c=2%203&b c=4", "b c", value, sizeof(value)), 3);
    assert_string_equal(value, "2 3");
    assert_int_equal(gyre_url_query_get("a&b=1", "a", value, sizeof(value)), 0);
    assert_string_equal(value, "");
    assert_int_equal(gyre_url_query_get("a=%zz", "a", value, sizeof(value)), GYRE_EURL);
    assert_int_equal(gyre_url_query_get("%6=1&aa=2", "a", value, sizeof(value)), -ENOENT);
    assert_int_equal(gyre_url_query_get(NULL, "a", value, sizeof(value)), -ENOENT);
}

/* ---- memory that fails ---- */

static int left; /* allocations before they fail */

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
    gyre_url base, url;
    size_t position;

    (void)state;
    gyre_set_allocator(&failing);
    left = 0;
    assert_int_equal(gyre_url_parse(&url, "http://a/", 9, NULL), -ENOMEM);
    assert_null(url.text);
    /* The detail is lost, not the code, nor the place. */
    assert_int_equal(gyre_url_parse(&url, "http://a b", 10, &position), GYRE_EURL);
    assert_int_equal(position, 8);
    left = 1;
    assert_int_equal(gyre_url_parse(&base, "http://[::1]/b", 14, NULL), 0);
    assert_int_equal(gyre_url_copy(&url, &base), -ENOMEM);
    for (int allowed = 0; allowed < 2; allowed++) {
        left = allowed;
        assert_int_equal(gyre_url_resolve(&url, &base, "c", 1, NULL), -ENOMEM);
        gyre_url_fini(&url);
    }
    left = 2;
    assert_int_equal(gyre_url_resolve(&url, &base, "c", 1, NULL), 0);
    gyre_url_fini(&url);
    gyre_url_fini(&base);
    gyre_set_allocator(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parts),
        cmocka_unit_test(test_addresses),
        cmocka_unit_test(test_refused_with_position),
        cmocka_unit_test(test_longest),
        cmocka_unit_test(test_references),
        cmocka_unit_test(test_bad_references),
        cmocka_unit_test(test_same_origin),
        cmocka_unit_test(test_copy_and_pieces),
        cmocka_unit_test(test_encode),
        cmocka_unit_test(test_encode_short_buffers),
        cmocka_unit_test(test_decode_refuses),
        cmocka_unit_test(test_query),
        cmocka_unit_test(test_memory_fails),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
