/*
 * Reconciliation, loading: a snapshot, and what we have of its market, as the
 * arrays that the classifier compares. Reads only, but that archived orders which
 * the snapshot names come back first.
 *
 * An order counts as settled when the transaction that changed it last was
 * visible to the snapshot of ours that was taken when the task to fetch was given
 * out, and was long enough ago by the server's clock: only then the exchange's
 * picture must show what it left.
 */
#include "reconcile_pass.h"

#include "access/transam.h"
#include "access/xact.h"
#include "amount.h"
#include "archive.h"
#include "catalog/pg_type.h"
#include "compat.h"
#include "access/subtrans.h"
#include "cancel.h"
#include "order_id.h"
#include "query.h"
#include "query_row.h"
#include "report.h"
#include "settings.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"
#include "utils/xid8.h"

#define CANCEL_STUCK_AFTER_US (3 * QM_CANCEL_WINDOW_US)
#define EXCHANGE_ID_MAX 128

/* Which of our orders the exchange knows by an id. */
typedef struct KnownId
{
    char exchange_order_id[EXCHANGE_ID_MAX + 1];
    int64 order_id;
} KnownId;

/* What loading keeps while it matches the snapshot's ids with our orders. */
typedef struct Loading
{
    QmPass *pass;
    QmLocalOrder *locals; /* in the order of their ids */
    TimestampTz *updated_at;
    int nlocals;
    HTAB *known_ids;
    FullTransactionId next_xid;   /* larger than any in the rows */
    char own_tag[QM_TAG_LEN + 1]; /* the last tag that was asked about */
    bool tag_is_own;
} Loading;

static void load_locals(Loading *loading, uint64 count);
static void read_local(Loading *loading, uint64 row, QmLocalOrder *local, TimestampTz *updated_at);
static bool is_settled(const Loading *loading, TransactionId xmin, TimestampTz updated_at);
static bool was_committed(const Loading *loading, TransactionId xmin);
static bool cancel_pends(const char *cancel_state);
static QmOrigin origin_of(const char *name);
static void load_absent_answers(Loading *loading);
static int compare_ids(const void *left, const void *right);
static int find_local(const Loading *loading, int64 order_id);
static void remember_ids(Loading *loading);
static void find_named(Loading *loading);
static int64 named_by(const char *client_order_id);
static void load_named(Loading *loading, Datum *ids, int nids);
static void make_remotes(Loading *loading);
static void make_trades(Loading *loading);
static const char *client_id_for(const Loading *loading, char *client_order_id, const char *exchange_order_id);
static bool is_ours(Loading *loading, const char *client_order_id);
static void judge_known_trades(Loading *loading, QmRemoteTrade *trades);

/* qm_pass_find_snapshot finds the newest snapshot of the market and reads it; false when there is none. */
bool
qm_pass_find_snapshot(QmPass *pass)
{
    static QmQuery query =
        {"SELECT s.snapshot_id, s.task_id, s.asked_at, s.asked_at - m.grace, s.complete, s.tag, m.policy, "
         "coalesce((SELECT r.task_id FROM quantmesh.snapshot AS r WHERE r.account = $1 AND r.symbol = $2 "
         "AND r.state = 'reconciled' ORDER BY r.snapshot_id DESC LIMIT 1), 0), s.watermark, s.open_orders, s.trades, "
         "s.balances "
         "FROM quantmesh.snapshot AS s JOIN quantmesh.market AS m ON m.account = s.account AND m.symbol = s.symbol "
         "WHERE s.account = $1 AND s.symbol = $2 ORDER BY s.snapshot_id DESC LIMIT 1",
         2,
         {TEXTOID, TEXTOID}};
    Datum values[] = {CStringGetTextDatum(pass->account), CStringGetTextDatum(pass->symbol)};
    Datum arrays[3];
    bool isnull;

    if (qm_pass_query(pass, &query, values) == 0)
        return false;
    pass->snapshot_id = qm_row_int64(0, 0);
    pass->task_id = qm_row_int64(0, 1);
    pass->asked_at = qm_row_int64(0, 2);
    pass->settled_before = qm_row_int64(0, 3);
    pass->comparison.complete = qm_row_bool(0, 4);
    pass->tag = qm_row_text(0, 5);
    if (!qm_policy_parse(qm_row_text(0, 6), &pass->policy))
        elog(ERROR, "unknown policy of market \"%s\" of account \"%s\"", pass->symbol, pass->account);
    pass->last_task_id = qm_row_int64(0, 7);
    pass->watermark = PointerGetDatum(PG_DETOAST_DATUM_COPY(qm_query_value(0, 8, &isnull)));
    for (int i = 0; i < lengthof(arrays); i++)
        arrays[i] = PointerGetDatum(PG_DETOAST_DATUM_COPY(qm_query_value(0, 9 + i, &isnull)));
    qm_snapshot_read(DatumGetJsonbP(arrays[0]), DatumGetJsonbP(arrays[1]), DatumGetJsonbP(arrays[2]), &pass->snapshot);
    return true;
}

