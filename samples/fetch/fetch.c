/* Fetching one URL, in as many attempts as it takes and may take. */
#include "fetch.h"

#include "attempt.h"
#include "report.h"
#include "retry.h"

static int64_t pause_of(struct fetch *self)
{
    int64_t delay = retry_delay(self->tries, gyre_loop_random(gyre_loop_current()));

    return self->wait_ns > delay ? self->wait_ns : delay;
}

static void note_part(struct fetch *self)
{
    self->item->size = self->item->resumed = self->save.size;
    self->item->expected = self->save.resume.total;
}

static void set_state(struct fetch *self, enum item_state state)
{
    struct item *item = self->item;

    item->state = state;
    if (state == ITEM_FETCHED) { /* in the end: why it failed before does not matter */
        gyre_free(item->error);
        item->error = NULL;
    }
}

GYRE_CORO_PUBLIC(fetch)
{
    GYRE_BEGIN;
    self->begun_ns = gyre_loop_time(gyre_loop_current());
    self->save = (struct save){
        .url = self->item->url,
        .path = self->item->path,
        .keep = self->run->options->resume,
        .follow = self->run->options->file != NULL,
    };
    if (self->save.keep) {
        GYRE_AWAIT(self->n, GYRE_CALL(save_find, .save = &self->save));
        if (self->n == GYRE_ECANCELLED)
            GYRE_RETURN(self->n);
        if (self->n < 0) {
            item_note_local(self->item, self->n);
            set_state(self, ITEM_FAILED);
            GYRE_RETURN(0);
        }
        note_part(self);
    }
    for (;;) {
        self->item->attempts++;
        self->wait_ns = -1;
        GYRE_TRY(self->n, GYRE_CALL(attempt, .fetch = self));
        if (self->n == VERDICT_FETCHED || self->n == VERDICT_FAILED ||
            (self->n == VERDICT_LATER && self->tries == self->run->options->retries))
            break;
        if (self->n == VERDICT_LATER) {
            self->tries++;
            self->n = pause_of(self);
            report_pause(self->run, self->item, self->n);
            GYRE_TRY(gyre_sleep(self->n));
        }
    }
    set_state(self, self->n == VERDICT_FETCHED ? ITEM_FETCHED : ITEM_FAILED);
    GYRE_RETURN(0);
    GYRE_FINALLY;
    GYRE_AWAIT(self->n, save_end(&self->save));
    self->item->total_ns = gyre_loop_time(gyre_loop_current()) - self->begun_ns;
    GYRE_END;
}
