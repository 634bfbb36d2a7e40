/* Torture of locks, semaphores, events, conditions, barriers and the scoped forms. */
#include "../../task/barrier.h"
#include "../../task/event.h"
#include "../../task/group.h"
#include "../../task/scoped.h"
#include "../../task/sleep.h"
#include "../support/torture.h"

enum { USERS = 4, ROUNDS = 2 };

static gyre_lock lock;
static gyre_semaphore semaphore;
static gyre_event event;
static gyre_condition condition;
static gyre_barrier barrier;
static int inside, stock;
static bool violated; /* more were inside than may be, or one without holding */

static int64_t setup(gyre_loop *loop)
{
    (void)loop;
    gyre_lock_init(&lock);
    gyre_event_init(&event);
    gyre_condition_init(&condition, &lock);
    inside = stock = 0;
    violated = false;
    if (gyre_semaphore_init_bounded(&semaphore, 2) < 0)
        return -1;
    return gyre_barrier_init(&barrier, 3);
}

/* Everything is as it was in the beginning, however the run went. */
static bool check(torture_mode mode, int64_t result)
{
    (void)mode, (void)result;
    return !violated && inside == 0 && !gyre_lock_locked(&lock) &&
           !gyre_semaphore_locked(&semaphore) && semaphore.value == 2 && barrier.count == 0 &&
           !gyre_condition_locked(&barrier.changed);
}

static void enter(int most)
{
    if (++inside > most)
        violated = true;
}

static void leave(void)
{
    inside--;
}

/* ---- locks and semaphores ---- */

static void release(bool of_lock)
{
    int64_t rc = of_lock ? gyre_lock_release(&lock) : gyre_semaphore_release(&semaphore);

    violated |= rc < 0;
}

struct user {
    gyre_frame frame;
    bool of_lock;
    int rounds;
    bool held;
};
GYRE_CORO(user)
{
    GYRE_BEGIN;
    while (self->rounds++ < ROUNDS) {
        if (self->of_lock)
            GYRE_TRY(gyre_lock_acquire(&lock));
        else
            GYRE_TRY(gyre_semaphore_acquire(&semaphore));
        self->held = true;
        enter(self->of_lock ? 1 : 2);
        GYRE_TRY(gyre_sleep(GYRE_MS(self->rounds % 2)));
        leave();
        self->held = false;
        release(self->of_lock);
    }
    GYRE_FINALLY;
    if (self->held) {
        leave();
        release(self->of_lock);
    }
    GYRE_END;
}

struct lock_users {
    gyre_frame frame;
    gyre_group group;
    int64_t rc;
};
GYRE_CORO(lock_users)
{
    GYRE_BEGIN;
    gyre_group_enter(&self->group);
    for (int i = 0; i < USERS; i++)
        GYRE_GROUP_SPAWN_DETACHED(&self->group, user, .of_lock = true);
    GYRE_FINALLY;
    GYRE_AWAIT(self->rc, gyre_group_exit(&self->group, self->frame.value));
    GYRE_RETURN(self->rc);
    GYRE_END;
}

struct semaphore_users {
    gyre_frame frame;
    gyre_group group;
    int64_t rc;
};
GYRE_CORO(semaphore_users)
{
    GYRE_BEGIN;
    gyre_group_enter(&self->group);
    for (int i = 0; i < USERS; i++)
        GYRE_GROUP_SPAWN_DETACHED(&self->group, user, .of_lock = false);
    GYRE_FINALLY;
    GYRE_AWAIT(self->rc, gyre_group_exit(&self->group, self->frame.value));
    GYRE_RETURN(self->rc);
    GYRE_END;
}

/* ---- scoped ---- */

struct innermost {
    gyre_frame frame;
    bool entered;
};
GYRE_CORO(innermost)
{
    GYRE_BEGIN;
    self->entered = true;
    enter(1);
    GYRE_TRY(gyre_sleep(GYRE_MS(1)));
    GYRE_FINALLY;
    if (self->entered)
        leave();
    GYRE_END;
}

struct under_semaphore {
    gyre_frame frame;
};
GYRE_CORO(under_semaphore)
{
    GYRE_BEGIN;
    GYRE_TRY(GYRE_WITH_CONDITION(&condition, innermost));
    GYRE_END;
}

struct scoped {
    gyre_frame frame;
    int rounds;
};
GYRE_CORO(scoped)
{
    GYRE_BEGIN;
    for (; self->rounds < ROUNDS; self->rounds++) {
        GYRE_TRY(GYRE_WITH_SEMAPHORE(&semaphore, under_semaphore));
        GYRE_TRY(GYRE_WITH_LOCK(&lock, innermost));
    }
    GYRE_END;
}

struct all_scoped {
    gyre_frame frame;
    gyre_group group;
    int64_t rc;
};
GYRE_CORO(all_scoped)
{
    GYRE_BEGIN;
    gyre_group_enter(&self->group);
    for (int i = 0; i < USERS; i++)
        GYRE_GROUP_SPAWN_DETACHED(&self->group, scoped);
    GYRE_FINALLY;
    GYRE_AWAIT(self->rc, gyre_group_exit(&self->group, self->frame.value));
    GYRE_RETURN(self->rc);
    GYRE_END;
}

/* ---- events ---- */

struct listener {
    gyre_frame frame;
};
GYRE_CORO(listener)
{
    GYRE_BEGIN;
    GYRE_TRY(gyre_event_wait(&event));
    GYRE_TRY(gyre_event_wait(&event));
    GYRE_END;
}

