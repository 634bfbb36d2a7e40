/* One file by gyre's HTTP client: a coroutine. */
#ifndef GET_H
#define GET_H

#include <gyre/gyre.h>

#include "race.h"

/* A client that trusts the authority of the race; limit: most connections. Gives 0 or an error. */
int64_t get_client(const struct race *race, size_t limit, gyre_http_client **out_client);

/* Downloads a file and checks it. Fails with an error, or after a complaint on the board. */
struct get {
    gyre_frame frame;
    const struct race *race;
    gyre_http_client *client; /* borrowed */
    struct file file;
    gyre_http_response *response;
    char url[64], *body;
    size_t size;
    int64_t n;
};
GYRE_CORO_DECLARE(get);

#endif
