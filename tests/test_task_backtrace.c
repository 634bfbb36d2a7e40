/* Looking at tasks: backtraces, what they wait for, dumps. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "../task/inspect.h"
#include "../task/task_internal.h"
#include "support/in_task.h"

static unsigned inner_line, outer_line;

struct inner {
    gyre_frame frame;
};
GYRE_CORO(inner)
{
    GYRE_BEGIN;
    inner_line = __LINE__ + 1;
    GYRE_TRY(gyre_sleep(GYRE_MS(250)));
    GYRE_END;
}

struct outer {
    gyre_frame frame;
};
GYRE_CORO(outer)
{
    GYRE_BEGIN;
    outer_line = __LINE__ + 1;
    GYRE_TRY(GYRE_CALL(inner));
    GYRE_END;
}

struct waiter {
    gyre_frame frame;
    gyre_future *future; /* borrowed */
};
GYRE_CORO(waiter)
{
    GYRE_BEGIN;
    GYRE_AWAIT(self->frame.result, self->future);
    GYRE_END;
}

struct reader {
    gyre_frame frame;
    int fd;
    char byte;
};
GYRE_CORO(reader)
{
    GYRE_BEGIN;
    GYRE_AWAIT(
        self->frame.result,
        gyre__park_op(gyre__task_running("read"),
                      &(gyre__request){
                          .verb = GYRE__OP_READ, .fd = self->fd, .addr = &self->byte, .length = 1},
                      &gyre__wait_op));
    GYRE_END;
}

static const char *base(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash ? slash + 1 : path;
}

/*
 * What gyre_loop_dump() prints; freed by the caller. Not inlined: gcc 12 would warn of a dangling
 * `text`.
 */
static __attribute__((noinline)) char *dump(gyre_loop *loop)
{
    char *text = NULL;
    size_t size;
    FILE *stream = open_memstream(&text, &size);

    gyre_loop_dump(loop, stream);
    fclose(stream);
    return text;
}

