/*
 * Cancelling tasks: where it comes out, messages, chains, requests taken back, races with
 * completion.
 */
#include <fcntl.h>
#include <unistd.h>

#include "../task/task_internal.h"
#include "support/in_task.h"

/* Sleeps, traces how that ended, and passes it on. */
struct sleeper {
    gyre_frame frame;
    const char *word;
    int64_t delay, rc;
};
GYRE_CORO(sleeper)
{
    GYRE_BEGIN;
    GYRE_AWAIT(self->rc, gyre_sleep(self->delay));
    unit_trace("%s:%s", self->word, gyre_err_name(self->rc));
    GYRE_RETURN(self->rc);
    GYRE_FINALLY;
    unit_trace("%s-finally", self->word);
    GYRE_END;
}

/* ---- where it comes out ---- */

struct where {
    gyre_frame frame;
    gyre_task *asleep, *fresh, *yielding, *done;
    int64_t rc;
    gyre_loop_stats stats;
};
GYRE_CORO(where)
{
    GYRE_BEGIN;
    self->asleep = GYRE_SPAWN(sleeper, .word = "asleep", .delay = GYRE_FOREVER);
    self->yielding = GYRE_SPAWN(sleeper, .word = "yielding", .delay = 0);
    self->done = GYRE_SPAWN(sleeper, .word = "done", .delay = 0);
    GYRE_TRY(gyre_sleep(0));
    self->fresh = GYRE_SPAWN(sleeper, .word = "fresh", .delay = 1);
    assert_int_equal(gyre_task_cancel(self->asleep), 1);
    gyre_loop_get_stats(gyre_loop_current(), &self->stats);
    assert_int_equal(self->stats.timers, 0); /* its timer went at once */
    assert_int_equal(gyre_task_cancel(self->yielding), 1);
    assert_int_equal(gyre_task_cancel(self->fresh), 1);
    assert_false(gyre_task_done(self->asleep)); /* nothing runs inside the call */
    unit_assert_trace("");
    GYRE_AWAIT(self->rc, self->asleep);
    assert_int_equal(self->rc, GYRE_ECANCELLED);
    assert_true(gyre_task_cancelled(self->asleep));
    GYRE_AWAIT(self->rc, self->yielding);
    assert_int_equal(self->rc, GYRE_ECANCELLED);
    GYRE_AWAIT(self->rc, self->fresh);
    assert_int_equal(self->rc, GYRE_ECANCELLED);
    GYRE_AWAIT(self->rc, self->done);
    assert_int_equal(self->rc, 0);
    assert_int_equal(gyre_task_cancel(self->done), 0);
    assert_int_equal(gyre_task_cancelling(self->done), 0);
    assert_false(gyre_task_cancelled(self->done));
    /* A task that had not started goes to its cleanup, without its body. */
    unit_assert_trace("yielding:GYRE_ECANCELLED yielding-finally done:OK done-finally "
                      "fresh-finally asleep:GYRE_ECANCELLED asleep-finally");
    gyre_task_unref(self->asleep);
    gyre_task_unref(self->fresh);
    gyre_task_unref(self->yielding);
    gyre_task_unref(self->done);
    GYRE_RETURN(0);
    GYRE_END;
}
TASK_TEST(where);

/* ---- a task that cancels itself ---- */

struct itself {
    gyre_frame frame;
    int kind;
    gyre_future *future;
    int64_t rc;
};
GYRE_CORO(itself)
{
    GYRE_BEGIN;
    gyre_task_cancel(gyre_task_current());
    if (self->kind == 0)
        GYRE_RETURN(5); /* it never awaits again: it ends cancelled all the same */
    if (self->kind == 1)
        GYRE_RETURN(GYRE_EUSER(5)); /* but an error counts more */
    if (self->kind == 2) { /* awaiting what is done does not suspend: nothing comes out of it */
        self->future = gyre_future_new(gyre_loop_current());
        gyre_future_set_result(self->future, 3);
        GYRE_AWAIT(self->rc, self->future);
        gyre_future_unref(self->future);
        assert_int_equal(self->rc, 3);
    }
    GYRE_AWAIT(self->rc, gyre_sleep(5));
    assert_int_equal(self->rc, GYRE_ECANCELLED);
    GYRE_TRY(self->rc, gyre_sleep(5)); /* once, not for ever */
    assert_int_equal(gyre_task_cancelling(gyre_task_current()), 1);
    GYRE_RETURN(7);
    GYRE_END;
}

