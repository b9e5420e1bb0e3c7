/*
 * Judging, once it is known who is who.
 *
 * What the exchange shows is a fact, however old: it is applied, adopted and
 * booked. What it does not show is asked for. An order is only taken for absent
 * or lost after enough answers to that question, and never while anything in
 * the snapshot names it. To cancel is left to those who enforce, and to those
 * who had wanted it canceled before.
 */
#include "reconcile.h"

#include <assert.h>
#include <string.h>

#include "reconcile_match.h"

/* The most findings about one order of ours: state, numbers, gap, excess, cancel, slot. */
#define FINDINGS_PER_LOCAL 6

typedef struct Judge
{
    const QmComparison *comparison;
    QmMatches matches;
    QmFinding *findings;
    QmVerdict *verdict;
} Judge;

static bool is_usable(const QmComparison *comparison);
static void judge_local(Judge *judge, int at);
static bool judge_state(Judge *judge, int at);
static bool judge_in_flight(Judge *judge, int at);
static void judge_open(Judge *judge, int at);
static void judge_ended(Judge *judge, int at);
static void judge_numbers(Judge *judge, int at);
static void judge_fills(Judge *judge, int at);
static void judge_cancel(Judge *judge, int at);
static void judge_slots(Judge *judge);
static void judge_slot(Judge *judge, const int *rivals, size_t n);
static void judge_remote(Judge *judge, int at);
static void judge_trade(Judge *judge, int at);
static bool is_late(Judge *judge, int at);
static void judge_strays(Judge *judge);
static void judge_balance(Judge *judge, int at);
static const QmRemoteOrder *remote_of(const Judge *judge, int local);
static bool is_absent(const Judge *judge, int at);
static bool revives(QmOrderState state);
static bool is_passed(const Judge *judge, int64_t deadline_us);
static QmFinding *find(Judge *judge, QmFindingCode code, QmRepair repair);
static QmFinding *find_local(Judge *judge, int local, QmFindingCode code, QmRepair repair);

static const char *const finding_names[QM_FINDINGS] = {
    [QM_FINDING_SNAPSHOT_INCOMPLETE] = "SNAPSHOT_INCOMPLETE",
    [QM_FINDING_LEASE_ORPHAN] = "LEASE_ORPHAN",
    [QM_FINDING_INFLIGHT_CONFIRMED] = "INFLIGHT_CONFIRMED",
    [QM_FINDING_INFLIGHT_ABSENT] = "INFLIGHT_ABSENT",
    [QM_FINDING_MISSING_AT_EXCHANGE] = "MISSING_AT_EXCHANGE",
    [QM_FINDING_STATE_DRIFT] = "STATE_DRIFT",
    [QM_FINDING_QTY_PRICE_DRIFT] = "QTY_PRICE_DRIFT",
    [QM_FINDING_MISSED_FILL] = "MISSED_FILL",
    [QM_FINDING_LATE_FILL] = "LATE_FILL",
    [QM_FINDING_FILL_MISMATCH] = "FILL_MISMATCH",
    [QM_FINDING_FILL_GAP] = "FILL_GAP",
    [QM_FINDING_OVERFILL] = "OVERFILL",
    [QM_FINDING_ORPHAN_OURS] = "ORPHAN_OURS",
    [QM_FINDING_EXTERNAL_ORDER] = "EXTERNAL_ORDER",
    [QM_FINDING_DUPLICATE_LEVEL] = "DUPLICATE_LEVEL",
    [QM_FINDING_CANCEL_STUCK] = "CANCEL_STUCK",
    [QM_FINDING_POSITION_MISMATCH] = "POSITION_MISMATCH",
};