struct look {
    gyre_frame frame;
    gyre_task *fresh, *asleep, *on_task, *on_future, *op;
    gyre_future *future;
    int ends[2];
    int64_t rc;
    char text[200];
};
GYRE_CORO(look)
{
    gyre_frame_info frames[5];
    char *whole;

    GYRE_BEGIN;
    assert_int_equal(pipe2(self->ends, O_CLOEXEC), 0);
    self->future = gyre_future_new(gyre_loop_current());
    gyre_future_set_name(self->future, "the answer");
    self->asleep = GYRE_SPAWN(outer);
    self->on_task = GYRE_SPAWN(waiter, .future = gyre_task_future(self->asleep));
    self->on_future = GYRE_SPAWN(waiter, .future = self->future);
    self->op = GYRE_SPAWN(reader, .fd = self->ends[0]);
    GYRE_TRY(gyre_sleep(0));
    self->fresh = GYRE_SPAWN(outer);

    assert_int_equal(gyre_task_backtrace(self->asleep, NULL, 0), 2);
    assert_int_equal(gyre_task_backtrace(self->asleep, frames, 1), 2);
    assert_int_equal(gyre_task_backtrace(self->asleep, frames, 5), 2);
    assert_string_equal(frames[0].function, "inner");
    assert_string_equal(base(frames[0].file), "test_task_backtrace.c");
    assert_int_equal(frames[0].line, inner_line);
    assert_string_equal(frames[1].function, "outer");
    assert_int_equal(frames[1].line, outer_line);
    assert_int_equal(gyre_task_backtrace(self->fresh, frames, 5), 1);
    assert_int_equal(frames[0].line, 0);
    assert_int_equal(gyre_task_backtrace(gyre_task_current(), frames, 5), 1);

    gyre_task_waits_for(self->asleep, self->text, sizeof(self->text));
    assert_string_equal(self->text, "sleep for 0.250 s");
    gyre_task_waits_for(self->on_task, self->text, sizeof(self->text));
    assert_string_equal(self->text, "task Task-2");
    gyre_task_waits_for(self->on_future, self->text, sizeof(self->text));
    assert_non_null(strstr(self->text, "future the answer made at "));
    gyre_task_waits_for(self->fresh, self->text, sizeof(self->text));
    assert_string_equal(self->text, "its turn");

    gyre_task_cancel(self->asleep);
    whole = dump(gyre_loop_current());
    assert_non_null(strstr(whole, "6 tasks\n"));
    assert_non_null(strstr(whole, "Task-1: running\n    look "));
    assert_non_null(
        strstr(whole, "Task-2: waiting for sleep for 0.250 s, 1 cancel request\n    inner "));
    assert_non_null(strstr(whole, "\n    outer "));
    assert_non_null(strstr(whole, "Task-3: waiting for task Task-2\n    waiter "));
    assert_non_null(strstr(whole, "Task-4: waiting for future the answer made at "));
    assert_non_null(strstr(whole, "Task-5: waiting for "));
    assert_non_null(strstr(whole, "Task-6: not started\n    outer "));
    free(whole);

    GYRE_AWAIT(self->rc, self->asleep);
    assert_int_equal(gyre_task_backtrace(self->asleep, frames, 5), 0);
    gyre_task_waits_for(self->asleep, self->text, 4); /* a small buffer */
    assert_string_equal(self->text, "not");
    gyre_future_cancel(self->future);
    gyre_task_cancel(self->op);
    gyre_task_cancel(self->fresh);
    GYRE_AWAIT(self->rc, self->op);
    close(self->ends[0]);
    close(self->ends[1]);
    gyre_task_unref(self->fresh);
    gyre_task_unref(self->asleep);
    gyre_task_unref(self->on_task);
    gyre_task_unref(self->on_future);
    gyre_task_unref(self->op);
    gyre_future_unref(self->future);
    GYRE_RETURN(0);
    GYRE_END;
}
TASK_TEST(look);

/* Deeper than what a dump prints of one task; and an await in a cleanup section. */
struct well {
    gyre_frame frame;
    int depth;
};
GYRE_CORO(well)
{
    GYRE_BEGIN;
    if (self->depth > 0)
        GYRE_TRY(GYRE_CALL(well, .depth = self->depth - 1));
    GYRE_FINALLY;
    GYRE_TRY(gyre_sleep(GYRE_SECONDS(1)));
    GYRE_END;
}

struct deep {
    gyre_frame frame;
    gyre_task *task;
};
GYRE_CORO(deep)
{
    gyre_frame_info frame;
    char *whole;

    GYRE_BEGIN;
    self->task = GYRE_SPAWN(well, .depth = 99);
    GYRE_TRY(gyre_sleep(0));
    assert_int_equal(gyre_task_backtrace(self->task, &frame, 1), 100);
    assert_true(frame.line > 0);
    whole = dump(gyre_loop_current());
    assert_non_null(strstr(whole, "    ... and 36 more\n"));
    free(whole);
    gyre_task_cancel(self->task);
    gyre_task_unref(self->task);
    GYRE_RETURN(0);
    GYRE_END;
}
TASK_TEST(deep);

/* A deadlock prints who waits for what. */
static void stuck(void *arg)
{
    gyre_loop *loop = unit_loop();
    gyre_future *future = gyre_future_new(loop);
    gyre_task *task = GYRE_SPAWN_ON(loop, waiter, .future = future);

    (void)arg;
    gyre_loop_run_until(loop, gyre_task_future(task));
    abort();
}

static void a_deadlock_prints_a_dump(void **state)
{
    (void)state;
    unit_assert_aborts(stuck, NULL, "GYRE_EDEADLOCK", "1 task\n",
                       "Task-1: waiting for future made at ", "    waiter ");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(run_look),
        cmocka_unit_test(run_deep),
        cmocka_unit_test(a_deadlock_prints_a_dump),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
