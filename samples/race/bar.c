/* The progress bar, on stderr. */
#include "bar.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { BAR_WIDTH = 20, WIDEST = 160 };

#define ERASE_LINE "\r\033[K"

void bar_init(struct bar *bar, struct board *board, unsigned total)
{
    const char *terminal = getenv("TERM");

    *bar = (struct bar){.board = board, .total = total, .name = ""};
    bar->draws = isatty(STDERR_FILENO) && terminal && *terminal && strcmp(terminal, "dumb") != 0;
}

void bar_begin(struct bar *bar, const char *name, unsigned count)
{
    bar->name = name;
    bar->count = count;
}

static int columns(void)
{
    struct winsize window;

    if (ioctl(STDERR_FILENO, TIOCGWINSZ, &window) < 0 || window.ws_col < 2)
        return 80;
    return window.ws_col;
}

void bar_tick(void *arg)
{
    const struct bar *bar = arg;
    unsigned done = atomic_load(&bar->board->done);
    char line[WIDEST], cells[BAR_WIDTH + 1];
    double part = (double)(bar->before + done) / (double)(bar->total ? bar->total : 1);
    int full = (int)(part * BAR_WIDTH), most = columns() - 1;

    if (!bar->draws)
        return;
    memset(cells, ' ', BAR_WIDTH);
    memset(cells, '=', (size_t)(full < BAR_WIDTH ? full : BAR_WIDTH));
    if (full < BAR_WIDTH)
        cells[full] = '>';
    cells[BAR_WIDTH] = '\0';
    snprintf(line, sizeof(line), "[%s] %3d%%  %s: %u of %u files", cells, (int)(part * 100),
             bar->name, done, bar->count);
    fprintf(stderr, "\r%.*s\033[K", most, line);
}

void bar_end(struct bar *bar, double seconds)
{
    bar->before += bar->count;
    if (!bar->draws)
        fprintf(stderr, "%s: %u files in %.2f s\n", bar->name, bar->count, seconds);
}

void bar_erase(const struct bar *bar)
{
    if (bar->draws && write(STDERR_FILENO, ERASE_LINE, strlen(ERASE_LINE)) < 0)
        return; /* nobody looks */
}
