/* Task groups: children that are waited for, cancelled and reported together. */
#include "group.h"

#include <errno.h>

#include "../loop/alloc.h"
#include "task_internal.h"

enum {
    ENTERED = 1,
    LEFT = 2,
    EXITING = 4,
    ABORTING = 8,          /* the children were cancelled, no more are taken */
    PARENT_CANCELLED = 16, /* by the group, which takes that back at its end */
    LEAVER_WAITS = 32,     /* for the last child */
    WAIT_CANCELLED = 64,   /* and was cancelled meanwhile */
    PROPAGATE = 128,       /* a cancellation that is not the group's own comes out of it */
    CANCEL_AT_ENTRY = 256,
};

/* A child. */
struct member {
    gyre__callback callback; /* on its end */
    gyre__link link;         /* in group->tasks, then in group->failed */
    gyre_group *group;       /* NULL: it was left, as the loop closes */
    gyre_task *task;         /* reference */
};

static struct member *member_of(gyre__link *link)
{
    return GYRE__CONTAINER(link, struct member, link);
}

static void free_member(struct member *member)
{
    gyre_loop *loop = member->task->future.loop;

    gyre_task_unref(member->task);
    gyre__blocks_give(&loop->blocks, member, sizeof(*member));
}

/* The group is being left, and no child can hold that up any more. */
static bool is_over(const gyre_group *group)
{
    return group->state & EXITING && gyre__list_empty(&group->tasks);
}

/* ---- children ---- */

static void abort_group(gyre_group *group)
{
    group->state |= ABORTING;
    for (gyre__link *link = group->tasks.next; link != &group->tasks; link = link->next) {
        gyre_task *task = member_of(link)->task;

        if (!gyre_task_done(task)) /* cancelling one that is would count as looking at its error */
            gyre_task_cancel(task);
    }
}

static void cancel_parent(gyre_group *group)
{
    group->state |= PARENT_CANCELLED;
    gyre_task_cancel(group->parent);
}

/* The parent, an asynchronous generator's first stepper, has ended: there is nobody to cancel. */
static void report_late(const struct member *member)
{
    const gyre_future *future = &member->task->future;
    const gyre_exception_context context = {
        .message = "a task of a group failed when the one that entered the group had ended",
        .code = future->result,
        .detail = gyre__future_detail(future),
        .name = gyre_task_name(member->task),
        .file = future->file,
        .line = future->line,
    };

    gyre_loop_call_exception_handler(future->loop, &context);
}

static void child_done(gyre__node *node)
{
    struct member *member = GYRE__CONTAINER(node, struct member, callback.node);
    gyre_future *future = &member->task->future;
    gyre_group *group = member->group;

    if (!group) {
        free_member(member);
        return;
    }
    gyre__list_remove(&member->link);
    if (group->state & LEAVER_WAITS && gyre__list_empty(&group->tasks))
        gyre__wake_task(group->leaver);
    if (future->result >= 0 || future->state == GYRE_FUTURE_CANCELLED) {
        free_member(member);
        return;
    }
    gyre__future_retrieved(future);
    gyre__list_append(&group->failed, &member->link);
    if (gyre_task_done(group->parent)) {
        report_late(member);
    } else if (!(group->state & (ABORTING | PARENT_CANCELLED))) {
        abort_group(group);
        cancel_parent(group);
    }
}

static gyre_task *refuse(gyre_group *group, int64_t why)
{
    group->refused = why;
    return NULL;
}

gyre_task *gyre__group_spawn(gyre_group *group, const gyre_spawn_options *options,
                             const gyre_coro *coro, const void *args, const char *file,
                             unsigned line)
{
    gyre_spawn_options own = *options;
    struct member *member;
    gyre_loop *loop;

    if (!(group->state & ENTERED) || group->state & ABORTING || is_over(group))
        return refuse(group, GYRE_EGROUPSTATE);
    loop = group->parent->future.loop;
    if (loop->closing)
        return refuse(group, GYRE_ELOOPCLOSED);
    member = gyre__blocks_take(&loop->blocks, sizeof(*member));
    if (!member)
        return refuse(group, -ENOMEM);
    own.loop = loop;
    own.detached = false;
    *member = (struct member){.callback.node.run = child_done, .group = group};
    member->task = gyre__spawn(&own, coro, args, file, line);
    if (!member->task) {
        gyre__blocks_give(&loop->blocks, member, sizeof(*member));
        return refuse(group, -ENOMEM);
    }
    group->refused = 0;
    gyre__list_append(&group->tasks, &member->link);
    gyre__future_add(&member->task->future, &member->callback);
    if (group->state & ABORTING)
        gyre_task_cancel(member->task); /* it started at once, and cancelled the group */
    return options->detached ? member->task : gyre_task_ref(member->task);
}

