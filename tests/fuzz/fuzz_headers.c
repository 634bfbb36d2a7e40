/*
 * Fuzzes header lists: the input is a list of calls, one a line ("+name:value" adds, "=name:value"
 * sets, "-name" removes). What the list took must come through the parser just as it is.
 */
#include <string.h>

#include "../../loop/error.h"
#include "../../net/http_parser_internal.h"
#include "fuzz.h"

static const char request_line[] = "GET / HTTP/1.0\r\n";

/* Fields with a meaning may be refused by the parser for what they say. */
static bool has_meaning(const char *name)
{
    return strcasecmp(name, "content-length") == 0 || strcasecmp(name, "transfer-encoding") == 0 ||
           strcasecmp(name, "host") == 0;
}

static bool any_meaning(const gyre_http_headers *headers)
{
    for (size_t i = 0; i < gyre_http_headers_count(headers); i++)
        if (has_meaning(gyre_http_headers_at(headers, i).name))
            return true;
    return false;
}

static void call(gyre_http_headers *headers, const char *line, size_t size)
{
    const char *colon = memchr(line, ':', size);
    size_t name_size = colon ? (size_t)(colon - line) : size, before = headers->count;
    size_t value_size = colon ? size - name_size - 1 : 0;
    char name[64], value[64];
    int64_t result;

    if (name_size == 0)
        return;
    if (line[0] == '+') {
        result = gyre_http_headers_addn(headers, line + 1, name_size - 1, colon ? colon + 1 : "",
                                        value_size);
        FUZZ_CHECK(result == 0 || result == GYRE_EHTTPHEADER);
        FUZZ_CHECK(headers->count == before + (result == 0));
        return;
    }
    if (name_size > sizeof(name) || value_size >= sizeof(value))
        return;
    memcpy(name, line + 1, name_size - 1);
    name[name_size - 1] = 0;
    memcpy(value, colon ? colon + 1 : "", value_size);
    value[value_size] = 0;
    if (line[0] == '=') {
        result = gyre_http_headers_set(headers, name, value);
        FUZZ_CHECK(result == 0 || result == GYRE_EHTTPHEADER);
        FUZZ_CHECK(result < 0 || gyre_http_headers_get(headers, name));
    } else if (line[0] == '-') {
        result = gyre_http_headers_remove(headers, name);
        FUZZ_CHECK(headers->count == before - (size_t)result);
        FUZZ_CHECK(!gyre_http_headers_get(headers, name));
    }
}

static void check_same(const gyre_http_headers *a, const gyre_http_headers *b)
{
    FUZZ_CHECK(gyre_http_headers_count(a) == gyre_http_headers_count(b));
    for (size_t i = 0; i < gyre_http_headers_count(a); i++) {
        gyre_http_header x = gyre_http_headers_at(a, i), y = gyre_http_headers_at(b, i);

        FUZZ_CHECK(x.name_size == y.name_size && strcmp(x.name, y.name) == 0);
        FUZZ_CHECK(x.value_size == y.value_size && strcmp(x.value, y.value) == 0);
        FUZZ_CHECK(strlen(x.name) == x.name_size && strlen(x.value) == x.value_size);
        FUZZ_CHECK(gyre_http_headers_get(a, x.name));
    }
}

static void check_parses(const gyre_http_headers *headers)
{
    const gyre__http_limits limits = {0, SIZE_MAX, SIZE_MAX, 0};
    size_t line = sizeof(request_line) - 1, size = gyre_http_headers_size(headers), body_size;
    char *text = malloc(line + size + 3);
    gyre__http_parser parser;
    enum gyre__http_event event;
    const char *body;

    FUZZ_CHECK(text);
    memcpy(text, request_line, line);
    FUZZ_CHECK(gyre_http_headers_print(headers, text + line, size + 1) == (int64_t)size);
    memcpy(text + line + size, "\r\n", 3);
    gyre__http_parser_init(&parser, true, &limits);
    FUZZ_CHECK(gyre__http_parser_next(&parser, text, line + size + 2, &event, &body, &body_size) ==
               (int64_t)(line + size + 2));
    FUZZ_CHECK(event == GYRE__HTTP_HEAD);
    check_same(headers, &parser.headers);
    gyre__http_parser_fini(&parser);
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    gyre_http_headers headers = {0}, copy = {0};
    const char *text = (const char *)data;

    while (size) {
        const char *end = memchr(text, '\n', size);
        size_t length = end ? (size_t)(end - text) : size;

        call(&headers, text, length);
        length += end != NULL;
        text += length;
        size -= length;
    }
    FUZZ_CHECK(gyre_http_headers_copy(&copy, &headers) == 0);
    check_same(&headers, &copy);
    if (!any_meaning(&headers))
        check_parses(&headers);
    gyre_http_headers_fini(&headers);
    gyre_http_headers_fini(&copy);
    return 0;
}