struct events {
    gyre_frame frame;
    gyre_group group;
    int64_t rc;
};
GYRE_CORO(events)
{
    GYRE_BEGIN;
    gyre_group_enter(&self->group);
    for (int i = 0; i < USERS; i++)
        GYRE_GROUP_SPAWN_DETACHED(&self->group, listener);
    GYRE_TRY(gyre_sleep(GYRE_MS(1)));
    gyre_event_set(&event);
    gyre_event_clear(&event);
    GYRE_TRY(gyre_sleep(GYRE_MS(1)));
    GYRE_FINALLY;
    gyre_event_set(&event); /* or they would wait for ever */
    GYRE_AWAIT(self->rc, gyre_group_exit(&self->group, self->frame.value));
    GYRE_RETURN(self->rc);
    GYRE_END;
}

/* ---- conditions ---- */

static bool in_stock(void *arg)
{
    (void)arg;
    return stock > 0;
}

/* Takes one thing; inside only with the lock. */
struct buyer {
    gyre_frame frame;
    bool held;
};
GYRE_CORO(buyer)
{
    GYRE_BEGIN;
    GYRE_TRY(gyre_condition_acquire(&condition));
    self->held = true;
    GYRE_TRY(gyre_condition_wait_for(&condition, in_stock, NULL));
    enter(1);
    stock--;
    leave();
    GYRE_FINALLY;
    if (self->held)
        violated |= gyre_condition_release(&condition) < 0;
    GYRE_END;
}

struct seller {
    gyre_frame frame;
    int left;
    bool held;
};
GYRE_CORO(seller)
{
    GYRE_BEGIN;
    while (self->left-- > 0) {
        GYRE_TRY(gyre_condition_acquire(&condition));
        self->held = true;
        enter(1);
        GYRE_AWAIT(self->frame.result, gyre_sleep(GYRE_MS(1)));
        leave();
        if (self->frame.result < 0)
            GYRE_RETURN(self->frame.result);
        stock++;
        gyre_condition_notify(&condition, 1);
        self->held = false;
        gyre_condition_release(&condition);
    }
    GYRE_FINALLY;
    if (self->held)
        violated |= gyre_condition_release(&condition) < 0;
    GYRE_END;
}

struct shop {
    gyre_frame frame;
    gyre_group group;
    int64_t rc;
};
GYRE_CORO(shop)
{
    GYRE_BEGIN;
    gyre_group_enter(&self->group);
    for (int i = 0; i < 3; i++)
        GYRE_GROUP_SPAWN_DETACHED(&self->group, buyer);
    GYRE_GROUP_SPAWN_DETACHED(&self->group, seller, .left = 3);
    GYRE_FINALLY;
    GYRE_AWAIT(self->rc, gyre_group_exit(&self->group, self->frame.value));
    GYRE_RETURN(self->rc);
    GYRE_END;
}

/* ---- barriers ---- */

struct party {
    gyre_frame frame;
    int64_t ms;
    int rounds;
    int64_t rc;
};
GYRE_CORO(party)
{
    GYRE_BEGIN;
    for (; self->rounds < ROUNDS; self->rounds++) {
        GYRE_TRY(gyre_sleep(GYRE_MS(self->ms)));
        GYRE_AWAIT(self->rc, gyre_barrier_wait(&barrier));
        if (self->rc < 0 && self->rc != GYRE_EBROKENBARRIER)
            GYRE_RETURN(self->rc);
    }
    GYRE_END;
}

struct round_table {
    gyre_frame frame;
    gyre_group group;
    int64_t rc;
};
GYRE_CORO(round_table)
{
    GYRE_BEGIN;
    gyre_group_enter(&self->group);
    for (int i = 0; i < 3; i++)
        GYRE_GROUP_SPAWN_DETACHED(&self->group, party, .ms = i);
    GYRE_FINALLY;
    GYRE_AWAIT(self->rc, gyre_group_exit(&self->group, self->frame.value));
    GYRE_RETURN(self->rc);
    GYRE_END;
}

/* Two of three come; they are sent away, twice. */
struct broken_table {
    gyre_frame frame;
    gyre_group group;
    int64_t rc;
};
GYRE_CORO(broken_table)
{
    GYRE_BEGIN;
    gyre_group_enter(&self->group);
    for (int i = 0; i < 2; i++)
        GYRE_GROUP_SPAWN_DETACHED(&self->group, party, .ms = 1);
    GYRE_TRY(gyre_sleep(GYRE_MS(2)));
    GYRE_TRY(gyre_barrier_reset(&barrier));
    GYRE_TRY(gyre_sleep(GYRE_MS(2)));
    GYRE_TRY(gyre_barrier_abort(&barrier));
    GYRE_FINALLY;
    GYRE_AWAIT(self->rc, gyre_group_exit(&self->group, self->frame.value));
    GYRE_RETURN(self->rc);
    GYRE_END;
}

#define SCENARIO(...) TORTURE_MAIN(__VA_ARGS__), .setup = setup, .check = check

static const torture_scenario scenarios[] = {
    {SCENARIO(lock_users)},
    {SCENARIO(semaphore_users)},
    {SCENARIO(all_scoped)},
    {SCENARIO(events)},
    {SCENARIO(shop), .flags = TORTURE_MAY_DEADLOCK},
    {SCENARIO(round_table), .flags = TORTURE_MAY_DEADLOCK},
    {SCENARIO(broken_table), .flags = TORTURE_MAY_DEADLOCK},
};

int main(int argc, char **argv)
{
    return torture_main(argc, argv, scenarios, sizeof(scenarios) / sizeof(scenarios[0]));
}
