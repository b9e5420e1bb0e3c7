/*
 * Reconciliation, recording: findings as discrepancies, and the run. The same
 * difference again is counted, not added; one that a later pass looks for and
 * does not find is resolved.
 */
#include "reconcile_pass.h"

#include "amount.h"
#include "catalog/pg_type.h"
#include "compat.h"
#include "fence.h"
#include "live_order.h"
#include "market_number.h"
#include "query_row.h"
#include "settings.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#define POSITION_ALERT_AFTER 3 /* passes in a row that found the same asset wrong */

static const char *const fates[QM_FATES] = {
    [QM_FATE_RECORDED] = "recorded",
    [QM_FATE_REPAIRED] = "repaired",
    [QM_FATE_ASKED] = "asked",
    [QM_FATE_OVERTAKEN] = "overtaken",
    [QM_FATE_FAILED] = "failed",
};

static void record_finding(const QmPass *pass, int at);
static int64 resolve_unseen(const QmPass *pass);
static Datum order_ids(const QmPass *pass, bool settled);
static int64 resolve_balances(const QmPass *pass);
static void reduce_where_positions_differ(const QmPass *pass);
static bool is_trustworthy(const QmPass *pass);
static void mark_snapshot(const QmPass *pass);
static void insert_run(const QmPass *pass, int64 resolved);
static const char *message_of(const QmPass *pass);
static QmRunStatus status_of(const QmPass *pass);
static void count(const QmPass *pass);
static int64 count_fates(const QmPass *pass, QmFate fate);
static Jsonb *count_codes(const QmPass *pass);
static void log_news(const QmPass *pass, const char *status, Jsonb *counts, const char *message);
static bool find_difference(const QmPass *pass, QmUnits *difference);
static Datum amount_datum(QmUnits amount);
static Jsonb *show_trade(const QmRemoteTrade *trade);

/* qm_fate_name returns the word that reconcile() shows. */
const char *
qm_fate_name(QmFate fate)
{
    return fates[fate];
}

/* qm_finding_order returns the order of ours that the finding is about; 0 for none. */
int64
qm_finding_order(const QmPass *pass, const QmFinding *finding)
{
    return finding->local < 0 ? 0 : pass->comparison.locals[finding->local].order_id;
}

/* qm_finding_subject returns what the finding is about: unique among the unresolved of its code, and stable. */
char *
qm_finding_subject(const QmPass *pass, const QmFinding *finding)
{
    const QmComparison *comparison = &pass->comparison;

    if (finding->balance >= 0)
        return pstrdup(comparison->balances[finding->balance].asset);
    if (finding->trade >= 0 && finding->code != QM_FINDING_EXTERNAL_ORDER && finding->code != QM_FINDING_ORPHAN_OURS)
        return psprintf("%s:%s:%s",
                        pass->symbol,
                        comparison->trades[finding->trade].trade_id,
                        comparison->trades[finding->trade].buy ? "buy" : "sell");
    if (finding->local >= 0)
        return psprintf(INT64_FORMAT, qm_finding_order(pass, finding));
    if (finding->remote >= 0)
        return psprintf("%s:%s", pass->symbol, comparison->remotes[finding->remote].exchange_order_id);
    if (finding->trade >= 0)
        return psprintf("%s:%s", pass->symbol, comparison->trades[finding->trade].exchange_order_id);
    return pstrdup(pass->symbol);
}

/* qm_finding_local returns what we have, NULL for nothing. */
Jsonb *
qm_finding_local(const QmPass *pass, const QmFinding *finding)
{
    const QmComparison *comparison = &pass->comparison;

    if (finding->balance >= 0)
    {
        const char *const pairs[][2] = {{"amount", qm_amount_text(comparison->balances[finding->balance].expected)}};

        return qm_jsonb_object(lengthof(pairs), pairs);
    }
    if (finding->local >= 0)
    {
        const QmLocalOrder *local = &comparison->locals[finding->local];
        const char *const pairs[][2] = {{"state", qm_order_state_name(local->state)},
                                        {"side", local->buy ? "buy" : "sell"},
                                        {"price", local->price == 0 ? NULL : qm_amount_text(local->price)},
                                        {"quantity", qm_amount_text(local->quantity)},
                                        {"filled_quantity", qm_amount_text(local->filled)},
                                        {"reported_quantity", qm_amount_text(local->reported)}};

        return qm_jsonb_object(lengthof(pairs), pairs);
    }
    return NULL;
}

