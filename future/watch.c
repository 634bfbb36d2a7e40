/* Watching several futures: entries, references, and letting go. */
#include "watch_internal.h"

#include <errno.h>
#include <stddef.h>

/* ---- opening ---- */

gyre__watch *gyre__watch_new(gyre_loop *loop, const gyre__future_class *class, const char *file,
                             unsigned line)
{
    loop = loop ? loop : gyre__running;
    if (__builtin_expect(!loop, 0))
        gyre__fatal("%s:%u: %s where no loop is running: name the loop", file, line, class->name);
    gyre__check_thread(loop, class->name);
    return (gyre__watch *)gyre__combined_new(loop, class, file, line);
}

gyre_future *gyre__watch_refuse(gyre__watch *watch, int64_t code)
{
    gyre_future *future = gyre__watch_future(watch);

    if (code == -ENOMEM) {
        gyre_future_unref(future);
        return NULL;
    }
    gyre__future_finish_error(future, code, NULL);
    return future;
}

/* Nothing else runs during the opening: an earlier entry of this watch is the last in the list. */
static bool is_entered(const gyre__watch *watch, const gyre_future *future,
                       void (*run)(gyre__node *))
{
    const gyre__callback *last;

    if (!future->callbacks)
        return false;
    last = future->callbacks->prev;
    return last->node.run == run &&
           GYRE__CONTAINER(last, const gyre__watched, callback)->watch == watch;
}

static void enter(gyre__watch *watch, gyre__watched *entry, gyre_future *future,
                  void (*run)(gyre__node *))
{
    entry->callback.node.run = NULL;
    entry->watch = NULL;
    if (future->state != GYRE_FUTURE_PENDING) {
        if (future->flags & GYRE__FUTURE_MARKED)
            return;
        future->flags |= GYRE__FUTURE_MARKED;
        watch->marked++;
    } else {
        if (is_entered(watch, future, run))
            return;
        entry->callback.node.run = run;
        gyre__future_add(future, &entry->callback);
        watch->outstanding++;
    }
    entry->watch = watch;
    watch->distinct++;
}

/* Few entries share a block with their futures; many do not: smaller blocks find a place sooner. */
static bool is_one_block(size_t n)
{
    return n <= GYRE__BLOCK_LARGEST / (sizeof(gyre__watched) + sizeof(gyre_future *));
}

static bool take_entries(gyre__watch *watch, size_t n)
{
    gyre__blocks *blocks = &watch->combined.future.loop->blocks;
    size_t entries = n * sizeof(*watch->entries), futures = n * sizeof(*watch->futures);

    if (n > PTRDIFF_MAX / sizeof(*watch->entries))
        return false;
    watch->entries = gyre__blocks_take(blocks, is_one_block(n) ? entries + futures : entries);
    if (!watch->entries)
        return false;
    watch->futures = is_one_block(n) ? (gyre_future **)(void *)(watch->entries + n)
                                     : gyre__blocks_take(blocks, futures);
    if (watch->futures)
        return true;
    gyre__blocks_give(blocks, watch->entries, entries);
    return false;
}

static void give_entries(gyre_loop *loop, gyre__watched *entries, gyre_future **futures, size_t n)
{
    size_t entries_size = n * sizeof(*entries), futures_size = n * sizeof(*futures);

    if (is_one_block(n)) {
        gyre__blocks_give(&loop->blocks, entries, entries_size + futures_size);
    } else {
        gyre__blocks_give(&loop->blocks, entries, entries_size);
        gyre__blocks_give(&loop->blocks, futures, futures_size);
    }
}

/* Takes back what gyre__watch_open() did for the first `opened` of n. */
static void undo(gyre__watch *watch, size_t opened, size_t n, bool moved)
{
    for (size_t i = 0; i < opened; i++) {
        gyre_future *future = watch->futures[i];

        future->flags &= (uint8_t)~GYRE__FUTURE_MARKED;
        if (watch->entries[i].callback.node.run)
            gyre__future_remove(future, &watch->entries[i].callback);
        if (!moved)
            gyre_future_unref(future);
    }
    give_entries(watch->combined.future.loop, watch->entries, watch->futures, n);
    watch->outstanding = watch->distinct = watch->marked = 0;
}

int64_t gyre__watch_open(gyre__watch *watch, size_t n, gyre_future *const *futures, bool moved,
                         void (*run)(gyre__node *))
{
    gyre_loop *loop = watch->combined.future.loop;

    if (n == 0)
        return 0;
    if (!take_entries(watch, n))
        return -ENOMEM;
    for (size_t i = 0; i < n; i++) {
        gyre_future *future = futures[i];

        if (i + GYRE__WATCH_AHEAD < n)
            __builtin_prefetch(futures[i + GYRE__WATCH_AHEAD], 1);
        if (__builtin_expect(!future || future->loop != loop, 0)) {
            undo(watch, i, n, moved);
            return future ? GYRE_EWRONGLOOP : -ENOMEM;
        }
        watch->futures[i] = moved ? future : gyre_future_ref(future);
        enter(watch, &watch->entries[i], future, run);
    }
    watch->count = watch->held = n;
    return 0;
}

