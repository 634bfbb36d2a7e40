/*
 * Raw awaitables on descriptors: one operation of the kernel each, for programs that want no more.
 *
 * Every call here parks the running task until the kernel has done the operation, and gives the
 * kernel's result: >= 0 as the system call of the same name, or -errno. Streams, servers and files
 * stand on the same operations, and do what these leave to the caller: whole writes, buffers,
 * closing.
 *
 * What the kernel is given stays the kernel's until the await is over: buffers, iovecs, msghdrs,
 * paths, statx results and the addresses of accept. They are *borrowed* and must lie in the frame,
 * on the heap or in static storage, not in a local variable or a compound literal of the body: the
 * operation is submitted after the call returned. Nothing else is needed: an await ends with the
 * completion only, cancelled or not, so whoever frees after the await (in GYRE_FINALLY, say) frees
 * in time. Addresses for gyre_connect() are copied.
 *
 * Cancelling a task asks the kernel to cancel the operation. The await then gives GYRE_ECANCELLED
 * with nothing done, or, if the operation won the race, its real result (bytes read, an accepted
 * descriptor), and GYRE_ECANCELLED comes from the next await that suspends: no byte and no
 * descriptor is lost. As every result may come in spite of a cancellation, keep what an await gave
 * before the next one.
 *
 * While the loop is being closed all of these give GYRE_ECANCELLED at once, but for gyre_close(),
 * which closes at once. Other errors of all: GYRE_EUNSUPPORTED when the kernel lacks the operation;
 * -EBUSY when the ring can take nothing; -ECANCELED (the system's) when another task closed the
 * descriptor with gyre_close() meanwhile.
 *
 * A descriptor may be blocking: the loop never is, so O_NONBLOCK is of no use here. With it
 * gyre_read() and gyre_write() give -EAGAIN where they would have to wait, on older kernels and on
 * what cannot be polled (gyre_poll() then); everything else waits all the same. Sizes above
 * 0x7ffff000 are taken as that, as the kernel does.
 *
 * Descriptors made here are close-on-exec. SIGPIPE never kills: a broken pipe is -EPIPE. For
 * sockets the kernel is told so; for the rest the loop blocks SIGPIPE in its thread from its first
 * run to its end.
 *
 * Python names: loop.sock_accept, sock_connect, sock_recv, sock_sendall (one send of it); os.read
 * and so on.
 */
#ifndef GYRE_NET_RAW_H
#define GYRE_NET_RAW_H

#include <sys/types.h>
#include <sys/uio.h>

#include "../task/coro.h"
#include "address.h"

GYRE_BEGIN_DECLS

struct statx; /* <sys/stat.h> with _GNU_SOURCE */

/* In place of an offset: read or write at the descriptor's own position, and move it. */
#define GYRE_POSITION INT64_C(-1)

/* ---- sockets ---- */

/*
 * Accepts a connection from a listening socket: the result is its descriptor, the caller's to
 * close. If a cancellation loses against a connection that came, the descriptor is delivered.
 * out_peer: NULL, or where the peer's address goes, borrowed until the await is over. flags: 0 or
 * SOCK_NONBLOCK. accept4(). Errors: -EMFILE, -ENFILE (the connection stays in the backlog),
 * -ECONNABORTED, -EINVAL (it does not listen).
 */
GYRE_API GYRE_MUST_USE gyre_await gyre_accept(int fd, gyre_address *out_peer, int flags);

/*
 * Connects a socket; result 0. address: copied. Errors: -ECONNREFUSED, -ETIMEDOUT, -EHOSTUNREACH,
 * -EISCONN, -ENOENT (Unix) ... After an error or a cancellation only closing the socket makes
 * sense. connect().
 */
GYRE_API GYRE_MUST_USE gyre_await gyre_connect(int fd, const gyre_address *address);

/* Receives up to size bytes; 0 when the peer has ended its side. flags: MSG_*. recv(). */
GYRE_API GYRE_MUST_USE gyre_await gyre_recv(int fd, void *buffer, size_t size, int flags);

/*
 * Sends up to size bytes; the result may be less. flags: MSG_*; MSG_WAITALL sends all of it.
 * send().
 */
GYRE_API GYRE_MUST_USE gyre_await gyre_send(int fd, const void *data, size_t size, int flags);

/* Receives into a msghdr, with sender and ancillary data; message: borrowed, updated. recvmsg(). */
GYRE_API GYRE_MUST_USE gyre_await gyre_recvmsg(int fd, struct msghdr *message, int flags);