struct selves {
    gyre_frame frame;
    gyre_task *tasks[4];
    int i;
    int64_t rc[4];
};
GYRE_CORO(selves)
{
    GYRE_BEGIN;
    for (self->i = 0; self->i < 4; self->i++) {
        self->tasks[self->i] = GYRE_SPAWN(itself, .kind = self->i);
        GYRE_AWAIT(self->rc[self->i], self->tasks[self->i]);
        gyre_task_unref(self->tasks[self->i]);
    }
    assert_int_equal(self->rc[0], GYRE_ECANCELLED);
    assert_int_equal(self->rc[1], GYRE_EUSER(5));
    assert_int_equal(self->rc[2], 7);
    assert_int_equal(self->rc[3], 7);
    GYRE_RETURN(0);
    GYRE_END;
}
TASK_TEST(selves);

/* ---- messages ---- */

struct messages {
    gyre_frame frame;
    gyre_task *task;
    gyre_error *one, *two;
    int64_t rc;
};
GYRE_CORO(messages)
{
    GYRE_BEGIN;
    self->one = gyre_error_new(GYRE_ECANCELLED, "one");
    self->two = gyre_error_new(GYRE_ECANCELLED, "two");
    self->task = GYRE_SPAWN(sleeper, .word = "a", .delay = 100);
    GYRE_TRY(gyre_sleep(0));
    gyre_task_cancel_with(self->task, self->one);
    gyre_task_cancel_with(self->task, self->two); /* the wait was ended by the first one */
    GYRE_AWAIT(self->rc, self->task);
    assert_string_equal(gyre_error_text(gyre_error_current()), "one");
    gyre_error_clear();
    GYRE_AWAIT(self->rc, self->task); /* the message goes to the first who asks */
    assert_int_equal(self->rc, GYRE_ECANCELLED);
    assert_null(gyre_error_current());
    gyre_task_unref(self->task);
    /* Before it started: the last one counts. */
    self->task = GYRE_SPAWN(sleeper, .word = "b", .delay = 100);
    gyre_task_cancel_with(self->task, self->one);
    gyre_task_cancel_with(self->task, self->two);
    GYRE_AWAIT(self->rc, self->task);
    assert_string_equal(gyre_error_text(gyre_error_current()), "two");
    gyre_task_unref(self->task);
    /* Without one: no message is left over from before. */
    self->task = GYRE_SPAWN(sleeper, .word = "c", .delay = 100);
    GYRE_TRY(gyre_sleep(0));
    gyre_task_cancel(self->task);
    GYRE_AWAIT(self->rc, self->task);
    assert_null(gyre_error_current());
    gyre_task_unref(self->task);
    gyre_error_unref(self->one);
    gyre_error_unref(self->two);
    unit_assert_trace("a:GYRE_ECANCELLED a-finally b-finally c:GYRE_ECANCELLED c-finally");
    GYRE_RETURN(0);
    GYRE_END;
}
TASK_TEST(messages);

/*
 * A request with a message, passed on to a future and caught there, must leave nothing behind in
 * the task.
 */
struct catcher {
    gyre_frame frame;
    gyre_future *future;
    gyre_error *why;
    int64_t rc;
};
GYRE_CORO(catcher)
{
    GYRE_BEGIN;
    self->why = gyre_error_new(GYRE_ECANCELLED, "why");
    self->future = gyre_future_new(gyre_loop_current());
    gyre_task_cancel_with(gyre_task_current(), self->why);
    GYRE_AWAIT(self->rc, self->future);
    assert_int_equal(self->rc, GYRE_ECANCELLED);
    assert_string_equal(gyre_error_text(gyre_error_current()), "why");
    gyre_error_unref(self->why);
    gyre_future_unref(self->future);
    GYRE_RETURN(5);
    GYRE_END;
}

