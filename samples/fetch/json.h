/* A result as one line of JSON. */
#ifndef FETCH_JSON_H
#define FETCH_JSON_H

#include "list.h"

/* The line, with its end, to be given to free(); NULL when memory is short. */
char *json_line(const struct item *item);

#endif
