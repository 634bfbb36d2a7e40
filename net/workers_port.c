/* A port for several servers: found, and kept by a socket that is bound but does not listen. */
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "address.h"
#include "workers.h"

int64_t gyre_workers_reserve_port(const char *host, uint16_t *out_port)
{
    gyre_address address;
    const int on = 1;
    int64_t rc = gyre_address_parse(&address, host ? host : "0.0.0.0", 0);
    int fd;

    if (rc < 0)
        return rc;
    fd = socket(gyre_address_family(&address), SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0 ||
        setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)) < 0 ||
        bind(fd, (const struct sockaddr *)&address.storage, address.length) < 0 ||
        getsockname(fd, (struct sockaddr *)&address.storage, &address.length) < 0) {
        rc = -errno;
        close(fd);
        return rc;
    }
    *out_port = gyre_address_port(&address);
    return fd;
}
