/*
 * SQL function: heartbeat. What it promises is in its COMMENT
 * (sql/70_instances.sql).
 *
 * A heartbeat that has nothing to give out writes nothing but the lease, in
 * shared memory. Tasks that others work on are passed over: no heartbeat waits.
 */
#include "instance.h"

#include "catalog/pg_type.h"
#include "fence.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "order_argument.h"
#include "query.h"
#include "rights.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

PG_FUNCTION_INFO_V1(qm_heartbeat);

#define TASKS_MAX 100 /* that one call returns of what is addressed to the instance, and as many of the markets' */
#define TASK_OWNED "interval '30 s'"

/* Columns of quantmesh.task_item. */
#define ITEM_COLUMNS                                                                               \
    "t.account, t.task_id, t.kind, t.symbol, t.order_id, t.client_order_id, t.exchange_order_id, " \
    "t.owned_until, t.detail"
#define ITEM_COLUMN_COUNT 9

static void check_rights(const QmInstance *instance, Oid user);
static void put_addressed(const QmInstance *instance, ReturnSetInfo *result);
static uint64 put_taken(const QmInstance *instance, ReturnSetInfo *result);
static void give_out(const QmInstance *instance, int64 room, ReturnSetInfo *result);
static void put_items(uint64 count, ReturnSetInfo *result);

/* qm_heartbeat is quantmesh.heartbeat. */
Datum
qm_heartbeat(PG_FUNCTION_ARGS)
{
    ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
    Oid user = GetUserId();
    QmQueryScope scope;
    QmInstance instance;
    char *name;
    int64 epoch;
    uint64 taken;

    qm_instance_prepare("quantmesh.heartbeat()");
    InitMaterializedSRF(fcinfo, 0);
    name = qm_arg_name(fcinfo, 0, "instance");
    epoch = qm_arg_positive(fcinfo, 1, "epoch");
    qm_query_begin(&scope);
    qm_instance_require(name, epoch, &instance);
    check_rights(&instance, user);
    qm_instance_keep(&instance);
    put_addressed(&instance, result);
    taken = put_taken(&instance, result);
    if (taken < TASKS_MAX)
        give_out(&instance, (int64) (TASKS_MAX - taken), result);
    qm_query_end(&scope);
    return (Datum) 0;
}

/* check_rights errors with 42501 when the user may not trade an account of the instance any more: then it dies. */
static void
check_rights(const QmInstance *instance, Oid user)
{
    static QmQuery query = {"SELECT DISTINCT account FROM quantmesh.instance_market WHERE instance = $1", 1, {TEXTOID}};
    Datum values[] = {CStringGetTextDatum(instance->name)};
    uint64 count = qm_query_read_latest(&query, values, NULL);

    for (uint64 i = 0; i < count; i++)
    {
        bool isnull;

        qm_rights_check_account_of(user, TextDatumGetCString(qm_query_value(i, 0, &isnull)));
    }
}

/* put_addressed returns what is for this instance alone; it is repeated until it is answered. */
static void
put_addressed(const QmInstance *instance, ReturnSetInfo *result)
{
    static QmQuery query =
        {"SELECT " ITEM_COLUMNS " FROM quantmesh.task AS t "
         "WHERE t.finished_at IS NULL AND t.addressee = $1 AND t.epoch = $2 "
         "AND (t.not_before IS NULL OR t.not_before <= pg_catalog.clock_timestamp()) ORDER BY t.task_id LIMIT $3",
         3,
         {TEXTOID, INT8OID, INT8OID}};
    Datum values[] = {CStringGetTextDatum(instance->name), Int64GetDatum(instance->epoch), Int64GetDatum(TASKS_MAX)};

    put_items(qm_query_read_latest(&query, values, NULL), result);
}

/* put_taken returns again what the instance has taken and not answered, and how many those are. */
static uint64
put_taken(const QmInstance *instance, ReturnSetInfo *result)
{
    static QmQuery query = {"SELECT " ITEM_COLUMNS " FROM quantmesh.task AS t "
                            "WHERE t.finished_at IS NULL AND t.state = 'taken' AND t.instance = $1 AND t.epoch = $2 "
                            "AND t.owned_until > pg_catalog.clock_timestamp() ORDER BY t.task_id LIMIT $3",
                            3,
                            {TEXTOID, INT8OID, INT8OID}};
    Datum values[] = {CStringGetTextDatum(instance->name), Int64GetDatum(instance->epoch), Int64GetDatum(TASKS_MAX)};
    uint64 count = qm_query_read_latest(&query, values, NULL);

    put_items(count, result);
    return count;
}

/*
 * give_out takes work of the instance's markets for it. A snapshot gets its
 * watermark here, once: what was fetched for it may be compared only with orders
 * whose last change had been committed before. So it is never given out again.
 */
static void
give_out(const QmInstance *instance, int64 room, ReturnSetInfo *result)
{
    static QmQuery query =
        {"WITH free AS MATERIALIZED ("
         "SELECT t.account, t.task_id FROM quantmesh.task AS t "
         "WHERE t.finished_at IS NULL AND t.addressee IS NULL AND (t.not_before IS NULL OR t.not_before <= $3) "
         "AND (t.state = 'open' OR t.kind <> 'snapshot' AND (t.owned_until <= $3 OR t.owned_until > $3 + " TASK_OWNED
         ")) "
         "AND EXISTS (SELECT FROM quantmesh.assignment AS a WHERE a.account = t.account AND a.symbol = t.symbol "
         "AND a.ended_at IS NULL AND a.instance = $1 AND a.epoch = $2) "
         "ORDER BY t.task_id LIMIT $4 FOR NO KEY UPDATE OF t SKIP LOCKED) "
         "UPDATE quantmesh.task AS t SET state = 'taken', instance = $1, epoch = $2, attempts = t.attempts + 1, "
         "taken_at = $3, owned_until = $3 + " TASK_OWNED ", "
         "watermark = CASE WHEN t.kind = 'snapshot' THEN pg_catalog.pg_current_snapshot() END, "
         "tag = CASE WHEN t.kind = 'snapshot' THEN $5 END "
         "FROM free AS f WHERE t.account = f.account AND t.task_id = f.task_id RETURNING " ITEM_COLUMNS,
         5,
         {TEXTOID, INT8OID, TIMESTAMPTZOID, INT8OID, TEXTOID}};
    Datum values[] = {CStringGetTextDatum(instance->name),
                      Int64GetDatum(instance->epoch),
                      TimestampTzGetDatum(GetCurrentTimestamp()),
                      Int64GetDatum(room),
                      CStringGetTextDatum(qm_origin_tag())};

    put_items(qm_query_run(&query, values, NULL), result);
}

/* put_items adds the rows of the last query to the result. */
static void
put_items(uint64 count, ReturnSetInfo *result)
{
    for (uint64 row = 0; row < count; row++)
    {
        Datum values[ITEM_COLUMN_COUNT];
        bool nulls[ITEM_COLUMN_COUNT];

        for (int column = 0; column < ITEM_COLUMN_COUNT; column++)
            values[column] = qm_query_value(row, column, &nulls[column]);
        tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
    }
}
