/*
 * SIGPIPE: blocked in a loop's thread from the loop's first run to its end, so that writing to a
 * broken pipe is an error and never kills. The ring raises it in the thread that submits, whenever
 * that enters the kernel: only the mask of the thread covers all of that and leaves other threads
 * alone.
 */
#include <signal.h>
#include <time.h>

#include "loop_internal.h"

/* Loops of this thread that have run, and whether the first of them found it unblocked. */
static _Thread_local unsigned loops;
static _Thread_local bool restore;

static sigset_t sigpipe(void)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGPIPE);
    return set;
}

void gyre__sigpipe_block(void)
{
    sigset_t set = sigpipe(), before;

    if (loops++ == 0)
        restore = pthread_sigmask(SIG_BLOCK, &set, &before) == 0 && !sigismember(&before, SIGPIPE);
}

/* What came meanwhile is dropped first: unblocking would deliver it. */
void gyre__sigpipe_unblock(void)
{
    const struct timespec at_once = {0, 0};
    sigset_t set = sigpipe();

    if (--loops > 0 || !restore)
        return;
    while (sigtimedwait(&set, NULL, &at_once) == SIGPIPE)
        ;
    pthread_sigmask(SIG_UNBLOCK, &set, NULL);
}
