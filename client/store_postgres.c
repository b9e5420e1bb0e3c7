/*
 * The PostgreSQL store: what changes something. The extension does the work.
 */
#include "store_postgres.h"

#include <stdlib.h>
#include <string.h>

#include "decode.h"
#include "error.h"
#include "placement.h"

static QmCode set_market(QmStore *store, const char *account, const char *symbol, const QmMarketFilters *filters);
static QmCode place_order(QmStore *store, const char *account, const QmOrder *order, QmStrategyState *state,
                          QmPlacement *placement);
static QmCode place_orders(QmStore *store, const char *account, const QmOrder *orders, size_t count,
                           QmStrategyState *state, QmPlacement *placements);
static QmCode apply_report(QmStore *store, const char *account, const QmReport *report, QmReportResult *result);
static QmCode resolve_submission(QmStore *store, const char *account, int64_t order_id, int64_t fence,
                                 const char *outcome, const char *code, const char *message, QmReportResult *result);
static QmCode cancel_order(QmStore *store, const char *account, int64_t order_id, QmCancellation *cancellation);
static QmCode cancel_orders(QmStore *store, const char *account, const char *symbol, const char *side,
                            const char *strategy, const char *instance, QmCancellation **list, size_t *count);
static QmCode resolve_cancel(QmStore *store, const char *account, int64_t order_id, const char *outcome,
                             const char *code, const char *message, QmReportResult *result);
static QmCode load_state(QmStore *store, const char *account, const char *symbol, const char *strategy, char **document,
                         int64_t *version);
static QmCode save_state(QmStore *store, const char *account, QmStrategyState *state);
static long connections(const QmStore *store);
static const QmError *last_error(const QmStore *store);
static void close_store(QmStore *store);

static const QmStoreFunctions functions = {
    .type = "postgres",
    .set_market = set_market,
    .get_market = qm_postgres_get_market,
    .place_order = place_order,
    .place_orders = place_orders,
    .apply_report = apply_report,
    .resolve_submission = resolve_submission,
    .cancel_order = cancel_order,
    .cancel_orders = cancel_orders,
    .resolve_cancel = resolve_cancel,
    .open_orders = qm_postgres_open_orders,
    .positions = qm_postgres_positions,
    .fills = qm_postgres_fills,
    .order_by_client_id = qm_postgres_order_by_client_id,
    .load_state = load_state,
    .save_state = save_state,
    .connections = connections,
    .error = last_error,
    .close = close_store,
};

static const QmStatement market_statement =
    {.name = "quantmesh.set_market",
     .sql = "SELECT quantmesh.set_market(account => $1, symbol => $2, tick_size => $3::numeric,"
            " step_size => $4::numeric, min_quantity => $5::numeric, max_quantity => $6::numeric,"
            " min_notional => $7::numeric, level_width => $8::numeric, slot_by => $9, base_asset => $10,"
            " quote_asset => $11)",
     .parameters = 11,
     .repeat = QM_REPEAT_ALWAYS};

static const QmStatement place_statement =
    {.name = "quantmesh.place_order",
     .sql = "SELECT " QM_PLACEMENT_COLUMNS
            ", CASE WHEN p.outcome = 'placed' THEN quantmesh.save_strategy_state($1, $18, $19, $20::json, $21::bigint,"
            " $22, $23::bigint) END"
            " FROM quantmesh.place_order(account => $1, symbol => $2, side => $3, price => $4::numeric,"
            " quantity => $5::numeric, order_type => $6, time_in_force => $7, post_only => $8::boolean,"
            " reduce_only => $9::boolean, request_id => $10, slot => $11, strategy => $12, instance => $13,"
            " epoch => $14::bigint, submit => $15::boolean, valid_until => $16::timestamptz, wait => $17::interval)"
            " AS p",
     .parameters = QM_PLACE_VALUES + QM_STATE_VALUES,
     .repeat = QM_REPEAT_ALWAYS,
     .often = true};

