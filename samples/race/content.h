/* What is in the files: bytes that follow from the number of the file alone. */
#ifndef CONTENT_H
#define CONTENT_H

#include <stdbool.h>

#include "race.h"

/* Writes all `file.size` bytes. */
void content_make(struct file file, unsigned char *out);

/* True if these are the bytes of the file, every one. */
bool content_is(struct file file, const void *data, size_t size);

#endif
