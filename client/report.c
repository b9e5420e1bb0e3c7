/*
 * Reports: what the exchange has said, and what became of submissions and of
 * cancels. All of it may be said twice.
 */
#include "client.h"

#include <string.h>

#include "decode.h"
#include "error.h"

#define APPLY_REPORT                                                                                                \
    "SELECT r.order_id, r.state, r.applied, r.discrepancy FROM quantmesh.apply_report(account => $1, symbol => $2," \
    " client_order_id => $3, exchange_order_id => $4, state => $5, trade_id => $6, last_quantity => $7::numeric,"   \
    " last_price => $8::numeric, cumulative_quantity => $9::numeric, commission => $10::numeric,"                   \
    " commission_asset => $11, is_maker => $12::boolean, event_time => $13::timestamptz, source => $14,"            \
    " detail => $15::jsonb) AS r"

static const QmStatement apply_statement = {.name = "quantmesh.apply_report",
                                            .sql = APPLY_REPORT,
                                            .parameters = 15,
                                            .repeat = QM_REPEAT_ALWAYS,
                                            .often = true};

/* What a transaction sets for itself still holds when it commits, unlike a setting of a function. */
static const QmStatement async_statement = {.name = "quantmesh.apply_report",
                                            .sql = APPLY_REPORT
                                            ", pg_catalog.set_config('synchronous_commit', 'off', true) AS s",
                                            .parameters = 15,
                                            .repeat = QM_REPEAT_ALWAYS,
                                            .often = true};

static const QmStatement submission_statement =
    {.name = "quantmesh.resolve_submission",
     .sql = "SELECT r.order_id, r.state, r.applied, r.discrepancy FROM quantmesh.resolve_submission(account => $1,"
            " order_id => $2::bigint, fence => $3::bigint, outcome => $4, code => $5, message => $6) AS r",
     .parameters = 6,
     .repeat = QM_REPEAT_ALWAYS,
     .often = true};

static const QmStatement cancel_statement =
    {.name = "quantmesh.resolve_cancel",
     .sql = "SELECT r.order_id, r.state, r.applied, r.discrepancy FROM quantmesh.resolve_cancel(account => $1,"
            " order_id => $2::bigint, outcome => $3, code => $4, message => $5) AS r",
     .parameters = 5,
     .repeat = QM_REPEAT_ALWAYS,
     .often = true};

/* report_with runs a statement that answers what a report did. */
static QmCode
report_with(QmClient *client, const QmStatement *statement, const char *const *values, QmReportResult *result)
{
    PGresult *answer;
    QmCode code = qm_call(client, statement, values, 0, &answer, NULL);

    memset(result, 0, sizeof(*result));
    if (code == QM_OK)
    {
        result->order_id = qm_column_int64(answer, 0, 0);
        qm_column_text(answer, 0, 1, result->state, sizeof(result->state));
        result->applied = qm_column_bool(answer, 0, 2);
        qm_column_text(answer, 0, 3, result->discrepancy, sizeof(result->discrepancy));
    }
    PQclear(answer);
    return code;
}

/* qm_apply_report applies one report. */
QmCode
qm_apply_report(QmClient *client, const char *account, const QmReport *report, QmReportResult *result)
{
    char time[QM_TIME_TEXT];
    const char *event_time;
    const char *const maker = report->is_maker == 0 ? NULL : qm_value_bool(report->is_maker > 0);

    if (!qm_value_time_or_null(time, report->event_time_us, &event_time))
        return qm_error_set(&client->error, QM_ERROR_ARGUMENT, "22008", NULL, "event_time_us is no time of this era");
    {
        const char *const values[] = {account,
                                      report->symbol,
                                      report->client_order_id,
                                      report->exchange_order_id,
                                      report->state,
                                      report->trade_id,
                                      report->last_quantity,
                                      report->last_price,
                                      report->cumulative_quantity,
                                      report->commission,
                                      report->commission_asset,
                                      maker,
                                      event_time,
                                      report->source == NULL ? "stream" : report->source,
                                      report->detail};

        return report_with(client, client->async_reports ? &async_statement : &apply_statement, values, result);
    }
}

/* qm_resolve_submission says what became of a submission. */
QmCode
qm_resolve_submission(QmClient *client, const char *account, int64_t order_id, int64_t fence, const char *outcome,
                      const char *code, const char *message, QmReportResult *result)
{
    char id[QM_NUMBER_TEXT];
    char fence_text[QM_NUMBER_TEXT];
    const char *const values[] =
        {account, qm_value_int64(id, order_id), qm_value_int64(fence_text, fence), outcome, code, message};

    return report_with(client, &submission_statement, values, result);
}

/* qm_resolve_cancel says what became of a cancel that was sent. */
QmCode
qm_resolve_cancel(QmClient *client, const char *account, int64_t order_id, const char *outcome, const char *code,
                  const char *message, QmReportResult *result)
{
    char id[QM_NUMBER_TEXT];
    const char *const values[] = {account, qm_value_int64(id, order_id), outcome, code, message};

    return report_with(client, &cancel_statement, values, result);
}
