/* The slot of the current error detail: how details follow their codes through frames and futures. */
#ifndef GYRE_LOOP_ERROR_INTERNAL_H
#define GYRE_LOOP_ERROR_INTERNAL_H

#include "error.h"

/* Slot of the running task; NULL while no task runs, then the thread's own slot is used. */
extern _Thread_local gyre_error **gyre__error_slot __attribute__((tls_model("initial-exec")));

/* Replaces the current detail; takes over the reference (or NULL). */
void gyre__error_set(gyre_error *moved);

/* Takes the current detail out if it belongs to `code`: gives the reference, or NULL. */
gyre_error *gyre__error_take(int64_t code);

#endif
