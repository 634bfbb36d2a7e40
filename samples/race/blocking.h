/* A blocking HTTPS client: plain sockets and OpenSSL, one file at a time over one connection. */
#ifndef BLOCKING_H
#define BLOCKING_H

#include <openssl/ssl.h>

#include "race.h"

struct blocking {
    const struct race *race;
    SSL *ssl;
    int fd;
    char *buffer; /* of the answer's head, then of the file */
};

/*
 * Whom to trust, for any number of connections, threads or not: a new one, to be given to
 * SSL_CTX_free(); NULL after a complaint on the board.
 */
SSL_CTX *blocking_trust(const struct race *race);

/* Connects, and checks the server's certificate. False after a complaint; close it all the same. */
bool blocking_open(struct blocking *blocking, const struct race *race, SSL_CTX *trust);

/* Downloads a file over the connection, which stays open, and checks it. False: complained. */
bool blocking_get(struct blocking *blocking, struct file file);

void blocking_close(struct blocking *blocking);

#endif
