/*
 * Archived orders, when something is said about them: they come back to
 * quantmesh.orders first, as they were, and everything goes on as for any order
 * that has ended. Housekeeping moves them out again when they have been quiet
 * for long enough.
 */
#include "archive.h"

#include "catalog/pg_type.h"
#include "query.h"
#include "utils/builtins.h"

/*
 * qm_order_unarchive brings an order back, if it is in the archive. If somebody else
 * brings it back just then, it waits for that: so the caller looks again in any case.
 */
void
qm_order_unarchive(const char *account, int64 order_id)
{
    static QmQuery query = {"SELECT quantmesh.unarchive_order($1, $2)", 2, {TEXTOID, INT8OID}};
    Datum values[] = {CStringGetTextDatum(account), Int64GetDatum(order_id)};

    (void) qm_query_run(&query, values, NULL);
}

/* qm_orders_unarchive brings those of several orders back that are in the archive. */
void
qm_orders_unarchive(const char *account, ArrayType *order_ids)
{
    static QmQuery query = {"SELECT quantmesh.unarchive_order(a.account, a.order_id) FROM quantmesh.order_archive AS a "
                            "WHERE a.account = $1 AND a.order_id = ANY ($2) ORDER BY a.order_id",
                            2,
                            {TEXTOID, INT8ARRAYOID}};
    Datum values[] = {CStringGetTextDatum(account), PointerGetDatum(order_ids)};

    (void) qm_query_run(&query, values, NULL);
}
