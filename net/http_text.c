/* A text that grows at its end. */
#include "http_text_internal.h"

#include <string.h>

#include "../loop/alloc.h"

enum { FIRST_ROOM = 512, LONGEST_NUMBER = 64 };

void gyre__http_text_fini(gyre__http_text *text)
{
    gyre_free(text->data);
    *text = (gyre__http_text){.data = NULL};
}

static bool reserve(gyre__http_text *text, size_t size)
{
    size_t room = text->room ? text->room : FIRST_ROOM;
    char *data;

    if (text->failed)
        return false;
    if (text->room - text->size >= size)
        return true;
    while (room - text->size < size)
        room *= 2;
    data = gyre_realloc(text->data, room);
    if (!data) {
        text->failed = true;
        return false;
    }
    text->data = data;
    text->room = room;
    return true;
}

void gyre__http_text_addn(gyre__http_text *text, const char *data, size_t size)
{
    if (!reserve(text, size) || !size)
        return;
    memcpy(text->data + text->size, data, size);
    text->size += size;
}

void gyre__http_text_add(gyre__http_text *text, const char *string)
{
    gyre__http_text_addn(text, string, strlen(string));
}

void gyre__http_text_add_number(gyre__http_text *text, uint64_t number, unsigned base)
{
    char digits[LONGEST_NUMBER], *at = digits + sizeof(digits);

    do
        *--at = "0123456789abcdef"[number % base];
    while (number /= base);
    gyre__http_text_addn(text, at, (size_t)(digits + sizeof(digits) - at));
}

void gyre__http_text_add_header(gyre__http_text *text, const char *name, const char *value)
{
    gyre__http_text_add(text, name);
    gyre__http_text_addn(text, ": ", 2);
    gyre__http_text_add(text, value);
    gyre__http_text_addn(text, "\r\n", 2);
}

void gyre__http_text_add_url(gyre__http_text *text, const gyre_url *url,
                             int64_t (*print)(const gyre_url *url, char *buffer, size_t size))
{
    size_t length = (size_t)print(url, NULL, 0);

    if (!reserve(text, length + 1)) /* it ends what it prints */
        return;
    print(url, text->data + text->size, length + 1);
    text->size += length;
}

bool gyre__http_text_end(gyre__http_text *text)
{
    if (!reserve(text, 1))
        return false;
    text->data[text->size] = '\0';
    return true;
}