/* qm_finding_remote returns what the exchange shows, NULL for nothing. */
Jsonb *
qm_finding_remote(const QmPass *pass, const QmFinding *finding)
{
    const QmComparison *comparison = &pass->comparison;

    if (finding->code == QM_FINDING_SNAPSHOT_INCOMPLETE)
    {
        const char *const pairs[][2] = {{"reason", pass->discarded}};

        return qm_jsonb_object(lengthof(pairs), pairs);
    }
    if (finding->balance >= 0)
    {
        const char *const pairs[][2] = {{"amount", qm_amount_text(comparison->balances[finding->balance].actual)}};

        return qm_jsonb_object(lengthof(pairs), pairs);
    }
    if (finding->trade >= 0)
        return show_trade(&comparison->trades[finding->trade]);
    if (finding->remote >= 0)
    {
        const QmRemoteOrder *remote = &comparison->remotes[finding->remote];
        const char *const pairs[][2] = {{"client_order_id", remote->client_order_id},
                                        {"exchange_order_id", remote->exchange_order_id},
                                        {"side", remote->buy ? "buy" : "sell"},
                                        {"price", remote->price == 0 ? NULL : qm_amount_text(remote->price)},
                                        {"quantity", qm_amount_text(remote->quantity)},
                                        {"filled_quantity", qm_amount_text(remote->filled)}};

        return qm_jsonb_object(lengthof(pairs), pairs);
    }
    return NULL;
}

/* show_trade returns a trade as the exchange shows it. */
static Jsonb *
show_trade(const QmRemoteTrade *trade)
{
    const char *const pairs[][2] = {{"trade_id", trade->trade_id},
                                    {"client_order_id", trade->client_order_id},
                                    {"exchange_order_id", trade->exchange_order_id},
                                    {"side", trade->buy ? "buy" : "sell"},
                                    {"price", qm_amount_text(trade->price)},
                                    {"quantity", qm_amount_text(trade->quantity)}};

    return qm_jsonb_object(lengthof(pairs), pairs);
}

/* qm_pass_record writes all findings, resolves what was not found any more, and writes the run. */
void
qm_pass_record(QmPass *pass)
{
    static QmQuery trust = {"UPDATE quantmesh.market SET trusted_tag = $3 WHERE account = $1 AND symbol = $2 "
                            "AND trusted_tag <> $3 AND $3 = quantmesh.current_tag() AND $4 > "
                            "(SELECT max(f.recorded_at) FROM quantmesh.fence_floor AS f WHERE f.tag = $3) "
                            "RETURNING quantmesh.markets_changed()",
                            4,
                            {TEXTOID, TEXTOID, TEXTOID, TIMESTAMPTZOID}};
    int64 on_their_way_us = ((int64) qm_send_window_ms + qm_acceptance_window_ms) * 1000;
    Datum values[] = {CStringGetTextDatum(pass->account),
                      CStringGetTextDatum(pass->symbol),
                      CStringGetTextDatum(pass->tag),
                      TimestampTzGetDatum(pass->asked_at - on_their_way_us)};
    int64 resolved = 0;

    for (size_t i = 0; i < pass->verdict.nfindings; i++)
        record_finding(pass, (int) i);
    if (pass->discarded == NULL)
    {
        resolved = resolve_unseen(pass) + resolve_balances(pass);
        reduce_where_positions_differ(pass);
        if (is_trustworthy(pass) && qm_query_run(&trust, values, NULL) > 0)
            ereport(LOG,
                    (errmsg("market \"%s\" of account \"%s\" is trusted again", pass->symbol, pass->account),
                     errdetail("Its orders were compared with the exchange.")));
    }
    mark_snapshot(pass);
    log_news(pass, qm_run_status_name(status_of(pass)), count_codes(pass), message_of(pass));
    insert_run(pass, resolved);
    count(pass);
}

