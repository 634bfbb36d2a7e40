/* Links in HTML, found tag by tag. */
#include "links.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* A piece of the page. */
struct piece {
    const char *text;
    size_t size;
};

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f';
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is(struct piece piece, const char *word)
{
    return piece.size == strlen(word) && strncasecmp(piece.text, word, piece.size) == 0;
}

/* The first `word` from `at` on, in any case; `end` if there is none. */
static const char *find(const char *at, const char *end, const char *word)
{
    size_t size = strlen(word);

    for (; (size_t)(end - at) >= size; at++) {
        if (strncasecmp(at, word, size) == 0)
            return at;
    }
    return end;
}

/* ---- character references ---- */

static size_t put_utf8(char *out, uint32_t code)
{
    if (code < 0x80) {
        out[0] = (char)code;
        return 1;
    }
    if (code < 0x800) {
        out[0] = (char)(0xc0 | code >> 6);
        out[1] = (char)(0x80 | (code & 0x3f));
        return 2;
    }
    if (code < 0x10000) {
        out[0] = (char)(0xe0 | code >> 12);
        out[1] = (char)(0x80 | (code >> 6 & 0x3f));
        out[2] = (char)(0x80 | (code & 0x3f));
        return 3;
    }
    out[0] = (char)(0xf0 | code >> 18);
    out[1] = (char)(0x80 | (code >> 12 & 0x3f));
    out[2] = (char)(0x80 | (code >> 6 & 0x3f));
    out[3] = (char)(0x80 | (code & 0x3f));
    return 4;
}

/* "#65;" or "#x41;", behind the '&'. Gives how much of it was read; 0: none. */
static size_t number_reference(const char *text, size_t size, uint32_t *out_code)
{
    bool hex = size > 1 && (text[1] == 'x' || text[1] == 'X');
    size_t first = hex ? 2 : 1, i;

    *out_code = 0;
    for (i = first; i < size && *out_code < 0x110000; i++) {
        char c = text[i], digit = (char)(c | 0x20);

        if (c >= '0' && c <= '9')
            *out_code = *out_code * (hex ? 16 : 10) + (uint32_t)(c - '0');
        else if (hex && digit >= 'a' && digit <= 'f')
            *out_code = *out_code * 16 + (uint32_t)(digit - 'a' + 10);
        else
            break;
    }
    if (i == first || *out_code == 0 || *out_code >= 0x110000)
        return 0;
    return i < size && text[i] == ';' ? i + 1 : i;
}

/* The reference behind an '&'. Gives how much of it was read; 0: it is none, or not a known one. */
static size_t reference(const char *text, size_t size, uint32_t *out_code)
{
    static const struct {
        const char *name;
        char code;
    } known[] = {{"amp;", '&'}, {"lt;", '<'}, {"gt;", '>'}, {"quot;", '"'}, {"apos;", '\''}};

    if (size > 0 && text[0] == '#')
        return number_reference(text, size, out_code);
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        size_t length = strlen(known[i].name);

        if (size >= length && strncmp(text, known[i].name, length) == 0) {
            *out_code = (unsigned char)known[i].code;
            return length;
        }
    }
    return 0;
}

/* The value of an attribute as it is meant; gives its length. out has room for LONGEST_LINK. */
static size_t decode(struct piece value, char *out)
{
    size_t length = 0, read;
    uint32_t code;

    for (size_t i = 0; i < value.size; i++) {
        char c = value.text[i];

        if (c == '\n' || c == '\r' || c == '\t')
            continue;
        read = c == '&' ? reference(value.text + i + 1, value.size - i - 1, &code) : 0;
        if (read)
            length += put_utf8(out + length, code); /* never longer than what was read */
        else
            out[length++] = c;
        i += read;
    }
    while (length > 0 && is_blank(out[length - 1]))
        length--;
    return length;
}

/* ---- tags ---- */

/* The attributes of a tag that may matter. */
struct tag {
    struct piece name, href, src, http_equiv, content;
};

/* The next attribute, from `at`; gives where it ends. `name` is empty at the end of the tag. */
static const char *next_attribute(const char *at, const char *end, struct piece *name,
                                  struct piece *value)
{
    const char *start;

    *value = (struct piece){"", 0};
    while (at < end && (is_blank(*at) || *at == '/'))
        at++;
    start = at;
    while (at < end && !is_blank(*at) && *at != '>' && *at != '/' && (*at != '=' || at == start))
        at++;
    *name = (struct piece){start, (size_t)(at - start)};
    start = at;
    while (at < end && is_blank(*at))
        at++;
    if (at == end || *at != '=')
        return start;
    for (at++; at < end && is_blank(*at);)
        at++;
    start = at;
    if (at < end && (*at == '"' || *at == '\'')) {
        const char *close = memchr(at + 1, *at, (size_t)(end - at - 1));

        *value = (struct piece){start + 1, (size_t)((close ? close : end) - start - 1)};
        return close ? close + 1 : end;
    }
    while (at < end && !is_blank(*at) && *at != '>')
        at++;
    *value = (struct piece){start, (size_t)(at - start)};
    return at;
}

