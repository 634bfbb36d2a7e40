/* Socket addresses: parsing, printing, comparing. */
#include "address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

_Static_assert(sizeof(struct sockaddr_un) <= sizeof(struct sockaddr_storage), "every address fits");

enum {
    PATH_OFFSET = offsetof(struct sockaddr_un, sun_path),
    PATH_SIZE = sizeof(((struct sockaddr_un *)0)->sun_path),
    HOST_SIZE = INET6_ADDRSTRLEN + 1 + IF_NAMESIZE, /* address, %, interface */
};

/* The storage as what it is; C lets each be read through its own type only by copying. */
static struct sockaddr_in as_v4(const gyre_address *address)
{
    struct sockaddr_in v4;

    memcpy(&v4, &address->storage, sizeof(v4));
    return v4;
}

static struct sockaddr_in6 as_v6(const gyre_address *address)
{
    struct sockaddr_in6 v6;

    memcpy(&v6, &address->storage, sizeof(v6));
    return v6;
}

static void set(gyre_address *address, const void *raw, size_t length)
{
    memset(address, 0, sizeof(*address));
    memcpy(&address->storage, raw, length);
    address->length = (socklen_t)length;
}

/* ---- parsing ---- */

/* The number of an interface given by name or number; 0 if there is none. */
static uint32_t scope_number(const char *scope)
{
    uint32_t number = if_nametoindex(scope);
    unsigned long value;
    char *end;

    if (number || scope[0] < '0' || scope[0] > '9')
        return number;
    errno = 0;
    value = strtoul(scope, &end, 10);
    return *end == '\0' && errno == 0 && value <= UINT32_MAX ? (uint32_t)value : 0;
}

static int64_t parse_v6(gyre_address *out_address, const char *text, uint16_t port)
{
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
    const char *percent = strchr(text, '%');
    size_t length = percent ? (size_t)(percent - text) : strlen(text);
    char host[INET6_ADDRSTRLEN];

    if (length >= sizeof(host))
        return -EINVAL;
    memcpy(host, text, length);
    host[length] = '\0';
    if (inet_pton(AF_INET6, host, &v6.sin6_addr) != 1)
        return -EINVAL;
    if (percent) {
        if (percent[1] == '\0')
            return -EINVAL;
        v6.sin6_scope_id = scope_number(percent + 1);
        if (!v6.sin6_scope_id)
            return -ENODEV;
    }
    set(out_address, &v6, sizeof(v6));
    return 0;
}

int64_t gyre_address_parse(gyre_address *out_address, const char *text, uint16_t port)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(port)};

    if (inet_pton(AF_INET, text, &v4.sin_addr) != 1)
        return parse_v6(out_address, text, port);
    set(out_address, &v4, sizeof(v4));
    return 0;
}

/* Digits only, to the end; -1 for anything else. */
static int parse_port(const char *text)
{
    int port = 0;

    if (!*text)
        return -1;
    for (; *text; text++) {
        if (*text < '0' || *text > '9')
            return -1;
        port = port * 10 + (*text - '0');
        if (port > UINT16_MAX)
            return -1;
    }
    return port;
}

static int64_t parse_unix(gyre_address *out_address, const char *text)
{
    size_t length = strlen(text);
    char name[PATH_SIZE];

    if (length == 0 || text[0] != '@')
        return gyre_address_unix(out_address, text, length);
    if (length > sizeof(name))
        return -ENAMETOOLONG;
    memcpy(name, text, length);
    name[0] = '\0';
    return gyre_address_unix(out_address, name, length);
}

int64_t gyre_address_parse_endpoint(gyre_address *out_address, const char *text)
{
    const char *host = text, *colon = strrchr(text, ':');
    bool bracketed = text[0] == '[';
    char buffer[HOST_SIZE];
    size_t length;
    int port;

    if (strncmp(text, "unix:", 5) == 0)
        return parse_unix(out_address, text + 5);
    if (!colon)
        return -EINVAL;
    port = parse_port(colon + 1);
    if (port < 0)
        return -EINVAL;
    length = (size_t)(colon - text);
    if (bracketed) {
        if (length < 2 || colon[-1] != ']')
            return -EINVAL;
        host++;
        length -= 2;
    }
    if (length >= sizeof(buffer))
        return -EINVAL;
    memcpy(buffer, host, length);
    buffer[length] = '\0';
    /* "::1:80" could be read in two ways: IPv6 only in brackets, and nothing else there. */
    if (bracketed != (strchr(buffer, ':') != NULL))
        return -EINVAL;
    return gyre_address_parse(out_address, buffer, (uint16_t)port);
}

int64_t gyre_address_unix(gyre_address *out_address, const char *path, size_t length)
{
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    bool abstract = length > 0 && path[0] == '\0';

    if (length > (size_t)(abstract ? PATH_SIZE : PATH_SIZE - 1))
        return -ENAMETOOLONG;
    if (!abstract && length > 0 && memchr(path, '\0', length))
        return -EINVAL;
    if (length > 0)
        memcpy(un.sun_path, path, length);
    /* The length of a path counts its end, that of an abstract name must not. */
    set(out_address, &un, PATH_OFFSET + length + (length > 0 && !abstract));
    return 0;
}

int64_t gyre_address_from(gyre_address *out_address, const struct sockaddr *address,
                          socklen_t length)
{
    size_t least = sizeof(sa_family_t);

    if (length < least || length > sizeof(out_address->storage))
        return -EINVAL;
    if (address->sa_family == AF_INET)
        least = sizeof(struct sockaddr_in);
    else if (address->sa_family == AF_INET6)
        least = sizeof(struct sockaddr_in6);
    if (length < least)
        return -EINVAL;
    set(out_address, address, length);
    return 0;
}

