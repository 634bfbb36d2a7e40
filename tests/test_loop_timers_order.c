/*
 * The wheel and the heap against a model: millions of random operations, the order exact to the
 * nanosecond.
 */
#include <stdlib.h>

#include "../loop/timers_internal.h"
#include "support/unit.h"

enum { TIMERS = 3000, NO_PLACE = -1 };

/* One timer and its place in the model, a plain binary heap. */
struct item {
    gyre__timer timer;
    uint64_t deadline, order;
    int place;
};

static gyre__timers timers;
static struct item items[TIMERS];
static struct item *heap[TIMERS];
static int count;
static uint64_t now, sequence, seed;

static uint64_t chance(uint64_t below)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed % below;
}

/* ---- the model ---- */

static bool comes_first(const struct item *a, const struct item *b)
{
    return a->deadline != b->deadline ? a->deadline < b->deadline : a->order < b->order;
}

static void put(int place, struct item *item)
{
    heap[place] = item;
    item->place = place;
}

static void settle(struct item *item, int place)
{
    while (place > 0 && comes_first(item, heap[(place - 1) / 2])) {
        put(place, heap[(place - 1) / 2]);
        place = (place - 1) / 2;
    }
    for (int child; (child = 2 * place + 1) < count; place = child) {
        if (child + 1 < count && comes_first(heap[child + 1], heap[child]))
            child++;
        if (!comes_first(heap[child], item))
            break;
        put(place, heap[child]);
    }
    put(place, item);
}

static void model_add(struct item *item)
{
    settle(item, count++);
}

static void model_remove(struct item *item)
{
    int place = item->place;
    struct item *last = heap[--count];

    item->place = NO_PLACE;
    if (last != item)
        settle(last, place);
}

/* ---- operations ---- */

static uint64_t some_deadline(void)
{
    switch (chance(12)) {
    case 0:
        return now; /* due already */
    case 1:
        return now > 1000 ? now - chance(1000) : 0;
    case 2:
        return now + chance(4); /* many equal ones */
    case 3:
        return (now | 0xffff) + chance(2); /* at the edge of a slot */
    case 4:
        return (now | 0xffffff) + chance(2);
    case 5:
        return now + chance(UINT64_C(1) << 20);
    case 6:
        return now + chance(UINT64_C(1) << 26);
    case 7:
        return now + chance(UINT64_C(1) << 36);
    case 8:
        return now + (chance(8) << chance(60));
    case 9:
        return (now | ((UINT64_C(1) << chance(60)) - 1)) + chance(3);
    case 10:
        return chance(4) ? now + chance(UINT64_C(1) << 30) : GYRE__NEVER - chance(2);
    default:
        return chance(8) ? now + chance(100000) : UINT64_MAX - chance(5);
    }
}

static void add(struct item *item)
{
    int16_t priority = chance(3) ? 0 : (int16_t)chance(65536);
    uint64_t deadline = some_deadline();

    gyre__timer_init(&item->timer, NULL);
    gyre__timers_add(&timers, &item->timer, deadline, priority);
    item->deadline = deadline < GYRE__NEVER ? deadline : GYRE__NEVER;
    item->order = ((uint64_t)(priority + 32768) << 48) | sequence++;
    model_add(item);
}

static void toggle(void)
{
    struct item *item = &items[chance(TIMERS)];

    if (item->place == NO_PLACE) {
        add(item);
    } else {
        assert_true(gyre__timer_is_set(&item->timer));
        gyre__timers_remove(&timers, &item->timer);
        assert_false(gyre__timer_is_set(&item->timer));
        gyre__timers_remove(&timers, &item->timer); /* harmless */
        model_remove(item);
    }
}

static void check_next(void)
{
    bool exact;
    uint64_t next = gyre__timers_next(&timers, &exact);
    uint64_t truth = count ? heap[0]->deadline : GYRE__NEVER;

    if (exact ? next != truth : next > truth)
        fail_msg("next is %llu%s, the model says %llu at %llu", (unsigned long long)next,
                 exact ? "" : " (bound)", (unsigned long long)truth, (unsigned long long)now);
}

