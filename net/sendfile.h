/* Files to streams. Python names: loop.sendfile. */
#ifndef GYRE_NET_SENDFILE_H
#define GYRE_NET_SENDFILE_H

#include "stream.h"

GYRE_BEGIN_DECLS

/*
 * Sends `count` bytes of a file from `offset` on (count -1: to its end) down the stream, in pieces, with the
 * stream's back-pressure. file: a descriptor that can be read at an offset, borrowed until the await is over; its
 * position is neither used nor moved. Result: bytes taken over by the stream; fewer than count where
 * the file ends before. Errors: of the reading (-EIO, -EISDIR...), of gyre_stream_write(); -ENOMEM; -EINVAL for a
 * negative offset. *out_sent (may be NULL; borrowed until the await is over) counts as it goes, so that it is right
 * after an error or a cancellation too.
 */
GYRE_API GYRE_MUST_USE gyre_await gyre_stream_sendfile(gyre_stream *stream, int file, int64_t offset,
                                                       int64_t count, int64_t *out_sent);

GYRE_END_DECLS

#endif
