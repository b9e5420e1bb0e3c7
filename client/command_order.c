/*
 * One order with its events and fills, for the command orders.
 */
#include "command_order.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "decode.h"

/* The three answers about an order; events is NULL for those who may not read them. */
typedef struct OrderAnswers
{
    PGresult *order;
    PGresult *events;
    PGresult *fills;
} OrderAnswers;

static QmExit answers_get(const QmInvocation *invocation, int64_t order_id, OrderAnswers *answers);
static QmExit order_refuse(const PGresult *order, int64_t order_id);
static bool answers_print(const OrderAnswers *answers);
static bool answers_json(const OrderAnswers *answers);
static bool section_print(const char *title, const PGresult *result, const QmColumn *columns);

static const QmColumn order_columns[] = {
    {"order_id", NULL, QM_CELL_AMOUNT},
    {"account", NULL, QM_CELL_TEXT},
    {"symbol", NULL, QM_CELL_TEXT},
    {"side", NULL, QM_CELL_TEXT},
    {"order_type", NULL, QM_CELL_TEXT},
    {"time_in_force", NULL, QM_CELL_TEXT},
    {"price", NULL, QM_CELL_AMOUNT},
    {"quantity", NULL, QM_CELL_AMOUNT},
    {"filled_quantity", NULL, QM_CELL_AMOUNT},
    {"average_price", NULL, QM_CELL_AMOUNT},
    {"state", NULL, QM_CELL_TEXT},
    {"cancel_state", NULL, QM_CELL_TEXT},
    {"live", NULL, QM_CELL_FLAG},
    {"slot", NULL, QM_CELL_TEXT},
    {"post_only", NULL, QM_CELL_FLAG},
    {"reduce_only", NULL, QM_CELL_FLAG},
    {"strategy", NULL, QM_CELL_TEXT},
    {"instance", NULL, QM_CELL_TEXT},
    {"owner", NULL, QM_CELL_TEXT},
    {"origin", NULL, QM_CELL_TEXT},
    {"replaces", NULL, QM_CELL_AMOUNT},
    {"request_id", NULL, QM_CELL_TEXT},
    {"client_order_id", NULL, QM_CELL_TEXT},
    {"exchange_order_id", NULL, QM_CELL_TEXT},
    {"created_at", NULL, QM_CELL_TIME},
    {"submitted_at", NULL, QM_CELL_TIME},
    {"send_before", NULL, QM_CELL_TIME},
    {"opened_at", NULL, QM_CELL_TIME},
    {"cancel_requested_at", NULL, QM_CELL_TIME},
    {"ended_at", NULL, QM_CELL_TIME},
    {"updated_at", NULL, QM_CELL_TIME},
    {"error_code", NULL, QM_CELL_TEXT},
    {"error_message", NULL, QM_CELL_TEXT},
    {NULL, NULL, QM_CELL_TEXT},
};

#define ORDER_COLUMNS                                                                                   \
    "o.order_id, o.account, o.symbol, o.side, o.order_type, o.time_in_force, o.price, o.quantity,"      \
    " o.filled_quantity, o.average_price, o.state, o.cancel_state, o.slot, o.post_only, o.reduce_only," \
    " o.strategy, o.instance, o.owner, o.origin, o.replaces, o.request_id, o.client_order_id,"          \
    " o.exchange_order_id, o.error_code, o.error_message,"                                              \
    " pg_catalog.to_char(o.created_at" QM_TIME_END " AS created_at,"                                    \
    " pg_catalog.to_char(o.submitted_at" QM_TIME_END " AS submitted_at,"                                \
    " pg_catalog.to_char(o.opened_at" QM_TIME_END " AS opened_at,"                                      \
    " pg_catalog.to_char(o.cancel_requested_at" QM_TIME_END " AS cancel_requested_at,"                  \
    " pg_catalog.to_char(o.updated_at" QM_TIME_END " AS updated_at,"                                    \
    " pg_catalog.has_table_privilege('quantmesh.order_event', 'SELECT') AS events"

static const QmStatement order_statement = {
    .name = "orders",
    .sql = "SELECT " ORDER_COLUMNS ", true AS live, pg_catalog.to_char(o.send_before" QM_TIME_END
           " AS send_before, NULL AS ended_at FROM quantmesh.open_orders AS o"
           " WHERE o.order_id = $1::bigint AND ($2::text IS NULL OR o.account = $2) UNION ALL SELECT " ORDER_COLUMNS
           ", false AS live, NULL AS send_before, pg_catalog.to_char(o.ended_at" QM_TIME_END
           " AS ended_at FROM quantmesh.order_history AS o"
           " WHERE o.order_id = $1::bigint AND ($2::text IS NULL OR o.account = $2)",
    .parameters = 2,
    .repeat = QM_REPEAT_READ,
};

static const QmColumn events_columns[] = {
    {"at", "AT", QM_CELL_TIME},
    {"event", "EVENT", QM_CELL_TEXT},
    {"from_state", "FROM", QM_CELL_TEXT},
    {"to_state", "TO", QM_CELL_TEXT},
    {"cancel_state", "CANCEL", QM_CELL_TEXT},
    {"source", "SOURCE", QM_CELL_TEXT},
    {"trade_id", "TRADE", QM_CELL_TEXT},
    {"discrepancy", "DISCREPANCY", QM_CELL_TEXT},
    {"event_time", NULL, QM_CELL_TIME},
    {"detail", NULL, QM_CELL_JSON},
    {NULL, NULL, QM_CELL_TEXT},
};