struct leftovers {
    gyre_frame frame;
    gyre_task *task;
    int64_t rc;
};
GYRE_CORO(leftovers)
{
    GYRE_BEGIN;
    self->task = GYRE_SPAWN(catcher);
    GYRE_TRY(self->rc, self->task);
    assert_int_equal(self->rc, 5);
    assert_int_equal(gyre_task_result(self->task), 5);
    assert_null(gyre_task_future(self->task)->detail);
    gyre_task_unref(self->task);
    GYRE_RETURN(0);
    GYRE_END;
}
TASK_TEST(leftovers);

/* ---- requests counted and taken back ---- */

struct counting {
    gyre_frame frame;
    gyre_task *task;
    int64_t rc;
};
GYRE_CORO(counting)
{
    gyre_task *me = gyre_task_current();

    GYRE_BEGIN;
    assert_int_equal(gyre_task_uncancel(me), 0);
    gyre_task_cancel(me);
    gyre_task_cancel(me);
    assert_int_equal(gyre_task_cancelling(me), 2);
    assert_int_equal(gyre_task_uncancel(me), 1);
    assert_int_equal(gyre_task_uncancel(me),
                     0); /* and the request that was not delivered is dropped */
    GYRE_AWAIT(self->rc, gyre_sleep(1));
    assert_int_equal(self->rc, 0);
    gyre_task_cancel(gyre_task_current());
    GYRE_AWAIT(self->rc, gyre_sleep(1));
    assert_int_equal(self->rc, GYRE_ECANCELLED);
    assert_int_equal(gyre_task_cancelling(gyre_task_current()),
                     1); /* delivered, but not taken back */
    assert_int_equal(gyre_task_uncancel(gyre_task_current()), 0);
    GYRE_RETURN(0);
    GYRE_END;
}
TASK_TEST(counting);

/* ---- chains ---- */

struct awaiter {
    gyre_frame frame;
    const char *word;
    gyre_task *on; /* borrowed */
    int64_t rc;
};
GYRE_CORO(awaiter)
{
    GYRE_BEGIN;
    GYRE_AWAIT(self->rc, self->on);
    unit_trace("%s:%s(%s)", self->word, gyre_err_name(self->rc),
               gyre_error_text(gyre_error_current()));
    GYRE_RETURN(self->rc);
    GYRE_END;
}

struct chain {
    gyre_frame frame;
    gyre_task *end, *middle, *start, *other;
    gyre_error *why;
    int64_t rc;
};
GYRE_CORO(chain)
{
    GYRE_BEGIN;
    self->end = GYRE_SPAWN(sleeper, .word = "end", .delay = 100);
    self->middle = GYRE_SPAWN(awaiter, .word = "middle", .on = self->end);
    self->start = GYRE_SPAWN(awaiter, .word = "start", .on = self->middle);
    self->other = GYRE_SPAWN(awaiter, .word = "other", .on = self->end);
    GYRE_TRY(gyre_sleep(1));
    self->why = gyre_error_new(GYRE_ECANCELLED, "stop");
    gyre_task_cancel_with(self->start, self->why);
    gyre_error_unref(self->why);
    assert_int_equal(gyre_task_cancelling(self->start), 1);
    assert_int_equal(gyre_task_cancelling(self->middle), 1);
    assert_int_equal(gyre_task_cancelling(self->end), 1);
    assert_int_equal(gyre_task_cancelling(self->other), 0);
    GYRE_AWAIT(self->rc, self->other);
    assert_int_equal(self->rc, GYRE_ECANCELLED);
    GYRE_AWAIT(self->rc, self->start);
    assert_int_equal(self->rc, GYRE_ECANCELLED);
    unit_assert_trace("end:GYRE_ECANCELLED end-finally middle:GYRE_ECANCELLED(stop) "
                      "other:GYRE_ECANCELLED() start:GYRE_ECANCELLED(stop)");
    gyre_task_unref(self->end);
    gyre_task_unref(self->middle);
    gyre_task_unref(self->start);
    gyre_task_unref(self->other);
    GYRE_RETURN(0);
    GYRE_END;
}
TASK_TEST(chain);

/* A chain as long as one likes: no recursion. */
struct link_of_chain {
    gyre_frame frame;
    int left;
    gyre_task *next;
};
GYRE_CORO(link_of_chain)
{
    GYRE_BEGIN;
    if (self->left == 0)
        GYRE_TRY(gyre_sleep(GYRE_FOREVER));
    self->next = GYRE_SPAWN(link_of_chain, .left = self->left - 1);
    GYRE_TRY(self->next);
    GYRE_FINALLY;
    gyre_task_unref(self->next);
    GYRE_END;
}

