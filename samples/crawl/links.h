/* Links in HTML: found without building a tree, whatever state the page is in. */
#ifndef CRAWL_LINKS_H
#define CRAWL_LINKS_H

#include <stddef.h>

enum { LONGEST_LINK = 4096 }; /* longer ones are passed over */

enum link_kind {
    LINK_PAGE, /* <a>, <area>, <frame>, <iframe>, <meta http-equiv=refresh> */
    LINK_BASE, /* <base>: links after it are relative to this */
};

/*
 * Calls `take` for each link, in order. text: the attribute as a browser would use it (character
 * references decoded, blanks at its ends and line ends dropped), not ending with 0, borrowed.
 * html: `size` bytes in an encoding that contains ASCII.
 */
void links_find(const char *html, size_t size,
                void (*take)(void *arg, enum link_kind kind, const char *text, size_t size),
                void *arg);

/*
 * Makes a URL reference of what people write: blanks, bytes beyond ASCII and others that URLs may
 * not have are percent-encoded. Gives the length; 0 if it does not fit. out: ends with 0.
 */
size_t links_encode(char *out, size_t room, const char *text, size_t size);

#endif
