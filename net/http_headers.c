/* HTTP header fields: one arena of bytes, and an array that says where in it each field lies. */
#include "http_headers.h"

#include <errno.h>
#include <string.h>

#include "../loop/alloc.h"
#include "../loop/error.h"
#include "ascii_internal.h"
#include "http_headers_internal.h"

/* Offsets into the arena; both texts are followed by 0. */
struct gyre__http_field {
    uint32_t name, name_size;
    uint32_t value, value_size;
};

enum { FIRST_BYTES = 512, FIRST_FIELDS = 16 };

void gyre_http_headers_init(gyre_http_headers *headers)
{
    *headers = (gyre_http_headers){0};
}

void gyre_http_headers_fini(gyre_http_headers *headers)
{
    gyre_free(headers->bytes);
    gyre_free(headers->fields);
    *headers = (gyre_http_headers){0};
}

void gyre_http_headers_clear(gyre_http_headers *headers)
{
    headers->used = headers->wasted = headers->count = 0;
}

static const char *name_of(const gyre_http_headers *headers, const struct gyre__http_field *field)
{
    return headers->bytes + field->name;
}

static bool matches(const gyre_http_headers *headers, const struct gyre__http_field *field,
                    const char *name, size_t size)
{
    return gyre__ascii_same(name_of(headers, field), field->name_size, name, size);
}

/* ---- room ---- */

static size_t grown(size_t capacity, size_t needed)
{
    while (capacity < needed)
        capacity *= 2;
    return capacity;
}

/*
 * Moves the fields together, so that removed ones take no room. `bytes` is a new, large enough
 * arena.
 */
static void move_fields(gyre_http_headers *headers, char *bytes)
{
    size_t used = 0;

    for (size_t i = 0; i < headers->count; i++) {
        struct gyre__http_field *field = &headers->fields[i];
        uint32_t name = (uint32_t)used, value = name + field->name_size + 1;

        memcpy(bytes + name, headers->bytes + field->name, field->name_size + 1);
        memcpy(bytes + value, headers->bytes + field->value, field->value_size + 1);
        field->name = name;
        field->value = value;
        used = value + field->value_size + 1;
    }
    headers->used = used;
    headers->wasted = 0;
}

static int64_t reserve_bytes(gyre_http_headers *headers, size_t size)
{
    size_t live = headers->used - headers->wasted, capacity;
    char *bytes;

    if (headers->capacity - headers->used >= size)
        return 0;
    if (size > UINT32_MAX - live)
        return GYRE_ELIMIT;
    capacity = grown(headers->capacity ? headers->capacity : FIRST_BYTES, live + size);
    bytes = gyre_alloc(capacity);
    if (!bytes)
        return -ENOMEM;
    move_fields(headers, bytes);
    gyre_free(headers->bytes);
    headers->bytes = bytes;
    headers->capacity = capacity;
    return 0;
}

static int64_t reserve_field(gyre_http_headers *headers)
{
    size_t room = headers->room ? headers->room * 2 : FIRST_FIELDS;
    struct gyre__http_field *fields;

    if (headers->count < headers->room)
        return 0;
    fields = gyre_realloc(headers->fields, room * sizeof(*fields));
    if (!fields)
        return -ENOMEM;
    headers->fields = fields;
    headers->room = room;
    return 0;
}

/* Copies a text and its end into the arena, where there is room; gives its offset. */
static uint32_t put_text(gyre_http_headers *headers, const char *text, size_t size)
{
    size_t offset = headers->used;

    if (size)
        memcpy(headers->bytes + offset, text, size);
    headers->bytes[offset + size] = 0;
    headers->used += size + 1;
    return (uint32_t)offset;
}

int64_t gyre__http_headers_put(gyre_http_headers *headers, const char *name, size_t name_size,
                               const char *value, size_t value_size)
{
    struct gyre__http_field *field;
    int64_t result;

    if (name_size >= UINT32_MAX / 2 || value_size >= UINT32_MAX / 2)
        return GYRE_ELIMIT;
    result = reserve_bytes(headers, name_size + value_size + 2);
    if (result == 0)
        result = reserve_field(headers);
    if (result < 0)
        return result;
    field = &headers->fields[headers->count++];
    field->name_size = (uint32_t)name_size;
    field->value_size = (uint32_t)value_size;
    field->name = put_text(headers, name, name_size);
    field->value = put_text(headers, value, value_size);
    return 0;
}

/* ---- changing ---- */

static bool is_blank(char byte)
{
    return byte == ' ' || byte == '\t';
}

void gyre__http_trim(const char **text, size_t *size)
{
    while (*size && is_blank((*text)[0])) {
        ++*text;
        --*size;
    }
    while (*size && is_blank((*text)[*size - 1]))
        --*size;
}

static bool allowed(const char *name, size_t name_size, const char *value, size_t value_size)
{
    return name_size && gyre__ascii_span(name, name_size, GYRE__ASCII_TOKEN) == name_size &&
           gyre__ascii_span(value, value_size, GYRE__ASCII_FIELD) == value_size;
}

int64_t gyre_http_headers_addn(gyre_http_headers *headers, const char *name, size_t name_size,
                               const char *value, size_t value_size)
{
    if (!allowed(name, name_size, value, value_size))
        return GYRE_EHTTPHEADER;
    gyre__http_trim(&value, &value_size);
    return gyre__http_headers_put(headers, name, name_size, value, value_size);
}

