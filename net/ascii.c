/* The table of byte classes, worked out by the compiler from what each class says. */
#include "ascii_internal.h"

#define ALPHA(c) (((c) >= 'A' && (c) <= 'Z') || ((c) >= 'a' && (c) <= 'z'))
#define ALNUM(c) (ALPHA(c) || ((c) >= '0' && (c) <= '9'))
#define UNRES(c) (ALNUM(c) || (c) == '-' || (c) == '.' || (c) == '_' || (c) == '~')
#define SUBDEL(c)                                                                                  \
    ((c) == '!' || (c) == '$' || ((c) >= '&' && (c) <= ',') || (c) == ';' || (c) == '=')
#define TOKEN(c)                                                                                   \
    (UNRES(c) || (c) == '!' || ((c) >= '#' && (c) <= '\'') || (c) == '*' || (c) == '+' ||          \
     (c) == '^' || (c) == '`' || (c) == '|')
#define TARGET(c)                                                                                  \
    (UNRES(c) || SUBDEL(c) || (c) == ':' || (c) == '@' || (c) == '/' || (c) == '[' ||              \
     (c) == ']' || (c) == '^' || (c) == '|')
#define ARGUMENT(c)                                                                                \
    (TARGET(c) || (c) == '?' || (c) == '"' || (c) == '`' || (c) == '{' || (c) == '}' ||            \
     (c) == '\\' || (c) == '%')

#define ONE(c)                                                                                     \
    (uint8_t)((TOKEN(c) ? GYRE__ASCII_TOKEN : 0) | (UNRES(c) ? GYRE__ASCII_UNRESERVED : 0) |       \
              (SUBDEL(c) ? GYRE__ASCII_SUBDELIM : 0) |                                             \
              (ALNUM(c) || (c) == '-' || (c) == '.' || (c) == '_' ? GYRE__ASCII_HOST : 0) |        \
              (ALNUM(c) || (c) == '+' || (c) == '-' || (c) == '.' ? GYRE__ASCII_SCHEME : 0) |      \
              (TARGET(c) ? GYRE__ASCII_TARGET : 0) | (ARGUMENT(c) ? GYRE__ASCII_ARGUMENT : 0) |    \
              (((c) >= 32 && (c) != 127) || (c) == 9 ? GYRE__ASCII_FIELD : 0))
#define FOUR(c)    ONE(c), ONE((c) + 1), ONE((c) + 2), ONE((c) + 3)
#define SIXTEEN(c) FOUR(c), FOUR((c) + 4), FOUR((c) + 8), FOUR((c) + 12)
#define SIXTY4(c)  SIXTEEN(c), SIXTEEN((c) + 16), SIXTEEN((c) + 32), SIXTEEN((c) + 48)

const uint8_t gyre__ascii_table[256] = {SIXTY4(0), SIXTY4(64), SIXTY4(128), SIXTY4(192)};
