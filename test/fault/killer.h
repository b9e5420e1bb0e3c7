/*
 * Killer: one thread that ends random backends of the clients or cancels what
 * they are at, and now and then kills one with signal 9, upon which the server
 * ends all of them and restarts.
 *
 * It must run as the server's own user. The options are written before the
 * thread starts, the counts are read after it has been joined; stop and
 * progress are the only words between the threads.
 */
#ifndef QF_KILLER_H
#define QF_KILLER_H

#include <stdatomic.h>
#include <stdbool.h>

typedef struct Killer
{
    const char *conninfo;
    const char *pattern; /* of the clients' application_name, as in LIKE */
    int every_ms;        /* a backend is terminated or cancelled about as often; 0: never */
    int crashes;         /* to be made, evenly over the progress */
    unsigned seed;
    atomic_int progress; /* how far the run has come, in thousandths */
    atomic_bool stop;
    long terminated, cancelled;
    int crashed;
} Killer;

extern void *qf_killer_main(void *killer);

#endif