/*
 * log_news writes a line when the market's pass ended otherwise than the one
 * before, or found something else; what goes on as it was is not said again.
 */
static void
log_news(const QmPass *pass, const char *status, Jsonb *counts, const char *message)
{
    static QmQuery query =
        {"SELECT status = $3 AND (counts = $4 OR $5 IS NOT NULL) AND message IS NOT DISTINCT FROM $5 "
         "FROM quantmesh.reconcile_run WHERE account = $1 AND symbol = $2 "
         "ORDER BY run_id DESC LIMIT 1",
         5,
         {TEXTOID, TEXTOID, TEXTOID, JSONBOID, TEXTOID}};
    bool nulls[] = {false, false, false, false, message == NULL};
    Datum values[] = {CStringGetTextDatum(pass->account),
                      CStringGetTextDatum(pass->symbol),
                      CStringGetTextDatum(status),
                      PointerGetDatum(counts),
                      message == NULL ? (Datum) 0 : CStringGetTextDatum(message)};
    bool first = qm_query_run(&query, values, nulls) == 0;

    if (first ? JB_ROOT_COUNT(counts) == 0 && message == NULL : qm_row_bool(0, 0))
        return;
    ereport(LOG,
            (errmsg("reconciliation of market \"%s\" of account \"%s\": %s%s%s",
                    pass->symbol,
                    pass->account,
                    status,
                    message == NULL ? "" : ": ",
                    message == NULL ? "" : message),
             JB_ROOT_COUNT(counts) == 0
                 ? 0
                 : errdetail("Found: %s.", JsonbToCString(NULL, &counts->root, VARSIZE(counts)))));
}

/* record_finding records one finding; what was repaired is resolved at once. */
static void
record_finding(const QmPass *pass, int at)
{
    static QmQuery resolve = {"UPDATE quantmesh.discrepancy SET resolved_at = pg_catalog.clock_timestamp(), "
                              "resolution = $4 WHERE account = $1 AND code = $2 AND subject = $3 "
                              "AND resolved_at IS NULL",
                              4,
                              {TEXTOID, TEXTOID, TEXTOID, TEXTOID}};
    const QmFinding *finding = &pass->findings[at];
    char *subject = qm_finding_subject(pass, finding);
    Datum values[4];

    if (pass->fates[at] == QM_FATE_OVERTAKEN)
        return;
    qm_discrepancy_record(pass->account,
                          qm_finding_name(finding->code),
                          finding->balance >= 0 ? NULL : pass->symbol,
                          qm_finding_order(pass, finding),
                          subject,
                          qm_finding_local(pass, finding),
                          qm_finding_remote(pass, finding));
    if (pass->fates[at] != QM_FATE_REPAIRED)
        return;
    values[0] = CStringGetTextDatum(pass->account);
    values[1] = CStringGetTextDatum(qm_finding_name(finding->code));
    values[2] = CStringGetTextDatum(subject);
    values[3] = CStringGetTextDatum(psprintf("%s by run " INT64_FORMAT, qm_repair_name(finding->repair), pass->run_id));
    (void) qm_query_run(&resolve, values, NULL);
}

/*
 * resolve_unseen ends the market's discrepancies that this pass looked for and
 * did not find: those of orders that were still moving stay, and so do those
 * that only people can judge. A trade that is in no ledger stays, wherever later
 * snapshots begin; so does what was filled too much, unless the order was looked
 * at.
 */
