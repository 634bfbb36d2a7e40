/* Talking to an HTTP server in raw bytes. */
#include "http_talk.h"

#include <string.h>

#include "../../net/connect.h"
#include "../../task/sleep.h"

char http_answer[HTTP_ANSWER_SIZE];
size_t http_answer_size;

void http_hide_dates(void)
{
    enum { DATE = 29 };

    for (char *at = http_answer; (at = strstr(at, "\r\nDate: ")) != NULL; at += 9) {
        char *rest = at + 8 + DATE;

        if ((size_t)(rest - http_answer) > http_answer_size || memcmp(rest - 4, " GMT", 4) != 0)
            continue; /* one that a handler made */
        at[8] = '*';
        memmove(at + 9, rest, http_answer_size - (size_t)(rest - http_answer) + 1);
        http_answer_size -= DATE - 1;
    }
}

unsigned http_count(const char *text)
{
    unsigned count = 0;

    for (const char *at = http_answer; (at = strstr(at, text)) != NULL; at += strlen(text))
        count++;
    return count;
}

GYRE__CORO(, http_talk)
{
    GYRE_BEGIN;
    http_answer_size = 0;
    if (!self->size)
        self->size = strlen(self->text);
    if (!self->piece)
        self->piece = self->size;
    GYRE_TRY(gyre_open_connection("127.0.0.1", self->port, NULL, &self->stream));
    if (self->tls)
        GYRE_TRY(gyre_start_tls(self->stream, self->tls,
                                &(gyre_start_tls_options){.server_name = "localhost"}));
    while (self->sent < self->size) {
        if (self->piece > self->size - self->sent)
            self->piece = self->size - self->sent;
        GYRE_AWAIT(self->rc, gyre_stream_write(self->stream, self->text + self->sent, self->piece));
        if (self->rc < 0)
            break; /* the answer may say why */
        self->sent += self->piece;
        if (self->sent < self->size)
            GYRE_TRY(gyre_sleep(0));
    }
    if (!self->keep)
        gyre_stream_write_eof(self->stream);
    do {
        GYRE_TRY(self->rc, gyre_stream_read(self->stream, http_answer + http_answer_size,
                                            HTTP_ANSWER_SIZE - 1 - http_answer_size));
        http_answer_size += (size_t)self->rc;
    } while (self->rc > 0);
    GYRE_FINALLY;
    http_answer[http_answer_size] = '\0';
    http_hide_dates();
    gyre_stream_abort(self->stream);
    GYRE_END;
}
