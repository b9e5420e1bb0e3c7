/*
 * Where our tables and indexes are: names to OIDs, remembered.
 */
#ifndef QM_TABLE_OID_H
#define QM_TABLE_OID_H

#include "postgres.h"

typedef enum QmTable
{
    QM_TABLE_ACCOUNT,
    QM_TABLE_MARKET,
    QM_TABLE_INSTANCE,
    QM_TABLE_ORDERS,
    QM_TABLE_ASSIGNMENT,
    QM_INDEX_ACCOUNT,
    QM_INDEX_MARKET,
    QM_INDEX_INSTANCE,
    QM_INDEX_ORDERS,
    QM_INDEX_ORDERS_REQUEST,
    QM_INDEX_ORDERS_LIVE_SLOT,
    QM_INDEX_ORDERS_LIVE_PRICE,
    QM_INDEX_ASSIGNMENT_CURRENT,
    QM_TABLES
} QmTable;

extern Oid qm_table_oid(QmTable table);

#endif