static int64
resolve_unseen(const QmPass *pass)
{
    static QmQuery query =
        {"UPDATE quantmesh.discrepancy AS d SET resolved_at = pg_catalog.clock_timestamp(), resolution = $3 "
         "WHERE d.account = $1 AND d.symbol = $2 AND d.resolved_at IS NULL AND d.last_seen < $4 "
         "AND d.code IN ('SNAPSHOT_INCOMPLETE', 'LEASE_ORPHAN', 'INFLIGHT_CONFIRMED', 'INFLIGHT_ABSENT', "
         "'MISSING_AT_EXCHANGE', 'STATE_DRIFT', 'QTY_PRICE_DRIFT', 'MISSED_FILL', 'FILL_GAP', 'OVERFILL', "
         "'ORPHAN_OURS', 'EXTERNAL_ORDER', 'DUPLICATE_LEVEL', 'CANCEL_STUCK') "
         "AND (d.order_id IS NULL OR d.order_id <> ALL ($5)) AND (d.code <> 'OVERFILL' OR d.order_id = ANY ($6)) "
         "AND (d.remote ->> 'trade_id' IS NULL OR EXISTS (SELECT FROM quantmesh.fill AS f "
         "WHERE f.account = $1 AND f.symbol = $2 AND f.trade_id = d.remote ->> 'trade_id'))",
         6,
         {TEXTOID, TEXTOID, TEXTOID, TIMESTAMPTZOID, INT8ARRAYOID, INT8ARRAYOID}};
    Datum values[] = {CStringGetTextDatum(pass->account),
                      CStringGetTextDatum(pass->symbol),
                      CStringGetTextDatum(psprintf("not found by run " INT64_FORMAT, pass->run_id)),
                      TimestampTzGetDatum(pass->asked_at),
                      order_ids(pass, false),
                      order_ids(pass, true)};

    return (int64) qm_query_run(&query, values, NULL);
}

/* order_ids returns the ids of the locals that were settled, or of those that were not, as an array. */
static Datum
order_ids(const QmPass *pass, bool settled)
{
    const QmComparison *comparison = &pass->comparison;
    Datum *ids = palloc_extended(sizeof(Datum) * Max(comparison->nlocals, 1), MCXT_ALLOC_HUGE);
    int nids = 0;

    for (size_t i = 0; i < comparison->nlocals; i++)
    {
        if (comparison->locals[i].settled == settled)
            ids[nids++] = Int64GetDatum(comparison->locals[i].order_id);
    }
    return PointerGetDatum(construct_array(ids, nids, INT8OID, sizeof(int64), true, TYPALIGN_DOUBLE));
}

/* resolve_balances ends POSITION_MISMATCH of the assets that this pass has found right. */
static int64
resolve_balances(const QmPass *pass)
{
    static QmQuery query = {"UPDATE quantmesh.discrepancy SET resolved_at = pg_catalog.clock_timestamp(), "
                            "resolution = $3 WHERE account = $1 AND code = 'POSITION_MISMATCH' AND subject = ANY ($2) "
                            "AND resolved_at IS NULL AND last_seen < $4",
                            4,
                            {TEXTOID, TEXTARRAYOID, TEXTOID, TIMESTAMPTZOID}};
    const QmComparison *comparison = &pass->comparison;
    Datum *assets = palloc(sizeof(Datum) * Max(comparison->nbalances, 1));
    Datum values[4];

    if (comparison->nbalances == 0)
        return 0;
    for (size_t i = 0; i < comparison->nbalances; i++)
        assets[i] = CStringGetTextDatum(comparison->balances[i].asset);
    values[0] = CStringGetTextDatum(pass->account);
    values[1] = PointerGetDatum(construct_array(assets, (int) comparison->nbalances, TEXTOID, -1, false, TYPALIGN_INT));
    values[2] = CStringGetTextDatum(psprintf("not found by run " INT64_FORMAT, pass->run_id));
    values[3] = TimestampTzGetDatum(pass->started_at);
    return (int64) qm_query_run(&query, values, NULL);
}