/* ---- printing ---- */

static int64_t print_v6(const gyre_address *address, char *buffer, size_t size)
{
    struct sockaddr_in6 v6 = as_v6(address);
    char host[INET6_ADDRSTRLEN], scope[IF_NAMESIZE + 1] = "";

    inet_ntop(AF_INET6, &v6.sin6_addr, host, sizeof(host));
    if (v6.sin6_scope_id) {
        scope[0] = '%';
        if (!if_indextoname(v6.sin6_scope_id, scope + 1))
            snprintf(scope + 1, sizeof(scope) - 1, "%u", (unsigned)v6.sin6_scope_id);
    }
    return snprintf(buffer, size, "[%s%s]:%u", host, scope, (unsigned)ntohs(v6.sin6_port));
}

/* The name of a Unix address without the end of a path; abstract names begin with a byte 0. */
static const char *unix_name(const gyre_address *address, size_t *out_length)
{
    const char *name = (const char *)&address->storage + PATH_OFFSET;
    size_t length = address->length > PATH_OFFSET ? address->length - PATH_OFFSET : 0;

    if (length > PATH_SIZE)
        length = PATH_SIZE;
    *out_length = length > 0 && name[0] == '\0' ? length : strnlen(name, length);
    return name;
}

static int64_t print_unix(const gyre_address *address, char *buffer, size_t size)
{
    size_t length;
    const char *name = unix_name(address, &length);
    const char *prefix =
        length > 0 && name[0] == '@' ? "./" : ""; /* else it would read as abstract */
    char text[PATH_SIZE];

    for (size_t i = 0; i < length; i++)
        text[i] = name[i] == '\0' ? '@' : name[i];
    return snprintf(buffer, size, "unix:%s%.*s", prefix, (int)length, text);
}

int64_t gyre_address_print(const gyre_address *address, char *buffer, size_t size)
{
    char host[INET_ADDRSTRLEN];
    struct sockaddr_in v4;

    switch (gyre_address_family(address)) {
    case AF_INET:
        v4 = as_v4(address);
        inet_ntop(AF_INET, &v4.sin_addr, host, sizeof(host));
        return snprintf(buffer, size, "%s:%u", host, (unsigned)ntohs(v4.sin_port));
    case AF_INET6:
        return print_v6(address, buffer, size);
    case AF_UNIX:
        return print_unix(address, buffer, size);
    case AF_UNSPEC:
        return snprintf(buffer, size, "none");
    default:
        return snprintf(buffer, size, "family %d", gyre_address_family(address));
    }
}

/* ---- parts ---- */

const struct sockaddr *gyre_address_raw(const gyre_address *address)
{
    return (const struct sockaddr *)&address->storage;
}

int gyre_address_family(const gyre_address *address)
{
    return address->storage.ss_family;
}

uint16_t gyre_address_port(const gyre_address *address)
{
    switch (gyre_address_family(address)) {
    case AF_INET:
        return ntohs(as_v4(address).sin_port);
    case AF_INET6:
        return ntohs(as_v6(address).sin6_port);
    default:
        return 0;
    }
}

int64_t gyre_address_set_port(gyre_address *address, uint16_t port)
{
    const in_port_t number = htons(port);
    size_t offset = offsetof(struct sockaddr_in, sin_port);

    if (gyre_address_family(address) == AF_INET6)
        offset = offsetof(struct sockaddr_in6, sin6_port);
    else if (gyre_address_family(address) != AF_INET)
        return -EINVAL;
    memcpy((char *)&address->storage + offset, &number, sizeof(number));
    return 0;
}

static bool equal_v6(struct sockaddr_in6 a, struct sockaddr_in6 b)
{
    return a.sin6_port == b.sin6_port && a.sin6_scope_id == b.sin6_scope_id &&
           memcmp(&a.sin6_addr, &b.sin6_addr, sizeof(a.sin6_addr)) == 0;
}

static bool equal_unix(const gyre_address *a, const gyre_address *b)
{
    size_t a_length, b_length;
    const char *a_name = unix_name(a, &a_length), *b_name = unix_name(b, &b_length);

    return a_length == b_length && memcmp(a_name, b_name, a_length) == 0;
}

bool gyre_address_equal(const gyre_address *a, const gyre_address *b)
{
    if (gyre_address_family(a) != gyre_address_family(b))
        return false;
    switch (gyre_address_family(a)) {
    case AF_INET:
        return as_v4(a).sin_port == as_v4(b).sin_port &&
               as_v4(a).sin_addr.s_addr == as_v4(b).sin_addr.s_addr;
    case AF_INET6:
        return equal_v6(as_v6(a), as_v6(b));
    case AF_UNIX:
        return equal_unix(a, b);
    default:
        return a->length == b->length && memcmp(&a->storage, &b->storage, a->length) == 0;
    }
}

/* ---- of sockets ---- */

static int64_t ask(int fd, gyre_address *out_address,
                   int (*question)(int, struct sockaddr *, socklen_t *))
{
    gyre_address address = {.length = sizeof(address.storage)};

    if (question(fd, (struct sockaddr *)&address.storage, &address.length) < 0)
        return -errno;
    *out_address = address;
    return 0;
}

int64_t gyre_address_local(int fd, gyre_address *out_address)
{
    return ask(fd, out_address, getsockname);
}

int64_t gyre_address_peer(int fd, gyre_address *out_address)
{
    return ask(fd, out_address, getpeername);
}
