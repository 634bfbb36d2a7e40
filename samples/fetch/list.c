/* The URLs that are to be fetched. */
#include "list.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "say.h"

static bool no_memory(void)
{
    say_error("%s", strerror(ENOMEM));
    return false;
}

/* Why this is no URL to fetch, in one phrase; NULL: it is one. */
static const char *objection(const char *url, size_t size)
{
    const char *text = NULL;
    gyre_url parsed;
    int64_t rc = gyre_url_parse(&parsed, url, size, NULL);

    if (memchr(url, '\0', size))
        text = "has a byte 0 in it";
    else if (rc == -ENOMEM)
        text = strerror(ENOMEM);
    else if (rc < 0 && gyre_error_text(gyre_error_current())[0] &&
             (strncmp(url, "http://", 7) == 0 || strncmp(url, "https://", 8) == 0))
        text = gyre_error_text(gyre_error_current());
    else if (rc < 0)
        text = "not a URL (http://... or https://...)";
    else if (strcmp(parsed.scheme, "http") != 0 && strcmp(parsed.scheme, "https") != 0)
        text = "not an http or https URL";
    else if (!parsed.host)
        text = "a URL without a host";
    gyre_url_fini(&parsed);
    return text;
}

bool list_add(struct list *list, const char *where, const char *url, size_t size)
{
    const char *wrong = objection(url, size);
    size_t room = list->room ? list->room * 2 : 16;
    struct item *items;
    char *text;

    if (wrong) {
        say_error("%s'%.*s': %s", where, (int)(size < 200 ? size : 200), url, wrong);
        return false;
    }
    if (list->count == list->room) {
        items = gyre_realloc(list->items, room * sizeof(*items));
        if (!items)
            return no_memory();
        list->items = items;
        list->room = room;
    }
    text = gyre_alloc(size + 1);
    if (!text)
        return no_memory();
    memcpy(text, url, size);
    text[size] = '\0';
    list->items[list->count++] = (struct item){.url = text, .expected = -1};
    return true;
}

/* ---- files of URLs ---- */

enum { LONGEST_LINE = GYRE_URL_MOST + 1024 };

static bool is_blank(int c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\f' || c == '\v';
}

/* Reads a line without its end; gives its length, -1 at the end of the file, -2: too long. */
static int read_line(FILE *file, char *line)
{
    int length = 0, c;

    while ((c = getc_unlocked(file)) != EOF && c != '\n') {
        if (length == LONGEST_LINE)
            return -2;
        line[length++] = (char)c;
    }
    return c == EOF && length == 0 ? -1 : length;
}

static bool read_lines(struct list *list, const char *name, FILE *file, char *line)
{
    size_t before = list->count;
    unsigned long number = 0;
    char where[300];
    int length;

    while ((length = read_line(file, line)) != -1) {
        const char *text = line;

        snprintf(where, sizeof(where), "%.256s:%lu: ", name, ++number);
        if (length < 0) {
            say_error("%sa line of more than %d bytes", where, (int)LONGEST_LINE);
            return false;
        }
        if (number == 1 && length >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) {
            text += 3; /* a byte order mark */
            length -= 3;
        }
        for (; length > 0 && is_blank(*text); length--)
            text++;
        while (length > 0 && is_blank(text[length - 1]))
            length--;
        if (length > 0 && *text != '#' && !list_add(list, where, text, (size_t)length))
            return false;
    }
    if (ferror(file)) {
        say_error("%s: %s", name, strerror(errno));
        return false;
    }
    if (list->count == before) {
        say_error("%s: no URLs in it", name);
        return false;
    }
    return true;
}

bool list_read(struct list *list, const char *name)
{
    bool is_stdin = strcmp(name, "-") == 0;
    const char *shown = is_stdin ? "stdin" : name;
    FILE *file = is_stdin ? stdin : fopen(name, "re");
    char *line = gyre_alloc(LONGEST_LINE);
    bool fine = false;

    if (!file)
        say_error("%s: %s", shown, strerror(errno));
    else if (!line)
        no_memory();
    else
        fine = read_lines(list, shown, file, line);
    if (file && !is_stdin)
        fclose(file);
    gyre_free(line);
    return fine;
}

/* ---- where they go ---- */

static char *path_of(const char *directory, const char *name)
{
    size_t size = directory ? strlen(directory) : 0;
    const char *slash = size && directory[size - 1] != '/' ? "/" : "";
    char *path = gyre_alloc(size + strlen(name) + 2);

    if (path)
        sprintf(path, "%s%s%s", directory ? directory : "", slash, name);
    return path;
}

bool list_place(struct list *list, const char *directory, bool with_parts)
{
    struct name_set taken = {.with_parts = with_parts};
    char name[NAME_SIZE];
    bool fine = true;
    gyre_url url;

    for (size_t i = 0; i < list->count && fine; i++) {
        fine = gyre_url_parse(&url, list->items[i].url, strlen(list->items[i].url), NULL) == 0;
        if (!fine)
            break;
        fine = name_from_url(name, &url) && name_claim(&taken, name);
        gyre_url_fini(&url);
        if (fine)
            list->items[i].path = path_of(directory, name);
        fine = fine && list->items[i].path;
    }
    name_set_fini(&taken);
    return fine || no_memory();
}

void list_fini(struct list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        gyre_free(list->items[i].url);
        gyre_free(list->items[i].path);
        gyre_free(list->items[i].error);
        gyre_free(list->items[i].final_url);
    }
    gyre_free(list->items);
}
