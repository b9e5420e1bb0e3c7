/*
 * Instances: registering, living, and tasks.
 *
 * All of it may be said twice: a life is registered under its name, tasks are
 * given out until they are answered, and an answer stays the first one.
 */
#include "client.h"

#include <stdlib.h>
#include <string.h>

#include "decode.h"
#include "error.h"
#include "json.h"
#include "placement.h"

static const QmStatement register_statement =
    {.name = "quantmesh.register_instance",
     .sql = "SELECT r.epoch, (extract(epoch FROM r.ttl) * 1000)::bigint,"
            " (extract(epoch FROM r.heartbeat_every) * 1000)::bigint"
            " FROM quantmesh.register_instance(instance => $1,"
            " markets => ARRAY(SELECT pg_catalog.jsonb_array_elements_text($2::jsonb)), standby => $3::boolean,"
            " weight => $4::integer, ttl => $5::interval, life => $6, detail => $7::jsonb) AS r",
     .parameters = 7,
     .repeat = QM_REPEAT_ALWAYS};

static const QmStatement heartbeat_statement =
    {.name = "quantmesh.heartbeat",
     .sql = "SELECT t.account, t.task_id, t.kind, t.symbol, t.order_id, t.client_order_id, t.exchange_order_id,"
            " (extract(epoch FROM t.owned_until) * 1000000)::bigint, t.detail"
            " FROM quantmesh.heartbeat(instance => $1, epoch => $2::bigint) AS t",
     .parameters = 2,
     .repeat = QM_REPEAT_ALWAYS,
     .often = true};

static const QmStatement finish_statement =
    {.name = "quantmesh.finish_task",
     .sql = "SELECT quantmesh.finish_task(account => $1, task_id => $2::bigint, instance => $3, epoch => $4::bigint,"
            " outcome => $5, message => $6)",
     .parameters = 6,
     .repeat = QM_REPEAT_ALWAYS,
     .often = true};

static const QmStatement leave_statement = {.name = "quantmesh.leave_instance",
                                            .sql = "SELECT quantmesh.leave_instance(instance => $1, epoch => "
                                                   "$2::bigint)",
                                            .parameters = 2,
                                            .repeat = QM_REPEAT_ALWAYS};

/* add_markets writes the markets as a JSON array. */
static void
add_markets(QmJson *json, const QmInstance *instance)
{
    qm_json_add(json, "[");
    for (size_t i = 0; i < instance->market_count; i++)
    {
        qm_json_add(json, i == 0 ? "" : ",");
        qm_json_add_string(json, instance->markets[i]);
    }
    qm_json_add(json, "]");
}

/* qm_register_instance registers an instance. */
QmCode
qm_register_instance(QmClient *client, const QmInstance *instance, QmRegistration *registration)
{
    char weight[QM_NUMBER_TEXT];
    char ttl[QM_NUMBER_TEXT + 3];
    QmJson markets = {0};
    PGresult *result = NULL;
    QmCode code;

    memset(registration, 0, sizeof(*registration));
    code = qm_request_id_take(registration->life, instance->life, "life", &client->error);
    if (code != QM_OK)
        return code;
    add_markets(&markets, instance);
    if (markets.failed)
        code = qm_error_no_memory(&client->error);
    else
    {
        const char *const values[] = {instance->instance,
                                      markets.text,
                                      qm_value_bool(instance->standby),
                                      qm_value_int64(weight, instance->weight == 0 ? 1 : instance->weight),
                                      instance->ttl_ms == 0 ? NULL : qm_value_interval(ttl, instance->ttl_ms),
                                      registration->life,
                                      instance->detail};

        code = qm_call(client, &register_statement, values, 0, &result, NULL);
    }
    if (code == QM_OK)
    {
        registration->epoch = qm_column_int64(result, 0, 0);
        registration->ttl_ms = qm_column_int64(result, 0, 1);
        registration->heartbeat_every_ms = qm_column_int64(result, 0, 2);
    }
    PQclear(result);
    free(markets.text);
    return code;
}

/* read_task reads one row. A detail that is cut off would be no JSON. */
static void
read_task(QmTask *task, const PGresult *result, int row)
{
    qm_column_text(result, row, 0, task->account, sizeof(task->account));
    task->task_id = qm_column_int64(result, row, 1);
    qm_column_text(result, row, 2, task->kind, sizeof(task->kind));
    qm_column_text(result, row, 3, task->symbol, sizeof(task->symbol));
    task->order_id = qm_column_int64(result, row, 4);
    qm_column_text(result, row, 5, task->client_order_id, sizeof(task->client_order_id));
    qm_column_text(result, row, 6, task->exchange_order_id, sizeof(task->exchange_order_id));
    task->owned_until_us = qm_column_int64(result, row, 7);
    if ((size_t) PQgetlength(result, row, 8) < sizeof(task->detail))
        qm_column_text(result, row, 8, task->detail, sizeof(task->detail));
}

/* qm_heartbeat lets the instance live on and returns its tasks. */
QmCode
qm_heartbeat(QmClient *client, const char *instance, int64_t epoch, QmTask **list, size_t *count)
{
    char epoch_text[QM_NUMBER_TEXT];
    const char *const values[] = {instance, qm_value_int64(epoch_text, epoch)};
    PGresult *result = NULL;
    QmCode code;

    *list = NULL;
    *count = 0;
    code = qm_call(client, &heartbeat_statement, values, 0, &result, NULL);
    if (code == QM_OK && PQntuples(result) > 0)
    {
        *list = calloc((size_t) PQntuples(result), sizeof(**list));
        if (*list == NULL)
            code = qm_error_no_memory(&client->error);
        else
            *count = (size_t) PQntuples(result);
    }
    for (size_t i = 0; i < *count; i++)
        read_task(&(*list)[i], result, (int) i);
    PQclear(result);
    return code;
}

/* qm_finish_task answers a task. */
QmCode
qm_finish_task(QmClient *client, const QmTask *task, const char *instance, int64_t epoch, const char *outcome,
               const char *message, char state[QM_WORD_SIZE])
{
    char id[QM_NUMBER_TEXT];
    char epoch_text[QM_NUMBER_TEXT];
    const char *const values[] = {task->account,
                                  qm_value_int64(id, task->task_id),
                                  instance,
                                  qm_value_int64(epoch_text, epoch),
                                  outcome,
                                  message};
    PGresult *result;
    QmCode code = qm_call(client, &finish_statement, values, 0, &result, NULL);

    if (code == QM_OK && state != NULL)
        qm_column_text(result, 0, 0, state, QM_WORD_SIZE);
    PQclear(result);
    return code;
}

/* qm_leave_instance ends the instance's life. */
QmCode
qm_leave_instance(QmClient *client, const char *instance, int64_t epoch)
{
    char epoch_text[QM_NUMBER_TEXT];
    const char *const values[] = {instance, qm_value_int64(epoch_text, epoch)};
    QmCallHistory history;
    PGresult *result;
    QmCode code = qm_call(client, &leave_statement, values, 0, &result, &history);

    PQclear(result);
    if (history.lost && strcmp(history.sqlstate, QM_SQLSTATE_STALE_INSTANCE) == 0)
    {
        qm_error_clear(&client->error);
        return QM_OK;
    }
    return code;
}
