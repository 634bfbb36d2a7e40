/*
 * Readiness: waiting until a descriptor could be read or written without blocking.
 *
 * For descriptors that a foreign library reads and writes itself; what gyre reads and writes needs
 * no readiness. Level-triggered, as poll(). Python names: loop.add_reader, remove_reader,
 * add_writer, remove_writer.
 */
#ifndef GYRE_NET_POLL_H
#define GYRE_NET_POLL_H

#include "../task/coro.h"

GYRE_BEGIN_DECLS

/*
 * Parks the running task until one of `events` (POLLIN, POLLOUT, POLLPRI... of <poll.h>) holds for
 * the descriptor; the result is those that do, with POLLERR and POLLHUP whether asked for or not.
 * Cancelling: gives GYRE_ECANCELLED, or the result that came first (then GYRE_ECANCELLED comes from
 * the next await). Errors: -EBADF; -ECANCELED when gyre_close() closed the descriptor meanwhile;
 * those of <gyre/net/raw.h>.
 */
GYRE_API GYRE_MUST_USE gyre_await gyre_poll(int fd, short events);

/*
 * Calls callback(loop, arg) in each iteration in which the descriptor can be read (or is at its
 * end, or broken), until gyre_remove_reader(). A second call for the same descriptor replaces
 * callback and arg. Runs in the context variables of the caller; an error that it returns goes to
 * the exception handler. arg: borrowed until the removal. fd: borrowed: remove the reader before
 * closing it; gyre_close() ends the watching by itself. May be called in callbacks and tasks and
 * before the loop runs; does not suspend. add_reader(). Gives 0; -EBADF; -ENOMEM; GYRE_ELOOPCLOSED.
 * When the kernel refuses later on, the exception handler hears of it and the watching ends.
 * Regular files can always be read and written.
 */
GYRE_API int64_t gyre_add_reader(gyre_loop *loop, int fd, gyre_callback *callback, void *arg);

/*
 * Ends it: the callback is not called any more, not even if it was due. 1, or 0 if there was none.
 */
GYRE_API int64_t gyre_remove_reader(gyre_loop *loop, int fd);

/* The same for writing. A reader and a writer on one descriptor know nothing of each other. */
GYRE_API int64_t gyre_add_writer(gyre_loop *loop, int fd, gyre_callback *callback, void *arg);
GYRE_API int64_t gyre_remove_writer(gyre_loop *loop, int fd);

GYRE_END_DECLS

#endif