static const QmStatement load_statement =
    {.name = "quantmesh.load_strategy_state",
     .sql = "SELECT s.version, s.document FROM quantmesh.load_strategy_state($1, $2, $3) AS s",
     .parameters = 3,
     .repeat = QM_REPEAT_ALWAYS};

static const QmStatement save_statement =
    {.name = "quantmesh.save_strategy_state",
     .sql = "SELECT quantmesh.save_strategy_state($1, $2, $3, $4::json, $5::bigint, $6, $7::bigint)",
     .parameters = 1 + QM_STATE_VALUES,
     .repeat = QM_REPEAT_ALWAYS,
     .often = true};

/* qm_store_open_postgres makes a store; its first call connects. */
QmCode
qm_store_open_postgres(const QmStoreOptions *options, QmStore **store, QmError *error)
{
    QmPostgres *postgres = calloc(1, sizeof(*postgres));

    *store = NULL;
    if (postgres != NULL)
        postgres->client = qm_client_new(&options->postgres);
    if (postgres == NULL || postgres->client == NULL)
    {
        free(postgres);
        return qm_error_set(error, QM_ERROR_MEMORY, "53200", NULL, "out of memory");
    }
    postgres->store.functions = &functions;
    *store = &postgres->store;
    return QM_OK;
}

/* client_of returns the store's handle. */
static QmClient *
client_of(QmStore *store)
{
    return ((QmPostgres *) store)->client;
}

/* set_market makes a market known, or changes it. */
static QmCode
set_market(QmStore *store, const char *account, const char *symbol, const QmMarketFilters *filters)
{
    const char *const values[] = {account,
                                  symbol,
                                  filters->tick_size,
                                  filters->step_size,
                                  filters->min_quantity,
                                  filters->max_quantity,
                                  filters->min_notional,
                                  filters->level_width,
                                  filters->slot_by,
                                  filters->base_asset,
                                  filters->quote_asset};
    PGresult *result;
    QmCode code = qm_call(client_of(store), &market_statement, values, 0, &result, NULL);

    PQclear(result);
    return code;
}

/* state_values writes a state as save_strategy_state's arguments from the symbol on. */
static void
state_values(const QmStrategyState *state, char version[QM_NUMBER_TEXT], char epoch[QM_NUMBER_TEXT],
             const char *values[QM_STATE_VALUES])
{
    values[0] = state->symbol;
    values[1] = state->strategy;
    values[2] = state->document;
    values[3] = qm_value_int64(version, state->version);
    values[4] = state->instance;
    values[5] = qm_value_int64_or_null(epoch, state->epoch);
}

/* place_order places an order, and saves the state in the same transaction if it was placed. */
static QmCode
place_order(QmStore *store, const char *account, const QmOrder *order, QmStrategyState *state, QmPlacement *placement)
{
    QmClient *client = client_of(store);
    const char *values[QM_PLACE_VALUES + QM_STATE_VALUES];
    char version[QM_NUMBER_TEXT];
    char epoch[QM_NUMBER_TEXT];
    QmPlaceValues place;
    QmCallHistory history;
    PGresult *result;
    QmCode code;

    if (state == NULL)
        return qm_place_order(client, account, order, placement);
    memset(placement, 0, sizeof(*placement));
    code = qm_place_values(&place, account, order, &client->error);
    if (code != QM_OK)
        return code;
    memcpy(values, place.values, sizeof(place.values));
    state_values(state, version, epoch, values + QM_PLACE_VALUES);
    code = qm_call(client, &place_statement, values, order->wait_ms, &result, &history);
    placement->repeated = history.lost;
    qm_text_copy(placement->request_id, sizeof(placement->request_id), place.request_id);
    if (code == QM_OK)
        code = qm_placement_read(placement, result, 0, &client->error);
    if (code == QM_OK && placement->outcome == QM_PLACED)
        state->version = qm_column_int64(result, 0, QM_PLACEMENT_COLUMN_COUNT);
    PQclear(result);
    return code;
}

