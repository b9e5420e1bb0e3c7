/*
 * Reports: what the exchange says of an order, and what it did to ours.
 */
#ifndef QM_REPORT_H
#define QM_REPORT_H

#include "postgres.h"

#include "fmgr.h"
#include "ledger.h"
#include "order_row.h"

#define QM_REPORT_DETAIL_MAX 8192 /* bytes of the raw report */

/* What a report's word for the state means. */
typedef enum QmSaid
{
    QM_SAID_NOTHING,
    QM_SAID_EVENT,
    QM_SAID_BUSTED,
    QM_SAID_UNKNOWN /* a word that we do not know */
} QmSaid;

/* A report whose arguments were checked. NULL and 0 where it says nothing. */
typedef struct QmReport
{
    char *account;
    char *symbol;
    char *client_order_id;
    char *exchange_order_id;
    char *state; /* as it came */
    QmSaid said;
    QmOrderEvent event; /* of QM_SAID_EVENT */
    bool has_trade;
    QmTrade trade;
    Numeric cumulative_quantity;
    TimestampTz event_time;
    const char *source;
    Jsonb *detail;
} QmReport;

/* A row of quantmesh.report_result. */
typedef struct QmReportResult
{
    int64 order_id; /* 0: not ours */
    const char *state;
    bool applied;
    const char *discrepancy;
} QmReportResult;

extern bool qm_tag_is_own(const char *tag); /* inside a scope of query.h */
extern void qm_report_apply(const QmReport *report, QmReportResult *result);
extern Datum qm_report_result_datum(FunctionCallInfo fcinfo, const QmReportResult *result);

#endif
