/*
 * The allocator hook and the small blocks: every byte through the hook, all given back, sizes and
 * alignment.
 */
#include <stdlib.h>

#include "../future/future.h"
#include "../loop/alloc.h"
#include "../loop/loop_internal.h"
#include "support/unit.h"

static struct {
    size_t live, made;
    bool empty; /* refuses everything */
} heap;

static void *hook_alloc(void *context, size_t size)
{
    assert_ptr_equal(context, &heap);
    if (heap.empty)
        return NULL;
    heap.live++;
    heap.made++;
    return malloc(size);
}

static void *hook_resize(void *context, void *block, size_t size)
{
    assert_ptr_equal(context, &heap);
    if (heap.empty)
        return NULL;
    heap.live += !block;
    return realloc(block, size);
}

static void hook_release(void *context, void *block)
{
    assert_ptr_equal(context, &heap);
    assert_non_null(block);
    heap.live--;
    free(block);
}

static int set_hook(void **state)
{
    const gyre_allocator hook = {hook_alloc, hook_resize, hook_release, &heap};

    (void)state;
    heap.live = heap.made = 0;
    heap.empty = false;
    gyre_set_allocator(&hook); /* copied: this one goes */
    return 0;
}

static int take_hook_away(void **state)
{
    (void)state;
    gyre_set_allocator(NULL);
    return heap.live != 0;
}

static void plain_functions(void **state)
{
    char *text = gyre_strdup("text"), *zeroed = gyre_alloc_zeroed(100);

    (void)state;
    assert_string_equal(text, "text");
    for (int i = 0; i < 100; i++)
        assert_int_equal(zeroed[i], 0);
    text = gyre_realloc(text, 5000);
    assert_string_equal(text, "text");
    gyre_free(text);
    gyre_free(zeroed);
    gyre_free(NULL);
    text = gyre_realloc(NULL, 10);
    assert_non_null(text);
    gyre_free(text);
    heap.empty = true;
    assert_null(gyre_alloc(1));
    assert_null(gyre_alloc_zeroed(1));
    assert_null(gyre_strdup(""));
    assert_null(gyre_error_new(-1, "x"));
    assert_null(gyre_error_newf(-1, "%d", 1));
    assert_null(gyre_error_new_group("x", 0, NULL));
    assert_int_equal(gyre_raise(NULL), -ENOMEM);
}

static void a_loop_gives_everything_back(void **state)
{
    gyre_loop *loop = unit_loop();
    gyre_future *future = gyre_future_new(loop);
    bool direct = loop->blocks.direct; /* in sanitizer builds */

    (void)state;
    for (int i = 0; i < 1000; i++)
        gyre_call_later(loop, i, unit_trace_callback, "", NULL);
    gyre_call_soon_threadsafe(loop, unit_trace_callback, "");
    gyre_future_set_name(future, "one");
    gyre_future_set_name(future, "two");
    assert_string_equal(gyre_future_name(future), "two");
    gyre_loop_close(loop);
    assert_true(heap.live > 0); /* the future keeps the struct */
    gyre_future_unref(future);
    assert_int_equal(heap.live, 0);
    if (!direct)
        assert_true(heap.made < 1000); /* blocks come in slabs */
}

static void a_loop_without_memory(void **state)
{
    gyre_loop *loop = NULL;

    (void)state;
    heap.empty = true;
    assert_int_equal(gyre_loop_new(NULL, &loop), -ENOMEM);
    assert_true(strlen(gyre_loop_error_text()) > 0);
}

