/*
 * File names from URLs: safe ones, each only once.
 *
 * A name is the last segment of the URL's path, decoded, "index.html" if that is empty. It never
 * holds a '/', a control character or anything else that hides or reorders text, never begins with
 * '.' or '-', and leaves room for what is put behind it. What a server says about names (Content-
 * Disposition, redirects) does not count, so a name is known, and the same in every run, before
 * anything is fetched.
 */
#ifndef FETCH_NAME_H
#define FETCH_NAME_H

#include <gyre/gyre.h>

enum {
    NAME_MOST = 200, /* bytes of a name; file systems allow 255 */
    NAME_SIZE = 256, /* of an array for one, with a number and an end */
};

/* Behind the name of what is kept until it can be completed, and of what is known about it. */
#define NAME_PART ".part"
#define NAME_INFO ".part.info"

/* Gives false when memory is short. */
bool name_from_url(char name[NAME_SIZE], const gyre_url *url);

/* Names given away. All zero is none; ended with name_set_fini(). */
struct name_set {
    struct name_entry *entries; /* a hash table, its size a power of two */
    size_t count, size;
    bool with_parts; /* with each name goes what may lie beside it: NAME_PART, NAME_INFO */
};

/*
 * Takes the name, or if it was taken the first of name-2, name-3... (before its suffix) that was
 * not. Gives false when memory is short.
 */
bool name_claim(struct name_set *set, char name[NAME_SIZE]);

void name_set_fini(struct name_set *set);

#endif
