/* What the command lines of the sample programs share. */
#include "command.h"

#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void say(const char *format, ...)
{
    char line[512];
    va_list args;

    va_start(args, format);
    vsnprintf(line, sizeof(line), format, args);
    va_end(args);
    fprintf(stderr, "%s: %s\n", command_name, line);
}

bool number(const char *name, unsigned least, unsigned most, unsigned *out)
{
    unsigned long value;
    char *end;

    errno = 0;
    value = strtoul(optarg, &end, 10);
    *out = (unsigned)value;
    if (!errno && *optarg >= '0' && *optarg <= '9' && !*end && value >= least && value <= most)
        return true;
    say("%s takes a number from %u to %u, not '%s'", name, least, most, optarg);
    return false;
}
