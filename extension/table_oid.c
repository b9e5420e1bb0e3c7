/*
 * Where our tables and indexes are. A backend remembers what it has found until
 * any relation of the schema is dropped or made again.
 */
#include "table_oid.h"

#include "catalog/namespace.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"

static const char *const names[QM_TABLES] = {
    [QM_TABLE_ACCOUNT] = "account",
    [QM_TABLE_MARKET] = "market",
    [QM_TABLE_INSTANCE] = "instance",
    [QM_TABLE_ORDERS] = "orders",
    [QM_TABLE_ASSIGNMENT] = "assignment",
    [QM_INDEX_ACCOUNT] = "account_pkey",
    [QM_INDEX_MARKET] = "market_pkey",
    [QM_INDEX_INSTANCE] = "instance_pkey",
    [QM_INDEX_ORDERS] = "orders_pkey",
    [QM_INDEX_ORDERS_REQUEST] = "orders_request",
    [QM_INDEX_ORDERS_LIVE_SLOT] = "orders_live_slot",
    [QM_INDEX_ORDERS_LIVE_PRICE] = "orders_live_price",
    [QM_INDEX_ASSIGNMENT_CURRENT] = "assignment_current",
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