/* qm_pass_query reads what is committed now, and returns in the memory of the pass, where what is read from the rows lives on. */
uint64
qm_pass_query(const QmPass *pass, QmQuery *query, const Datum *values)
{
    uint64 count = qm_query_read_latest(query, values, NULL);

    MemoryContextSwitchTo(pass->memory);
    return count;
}

/* Columns that read_local reads, of quantmesh.orders as o. */
#define LOCAL_COLUMNS                                                                                                 \
    "o.order_id, o.client_order_id, o.exchange_order_id, o.slot, o.state, o.origin, o.side, o.holds_slot, "           \
    "o.cancel_state, o.price, o.quantity, o.filled_quantity + o.busted_quantity, o.reported_quantity, o.updated_at, " \
    "o.send_before, o.cancel_requested_at, o.xmin, "                                                                  \
    "CASE WHEN o.epoch IS NOT NULL AND o.state IN ('intent', 'submitted') THEN NOT EXISTS ("                          \
    "SELECT FROM quantmesh.instance AS i WHERE i.instance = o.instance AND i.epoch = o.epoch AND i.state = 'alive') " \
    "ELSE false END"

/* qm_pass_load fills the comparison but for its balances. */
void
qm_pass_load(QmPass *pass)
{
    static QmQuery query = {"SELECT o.* FROM quantmesh.live_order AS l, "
                            "LATERAL (SELECT " LOCAL_COLUMNS " FROM quantmesh.orders AS o "
                            "WHERE o.account = l.account AND o.order_id = l.order_id OFFSET 0) AS o "
                            "WHERE l.account = $1 AND l.symbol = $2 ORDER BY l.order_id",
                            2,
                            {TEXTOID, TEXTOID}};
    Loading loading = {.pass = pass};
    Datum values[] = {CStringGetTextDatum(pass->account), CStringGetTextDatum(pass->symbol)};

    load_locals(&loading, qm_pass_query(pass, &query, values));
    remember_ids(&loading);
    find_named(&loading);
    load_absent_answers(&loading);
    make_remotes(&loading);
    make_trades(&loading);
    pass->comparison.locals = loading.locals;
    pass->comparison.nlocals = (size_t) loading.nlocals;
    pass->updated_at = loading.updated_at;
    pass->comparison.balances_seen = pass->snapshot.nbalances > 0;
    pass->comparison.now_us = GetCurrentTimestamp();
}

/*
 * load_locals adds the rows of the last query to the locals. Both come in the order
 * of their ids. Transactions that began after the query's snapshot are in no row.
 */
