/* The version the library was built as. */
#include "loop/version.h"

_Static_assert(GYRE_VERSION_MINOR < 1000 && GYRE_VERSION_PATCH < 1000,
               "GYRE_VERSION_NUMBER has three digits for each");

const char *gyre_version(void)
{
    return GYRE_VERSION_STRING;
}

int gyre_version_number(void)
{
    return GYRE_VERSION_NUMBER;
}
