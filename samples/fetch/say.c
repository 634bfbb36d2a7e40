/* Lines on stderr, and the bar below them. */
#include "say.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "utf8.h"

enum { LONGEST_LINE = 4096 };

#define ERASE_LINE "\r\033[K"

static bool bar_is_drawn;

void say_clean(char *buffer, size_t size, const char *text)
{
    size_t left = strlen(text), used = 0, length;
    uint32_t code = 0;

    while (left > 0) {
        length = utf8_character(text, left, &code);
        if (used + (length ? length : 1) >= size)
            break;
        if (length == 0 || utf8_is_hidden(code)) {
            buffer[used++] = '?';
            length = length ? length : 1;
        } else {
            memcpy(buffer + used, text, length);
            used += length;
        }
        text += length;
        left -= length;
    }
    buffer[used] = '\0';
}

/* One write for each line, as stderr may be shared with other programs. */
static void say_line(const char *prefix, const char *format, va_list args)
{
    char text[LONGEST_LINE], clean[LONGEST_LINE];

    vsnprintf(text, sizeof(text), format, args);
    say_clean(clean, sizeof(clean), text);
    fprintf(stderr, "%s%s%s\n", bar_is_drawn ? ERASE_LINE : "", prefix, clean);
    bar_is_drawn = false;
}

void say(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    say_line("", format, args);
    va_end(args);
}

void say_error(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    say_line("gyre-fetch: ", format, args);
    va_end(args);
}

void say_bar(const char *text)
{
    fprintf(stderr, ERASE_LINE "%s", text);
    bar_is_drawn = true;
}

void say_no_bar(void)
{
    if (bar_is_drawn)
        fputs(ERASE_LINE, stderr);
    bar_is_drawn = false;
}

bool say_can_draw(void)
{
    const char *terminal = getenv("TERM");

    return isatty(STDERR_FILENO) && terminal && *terminal && strcmp(terminal, "dumb") != 0;
}

unsigned say_columns(void)
{
    struct winsize window;

    if (ioctl(STDERR_FILENO, TIOCGWINSZ, &window) < 0 || window.ws_col == 0)
        return 80;
    return window.ws_col;
}
