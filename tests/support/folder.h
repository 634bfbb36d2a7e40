/*
 * For tests with files: an empty folder as the current one, and a log of what coroutines have seen.
 */
#ifndef GYRE_TESTS_SUPPORT_FOLDER_H
#define GYRE_TESTS_SUPPORT_FOLDER_H

#include <stdint.h>

#include "../../loop/api.h"

/*
 * For cmocka_unit_test_setup_teardown(): makes a folder below /tmp and goes there; goes back and
 * removes it.
 */
int folder_set_up(void **state);
int folder_tear_down(void **state);

/* Writes a file, or compares one with a text of up to 99 bytes; a cmocka failure if that fails. */
void folder_make_file(const char *name, const char *text);
void folder_assert_contents(const char *name, const char *text);

/*
 * What the coroutines of a test noted since folder_set_up(); cmocka's assertions must not be used
 * in them.
 */
extern char folder_log[512];
void folder_note(const char *format, ...) GYRE_PRINTF(1, 2);
void folder_note_result(int64_t rc); /* the number, or the error's name, and a space */

#endif
