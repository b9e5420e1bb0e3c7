/*
 * What the ledger has under a trade id already.
 */
#ifndef QM_LEDGER_KNOWN_H
#define QM_LEDGER_KNOWN_H

#include "postgres.h"

#include "ledger.h"

/* A trade or a bust. */
typedef struct QmKnown
{
    bool found;
    int64 order_id;
    Numeric quantity; /* negative for a bust */
    Numeric price;
    Numeric commission;
    char *commission_asset;
    bool maker_known;
    bool time_known;
    TimestampTz executed_at;
} QmKnown;

/* Called inside a scope of query.h. */
extern void qm_known_read(const QmOrder *order, const QmTrade *trade, QmKnown *same, QmKnown *twin);
extern bool qm_known_has_numbers(const QmKnown *known, const QmTrade *trade);
extern bool qm_known_has_commission(const QmKnown *known, const QmTrade *trade);
extern Jsonb *qm_known_show(const QmKnown *known);

#endif
