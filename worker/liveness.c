/*
 * SQL function: watch_instances, which the coordinator calls in every pass. What
 * it promises is in its COMMENT (sql/70_instances.sql).
 *
 * What an ended life leaves behind is looked for in later passes, too: a
 * placement that had found its instance alive may commit after its end. Rows that somebody else works on are passed over until the next pass: a
 * client that stops in the middle of a transaction must not stop the coordinator.
 */
#include "instance.h"

#include "catalog/pg_type.h"
#include "clock.h"
#include "fmgr.h"
#include "live_order.h"
#include "order_row.h"
#include "query.h"
#include "query_row.h"
#include "task.h"
#include "utils/builtins.h"

PG_FUNCTION_INFO_V1(qm_watch_instances);

#define ORPHANS_MAX 1000 /* orders that one pass takes care of */
#define LATELY "interval '1 min'"
#define LOOK_AGAIN_US (30 * QM_US_PER_S)

/* An order whose instance's life is over. */
typedef struct Orphan
{
    char *account;
    int64 order_id;
} Orphan;

/* What the last pass of this backend has left undone, and when to look at all live orders next. */
static bool orders_left = false;
static int64 look_again_us = 0;

static int64 declare_dead(void);
static bool is_gone(const QmInstance *instance);
static bool orders_are_due(void);
static void clear_tasks(void);
static uint64 clear_orders(void);
static void forget_reply(const QmOrder *before);
static Jsonb *life_of(const QmOrder *order);

/* qm_watch_instances is quantmesh.watch_instances. */
Datum
qm_watch_instances(PG_FUNCTION_ARGS)
{
    QmQueryScope scope;
    int64 ended;

    qm_instance_prepare("quantmesh.watch_instances()");
    qm_query_begin(&scope);
    ended = declare_dead();
    clear_tasks();
    if (ended > 0 || orders_are_due())
    {
        orders_left = clear_orders() == ORPHANS_MAX;
        look_again_us = qm_now_us() + LOOK_AGAIN_US;
    }
    qm_query_end(&scope);
    if (ended > 0)
        (void) qm_markets_assign();
    PG_RETURN_INT64(ended);
}

/* declare_dead ends the lives whose lease is gone, and returns how many. Nobody's while leases are closed. */
static int64
declare_dead(void)
{
    static QmQuery query = {"SELECT " QM_INSTANCE_COLUMNS " FROM quantmesh.instance WHERE state = 'alive' "
                            "ORDER BY instance",
                            0,
                            {0}};
    uint64 count;
    QmInstance *instances;
    int64 ended = 0;

    if (qm_leases_closed_until() != 0)
        return 0;
    count = qm_query_read_latest(&query, NULL, NULL);
    instances = palloc(sizeof(QmInstance) * (count + 1));
    for (uint64 i = 0; i < count; i++)
        qm_instance_fill(i, &instances[i]);
    for (uint64 i = 0; i < count; i++)
    {
        QmInstance *instance = &instances[i];

        if (!is_gone(instance) || !qm_instance_try_lock(instance->name, instance) || !instance->alive ||
            !is_gone(instance))
            continue;
        qm_instance_end(instance, "dead");
        ended++;
        ereport(LOG,
                (errmsg("quantmesh instance \"%s\" is dead: epoch " INT64_FORMAT
                        " has sent no heartbeat for its ttl of " INT64_FORMAT " ms",
                        instance->name,
                        instance->epoch,
                        instance->ttl_us / QM_US_PER_MS)));
    }
    return ended;
}

/* is_gone says whether nothing speaks for the instance any more. */
static bool
is_gone(const QmInstance *instance)
{
    QmHolder holder;

    return !qm_instance_lease(instance, &holder) && qm_instance_may_live_until(instance) == 0;
}

/* qm_instance_clear takes care of tasks and orders of lives that are over. */
void
qm_instance_clear(void)
{
    clear_tasks();
    (void) clear_orders();
}

/*
 * orders_are_due says whether a pass has to look at all live orders. Lives have
 * been left behind lately, or the last look has not seen everything: then every pass
 * does, otherwise one in a while, for transactions that took longer than that.
 */
static bool
orders_are_due(void)
{
    static QmQuery query = {"SELECT EXISTS (SELECT FROM quantmesh.instance WHERE "
                            "greatest(registered_at, ended_at) > pg_catalog.clock_timestamp() - " LATELY ")",
                            0,
                            {0}};

    if (orders_left || qm_now_us() >= look_again_us)
        return true;
    (void) qm_query_read_latest(&query, NULL, NULL);
    return qm_row_bool(0, 0);
}

/*
 * clear_tasks lets others have what ended lives had taken. A snapshot is of use
 * to nobody else, and to nobody after its time, since its watermark is of when it
 * was given out; and what was addressed to a life ends with it.
 */
