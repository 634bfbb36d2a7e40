/* Hosts of URLs: names, IPv4 and IPv6 addresses, ports. */
#include <arpa/inet.h>
#include <string.h>

#include "ascii_internal.h"
#include "url_internal.h"

enum { LABEL_MOST = 63, NAME_MOST = 253, PORT_MOST = 65535 };

static bool fail(gyre__url_parts *parts, const char *position, const char *reason)
{
    parts->position = position;
    parts->reason = reason;
    return false;
}

bool gyre__url_host_is_ipv4(const char *text, size_t size)
{
    unsigned numbers = 0;

    for (size_t at = 0; at < size; numbers++) {
        size_t digits = 0;
        unsigned value = 0;

        while (at + digits < size && digits < 3 && gyre__ascii_digit(text[at + digits]))
            value = value * 10 + (unsigned)(text[at + digits++] - '0');
        /* No leading zero: some read those as octal. */
        if (digits == 0 || value > 255 || (digits > 1 && text[at] == '0'))
            return false;
        at += digits;
        if (at < size && (text[at] != '.' || ++at == size))
            return false;
    }
    return numbers == 4;
}

/* A last label that is a number would be taken for an IPv4 address in one of its odd spellings. */
static bool is_number(const char *label, size_t size)
{
    size_t at = 0;
    bool hex = size >= 2 && label[0] == '0' && (label[1] | 32) == 'x';

    if (hex)
        at = 2;
    while (at < size && (hex ? gyre__ascii_hex(label[at]) >= 0 : gyre__ascii_digit(label[at])))
        at++;
    return at == size && size > 0;
}

bool gyre__url_host_is_name(const char *text, size_t size)
{
    size_t label = 0, at;

    if (size && text[size - 1] == '.')
        size--; /* the root, spelled out */
    if (size == 0 || size > NAME_MOST)
        return false;
    for (at = 0; at < size; at++) {
        if (!gyre__ascii_is(text[at], GYRE__ASCII_HOST))
            return false;
        if (text[at] != '.')
            continue;
        if (at == label || at - label > LABEL_MOST)
            return false;
        label = at + 1;
    }
    return at > label && at - label <= LABEL_MOST && !is_number(text + label, size - label);
}

size_t gyre__url_host_ipv6(const char *text, size_t size, char *buffer)
{
    const char *zone = memchr(text, '%', size);
    size_t address = zone ? (size_t)(zone - text) : size, length;
    char copy[INET6_ADDRSTRLEN];
    struct in6_addr bytes;

    if (address >= sizeof(copy))
        return 0;
    memcpy(copy, text, address);
    copy[address] = 0;
    if (inet_pton(AF_INET6, copy, &bytes) != 1)
        return 0;
    inet_ntop(AF_INET6, &bytes, buffer, GYRE__URL_IPV6);
    length = strlen(buffer);
    if (!zone)
        return length;
    /* "%25eth0": the % of the zone is itself encoded. */
    if (size - address < 4 || memcmp(zone, "%25", 3) != 0 ||
        gyre__ascii_span(zone + 3, size - address - 3, GYRE__ASCII_UNRESERVED) !=
            size - address - 3)
        return 0;
    buffer[length++] = '%';
    memcpy(buffer + length, zone + 3, size - address - 3);
    return length + size - address - 3;
}

/* The digits behind the colon. */
static bool split_port(gyre__url_parts *parts, const char *text, size_t size)
{
    uint32_t port = 0;

    if (size == 0)
        return true;
    for (size_t i = 0; i < size; i++) {
        if (!gyre__ascii_digit(text[i]))
            return fail(parts, text + i, "port is not a number");
        port = port * 10 + (uint32_t)(text[i] - '0');
        if (port > PORT_MOST)
            return fail(parts, text + i, "port is above 65535");
    }
    if (port == 0)
        return fail(parts, text, "port is 0");
    parts->port = port;
    return true;
}

static bool split_brackets(gyre__url_parts *parts, const char *text, size_t size)
{
    const char *close = memchr(text, ']', size);
    char buffer[GYRE__URL_IPV6 + 64];

    if (!close)
        return fail(parts, text + size, "']' is missing");
    parts->host = (gyre__url_slice){text + 1, (size_t)(close - text - 1)};
    parts->bracketed = true;
    if (parts->host.size > 64 || !gyre__url_host_ipv6(text + 1, parts->host.size, buffer))
        return fail(parts, text + 1, "not an IPv6 address");
    if (close + 1 == text + size)
        return true;
    if (close[1] != ':')
        return fail(parts, close + 1, "not allowed behind ']'");
    return split_port(parts, close + 2, (size_t)(text + size - close - 2));
}

bool gyre__url_split_authority(gyre__url_parts *parts, const char *text, size_t size)
{
    const char *colon;
    size_t host, valid = 0;

    if (size && text[0] == '[')
        return split_brackets(parts, text, size);
    colon = memchr(text, ':', size);
    host = colon ? (size_t)(colon - text) : size;
    parts->host = (gyre__url_slice){text, host};
    while (valid < host) {
        if (gyre__ascii_is(text[valid], GYRE__ASCII_UNRESERVED | GYRE__ASCII_SUBDELIM))
            valid++;
        else if (text[valid] == '%' && host - valid >= 3 && gyre__ascii_hex(text[valid + 1]) >= 0 &&
                 gyre__ascii_hex(text[valid + 2]) >= 0)
            valid += 3;
        else
            return fail(parts, text + valid, "not allowed in a host");
    }
    return !colon || split_port(parts, colon + 1, size - host - 1);
}

bool gyre__url_check_host(gyre__url_parts *parts, gyre__url_slice scheme)
{
    gyre__url_slice host = parts->host;
    size_t valid;

    if (!gyre__url_is_web(scheme) || parts->bracketed)
        return true;
    if (!host.at)
        return fail(parts, scheme.at + scheme.size + 1, "host is missing");
    if (host.size == 0)
        return fail(parts, host.at, "host is missing");
    if (gyre__url_host_is_ipv4(host.at, host.size) || gyre__url_host_is_name(host.at, host.size))
        return true;
    valid = gyre__ascii_span(host.at, host.size, GYRE__ASCII_HOST);
    if (valid < host.size)
        return fail(parts, host.at + valid, "not allowed in the name of a host");
    return fail(parts, host.at, "not the name or address of a host");
}
