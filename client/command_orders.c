/*
 * quantmesh orders: live orders, and those that have ended.
 */
#include "command_market.h"
#include "command_order.h"

#include <string.h>
#include <strings.h>

#include "decode.h"
#include "order_state.h"

enum
{
    LIMIT_DEFAULT = 100,
    LIMIT_MAX = 100000
};

static QmExit orders_run(QmInvocation *invocation);
static QmExit orders_order(const QmInvocation *invocation);
static QmExit orders_check(const QmInvocation *invocation, bool history, const char **state);
static QmExit orders_ask(const QmInvocation *invocation, bool history, const char *state, int64_t limit);

static const QmOption orders_options[] = {
    {"account", "ACCOUNT", "only of this account"},
    {"symbol", "SYMBOL", "only in this market"},
    {"strategy", "STRATEGY", "only of this strategy"},
    {"instance", "INSTANCE", "only of this instance"},
    {"state", "STATE", "only in this state"},
    {"history", NULL, "orders that have ended, the newest first"},
    {"limit", "COUNT", "at most so many of these (100)"},
    {"order", "ID", "one order, live or not, with its events and fills"},
    {NULL, NULL, NULL},
};

static const QmColumn open_columns[] = {
    {"order_id", "ORDER", QM_CELL_AMOUNT},
    {"account", "ACCOUNT", QM_CELL_TEXT},
    {"symbol", "SYMBOL", QM_CELL_TEXT},
    {"side", "SIDE", QM_CELL_TEXT},
    {"price", "PRICE", QM_CELL_AMOUNT},
    {"quantity", "QUANTITY", QM_CELL_AMOUNT},
    {"filled_quantity", "FILLED", QM_CELL_AMOUNT},
    {"state", "STATE", QM_CELL_TEXT},
    {"cancel_state", "CANCEL", QM_CELL_TEXT},
    {"age_ms", "AGE", QM_CELL_SPAN},
    {"strategy", "STRATEGY", QM_CELL_TEXT},
    {"instance", "INSTANCE", QM_CELL_TEXT},
    {"owner", NULL, QM_CELL_TEXT},
    {"order_type", NULL, QM_CELL_TEXT},
    {"time_in_force", NULL, QM_CELL_TEXT},
    {"post_only", NULL, QM_CELL_FLAG},
    {"reduce_only", NULL, QM_CELL_FLAG},
    {"average_price", NULL, QM_CELL_AMOUNT},
    {"slot", NULL, QM_CELL_TEXT},
    {"holds_slot", NULL, QM_CELL_FLAG},
    {"origin", NULL, QM_CELL_TEXT},
    {"client_order_id", NULL, QM_CELL_TEXT},
    {"exchange_order_id", NULL, QM_CELL_TEXT},
    {"request_id", NULL, QM_CELL_TEXT},
    {"send_before", NULL, QM_CELL_TIME},
    {"created_at", NULL, QM_CELL_TIME},
    {"updated_at", NULL, QM_CELL_TIME},
    {"error_code", NULL, QM_CELL_TEXT},
    {"error_message", NULL, QM_CELL_TEXT},
    {NULL, NULL, QM_CELL_TEXT},
};

#define ORDER_FILTER                                                                                         \
    " WHERE ($1::text IS NULL OR o.account = $1) AND ($2::text IS NULL OR o.symbol = $2) AND ($3::text IS"   \
    " NULL OR o.strategy = $3) AND ($4::text IS NULL OR o.instance = $4) AND ($5::text IS NULL OR o.state =" \
    " $5)"

static const QmStatement open_statement = {
    .name = "open_orders",
    .sql =
        "SELECT o.order_id, o.account, o.symbol, o.side, o.price, o.quantity, o.filled_quantity, o.state,"
        " o.cancel_state, pg_catalog.round(extract(epoch FROM pg_catalog.clock_timestamp() - o.created_at" QM_SPAN_END
        " AS age_ms, o.strategy, o.instance, o.owner, o.order_type, o.time_in_force, o.post_only, o.reduce_only,"
        " o.average_price, o.slot, o.holds_slot, o.origin, o.client_order_id, o.exchange_order_id, o.request_id,"
        " pg_catalog.to_char(o.send_before" QM_TIME_END " AS send_before,"
        " pg_catalog.to_char(o.created_at" QM_TIME_END " AS created_at,"
        " pg_catalog.to_char(o.updated_at" QM_TIME_END " AS updated_at, o.error_code, o.error_message"
        " FROM quantmesh.open_orders AS o" ORDER_FILTER
        " ORDER BY o.account, o.symbol, o.side, o.price DESC NULLS FIRST, o.order_id",
    .parameters = 5,
    .repeat = QM_REPEAT_READ,
};

