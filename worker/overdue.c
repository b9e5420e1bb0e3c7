/*
 * SQL function: forget_replies, by which the coordinator notices that nobody has
 * said what became of a submission. What it promises is in its COMMENT
 * (sql/71_reconcile.sql).
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "compat.h"
#include "fence.h"
#include "fmgr.h"
#include "live_order.h"
#include "miscadmin.h"
#include "order_row.h"
#include "query.h"
#include "query_row.h"
#include "settings.h"
#include "shared.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

PG_FUNCTION_INFO_V1(qm_forget_replies);

#define ORDERS_PER_CALL 500

static void forget_reply(char *account, int64 order_id);

/* qm_forget_replies is quantmesh.forget_replies. Orders that somebody works on are passed over. */
Datum
qm_forget_replies(PG_FUNCTION_ARGS)
{
    static const char function[] = "quantmesh.forget_replies()";
    static QmQuery query =
        {"SELECT locked.account, locked.order_id FROM (SELECT o.account, o.order_id FROM " QM_LIVE_ORDERS
         "WHERE o.state = 'submitted' AND o.send_before < $1 ORDER BY o.order_id) AS late, "
         "LATERAL (SELECT o.account, o.order_id FROM quantmesh.orders AS o "
         "WHERE o.account = late.account AND o.order_id = late.order_id AND o.state = 'submitted' "
         "AND o.send_before < $1 FOR NO KEY UPDATE SKIP LOCKED) AS locked LIMIT $2",
         2,
         {TIMESTAMPTZOID, INT4OID}};
    TimestampTz overdue = GetCurrentTimestamp() - (int64) qm_acceptance_window_ms * 1000 / 4;
    Datum values[] = {TimestampTzGetDatum(overdue), Int32GetDatum(ORDERS_PER_CALL)};
    QmQueryScope scope;
    char **accounts;
    int64 *order_ids;
    uint64 count;

    /* Fences are prepared where they are drawn: with nothing to do, this must not wait for the first one of a database. */
    qm_require_running(function);
    PreventCommandIfReadOnly(function);
    qm_exposure_attach();
    qm_query_begin(&scope);
    count = qm_query_run(&query, values, NULL);
    accounts = palloc(sizeof(char *) * (count + 1));
    order_ids = palloc(sizeof(int64) * (count + 1));
    for (uint64 row = 0; row < count; row++)
    {
        accounts[row] = qm_row_text(row, 0);
        order_ids[row] = qm_row_int64(row, 1);
    }
    for (uint64 i = 0; i < count; i++)
        forget_reply(accounts[i], order_ids[i]);
    qm_query_end(&scope);
    PG_RETURN_INT64((int64) count);
}

/* forget_reply makes a submitted order unknown. Its row is locked. */
static void
forget_reply(char *account, int64 order_id)
{
    const char *const detail[][2] = {{"reason", "no answer by send_before and a quarter of the acceptance window"}};

    (void) qm_order_conclude(qm_order_lock(account, order_id),
                             QM_EVENT_REPLY_LOST,
                             NULL,
                             qm_jsonb_object(lengthof(detail), detail));
}
