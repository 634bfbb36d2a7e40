/*
 * Task groups: tasks that end together.
 *
 *     gyre_group_enter(&self->group);                             async with TaskGroup() as group:
 *     GYRE_GROUP_SPAWN_DETACHED(&self->group, fetch, .url = a);       group.create_task(fetch(a))
 *     GYRE_GROUP_SPAWN_DETACHED(&self->group, fetch, .url = b);       group.create_task(fetch(b))
 *     GYRE_TRY(gyre_group_exit(&self->group, 0));
 *
 * Leaving a group waits for all its tasks. When one fails, the others and what the parent does
 * inside the group are cancelled, and the errors come out together: GYRE_EGROUP, whose detail has
 * them in the order in which they happened (gyre_error_current(), gyre_error_at()). A task that
 * is cancelled is no failure.
 *
 * A group that was entered must be left on every path, with the result of what was inside; by the
 * task that entered it, its parent, or, in an asynchronous generator, by the one that steps that by
 * then: what fails cancels the parent. When the parent awaits inside the group:
 *
 *     gyre_group_enter(&self->group);
 *     GYRE_GROUP_SPAWN_DETACHED(&self->group, pump, .from = in, .to = out);
 *     GYRE_TRY(gyre_event_wait(&self->stop));
 *     GYRE_FINALLY;
 *     GYRE_AWAIT(self->rc, gyre_group_exit(&self->group, self->frame.value));
 *     GYRE_RETURN(self->rc);
 *
 * Python names: asyncio.TaskGroup.
 */
#ifndef GYRE_TASK_GROUP_H
#define GYRE_TASK_GROUP_H

#include "../loop/link.h"
#include "task.h"

GYRE_BEGIN_DECLS

/*
 * A task group: embed it in the frame of the coroutine that enters it. All zero at first, as
 * members of frames are; it may be entered again once it was left. Fields are the library's.
 */
typedef struct gyre_group {
    gyre_task *parent;   /* who entered it, reference until it is left */
    gyre_task *leaver;   /* who waits for the end of the tasks, borrowed */
    gyre__link tasks;    /* those that have not ended, oldest first */
    gyre__link failed;   /* those that ended with an error, in that order */
    int64_t body_result; /* of what was inside */
    gyre_error *detail;  /* of that error or of a cancellation, reference */
    int64_t refused;     /* why the last spawn gave NULL */
    uint32_t state;      /* flags in group.c */
} gyre_group;

/*
 * Enters a group, in the running task. Never suspends. Gives 0. GYRE_EGROUPSTATE inside it
 * already; GYRE_ENOTASK.
 */
GYRE_API int64_t gyre_group_enter(gyre_group *group);

/*
 * Leaves the group: waits until all its tasks have ended, then gives the result. __aexit__().
 *
 * body_result: of what was inside. An error, GYRE_ECANCELLED among them, cancels the tasks first.
 * Suspends unless all have ended. Result: body_result when nothing failed; GYRE_EGROUP with the
 * errors of the tasks, and that of the body as the last, if there is one; GYRE_ECANCELLED when
 * the task was cancelled and nothing failed (the tasks are cancelled then, and waited for). If
 * the task was cancelled from outside and tasks failed the result is GYRE_EGROUP, and the
 * cancellation comes with the next await. For a group that was never entered, or was left
 * already, body_result is given back. When memory is short GYRE_EGROUP comes without detail, and
 * the errors go to the exception handler. GYRE_EGROUPSTATE while it is being left already. A task
 * of the group that leaves it waits for itself.
 */
GYRE_API GYRE_MUST_USE gyre_await gyre_group_exit(gyre_group *group, int64_t body_result);

/*
 * Cancels the tasks of the group and what its parent does inside, which then leaves it without an
 * error of its own: the result is 0 if there is no other. Before entering: the group is cancelled
 * when it is entered. May be called from anywhere, more than once, also after the group was left.
 * cancel(), of Python 3.15.
 */
GYRE_API void gyre_group_cancel(gyre_group *group);

/*
 * Why the last spawn in the group gave NULL: GYRE_EGROUPSTATE (not entered, left, or being
 * cancelled), -ENOMEM, GYRE_ELOOPCLOSED. 0: it did not.
 */
GYRE_API int64_t gyre_group_error(const gyre_group *group);

GYRE_API gyre_task *gyre__group_spawn(gyre_group *group, const gyre_spawn_options *options,
                                      const gyre_coro *coro, const void *args, const char *file,
                                      unsigned line);

#ifndef __cplusplus

/*
 * Spawns a coroutine as a task of the group: GYRE_GROUP_SPAWN(group, name, .argument = value,
 * ...). From the parent, its tasks, or anywhere in the loop. New reference; NULL: refused, see
 * gyre_group_error(), and nothing took over what the arguments own. create_task().
 */
#define GYRE_GROUP_SPAWN(group_, ...)                                                              \
    GYRE_GROUP_SPAWN_WITH((group_), ((gyre_spawn_options){.loop = NULL}), __VA_ARGS__)

/* The same for tasks nobody else waits for. Gives true, or false when it is refused. */
#define GYRE_GROUP_SPAWN_DETACHED(group_, ...)                                                     \
    gyre__spawned(                                                                                 \
        GYRE_GROUP_SPAWN_WITH((group_), ((gyre_spawn_options){.detached = true}), __VA_ARGS__))

/*
 * With options: GYRE_GROUP_SPAWN_WITH(group, ((gyre_spawn_options){.name = "a"}), name, ...).
 * `loop` is that of the group.
 */
#define GYRE_GROUP_SPAWN_WITH(group_, options_, ...)                                               \
    gyre__group_spawn((group_), &(options_), GYRE__CORO_OF(__VA_ARGS__),                           \
                      GYRE__FRAME(__VA_ARGS__), __FILE__, __LINE__)

#endif

GYRE_END_DECLS

#endif
