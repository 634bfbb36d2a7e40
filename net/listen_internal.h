/* Listening sockets: from the options of a server to descriptors. */
#ifndef GYRE_NET_LISTEN_INTERNAL_H
#define GYRE_NET_LISTEN_INTERNAL_H

#include "server.h"

enum { GYRE__MOST_LISTENERS = 16 };

/* Fills in the addresses that the options ask for; gives how many, or an error. */
int64_t gyre__listen_addresses(const gyre_server_options *options, gyre_address *out, size_t max);

/* A listening socket; replaces *address by the one it got. Gives the descriptor, or an error. */
int64_t gyre__listen(gyre_address *address, const gyre_server_options *options);

#endif