static void shortage_in_a_loop(void **state)
{
    gyre_loop *loop =
        unit_loop_with(&(gyre_loop_options){.clock = GYRE_CLOCK_VIRTUAL, .direct_blocks = true});
    gyre_future *future = gyre_future_new(loop);
    gyre_handle *handle = NULL;

    (void)state;
    heap.empty = true;
    assert_null(gyre_future_new(loop));
    assert_int_equal(gyre_call_soon(loop, unit_trace_callback, "", &handle), -ENOMEM);
    assert_int_equal(gyre_call_later(loop, 1, unit_trace_callback, "", &handle), -ENOMEM);
    assert_int_equal(gyre_call_soon_threadsafe(loop, unit_trace_callback, ""), -ENOMEM);
    assert_int_equal(gyre_loop_add_signal_handler(loop, 10, unit_trace_callback, ""), -ENOMEM);
    assert_int_equal(gyre_future_add_done_callback(future, NULL, NULL), -ENOMEM);
    assert_int_equal(gyre_future_set_name(future, "name"), -ENOMEM);
    assert_int_equal(gyre_loop_run_until(loop, future), -ENOMEM);
    assert_int_equal(gyre_loop_run_until(loop, NULL), -ENOMEM);
    assert_null(handle);
    assert_int_equal(gyre_future_set_result(future, 1), 0); /* completing needs none */
    gyre_loop_close(loop);
    gyre_future_unref(future);
}

/* ---- blocks ---- */

static void blocks_of_every_size(void **state)
{
    gyre__blocks blocks;
    char *taken[3][40];

    (void)state;
    gyre__blocks_init(&blocks, false);
    for (int round = 0; round < 3; round++)
        for (size_t i = 0; i < 40; i++) {
            size_t size = i * 33 + 1;

            taken[round][i] = gyre__blocks_take(&blocks, size);
            assert_non_null(taken[round][i]);
            assert_int_equal((uintptr_t)taken[round][i] % 16, 0);
            memset(taken[round][i], round, size);
        }
    for (int round = 0; round < 3; round++)
        for (size_t i = 0; i < 40; i++) {
            assert_int_equal(taken[round][i][i * 33], round);
            gyre__blocks_give(&blocks, taken[round][i], i * 33 + 1);
        }
    gyre__blocks_fini(&blocks);
}

static void freed_blocks_are_used_again(void **state)
{
    gyre__blocks blocks;
    size_t made;

    (void)state;
    gyre__blocks_init(&blocks, false);
    for (int i = 0; i < 100; i++)
        gyre__blocks_give(&blocks, gyre__blocks_take(&blocks, 200), 200);
    made = heap.made;
    for (int i = 0; i < 100; i++)
        gyre__blocks_give(&blocks, gyre__blocks_take(&blocks, 256), 256); /* the same class */
    if (!blocks.direct)
        assert_int_equal(heap.made, made);
    gyre__blocks_fini(&blocks);
}

static void direct_blocks_are_allocations(void **state)
{
    gyre__blocks blocks;
    void *one, *two;

    (void)state;
    gyre__blocks_init(&blocks, true);
    one = gyre__blocks_take(&blocks, 64);
    two = gyre__blocks_take(&blocks, 64);
    assert_int_equal(heap.live, 2);
    gyre__blocks_give(&blocks, one, 64);
    assert_int_equal(heap.live, 1);
    gyre__blocks_give(&blocks, two, 64);
    heap.empty = true;
    assert_null(gyre__blocks_take(&blocks, 64));
    assert_null(gyre__blocks_take(&blocks, 100000));
    gyre__blocks_fini(&blocks);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(plain_functions, set_hook, take_hook_away),
        cmocka_unit_test_setup_teardown(a_loop_gives_everything_back, set_hook, take_hook_away),
        cmocka_unit_test_setup_teardown(a_loop_without_memory, set_hook, take_hook_away),
        cmocka_unit_test_setup_teardown(shortage_in_a_loop, set_hook, take_hook_away),
        cmocka_unit_test_setup_teardown(blocks_of_every_size, set_hook, take_hook_away),
        cmocka_unit_test_setup_teardown(freed_blocks_are_used_again, set_hook, take_hook_away),
        cmocka_unit_test_setup_teardown(direct_blocks_are_allocations, set_hook, take_hook_away),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