int64_t gyre_http_headers_add(gyre_http_headers *headers, const char *name, const char *value)
{
    return gyre_http_headers_addn(headers, name, strlen(name), value, strlen(value));
}

/* Removes the fields of that name from index `from` on; gives how many. */
static int64_t remove_from(gyre_http_headers *headers, size_t from, const char *name, size_t size)
{
    size_t kept = from;

    for (size_t i = from; i < headers->count; i++) {
        struct gyre__http_field *field = &headers->fields[i];

        if (matches(headers, field, name, size))
            headers->wasted += field->name_size + field->value_size + 2;
        else
            headers->fields[kept++] = *field;
    }
    size = headers->count - kept;
    headers->count = kept;
    return (int64_t)size;
}

int64_t gyre_http_headers_remove(gyre_http_headers *headers, const char *name)
{
    return remove_from(headers, 0, name, strlen(name));
}

/* The index of the first field of that name, or the count. */
static size_t find(const gyre_http_headers *headers, size_t from, const char *name, size_t size)
{
    while (from < headers->count && !matches(headers, &headers->fields[from], name, size))
        from++;
    return from;
}

int64_t gyre_http_headers_set(gyre_http_headers *headers, const char *name, const char *value)
{
    size_t size = strlen(name), place = find(headers, 0, name, size);
    struct gyre__http_field added;
    int64_t result = gyre_http_headers_add(headers, name, value);

    if (result < 0 || place == headers->count - 1)
        return result;
    /* The new field takes the first one's place; that one goes with the other old ones. */
    added = headers->fields[headers->count - 1];
    headers->fields[headers->count - 1] = headers->fields[place];
    headers->fields[place] = added;
    remove_from(headers, place + 1, name, size);
    return 0;
}

int64_t gyre_http_headers_copy(gyre_http_headers *headers, const gyre_http_headers *other)
{
    gyre_http_headers copy = {0};

    if (headers == other)
        return 0;
    for (size_t i = 0; i < other->count; i++) {
        gyre_http_header field = gyre_http_headers_at(other, i);
        int64_t result = gyre__http_headers_put(&copy, field.name, field.name_size, field.value,
                                                field.value_size);

        if (result < 0) {
            gyre_http_headers_fini(&copy);
            return result;
        }
    }
    gyre_http_headers_fini(headers);
    *headers = copy;
    return 0;
}

/* ---- looking up ---- */

const char *gyre_http_headers_get(const gyre_http_headers *headers, const char *name)
{
    size_t cursor = 0;

    return gyre_http_headers_next(headers, name, &cursor);
}

const char *gyre_http_headers_next(const gyre_http_headers *headers, const char *name,
                                   size_t *cursor)
{
    size_t i = find(headers, *cursor, name, strlen(name));

    if (i >= headers->count) {
        *cursor = headers->count;
        return NULL;
    }
    *cursor = i + 1;
    return headers->bytes + headers->fields[i].value;
}

size_t gyre_http_headers_count(const gyre_http_headers *headers)
{
    return headers->count;
}

gyre_http_header gyre_http_headers_at(const gyre_http_headers *headers, size_t index)
{
    const struct gyre__http_field *field = headers->fields + index;

    if (index >= headers->count)
        return (gyre_http_header){0};
    return (gyre_http_header){headers->bytes + field->name, field->name_size,
                              headers->bytes + field->value, field->value_size};
}

/* True when an item of the list `value` is `token`. */
static bool list_has(const char *value, const char *token, size_t token_size)
{
    while (*value) {
        const char *item = value;
        size_t size = strcspn(value, ","), own;

        value += size;
        value += *value == ',';
        for (own = 0; own < size && item[own] != ';';)
            own++;
        gyre__http_trim(&item, &own);
        if (gyre__ascii_same(item, own, token, token_size))
            return true;
    }
    return false;
}

bool gyre_http_headers_has(const gyre_http_headers *headers, const char *name, const char *token)
{
    const char *value;

    for (size_t cursor = 0; (value = gyre_http_headers_next(headers, name, &cursor));)
        if (list_has(value, token, strlen(token)))
            return true;
    return false;
}

/* ---- printing ---- */

size_t gyre_http_headers_size(const gyre_http_headers *headers)
{
    size_t size = 0;

    for (size_t i = 0; i < headers->count; i++)
        size += headers->fields[i].name_size + headers->fields[i].value_size + 4;
    return size;
}

/* Appends as much of a text as there is room for. */
static void print_text(char *buffer, size_t room, size_t *used, const char *text, size_t size)
{
    if (*used < room)
        memcpy(buffer + *used, text, size < room - *used ? size : room - *used);
    *used += size;
}

int64_t gyre_http_headers_print(const gyre_http_headers *headers, char *buffer, size_t size)
{
    size_t used = 0, room = size ? size - 1 : 0;

    for (size_t i = 0; i < headers->count; i++) {
        gyre_http_header field = gyre_http_headers_at(headers, i);

        print_text(buffer, room, &used, field.name, field.name_size);
        print_text(buffer, room, &used, ": ", 2);
        print_text(buffer, room, &used, field.value, field.value_size);
        print_text(buffer, room, &used, "\r\n", 2);
    }
    if (size)
        buffer[used < room ? used : room] = 0;
    return (int64_t)used;
}
