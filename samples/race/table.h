/* The table at the end: what each way took, what was reported, and why not all of that is right. */
#ifndef TABLE_H
#define TABLE_H

#include "referee.h"

struct row {
    char name[48];
    double reported_seconds;
    double reported_gain;
    struct measured measured;
};

/*
 * rows: count of them, the first the one that the others are compared with, the last the tasks.
 * blocking: the tasks that block.
 */
void table_print(const struct race *race, const struct row *rows, unsigned count,
                 const struct measured *blocking);

#endif
