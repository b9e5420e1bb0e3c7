/*
 * Reconciliation, repairing: one finding at a time, in the transaction that is
 * under way. What was judged is looked at again under the order's row lock; an
 * order that has changed since is left for the next pass. Reports and trades need
 * no such look: applying them is idempotent and follows ranks.
 */
#include "reconcile_pass.h"

#include "adopt.h"
#include "cancel.h"
#include "catalog/pg_type.h"
#include "compat.h"
#include "instance.h"
#include "query_row.h"
#include "report.h"
#include "task.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

static bool is_second(const QmPass *pass, const QmFinding *finding);
static QmFate repair(const QmPass *pass, const QmFinding *finding);
static QmFate apply_remote(const QmPass *pass, const QmFinding *finding);
static QmFate book_trade(const QmPass *pass, const QmFinding *finding);
static char *client_id_of(const QmPass *pass, const QmFinding *finding);
static QmFate adopt(const QmPass *pass, const QmFinding *finding);
static QmFate amend(const QmPass *pass, const QmFinding *finding);
static QmFate move(const QmPass *pass, const QmFinding *finding, QmOrderEvent event);
static QmFate hand_over(const QmPass *pass, const QmFinding *finding);
static QmFate cancel(const QmPass *pass, const QmFinding *finding);
static QmFate cancel_locked(const QmPass *pass, const QmFinding *finding, QmOrder *before);
static void cancel_too(const QmPass *pass, const QmFinding *finding);
static QmFate ask(const QmPass *pass, const QmFinding *finding, const char *kind, int64 order_id);
static QmOrder *lock_as_judged(const QmPass *pass, const QmFinding *finding);
static Jsonb *reason_of(const QmPass *pass, const QmFinding *finding);

/* qm_pass_repair does what the finding asks for, and says what became of it. The policy allows it. */
QmFate
qm_pass_repair(const QmPass *pass, const QmFinding *finding)
{
    QmFate fate = repair(pass, finding);
    bool cancel = finding->also == QM_REPAIR_CANCEL && pass->policy >= QM_POLICY_ENFORCE;

    if (is_second(pass, finding))
        return cancel ? ask(pass, finding, "cancel_order", 0) : QM_FATE_RECORDED;
    if (cancel && fate == QM_FATE_REPAIRED)
        cancel_too(pass, finding);
    return fate;
}

/*
 * qm_pass_leaves_trades says whether the snapshot shows trades that belong into the
 * ledger, or may, and are not there after the repairs: their orders are not known yet,
 * were busy, or the policy does not want it. They are to be shown again.
 */
bool
qm_pass_leaves_trades(const QmPass *pass)
{
    for (size_t i = 0; i < pass->verdict.nfindings; i++)
    {
        const QmFinding *finding = &pass->findings[i];
        bool bookable = finding->code == QM_FINDING_MISSED_FILL || finding->code == QM_FINDING_LATE_FILL ||
                        finding->code == QM_FINDING_ORPHAN_OURS || finding->code == QM_FINDING_EXTERNAL_ORDER;

        if (finding->trade >= 0 && bookable && pass->fates[i] != QM_FATE_REPAIRED)
            return true;
    }
    return false;
}

/*
 * is_second says whether the finding is about one more open order under an id of a
 * live one: another attempt of it. To know its id does not end that; and if it is
 * canceled, then by the exchange's id alone, since the order is to stay.
 */
static bool
is_second(const QmPass *pass, const QmFinding *finding)
{
    return finding->code == QM_FINDING_ORPHAN_OURS && finding->local >= 0 &&
           qm_order_is_live(pass->comparison.locals[finding->local].state);
}

/* repair does the first part of it. */
static QmFate
repair(const QmPass *pass, const QmFinding *finding)
{
    switch (finding->repair)
    {
        case QM_REPAIR_NONE:
            return QM_FATE_RECORDED;
        case QM_REPAIR_APPLY:
            return apply_remote(pass, finding);
        case QM_REPAIR_BOOK:
            return book_trade(pass, finding);
        case QM_REPAIR_ADOPT:
            return adopt(pass, finding);
        case QM_REPAIR_AMEND:
            return amend(pass, finding);
        case QM_REPAIR_QUERY:
            return ask(pass, finding, "query_order", qm_finding_order(pass, finding));
        case QM_REPAIR_PROVE_ABSENT:
            return move(pass, finding, QM_EVENT_PROVED_ABSENT);
        case QM_REPAIR_GIVE_UP:
            return move(pass, finding, QM_EVENT_GIVEN_UP);
        case QM_REPAIR_FORGET_REPLY:
            return move(pass, finding, QM_EVENT_REPLY_LOST);
        case QM_REPAIR_HAND_OVER:
            return hand_over(pass, finding);
        case QM_REPAIR_CANCEL:
            return cancel(pass, finding);
        case QM_REPAIRS:
            break;
    }
    elog(ERROR, "unknown repair %d", (int) finding->repair);
    return QM_FATE_RECORDED;
}

