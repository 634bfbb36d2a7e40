/* What is worth another attempt, and when. */
#include "retry.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

bool retry_status(unsigned status)
{
    if (status == 501 || status == 505 || status == 506 || status == 508 || status == 510 ||
        status == 511)
        return false; /* will be so tomorrow */
    return status == 408 || status == 425 || status == 429 || (status >= 500 && status < 600);
}

bool retry_error(int64_t code)
{
    static const int64_t codes[] = {
        -ECONNREFUSED,      -ECONNRESET,   -ECONNABORTED,    -EPIPE,        -ETIMEDOUT,
        -ENETUNREACH,       -EHOSTUNREACH, -ENETDOWN,        -EHOSTDOWN,    -ENETRESET,
        -EADDRNOTAVAIL,     GYRE_ETIMEOUT, GYRE_EDNSAGAIN,   GYRE_EDNSFAIL, GYRE_EHTTPINCOMPLETE,
        GYRE_ETLSTRUNCATED, GYRE_EEOF,     GYRE_EINCOMPLETE,
    };

    for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
        if (codes[i] == code)
            return true;
    }
    return false;
}

int64_t retry_delay(unsigned attempt, uint64_t random)
{
    int64_t delay = attempt > 6 ? GYRE_SECONDS(30) : GYRE_MS(500) << (attempt ? attempt - 1 : 0);

    return delay - delay / 4 + (int64_t)(random % (uint64_t)(delay / 2));
}

int64_t retry_after(const char *value, time_t now)
{
    struct tm date;
    const char *end;
    size_t digits;
    time_t when;

    if (!value)
        return -1;
    digits = strspn(value, "0123456789");
    if (digits > 0)
        return value[digits] ? -1 : digits > 9 ? GYRE_FOREVER : GYRE_SECONDS(atol(value));
    memset(&date, 0, sizeof(date));
    end = strptime(value, "%a, %d %b %Y %H:%M:%S GMT", &date);
    if (!end || *end)
        return -1;
    when = timegm(&date);
    return when > now ? (int64_t)(when - now) * GYRE_SECONDS(1) : 0;
}