/*
 * reduce_where_positions_differ makes markets reducing whose base asset was found
 * wrong several times in a row: what limits count with is not what is there. Other
 * markets' passes see it, too: so it has to last until the market's own snapshots
 * would have brought what is missing. A market whose state an operator has set since then is
 * left to him.
 */
static void
reduce_where_positions_differ(const QmPass *pass)
{
    static QmQuery query =
        {"SELECT quantmesh.reduce_market(m.account, m.symbol, "
         "'POSITION_MISMATCH: ' || d.subject || ' was found different ' || d.seen_count || ' times') "
         "FROM quantmesh.discrepancy AS d JOIN quantmesh.market AS m "
         "ON m.account = d.account AND m.base_asset = d.subject "
         "WHERE d.account = $1 AND d.code = 'POSITION_MISMATCH' AND d.resolved_at IS NULL "
         "AND d.seen_count >= $2 AND d.first_seen + ($2 - 1) * m.reconcile_every <= d.last_seen "
         "AND m.trading_state = 'active' AND m.policy <> 'report' "
         "AND (m.state_set_at IS NULL OR m.state_set_at < d.first_seen)",
         2,
         {TEXTOID, INT4OID}};
    Datum values[] = {CStringGetTextDatum(pass->account), Int32GetDatum(POSITION_ALERT_AFTER)};

    if (pass->policy != QM_POLICY_REPORT && pass->comparison.nbalances > 0)
        (void) qm_query_run(&query, values, NULL);
}

/* is_trustworthy says whether all orders and fills that the exchange shows, and that may be ours, are known here now. */
static bool
is_trustworthy(const QmPass *pass)
{
    for (size_t i = 0; i < pass->verdict.nfindings; i++)
    {
        const QmFinding *finding = &pass->findings[i];
        bool may_be_ours = finding->code == QM_FINDING_ORPHAN_OURS || finding->code == QM_FINDING_MISSED_FILL ||
                           finding->code == QM_FINDING_LATE_FILL;

        /* Of a trade whose order nobody knows, the exchange's id alone does not say whose it is. */
        if (finding->code == QM_FINDING_EXTERNAL_ORDER && finding->trade >= 0)
            may_be_ours = pass->comparison.trades[finding->trade].client_order_id == NULL;
        if (may_be_ours && pass->fates[i] != QM_FATE_REPAIRED)
            return false;
    }
    return true;
}

/* mark_snapshot ends the snapshot, and older ones of the market that nobody has looked at. */
static void
mark_snapshot(const QmPass *pass)
{
    static QmQuery query = {"UPDATE quantmesh.snapshot SET state = CASE WHEN snapshot_id = $3 AND $4 THEN 'reconciled' "
                            "ELSE 'discarded' END, leaves_trades = $5 "
                            "WHERE account = $1 AND symbol = $2 AND snapshot_id <= $3 AND state = 'new'",
                            5,
                            {TEXTOID, TEXTOID, INT8OID, BOOLOID, BOOLOID}};
    Datum values[] = {CStringGetTextDatum(pass->account),
                      CStringGetTextDatum(pass->symbol),
                      Int64GetDatum(pass->snapshot_id),
                      BoolGetDatum(pass->discarded == NULL),
                      BoolGetDatum(qm_pass_leaves_trades(pass))};

    (void) qm_query_run(&query, values, NULL);
}

/*
 * insert_run writes the row of reconcile_run. The exchange's position is ours
 * and the difference that its balance shows.
 */
