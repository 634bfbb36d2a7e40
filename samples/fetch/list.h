/*
 * The URLs that are to be fetched, in the order in which they were given, and what became of each.
 */
#ifndef FETCH_LIST_H
#define FETCH_LIST_H

#include <gyre/gyre.h>

#include "name.h"

enum item_state {
    ITEM_WAITING, /* not begun */
    ITEM_RUNNING, /* a worker has it */
    ITEM_FETCHED, /* its file is whole and has its name */
    ITEM_FAILED,  /* `error` says why */
    ITEM_STOPPED, /* the run ended before; so does it here */
};

/* A URL and its result. Texts are its own, unless stated otherwise. */
struct item {
    char *url;
    char *path; /* where it goes; NULL: stdout */
    enum item_state state;
    bool reported;           /* its line is on the way to stdout (--json) */
    char *error;             /* why it was not fetched, one line; NULL: it was */
    char *final_url;         /* which URL answered; NULL: none */
    unsigned status;         /* of the last answer; 0: none */
    unsigned attempts;       /* made */
    uint64_t size;           /* bytes of the file that are there */
    uint64_t resumed;        /* of these, that were there from an earlier run */
    int64_t expected;        /* bytes the whole file shall have; -1: not known */
    int64_t local_error;     /* of the file system, that made it fail; 0: none */
    gyre_http_timing timing; /* of the last answer */
    uint64_t body_ns;        /* from its head to the end of its body */
    uint64_t total_ns;       /* all attempts, and what lay between */
};

struct list {
    struct item *items;
    size_t count, room;
};

/*
 * Adds a URL of `size` bytes, which is checked. `where` ("" or "list.txt:3: ") goes before the one
 * line that says what is wrong with it. Gives false then, and when memory is short.
 */
bool list_add(struct list *list, const char *where, const char *url, size_t size);

/*
 * Adds the URLs of a file, "-" being stdin: one a line, blanks around it ignored, as empty lines
 * are and those that begin with '#'. Gives false after one line that says what is wrong.
 */
bool list_read(struct list *list, const char *name);

/*
 * Says where each goes: names of their own in the directory (NULL: the current one); with_parts:
 * that of what is kept beside them, too. Gives false when memory is short.
 */
bool list_place(struct list *list, const char *directory, bool with_parts);

void list_fini(struct list *list);

#endif
