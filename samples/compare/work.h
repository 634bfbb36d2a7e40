/* The four kinds of work, each cut into pieces. */
#ifndef WORK_H
#define WORK_H

#include <gyre/gyre.h>

struct work {
    unsigned (*count)(void);   /* pieces there are */
    unsigned (*workers)(void); /* threads or processes that share them */

    /* Prints what a piece is, with its size. */
    void (*describe)(void);

    /* Does a piece, and blocks meanwhile: in any thread or process. A value or an error. */
    int64_t (*piece)(unsigned number);

    /* Adds a task that does a piece by awaiting, and counts it; false: refused. NULL: there is none. */
    bool (*spawn)(gyre_group *group, unsigned number);

    /* Before the first of them, in the running loop, and after the last; may be NULL. */
    int64_t (*open)(void);
    void (*close)(void);
};

extern const struct work cpu_work, disk_work, network_work, sleep_work;

/* Of the server that network_work talks to; set before it is used. */
extern uint16_t network_port;

enum { NETWORK_BODY = 11759 }; /* bytes of an answer */

#endif