static void
insert_run(const QmPass *pass, int64 resolved)
{
    static QmQuery query =
        {"INSERT INTO quantmesh.reconcile_run (account, run_id, symbol, snapshot_id, status, policy, started_at, "
         "finished_at, orders, remote_orders, trades, matched, deferred, findings, repaired, asked, resolved, counts, "
         "local_position, exchange_position, realized_profit, open_buys, open_sells, pending_sell, message) "
         "SELECT $1, $2, $3, $4, $5, $6, $7, pg_catalog.clock_timestamp(), $8, $9, $10, $11, $12, $13, $14, $15, $16, "
         "$17, p.quantity, p.quantity + $18, p.profit, o.buys, o.sells, o.pending_sell, $19 "
         "FROM (SELECT trim_scale(coalesce(sum(x.quantity), 0)) AS quantity, "
         "trim_scale(coalesce(sum(x.realized_profit), 0)) AS profit "
         "FROM quantmesh.position AS x WHERE x.account = $1 AND x.symbol = $3) AS p, "
         "(SELECT count(*) FILTER (WHERE y.side = 'buy') AS buys, count(*) FILTER (WHERE y.side = 'sell') AS sells, "
         "trim_scale(coalesce(sum(greatest(y.quantity - y.filled_quantity - y.busted_quantity, 0)) "
         "FILTER (WHERE y.side = 'sell'), 0)) AS pending_sell FROM (SELECT o.* FROM " QM_LIVE_ORDERS
         "WHERE l.account = $1 AND l.symbol = $3 AND o.live) AS y) AS o",
         19,
         {TEXTOID,
          INT8OID,
          TEXTOID,
          INT8OID,
          TEXTOID,
          TEXTOID,
          TIMESTAMPTZOID,
          INT8OID,
          INT8OID,
          INT8OID,
          INT8OID,
          INT8OID,
          INT8OID,
          INT8OID,
          INT8OID,
          INT8OID,
          JSONBOID,
          NUMERICOID,
          TEXTOID}};
    const QmComparison *comparison = &pass->comparison;
    QmUnits difference = 0;
    bool judged = find_difference(pass, &difference);
    const char *message = message_of(pass);
    Datum values[] = {CStringGetTextDatum(pass->account),
                      Int64GetDatum(pass->run_id),
                      CStringGetTextDatum(pass->symbol),
                      Int64GetDatum(pass->snapshot_id),
                      CStringGetTextDatum(qm_run_status_name(status_of(pass))),
                      CStringGetTextDatum(qm_policy_name(pass->policy)),
                      TimestampTzGetDatum(pass->started_at),
                      Int64GetDatum((int64) comparison->nlocals),
                      Int64GetDatum((int64) comparison->nremotes),
                      Int64GetDatum((int64) comparison->ntrades),
                      Int64GetDatum((int64) pass->verdict.nmatched),
                      Int64GetDatum((int64) pass->verdict.ndeferred),
                      Int64GetDatum((int64) pass->verdict.nfindings),
                      Int64GetDatum(count_fates(pass, QM_FATE_REPAIRED)),
                      Int64GetDatum(count_fates(pass, QM_FATE_ASKED)),
                      Int64GetDatum(resolved),
                      PointerGetDatum(count_codes(pass)),
                      amount_datum(difference),
                      message == NULL ? (Datum) 0 : CStringGetTextDatum(message)};
    bool nulls[lengthof(values)] = {0};

    nulls[17] = !judged;
    nulls[18] = message == NULL;
    (void) qm_query_run(&query, values, nulls);
}

/* qm_pass_record_end writes a run that came to nothing, and takes its snapshots out of the way. */
void
qm_pass_record_end(const QmPass *pass, QmRunStatus status, const char *message)
{
    static QmQuery query =
        {"WITH given_up AS (UPDATE quantmesh.snapshot SET state = 'discarded' "
         "WHERE account = $1 AND symbol = $2 AND state = 'new' RETURNING snapshot_id) "
         "INSERT INTO quantmesh.reconcile_run (account, run_id, symbol, snapshot_id, status, policy, started_at, "
         "finished_at, orders, remote_orders, trades, matched, deferred, findings, repaired, asked, resolved, counts, "
         "message) SELECT m.account, $3, m.symbol, (SELECT max(g.snapshot_id) FROM given_up AS g), $4, "
         "CASE WHEN m.policy IN ('repair', 'enforce') THEN m.policy ELSE 'report' END, "
         "pg_catalog.clock_timestamp(), pg_catalog.clock_timestamp(), 0, 0, 0, 0, 0, 0, 0, 0, 0, '{}', $5 "
         "FROM quantmesh.market AS m WHERE m.account = $1 AND m.symbol = $2",
         5,
         {TEXTOID, TEXTOID, INT8OID, TEXTOID, TEXTOID}};
    Datum values[] = {CStringGetTextDatum(pass->account),
                      CStringGetTextDatum(pass->symbol),
                      Int64GetDatum(qm_fence_draw()),
                      CStringGetTextDatum(qm_run_status_name(status)),
                      CStringGetTextDatum(message)};

    log_news(pass, qm_run_status_name(status), qm_jsonb_object(0, NULL), message);
    (void) qm_query_run(&query, values, NULL);
    qm_reconcile_count_run(qm_market_number(pass->account, pass->symbol), status, 0);
}