gyre__watched *gyre__watch_next_done(gyre__watch *watch, size_t *index)
{
    while (watch->marked > 0) {
        size_t i = (*index)++;
        gyre_future *future = watch->futures[i];

        if (future->flags & GYRE__FUTURE_MARKED) {
            future->flags &= (uint8_t)~GYRE__FUTURE_MARKED;
            watch->marked--;
            return &watch->entries[i];
        }
    }
    return NULL;
}

void gyre__watch_schedule(gyre__watched *entry, void (*run)(gyre__node *))
{
    entry->callback.node.run = run;
    entry->watch->outstanding++;
    gyre__future_add(gyre__watched_future(entry), &entry->callback);
}

/* ---- holding itself, letting go ---- */

void gyre__watched_drop(gyre__watched *entry)
{
    gyre__watch *watch = entry->watch;
    size_t index = gyre__watched_index(entry);
    gyre_future *future = watch->futures[index];

    entry->ended.value = future->result;
    watch->futures[index] = NULL;
    watch->held--;
    gyre_future_unref(future);
}

void gyre__watch_hold(gyre__watch *watch, void (*close)(gyre_loop *, gyre__close_hook *))
{
    gyre_future *future = gyre__watch_future(watch);

    if (watch->outstanding == 0)
        return;
    gyre_future_ref(future);
    watch->hook.close = close;
    gyre__list_append(&future->loop->close_hooks, &watch->hook.link);
}

void gyre__watch_release(gyre__watch *watch)
{
    gyre__list_remove(&watch->hook.link);
    gyre_future_unref(gyre__watch_future(watch));
}

void gyre__watch_leave(gyre__watch *watch)
{
    size_t left = 0;

    for (size_t i = 0; i < watch->count; i++) {
        gyre__watched *entry = &watch->entries[i];

        if (entry->callback.node.run && watch->futures[i]->state == GYRE_FUTURE_PENDING) {
            gyre__future_remove(watch->futures[i], &entry->callback);
            entry->callback.node.run = NULL;
            left++;
        }
    }
    watch->outstanding -= left;
    if (left > 0 && watch->outstanding == 0)
        gyre__watch_release(watch);
}

/* ---- for the classes ---- */

/* The entries of a watch that is gone, in their own memory. */
struct old_entries {
    struct old_entries *next;
    gyre_future **futures;
    size_t count;
};

_Static_assert(sizeof(struct old_entries) <= sizeof(gyre__watched), "fits the first entry");

/* Gives entries whose futures nobody looks at any more a place in the list. */
static void put_off(gyre__watch *watch, struct old_entries **list)
{
    struct old_entries *old = (struct old_entries *)(void *)watch->entries;

    *old = (struct old_entries){.next = *list, .futures = watch->futures, .count = watch->count};
    *list = old;
    watch->count = watch->held = 0;
}

/*
 * Gathers of gathers may be nested deeply, so the entries of those that go with this one are put
 * off instead of being freed by recursion. But an unretrieved error will be reported, and the
 * handler may look at it.
 */
static void drop(gyre_future *future, struct old_entries **list)
{
    if (future && future->refs == 1 && future->kind == GYRE__FUTURE_COMBINED &&
        !(future->flags & GYRE__FUTURE_UNRETRIEVED) &&
        ((gyre__combined *)future)->class->fini == gyre__watch_fini &&
        ((gyre__watch *)future)->count > 0)
        put_off((gyre__watch *)future, list);
    gyre_future_unref(future);
}

void gyre__watch_fini(gyre_future *future)
{
    gyre__watch *watch = (gyre__watch *)future;
    struct old_entries *list = NULL;

    if (watch->held == 0 && watch->count > 0)
        give_entries(future->loop, watch->entries, watch->futures, watch->count);
    else if (watch->count > 0)
        put_off(watch, &list);
    while (list) {
        struct old_entries old = *list;

        for (size_t i = 0; i < old.count; i++)
            drop(old.futures[i], &old.next);
        give_entries(future->loop, (gyre__watched *)(void *)list, old.futures, old.count);
        list = old.next;
    }
}

gyre_future *gyre__watch_awaits(const gyre_future *future, size_t i)
{
    const gyre__watch *watch = (const gyre__watch *)future;

    for (size_t k = 0; k < watch->count; k++)
        if (watch->entries[k].watch && watch->futures[k] &&
            watch->futures[k]->state == GYRE_FUTURE_PENDING && i-- == 0)
            return watch->futures[k];
    return NULL;
}
