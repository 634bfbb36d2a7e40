/* URLs: percent-encoding, and the pairs of a query. */
#include <errno.h>
#include <string.h>

#include "../loop/error.h"
#include "ascii_internal.h"
#include "url_internal.h"

/* What stands for itself beside letters, digits and - . _ ~ */
static const char *const plain[] = {
    [GYRE_URL_SEGMENT] = "!$&'()*+,;=:@",
    [GYRE_URL_PATH] = "!$&'()*+,;=:@/",
    [GYRE_URL_QUERY] = "!$&'()*+,;=:@/?",
    [GYRE_URL_VALUE] = "!$'()*,:@/?",
    [GYRE_URL_FORM] = "*",
    [GYRE_URL_USERINFO] = "!$&'()*+,;=",
    [GYRE_URL_FRAGMENT] = "!$&'()*+,;=:@/?",
};

/* Writes the encoding of a byte; gives its length. */
static size_t encode(char *out, char byte, enum gyre_url_part part)
{
    static const char digits[] = "0123456789ABCDEF";

    out[0] = byte;
    if (part == GYRE_URL_FORM && byte == ' ') {
        out[0] = '+';
        return 1;
    }
    /* In forms '~' is encoded too. */
    if (gyre__ascii_is(byte, GYRE__ASCII_UNRESERVED) && !(part == GYRE_URL_FORM && byte == '~'))
        return 1;
    if (byte && strchr(plain[part], byte))
        return 1;
    out[0] = '%';
    out[1] = digits[(unsigned char)byte >> 4];
    out[2] = digits[byte & 15];
    return 3;
}

int64_t gyre_url_encode(char *buffer, size_t size, const void *data, size_t n,
                        enum gyre_url_part part)
{
    const char *bytes = data;
    size_t used = 0, written = 0;
    char one[3];

    for (size_t i = 0; i < n; i++) {
        size_t length = encode(one, bytes[i], part);

        if (written == used && used + length < size) {
            memcpy(buffer + used, one, length);
            written += length;
        }
        used += length;
    }
    if (size)
        buffer[written] = 0;
    return (int64_t)used;
}

int64_t gyre_url_decode(void *buffer, size_t size, const char *data, size_t n,
                        enum gyre_url_part part)
{
    char *out = buffer;
    size_t used = 0;

    for (size_t i = 0; i < n; i++, used++) {
        char byte = data[i];

        if (byte == '%') {
            int high = i + 2 < n ? gyre__ascii_hex(data[i + 1]) : -1;
            int low = high >= 0 ? gyre__ascii_hex(data[i + 2]) : -1;

            if (low < 0)
                return GYRE_EURL;
            byte = (char)(high * 16 + low);
            i += 2;
        } else if (byte == '+' && part == GYRE_URL_FORM) {
            byte = ' ';
        }
        if (used < size)
            out[used] = byte;
    }
    if (used < size)
        out[used] = 0;
    return (int64_t)used;
}

bool gyre_url_query_next(const char **cursor, gyre_url_pair *out_pair)
{
    const char *piece = *cursor, *equals;
    size_t size;

    if (!piece)
        return false;
    piece += strspn(piece, "&");
    size = strcspn(piece, "&");
    *cursor = piece + size;
    if (size == 0)
        return false;
    equals = memchr(piece, '=', size);
    *out_pair = (gyre_url_pair){.name = piece, .name_size = size};
    if (equals) {
        out_pair->name_size = (size_t)(equals - piece);
        out_pair->value = equals + 1;
        out_pair->value_size = size - out_pair->name_size - 1;
    }
    return true;
}

/* True when the encoded text means `plain_text`. */
static bool means(const char *encoded, size_t size, const char *plain_text)
{
    size_t length = strlen(plain_text), at = 0;
    char byte;

    for (size_t i = 0; i < size; i++, at++) {
        size_t piece = encoded[i] == '%' ? 3 : 1;

        if (at >= length || piece > size - i ||
            gyre_url_decode(&byte, 1, encoded + i, piece, GYRE_URL_FORM) != 1 ||
            byte != plain_text[at])
            return false;
        i += piece - 1;
    }
    return at == length;
}

int64_t gyre_url_query_get(const char *query, const char *name, char *buffer, size_t size)
{
    gyre_url_pair pair;

    while (gyre_url_query_next(&query, &pair))
        if (means(pair.name, pair.name_size, name))
            return gyre_url_decode(buffer, size, pair.value ? pair.value : "", pair.value_size,
                                   GYRE_URL_FORM);
    return -ENOENT;
}