/* What a repair needs, unless a finding says otherwise. */
static const struct
{
    const char *name;
    QmPolicy needs;
} repairs[QM_REPAIRS] = {
    [QM_REPAIR_NONE] = {"none", QM_POLICIES},
    [QM_REPAIR_APPLY] = {"apply", QM_POLICY_REPAIR},
    [QM_REPAIR_BOOK] = {"book", QM_POLICY_REPAIR},
    [QM_REPAIR_ADOPT] = {"adopt", QM_POLICY_REPAIR},
    [QM_REPAIR_AMEND] = {"amend", QM_POLICY_REPAIR},
    [QM_REPAIR_QUERY] = {"query", QM_POLICY_REPAIR},
    [QM_REPAIR_PROVE_ABSENT] = {"prove_absent", QM_POLICY_REPAIR},
    [QM_REPAIR_GIVE_UP] = {"give_up", QM_POLICY_REPAIR},
    [QM_REPAIR_FORGET_REPLY] = {"forget_reply", QM_POLICY_REPAIR},
    [QM_REPAIR_HAND_OVER] = {"hand_over", QM_POLICY_REPAIR},
    [QM_REPAIR_CANCEL] = {"cancel", QM_POLICY_ENFORCE},
};

static const char *const policy_names[QM_POLICIES] = {
    [QM_POLICY_REPORT] = "report",
    [QM_POLICY_REPAIR] = "repair",
    [QM_POLICY_ENFORCE] = "enforce",
};

/* qm_reconcile_room returns the most findings that there can be. */
size_t
qm_reconcile_room(const QmComparison *comparison)
{
    return 1 + FINDINGS_PER_LOCAL * comparison->nlocals + comparison->nremotes + comparison->ntrades +
           comparison->nbalances;
}

/* qm_reconcile_scratch_size returns how many bytes the judge works in; at least one, so that they have an address. */
size_t
qm_reconcile_scratch_size(const QmComparison *comparison)
{
    return qm_matches_size(comparison) + 1;
}

/*
 * qm_reconcile_judge writes what differs to findings, which has room for
 * qm_reconcile_room of them. Scratch is aligned as malloc and palloc align, and
 * means nothing afterwards.
 */
void
qm_reconcile_judge(const QmComparison *comparison, void *scratch, QmFinding *findings, QmVerdict *verdict)
{
    Judge judge = {.comparison = comparison, .findings = findings, .verdict = verdict};
    const QmMatches *matches = &judge.matches;

    *verdict = (QmVerdict){0};
    if (!is_usable(comparison))
    {
        find(&judge, QM_FINDING_SNAPSHOT_INCOMPLETE, QM_REPAIR_NONE);
        return;
    }
    qm_matches_make(&judge.matches, comparison, scratch);
    for (size_t i = 0; i < comparison->nlocals; i++)
        judge_local(&judge, matches->locals[i]);
    judge_slots(&judge);
    for (size_t i = 0; i < comparison->nremotes; i++)
        judge_remote(&judge, matches->remotes[i]);
    for (size_t i = 0; i < comparison->ntrades; i++)
        judge_trade(&judge, matches->trades[i]);
    judge_strays(&judge);
    for (size_t i = 0; i < comparison->nbalances; i++)
        judge_balance(&judge, matches->balances[i]);
    for (size_t i = 0; i < comparison->nlocals; i++)
    {
        verdict->ndeferred += matches->local[i].deferred;
        verdict->nmatched += !matches->local[i].deferred && !matches->local[i].differs;
    }
    assert(verdict->nfindings <= qm_reconcile_room(comparison));
}

/* is_usable says whether the snapshot shows anything; one that is empty although we have open orders is a failure. */
static bool
is_usable(const QmComparison *comparison)
{
    if (!comparison->complete)
        return false;
    if (comparison->nremotes > 0 || comparison->ntrades > 0 || comparison->nbalances > 0 || comparison->balances_seen)
        return true;
    for (size_t i = 0; i < comparison->nlocals; i++)
        if (comparison->locals[i].settled &&
            (comparison->locals[i].state == QM_ORDER_OPEN || comparison->locals[i].state == QM_ORDER_PARTIALLY_FILLED))
            return false;
    return true;
}

