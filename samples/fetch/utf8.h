/*
 * UTF-8 in texts that come from elsewhere: which bytes are a character, and which characters nobody
 * sees.
 */
#ifndef FETCH_UTF8_H
#define FETCH_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Bytes of the character that begins at `text` (size > 0), which goes to *out_code; 0 if it is
 * none: a stray or missing continuation, an overlong form, a surrogate, above U+10FFFF.
 */
size_t utf8_character(const char *text, size_t size, uint32_t *out_code);

/*
 * Controls, and characters that hide or reorder others: bidirectional marks, zero widths, line
 * separators.
 */
bool utf8_is_hidden(uint32_t code);

#endif