static void
load_locals(Loading *loading, uint64 count)
{
    Size room = (Size) loading->nlocals + count;
    QmLocalOrder *locals = palloc_extended(sizeof(QmLocalOrder) * Max(room, 1), MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
    TimestampTz *updated_at = palloc_extended(sizeof(TimestampTz) * Max(room, 1), MCXT_ALLOC_HUGE);
    int before = 0;
    int nlocals = 0;

    loading->next_xid = ReadNextFullTransactionId();
    for (uint64 row = 0; row <= count; row++)
    {
        int64 next = row < count ? qm_row_int64(row, 0) : PG_INT64_MAX;

        for (; before < loading->nlocals && loading->locals[before].order_id < next; before++)
        {
            locals[nlocals] = loading->locals[before];
            updated_at[nlocals++] = loading->updated_at[before];
        }
        if (row < count)
        {
            read_local(loading, row, &locals[nlocals], &updated_at[nlocals]);
            nlocals++;
        }
    }
    loading->locals = locals;
    loading->updated_at = updated_at;
    loading->nlocals = nlocals;
}

/* read_local reads one row of LOCAL_COLUMNS. */
static void
read_local(Loading *loading, uint64 row, QmLocalOrder *local, TimestampTz *updated_at)
{
    TimestampTz send_before = qm_row_int64(row, 14);
    bool isnull;

    local->order_id = qm_row_int64(row, 0);
    local->client_order_id = qm_row_text(row, 1);
    local->exchange_order_id = qm_row_text(row, 2);
    local->slot = qm_row_text(row, 3);
    local->state = qm_order_state_of(qm_row_text(row, 4));
    local->origin = origin_of(qm_row_text(row, 5));
    local->buy = strcmp(qm_row_text(row, 6), "buy") == 0;
    local->holds_slot = qm_row_bool(row, 7);
    local->cancel_pending = cancel_pends(qm_row_text(row, 8));
    local->price = qm_units(qm_row_number(row, 9));
    local->quantity = qm_units(qm_row_number(row, 10));
    local->filled = qm_units(qm_row_number(row, 11));
    local->reported = qm_units(qm_row_number(row, 12));
    *updated_at = qm_row_int64(row, 13);
    local->accept_deadline_us = send_before == 0 ? 0 : send_before + (int64) qm_acceptance_window_ms * 1000;
    local->cancel_deadline_us = local->cancel_pending ? qm_row_int64(row, 15) + CANCEL_STUCK_AFTER_US : 0;
    local->settled = is_settled(loading, DatumGetTransactionId(qm_query_value(row, 16, &isnull)), *updated_at);
    local->owner_is_dead = qm_row_bool(row, 17);
}

/* is_settled says whether the order's last change was there when the snapshot was asked for, and old enough. */
static bool
is_settled(const Loading *loading, TransactionId xmin, TimestampTz updated_at)
{
    return updated_at <= loading->pass->settled_before && was_committed(loading, xmin);
}

/*
 * was_committed says whether a transaction, which has committed by now, had done
 * so when the watermark was taken. The watermark knows no subtransactions: one
 * that can no longer be traced to its parent, and could have run then, counts as
 * not committed.
 */
static bool
was_committed(const Loading *loading, TransactionId xmin)
{
    Datum watermark = loading->pass->watermark;
    FullTransactionId oldest = DatumGetFullTransactionId(DirectFunctionCall1(pg_snapshot_xmin, watermark));
    FullTransactionId widened;
    uint32 epoch = EpochFromFullTransactionId(loading->next_xid);

    if (!TransactionIdIsNormal(xmin))
        return true;
    if (TransactionIdIsCurrentTransactionId(xmin))
        return false;
    if (xmin > XidFromFullTransactionId(loading->next_xid))
        epoch--;
    widened = FullTransactionIdFromEpochAndXid(epoch, xmin);
    if (FullTransactionIdPrecedes(widened, oldest))
        return true;
    if (TransactionIdPrecedes(xmin, TransactionXmin))
        return false;
    widened = FullTransactionIdFromEpochAndXid(epoch, SubTransGetTopmostTransaction(xmin));
    return DatumGetBool(DirectFunctionCall2(pg_visible_in_snapshot, FullTransactionIdGetDatum(widened), watermark));
}

/* cancel_pends says whether a cancel in this state still waits for its end. */
static bool
cancel_pends(const char *cancel_state)
{
    return strcmp(cancel_state, "requested") == 0 || strcmp(cancel_state, "sent") == 0 ||
           strcmp(cancel_state, "unknown") == 0;
}

/* origin_of returns the origin of that name; the table's CHECK knows the same ones. */
static QmOrigin
origin_of(const char *name)
{
    if (strcmp(name, "own") == 0)
        return QM_ORIGIN_OWN;
    return strcmp(name, "adopted") == 0 ? QM_ORIGIN_ADOPTED : QM_ORIGIN_EXTERNAL;
}

/* qm_units returns an amount as the classifier counts; 0 for none, the largest for what is above everything. */
QmUnits
qm_units(Numeric value)
{
    QmAmount amount;

    if (value == NULL)
        return 0;
    return qm_amount_from_numeric_up(value, &amount) ? amount : QM_AMOUNT_HUGE;
}

/*
 * load_absent_answers counts, for each order, how often the exchange has not
 * known it since it could no longer have been accepted, and since it changed
 * last.
 */
static void
load_absent_answers(Loading *loading)
{
    static QmQuery query = {"SELECT order_id, taken_at FROM quantmesh.task "
                            "WHERE account = $1 AND symbol = $2 AND state = 'absent' AND order_id IS NOT NULL",
                            2,
                            {TEXTOID, TEXTOID}};
    Datum values[] = {CStringGetTextDatum(loading->pass->account), CStringGetTextDatum(loading->pass->symbol)};
    uint64 count = qm_pass_query(loading->pass, &query, values);

    for (uint64 row = 0; row < count; row++)
    {
        int at = find_local(loading, qm_row_int64(row, 0));
        TimestampTz asked_at = qm_row_int64(row, 1);

        if (at >= 0 && asked_at > loading->locals[at].accept_deadline_us && asked_at > loading->updated_at[at])
            loading->locals[at].absent_answers++;
    }
}

/* compare_ids orders local orders by id. */
static int
compare_ids(const void *left, const void *right)
{
    int64 left_id = ((const QmLocalOrder *) left)->order_id;
    int64 right_id = ((const QmLocalOrder *) right)->order_id;

    return (left_id > right_id) - (left_id < right_id);
}

/* find_local returns where the order is among the locals; -1: nowhere. */
static int
find_local(const Loading *loading, int64 order_id)
{
    QmLocalOrder wanted = {.order_id = order_id};
    const QmLocalOrder *found =
        bsearch(&wanted, loading->locals, (size_t) loading->nlocals, sizeof(QmLocalOrder), compare_ids);

    return found == NULL ? -1 : (int) (found - loading->locals);
}

/* remember_ids notes the exchange's ids of the locals that have one. */
static void
remember_ids(Loading *loading)
{
    HASHCTL info = {.keysize = EXCHANGE_ID_MAX + 1, .entrysize = sizeof(KnownId), .hcxt = CurrentMemoryContext};

    loading->known_ids = hash_create("quantmesh exchange ids",
                                     Max(loading->nlocals, 16),
                                     &info,
                                     HASH_ELEM | HASH_STRINGS | HASH_CONTEXT);
    for (int i = 0; i < loading->nlocals; i++)
    {
        KnownId *known;
        bool found;

        if (loading->locals[i].exchange_order_id == NULL)
            continue;
        known = hash_search(loading->known_ids, loading->locals[i].exchange_order_id, HASH_ENTER, &found);
        known->order_id = loading->locals[i].order_id;
    }
}

/*
 * find_named looks up the orders that the snapshot names and that are not among
 * the locals yet: they have ended, or the exchange names them by the id of an earlier
 * attempt.
 */
static void
find_named(Loading *loading)
{
    static QmQuery query = {"SELECT exchange_order_id, order_id FROM quantmesh.exchange_order "
                            "WHERE account = $1 AND symbol = $2 AND exchange_order_id = ANY ($3)",
                            3,
                            {TEXTOID, TEXTOID, TEXTARRAYOID}};
    const QmSnapshot *snapshot = &loading->pass->snapshot;
    int room = snapshot->norders + snapshot->ntrades;
    Datum *names = palloc_extended(sizeof(Datum) * (Size) Max(room, 1), MCXT_ALLOC_HUGE);
    Datum *ids = palloc_extended(sizeof(Datum) * (Size) Max(2 * room, 1), MCXT_ALLOC_HUGE);
    int nnames = 0;
    int nids = 0;
    Datum values[] = {CStringGetTextDatum(loading->pass->account), CStringGetTextDatum(loading->pass->symbol), 0};
    uint64 count;

    for (int i = 0; i < room; i++)
    {
        bool is_order = i < snapshot->norders;
        int at = is_order ? i : i - snapshot->norders;
        const char *exchange_id =
            is_order ? snapshot->orders[at].exchange_order_id : snapshot->trades[at].exchange_order_id;
        int64 order_id =
            named_by(is_order ? snapshot->orders[at].client_order_id : snapshot->trades[at].client_order_id);

        if (order_id != 0 && find_local(loading, order_id) < 0)
            ids[nids++] = Int64GetDatum(order_id);
        if (hash_search(loading->known_ids, exchange_id, HASH_FIND, NULL) == NULL)
            names[nnames++] = CStringGetTextDatum(exchange_id);
    }
    if (nnames > 0)
    {
        values[2] = PointerGetDatum(construct_array(names, nnames, TEXTOID, -1, false, TYPALIGN_INT));
        count = qm_pass_query(loading->pass, &query, values);
        for (uint64 row = 0; row < count; row++)
        {
            bool found;
            KnownId *known = hash_search(loading->known_ids, qm_row_text(row, 0), HASH_ENTER, &found);

            known->order_id = qm_row_int64(row, 1);
            if (find_local(loading, known->order_id) < 0)
                ids[nids++] = Int64GetDatum(known->order_id);
        }
    }
    load_named(loading, ids, nids);
}

/* named_by returns the order id in a client order id of ours; 0 when it is none. */
static int64
named_by(const char *client_order_id)
{
    char tag[QM_TAG_LEN + 1];
    int64_t order_id;
    int attempt;

    return client_order_id != NULL && qm_order_id_parse(client_order_id, tag, &order_id, &attempt) ? order_id : 0;
}

/* load_named adds the orders with these ids to the locals. */
static void
load_named(Loading *loading, Datum *ids, int nids)
{
    static QmQuery query = {"SELECT " LOCAL_COLUMNS " FROM quantmesh.orders AS o "
                            "WHERE o.account = $1 AND o.order_id = ANY ($3) AND o.symbol = $2 AND NOT o.exposed "
                            "ORDER BY o.order_id",
                            3,
                            {TEXTOID, TEXTOID, INT8ARRAYOID}};
    Datum values[] = {CStringGetTextDatum(loading->pass->account), CStringGetTextDatum(loading->pass->symbol), 0};

    if (nids == 0)
        return;
    values[2] = PointerGetDatum(construct_array(ids, nids, INT8OID, sizeof(int64), true, TYPALIGN_DOUBLE));
    qm_orders_unarchive(loading->pass->account, DatumGetArrayTypeP(values[2]));
    load_locals(loading, qm_pass_query(loading->pass, &query, values));
}

/* make_remotes makes the classifier's array of open orders. */
static void
make_remotes(Loading *loading)
{
    const QmSnapshot *snapshot = &loading->pass->snapshot;
    QmRemoteOrder *remotes =
        palloc_extended(sizeof(QmRemoteOrder) * (Size) Max(snapshot->norders, 1), MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);

    for (int i = 0; i < snapshot->norders; i++)
    {
        const QmSnapshotOrder *order = &snapshot->orders[i];

        remotes[i].client_order_id = client_id_for(loading, order->client_order_id, order->exchange_order_id);
        remotes[i].exchange_order_id = order->exchange_order_id;
        remotes[i].ours = is_ours(loading, remotes[i].client_order_id);
        remotes[i].buy = order->buy;
        remotes[i].price = qm_units(order->price);
        remotes[i].quantity = qm_units(order->quantity);
        remotes[i].filled = qm_units(order->filled_quantity);
    }
    loading->pass->comparison.remotes = remotes;
    loading->pass->comparison.nremotes = (size_t) snapshot->norders;
}

/* make_trades makes the classifier's array of trades. */
static void
make_trades(Loading *loading)
{
    const QmSnapshot *snapshot = &loading->pass->snapshot;
    QmRemoteTrade *trades =
        palloc_extended(sizeof(QmRemoteTrade) * (Size) Max(snapshot->ntrades, 1), MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);

    for (int i = 0; i < snapshot->ntrades; i++)
    {
        const QmSnapshotTrade *trade = &snapshot->trades[i];

        trades[i].trade_id = trade->trade_id;
        trades[i].exchange_order_id = trade->exchange_order_id;
        trades[i].client_order_id = client_id_for(loading, trade->client_order_id, trade->exchange_order_id);
        trades[i].ours = is_ours(loading, trades[i].client_order_id);
        trades[i].buy = trade->buy;
        trades[i].quantity = qm_units(trade->quantity);
        trades[i].price = qm_units(trade->price);
    }
    judge_known_trades(loading, trades);
    loading->pass->comparison.trades = trades;
    loading->pass->comparison.ntrades = (size_t) snapshot->ntrades;
}

/* client_id_for returns the id by which the classifier finds our order: its own, or that of the order known by the exchange's id. */
static const char *
client_id_for(const Loading *loading, char *client_order_id, const char *exchange_order_id)
{
    const KnownId *known;
    int at;

    if (named_by(client_order_id) != 0)
        return client_order_id;
    known = hash_search(loading->known_ids, exchange_order_id, HASH_FIND, NULL);
    at = known == NULL ? -1 : find_local(loading, known->order_id);
    return at < 0 ? client_order_id : loading->locals[at].client_order_id;
}

/* is_ours says whether the client order id carries a tag that this database has made. */
static bool
is_ours(Loading *loading, const char *client_order_id)
{
    char tag[QM_TAG_LEN + 1];
    int64_t order_id;
    int attempt;

    if (client_order_id == NULL || !qm_order_id_parse(client_order_id, tag, &order_id, &attempt))
        return false;
    if (strcmp(tag, loading->own_tag) != 0)
    {
        strlcpy(loading->own_tag, tag, sizeof(loading->own_tag));
        loading->tag_is_own = qm_tag_is_own(tag);
        MemoryContextSwitchTo(loading->pass->memory);
    }
    return loading->tag_is_own;
}

/*
 * judge_known_trades says of every trade whether the ledger has it, and whether it
 * has it as the exchange says. What may have been pruned counts as had.
 */
static void
judge_known_trades(Loading *loading, QmRemoteTrade *trades)
{
    static QmQuery query =
        {"SELECT t.number, f.trade_id IS NULL OR (f.quantity = t.quantity AND f.price = t.price) "
         "FROM unnest($3, $4, $5, $6) WITH ORDINALITY AS t (trade_id, side, quantity, price, number) "
         "LEFT JOIN quantmesh.fill AS f ON f.account = $1 AND f.symbol = $2 AND f.trade_id = t.trade_id "
         "AND f.side = t.side AND f.kind = 'trade' "
         "WHERE f.trade_id IS NOT NULL OR (t.trade_id ~ '^[0-9]{1,18}$' AND t.trade_id::numeric <= "
         "(SELECT max(o.pruned_trade) FROM quantmesh.fill_opening AS o WHERE o.account = $1 AND o.symbol = $2))",
         6,
         {TEXTOID, TEXTOID, TEXTARRAYOID, TEXTARRAYOID, NUMERICARRAYOID, NUMERICARRAYOID}};
    const QmSnapshot *snapshot = &loading->pass->snapshot;
    int count = snapshot->ntrades;
    Datum *columns[4];
    Datum values[6] = {CStringGetTextDatum(loading->pass->account), CStringGetTextDatum(loading->pass->symbol)};
    uint64 found;

    if (count == 0)
        return;
    for (int i = 0; i < lengthof(columns); i++)
        columns[i] = palloc_extended(sizeof(Datum) * (Size) count, MCXT_ALLOC_HUGE);
    for (int i = 0; i < count; i++)
    {
        columns[0][i] = CStringGetTextDatum(snapshot->trades[i].trade_id);
        columns[1][i] = CStringGetTextDatum(snapshot->trades[i].buy ? "buy" : "sell");
        columns[2][i] = NumericGetDatum(snapshot->trades[i].quantity);
        columns[3][i] = NumericGetDatum(snapshot->trades[i].price);
    }
    for (int i = 0; i < lengthof(columns); i++)
        values[2 + i] =
            PointerGetDatum(construct_array(columns[i], count, i < 2 ? TEXTOID : NUMERICOID, -1, false, TYPALIGN_INT));
    found = qm_pass_query(loading->pass, &query, values);
    for (uint64 row = 0; row < found; row++)
        trades[qm_row_int64(row, 0) - 1].known = qm_row_bool(row, 1) ? QM_TRADE_SAME : QM_TRADE_DIFFERENT;
}
