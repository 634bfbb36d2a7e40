/*
 * What must be known to go on with a file that is there in part: which version it is of.
 *
 * A version is told by a strong entity tag or, without one, by a modification date that is older
 * than the answer it came with. It is sent back as If-Range: if the file has changed meanwhile the
 * server sends all of it.
 */
#ifndef FETCH_RESUME_H
#define FETCH_RESUME_H

#include <gyre/gyre.h>

enum { RESUME_VALIDATOR = 256 };

struct resume {
    char validator[RESUME_VALIDATOR]; /* for If-Range; "": none, so nothing can be completed */
    int64_t total;                    /* bytes of the whole file, -1: not known */
};

/* Takes both from an answer that brings a whole file. */
void resume_note(struct resume *resume, const gyre_http_headers *headers, int64_t length);

/* True if the answer (206) says nothing that contradicts: another tag, date or size. */
bool resume_fits(const struct resume *resume, const gyre_http_headers *headers, int64_t total);

/* Reads "bytes FIRST-LAST/TOTAL" ("*": -1). False if it is anything else. */
bool resume_range(const char *value, uint64_t *out_first, uint64_t *out_last, int64_t *out_total);

/*
 * As a text, with the URL it is about; gives its length. And back: false unless it is one, about
 * that URL.
 */
enum { RESUME_TEXT = GYRE_URL_MOST + 512 };
size_t resume_print(const struct resume *resume, const char *url, char text[RESUME_TEXT]);
bool resume_parse(struct resume *resume, const char *url, const char *text);

#endif
