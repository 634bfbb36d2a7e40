/* The pages that the crawler has come across: each URL once, and what became of it. */
#ifndef CRAWL_PAGES_H
#define CRAWL_PAGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum outcome {
    PAGE_WAITING,
    PAGE_FETCHED,    /* whole, with a status from 200 to 299 */
    PAGE_REDIRECTED, /* leads elsewhere */
    PAGE_FORBIDDEN,  /* robots.txt says to leave it alone */
    PAGE_FAILED,     /* see `problem` */
};

struct page {
    char *url;               /* no fragment; owned */
    const struct page *from; /* the one with the link; NULL: given by the user */
    unsigned depth;          /* links from there */
    unsigned redirects;      /* in a row, before it */
    enum outcome outcome;
    unsigned status;   /* of the answer; 0: there was none */
    uint64_t bytes;    /* of its body */
    int64_t took_ns;   /* the last try, from asking to the last byte */
    char problem[160]; /* why it failed; "" else */
    struct page *next; /* in the order of discovery */
    struct page *same_slot;
};

/* All zero is empty. */
struct pages {
    struct page *first, *last;
    size_t count;
    struct page **slots; /* by hash of the URL */
    size_t slot_count;   /* a power of two */
};

/* The page of that URL, or NULL. */
struct page *pages_find(const struct pages *pages, const char *url);

/* A new page (borrowed) for a URL that is not there yet; NULL: no memory. */
struct page *pages_add(struct pages *pages, const char *url);

void pages_fini(struct pages *pages);

#endif
