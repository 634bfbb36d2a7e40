/* HTTP dates: days are counted by arithmetic, so that neither locale nor time zone has a say. */
#include "http_date_internal.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "ascii_internal.h"

static const char day_names[7][4] = {"Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"};
static const char long_days[7][10] = {"Thursday", "Friday",  "Saturday", "Sunday",
                                      "Monday",   "Tuesday", "Wednesday"};
static const char month_names[12][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                        "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

enum { DAY_SECONDS = 86400 };

/* Days from 1 January 1970 to that date, in the Gregorian calendar. */
static int64_t days_of(int64_t year, int month, int day)
{
    int64_t y = month <= 2 ? year - 1 : year; /* the year starts in March: leap days come last */
    int64_t era = (y >= 0 ? y : y - 399) / 400;
    int64_t of_era = y - era * 400;
    int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;

    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

static void date_of(int64_t days, int64_t *year, int *month, int *day)
{
    int64_t z = days + 719468, era = (z >= 0 ? z : z - 146096) / 146097;
    int64_t of_era = z - era * 146097;
    int64_t years = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    int64_t of_year = of_era - (365 * years + years / 4 - years / 100);
    int64_t shifted = (5 * of_year + 2) / 153;

    *day = (int)(of_year - (153 * shifted + 2) / 5 + 1);
    *month = (int)(shifted < 10 ? shifted + 3 : shifted - 9);
    *year = years + era * 400 + (*month <= 2);
}

/* ---- writing ---- */

static void put_digits(char *at, int64_t value, int digits)
{
    while (digits--) {
        at[digits] = (char)('0' + value % 10);
        value /= 10;
    }
}

void gyre__http_date_print(char buffer[GYRE__HTTP_DATE_SIZE], int64_t seconds)
{
    int64_t first = days_of(1601, 1, 1) * DAY_SECONDS;
    int64_t last = days_of(10000, 1, 1) * DAY_SECONDS - 1;
    int64_t days, rest, year;
    int month, day;

    seconds = seconds < first ? first : seconds > last ? last : seconds;
    days = (seconds >= 0 ? seconds : seconds - (DAY_SECONDS - 1)) / DAY_SECONDS;
    rest = seconds - days * DAY_SECONDS;
    date_of(days, &year, &month, &day);
    memcpy(buffer, "Thu, 00 Jan 0000 00:00:00 GMT", GYRE__HTTP_DATE_SIZE);
    memcpy(buffer, day_names[(days % 7 + 7) % 7], 3);
    put_digits(buffer + 5, day, 2);
    memcpy(buffer + 8, month_names[month - 1], 3);
    put_digits(buffer + 12, year, 4);
    put_digits(buffer + 17, rest / 3600, 2);
    put_digits(buffer + 20, rest / 60 % 60, 2);
    put_digits(buffer + 23, rest % 60, 2);
}

/* ---- reading ---- */

/* The parts of a date, and what is left of the text; each reader leaves `good` false for good. */
struct reader {
    const char *at, *end;
    bool good;
    int64_t year;
    int month, day, hour, minute, second;
};

static void want(struct reader *r, const char *text)
{
    size_t size = strlen(text);

    if (!r->good || (size_t)(r->end - r->at) < size || memcmp(r->at, text, size) != 0)
        r->good = false;
    else
        r->at += size;
}

static int64_t number(struct reader *r, int digits)
{
    int64_t value = 0;

    for (; r->good && digits; digits--) {
        if (r->at == r->end || !gyre__ascii_digit(*r->at))
            r->good = false;
        else
            value = value * 10 + (*r->at++ - '0');
    }
    return value;
}

/* One of `count` names that lie `stride` bytes apart: its index. */
static int one_of(struct reader *r, const char *names, size_t stride, int count)
{
    for (int i = 0; r->good && i < count; i++) {
        const char *name = names + (size_t)i * stride;
        size_t size = strlen(name);

        if ((size_t)(r->end - r->at) >= size && memcmp(r->at, name, size) == 0) {
            r->at += size;
            return i;
        }
    }
    r->good = false;
    return 0;
}

static void read_month(struct reader *r)
{
    r->month = one_of(r, month_names[0], sizeof(month_names[0]), 12) + 1;
}

static void read_time(struct reader *r)
{
    r->hour = (int)number(r, 2);
    want(r, ":");
    r->minute = (int)number(r, 2);
    want(r, ":");
    r->second = (int)number(r, 2);
}

/* "Sun, 06 Nov 1994 08:49:37 GMT" */
static void read_fixed(struct reader *r)
{
    one_of(r, day_names[0], sizeof(day_names[0]), 7);
    want(r, ", ");
    r->day = (int)number(r, 2);
    want(r, " ");
    read_month(r);
    want(r, " ");
    r->year = number(r, 4);
    want(r, " ");
    read_time(r);
    want(r, " GMT");
}

/* "Sunday, 06-Nov-94 08:49:37 GMT" */
static void read_rfc850(struct reader *r, int64_t now)
{
    int64_t this_year;
    int month, day;

    one_of(r, long_days[0], sizeof(long_days[0]), 7);
    want(r, ", ");
    r->day = (int)number(r, 2);
    want(r, "-");
    read_month(r);
    want(r, "-");
    r->year = number(r, 2);
    want(r, " ");
    read_time(r);
    want(r, " GMT");
    date_of(now / DAY_SECONDS, &this_year, &month, &day);
    r->year += this_year / 100 * 100;
    if (r->year > this_year + 50)
        r->year -= 100;
}

/* "Sun Nov  6 08:49:37 1994" */
static void read_asctime(struct reader *r)
{
    one_of(r, day_names[0], sizeof(day_names[0]), 7);
    want(r, " ");
    read_month(r);
    want(r, " ");
    if (r->good && r->at < r->end && *r->at == ' ') {
        r->at++;
        r->day = (int)number(r, 1);
    } else {
        r->day = (int)number(r, 2);
    }
    want(r, " ");
    read_time(r);
    want(r, " ");
    r->year = number(r, 4);
}

static bool exists(const struct reader *r)
{
    static const uint8_t lengths[12] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = r->year % 4 == 0 && (r->year % 100 != 0 || r->year % 400 == 0);
    int length = lengths[r->month - 1] + (r->month == 2 && leap);

    return r->year >= 1601 && r->day >= 1 && r->day <= length && r->hour < 24 && r->minute < 60 &&
           r->second <= 60; /* a leap second */
}

int64_t gyre__http_date_parse(const char *text, size_t size, int64_t now, int64_t *out_seconds)
{
    struct reader r = {.at = text, .end = text + size, .good = true};

    if (size > 3 && text[3] == ',')
        read_fixed(&r);
    else if (size > 3 && text[3] == ' ')
        read_asctime(&r);
    else
        read_rfc850(&r, now);
    if (!r.good || r.at != r.end || !exists(&r))
        return -EINVAL;
    *out_seconds =
        days_of(r.year, r.month, r.day) * DAY_SECONDS + r.hour * 3600 + r.minute * 60 + r.second;
    return 0;
}
