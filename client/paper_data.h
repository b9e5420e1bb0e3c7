/*
 * The paper exchange's market data: minutes of one symbol, one after the other, from a file or from chance.
 */
#ifndef QM_PAPER_DATA_H
#define QM_PAPER_DATA_H

#include "paper_world.h"

#define QM_PAPER_MINUTE_MS INT64_C(60000)
#define QM_PAPER_ROWS_MAX 5000000 /* of a file: nine years */

/* A minute. */
typedef struct QmPaperRow
{
    int64_t open_ms;
    QmPaperDecimal open, high, low, close, volume;
} QmPaperRow;

typedef struct QmPaperFeed
{
    QmPaperRow *rows; /* of a file */
    int row_count;
    int next;
    int end;        /* rows after which there are none; 0: a walk without end */
    uint64_t state; /* of a walk */
    QmPaperRow last;
    QmPaperDecimal tick;
    QmPaperDecimal volume;
    QmPaperDecimal volatility; /* of one */
} QmPaperFeed;

/* A number of a sequence that the state stands for: splitmix64. */
extern uint64_t qm_paper_chance(uint64_t *state);

/* A walk begins at first_ms. Of a file all is read at once, so that a wrong line is an error at the start. */
extern QmCode qm_paper_feed_open(QmPaperFeed *feed, const QmPaperSource *source, uint64_t seed, QmPaperDecimal tick,
                                 int64_t first_ms, QmError *error);
extern bool qm_paper_feed_next(QmPaperFeed *feed, QmPaperRow *row);
extern void qm_paper_feed_close(QmPaperFeed *feed);

/* The price of step k of n within a minute. */
extern QmPaperDecimal qm_paper_row_price(const QmPaperRow *row, int step, int steps, QmPaperDecimal tick);

/* paper_csv.c */
extern QmCode qm_paper_csv_read(const char *path, QmPaperRow **rows, int *count, QmError *error);

#endif
