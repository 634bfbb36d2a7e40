/*
 * Fuzzes URLs: what is taken prints to what is taken again, with the same parts; what is refused
 * has a position in the input; encoding is undone by decoding; resolving gives URLs.
 */
#include <string.h>

#include "../../loop/error.h"
#include "../../net/url.h"
#include "fuzz.h"

static bool same_text(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

static void check_same(const gyre_url *a, const gyre_url *b)
{
    FUZZ_CHECK(same_text(a->scheme, b->scheme) && same_text(a->userinfo, b->userinfo));
    FUZZ_CHECK(same_text(a->host, b->host) && same_text(a->path, b->path));
    FUZZ_CHECK(same_text(a->query, b->query) && same_text(a->fragment, b->fragment));
    FUZZ_CHECK(a->port == b->port && a->port_given == b->port_given);
    FUZZ_CHECK(a->host_is_ipv4 == b->host_is_ipv4 && a->host_is_ipv6 == b->host_is_ipv6);
}

static char *printed(const gyre_url *url)
{
    int64_t size = gyre_url_print(url, NULL, 0);
    char *text = malloc((size_t)size + 1);

    FUZZ_CHECK(text && gyre_url_print(url, text, (size_t)size + 1) == size);
    FUZZ_CHECK(strlen(text) == (size_t)size);
    return text;
}

/* Printed and parsed it is what it was. */
static void check_round_trip(const gyre_url *url)
{
    char *text = printed(url), *again_text;
    gyre_url again, copy;

    if (strlen(text) > GYRE_URL_MOST) { /* resolving may make longer ones */
        free(text);
        return;
    }
    FUZZ_CHECK(gyre_url_parse(&again, text, strlen(text), NULL) == 0);
    check_same(url, &again);
    again_text = printed(&again);
    FUZZ_CHECK(strcmp(text, again_text) == 0);
    FUZZ_CHECK(gyre_url_copy(&copy, url) == 0);
    check_same(url, &copy);
    FUZZ_CHECK(gyre_url_same_origin(url, &copy) == (url->host != NULL));
    gyre_url_fini(&copy);
    gyre_url_fini(&again);
    free(again_text);
    free(text);
}

static void check_resolve(const char *base_text, const char *text, size_t size)
{
    gyre_url base, url;
    size_t position;
    int64_t result;

    FUZZ_CHECK(gyre_url_parse(&base, base_text, strlen(base_text), NULL) == 0);
    result = gyre_url_resolve(&url, &base, text, size, &position);
    FUZZ_CHECK(result == 0 || result == GYRE_EURL);
    FUZZ_CHECK(position <= size);
    if (result == 0) {
        FUZZ_CHECK(!strstr(url.path, "/../") && !strstr(url.path + (url.path[0] == '/'), "/./"));
        check_round_trip(&url);
        gyre_url_fini(&url);
    }
    gyre_url_fini(&base);
}

static void check_encoding(const char *data, size_t size)
{
    enum gyre_url_part part = (enum gyre_url_part)(fuzz_number((const uint8_t *)data, size) % 7);
    char *encoded = malloc(3 * size + 1), *decoded = malloc(size + 1);
    int64_t length;

    FUZZ_CHECK(encoded && decoded);
    length = gyre_url_encode(encoded, 3 * size + 1, data, size, part);
    FUZZ_CHECK(length >= (int64_t)size && length <= (int64_t)(3 * size));
    FUZZ_CHECK(gyre_url_decode(decoded, size + 1, encoded, (size_t)length, part) == (int64_t)size);
    FUZZ_CHECK(size == 0 || memcmp(decoded, data, size) == 0);
    length = gyre_url_decode(decoded, size, data, size, part);
    FUZZ_CHECK(length == GYRE_EURL || length <= (int64_t)size);
    free(encoded);
    free(decoded);
}

static void check_query(const char *query)
{
    const char *cursor = query, *end = query + strlen(query), *last = query;
    gyre_url_pair pair;
    char value[8];

    while (gyre_url_query_next(&cursor, &pair)) {
        FUZZ_CHECK(pair.name >= last && pair.name + pair.name_size <= end && cursor <= end);
        last = cursor;
    }
    (void)gyre_url_query_get(query, "a", value, sizeof(value));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data;
    size_t position;
    gyre_url url;
    int64_t result = gyre_url_parse(&url, text, size, &position);

    FUZZ_CHECK(result == 0 || result == GYRE_EURL);
    FUZZ_CHECK(position <= size);
    if (result == 0) {
        char *base = printed(&url);

        check_round_trip(&url);
        if (url.query)
            check_query(url.query);
        check_resolve(base, "../x/./y", 8);
        free(base);
    }
    gyre_url_fini(&url);
    check_resolve("http://u:p@[fe80::1%25a]:8080/b/c/d;p?q", text, size);
    check_resolve("foo:b/c", text, size);
    check_resolve("https://a", text, size);
    check_encoding(text, size);
    gyre_error_clear();
    return 0;
}
