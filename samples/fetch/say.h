/*
 * Lines on stderr, and the one bar below them that is drawn again and again.
 *
 * Everything this program says goes through here, so that nothing a server sends (a reason, a
 * certificate's name) reaches the terminal with control characters in it, and no line is written
 * into the bar.
 */
#ifndef FETCH_SAY_H
#define FETCH_SAY_H

#include <stdbool.h>
#include <stddef.h>

/* Prints a line; the end of line is added. */
void say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The same with the program's name before it: what went wrong. */
void say_error(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Draws the bar anew (nothing but printable ASCII), or takes it away. */
void say_bar(const char *text);
void say_no_bar(void);

/* Copies a text with '?' in place of what must not be shown; cut to fit. */
void say_clean(char *buffer, size_t size, const char *text);

/* True where a bar can be drawn: stderr is a terminal that knows how. */
bool say_can_draw(void);

/* Columns of that terminal, now. */
unsigned say_columns(void);

#endif