/* apply_remote applies an open order of the exchange to ours, as a report. */
static QmFate
apply_remote(const QmPass *pass, const QmFinding *finding)
{
    const QmSnapshotOrder *remote = &pass->snapshot.orders[finding->remote];
    bool filled = remote->filled_quantity != NULL && qm_units(remote->filled_quantity) > 0;
    QmReportResult result = {0};
    QmReport report = {.account = pass->account,
                       .symbol = pass->symbol,
                       .client_order_id = remote->client_order_id,
                       .exchange_order_id = remote->exchange_order_id,
                       .state = filled ? "partially_filled" : "open",
                       .said = QM_SAID_EVENT,
                       .event = filled ? QM_EVENT_PART_FILLED : QM_EVENT_OPENED,
                       .cumulative_quantity = remote->filled_quantity,
                       .source = "reconcile",
                       .detail = reason_of(pass, finding)};

    qm_report_apply(&report, &result);
    return result.applied ? QM_FATE_REPAIRED : QM_FATE_OVERTAKEN;
}

/* book_trade books a trade that the ledger does not have. */
static QmFate
book_trade(const QmPass *pass, const QmFinding *finding)
{
    const QmSnapshotTrade *trade = &pass->snapshot.trades[finding->trade];
    QmReportResult result = {0};
    QmReport report = {.account = pass->account,
                       .symbol = pass->symbol,
                       .client_order_id = client_id_of(pass, finding),
                       .exchange_order_id = trade->exchange_order_id,
                       .said = QM_SAID_NOTHING,
                       .has_trade = true,
                       .trade = {.trade_id = trade->trade_id,
                                 .quantity = trade->quantity,
                                 .price = trade->price,
                                 .commission = trade->commission,
                                 .commission_asset = trade->commission_asset,
                                 .is_maker = trade->is_maker,
                                 .executed_at = trade->executed_at,
                                 .source = "reconcile"},
                       .event_time = trade->executed_at,
                       .source = "reconcile",
                       .detail = reason_of(pass, finding)};

    qm_report_apply(&report, &result);
    return result.order_id != 0 ? QM_FATE_REPAIRED : QM_FATE_OVERTAKEN;
}

/*
 * client_id_of returns the client order id that the snapshot gives the finding's
 * trade, or its open order; NULL if neither. Then the exchange's id finds the order,
 * and which attempt of it has traded.
 */
static char *
client_id_of(const QmPass *pass, const QmFinding *finding)
{
    const QmSnapshotTrade *trade = &pass->snapshot.trades[finding->trade];
    const QmSnapshotOrder *order = finding->remote < 0 ? NULL : &pass->snapshot.orders[finding->remote];

    if (trade->client_order_id != NULL || order == NULL ||
        strcmp(order->exchange_order_id, trade->exchange_order_id) != 0)
        return trade->client_order_id;
    return order->client_order_id;
}

/* adopt makes a row of an open order, unless one has come up meanwhile, or its id is that of an order of another market. */
static QmFate
adopt(const QmPass *pass, const QmFinding *finding)
{
    const QmSnapshotOrder *remote = &pass->snapshot.orders[finding->remote];
    QmAdoption adoption = {.account = pass->account,
                           .symbol = pass->symbol,
                           .client_order_id = remote->client_order_id,
                           .exchange_order_id = remote->exchange_order_id,
                           .ours = pass->comparison.remotes[finding->remote].ours,
                           .buy = remote->buy,
                           .order_type = remote->order_type,
                           .time_in_force = remote->time_in_force,
                           .price = remote->price,
                           .quantity = remote->quantity,
                           .filled_quantity = remote->filled_quantity};
    int attempt;

    if (qm_order_find_exchange(pass->account, pass->symbol, remote->exchange_order_id, &attempt) != 0)
        return QM_FATE_OVERTAKEN;
    return qm_order_adopt(&adoption) != 0 ? QM_FATE_REPAIRED : QM_FATE_RECORDED;
}

/* amend takes over the price and quantity that somebody has changed at the exchange. A price where there was none is another order. */
static QmFate
amend(const QmPass *pass, const QmFinding *finding)
{
    const QmSnapshotOrder *remote = &pass->snapshot.orders[finding->remote];
    QmOrder *order = lock_as_judged(pass, finding);

    if (order == NULL)
        return QM_FATE_OVERTAKEN;
    if ((remote->price == NULL) != (order->price == NULL))
        return QM_FATE_RECORDED;
    qm_order_amend(order, remote->price, remote->quantity, "reconcile");
    return QM_FATE_REPAIRED;
}