/* judge_local judges one of our orders, all but its slot. */
static void
judge_local(Judge *judge, int at)
{
    bool settled = judge->comparison->locals[at].settled;

    judge->matches.local[at].deferred = !settled || !judge_state(judge, at);
    if (settled)
        judge_numbers(judge, at);
    judge_fills(judge, at);
    if (settled)
        judge_cancel(judge, at);
}

/* judge_state compares what we take the order for with what the exchange shows; false: it is too early to tell. */
static bool
judge_state(Judge *judge, int at)
{
    const QmLocalOrder *local = &judge->comparison->locals[at];
    bool found = remote_of(judge, at) != NULL;

    switch (local->state)
    {
        case QM_ORDER_INTENT:
            if (found)
                find_local(judge, at, QM_FINDING_STATE_DRIFT, QM_REPAIR_APPLY);
            else if (local->owner_is_dead)
                find_local(judge, at, QM_FINDING_LEASE_ORPHAN, QM_REPAIR_HAND_OVER);
            return true;
        case QM_ORDER_SUBMITTED:
        case QM_ORDER_UNKNOWN:
            return judge_in_flight(judge, at);
        case QM_ORDER_OPEN:
        case QM_ORDER_PARTIALLY_FILLED:
            judge_open(judge, at);
            return true;
        case QM_ORDER_LOST:
            if (found)
                find_local(judge, at, QM_FINDING_STATE_DRIFT, QM_REPAIR_APPLY);
            return true;
        default:
            if (found)
                judge_ended(judge, at);
            return true;
    }
}

/*
 * judge_in_flight judges an order that may or may not be at the exchange. A
 * trade of it shows that it was accepted, and what became of it is asked for.
 */
static bool
judge_in_flight(Judge *judge, int at)
{
    const QmLocalOrder *local = &judge->comparison->locals[at];
    int trade = judge->matches.local[at].trade;

    if (remote_of(judge, at) != NULL)
        find_local(judge, at, QM_FINDING_INFLIGHT_CONFIRMED, QM_REPAIR_APPLY);
    else if (trade >= 0)
        find_local(judge, at, QM_FINDING_INFLIGHT_CONFIRMED, QM_REPAIR_QUERY)->trade = trade;
    else if (local->state == QM_ORDER_SUBMITTED && local->owner_is_dead)
        find_local(judge, at, QM_FINDING_LEASE_ORPHAN, QM_REPAIR_FORGET_REPLY);
    else if (!is_passed(judge, local->accept_deadline_us))
        return false;
    else if (local->state == QM_ORDER_SUBMITTED)
        find_local(judge, at, QM_FINDING_INFLIGHT_ABSENT, QM_REPAIR_FORGET_REPLY);
    else if (!is_absent(judge, at))
        find_local(judge, at, QM_FINDING_INFLIGHT_ABSENT, QM_REPAIR_QUERY);
    else if (local->filled > 0 || local->reported > 0)
        find_local(judge, at, QM_FINDING_INFLIGHT_ABSENT, QM_REPAIR_GIVE_UP);
    else
        find_local(judge, at, QM_FINDING_INFLIGHT_ABSENT, QM_REPAIR_PROVE_ABSENT);
    return true;
}

/* judge_open judges an order that the exchange has had. */
static void
judge_open(Judge *judge, int at)
{
    const QmLocalOrder *local = &judge->comparison->locals[at];
    const QmRemoteOrder *remote = remote_of(judge, at);

    if (remote == NULL)
        find_local(judge,
                   at,
                   QM_FINDING_MISSING_AT_EXCHANGE,
                   is_absent(judge, at) ? QM_REPAIR_GIVE_UP : QM_REPAIR_QUERY);
    else if (qm_order_rank(qm_remote_order_state(remote)) > qm_order_rank(local->state))
        find_local(judge, at, QM_FINDING_STATE_DRIFT, QM_REPAIR_APPLY);
}

