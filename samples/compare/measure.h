/* Measuring: a way, with a kind of work, in a process of its own. */
#ifndef MEASURE_H
#define MEASURE_H

#include "ways.h"

struct measured {
    double seconds;      /* from the process's first moment to its last */
    long long sum;       /* of the pieces' results */
    unsigned slow_steps; /* that the loop told of */
};

/* Gives 0, or the error that ended it: GYRE_EWORKERDIED where the process died. */
int64_t measure(const struct work *work, way_function *way, struct measured *out);

#endif
