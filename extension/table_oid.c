/*
 * Where our tables and indexes are. A backend remembers what it has found until
 * any relation of the schema is dropped or made again.
 */
#include "table_oid.h"

#include "access/table.h"
#include "catalog/namespace.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

static const char *const names[QM_TABLES] = {
    [QM_TABLE_ACCOUNT] = "account",
    [QM_TABLE_MARKET] = "market",
    [QM_TABLE_INSTANCE] = "instance",
    [QM_TABLE_ORDERS] = "orders",
    [QM_TABLE_ASSIGNMENT] = "assignment",
    [QM_TABLE_LIVE_ORDER] = "live_order",
    [QM_TABLE_FILL] = "fill",
    [QM_INDEX_ACCOUNT] = "account_pkey",
    [QM_INDEX_MARKET] = "market_pkey",
    [QM_INDEX_INSTANCE] = "instance_pkey",
    [QM_INDEX_ORDERS] = "orders_pkey",
    [QM_INDEX_ORDERS_REQUEST] = "orders_request",
    [QM_INDEX_ASSIGNMENT_CURRENT] = "assignment_current",
    [QM_INDEX_LIVE_ORDER] = "live_order_pkey",
    [QM_INDEX_LIVE_ORDER_PRICE] = "live_order_price",
    [QM_INDEX_FILL_OF_ORDER] = "fill_of_order",
};

static Oid known[QM_TABLES];

static void forget(Datum arg, Oid relid);

/* qm_table_oid returns the OID of one of our relations; 42P01 when the extension is not in this database. */
Oid
qm_table_oid(QmTable table)
{
    static bool registered = false;

    if (OidIsValid(known[table]))
        return known[table];
    if (!registered)
    {
        CacheRegisterRelcacheCallback(forget, (Datum) 0);
        registered = true;
    }
    known[table] = get_relname_relid(names[table], get_namespace_oid("quantmesh", false));
    if (!OidIsValid(known[table]))
        ereport(ERROR,
                (errcode(ERRCODE_UNDEFINED_TABLE),
                 errmsg("relation quantmesh.%s does not exist", names[table]),
                 errhint("Run CREATE EXTENSION quantmesh in this database, or ALTER EXTENSION quantmesh UPDATE.")));
    return known[table];
}

/* qm_table_open opens one of our tables; 55000 when columns that we know are not there. */
Relation
qm_table_open(QmTable table, int columns, LOCKMODE mode)
{
    Relation relation = table_open(qm_table_oid(table), mode);

    if (RelationGetDescr(relation)->natts < columns)
        ereport(ERROR,
                (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                 errmsg("table quantmesh.%s has %d columns, the library knows %d",
                        names[table],
                        RelationGetDescr(relation)->natts,
                        columns),
                 errhint("Run ALTER EXTENSION quantmesh UPDATE.")));
    return relation;
}

/* forget drops what changed. */
static void
forget(Datum arg, Oid relid)
{
    for (int i = 0; i < QM_TABLES; i++)
    {
        if (relid == InvalidOid || relid == known[i])
            known[i] = InvalidOid;
    }
}
