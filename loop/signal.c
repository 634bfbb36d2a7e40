/* Signal handlers: the C handler sets a bit and wakes the loop; the callback runs as a handle. */
#include <errno.h>
#include <sched.h>
#include <signal.h>

#include "alloc.h"
#include "loop_internal.h"

/* A handler that a loop has installed. */
struct gyre__signal_slot {
    struct gyre__signal_slot *next;
    gyre__node node; /* in the ready queue while `queued` */
    gyre_loop *loop;
    gyre_callback *callback; /* NULL: removed while queued, freed when the node comes up */
    void *arg;
    int number;
    bool queued;
    bool only_interrupts;    /* not counted in loop->signals */
    struct sigaction before; /* to be restored */
};

enum { SIGNALS = 65 };

/* Which loop owns a signal: read by the C handler in any thread. */
static _Atomic(gyre_loop *) owners[SIGNALS];

/* C handlers that run just now, in whichever threads: a loop must not go while one of them looks at it. */
static atomic_int handlers;

static void on_signal(int number)
{
    int saved = errno;
    gyre_loop *loop;

    atomic_fetch_add(&handlers, 1);
    loop = atomic_load(&owners[number]);
    if (loop) {
        atomic_fetch_or(&loop->signals_pending, UINT64_C(1) << (number - 1));
        gyre__wake(loop);
    }
    atomic_fetch_sub(&handlers, 1);
    errno = saved;
}

static struct gyre__signal_slot **find_slot(gyre_loop *loop, int number)
{
    struct gyre__signal_slot **at = &loop->signal_slots;

    while (*at && (*at)->number != number)
        at = &(*at)->next;
    return at;
}

static void run_slot(gyre__node *node)
{
    struct gyre__signal_slot *slot = GYRE__CONTAINER(node, struct gyre__signal_slot, node);
    gyre_loop *loop = slot->loop;

    slot->queued = false;
    if (!slot->callback) {
        gyre_free(slot);
        return;
    }
    if (!loop->closing) {
        gyre__callback_done(loop, slot->callback(loop, slot->arg), NULL,
                            "error in a signal handler");
        gyre__context_forget(loop);
    }
}

void gyre__signals_take(gyre_loop *loop)
{
    uint64_t pending = atomic_exchange(&loop->signals_pending, 0);

    for (; pending; pending &= pending - 1) {
        struct gyre__signal_slot *slot = *find_slot(loop, __builtin_ctzll(pending) + 1);

        if (slot && !slot->queued) {
            slot->queued = true;
            gyre__ready_push(&loop->ready, &slot->node);
        }
    }
}

int64_t gyre_loop_add_signal_handler(gyre_loop *loop, int number, gyre_callback *callback, void *arg)
{
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    struct gyre__signal_slot *slot;
    gyre_loop *nobody = NULL;

    gyre__check_thread(loop, __func__);
    if (number < 1 || number >= SIGNALS || number == SIGKILL || number == SIGSTOP)
        return -EINVAL;
    if (loop->closing)
        return GYRE_ELOOPCLOSED;
    slot = *find_slot(loop, number);
    if (slot) {
        slot->callback = callback;
        slot->arg = arg;
        loop->signals += slot->only_interrupts;
        slot->only_interrupts = false;
        return 0;
    }
    slot = gyre_alloc_zeroed(sizeof(*slot));
    if (!slot)
        return -ENOMEM;
    if (!atomic_compare_exchange_strong(&owners[number], &nobody, loop)) {
        gyre_free(slot);
        return -EBUSY;
    }
    sigfillset(&action.sa_mask);
    if (sigaction(number, &action, &slot->before) < 0) {
        int64_t rc = -errno;

        atomic_store(&owners[number], NULL);
        gyre_free(slot);
        return rc;
    }
    slot->node.run = run_slot;
    slot->loop = loop;
    slot->callback = callback;
    slot->arg = arg;
    slot->number = number;
    slot->next = loop->signal_slots;
    loop->signal_slots = slot;
    loop->signals++;
    return 0;
}

void gyre__signal_only_interrupts(gyre_loop *loop, int number)
{
    struct gyre__signal_slot *slot = *find_slot(loop, number);

    if (slot && !slot->only_interrupts) {
        slot->only_interrupts = true;
        loop->signals--;
    }
}

/* Bounded, as a fork() in the middle of a handler of another thread leaves the count up in the child. */
static void wait_for_handlers(void)
{
    for (int i = 0; i < 1000 && atomic_load(&handlers) > 0; i++)
        sched_yield();
}

static void remove_slot(gyre_loop *loop, struct gyre__signal_slot **at)
{
    struct gyre__signal_slot *slot = *at;

    sigaction(slot->number, &slot->before, NULL);
    atomic_store(&owners[slot->number], NULL);
    wait_for_handlers();
    *at = slot->next;
    loop->signals -= !slot->only_interrupts;
    slot->callback = NULL;
    if (!slot->queued)
        gyre_free(slot);
}

int64_t gyre_loop_remove_signal_handler(gyre_loop *loop, int number)
{
    struct gyre__signal_slot **at;

    gyre__check_thread(loop, __func__);
    at = find_slot(loop, number);
    if (!*at)
        return 0;
    remove_slot(loop, at);
    return 1;
}

void gyre__signals_fini(gyre_loop *loop)
{
    while (loop->signal_slots)
        remove_slot(loop, &loop->signal_slots);
}

void gyre__signals_drop(gyre_loop *loop)
{
    while (loop->signal_slots) {
        loop->signal_slots->queued = false; /* its node will never come up */
        remove_slot(loop, &loop->signal_slots);
    }
}