/*
 * judge_ended judges an order that has ended here and is open there. What we had
 * concluded ourselves is taken back; what the exchange itself had said is not,
 * and then only canceling makes both agree. Orders of others are not canceled.
 */
static void
judge_ended(Judge *judge, int at)
{
    const QmLocalOrder *local = &judge->comparison->locals[at];

    if (local->origin == QM_ORIGIN_EXTERNAL)
        find_local(judge, at, QM_FINDING_STATE_DRIFT, revives(local->state) ? QM_REPAIR_APPLY : QM_REPAIR_QUERY);
    else if (revives(local->state))
        find_local(judge, at, QM_FINDING_ORPHAN_OURS, QM_REPAIR_APPLY)->also = QM_REPAIR_CANCEL;
    else
        find_local(judge, at, QM_FINDING_ORPHAN_OURS, QM_REPAIR_CANCEL);
}

/* judge_numbers compares side, price and quantity of an order that both have. */
static void
judge_numbers(Judge *judge, int at)
{
    const QmLocalOrder *local = &judge->comparison->locals[at];
    const QmRemoteOrder *remote = remote_of(judge, at);

    if (remote == NULL || !qm_order_is_live(local->state))
        return;
    if (local->buy != remote->buy)
        find_local(judge, at, QM_FINDING_QTY_PRICE_DRIFT, QM_REPAIR_NONE);
    else if (local->price != remote->price || local->quantity != remote->quantity)
        find_local(judge, at, QM_FINDING_QTY_PRICE_DRIFT, QM_REPAIR_AMEND);
}

/*
 * judge_fills holds the ledger, with the trades that this snapshot brings,
 * against what the exchange has said was filled, and against what was ordered.
 * That the exchange shows less counts only once the order is settled.
 */
static void
judge_fills(Judge *judge, int at)
{
    const QmLocalOrder *local = &judge->comparison->locals[at];
    const QmRemoteOrder *remote = remote_of(judge, at);
    QmUnits known = qm_units_add(local->filled, judge->matches.local[at].arriving);
    QmUnits ordered = local->quantity, said = local->reported;

    if (remote != NULL && remote->quantity > ordered)
        ordered = remote->quantity;
    if (remote != NULL && remote->filled > said)
        said = remote->filled;
    if (local->settled && said > known)
        find_local(judge, at, QM_FINDING_FILL_GAP, QM_REPAIR_QUERY);
    if (known > ordered || (local->settled && remote != NULL && local->filled > remote->filled))
        find_local(judge, at, QM_FINDING_OVERFILL, QM_REPAIR_NONE);
}

/* judge_cancel looks for cancels that nobody hears of any more. They were wanted, so sending them again is repair. */
static void
judge_cancel(Judge *judge, int at)
{
    const QmLocalOrder *local = &judge->comparison->locals[at];

    if (local->cancel_pending && qm_order_is_live(local->state) && remote_of(judge, at) != NULL &&
        is_passed(judge, local->cancel_deadline_us))
        find_local(judge, at, QM_FINDING_CANCEL_STUCK, QM_REPAIR_CANCEL)->needs = QM_POLICY_REPAIR;
}

/* judge_slots goes through the slots that more than one live order wants. */
static void
judge_slots(Judge *judge)
{
    const QmMatches *matches = &judge->matches;
    size_t end;

    for (size_t start = 0; start < matches->nby_slot; start = end)
    {
        for (end = start + 1; end < matches->nby_slot; end++)
            if (!qm_matches_same_slot(matches, matches->by_slot[start], matches->by_slot[end]))
                break;
        judge_slot(judge, matches->by_slot + start, end - start);
    }
}

/*
 * judge_slot finds the orders that a slot has too many; the oldest one of ours
 * stays. The others are canceled if that one is really there, and is to stay.
 */
