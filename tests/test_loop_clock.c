/* The clocks and the random numbers: real, virtual, one's own. */
#include <unistd.h>

#include "support/unit.h"

static void the_virtual_one_jumps(void **state)
{
    gyre_loop *loop = unit_loop();

    (void)state;
    assert_int_equal(gyre_loop_time(loop), 0);
    gyre_call_later(loop, GYRE_SECONDS(3600), unit_trace_callback, "hour", NULL);
    gyre_call_soon(loop, unit_trace_callback, "soon", NULL);
    gyre_loop_run_once(loop, GYRE_FOREVER);
    assert_int_equal(gyre_loop_time(loop), 0); /* something was ready: no jump */
    assert_int_equal(gyre_loop_run_once(loop, 0), 0);
    assert_int_equal(gyre_loop_time(loop), 0); /* not allowed to wait: no jump */
    gyre_loop_run_once(loop, GYRE_FOREVER);
    assert_int_equal(gyre_loop_time(loop), UINT64_C(3600000000000));
    unit_assert_trace("soon hour");
    gyre_loop_close(loop);
}

/* A bounded wait moves the virtual clock no further than its bound. */
static void run_once_with_a_bound(void **state)
{
    gyre_loop *loop = unit_loop();

    (void)state;
    gyre_call_later(loop, GYRE_MS(100), unit_trace_callback, "100ms", NULL);
    for (int i = 1; i <= 3; i++) {
        assert_int_equal(gyre_loop_run_once(loop, GYRE_MS(30)), 0);
        assert_int_equal(gyre_loop_time(loop), i * 30000000);
    }
    assert_int_equal(gyre_loop_run_once(loop, GYRE_MS(30)), 1);
    unit_assert_trace("100ms");
    assert_int_equal(gyre_loop_time(loop), 100000000);
    assert_int_equal(gyre_loop_run_once(loop, GYRE_SECONDS(1000)),
                     0); /* nothing at all to wait for */
    assert_int_equal(gyre_loop_time(loop), UINT64_C(1000100000000));
    gyre_loop_close(loop);
}

struct own {
    uint64_t now, random;
};

static uint64_t own_now(void *context)
{
    return ((struct own *)context)->now;
}

static uint64_t own_random(void *context)
{
    return ((struct own *)context)->random++;
}

static void ones_own(void **state)
{
    struct own own = {5000, 7};
    gyre_loop *loop =
        unit_loop_with(&(gyre_loop_options){.now = own_now, .random = own_random, .context = &own});

    (void)state;
    assert_int_equal(gyre_loop_time(loop), 5000);
    assert_int_equal(gyre_loop_random(loop), 7);
    assert_int_equal(gyre_loop_random(loop), 8);
    gyre_call_later(loop, 1000, unit_trace_callback, "later", NULL);
    gyre_call_at(loop, 5500, unit_trace_callback, "at", NULL);
    assert_int_equal(gyre_loop_run_once(loop, 0), 0);
    own.now = 5600;
    assert_int_equal(gyre_loop_run_once(loop, 0), 1);
    unit_assert_trace("at");
    own.now = UINT64_MAX; /* the end of time */
    assert_int_equal(gyre_loop_run_once(loop, 0), 1);
    unit_assert_trace("later");
    gyre_call_later(loop, GYRE_SECONDS(1), unit_trace_callback, "after-the-end", NULL);
    gyre_loop_run_once(loop, 0);
    unit_assert_trace("after-the-end");
    gyre_loop_close(loop);
}

static void the_real_one_is_monotonic(void **state)
{
    gyre_loop *loop = unit_loop_with(NULL);
    uint64_t last = gyre_loop_time(loop);

    (void)state;
    for (int i = 0; i < 1000; i++) {
        uint64_t time = gyre_loop_time(loop);

        assert_true(time >= last);
        last = time;
    }
    gyre_loop_close(loop);
}

static void random_numbers_differ(void **state)
{
    gyre_loop *one = unit_loop(), *two = unit_loop();
    uint64_t all = 0, any = UINT64_MAX;

    (void)state;
    for (int i = 0; i < 200; i++) {
        uint64_t number = gyre_loop_random(one);

        assert_int_not_equal(number, gyre_loop_random(two));
        all |= number;
        any &= number;
    }
    assert_int_equal(all, UINT64_MAX); /* every bit is sometimes 1, sometimes 0 */
    assert_int_equal(any, 0);
    gyre_loop_close(one);
    gyre_loop_close(two);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_virtual_one_jumps),
        cmocka_unit_test(run_once_with_a_bound),
        cmocka_unit_test(ones_own),
        cmocka_unit_test(the_real_one_is_monotonic),
        cmocka_unit_test(random_numbers_differ),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
