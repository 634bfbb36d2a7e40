/* A text that grows at its end: the heads that the HTTP client writes. */
#ifndef GYRE_NET_HTTP_TEXT_INTERNAL_H
#define GYRE_NET_HTTP_TEXT_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "url.h"

/* All zero is an empty one. */
typedef struct gyre__http_text {
    char *data;  /* NULL: nothing was ever added */
    size_t size, room;
    bool failed; /* memory was short: what was to be added is missing */
} gyre__http_text;

/* Empties it and keeps its memory. */
static inline void gyre__http_text_clear(gyre__http_text *text)
{
    text->size = 0;
    text->failed = false;
}

void gyre__http_text_fini(gyre__http_text *text);

void gyre__http_text_addn(gyre__http_text *text, const char *data, size_t size);
void gyre__http_text_add(gyre__http_text *text, const char *string);
void gyre__http_text_add_number(gyre__http_text *text, uint64_t number, unsigned base);

/* "Name: value\r\n" */
void gyre__http_text_add_header(gyre__http_text *text, const char *name, const char *value);

/* What one of the functions gyre_url_print...() makes of a URL. */
void gyre__http_text_add_url(gyre__http_text *text, const gyre_url *url,
                             int64_t (*print)(const gyre_url *url, char *buffer, size_t size));

/* Ends it with a 0 that does not count. False when memory was short, now or before. */
bool gyre__http_text_end(gyre__http_text *text);

#endif