static void
judge_slot(Judge *judge, const int *rivals, size_t n)
{
    const QmLocalOrder *locals = judge->comparison->locals;
    bool holders_only = true;
    int oldest = -1;

    for (size_t i = n; i-- > 0;)
    {
        holders_only = holders_only && locals[rivals[i]].holds_slot;
        if (locals[rivals[i]].origin != QM_ORIGIN_EXTERNAL)
            oldest = rivals[i];
    }
    if (holders_only || oldest < 0 || !locals[oldest].settled)
        return;
    for (size_t i = 0; i < n; i++)
    {
        const QmLocalOrder *rival = &locals[rivals[i]];
        bool cancel = rival->origin != QM_ORIGIN_EXTERNAL && !rival->cancel_pending && !locals[oldest].cancel_pending &&
                      remote_of(judge, oldest) != NULL;

        if (rivals[i] != oldest && rival->settled)
            find_local(judge, rivals[i], QM_FINDING_DUPLICATE_LEVEL, cancel ? QM_REPAIR_CANCEL : QM_REPAIR_NONE);
    }
}

/* judge_remote judges an open order that is not just that of a local one. */
static void
judge_remote(Judge *judge, int at)
{
    const QmRemoteOrder *remote = &judge->comparison->remotes[at];
    const QmRemoteMatch *match = &judge->matches.remote[at];
    bool second = match->role == QM_REMOTE_SECOND;
    QmFinding *finding;

    if (match->role == QM_REMOTE_MATCH || match->role == QM_REMOTE_REPEATED)
        return;
    if (second && !judge->comparison->locals[match->local].settled)
        return;
    if (second)
        finding = find_local(judge, match->local, QM_FINDING_ORPHAN_OURS, QM_REPAIR_APPLY);
    else
        finding = find(judge, remote->ours ? QM_FINDING_ORPHAN_OURS : QM_FINDING_EXTERNAL_ORDER, QM_REPAIR_ADOPT);
    finding->remote = at;
    finding->also = remote->ours ? QM_REPAIR_CANCEL : QM_REPAIR_NONE;
}

/* judge_trade judges a trade whose order is known, here or at the exchange. */
static void
judge_trade(Judge *judge, int at)
{
    const QmRemoteTrade *trade = &judge->comparison->trades[at];
    const QmTradeMatch *match = &judge->matches.trade[at];
    QmFinding *finding;

    if (match->role == QM_TRADE_REPEATED)
        return;
    if (match->bookable)
        finding = find(judge, is_late(judge, at) ? QM_FINDING_LATE_FILL : QM_FINDING_MISSED_FILL, QM_REPAIR_BOOK);
    else if (match->role == QM_TRADE_CONTRADICTS || trade->known == QM_TRADE_DIFFERENT ||
             (trade->known == QM_TRADE_NEW && !match->fits))
        finding = find(judge, QM_FINDING_FILL_MISMATCH, QM_REPAIR_NONE);
    else
        return;
    finding->trade = at;
    finding->local = match->local;
    finding->remote = match->local >= 0 ? judge->matches.local[match->local].remote : match->remote;
    if (match->local >= 0)
        judge->matches.local[match->local].differs = true;
}

/* is_late counts a trade of an order that has ended, and says whether it takes it past what was known to be filled. */
static bool
is_late(Judge *judge, int at)
{
    int local = judge->matches.trade[at].local;
    QmUnits *booked;

    if (local < 0 || qm_order_is_live(judge->comparison->locals[local].state))
        return false;
    booked = &judge->matches.local[local].booked;
    *booked = qm_units_add(*booked, judge->comparison->trades[at].quantity);
    return qm_units_add(judge->comparison->locals[local].filled, *booked) > judge->comparison->locals[local].reported;
}

/* judge_strays asks for the orders of trades that nobody knows, once for each. */
static void
judge_strays(Judge *judge)
{
    const QmMatches *matches = &judge->matches;
    const QmRemoteTrade *trades = judge->comparison->trades;
    const QmRemoteTrade *before = NULL;

    for (size_t i = 0; i < matches->nstrays; i++)
    {
        const QmRemoteTrade *trade = &trades[matches->strays[i]];

        if (before == NULL || strcmp(before->exchange_order_id, trade->exchange_order_id) != 0)
            find(judge, trade->ours ? QM_FINDING_ORPHAN_OURS : QM_FINDING_EXTERNAL_ORDER, QM_REPAIR_QUERY)->trade =
                matches->strays[i];
        before = trade;
    }
}

