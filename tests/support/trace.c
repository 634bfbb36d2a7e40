/* Tests of order: the loop, the trace, the memory, and small tasks to try things with. */
#include "trace.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../loop/alloc.h"
#include "../../task/sleep.h"

gyre_loop *trace_loop;

static char text[16384];
static size_t length;
static unsigned reports;
static atomic_size_t blocks_left, may_allocate; /* threads allocate, too */

/* ---- memory ---- */

static void *take(void *context, size_t size)
{
    void *block;

    (void)context;
    if (may_allocate == 0)
        return NULL;
    if (may_allocate != SIZE_MAX)
        may_allocate--;
    block = malloc(size);
    if (block)
        blocks_left++;
    return block;
}

static void *resize(void *context, void *block, size_t size)
{
    (void)context;
    if (!block)
        return take(context, size);
    if (may_allocate == 0)
        return NULL;
    return realloc(block, size);
}

static void release(void *context, void *block)
{
    (void)context;
    if (block)
        blocks_left--;
    free(block);
}

void trace_fail_after(size_t n)
{
    may_allocate = n;
}

/* ---- loop ---- */

static void report(gyre_loop *loop, const gyre_exception_context *context, void *arg)
{
    (void)loop, (void)arg;
    reports++;
    trace("reported %s", result_text(context->code));
}

unsigned trace_reports(void)
{
    unsigned count = reports;

    reports = 0;
    return count;
}

int trace_setup(void **state)
{
    const gyre_allocator allocator = {.alloc = take, .resize = resize, .release = release};
    const gyre_loop_options options = {.clock = GYRE_CLOCK_VIRTUAL, .direct_blocks = true};

    (void)state;
    length = reports = 0;
    text[0] = '\0';
    may_allocate = SIZE_MAX;
    blocks_left = 0;
    gyre_set_allocator(&allocator);
    if (gyre_loop_new(&options, &trace_loop) < 0)
        return -1;
    gyre_loop_set_exception_handler(trace_loop, report, NULL);
    return 0;
}

void trace_close(void)
{
    assert_int_equal(gyre_loop_close(trace_loop), 0);
    trace_loop = NULL;
}

int trace_teardown(void **state)
{
    (void)state;
    may_allocate = SIZE_MAX;
    if (trace_loop)
        gyre_loop_close(trace_loop);
    trace_loop = NULL;
    gyre_error_clear();
    gyre_set_allocator(NULL);
    if (blocks_left)
        print_error("%zu blocks of memory are left\n", blocks_left);
    if (reports)
        print_error("%u errors were reported\n", reports);
    return blocks_left || reports ? -1 : 0;
}

void trace_settle(void)
{
    while (gyre_loop_run_once(trace_loop, 0) > 0)
        ;
}

/* ---- trace ---- */

void trace(const char *format, ...)
{
    va_list args;

    if (trace_loop)
        length += (size_t)snprintf(text + length, sizeof(text) - length, "%u ",
                                   (unsigned)(gyre_loop_time(trace_loop) / 1000000));
    va_start(args, format);
    length += (size_t)vsnprintf(text + length, sizeof(text) - length, format, args);
    va_end(args);
    length += (size_t)snprintf(text + length, sizeof(text) - length, "\n");
    if (length >= sizeof(text))
        abort();
}

void assert_trace(const char *expected)
{
    assert_string_equal(text, expected);
    length = 0;
    text[0] = '\0';
}

const char *result_text(int64_t result)
{
    static char number[24];
    const char *name;

    if (result <= GYRE_EUSER(0))
        snprintf(number, sizeof(number), "!%d", (int)(GYRE_EUSER(0) - result));
    else if (result >= 0)
        snprintf(number, sizeof(number), "%d", (int)result);
    if (result >= 0 || result <= GYRE_EUSER(0))
        return number;
    name = gyre_err_name(result);
    return strncmp(name, "GYRE_E", 6) == 0 ? name + 6 : name;
}

/* ---- tasks ---- */

static const char *message(int64_t code)
{
    gyre_error *detail = gyre_error_current();

    return detail && gyre_error_code(detail) == code ? gyre_error_text(detail) : "";
}

static const char *spaced(const char *what)
{
    static char spaced_text[128];

    snprintf(spaced_text, sizeof(spaced_text), "%s%s", *what ? " " : "", what);
    return spaced_text;
}

GYRE_CORO_PUBLIC(job)
{
    GYRE_BEGIN;
    if (self->ms >= 0) {
        GYRE_AWAIT(self->rc, gyre_sleep(GYRE_MS(self->ms)));
        if (self->rc < 0) {
            trace("%s cancelled%s", self->name, spaced(message(self->rc)));
            if (!self->stubborn)
                GYRE_RETURN(self->rc);
            GYRE_TRY(gyre_sleep(GYRE_MS(self->ms)));
        }
    }
    trace("%s %s", self->name, result_text(self->result));
    GYRE_RETURN(self->result);
    GYRE_END;
}

gyre_future *job(const char *name, int64_t ms, int64_t result)
{
    return gyre_task_future(
        GYRE_SPAWN_ON(trace_loop, job, .name = name, .ms = ms, .result = result));
}

gyre_future *stubborn_job(const char *name, int64_t ms, int64_t result)
{
    return gyre_task_future(
        GYRE_SPAWN_ON(trace_loop, job, .name = name, .ms = ms, .result = result, .stubborn = true));
}

GYRE_CORO_PUBLIC(waiter)
{
    GYRE_BEGIN;
    GYRE_AWAIT(self->rc, self->future);
    trace("%s got %s%s", self->name, result_text(self->rc), spaced(message(self->rc)));
    GYRE_RETURN(self->rc < 0 && self->rc != GYRE_ECANCELLED ? 0 : self->rc);
    GYRE_END;
}

gyre_future *waiter(const char *name, gyre_future *future)
{
    return gyre_task_future(GYRE_SPAWN_ON(trace_loop, waiter, .name = name, .future = future));
}

static int64_t ended(gyre_future *future, void *arg)
{
    trace("%s %s", (const char *)arg, gyre_future_cancelled(future) ? "cancelled" : "done");
    return 0;
}

void watch(gyre_future *future, const char *name)
{
    assert_int_equal(gyre_future_add_done_callback(future, ended, (void *)(uintptr_t)name), 0);
}
