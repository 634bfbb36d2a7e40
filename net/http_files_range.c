/* The Range field of HTTP, strictly: bytes only, few, in bounds. */
#include <string.h>
#include <strings.h>

#include "http_files_internal.h"

enum { OUTSIDE, INSIDE, BAD };

static const char *skip_blanks(const char *at)
{
    while (*at == ' ' || *at == '\t')
        at++;
    return at;
}

/* A number without sign; NULL if there is none. What is too large stays at the most. */
static const char *take_number(const char *at, int64_t *out_number)
{
    int64_t number = 0;

    if (*at < '0' || *at > '9')
        return NULL;
    for (; *at >= '0' && *at <= '9'; at++)
        number = number > (INT64_MAX - 9) / 10 ? INT64_MAX - 9 : number * 10 + (*at - '0');
    *out_number = number;
    return at;
}

/* "first-last", "first-" or "-last bytes". Moves *at behind it. */
static int take_range(const char **at, int64_t size, gyre__httpd_range *out)
{
    const char *from = *at;
    int64_t first = 0, last = size - 1;

    if (*from == '-') {
        from = take_number(from + 1, &last);
        if (!from)
            return BAD;
        *at = from;
        last = last < size ? last : size;
        *out = (gyre__httpd_range){size - last, last};
        return last > 0 ? INSIDE : OUTSIDE;
    }
    from = take_number(from, &first);
    if (!from || *from++ != '-')
        return BAD;
    if (*from >= '0' && *from <= '9') {
        from = take_number(from, &last);
        if (last < first)
            return BAD;
    }
    *at = from;
    if (first >= size)
        return OUTSIDE;
    last = last < size ? last : size - 1;
    *out = (gyre__httpd_range){first, last - first + 1};
    return INSIDE;
}

static bool overlap(const gyre__httpd_range *ranges, int count)
{
    for (int i = 0; i < count; i++)
        for (int k = i + 1; k < count; k++)
            if (ranges[i].first < ranges[k].first + ranges[k].size &&
                ranges[k].first < ranges[i].first + ranges[i].size)
                return true;
    return false;
}

int gyre__httpd_ranges(const char *field, int64_t size,
                       gyre__httpd_range ranges[GYRE__HTTPD_MOST_RANGES])
{
    int count = 0, seen = 0;

    if (strncasecmp(field, "bytes=", 6) != 0)
        return 0;
    for (const char *at = field + 6;;) {
        gyre__httpd_range range;
        int kind;

        at = skip_blanks(at);
        if (*at == ',') { /* lists may have empty members */
            at++;
            continue;
        }
        if (!*at)
            break;
        kind = take_range(&at, size, &range);
        if (kind == BAD || ++seen > GYRE__HTTPD_MOST_RANGES)
            return 0;
        if (kind == INSIDE)
            ranges[count++] = range;
        at = skip_blanks(at);
        if (*at && *at != ',')
            return 0;
    }
    if (!seen || overlap(ranges, count))
        return 0;
    return count ? count : -1;
}
