/* The progress bar, as a text. */
#include "progress.h"

#include <stdio.h>
#include <string.h>

#include "show.h"

enum {
    SAMPLES = sizeof(((struct progress_rate *)0)->samples) / sizeof(struct progress_sample),
    NARROWEST_BAR = 10,
    WIDEST_BAR = 40
};

void progress_sample(struct progress_rate *rate, uint64_t when_ns, uint64_t bytes)
{
    rate->samples[rate->count++ % SAMPLES] = (struct progress_sample){when_ns, bytes};
}

double progress_per_second(const struct progress_rate *rate)
{
    size_t oldest = rate->count > SAMPLES ? rate->count - SAMPLES : 0;
    const struct progress_sample *from = &rate->samples[oldest % SAMPLES];
    const struct progress_sample *to = &rate->samples[(rate->count + SAMPLES - 1) % SAMPLES];

    if (rate->count < 2 || to->when_ns <= from->when_ns || to->bytes < from->bytes)
        return 0;
    return (double)(to->bytes - from->bytes) * 1e9 / (double)(to->when_ns - from->when_ns);
}

double progress_done(const struct progress *progress)
{
    double done = (double)(progress->fetched + progress->failed) + progress->under_way;

    if (progress->whole > 0)
        done = (double)progress->there / (double)progress->whole;
    else if (progress->files == 1)
        return -1;
    else
        done /= (double)progress->files;
    return done < 0 ? 0 : done > 1 ? 1 : done;
}

int64_t progress_left(const struct progress *progress)
{
    const double most = 100.0 * 86400 * 1e9; /* nobody believes more */
    double done = progress_done(progress), left = -1;

    if (progress->whole > 0 && progress->rate > 0)
        left = (double)(progress->whole - progress->there) * 1e9 / progress->rate;
    else if (progress->whole == 0 && done > 0)
        left = (double)progress->elapsed_ns * (1 - done) / done;
    if (progress->missing > 0 && progress->rate > 0 &&
        left < (double)progress->missing * 1e9 / progress->rate)
        left = (double)progress->missing * 1e9 / progress->rate; /* a few may be much larger */
    return left < 0 || left > most ? -1 : (int64_t)left;
}

/* What is told in words; `much` adds what can be done without. */
static void print_words(const struct progress *progress, bool much, char *text, size_t size)
{
    double done = progress_done(progress);
    int64_t left = progress_left(progress);
    size_t used = 0;

#define ADD(...) /* never beyond `size`: what does not fit is cut */                               \
    used += (size_t)snprintf(text + used, size - used, __VA_ARGS__);                               \
    used = used < size ? used : size - 1

    text[0] = '\0';
    if (done >= 0) {
        ADD("%3d%%  ", (int)(done * 100));
    }
    if (progress->files > 1) {
        ADD("%zu of %zu files  ", progress->fetched, progress->files);
    }
    if (much || progress->files == 1) {
        ADD("%s", show_size(progress->files == 1 ? progress->there : progress->bytes).text);
        if (progress->whole > 0) {
            ADD(" of %s", show_size(progress->whole).text);
        }
        ADD("  ");
    }
    if (much) {
        ADD("%s/s  ", show_size((uint64_t)progress->rate).text);
    }
    if (left >= 0) {
        ADD("%s left  ", show_clock(left).text);
    }
    if (progress->failed > 0 && progress->files > 1) {
        ADD("%zu failed  ", progress->failed);
    }
#undef ADD
    while (used > 0 && text[used - 1] == ' ')
        text[--used] = '\0';
}

static void print_bar(double done, size_t width, char *text)
{
    size_t full = (size_t)(done * (double)(width - 2));

    memset(text, ' ', width);
    memset(text + 1, '=', full);
    if (full < width - 2)
        text[1 + full] = '>';
    text[0] = '[';
    text[width - 1] = ']';
    text[width] = '\0';
}

void progress_print(const struct progress *progress, unsigned columns, char *line, size_t size)
{
    size_t most = columns > 1 ? columns - 1 : 0; /* the last column may make the terminal wrap */
    double done = progress_done(progress);
    char words[160], bar[WIDEST_BAR + 1];
    size_t room, length;

    most = most < size - 1 ? most : size - 1;
    print_words(progress, true, words, sizeof(words));
    if (strlen(words) > most)
        print_words(progress, false, words, sizeof(words));
    length = strlen(words);
    room = most > length + 2 ? most - length - 2 : 0;
    bar[0] = '\0';
    if (done >= 0 && room >= NARROWEST_BAR)
        print_bar(done, room < WIDEST_BAR ? room : WIDEST_BAR, bar);
    snprintf(line, most + 1, "%s%s%s", bar, bar[0] ? "  " : "", words);
}