/* Everything that is due comes, in order; when it comes, some of the others are removed. */
static void advance(uint64_t to)
{
    now = to;
    gyre__timers_collect(&timers, now);
    while (count && heap[0]->deadline <= now) {
        struct item *expected = heap[0];
        gyre__timer *got;

        if (chance(16) == 0) { /* a due timer is removed: the next one comes instead */
            gyre__timers_remove(&timers, &expected->timer);
            model_remove(expected);
            continue;
        }
        got = gyre__timers_take(&timers);
        if (got != &expected->timer)
            fail_msg("out of order: deadline %llu in place of %llu at %llu",
                     got ? (unsigned long long)got->deadline : 0,
                     (unsigned long long)expected->deadline, (unsigned long long)now);
        assert_false(gyre__timer_is_set(got));
        model_remove(expected);
    }
    assert_null(gyre__timers_take(&timers));
    assert_int_equal(timers.count, count);
}

/* A jump as the virtual clock makes it: straight to the next deadline, wherever it is. */
static void jump(void)
{
    bool exact;
    uint64_t next;

    while ((next = gyre__timers_next(&timers, &exact)), !exact)
        gyre__timers_sort(&timers, next);
    if (next == GYRE__NEVER || next < now)
        return;
    assert_int_equal(next, heap[0]->deadline);
    advance(next);
}

static void start(uint64_t first_seed, uint64_t first_now)
{
    seed = first_seed;
    now = first_now;
    count = 0;
    sequence = 0;
    for (int i = 0; i < TIMERS; i++)
        items[i].place = NO_PLACE;
    gyre__timers_init(&timers, now);
}

/* steps: how far time goes at most in one advance. */
static void random_run(uint64_t first_seed, uint64_t first_now, int operations, uint64_t steps)
{
    start(first_seed, first_now);
    for (int i = 0; i < operations; i++) {
        uint64_t which = chance(100);

        if (which < 80)
            toggle();
        else if (which < 90)
            check_next();
        else if (which < 97)
            advance(now + chance(steps));
        else if (which < 99)
            jump();
        else if (now < UINT64_C(1) << 61)
            advance(now + (UINT64_C(1) << chance(50)));
    }
    advance(GYRE__NEVER - 2);
    advance(UINT64_MAX);
    assert_int_equal(count, 0);
}

static void from_zero(void **state)
{
    (void)state;
    random_run(1, 0, 600000, 100000);
}

static void fine_steps(void **state)
{
    (void)state;
    random_run(2, 123456789012345, 600000, 50);
}

static void coarse_steps(void **state)
{
    (void)state;
    random_run(3, 0xfffffff0, 600000, UINT64_C(1) << 28);
}

static void near_the_edges(void **state)
{
    (void)state;
    for (unsigned bit = 14; bit < 62; bit++)
        random_run(bit, (UINT64_C(1) << bit) - 3, 8000, 3 + (UINT64_C(1) << (bit / 2)));
}

static void few_timers(void **state)
{
    (void)state;
    for (uint64_t i = 1; i < 3000; i++) { /* short runs from everywhere: nearly empty wheels */
        start(i * 977, chance(UINT64_C(1) << (i % 60)));
        for (int k = 0; k < 60; k++) {
            if (chance(3))
                toggle();
            else
                jump();
            check_next();
        }
        advance(UINT64_MAX);
    }
}

/* A million timers in one slot far away: next() gives a bound and does not look at each. */
static void a_crowded_slot(void **state)
{
    enum { CROWD = 200000 };
    gyre__timer *crowd = calloc(CROWD, sizeof(*crowd));
    uint64_t last = 0;
    bool exact;

    (void)state;
    assert_non_null(crowd);
    start(5, 0);
    for (int i = 0; i < CROWD; i++) {
        gyre__timer_init(&crowd[i], NULL);
        gyre__timers_add(&timers, &crowd[i], (UINT64_C(1) << 40) + chance(UINT64_C(1) << 30), 0);
    }
    assert_true(gyre__timers_next(&timers, &exact) <= UINT64_C(1) << 40);
    assert_false(exact);
    for (int i = 0; i < CROWD; i++) {
        gyre__timer *got = gyre__timers_pop(&timers, UINT64_MAX);

        assert_non_null(got);
        assert_true(got->deadline >= last);
        last = got->deadline;
    }
    assert_int_equal(timers.count, 0);
    free(crowd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(from_zero),    cmocka_unit_test(fine_steps),
        cmocka_unit_test(coarse_steps), cmocka_unit_test(near_the_edges),
        cmocka_unit_test(few_timers),   cmocka_unit_test(a_crowded_slot),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
