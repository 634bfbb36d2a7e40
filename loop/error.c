/* Error codes as text, and the counted details that travel beside them. */
#include "error.h"

#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "alloc.h"
#include "error_internal.h"

struct gyre_error {
    atomic_uint refs; /* results cross threads, with their details */
    int64_t code;
    size_t count;            /* members of a group */
    char *text;              /* behind the items, in the same block */
    gyre_error_item items[]; /* details are references */
};

static _Thread_local gyre_error *thread_slot;
_Thread_local gyre_error **gyre__error_slot;

const char *gyre_strerror(int64_t code)
{
    if (code >= 0)
        return "no error";
    switch (code) {
#define X(name, number, text) \
    case GYRE_E##name: \
        return text;
        GYRE_ERROR_MAP(X)
#undef X
    default:
        break;
    }
    if (code <= GYRE__EUSER)
        return "error of the application";
    if (code > GYRE__EBASE) {
        const char *text = strerrordesc_np((int)-code);

        if (text)
            return text;
    }
    return "unknown error";
}

const char *gyre_err_name(int64_t code)
{
    if (code >= 0)
        return "OK";
    switch (code) {
#define X(name, number, text) \
    case GYRE_E##name: \
        return "GYRE_E" #name;
        GYRE_ERROR_MAP(X)
#undef X
    default:
        break;
    }
    if (code <= GYRE__EUSER)
        return "GYRE_EUSER";
    if (code > GYRE__EBASE) {
        const char *name = strerrorname_np((int)-code);

        if (name)
            return name;
    }
    return "unknown";
}

static gyre_error *error_alloc(int64_t code, size_t count, size_t text_size)
{
    size_t head = sizeof(gyre_error) + count * sizeof(gyre_error_item);
    gyre_error *error = gyre_alloc(head + text_size);

    if (!error)
        return NULL;
    *error = (gyre_error){.refs = 1, .code = code, .count = count};
    error->text = (char *)error + head;
    error->text[0] = '\0';
    return error;
}

gyre_error *gyre_error_new(int64_t code, const char *text)
{
    size_t size = text ? strlen(text) + 1 : 1;
    gyre_error *error = error_alloc(code, 0, size);

    if (error && text)
        memcpy(error->text, text, size);
    return error;
}

gyre_error *gyre_error_newf(int64_t code, const char *format, ...)
{
    va_list args, again;
    gyre_error *error = NULL;
    int length;

    va_start(args, format);
    va_copy(again, args);
    length = vsnprintf(NULL, 0, format, args);
    if (length >= 0)
        error = error_alloc(code, 0, (size_t)length + 1);
    if (error)
        vsnprintf(error->text, (size_t)length + 1, format, again);
    va_end(again);
    va_end(args);
    return error;
}

gyre_error *gyre_error_new_group(const char *text, size_t n, const gyre_error_item *items)
{
    size_t size = text ? strlen(text) + 1 : 1;
    gyre_error *error = error_alloc(GYRE_EGROUP, n, size);

    if (!error)
        return NULL;
    if (text)
        memcpy(error->text, text, size);
    for (size_t i = 0; i < n; i++) {
        error->items[i] = items[i];
        gyre_error_ref(items[i].detail);
    }
    return error;
}

gyre_error *gyre_error_ref(gyre_error *error)
{
    if (error)
        atomic_fetch_add_explicit(&error->refs, 1, memory_order_relaxed);
    return error;
}

void gyre_error_unref(gyre_error *error)
{
    if (!error || atomic_fetch_sub_explicit(&error->refs, 1, memory_order_acq_rel) > 1)
        return;
    for (size_t i = 0; i < error->count; i++)
        gyre_error_unref(error->items[i].detail);
    gyre_free(error);
}

int64_t gyre_error_code(const gyre_error *error)
{
    return error ? error->code : 0;
}

const char *gyre_error_text(const gyre_error *error)
{
    return error ? error->text : "";
}

size_t gyre_error_count(const gyre_error *error)
{
    return error ? error->count : 0;
}

gyre_error_item gyre_error_at(const gyre_error *error, size_t index)
{
    if (!error || index >= error->count)
        return (gyre_error_item){0, NULL};
    return error->items[index];
}

/* ---- the current detail: of the running task, else of the thread ---- */

static gyre_error **current_slot(void)
{
    return gyre__error_slot ? gyre__error_slot : &thread_slot;
}

void gyre__error_set(gyre_error *moved)
{
    gyre_error **slot = current_slot(), *old = *slot;

    *slot = moved;
    gyre_error_unref(old);
}

gyre_error *gyre__error_take(int64_t code)
{
    gyre_error **slot = current_slot(), *error = *slot;

    if (!error || error->code != code)
        return NULL;
    *slot = NULL;
    return error;
}

gyre_error *gyre_error_current(void)
{
    return *current_slot();
}

int64_t gyre_raise(gyre_error *error)
{
    gyre__error_set(error);
    return error ? error->code : -ENOMEM;
}

void gyre_error_clear(void)
{
    gyre__error_set(NULL);
}
