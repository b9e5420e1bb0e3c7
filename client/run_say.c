/*
 * What an instance says of itself: a progress line while it runs, and a last line.
 */
#include "run.h"

#include <inttypes.h>
#include <stdio.h>

#include "moment.h"

static void count_all(const QmRun *run, int64_t *placed, int64_t *fills, int64_t *live);

/* qm_run_progress shows how things are, where there is a terminal. */
void
qm_run_progress(QmRun *run)
{
    char line[512];
    size_t length = 0;
    int64_t placed;
    int64_t fills;
    int64_t live;

    if (!run->log.progress)
        return;
    count_all(run, &placed, &fills, &live);
    length = (size_t) snprintf(line,
                               sizeof(line),
                               "%s%" PRId64 " orders, %" PRId64 " live, %" PRId64 " fills",
                               run->store_lost ? "store gone  "
                               : run->stopping ? "stopping  "
                                               : "",
                               placed,
                               live,
                               fills);
    for (size_t i = 0; i < run->market_count && length < sizeof(line); i++)
    {
        const QmRunMarket *market = &run->markets[i];

        length += (size_t) snprintf(line + length,
                                    sizeof(line) - length,
                                    "  %s %s%s",
                                    market->config->symbol,
                                    market->price[0] != '\0' ? market->price : "-",
                                    !market->owned                  ? " (another's)"
                                    : market->sync != QM_RUN_SYNCED ? " (synchronizing)"
                                                                    : "");
    }
    qm_log_progress(&run->log, line);
}

/* qm_run_say_end writes what an instance has done. */
void
qm_run_say_end(QmRun *run)
{
    int64_t took_ms = (qm_run_now_ns() - run->began_ns) / QM_NS_PER_MS;
    QmLogNumber rooms[7];
    int64_t placed;
    int64_t fills;
    int64_t live;

    count_all(run, &placed, &fills, &live);
    qm_log(&run->log,
           QM_LOG_INFO,
           "ended",
           "exit_code",
           qm_log_number(&rooms[0], run->exit_code),
           "orders",
           qm_log_number(&rooms[1], placed),
           "fills",
           qm_log_number(&rooms[2], fills),
           "live",
           qm_log_number(&rooms[3], live),
           "steps",
           run->follow != NULL ? qm_log_number(&rooms[4], run->steps) : NULL,
           "took_ms",
           qm_log_number(&rooms[5], took_ms),
           "lines_lost",
           run->log.lost > 0 ? qm_log_number(&rooms[6], run->log.lost) : NULL);
    qm_log_end(&run->log);
}

/* count_all counts over all markets. */
static void
count_all(const QmRun *run, int64_t *placed, int64_t *fills, int64_t *live)
{
    *placed = *fills = *live = 0;
    for (size_t i = 0; i < run->market_count; i++)
    {
        *placed += run->markets[i].placed;
        *fills += run->markets[i].fills;
        *live += (int64_t) run->markets[i].order_count;
    }
}