/* move makes an event happen to the order. */
static QmFate
move(const QmPass *pass, const QmFinding *finding, QmOrderEvent event)
{
    QmOrder *before = lock_as_judged(pass, finding);
    bool moved =
        before != NULL && qm_order_conclude(before, event, qm_finding_name(finding->code), reason_of(pass, finding));

    return moved ? QM_FATE_REPAIRED : QM_FATE_OVERTAKEN;
}

/* hand_over frees an intent of an instance that is dead. */
static QmFate
hand_over(const QmPass *pass, const QmFinding *finding)
{
    QmOrder *before = lock_as_judged(pass, finding);

    if (before == NULL)
        return QM_FATE_OVERTAKEN;
    qm_intent_hand_over(before, reason_of(pass, finding));
    return QM_FATE_REPAIRED;
}

/*
 * cancel gives the canceling of the finding's order to the market's owner. An
 * order that has ended here and is open at the exchange is not changed: there is
 * no state left for it to go to.
 */
static QmFate
cancel(const QmPass *pass, const QmFinding *finding)
{
    QmOrder *before;

    if (finding->local < 0 || !qm_order_is_live(pass->comparison.locals[finding->local].state))
        return ask(pass, finding, "cancel_order", 0);
    before = lock_as_judged(pass, finding);
    return before == NULL ? QM_FATE_OVERTAKEN : cancel_locked(pass, finding, before);
}

/* cancel_locked asks to cancel a live order as cancel_order does; somebody else's cancel that is under way is left alone. */
static QmFate
cancel_locked(const QmPass *pass, const QmFinding *finding, QmOrder *before)
{
    QmOrderNews news = {.source = "reconcile"};
    QmOrder *order = qm_order_copy(before);

    if (qm_cancel_ask(order, &news.event) != QM_CANCEL_IS_REQUESTED)
        return QM_FATE_OVERTAKEN;
    news.detail = reason_of(pass, finding);
    qm_order_write(before, order, &news);
    return ask(pass, finding, "cancel_order", order->order_id);
}

/* cancel_too cancels the order that the finding's repair has just brought to life, as those want it who enforce. */
static void
cancel_too(const QmPass *pass, const QmFinding *finding)
{
    int attempt;
    int64 order_id = qm_order_find_exchange(pass->account,
                                            pass->symbol,
                                            pass->comparison.remotes[finding->remote].exchange_order_id,
                                            &attempt);
    QmOrder *order = order_id == 0 ? NULL : qm_order_lock(pass->account, order_id);

    if (order != NULL)
        (void) cancel_locked(pass, finding, order);
}

/*
 * ask makes a task of the finding, unless there is one that nobody has answered
 * yet. order_id: 0 where it is of none of ours. What is to be canceled is named as
 * the exchange names it, all else as we do.
 */
static QmFate
ask(const QmPass *pass, const QmFinding *finding, const char *kind, int64 order_id)
{
    const QmComparison *comparison = &pass->comparison;
    QmTask task = {.account = pass->account,
                   .symbol = pass->symbol,
                   .kind = kind,
                   .order_id = order_id,
                   .detail = reason_of(pass, finding)};

    if (finding->remote >= 0)
    {
        task.client_order_id = comparison->remotes[finding->remote].client_order_id;
        task.exchange_order_id = comparison->remotes[finding->remote].exchange_order_id;
    }
    else if (finding->local >= 0)
    {
        task.client_order_id = comparison->locals[finding->local].client_order_id;
        task.exchange_order_id = comparison->locals[finding->local].exchange_order_id;
    }
    else if (finding->trade >= 0)
    {
        task.client_order_id = comparison->trades[finding->trade].client_order_id;
        task.exchange_order_id = comparison->trades[finding->trade].exchange_order_id;
    }
    if (order_id != 0)
        task.subject = psprintf(INT64_FORMAT, order_id);
    else if (finding->remote >= 0)
        task.subject = psprintf("%s:%s", pass->symbol, task.exchange_order_id);
    else
        task.subject = qm_finding_subject(pass, finding);
    qm_task_add(&task);
    return QM_FATE_ASKED;
}

/* lock_as_judged locks the finding's order and returns it; NULL when it is not any more what was judged. */
static QmOrder *
lock_as_judged(const QmPass *pass, const QmFinding *finding)
{
    const QmLocalOrder *local = &pass->comparison.locals[finding->local];
    QmOrder *order = qm_order_lock(pass->account, local->order_id);

    if (order == NULL || order->state != local->state || order->updated_at != pass->updated_at[finding->local])
        return NULL;
    return order;
}

/* reason_of returns what events and tasks say of where they come from. */
static Jsonb *
reason_of(const QmPass *pass, const QmFinding *finding)
{
    const char *const pairs[][2] = {{"finding", qm_finding_name(finding->code)},
                                    {"run", psprintf(INT64_FORMAT, pass->run_id)}};

    return qm_jsonb_object(lengthof(pairs), pairs);
}