/* judge_balance compares what the account has of an asset with what it should have. */
static void
judge_balance(Judge *judge, int at)
{
    const QmBalance *balance = &judge->comparison->balances[at];
    QmUnits low = balance->expected, high = balance->actual, difference;

    if (low > high)
    {
        low = balance->actual;
        high = balance->expected;
    }
    if (__builtin_sub_overflow(high, low, &difference) || difference > balance->tolerance)
        find(judge, QM_FINDING_POSITION_MISMATCH, QM_REPAIR_NONE)->balance = at;
}

/* remote_of returns the open order of a local one, or NULL. */
static const QmRemoteOrder *
remote_of(const Judge *judge, int local)
{
    int remote = judge->matches.local[local].remote;

    return remote < 0 ? NULL : &judge->comparison->remotes[remote];
}

/* is_absent says whether an order was not found often enough, and nothing in the snapshot says otherwise. */
static bool
is_absent(const Judge *judge, int at)
{
    return judge->comparison->locals[at].absent_answers >= QM_ABSENT_ANSWERS && !judge->matches.local[at].named;
}

/* revives says whether the state changes when the exchange turns out to have the order. */
static bool
revives(QmOrderState state)
{
    QmOrderEffect effect = qm_order_transition(state, QM_EVENT_OPENED).effect;

    return effect == QM_EFFECT_MOVES || effect == QM_EFFECT_FLAGGED;
}

/* is_passed says whether a deadline is over; one that was never set is not. */
static bool
is_passed(const Judge *judge, int64_t deadline_us)
{
    return deadline_us != 0 && judge->comparison->now_us > deadline_us;
}

/* find adds a finding, with the policy that its repair needs, about nothing yet. */
static QmFinding *
find(Judge *judge, QmFindingCode code, QmRepair repair)
{
    QmFinding *finding = &judge->findings[judge->verdict->nfindings++];

    *finding = (QmFinding){
        .code = code,
        .repair = repair,
        .needs = repairs[repair].needs,
        .local = -1,
        .remote = -1,
        .trade = -1,
        .balance = -1,
    };
    return finding;
}

/* find_local adds a finding about one of our orders, and its open order where there is one. */
static QmFinding *
find_local(Judge *judge, int local, QmFindingCode code, QmRepair repair)
{
    QmFinding *finding = find(judge, code, repair);

    finding->local = local;
    finding->remote = judge->matches.local[local].remote;
    judge->matches.local[local].differs = true;
    return finding;
}

/* qm_remote_order_state returns what an open order is, by what it has filled. */
QmOrderState
qm_remote_order_state(const QmRemoteOrder *remote)
{
    return remote->filled > 0 ? QM_ORDER_PARTIALLY_FILLED : QM_ORDER_OPEN;
}

/* qm_finding_name returns the code that tables, views and messages show. */
const char *
qm_finding_name(QmFindingCode code)
{
    return finding_names[code];
}

/* qm_repair_name returns the word that tables and views show. */
const char *
qm_repair_name(QmRepair repair)
{
    return repairs[repair].name;
}

/* qm_policy_name returns the word that tables and views show. */
const char *
qm_policy_name(QmPolicy policy)
{
    return policy_names[policy];
}

/* qm_policy_parse reads a policy's word, in lower case; false when it is none. */
bool
qm_policy_parse(const char *text, QmPolicy *policy)
{
    for (int i = 0; i < QM_POLICIES; i++)
        if (strcmp(text, policy_names[i]) == 0)
        {
            *policy = (QmPolicy) i;
            return true;
        }
    return false;
}
