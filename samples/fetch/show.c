/* Numbers as people read them. */
#include "show.h"

#include <stdio.h>

struct shown show_size(uint64_t bytes)
{
    static const char units[] = "kMGTPE";
    struct shown shown;
    double size = (double)bytes / 1000;
    unsigned unit = 0;

    if (bytes < 1000) {
        snprintf(shown.text, sizeof(shown.text), "%u B", (unsigned)bytes);
        return shown;
    }
    while (size >= 999.95 && units[unit + 1]) { /* what would be printed as 1000.0 */
        size /= 1000;
        unit++;
    }
    snprintf(shown.text, sizeof(shown.text), "%.1f %cB", size, units[unit]);
    return shown;
}

struct shown show_time(int64_t ns)
{
    struct shown shown;
    double seconds = (double)ns / 1e9;

    snprintf(shown.text, sizeof(shown.text), "%.*f s", seconds < 9.995 ? 2 : 1, seconds);
    return shown;
}

struct shown show_clock(int64_t ns)
{
    struct shown shown;
    long long seconds = (long long)((ns + 500000000) / 1000000000);

    if (seconds < 3600)
        snprintf(shown.text, sizeof(shown.text), "%lld:%02lld", seconds / 60, seconds % 60);
    else if (seconds < 86400)
        snprintf(shown.text, sizeof(shown.text), "%lld:%02lld:%02lld", seconds / 3600,
                 seconds / 60 % 60, seconds % 60);
    else
        snprintf(shown.text, sizeof(shown.text), "%lldd %02lldh", seconds / 86400,
                 seconds / 3600 % 24);
    return shown;
}
