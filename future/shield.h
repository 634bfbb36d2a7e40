/*
 * Shielding a future from the cancellation of who awaits it.
 *
 *     self->outer = gyre_shield(gyre_task_future(self->task));
 *     GYRE_AWAIT(self->rc, self->outer);       if this task is cancelled here, self->task is not
 *     gyre_future_unref(self->outer);
 *
 * Python names: asyncio.shield.
 */
#ifndef GYRE_FUTURE_SHIELD_H
#define GYRE_FUTURE_SHIELD_H

#include "future.h"

GYRE_BEGIN_DECLS

/*
 * gyre_shield(inner): a future that ends as `inner` does, one iteration later; cancelling it leaves
 * `inner` alone. If `inner` is done already it is given back itself.
 *
 * inner: a future or a task (gyre_task_future()) of any kind, borrowed; the shield takes a
 * reference of its own. The pointer of gyre_future_set_pointer() stays with `inner`. New reference,
 * also when it is `inner`. Never suspends. An error of `inner` passes to the shield, detail
 * included, and counts as retrieved from `inner`; once the shield is cancelled it is left where it
 * is, and reported if nobody else retrieves it.
 *
 * NULL: memory is short, the loop is closing, or `inner` is NULL; awaiting that gives -ENOMEM.
 */
#define gyre_shield(inner_) gyre__shield(__FILE__, __LINE__, (inner_))
GYRE_API GYRE_MUST_USE gyre_future *gyre__shield(const char *file, unsigned line,
                                                 gyre_future *inner);

GYRE_END_DECLS

#endif