struct long_chain {
    gyre_frame frame;
    gyre_task *task;
    int64_t rc;
};
GYRE_CORO(long_chain)
{
    GYRE_BEGIN;
    self->task = GYRE_SPAWN(link_of_chain, .left = 200000);
    GYRE_TRY(gyre_sleep(1));
    gyre_task_cancel(self->task);
    GYRE_AWAIT(self->rc, self->task);
    assert_int_equal(self->rc, GYRE_ECANCELLED);
    gyre_task_unref(self->task);
    GYRE_RETURN(0);
    GYRE_END;
}
TASK_TEST(long_chain);

/* Tasks that await each other: only a cancellation gets them apart, and it does. */
struct knot {
    gyre_frame frame;
    gyre_task **other;
    const char *word;
    int64_t rc;
};
GYRE_CORO(knot)
{
    GYRE_BEGIN;
    GYRE_AWAIT(self->rc, *self->other);
    unit_trace("%s:%s", self->word, gyre_err_name(self->rc));
    GYRE_RETURN(self->rc);
    GYRE_END;
}

struct knots {
    gyre_frame frame;
    gyre_task *a, *b, *c;
    int64_t rc;
};
GYRE_CORO(knots)
{
    GYRE_BEGIN;
    self->a = GYRE_SPAWN(knot, .other = &self->b, .word = "a");
    self->b = GYRE_SPAWN(knot, .other = &self->c, .word = "b");
    self->c = GYRE_SPAWN(knot, .other = &self->a, .word = "c");
    GYRE_TRY(gyre_sleep(1));
    gyre_task_cancel(self->b);
    GYRE_AWAIT(self->rc, self->b);
    assert_int_equal(self->rc, GYRE_ECANCELLED);
    GYRE_TRY(gyre_sleep(1));
    assert_true(gyre_task_cancelled(self->a));
    assert_true(gyre_task_cancelled(self->b));
    assert_true(gyre_task_cancelled(self->c));
    unit_assert_trace("c:GYRE_ECANCELLED b:GYRE_ECANCELLED a:GYRE_ECANCELLED");
    gyre_task_unref(self->a);
    gyre_task_unref(self->b);
    gyre_task_unref(self->c);
    GYRE_RETURN(0);
    GYRE_END;
}
TASK_TEST(knots);

/* ---- races ---- */

struct race {
    gyre_frame frame;
    gyre_future *future;
    gyre_task *task;
    int64_t rc;
};
struct waiter {
    gyre_frame frame;
    gyre_future *future; /* borrowed */
    int64_t rc;
};
GYRE_CORO(waiter)
{
    GYRE_BEGIN;
    GYRE_AWAIT(self->rc, self->future);
    unit_trace("%s", gyre_err_name(self->rc));
    GYRE_RETURN(self->rc);
    GYRE_END;
}
GYRE_CORO(race)
{
    GYRE_BEGIN;
    self->future = gyre_future_new(gyre_loop_current());
    self->task = GYRE_SPAWN(waiter, .future = self->future);
    GYRE_TRY(gyre_sleep(0));
    /* The value is there already, but the task is cancelled before it sees it: as in asyncio. */
    gyre_future_set_result(self->future, 5);
    assert_int_equal(gyre_task_cancel(self->task), 1);
    GYRE_AWAIT(self->rc, self->task);
    assert_int_equal(self->rc, GYRE_ECANCELLED);
    assert_false(gyre_future_cancelled(self->future));
    gyre_task_unref(self->task);
    gyre_future_unref(self->future);
    /* The same with a timer that has fired. */
    self->task = GYRE_SPAWN(sleeper, .word = "s", .delay = 10);
    GYRE_TRY(gyre_sleep(0));
    GYRE_TRY(gyre_sleep(10)); /* later in the order, so woken after it */
    gyre_task_cancel(self->task);
    GYRE_AWAIT(self->rc, self->task);
    unit_assert_trace("GYRE_ECANCELLED s:OK s-finally");
    gyre_task_unref(self->task);
    GYRE_RETURN(0);
    GYRE_END;
}
TASK_TEST(race);

