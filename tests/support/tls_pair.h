/*
 * Two TLS engines connected to each other in memory: they shake hands, say "ping" and "pong", and
 * close.
 */
#ifndef GYRE_TESTS_SUPPORT_TLS_PAIR_H
#define GYRE_TESTS_SUPPORT_TLS_PAIR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../../net/tls_engine.h"

/* One side, and what became of it. */
typedef struct tls_side {
    gyre_tls_engine *engine;
    const char *greeting; /* what it says once the handshake is complete */
    char heard[8];        /* what the other one said */
    size_t heard_length;
    bool greeted, ended;
    bool cut;       /* after the greeting the transport just ends */
    int64_t code;   /* 0: all went well */
    char text[512]; /* of the error's detail; "" for none */
} tls_side;

typedef struct tls_pair {
    tls_side client, server;
    uint64_t bytes; /* that went over the wire */
} tls_pair;

/*
 * New engines of the two contexts. Gives 0, or the error of the client's engine, of which the pair
 * has code and text, too. Close it in any case.
 */
int64_t tls_pair_open(tls_pair *pair, gyre_tls_context *client, gyre_tls_context *server,
                      const char *server_name);

/*
 * Lets them talk to the end, `step` bytes at a time (0: all there is). Gives false when they did
 * not come to an end.
 */
bool tls_pair_run(tls_pair *pair, size_t step);

void tls_pair_close(tls_pair *pair);

#endif