/* ---- entering ---- */

int64_t gyre_group_enter(gyre_group *group)
{
    bool cancel = group->state & CANCEL_AT_ENTRY;
    gyre_task *task = gyre_task_current();

    if (!task)
        return GYRE_ENOTASK;
    if (group->state & ENTERED)
        return GYRE_EGROUPSTATE;
    *group = (gyre_group){.parent = gyre_task_ref(task), .state = ENTERED};
    gyre__list_init(&group->tasks);
    gyre__list_init(&group->failed);
    if (cancel)
        gyre_group_cancel(group);
    return 0;
}

void gyre_group_cancel(gyre_group *group)
{
    if (!(group->state & ENTERED)) {
        if (!(group->state & LEFT))
            group->state |= CANCEL_AT_ENTRY;
        return;
    }
    gyre__check_thread(group->parent->future.loop, __func__);
    if (group->state & ABORTING || is_over(group))
        return;
    abort_group(group);
    if (!(group->state & PARENT_CANCELLED))
        cancel_parent(group);
}

int64_t gyre_group_error(const gyre_group *group)
{
    return group->refused;
}

/* ---- the errors ---- */

static bool body_failed(const gyre_group *group)
{
    return group->body_result < 0 && group->body_result != GYRE_ECANCELLED;
}

static size_t count_errors(const gyre_group *group)
{
    size_t count = body_failed(group);

    for (gyre__link *link = group->failed.next; link != &group->failed; link = link->next)
        count++;
    return count;
}

/* Calls visit for the errors of the children as they came, then for that of the body. */
static void each_error(gyre_group *group, void (*visit)(gyre_error_item item, void *arg), void *arg)
{
    for (gyre__link *link = group->failed.next; link != &group->failed; link = link->next) {
        gyre_future *future = &member_of(link)->task->future;

        visit((gyre_error_item){future->result, gyre__future_detail(future)}, arg);
    }
    if (body_failed(group))
        visit((gyre_error_item){group->body_result, group->detail}, arg);
}

static void append_item(gyre_error_item item, void *arg)
{
    gyre_error_item **end = arg;

    *(*end)++ = item;
}

static void report_item(gyre_error_item item, void *loop)
{
    gyre_loop_call_exception_handler(
        loop, &(gyre_exception_context){.message =
                                            "memory is too short to raise an error of a task group",
                                        .code = item.code,
                                        .detail = item.detail});
}

/* The detail; when memory is short the errors are not lost either. */
static gyre_error *group_detail(gyre_group *group)
{
    size_t count = count_errors(group);
    gyre_error_item *items = gyre_alloc(count * sizeof(*items)), *end = items;
    gyre_error *detail = NULL;

    if (items) {
        each_error(group, append_item, &end);
        detail = gyre_error_new_group("unhandled errors in a task group", count, items);
        gyre_free(items);
    }
    if (!detail)
        each_error(group, report_item, group->parent->future.loop);
    return detail;
}

/* ---- leaving ---- */

static void set_detail(gyre_group *group, gyre_error *moved)
{
    gyre_error_unref(group->detail);
    group->detail = moved;
}

static int64_t raise_group(gyre_group *group)
{
    /* A request from outside is made anew, so that it comes with the next await. */
    if (group->parent->cancels) {
        gyre_task_uncancel(group->parent);
        gyre_task_cancel(group->parent);
    }
    gyre__error_set(group_detail(group));
    return GYRE_EGROUP;
}

/* All children have ended: what comes out of the group. */
static int64_t outcome(gyre_group *group)
{
    bool propagate = group->state & PROPAGATE, failed = !gyre__list_empty(&group->failed);

    if (group->state & PARENT_CANCELLED) {
        if (gyre_task_uncancel(group->parent) == 0)
            propagate = false;
        else if (group->state & WAIT_CANCELLED)
            propagate = true;
    }
    if (propagate && !failed) {
        gyre__error_set(group->detail);
        group->detail = NULL;
        return GYRE_ECANCELLED;
    }
    if (failed || body_failed(group))
        return raise_group(group);
    if (group->body_result == GYRE_ECANCELLED)
        return 0; /* by gyre_group_cancel() */
    return group->body_result;
}

