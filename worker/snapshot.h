/*
 * Snapshots: what an instance saw at the exchange, as JSON and as C values.
 */
#ifndef QM_SNAPSHOT_H
#define QM_SNAPSHOT_H

#include "postgres.h"

#include "datatype/timestamp.h"
#include "utils/jsonb.h"
#include "utils/numeric.h"

#define QM_SNAPSHOT_ELEMENTS_MAX 200000 /* open orders, and trades, and balances */

/* An open order. Strings and numbers are palloc'd. */
typedef struct QmSnapshotOrder
{
    char *client_order_id; /* NULL: not said */
    char *exchange_order_id;
    bool buy;
    const char *order_type; /* limit or market */
    const char *time_in_force;
    Numeric price; /* NULL: none */
    Numeric quantity;
    Numeric filled_quantity; /* NULL: nothing */
} QmSnapshotOrder;

typedef struct QmSnapshotTrade
{
    char *trade_id;
    char *exchange_order_id;
    char *client_order_id; /* NULL: not said */
    bool buy;
    Numeric quantity;
    Numeric price;
    Numeric commission;     /* NULL: not said; negative for a rebate */
    char *commission_asset; /* NULL: not said */
    int is_maker;           /* -1: not said */
    TimestampTz executed_at;
} QmSnapshotTrade;

typedef struct QmSnapshotBalance
{
    char *asset;
    Numeric free;
    Numeric locked; /* NULL: nothing */
} QmSnapshotBalance;

typedef struct QmSnapshot
{
    int norders;
    int ntrades;
    int nbalances;
    QmSnapshotOrder *orders;
    QmSnapshotTrade *trades;
    QmSnapshotBalance *balances;
} QmSnapshot;

/* 22023 with the JSON path for whatever is not as it must be. Elements that repeat an id are refused, too. */
extern void qm_snapshot_read(Jsonb *open_orders, Jsonb *trades, Jsonb *balances, QmSnapshot *snapshot);

#endif
