/* The shared board, and processes that are on it. */
#include "board.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

struct board *board_new(void)
{
    void *memory =
        mmap(NULL, sizeof(struct board), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    return memory == MAP_FAILED ? NULL : memory; /* all zero */
}

void board_clear(struct board *board)
{
    atomic_store(&board->done, 0);
    atomic_store(&board->slow_steps, 0);
    atomic_store(&board->processes, 0);
}

bool board_complain(struct board *board, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    if (!atomic_flag_test_and_set(&board->complained))
        vsnprintf(board->complaint, sizeof(board->complaint), format, args);
    va_end(args);
    return false;
}

pid_t board_fork(struct board *board)
{
    pid_t parent = getpid(), child;
    unsigned place;

    fflush(NULL); /* what waits in a buffer would be written twice */
    child = fork();
    if (child != 0)
        return child;
    signal(SIGINT, SIG_DFL);
    signal(SIGTERM, SIG_DFL);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(EXIT_FAILURE); /* it died before */
    if (board) {
        place = atomic_fetch_add(&board->processes, 1);
        if (place < BOARD_PROCESSES)
            atomic_store(&board->pids[place], getpid());
    }
    return 0;
}