/* Reads a tag whose name begins at `at`; gives where it ends, NULL if it does not. */
static const char *read_tag(const char *at, const char *end, struct tag *tag)
{
    struct piece name, value;

    *tag = (struct tag){.name.text = at};
    while (at < end && !is_blank(*at) && *at != '>' && *at != '/')
        at++;
    tag->name.size = (size_t)(at - tag->name.text);
    for (;;) {
        at = next_attribute(at, end, &name, &value);
        if (name.size == 0)
            return at < end ? at + 1 : NULL;
        if (is(name, "href") && !tag->href.text)
            tag->href = value;
        else if (is(name, "src") && !tag->src.text)
            tag->src = value;
        else if (is(name, "http-equiv") && !tag->http_equiv.text)
            tag->http_equiv = value;
        else if (is(name, "content") && !tag->content.text)
            tag->content = value;
    }
}

/* The URL in "5; url=there", the content of a refresh; empty if there is none. */
static struct piece refresh_target(struct piece content)
{
    const char *end = content.text + content.size, *at = find(content.text, end, "url=");

    if (at == end)
        return (struct piece){NULL, 0};
    at += 4;
    if (at < end && (*at == '"' || *at == '\''))
        at++;
    while (end > at && (is_blank(end[-1]) || end[-1] == '"' || end[-1] == '\''))
        end--;
    return (struct piece){at, (size_t)(end - at)};
}

/* What a tag leads to; text NULL: nothing. */
static struct piece target(const struct tag *tag, enum link_kind *kind)
{
    *kind = is(tag->name, "base") ? LINK_BASE : LINK_PAGE;
    if (is(tag->name, "a") || is(tag->name, "area") || is(tag->name, "base"))
        return tag->href;
    if (is(tag->name, "frame") || is(tag->name, "iframe"))
        return tag->src;
    if (is(tag->name, "meta") && is(tag->http_equiv, "refresh"))
        return refresh_target(tag->content);
    return (struct piece){NULL, 0};
}

/* Behind the tag: elements whose text is no HTML end with their end tag alone. */
static const char *skip_text(const struct tag *tag, const char *at, const char *end)
{
    static const char *const raw[] = {"script", "style", "textarea", "title", "xmp", "noembed"};
    char close[16];

    for (size_t i = 0; i < sizeof(raw) / sizeof(raw[0]); i++) {
        if (is(tag->name, raw[i])) {
            snprintf(close, sizeof(close), "</%s", raw[i]);
            return find(at, end, close);
        }
    }
    return at;
}

void links_find(const char *html, size_t size,
                void (*take)(void *arg, enum link_kind kind, const char *text, size_t size),
                void *arg)
{
    const char *at = html, *end = html + size;
    char text[LONGEST_LINK];
    enum link_kind kind;
    struct piece value;
    struct tag tag;

    while (at < end && (at = memchr(at, '<', (size_t)(end - at))) != NULL && ++at < end) {
        if (end - at >= 3 && strncmp(at, "!--", 3) == 0) {
            at = find(at + 1, end, "-->"); /* "<!-->" is one, too */
            continue;
        }
        if (!is_letter(*at))
            continue;
        at = read_tag(at, end, &tag);
        if (!at)
            break; /* the page is cut off */
        value = target(&tag, &kind);
        while (value.size > 0 && is_blank(*value.text)) {
            value.text++;
            value.size--;
        }
        if (value.text && value.size <= sizeof(text))
            take(arg, kind, text, decode(value, text));
        at = skip_text(&tag, at, end);
    }
}

/* ---- references ---- */

static bool is_hex(char c)
{
    return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'f');
}

/* Where the host's name ends, in which brackets have a meaning. */
static size_t after_host(const char *text, size_t size)
{
    const char *end = text + size, *slashes = find(text, end, "//");

    if (slashes == end || memchr(text, '?', (size_t)(slashes - text)) ||
        memchr(text, '#', (size_t)(slashes - text)))
        return 0;
    for (slashes += 2; slashes < end && !strchr("/?#", *slashes);)
        slashes++;
    return (size_t)(slashes - text);
}

size_t links_encode(char *out, size_t room, const char *text, size_t size)
{
    size_t host = after_host(text, size), length = 0;

    for (size_t i = 0; i < size; i++) {
        char c = text[i];
        bool kept = c > ' ' && c < 0x7f && !strchr("\"<>\\^`{|}", c);

        if (c == '%')
            kept = i + 2 < size && is_hex(text[i + 1]) && is_hex(text[i + 2]);
        if ((c == '[' || c == ']') && i >= host)
            kept = false;
        if (length + 4 > room)
            return 0;
        if (kept)
            out[length++] = c;
        else
            length += (size_t)snprintf(out + length, 4, "%%%02X", (unsigned char)c);
    }
    out[length] = '\0';
    return length;
}