static int64_t conclude(gyre_group *group)
{
    int64_t result = outcome(group);

    while (!gyre__list_empty(&group->failed)) {
        struct member *member = member_of(group->failed.next);

        gyre__list_remove(&member->link);
        free_member(member);
    }
    set_detail(group, NULL);
    gyre_task_unref(group->parent);
    group->parent = NULL;
    group->state = LEFT;
    return result;
}

static gyre_future *awaited_child(const gyre_task *task, size_t i)
{
    const gyre_group *group = task->wait.slot.owner;
    gyre__link *link = group->tasks.next;

    while (link != &group->tasks && i-- > 0)
        link = link->next;
    return link == &group->tasks ? NULL : &member_of(link)->task->future;
}

static int64_t finish_wait(gyre_task *task);

/*
 * The task stays in this one wait until it has left the group: a child's end that is not the
 * last, or a cancellation, which goes to the children, make it wait on. What comes out has no
 * other cancellation in it than the outcome says, so a request that the outcome made is kept for
 * the next await.
 */
static const gyre__wait_kind wait_children = {.what = "the tasks of a group",
                                              .cancel = gyre__cancel_wait,
                                              .finish = finish_wait,
                                              .keeps_result = true,
                                              .awaits = awaited_child};

static gyre_await wait_for_children(gyre_group *group, gyre_task *task)
{
    group->state |= LEAVER_WAITS;
    group->leaver = task;
    return gyre__park_slot(task, &wait_children, group);
}

/* While the loop closes nobody waits: the children end by themselves. */
static void let_go(gyre_group *group)
{
    while (!gyre__list_empty(&group->tasks)) {
        struct member *member = member_of(group->tasks.next);

        gyre__list_remove(&member->link);
        member->group = NULL;
    }
    group->state |= PROPAGATE;
}

/* Takes over the cancellation of the one that leaves. */
static void wait_cancelled(gyre_group *group, gyre_task *task)
{
    gyre_error *detail = gyre__take_message(task);

    task->flags &= ~(uint32_t)(GYRE__TASK_MUST_CANCEL | GYRE__TASK_WAIT_CANCELLED);
    group->state |= WAIT_CANCELLED;
    if (group->state & ABORTING) {
        gyre_error_unref(detail);
        return;
    }
    group->state |= PROPAGATE;
    set_detail(group, detail);
    abort_group(group);
}

static int64_t finish_wait(gyre_task *task)
{
    gyre_group *group = task->wait.slot.owner;

    group->state &= ~(uint32_t)LEAVER_WAITS;
    if (task->flags & (GYRE__TASK_MUST_CANCEL | GYRE__TASK_WAIT_CANCELLED))
        wait_cancelled(group, task);
    if (gyre__list_empty(&group->tasks))
        return conclude(group);
    if (gyre__may_park(task))
        return wait_for_children(group, task).pending;
    let_go(group);
    return conclude(group);
}

/* The detail of the body's error, which below GYRE_FINALLY is with the frame already. */
static gyre_error *body_detail(const gyre_frame *frame, int64_t result)
{
    gyre_error *detail = gyre__error_take(result);

    if (!detail && frame->cleanup && frame->value == result)
        detail = gyre_error_ref(frame->error);
    return detail;
}

gyre_await gyre_group_exit(gyre_group *group, int64_t body_result)
{
    gyre_task *task = gyre__task_running(__func__);

    if (!(group->state & ENTERED))
        return gyre__complete(task, body_result);
    if (group->state & EXITING)
        return gyre__complete(task, GYRE_EGROUPSTATE);
    group->state |= EXITING;
    group->body_result = body_result;
    if (body_result < 0) {
        set_detail(group, body_detail(task->top, body_result));
        if (body_result == GYRE_ECANCELLED)
            group->state |= PROPAGATE;
        if (!(group->state & ABORTING))
            abort_group(group);
    }
    if (!gyre__list_empty(&group->tasks) && !gyre__may_park(task))
        let_go(group);
    if (gyre__list_empty(&group->tasks))
        return gyre__complete(task, conclude(group));
    return wait_for_children(group, task);
}