/* Cancelling whoever awaits a future cancels the future, and all who await it. */
struct sharing {
    gyre_frame frame;
    gyre_future *future;
    gyre_task *one, *two;
    int64_t rc;
};
GYRE_CORO(sharing)
{
    GYRE_BEGIN;
    self->future = gyre_future_new(gyre_loop_current());
    self->one = GYRE_SPAWN(waiter, .future = self->future);
    self->two = GYRE_SPAWN(waiter, .future = self->future);
    GYRE_TRY(gyre_sleep(0));
    gyre_task_cancel(self->one);
    assert_true(gyre_future_cancelled(self->future));
    GYRE_AWAIT(self->rc, self->two);
    assert_int_equal(self->rc, GYRE_ECANCELLED);
    unit_assert_trace("GYRE_ECANCELLED GYRE_ECANCELLED");
    gyre_task_unref(self->one);
    gyre_task_unref(self->two);
    gyre_future_unref(self->future);
    GYRE_RETURN(0);
    GYRE_END;
}
TASK_TEST(sharing);

/* ---- operations ---- */

static gyre_await read_byte(int fd, char *byte)
{
    return gyre__park_op(
        gyre__task_running("read_byte"),
        &(gyre__request){
            .verb = GYRE__OP_READ, .fd = fd, .addr = byte, .length = 1, .offset = UINT64_MAX},
        &gyre__wait_op);
}

struct reader {
    gyre_frame frame;
    int fd;
    char byte;
    int64_t rc;
};
GYRE_CORO(reader)
{
    GYRE_BEGIN;
    GYRE_AWAIT(self->rc, read_byte(self->fd, &self->byte));
    unit_trace("read:%s", gyre_err_name(self->rc));
    if (self->rc >= 0) { /* what was read is not lost; the cancellation comes now */
        GYRE_AWAIT(self->rc, gyre_sleep(1));
        unit_trace("then:%s", gyre_err_name(self->rc));
    }
    GYRE_RETURN(self->rc);
    GYRE_END;
}

struct reading {
    gyre_frame frame;
    int ends[2];
    gyre_task *task;
    int i;
    int64_t rc;
};
GYRE_CORO(reading)
{
    GYRE_BEGIN;
    assert_int_equal(pipe2(self->ends, O_CLOEXEC), 0);
    self->task = GYRE_SPAWN(reader, .fd = self->ends[0]);
    for (self->i = 0; self->i < 3; self->i++)
        GYRE_TRY(gyre_sleep(0));
    assert_int_equal(gyre_task_cancel(self->task), 1);
    assert_int_equal(gyre_task_cancel(self->task), 1);
    GYRE_AWAIT(self->rc, self->task);
    assert_int_equal(self->rc, GYRE_ECANCELLED);
    unit_assert_trace("read:GYRE_ECANCELLED");
    gyre_task_unref(self->task);
    /* The byte is there before the cancellation. */
    self->task = GYRE_SPAWN(reader, .fd = self->ends[0]);
    for (self->i = 0; self->i < 3; self->i++)
        GYRE_TRY(gyre_sleep(0));
    assert_int_equal(write(self->ends[1], "x", 1), 1);
    for (self->i = 0; self->i < 100000 && gyre_task_current()->future.loop->backend.in_flight >
                                              gyre_task_current()->future.loop->backend.internal;
         self->i++)
        gyre__backend_poll(gyre_loop_current(),
                           0); /* the completion is reaped, its handle has not run */
    gyre_task_cancel(self->task);
    GYRE_AWAIT(self->rc, self->task);
    assert_int_equal(self->rc, GYRE_ECANCELLED);
    unit_assert_trace("read:OK then:GYRE_ECANCELLED");
    gyre_task_unref(self->task);
    close(self->ends[0]);
    close(self->ends[1]);
    GYRE_RETURN(0);
    GYRE_END;
}
TASK_TEST(reading);

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(run_where),      cmocka_unit_test(run_selves),
        cmocka_unit_test(run_messages),   cmocka_unit_test(run_leftovers),
        cmocka_unit_test(run_counting),   cmocka_unit_test(run_chain),
        cmocka_unit_test(run_long_chain), cmocka_unit_test(run_knots),
        cmocka_unit_test(run_race),       cmocka_unit_test(run_sharing),
        cmocka_unit_test(run_reading),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