static const QmColumn history_columns[] = {
    {"order_id", "ORDER", QM_CELL_AMOUNT},
    {"account", "ACCOUNT", QM_CELL_TEXT},
    {"symbol", "SYMBOL", QM_CELL_TEXT},
    {"side", "SIDE", QM_CELL_TEXT},
    {"price", "PRICE", QM_CELL_AMOUNT},
    {"quantity", "QUANTITY", QM_CELL_AMOUNT},
    {"filled_quantity", "FILLED", QM_CELL_AMOUNT},
    {"average_price", "AVERAGE PRICE", QM_CELL_AMOUNT},
    {"state", "STATE", QM_CELL_TEXT},
    {"ended_at", "ENDED", QM_CELL_TIME},
    {"strategy", "STRATEGY", QM_CELL_TEXT},
    {"instance", "INSTANCE", QM_CELL_TEXT},
    {"owner", NULL, QM_CELL_TEXT},
    {"cancel_state", NULL, QM_CELL_TEXT},
    {"order_type", NULL, QM_CELL_TEXT},
    {"time_in_force", NULL, QM_CELL_TEXT},
    {"missing_quantity", NULL, QM_CELL_AMOUNT},
    {"origin", NULL, QM_CELL_TEXT},
    {"client_order_id", NULL, QM_CELL_TEXT},
    {"exchange_order_id", NULL, QM_CELL_TEXT},
    {"request_id", NULL, QM_CELL_TEXT},
    {"created_at", NULL, QM_CELL_TIME},
    {"error_code", NULL, QM_CELL_TEXT},
    {"error_message", NULL, QM_CELL_TEXT},
    {NULL, NULL, QM_CELL_TEXT},
};

static const QmStatement history_statement = {
    .name = "order_history",
    .sql = "SELECT o.order_id, o.account, o.symbol, o.side, o.price, o.quantity, o.filled_quantity, o.average_price,"
           " o.state, pg_catalog.to_char(o.ended_at" QM_TIME_END " AS ended_at, o.strategy, o.instance, o.owner,"
           " o.cancel_state, o.order_type, o.time_in_force, o.missing_quantity, o.origin, o.client_order_id,"
           " o.exchange_order_id, o.request_id, pg_catalog.to_char(o.created_at" QM_TIME_END " AS created_at,"
           " o.error_code, o.error_message"
           " FROM quantmesh.order_history AS o" ORDER_FILTER " ORDER BY o.order_id DESC LIMIT $6::bigint",
    .parameters = 6,
    .repeat = QM_REPEAT_READ,
};

const QmCommand qm_command_orders = {
    .name = "orders",
    .summary = "show live orders, orders that have ended, or one with all that happened to it",
    .about =
        "Live are orders that are recorded, sent, at the exchange, or not known to be anywhere else. --json has more\n"
        "of each. Events of an order are for operators.",
    .options = orders_options,
    .needs = QM_NEED_DATABASE | QM_NEED_LISTING,
    .run = orders_run,
};

/* orders_run lists orders, or shows one. */
static QmExit
orders_run(QmInvocation *invocation)
{
    bool history = qm_option(invocation, "history") != NULL;
    const char *state = NULL;
    int64_t limit = LIMIT_DEFAULT;
    QmExit exit_code;

    if (qm_option(invocation, "order") != NULL)
        return orders_order(invocation);
    if (!history && qm_option(invocation, "limit") != NULL)
        return qm_say_usage(invocation->command, "--limit goes with --history: live orders are all shown");
    if (!qm_option_number(invocation, "limit", 1, LIMIT_MAX, &limit))
        return QM_EXIT_USAGE;
    exit_code = orders_check(invocation, history, &state);
    if (exit_code == QM_EXIT_OK)
        exit_code = orders_ask(invocation, history, state, limit);
    return exit_code;
}

/* orders_order shows the one order of --order. */
static QmExit
orders_order(const QmInvocation *invocation)
{
    static const char *const others[] = {"symbol", "strategy", "instance", "state", "history", "limit"};
    int64_t order_id = 0;

    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
    {
        if (qm_option(invocation, others[i]) != NULL)
            return qm_say_usage(invocation->command, "--order and --%s do not go together", others[i]);
    }
    if (!qm_option_number(invocation, "order", 1, INT64_MAX, &order_id))
        return QM_EXIT_USAGE;
    return qm_order_show(invocation, order_id);
}

/* orders_check finds the state that --state names, and refuses one that no order of the list can have. */
static QmExit
orders_check(const QmInvocation *invocation, bool history, const char **state)
{
    const char *given = qm_option(invocation, "state");

    if (given == NULL)
        return QM_EXIT_OK;
    for (int i = 0; i < QM_ORDER_STATES; i++)
    {
        const char *name = qm_order_state_name((QmOrderState) i);

        if (strcasecmp(name, given) != 0)
            continue;
        *state = name;
        if (qm_order_is_live((QmOrderState) i) == history)
            return qm_say_usage(invocation->command,
                                history ? "orders that are %s are live: leave --history out"
                                        : "orders that are %s have ended: add --history",
                                name);
        return QM_EXIT_OK;
    }
    return qm_say_usage(invocation->command, "there is no state \"%s\" of orders", given);
}

/* orders_ask lists what fits the filters. */
static QmExit
orders_ask(const QmInvocation *invocation, bool history, const char *state, int64_t limit)
{
    char limit_text[QM_NUMBER_TEXT];
    const char *const values[] = {
        qm_option(invocation, "account"),
        qm_option(invocation, "symbol"),
        qm_option(invocation, "strategy"),
        qm_option(invocation, "instance"),
        state,
        qm_value_int64(limit_text, limit),
    };
    PGresult *result;
    QmExit exit_code = qm_database_ask(invocation, history ? &history_statement : &open_statement, values, &result);

    if (exit_code == QM_EXIT_OK && PQntuples(result) == 0)
        exit_code = qm_market_check(invocation, qm_option(invocation, "account"), qm_option(invocation, "symbol"));
    if (exit_code == QM_EXIT_OK)
        exit_code = qm_database_list(invocation,
                                     result,
                                     history ? history_columns : open_columns,
                                     history ? "no orders that have ended" : "no live orders");
    PQclear(result);
    return exit_code;
}
