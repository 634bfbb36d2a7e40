/* Classes of bytes in URLs and HTTP messages, looked up in one table. */
#ifndef GYRE_NET_ASCII_INTERNAL_H
#define GYRE_NET_ASCII_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <strings.h>

enum gyre__ascii_class {
    GYRE__ASCII_TOKEN = 1,      /* HTTP tokens: methods, field names */
    GYRE__ASCII_UNRESERVED = 2, /* RFC 3986: letters, digits, - . _ ~ */
    GYRE__ASCII_SUBDELIM = 4,   /* RFC 3986: ! $ & ' ( ) * + , ; = */
    GYRE__ASCII_HOST = 8,       /* names of hosts: letters, digits, - . _ */
    GYRE__ASCII_SCHEME = 16,    /* letters, digits, + - . */
    GYRE__ASCII_TARGET = 32,    /* paths of requests: RFC 3986, and [ ] ^ |, which browsers send */
    GYRE__ASCII_ARGUMENT = 64,  /* queries of requests: the same, and ? " ` { } \ % */
    GYRE__ASCII_FIELD = 128     /* field values: all but controls; tabs and bytes above 127 too */
};

extern const uint8_t gyre__ascii_table[256];

static inline bool gyre__ascii_is(char byte, unsigned classes)
{
    return gyre__ascii_table[(unsigned char)byte] & classes;
}

/* How many bytes at the start are all of these classes. */
static inline size_t gyre__ascii_span(const char *text, size_t size, unsigned classes)
{
    size_t n = 0;

    while (n < size && gyre__ascii_is(text[n], classes))
        n++;
    return n;
}

static inline bool gyre__ascii_digit(char byte)
{
    return byte >= '0' && byte <= '9';
}

static inline bool gyre__ascii_letter(char byte)
{
    return (byte | 32) >= 'a' && (byte | 32) <= 'z';
}

static inline char gyre__ascii_lower(char byte)
{
    return byte >= 'A' && byte <= 'Z' ? (char)(byte | 32) : byte;
}

/* The value of a hexadecimal digit, or -1. */
static inline int gyre__ascii_hex(char byte)
{
    if (gyre__ascii_digit(byte))
        return byte - '0';
    byte = (char)(byte | 32);
    return byte >= 'a' && byte <= 'f' ? byte - 'a' + 10 : -1;
}

/* True for the same letters, without regard to case; `b` ends with 0. */
static inline bool gyre__ascii_same(const char *a, size_t size, const char *b, size_t b_size)
{
    return size == b_size && strncasecmp(a, b, size) == 0;
}

#endif
