/*
 * The wire's clock, by which requests are held and orders and trades are dated. The
 * world dates them by its own clock, which may run a thousand times as fast.
 */
#include "paper_server_inside.h"

#include <time.h>

/* qm_paper_wire_ms reads the wire's clock. */
int64_t
qm_paper_wire_ms(const QmPaperServer *server)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t) now.tv_sec * 1000 + now.tv_nsec / 1000000 + qm_paper_fault_skew_ms(server->world);
}

/* qm_paper_dated_ms returns the time that the world keeps; what is from before the server opened is dated by that moment. */
int64_t
qm_paper_dated_ms(const QmPaperServer *server, int64_t wire_ms)
{
    return wire_ms == 0 ? server->opened_ms : wire_ms;
}
