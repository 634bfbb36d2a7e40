/* The lines that come out, names of tasks and futures, errors, and the memory of a script. */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runner.h"

/* ---- memory ---- */

enum { CHUNK = 32768, ALIGNMENT = 16 };

/* Memory that is given out piece by piece and freed at once. */
struct chunk {
    struct chunk *older;
    size_t used, size;
    _Alignas(ALIGNMENT) char room[];
};

static void *checked(void *memory)
{
    if (!memory) {
        fputs("runner: out of memory\n", stderr);
        abort();
    }
    return memory;
}

void *take(runner *r, size_t size)
{
    struct chunk *chunk = r->chunks;
    char *place;

    size = (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    if (!chunk || chunk->size - chunk->used < size) {
        size_t room = size > CHUNK ? size : CHUNK;

        chunk = checked(malloc(sizeof(*chunk) + room));
        *chunk = (struct chunk){.older = r->chunks, .size = room};
        r->chunks = chunk;
    }
    place = chunk->room + chunk->used;
    chunk->used += size;
    return memset(place, 0, size);
}

void drop_memory(runner *r)
{
    while (r->chunks) {
        struct chunk *chunk = r->chunks;

        r->chunks = chunk->older;
        free(chunk);
    }
}

void keep(runner *r, void (*release)(void *object), void *object)
{
    kept *entry = take(r, sizeof(*entry));

    *entry = (kept){.next = r->kept, .release = release, .object = object};
    r->kept = entry;
}

/* ---- text ---- */

static void add_v(text *t, const char *format, va_list args)
{
    for (;;) {
        size_t room = t->room - t->length;
        va_list again;
        int length;

        va_copy(again, args);
        length = vsnprintf(t->chars ? t->chars + t->length : NULL, room, format, again);
        va_end(again);
        if (length >= 0 && (size_t)length < room) {
            t->length += (size_t)length;
            return;
        }
        t->room = 2 * t->room + (size_t)length + 256;
        t->chars = checked(realloc(t->chars, t->room));
    }
}

void text_add(text *t, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    add_v(t, format, args);
    va_end(args);
}

const char *format(runner *r, const char *format, ...)
{
    text t = {.chars = NULL};
    va_list args;
    char *copy;

    va_start(args, format);
    add_v(&t, format, args);
    va_end(args);
    copy = take(r, t.length + 1);
    memcpy(copy, t.chars, t.length + 1);
    free(t.chars);
    return copy;
}

/* ---- errors ---- */

static const struct {
    int64_t gyre, script;
} codes[] = {
    /* The first of a script's code is the one that `raise` and `setexc` use. */
    {GYRE_ECANCELLED, 1},
    {GYRE_ETIMEOUT, 2},
    {GYRE_EQEMPTY, 3},
    {GYRE_EQFULL, 4},
    {GYRE_EINVALIDSTATE, 5},
    {GYRE_ESTATE, 6},
    {GYRE_ENOTHELD, 6},
    {GYRE_ESELFAWAIT, 6},
    {GYRE_ELOOPRUNNING, 6},
    {GYRE_ELOOPSTOPPED, 6},
    {GYRE_EDEADLOCK, 6},
    {GYRE_EGROUPSTATE, 6},
    {GYRE_EGENERATORIGNOREDEXIT, 6},
    {GYRE_EGENERATORRAISEDSTOP, 6},
    {GYRE_EBROKENBARRIER, 7},
    {-EINVAL, 8},
    {GYRE_EOVERRELEASE, 8},
    {GYRE_ETASKDONE, 8},
    {GYRE_EGENERATORRUNNING, 8},
    {GYRE_ETYPE, 9},
    {GYRE_ESTOPITERATION, 10},
    {GYRE_ESTOPASYNCITERATION, 11},
    {GYRE_EGENERATOREXIT, 12},
    {GYRE_EGROUP, 13},
    {GYRE_EQSHUTDOWN, 14},
};

enum { CODES = sizeof(codes) / sizeof(codes[0]) };

int64_t script_code(int64_t code)
{
    for (size_t i = 0; i < CODES; i++) {
        if (codes[i].gyre == code)
            return codes[i].script;
    }
    if (code <= GYRE_EUSER(0))
        return GYRE_EUSER(0) - code;
    return code; /* none that a script should see: shown as it is */
}

int64_t gyre_code(int64_t code)
{
    for (size_t i = 0; i < CODES; i++) {
        if (codes[i].script == code)
            return codes[i].gyre;
    }
    return GYRE_EUSER(code);
}

failure take_failure(int64_t code)
{
    gyre_error *detail = gyre_error_current();
    failure f = {.code = code};

    if (gyre_error_code(detail) == code)
        f.detail = gyre_error_ref(detail);
    gyre_error_clear();
    return f;
}

int64_t raise_failure(failure *moved)
{
    failure f = *moved;

    *moved = (failure){.code = 0};
    if (f.detail)
        return gyre_raise(f.detail);
    gyre_error_clear();
    return f.code;
}

failure copy_failure(const failure *other)
{
    gyre_error_ref(other->detail);
    return *other;
}

void drop_failure(failure *f)
{
    gyre_error_unref(f->detail);
    *f = (failure){.code = 0};
}

void text_error(text *t, int64_t code, const gyre_error *detail)
{
    size_t count = gyre_error_count(detail);

    if (code == GYRE_EGROUP) {
        text_add(t, "13(");
        for (size_t i = 0; i < count; i++) {
            gyre_error_item item = gyre_error_at(detail, i);

            if (i > 0)
                text_add(t, " ");
            text_error(t, item.code, item.detail);
        }
        text_add(t, ")");
    } else if (code == GYRE_ECANCELLED && gyre_error_text(detail)[0]) {
        text_add(t, "1.%s", gyre_error_text(detail));
    } else {
        text_add(t, "%" PRId64, script_code(code));
    }
}

/* ---- names ---- */

static const char *numbered(runner *r, const char *prefix, const char *name, unsigned count)
{
    if (count == 1)
        return *prefix ? format(r, "%s%s", prefix, name) : name;
    return format(r, "%s%s.%u", prefix, name, count);
}

const char *unique_name(runner *r, symbol *s)
{
    return numbered(r, "", s->name, ++s->created);
}

const char *implicit_name(runner *r, symbol *s)
{
    return numbered(r, "~", s->name, ++s->implicit);
}

/* ---- lines ---- */

int64_t clock_ms(const runner *r)
{
    return (int64_t)(gyre_loop_time(r->loop) - EPOCH) / GYRE_MS(1);
}

static void begin_line(runner *r, unsigned line, const char *name)
{
    gyre_task *task = gyre_task_current();

    text_add(&r->trace, "%" PRId64 " %s %u %s", clock_ms(r), task ? gyre_task_name(task) : r->who,
             line, name);
}

void emit(runner *r, unsigned line, const char *name, const char *result)
{
    if (r->over)
        return;
    begin_line(r, line, name);
    text_add(&r->trace, *result ? " %s\n" : "%s\n", result);
}

void emit_number(runner *r, unsigned line, const char *name, int64_t number)
{
    if (r->over)
        return;
    begin_line(r, line, name);
    text_add(&r->trace, " %" PRId64 "\n", number);
}

void emit_failure(runner *r, unsigned line, const char *name, const failure *f)
{
    if (r->over)
        return;
    begin_line(r, line, name);
    text_add(&r->trace, " !");
    text_error(&r->trace, f->code, f->detail);
    text_add(&r->trace, "\n");
}