/* message_of returns what the run has to say; NULL for nothing. */
static const char *
message_of(const QmPass *pass)
{
    return pass->discarded != NULL ? pass->discarded : pass->failure;
}

/* status_of sums the pass up. */
static QmRunStatus
status_of(const QmPass *pass)
{
    if (pass->discarded != NULL)
        return QM_RUN_DISCARDED;
    if (pass->verdict.nfindings > 0)
        return QM_RUN_FINDINGS;
    return pass->verdict.ndeferred > 0 ? QM_RUN_DEFERRED : QM_RUN_CLEAN;
}

/* count tells the metrics. */
static void
count(const QmPass *pass)
{
    int market = qm_market_number(pass->account, pass->symbol);

    for (size_t i = 0; i < pass->verdict.nfindings; i++)
        qm_reconcile_count_finding(market, pass->findings[i].code, pass->fates[i] == QM_FATE_REPAIRED);
    qm_reconcile_count_run(market, status_of(pass), GetCurrentTimestamp() - pass->started_at);
}

/* count_fates counts findings by what became of them. */
static int64
count_fates(const QmPass *pass, QmFate fate)
{
    int64 count = 0;

    for (size_t i = 0; i < pass->verdict.nfindings; i++)
        count += pass->fates[i] == fate;
    return count;
}

/* count_codes returns the findings by code, as an object. */
static Jsonb *
count_codes(const QmPass *pass)
{
    const char *pairs[QM_FINDINGS][2];
    int npairs = 0;

    for (QmFindingCode code = 0; code < QM_FINDINGS; code++)
    {
        int64 count = 0;

        for (size_t i = 0; i < pass->verdict.nfindings; i++)
            count += pass->findings[i].code == code;
        if (count == 0)
            continue;
        pairs[npairs][0] = qm_finding_name(code);
        pairs[npairs++][1] = psprintf(INT64_FORMAT, count);
    }
    return qm_jsonb_object(npairs, pairs);
}

/* find_difference finds what the exchange has of the market's base asset beyond what we expect; false when it was not judged. */
static bool
find_difference(const QmPass *pass, QmUnits *difference)
{
    static QmQuery query = {"SELECT base_asset FROM quantmesh.market WHERE account = $1 AND symbol = $2",
                            2,
                            {TEXTOID, TEXTOID}};
    Datum values[] = {CStringGetTextDatum(pass->account), CStringGetTextDatum(pass->symbol)};
    const char *base;

    if (pass->comparison.nbalances == 0 || qm_pass_query(pass, &query, values) == 0)
        return false;
    base = qm_row_text(0, 0);
    for (size_t i = 0; i < pass->comparison.nbalances; i++)
    {
        const QmBalance *balance = &pass->comparison.balances[i];

        if (strcmp(balance->asset, base) != 0)
            continue;
        *difference = balance->actual - balance->expected;
        return true;
    }
    return false;
}

/* amount_datum returns an amount as numeric. */
static Datum
amount_datum(QmUnits amount)
{
    return DirectFunctionCall3(numeric_in,
                               CStringGetDatum(qm_amount_text(amount)),
                               ObjectIdGetDatum(InvalidOid),
                               Int32GetDatum(-1));
}
