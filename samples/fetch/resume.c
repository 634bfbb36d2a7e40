/* What must be known to go on with a file that is there in part. */
#include "resume.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static bool parse_date(const char *text, time_t *out)
{
    const char *end;
    struct tm date;

    memset(&date, 0, sizeof(date));
    end = text ? strptime(text, "%a, %d %b %Y %H:%M:%S GMT", &date) : NULL;
    *out = timegm(&date);
    return end && *end == '\0';
}

/* RFC 9110, 8.8.2.2: changes within the second before the answer would not show. */
static bool is_strong_date(const gyre_http_headers *headers)
{
    time_t modified, now;

    return parse_date(gyre_http_headers_get(headers, "last-modified"), &modified) &&
           parse_date(gyre_http_headers_get(headers, "date"), &now) && modified < now;
}

void resume_note(struct resume *resume, const gyre_http_headers *headers, int64_t length)
{
    const char *tag = gyre_http_headers_get(headers, "etag");
    const char *version = "";

    if (tag && tag[0] == '"')
        version = tag;
    else if (!tag && is_strong_date(headers)) /* a weak tag says that dates are no better */
        version = gyre_http_headers_get(headers, "last-modified");
    if (strlen(version) >= sizeof(resume->validator))
        version = "";
    strcpy(resume->validator, version);
    resume->total = length;
}

bool resume_fits(const struct resume *resume, const gyre_http_headers *headers, int64_t total)
{
    const char *name = resume->validator[0] == '"' ? "etag" : "last-modified";
    const char *value = gyre_http_headers_get(headers, name);

    if (value && strcmp(value, resume->validator) != 0)
        return false;
    return total < 0 || resume->total < 0 || total == resume->total;
}

/* A number that fits int64_t; moves *text behind it. */
static bool parse_number(const char **text, uint64_t *out)
{
    size_t digits = strspn(*text, "0123456789");

    if (digits == 0 || digits > 18)
        return false;
    *out = strtoull(*text, NULL, 10);
    *text += digits;
    return true;
}

bool resume_range(const char *value, uint64_t *out_first, uint64_t *out_last, int64_t *out_total)
{
    uint64_t total = 0;

    if (!value || strncmp(value, "bytes ", 6) != 0)
        return false;
    value += 6;
    if (!parse_number(&value, out_first) || *value++ != '-' || !parse_number(&value, out_last) ||
        *value++ != '/')
        return false;
    *out_total = -1;
    if (strcmp(value, "*") == 0)
        return *out_first <= *out_last;
    if (!parse_number(&value, &total) || *value)
        return false;
    *out_total = (int64_t)total;
    return *out_first <= *out_last && *out_last < total;
}

size_t resume_print(const struct resume *resume, const char *url, char text[RESUME_TEXT])
{
    return (size_t)snprintf(text, RESUME_TEXT, "gyre-fetch 1\nurl %s\nversion %s\ntotal %lld\n",
                            url, resume->validator, (long long)resume->total);
}

/* The rest of a line that begins with `name`; moves *text to the next line. */
static const char *take_line(const char **text, const char *name, size_t *out_size)
{
    const char *line = *text, *end = strchr(line, '\n');
    size_t length = strlen(name);

    if (!end || strncmp(line, name, length) != 0)
        return NULL;
    *text = end + 1;
    *out_size = (size_t)(end - line) - length;
    return line + length;
}

bool resume_parse(struct resume *resume, const char *url, const char *text)
{
    const char *line;
    size_t size;

    if (!take_line(&text, "gyre-fetch 1", &size))
        return false;
    line = take_line(&text, "url ", &size);
    if (!line || size != strlen(url) || memcmp(line, url, size) != 0)
        return false;
    line = take_line(&text, "version ", &size);
    if (!line || size == 0 || size >= sizeof(resume->validator))
        return false;
    memcpy(resume->validator, line, size);
    resume->validator[size] = '\0';
    line = take_line(&text, "total ", &size);
    if (!line || size == 0 || size > 20)
        return false;
    resume->total = atoll(line);
    return true;
}
