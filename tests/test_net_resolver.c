/* Look-ups: numbers, names, none, many at once, given up in every way, and after a fork. */
#include <netdb.h>
#include <netinet/in.h>
#include <unistd.h>

#include "loop/alloc.h"
#include "net/resolver.h"
#include "support/unit.h"
#include "task/run.h"
#include "task/sleep.h"
#include "task/timeout.h"

struct main_numbers {
    gyre_frame frame;
    gyre_address *list;
    char text[GYRE_ADDRESS_TEXT], name[256];
    char longest[2000];
    int64_t rc;
};
GYRE_CORO(main_numbers)
{
    GYRE_BEGIN;
    GYRE_AWAIT(self->rc, gyre_getaddrinfo("127.0.0.1", 80, NULL, &self->list));
    assert_int_equal(self->rc, 1);
    gyre_address_print(&self->list[0], self->text, sizeof(self->text));
    assert_string_equal(self->text, "127.0.0.1:80");
    gyre_free(self->list);
    GYRE_AWAIT(self->rc, gyre_getaddrinfo("::1", 443, NULL, &self->list));
    assert_int_equal(self->rc, 1);
    gyre_address_print(&self->list[0], self->text, sizeof(self->text));
    assert_string_equal(self->text, "[::1]:443");
    gyre_free(self->list);
    /* The wrong family for a number is an error. */
    GYRE_AWAIT(self->rc, gyre_getaddrinfo("::1", 443, &(gyre_resolve_options){.family = AF_INET},
                                          &self->list));
    assert_true(self->rc == GYRE_EDNSFAMILY || self->rc == GYRE_EDNSNAME);
    assert_null(self->list);
    memset(self->longest, 'a', sizeof(self->longest) - 1);
    GYRE_AWAIT(self->rc, gyre_getaddrinfo(self->longest, 1, NULL, &self->list));
    assert_int_equal(self->rc, GYRE_EDNSNAME);
    /* No host is this machine. */
    GYRE_AWAIT(self->rc, gyre_getaddrinfo(NULL, 80, &(gyre_resolve_options){.family = AF_INET},
                                          &self->list));
    assert_int_equal(self->rc, 1);
    gyre_address_print(&self->list[0], self->text, sizeof(self->text));
    assert_string_equal(self->text, "127.0.0.1:80");
    GYRE_AWAIT(self->rc, gyre_getnameinfo(&self->list[0], self->name, sizeof(self->name)));
    assert_int_equal(self->rc, strlen(self->name));
    assert_true(self->rc > 0);
    GYRE_AWAIT(self->rc, gyre_getnameinfo(&self->list[0], self->name, 2));
    assert_int_equal(self->rc, -ENOSPC);
    gyre_free(self->list);
    GYRE_AWAIT(self->rc, gyre_getnameinfo(&(gyre_address){.length = 0}, self->name, 100));
    assert_true(self->rc < 0);
    GYRE_END;
}
static void numbers(void **state)
{
    (void)state;
    assert_int_equal(GYRE_RUN(main_numbers), 0);
}

struct main_names {
    gyre_frame frame;
    gyre_address *list;
    int64_t rc;
};
GYRE_CORO(main_names)
{
    GYRE_BEGIN;
    GYRE_AWAIT(self->rc, gyre_getaddrinfo("localhost", 80, NULL, &self->list));
    assert_true(self->rc >= 1);
    for (int64_t i = 0; i < self->rc; i++) {
        int family = gyre_address_family(&self->list[i]);

        assert_true(family == AF_INET || family == AF_INET6);
        assert_int_equal(gyre_address_port(&self->list[i]), 80);
    }
    gyre_free(self->list);
    /* A name that cannot be: whether or not there is a name server, it is an error. */
    GYRE_AWAIT(self->rc, gyre_wait_for(gyre_getaddrinfo("no such host.invalid", 80, NULL, &self->list),
                                       GYRE_SECONDS(20)));
    assert_true(self->rc == GYRE_EDNSNAME || self->rc == GYRE_EDNSAGAIN || self->rc == GYRE_EDNSFAIL);
    assert_null(self->list);
    GYRE_END;
}
static void names(void **state)
{
    (void)state;
    assert_int_equal(GYRE_RUN(main_names), 0);
}