static const QmStatement events_statement = {
    .name = "order_event",
    .sql = "SELECT pg_catalog.to_char(e.at" QM_TIME_END " AS at, e.event, e.from_state, e.to_state,"
           " e.cancel_state, e.source, e.trade_id, e.discrepancy, pg_catalog.to_char(e.event_time" QM_TIME_END
           " AS event_time, e.detail FROM quantmesh.order_event AS e"
           " WHERE e.order_id = $1::bigint AND e.account = $2 ORDER BY e.event_id",
    .parameters = 2,
    .repeat = QM_REPEAT_READ,
};

static const QmColumn fills_columns[] = {
    {"executed_at", "AT", QM_CELL_TIME},
    {"trade_id", "TRADE", QM_CELL_TEXT},
    {"kind", "KIND", QM_CELL_TEXT},
    {"side", "SIDE", QM_CELL_TEXT},
    {"quantity", "QUANTITY", QM_CELL_AMOUNT},
    {"price", "PRICE", QM_CELL_AMOUNT},
    {"amount", "AMOUNT", QM_CELL_AMOUNT},
    {"commission", "COMMISSION", QM_CELL_AMOUNT},
    {"commission_asset", "IN", QM_CELL_TEXT},
    {"is_maker", "MAKER", QM_CELL_FLAG},
    {"booked_at", NULL, QM_CELL_TIME},
    {"source", NULL, QM_CELL_TEXT},
    {NULL, NULL, QM_CELL_TEXT},
};

static const QmStatement fills_statement = {
    .name = "fills",
    .sql = "SELECT pg_catalog.to_char(f.executed_at" QM_TIME_END " AS executed_at, f.trade_id, f.kind,"
           " f.side, f.quantity, f.price, f.amount, f.commission, f.commission_asset, f.is_maker,"
           " pg_catalog.to_char(f.booked_at" QM_TIME_END " AS booked_at, f.source"
           " FROM quantmesh.fills AS f WHERE f.order_id = $1::bigint AND f.account = $2"
           " ORDER BY f.executed_at, f.trade_id, f.kind DESC",
    .parameters = 2,
    .repeat = QM_REPEAT_READ,
};

/* qm_order_show prints an order, its events and its fills. */
QmExit
qm_order_show(const QmInvocation *invocation, int64_t order_id)
{
    OrderAnswers answers = {0};
    QmExit exit_code = answers_get(invocation, order_id, &answers);

    if (exit_code == QM_EXIT_OK &&
        !(qm_option(invocation, "json") != NULL ? answers_json(&answers) : answers_print(&answers)))
        exit_code = qm_say_no_memory();
    PQclear(answers.order);
    PQclear(answers.events);
    PQclear(answers.fills);
    return exit_code;
}

/* answers_get asks for the order and, if there is just the one, for what belongs to it. */
static QmExit
answers_get(const QmInvocation *invocation, int64_t order_id, OrderAnswers *answers)
{
    char id[QM_NUMBER_TEXT];
    const char *values[] = {qm_value_int64(id, order_id), qm_option(invocation, "account")};
    QmExit exit_code = qm_database_ask(invocation, &order_statement, values, &answers->order);

    if (exit_code != QM_EXIT_OK)
        return exit_code;
    if (PQntuples(answers->order) != 1)
        return order_refuse(answers->order, order_id);
    values[1] = PQgetvalue(answers->order, 0, PQfnumber(answers->order, "account"));
    if (qm_column_bool(answers->order, 0, PQfnumber(answers->order, "events")))
        exit_code = qm_database_ask(invocation, &events_statement, values, &answers->events);
    if (exit_code == QM_EXIT_OK)
        exit_code = qm_database_ask(invocation, &fills_statement, values, &answers->fills);
    return exit_code;
}

/* order_refuse says why no single order can be shown. */
static QmExit
order_refuse(const PGresult *order, int64_t order_id)
{
    if (PQntuples(order) > 0)
    {
        qm_say("Add --account.", "%d accounts have an order %" PRId64, PQntuples(order), order_id);
        return QM_EXIT_USAGE;
    }
    qm_say("quantmesh orders lists live orders, quantmesh orders --history those that have ended, as far as this role "
           "may "
           "see them.",
           "there is no order %" PRId64,
           order_id);
    return QM_EXIT_NOT_FOUND;
}

/* answers_print prints the answers for people. */
static bool
answers_print(const OrderAnswers *answers)
{
    QmRows order = qm_rows_of_result(answers->order);

    if (!qm_listing_print_row(order_columns, &order, 0, ""))
        return false;
    if (answers->events == NULL)
        fputs("\nevents: only operators may read them\n", stdout);
    else if (!section_print("events", answers->events, events_columns))
        return false;
    return section_print("fills", answers->fills, fills_columns);
}

/* section_print prints one list below its title. */
static bool
section_print(const char *title, const PGresult *result, const QmColumn *columns)
{
    QmRows rows = qm_rows_of_result(result);

    printf("\n%s:%s\n", title, rows.count == 0 ? " none" : "");
    return rows.count == 0 || qm_listing_print(columns, &rows, "  ");
}

/* answers_json prints the answers as one object. */
static bool
answers_json(const OrderAnswers *answers)
{
    QmRows order = qm_rows_of_result(answers->order);
    QmRows fills = qm_rows_of_result(answers->fills);
    json_t *json = qm_listing_json_row(order_columns, &order, 0);
    json_t *events = NULL;

    if (answers->events != NULL)
    {
        QmRows rows = qm_rows_of_result(answers->events);

        events = qm_listing_json(events_columns, &rows);
    }
    if (json_object_set_new(json, "events", answers->events == NULL ? json_null() : events) != 0 ||
        json_object_set_new(json, "fills", qm_listing_json(fills_columns, &fills)) != 0)
    {
        json_decref(json);
        json = NULL;
    }
    return qm_json_print(json);
}
