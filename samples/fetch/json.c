/* A result as one line of JSON. */
#include "json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "utf8.h"

/* A string, or null. What is not UTF-8 becomes U+FFFD. */
static void put_string(FILE *out, const char *text)
{
    size_t left = text ? strlen(text) : 0, length;
    uint32_t code = 0;

    if (!text) {
        fputs("null", out);
        return;
    }
    putc('"', out);
    for (; left > 0; text += length, left -= length) {
        length = utf8_character(text, left, &code);
        if (length == 0) {
            fputs("\\ufffd", out);
            length = 1;
        } else if (code == '"' || code == '\\') {
            fprintf(out, "\\%c", (char)code);
        } else if (utf8_is_hidden(code) && code <= 0xffff) {
            fprintf(out, "\\u%04x", (unsigned)code);
        } else {
            fwrite(text, 1, length, out);
        }
    }
    putc('"', out);
}

static void put_named(FILE *out, const char *name, const char *text)
{
    fprintf(out, ", \"%s\": ", name);
    put_string(out, text);
}

static void put_phases(FILE *out, const struct item *item)
{
    const gyre_http_timing *timing = &item->timing;
    const struct {
        const char *name;
        uint64_t ns;
    } phases[] = {
        {"queue", timing->queue_ns},     {"name", timing->name_ns},
        {"connect", timing->connect_ns}, {"tls", timing->tls_ns},
        {"send", timing->send_ns},       {"first_byte", timing->first_byte_ns},
        {"body", item->body_ns},         {"total", item->total_ns},
    };

    fputs(", \"phases\": {", out);
    for (size_t i = 0; i < sizeof(phases) / sizeof(phases[0]); i++)
        fprintf(out, "%s\"%s\": %.3f", i ? ", " : "", phases[i].name, (double)phases[i].ns / 1e6);
    fputs("}", out);
}

char *json_line(const struct item *item)
{
    const char *file = item->path ? item->path : "-";
    size_t size = 0;
    char *line = NULL;
    FILE *out = open_memstream(&line, &size);
    bool failed;

    if (!out)
        return NULL;
    fputs("{\"url\": ", out);
    put_string(out, item->url);
    put_named(out, "final_url", item->final_url);
    if (item->status)
        fprintf(out, ", \"status\": %u", item->status);
    else
        fputs(", \"status\": null", out);
    fprintf(out, ", \"bytes\": %llu", (unsigned long long)item->size);
    put_named(out, "file", item->state == ITEM_FETCHED ? file : NULL);
    put_named(out, "error",
              item->state == ITEM_FETCHED ? NULL
              : item->error               ? item->error
                                          : "failed");
    fprintf(out, ", \"attempts\": %u, \"resumed\": %llu", item->attempts,
            (unsigned long long)item->resumed);
    put_phases(out, item);
    fputs("}\n", out);
    failed = ferror(out) != 0;
    if (fclose(out) != 0 || failed) {
        free(line);
        return NULL;
    }
    return line;
}
