/* Listening sockets: socket, options, bind, listen. */
#include "listen_internal.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { DEFAULT_BACKLOG = 128 };

/* Numeric hosts and the names that need no resolver: NULL and "localhost" mean both families. */
static int64_t from_host(const char *host, uint16_t port, gyre_address *out)
{
    bool local = host && strcmp(host, "localhost") == 0;
    int64_t rc;

    if (host && !local) {
        rc = gyre_address_parse(out, host, port);
        return rc < 0 ? rc : 1;
    }
    rc = gyre_address_parse(&out[0], local ? "127.0.0.1" : "0.0.0.0", port);
    if (rc >= 0)
        rc = gyre_address_parse(&out[1], local ? "::1" : "::", port);
    return rc < 0 ? rc : 2;
}

int64_t gyre__listen_addresses(const gyre_server_options *options, gyre_address *out, size_t max)
{
    if (options->unix_path) {
        int64_t rc = gyre_address_unix(out, options->unix_path, strlen(options->unix_path));

        return rc < 0 ? rc : 1;
    }
    if (!options->address_count)
        return from_host(options->host, options->port, out);
    if (options->address_count > max)
        return -EINVAL;
    memcpy(out, options->addresses, options->address_count * sizeof(*out));
    return (int64_t)options->address_count;
}

/* As asyncio: a socket that is there under this name is left over from an earlier server. */
static void remove_stale_name(const gyre_address *address)
{
    const struct sockaddr_un *name = (const struct sockaddr_un *)&address->storage;
    struct stat info;

    if (name->sun_path[0] && stat(name->sun_path, &info) == 0 && S_ISSOCK(info.st_mode))
        unlink(name->sun_path);
}

static int64_t bind_and_listen(int fd, gyre_address *address, const gyre_server_options *options)
{
    const int on = 1;
    int family = address->storage.ss_family;

    if (family != AF_UNIX && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0)
        return -errno;
    if (options->reuse_port && setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)) < 0)
        return -errno;
    /* An IPv6 socket for IPv6 only, as the other family has a socket of its own. */
    if (family == AF_INET6 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on)) < 0)
        return -errno;
    if (family == AF_UNIX)
        remove_stale_name(address);
    if (bind(fd, (const struct sockaddr *)&address->storage, address->length) < 0)
        return -errno;
    if (listen(fd, options->backlog > 0 ? options->backlog : DEFAULT_BACKLOG) < 0)
        return -errno;
    address->length = sizeof(address->storage);
    if (getsockname(fd, (struct sockaddr *)&address->storage, &address->length) < 0)
        return -errno;
    return 0;
}

int64_t gyre__listen(gyre_address *address, const gyre_server_options *options)
{
    int fd = socket(address->storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int64_t rc;

    if (fd < 0)
        return -errno;
    rc = bind_and_listen(fd, address, options);
    if (rc < 0) {
        close(fd);
        return rc;
    }
    return fd;
}
