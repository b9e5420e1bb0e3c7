/*
 * What answers and streams of the paper exchange share: a day summed up, and
 * answers for one symbol, for some or for all.
 */
#ifndef QM_PAPER_REST_CANDLES_H
#define QM_PAPER_REST_CANDLES_H

#include "paper_server_inside.h"

typedef struct QmPaperDay
{
    int64_t from_ms, to_ms;
    QmPaperDecimal open, high, low, last;
    QmPaperDecimal volume, quote;
    int64_t trade_first, trade_last, trade_count;
} QmPaperDay;

extern QmPaperDay qm_paper_day(const QmPaperWorld *world, int symbol);
extern QmPaperDecimal qm_paper_quotient(QmPaperDecimal dividend, QmPaperDecimal divisor);

/* paper_rest_public.c */
extern void qm_paper_each_symbol(QmPaperCall *call, json_t *(*write)(const QmPaperServer *server, int symbol));

#endif