static void
clear_tasks(void)
{
    static QmQuery query =
        {"WITH stale AS ("
         "SELECT t.account, t.task_id FROM quantmesh.task AS t LEFT JOIN quantmesh.instance AS i "
         "ON i.instance = coalesce(t.addressee, t.instance) AND i.epoch = t.epoch AND i.state = 'alive' "
         "WHERE t.finished_at IS NULL AND ("
         "i.instance IS NULL AND (t.addressee IS NOT NULL OR t.instance IS NOT NULL AND t.state = 'taken') "
         "OR t.kind = 'snapshot' AND t.state = 'taken' AND t.owned_until <= pg_catalog.clock_timestamp()) "
         "FOR NO KEY UPDATE OF t SKIP LOCKED) "
         "UPDATE quantmesh.task AS t SET owned_until = NULL, "
         "state = CASE WHEN t.addressee IS NOT NULL THEN 'withdrawn' WHEN t.kind = 'snapshot' THEN 'expired' "
         "ELSE 'open' END, "
         "finished_at = CASE WHEN t.addressee IS NOT NULL OR t.kind = 'snapshot' "
         "THEN pg_catalog.clock_timestamp() END "
         "FROM stale AS s WHERE t.account = s.account AND t.task_id = s.task_id",
         0,
         {0}};

    (void) qm_query_run(&query, NULL, NULL);
}

/* clear_orders hands intents of ended lives over, makes orders unknown that they may have sent, and returns how many. */
static uint64
clear_orders(void)
{
    static QmQuery query =
        {"SELECT locked.account, locked.order_id FROM (SELECT o.account, o.order_id FROM " QM_LIVE_ORDERS
         "WHERE o.state IN ('intent', 'submitted') AND o.epoch IS NOT NULL AND NOT EXISTS ("
         "SELECT FROM quantmesh.instance AS i "
         "WHERE i.instance = o.instance AND i.epoch = o.epoch AND i.state = 'alive') ORDER BY o.order_id) AS orphan, "
         "LATERAL (SELECT o.account, o.order_id FROM quantmesh.orders AS o "
         "WHERE o.account = orphan.account AND o.order_id = orphan.order_id AND o.state IN ('intent', 'submitted') "
         "FOR NO KEY UPDATE SKIP LOCKED) AS locked LIMIT $1",
         1,
         {INT8OID}};
    Datum values[] = {Int64GetDatum(ORPHANS_MAX)};
    uint64 count = qm_query_run(&query, values, NULL);
    Orphan *orphans = palloc(sizeof(Orphan) * (count + 1));

    for (uint64 i = 0; i < count; i++)
        orphans[i] = (Orphan){.account = qm_row_text(i, 0), .order_id = qm_row_int64(i, 1)};
    for (uint64 i = 0; i < count; i++)
    {
        QmOrder *order = qm_order_lock(orphans[i].account, orphans[i].order_id);

        if (order->state == QM_ORDER_INTENT)
            qm_intent_hand_over(order, life_of(order));
        else
            forget_reply(order);
    }
    return count;
}

/* qm_intent_hand_over makes a locked intent nobody's, so that anybody may claim it, and tells the market's owner. */
void
qm_intent_hand_over(const QmOrder *before, Jsonb *detail)
{
    QmOrderNews news = {.event = "handed_over", .source = "reconcile", .detail = detail};
    QmTask task = {.account = before->account,
                   .symbol = before->symbol,
                   .kind = "submit_order",
                   .subject = psprintf(INT64_FORMAT, before->epoch)};
    QmOrder *order = qm_order_copy(before);

    order->instance = NULL;
    order->epoch = 0;
    qm_order_write(before, order, &news);
    qm_task_add(&task);
}

/* forget_reply makes a submitted order unknown: it may have been sent, and nobody waits for the reply. */
static void
forget_reply(const QmOrder *before)
{
    QmTask task = {.account = before->account,
                   .symbol = before->symbol,
                   .kind = "query_order",
                   .subject = psprintf(INT64_FORMAT, before->order_id),
                   .order_id = before->order_id,
                   .client_order_id = before->client_order_id,
                   .exchange_order_id = before->exchange_order_id};

    if (qm_order_conclude(before, QM_EVENT_REPLY_LOST, NULL, life_of(before)))
        qm_task_add(&task);
}

/* life_of returns the life that has ended, for the event. */
static Jsonb *
life_of(const QmOrder *order)
{
    const char *const pairs[][2] = {{"instance", order->instance}, {"epoch", psprintf(INT64_FORMAT, order->epoch)}};

    return qm_jsonb_object(lengthof(pairs), pairs);
}
