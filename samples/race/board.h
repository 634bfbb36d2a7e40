/* A board that all processes of the race see: memory they share. */
#ifndef BOARD_H
#define BOARD_H

#include <stdatomic.h>
#include <stdbool.h>
#include <sys/types.h>

enum { BOARD_PROCESSES = 257 };

struct board {
    atomic_uint port; /* where the server listens; 0: not yet */
    atomic_uint done; /* files downloaded and checked, of the way that runs now */
    atomic_uint
        slow_steps;        /* of a loop in debug mode that were told of, in the way that runs now */
    atomic_uint processes; /* how many that way has started, the first one included */
    _Atomic pid_t pids[BOARD_PROCESSES];
    atomic_flag complained;
    char complaint[256]; /* the first thing that went wrong; read it when all have ended */
};

/* A new one; NULL if there is no memory. It lives as long as the process. */
struct board *board_new(void);

/* For the next way: nothing done, nobody there. Complaints stay. */
void board_clear(struct board *board);

/* Writes up what went wrong, if it is the first thing. False, for `return board_complain(...)`. */
__attribute__((format(printf, 2, 3))) bool board_complain(struct board *board, const char *format,
                                                          ...);

/*
 * fork() for the race: the child dies with its parent, and is put on the list of the board unless
 * that is NULL. Gives the child's number, 0 in the child, -1 when it fails.
 */
pid_t board_fork(struct board *board);

#endif
