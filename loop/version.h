/* Which gyre this is: the version compiled against (macros) and the version running (functions). */
#ifndef GYRE_LOOP_VERSION_H
#define GYRE_LOOP_VERSION_H

#include "api.h"

GYRE_BEGIN_DECLS

#define GYRE_VERSION_MAJOR 0
#define GYRE_VERSION_MINOR 1
#define GYRE_VERSION_PATCH 0

/* "0.1.0" */
#define GYRE_VERSION_STRING                                                                        \
    GYRE__VERSION_TEXT(GYRE_VERSION_MAJOR, GYRE_VERSION_MINOR, GYRE_VERSION_PATCH)

/* One number that grows with every version: compare with >=. Usable in #if. */
#define GYRE_VERSION_NUMBER                                                                        \
    (GYRE_VERSION_MAJOR * 1000000 + GYRE_VERSION_MINOR * 1000 + GYRE_VERSION_PATCH)

/* Two steps, so that the numbers and not the macros' names become text. */
#define GYRE__VERSION_TEXT(major, minor, patch) GYRE__VERSION_JOIN(major, minor, patch)
#define GYRE__VERSION_JOIN(major, minor, patch) #major "." #minor "." #patch

/*
 * GYRE_VERSION_STRING and GYRE_VERSION_NUMBER of the library that runs, which a shared library may
 * have made newer than the headers. Callable from any thread at any time; never fail or suspend.
 * The text is borrowed and lives for ever. Since 0.1.
 */
GYRE_API const char *gyre_version(void);
GYRE_API int gyre_version_number(void);

GYRE_END_DECLS

#endif
