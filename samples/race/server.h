/* The embedded HTTPS server, in a process of its own. */
#ifndef SERVER_H
#define SERVER_H

#include "race.h"

/*
 * Starts it; identity: PEM of its certificate and key, borrowed. Gives its process once it listens
 * (race->board->port), -1 after a complaint on the board.
 */
pid_t server_start(const struct race *race, const char *identity);

/* Ends it and waits until it has. */
void server_stop(pid_t server);

#endif