/* place_orders places orders, and saves the state in the same transaction if any of them was placed. */
static QmCode
place_orders(QmStore *store, const char *account, const QmOrder *orders, size_t count, QmStrategyState *state,
             QmPlacement *placements)
{
    QmClient *client = client_of(store);
    const char *values[QM_STATE_VALUES];
    char version[QM_NUMBER_TEXT];
    char epoch[QM_NUMBER_TEXT];
    int64_t saved = 0;
    QmCode code;

    if (state == NULL)
        return qm_place_orders(client, account, orders, count, placements);
    state_values(state, version, epoch, values);
    code = qm_place_batch(client, account, orders, count, values, placements, &saved);
    if (code == QM_OK && saved != 0)
        state->version = saved;
    return code;
}

/* apply_report applies one report. */
static QmCode
apply_report(QmStore *store, const char *account, const QmReport *report, QmReportResult *result)
{
    return qm_apply_report(client_of(store), account, report, result);
}

/* resolve_submission says what became of a submission. */
static QmCode
resolve_submission(QmStore *store, const char *account, int64_t order_id, int64_t fence, const char *outcome,
                   const char *code, const char *message, QmReportResult *result)
{
    return qm_resolve_submission(client_of(store), account, order_id, fence, outcome, code, message, result);
}

/* cancel_order asks to cancel an order. */
static QmCode
cancel_order(QmStore *store, const char *account, int64_t order_id, QmCancellation *cancellation)
{
    return qm_cancel_order(client_of(store), account, order_id, cancellation);
}

/* cancel_orders asks to cancel all orders that fit. */
static QmCode
cancel_orders(QmStore *store, const char *account, const char *symbol, const char *side, const char *strategy,
              const char *instance, QmCancellation **list, size_t *count)
{
    return qm_cancel_orders(client_of(store), account, symbol, side, strategy, instance, list, count);
}

/* resolve_cancel says what became of a cancel that was sent. */
static QmCode
resolve_cancel(QmStore *store, const char *account, int64_t order_id, const char *outcome, const char *code,
               const char *message, QmReportResult *result)
{
    return qm_resolve_cancel(client_of(store), account, order_id, outcome, code, message, result);
}

/* load_state reads a strategy's state. */
static QmCode
load_state(QmStore *store, const char *account, const char *symbol, const char *strategy, char **document,
           int64_t *version)
{
    QmClient *client = client_of(store);
    const char *const values[] = {account, symbol, strategy};
    PGresult *result;
    QmCode code = qm_call(client, &load_statement, values, 0, &result, NULL);

    *document = NULL;
    *version = 0;
    if (code == QM_OK && !PQgetisnull(result, 0, 1))
    {
        *document = strdup(PQgetvalue(result, 0, 1));
        *version = qm_column_int64(result, 0, 0);
        if (*document == NULL)
            code = qm_error_no_memory(&client->error);
    }
    PQclear(result);
    return code;
}

/* save_state saves a strategy's state alone. */
static QmCode
save_state(QmStore *store, const char *account, QmStrategyState *state)
{
    const char *values[1 + QM_STATE_VALUES] = {account};
    char version[QM_NUMBER_TEXT];
    char epoch[QM_NUMBER_TEXT];
    PGresult *result;
    QmCode code;

    state_values(state, version, epoch, values + 1);
    code = qm_call(client_of(store), &save_statement, values, 0, &result, NULL);
    if (code == QM_OK)
        state->version = qm_column_int64(result, 0, 0);
    PQclear(result);
    return code;
}

/* connections returns how many have been made. */
static long
connections(const QmStore *store)
{
    return qm_client_connections(((const QmPostgres *) store)->client);
}

/* last_error returns the last failure of the store. */
static const QmError *
last_error(const QmStore *store)
{
    return qm_client_error(((const QmPostgres *) store)->client);
}

/* close_store closes the connection. */
static void
close_store(QmStore *store)
{
    QmPostgres *postgres = (QmPostgres *) store;

    if (postgres == NULL)
        return;
    qm_client_free(postgres->client);
    free(postgres);
}
