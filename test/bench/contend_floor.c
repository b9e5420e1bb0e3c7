/*
 * The floor under every hand-off between clients of a server on this machine:
 * the holder's client tells its backend, that wakes the waiter's backend, and
 * that tells its client. Three processes are woken, one after another, and none
 * of them does anything but pass on a byte. Before each round all rest as long as
 * before a hand-off.
 */
#include "contend.h"

#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#define HOPS 3

/* pass_on copies bytes from one socket to another until nobody is left to write. */
static void
pass_on(int from, int to)
{
    char byte;

    while (read(from, &byte, 1) == 1)
        if (write(to, &byte, 1) != 1)
            fail("a socket of the floor is closed");
}

/* last_one takes what has come by all hops, notes how long it took since *sent_ns, and asks for the next. */
static void
last_one(int from, int back, const int64_t *sent_ns, uint32_t *samples)
{
    char byte;

    for (long count = 0; read(from, &byte, 1) == 1; count++)
    {
        samples[count] = (uint32_t) (now_ns() - *sent_ns);
        if (write(back, &byte, 1) != 1)
            fail("a socket of the floor is closed");
    }
}

/* bench_floor measures so many ways through all hops. */
void
bench_floor(int rounds)
{
    size_t count = rounds > 0 ? (size_t) rounds : 0;
    int64_t *sent_ns = shared_new(sizeof *sent_ns + (count + 1) * sizeof(uint32_t));
    uint32_t *samples = (uint32_t *) (sent_ns + 1);
    int ends[HOPS + 1][2]; /* what [i][0] gets was written to [i][1]; the last pair is the way back */
    char byte = 0;

    if (rounds < 1)
        fail("the floor needs a number of rounds");
    for (int i = 0; i <= HOPS; i++)
        if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends[i]) != 0)
            fail("no socket");
    for (int i = 0; i < HOPS; i++)
        if (worker_fork() == 0)
        {
            for (int j = 0; j <= HOPS; j++)
                if (j != i + 1)
                    close(ends[j][1]); /* so that the end of one is the end of the next */
            if (i == HOPS - 1)
                last_one(ends[i][0], ends[HOPS][1], sent_ns, samples);
            else
                pass_on(ends[i][0], ends[i + 1][1]);
            _exit(0);
        }
    for (size_t i = 0; i < count; i++)
    {
        rest_before_handoff(0);
        *(volatile int64_t *) sent_ns = now_ns();
        if (write(ends[0][1], &byte, 1) != 1 || read(ends[HOPS][0], &byte, 1) != 1)
            fail("a socket of the floor is closed");
    }
    for (int i = 0; i <= HOPS; i++)
        close(ends[i][1]);
    workers_wait();
    sort_samples(samples, count);
    printf("p50_us=%.1f p99_us=%.1f max_us=%.1f count=%zu\n",
           sample_at_us(samples, count, 0.50),
           sample_at_us(samples, count, 0.99),
           sample_at_us(samples, count, 1.0),
           count);
}
