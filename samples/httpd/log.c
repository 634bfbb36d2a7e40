/* The access log: one line a request, in the common log format with the duration behind it. */
#include "log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { LONGEST = 4096 };

int log_open(const char *path)
{
    int fd = strcmp(path, "-") == 0 ? dup(STDOUT_FILENO)
                                    : open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);

    return fd < 0 ? -errno : fd;
}

/* Clients choose this text: what could break out of the quotes or the line is escaped. */
static size_t quote(char *out, size_t room, const char *text)
{
    size_t used = 0;

    for (; *text && used + 4 < room; text++) {
        unsigned char c = (unsigned char)*text;

        if (c < 0x20 || c >= 0x7f || c == '"' || c == '\\')
            used += (size_t)snprintf(out + used, room - used, "\\x%02x", c);
        else
            out[used++] = (char)c;
    }
    out[used] = '\0';
    return used;
}

/* The start line; it stays "-" where the client sent none that could be understood. */
static void describe(char *out, size_t room, const gyre_http_exchange *exchange)
{
    unsigned version = gyre_http_exchange_version(exchange);
    char method[64], target[2048];

    if (!quote(method, sizeof(method), gyre_http_exchange_method(exchange)))
        return;
    quote(target, sizeof(target), gyre_http_exchange_target(exchange));
    snprintf(out, room, "%s %s HTTP/%u.%u", method, target, version / 10, version % 10);
}

void log_access(void *arg, const gyre_http_access *access)
{
    char line[LONGEST], request[2304] = "-", peer[128] = "-", date[64];
    const gyre_http_exchange *exchange = access->exchange;
    time_t now = time(NULL);
    gyre_address address;
    struct tm tm;
    int length;

    if (gyre_http_exchange_peer(exchange, &address) == 0)
        gyre_address_print(&address, peer, sizeof(peer));
    strftime(date, sizeof(date), "%d/%b/%Y:%H:%M:%S %z", localtime_r(&now, &tm));
    describe(request, sizeof(request), exchange);
    length = snprintf(line, sizeof(line), "%s - - [%s] \"%s\" %u %llu %.3fms\n", peer, date, request,
                      access->status, (unsigned long long)access->sent,
                      (double)access->duration_ns / 1e6);
    if (length > 0 && length < LONGEST && write((int)(intptr_t)arg, line, (size_t)length) < 0)
        return; /* a full disk must not stop the server */
}
