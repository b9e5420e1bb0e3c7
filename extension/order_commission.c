/*
 * What an order's fills have cost in the base asset of its market: a column of
 * the views of orders, and what a grid takes off its slots.
 *
 * The index is chosen here. Every index of quantmesh.fill begins with the
 * account, and a planner without statistics takes any of them: it would read
 * all fills of the account for each order.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/pg_collation.h"
#include "compat.h"
#include "decimal.h"
#include "fmgr.h"
#include "order_columns.h"
#include "rights.h"
#include "table_oid.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

PG_FUNCTION_INFO_V1(qm_order_commission);

static Numeric numeric_of(HeapTuple tuple, Relation relation, int column);

/*
 * qm_order_commission is quantmesh.order_commission. NULL when the fills that
 * the ledger has do not add up to what is filled, or for who may not see the
 * account; 22004 for an argument that is null.
 */
Datum
qm_order_commission(PG_FUNCTION_ARGS)
{
    static const char *const names[] = {"account", "order_id", "base_asset", "filled_quantity"};
    Numeric quantity = qm_decimal_zero();
    Numeric commission = qm_decimal_zero();
    ScanKeyData keys[2];
    Relation relation;
    SysScanDesc scan;
    HeapTuple tuple;

    for (int i = 0; i < lengthof(names); i++)
    {
        if (PG_ARGISNULL(i))
            ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("%s must not be null", names[i])));
    }
    if (!qm_rights_may_see(text_to_cstring(PG_GETARG_TEXT_PP(0))))
        PG_RETURN_NULL();
    ScanKeyInit(&keys[0], FILL_ACCOUNT, BTEqualStrategyNumber, F_TEXTEQ, PG_GETARG_DATUM(0));
    ScanKeyInit(&keys[1], FILL_ORDER_ID, BTEqualStrategyNumber, F_INT8EQ, PG_GETARG_DATUM(1));
    relation = qm_table_open(QM_TABLE_FILL, FILL_COMMISSION_ASSET, AccessShareLock);
    scan = systable_beginscan(relation,
                              qm_table_oid(QM_INDEX_FILL_OF_ORDER),
                              true,
                              GetActiveSnapshot(),
                              lengthof(keys),
                              keys);
    while (HeapTupleIsValid(tuple = systable_getnext(scan)))
    {
        bool isnull;
        Datum paid_in = heap_getattr(tuple, FILL_COMMISSION_ASSET, RelationGetDescr(relation), &isnull);

        quantity = qm_decimal_add(quantity, numeric_of(tuple, relation, FILL_QUANTITY));
        if (!isnull && DatumGetBool(DirectFunctionCall2Coll(texteq, C_COLLATION_OID, paid_in, PG_GETARG_DATUM(2))))
            commission = qm_decimal_add(commission, numeric_of(tuple, relation, FILL_COMMISSION));
    }
    systable_endscan(scan);
    table_close(relation, AccessShareLock);
    if (qm_decimal_cmp(quantity, PG_GETARG_NUMERIC(3)) != 0)
        PG_RETURN_NULL();
    PG_RETURN_NUMERIC(commission);
}

/* numeric_of returns a column that is never null. */
static Numeric
numeric_of(HeapTuple tuple, Relation relation, int column)
{
    bool isnull;

    return DatumGetNumeric(heap_getattr(tuple, column, RelationGetDescr(relation), &isnull));
}