struct look_up {
    gyre_frame frame;
    gyre_address *list;
    int64_t rc;
};
GYRE_CORO(look_up)
{
    GYRE_BEGIN;
    GYRE_TRY(self->rc, gyre_getaddrinfo("localhost", 80, NULL, &self->list));
    GYRE_RETURN(self->rc > 0);
    GYRE_FINALLY;
    gyre_free(self->list);
    GYRE_END;
}

enum { MANY = 200 };

struct main_many {
    gyre_frame frame;
    bool cancel;
    gyre_task *tasks[MANY];
    int i, cancelled;
    int64_t rc;
};
GYRE_CORO(main_many)
{
    GYRE_BEGIN;
    for (self->i = 0; self->i < MANY; self->i++)
        self->tasks[self->i] = GYRE_SPAWN(look_up);
    GYRE_TRY(gyre_sleep(0));
    /* Every other one is given up, queued or under way. */
    for (self->i = 0; self->cancel && self->i < MANY; self->i += 2)
        gyre_task_cancel(self->tasks[self->i]);
    for (self->i = 0; self->i < MANY; self->i++) {
        GYRE_AWAIT(self->rc, self->tasks[self->i]);
        if (self->cancel && self->i % 2 == 0)
            assert_int_equal(self->rc, GYRE_ECANCELLED);
        else
            assert_int_equal(self->rc, 1);
        gyre_task_unref(self->tasks[self->i]);
    }
    GYRE_END;
}
static void many_at_once(void **state)
{
    (void)state;
    assert_int_equal(GYRE_RUN(main_many), 0);
    assert_int_equal(GYRE_RUN(main_many, .cancel = true), 0);
}

/* The main task ends at once: its loop is closed with look-ups queued and under way. */
struct main_leave {
    gyre_frame frame;
    int i;
};
GYRE_CORO(main_leave)
{
    GYRE_BEGIN;
    for (self->i = 0; self->i < 20; self->i++)
        GYRE_SPAWN_DETACHED(look_up);
    GYRE_TRY(gyre_sleep(0));
    GYRE_END;
}
static void loop_closed_meanwhile(void **state)
{
    gyre_loop *loop;

    (void)state;
    for (int round = 0; round < 20; round++) {
        assert_int_equal(GYRE_RUN(main_leave), 0);
        /* The same without cancelling anything before. */
        loop = unit_loop_with(NULL);
        for (int i = 0; i < 20; i++)
            gyre_task_unref(GYRE_SPAWN_ON(loop, look_up));
        gyre_loop_run_once(loop, 0);
        gyre_loop_close(loop);
    }
}

static int look_up_in_child(void *arg)
{
    (void)arg;
    return GYRE_RUN(main_many) == 0 ? 7 : 1;
}

/* Threads that wait or are looking something up are not in the child. */
struct main_fork {
    gyre_frame frame;
    gyre_task *tasks[8];
    int i, round;
    int64_t rc;
};
GYRE_CORO(main_fork)
{
    GYRE_BEGIN;
    for (self->round = 0; self->round < 5; self->round++) {
        for (self->i = 0; self->i < 8; self->i++)
            self->tasks[self->i] = GYRE_SPAWN(look_up);
        GYRE_TRY(gyre_sleep(0));
        assert_int_equal(unit_in_child(look_up_in_child, NULL), 7);
        for (self->i = 0; self->i < 8; self->i++) {
            GYRE_AWAIT(self->rc, self->tasks[self->i]);
            assert_int_equal(self->rc, 1);
            gyre_task_unref(self->tasks[self->i]);
        }
    }
    GYRE_END;
}
static void fork_in_the_middle(void **state)
{
    (void)state;
    assert_int_equal(GYRE_RUN(main_fork), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers),
        cmocka_unit_test(names),
        cmocka_unit_test(many_at_once),
        cmocka_unit_test(loop_closed_meanwhile),
        cmocka_unit_test(fork_in_the_middle),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