/* Sends a msghdr (borrowed). sendmsg(). */
GYRE_API GYRE_MUST_USE gyre_await gyre_sendmsg(int fd, const struct msghdr *message, int flags);

/* Ends one side or both: SHUT_RD, SHUT_WR, SHUT_RDWR. Result 0. shutdown(). */
GYRE_API GYRE_MUST_USE gyre_await gyre_shutdown(int fd, int how);

/* ---- files, pipes, and everything that has a descriptor ---- */

/*
 * Reads up to size bytes at `offset` (>= 0, or GYRE_POSITION); 0 at the end of the file. read(),
 * pread().
 */
GYRE_API GYRE_MUST_USE gyre_await gyre_read(int fd, void *buffer, size_t size, int64_t offset);

/* Writes up to size bytes; the result may be less. write(), pwrite(). */
GYRE_API GYRE_MUST_USE gyre_await gyre_write(int fd, const void *data, size_t size, int64_t offset);

/*
 * The same with `count` pieces (the array is borrowed too). -EINVAL for more than IOV_MAX. readv(),
 * writev().
 */
GYRE_API GYRE_MUST_USE gyre_await gyre_readv(int fd, const struct iovec *pieces, size_t count,
                                             int64_t offset);
GYRE_API GYRE_MUST_USE gyre_await gyre_writev(int fd, const struct iovec *pieces, size_t count,
                                              int64_t offset);

/*
 * Moves up to size bytes from one descriptor to another, of which one at least is a pipe, without
 * copying. Offsets as above, GYRE_POSITION for pipes. flags: SPLICE_F_*. 0 at the end of the input.
 * splice().
 */
GYRE_API GYRE_MUST_USE gyre_await gyre_splice(int fd_in, int64_t offset_in, int fd_out,
                                              int64_t offset_out, size_t size, unsigned flags);

/*
 * Has what was written reach the disk; data_only: without times and such. Result 0. fsync(),
 * fdatasync().
 */
GYRE_API GYRE_MUST_USE gyre_await gyre_fsync(int fd, bool data_only);

/*
 * Closes a descriptor, after the cancellation of all that is in flight on it: those awaits give
 * -ECANCELED. The descriptor is gone in every case, whatever the result: 0, -EBADF, or an error of
 * earlier writes (-EIO, -ENOSPC...). Cannot be cancelled: it gives its result, and GYRE_ECANCELLED
 * comes from the next await. While the loop is being closed, or memory is short, it closes at once
 * without suspending. close().
 */
GYRE_API GYRE_MUST_USE gyre_await gyre_close(int fd);

/* ---- paths: borrowed until the await is over; `directory` is a descriptor or AT_FDCWD ---- */

/*
 * Opens a file: the result is its descriptor, the caller's to close; delivered even if a
 * cancellation came too late. flags: O_*; mode: permissions of a file that is made, before the
 * umask. The kernel does not wait for the other end of a FIFO: for reading it opens at once, for
 * writing -ENXIO says that there is no reader. open(), openat().
 */
GYRE_API GYRE_MUST_USE gyre_await gyre_open(const char *path, int flags, unsigned mode);
GYRE_API GYRE_MUST_USE gyre_await gyre_openat(int directory, const char *path, int flags,
                                              unsigned mode);

/*
 * What is known about a file; flags: AT_*, mask: STATX_*; *out_info: borrowed until the await is
 * over. statx().
 */
GYRE_API GYRE_MUST_USE gyre_await gyre_statx(int directory, const char *path, int flags,
                                             unsigned mask, struct statx *out_info);

/*
 * Renames; replaces what is there, in one step. flags: RENAME_*. Result 0. rename(), renameat2().
 */
GYRE_API GYRE_MUST_USE gyre_await gyre_rename(const char *from, const char *to);
GYRE_API GYRE_MUST_USE gyre_await gyre_renameat(int from_directory, const char *from,
                                                int to_directory, const char *to, unsigned flags);

/*
 * Removes a file; flags: 0, or AT_REMOVEDIR for an empty directory. Result 0. unlink(), unlinkat().
 */
GYRE_API GYRE_MUST_USE gyre_await gyre_unlink(const char *path);
GYRE_API GYRE_MUST_USE gyre_await gyre_unlinkat(int directory, const char *path, int flags);

/* Makes a directory. Result 0. mkdir(), mkdirat(). */
GYRE_API GYRE_MUST_USE gyre_await gyre_mkdir(const char *path, unsigned mode);
GYRE_API GYRE_MUST_USE gyre_await gyre_mkdirat(int directory, const char *path, unsigned mode);

GYRE_END_DECLS

#endif
