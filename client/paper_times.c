/*
 * The wire's clock, and when orders and trades came about by it. The world dates
 * them by its own clock, which may run a thousand times as fast.
 */
#include "paper_server_inside.h"

#include <stdlib.h>
#include <time.h>

#define RING_FIRST 256

static QmPaperTime *find(const QmPaperTimes *times, int64_t id);

/* qm_paper_wire_ms reads the clock that requests are held to and that orders are dated by. */
int64_t
qm_paper_wire_ms(const QmPaperServer *server)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t) now.tv_sec * 1000 + now.tv_nsec / 1000000 + qm_paper_fault_skew_ms(server->world);
}

/*
 * qm_paper_times_note notes that what has this id has changed. An id is greater than
 * all before it when it is first noted. Without memory nothing more is noted, and
 * what is asked for has the time that is given for what is not known.
 */
void
qm_paper_times_note(QmPaperTimes *times, int64_t id, int64_t now_ms)
{
    QmPaperTime *known = find(times, id);

    if (known != NULL)
    {
        known->last_ms = now_ms;
        return;
    }
    if (times->count > 0 && times->ring[(times->count - 1) % times->space].id > id)
        return; /* older than all that is kept */
    if (times->count == times->space && times->space < QM_PAPER_TIMES_MAX)
    {
        size_t space = times->space == 0 ? RING_FIRST : 2 * times->space;
        QmPaperTime *ring;

        if (space > QM_PAPER_TIMES_MAX)
            space = QM_PAPER_TIMES_MAX;
        ring = realloc(times->ring, space * sizeof(*ring));
        if (ring == NULL)
            return;
        times->ring = ring;
        times->space = space;
    }
    times->ring[times->count++ % times->space] = (QmPaperTime){id, now_ms, now_ms};
}

/* find looks an id up among those that are kept. */
static QmPaperTime *
find(const QmPaperTimes *times, int64_t id)
{
    size_t low = times->count > times->space ? times->count - times->space : 0;
    size_t high = times->count;

    while (low < high)
    {
        size_t middle = low + (high - low) / 2;
        QmPaperTime *at = &times->ring[middle % times->space];

        if (at->id == id)
            return at;
        if (at->id < id)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

/* qm_paper_times_get returns when what has this id came about and last changed. */
QmPaperTime
qm_paper_times_get(const QmPaperTimes *times, int64_t id, int64_t otherwise_ms)
{
    const QmPaperTime *known = find(times, id);

    return known != NULL ? *known : (QmPaperTime){id, otherwise_ms, otherwise_ms};
}

/* qm_paper_times_free frees what was noted. */
void
qm_paper_times_free(QmPaperTimes *times)
{
    free(times->ring);
    *times = (QmPaperTimes){0};
}
