/* The server that the network's pieces talk to: a process of its own. */
#ifndef SERVER_H
#define SERVER_H

#include <sys/types.h>

/* Starts it and sets network_port. Gives its pid, or -1 after saying why not. */
pid_t server_start(void);

void server_stop(pid_t server);

#endif
