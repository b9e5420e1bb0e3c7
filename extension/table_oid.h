/*
 * Where our tables and indexes are: names to OIDs, remembered.
 */
#ifndef QM_TABLE_OID_H
#define QM_TABLE_OID_H

#include "postgres.h"

#include "storage/lockdefs.h"
#include "utils/relcache.h"

typedef enum QmTable
{
    QM_TABLE_ACCOUNT,
    QM_TABLE_MARKET,
    QM_TABLE_INSTANCE,
    QM_TABLE_ORDERS,
    QM_TABLE_ASSIGNMENT,
    QM_TABLE_LIVE_ORDER,
    QM_TABLE_FILL,
    QM_INDEX_ACCOUNT,
    QM_INDEX_MARKET,
    QM_INDEX_INSTANCE,
    QM_INDEX_ORDERS,
    QM_INDEX_ORDERS_REQUEST,
    QM_INDEX_ASSIGNMENT_CURRENT,
    QM_INDEX_LIVE_ORDER,
    QM_INDEX_LIVE_ORDER_PRICE,
    QM_INDEX_FILL_OF_ORDER,
    QM_TABLES
} QmTable;

extern Oid qm_table_oid(QmTable table);
extern Relation qm_table_open(QmTable table, int columns, LOCKMODE mode);

#endif
