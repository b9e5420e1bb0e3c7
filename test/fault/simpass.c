/*
 * Simulate: a pass. What we have and a snapshot become the classifier's arrays,
 * and what it finds is repaired at once. Planted faults change what it is given,
 * or what it says.
 */
#include "simulate.h"

#include "exchangeinside.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct Pass
{
    Sim *sim;
    const ExchangeSnapshot *snapshot;
    int64_t asked_us;
    QmLocalOrder *locals;
    int *places; /* of the locals in the store */
    QmRemoteOrder *remotes;
    QmRemoteTrade *trades;
    QmBalance balances[2];
    QmComparison comparison;
    QmFinding *findings;
    QmVerdict verdict;
} Pass;

static void load(Pass *pass);
static void load_locals(Pass *pass);
static void note_named(Pass *pass, bool *named, const char *client_order_id, const char *exchange_order_id);
static void load_trades(Pass *pass);
static void *reserve(size_t n, size_t size);
static void plant_given(Pass *pass);
static bool plant_found(const Pass *pass, QmFinding *finding);
static void repair(Pass *pass, const QmFinding *finding);
static void repair_order(Pass *pass, const QmFinding *finding, SimOrder *order);
static void cancel(Pass *pass, const QmFinding *finding);
static void ask(Pass *pass, const QmFinding *finding);
static SimOrder *order_of(const Pass *pass, const QmFinding *finding);
static int64_t first_unbooked(const Pass *pass);
static void end(Pass *pass);

/* qf_sim_pass compares a snapshot with what we have, and ends what differs as far as the policy lets it. */
void
qf_sim_pass(Sim *sim, const ExchangeSnapshot *snapshot, int64_t asked_us)
{
    Pass pass = {.sim = sim, .snapshot = snapshot, .asked_us = asked_us};
    void *scratch;

    load(&pass);
    plant_given(&pass);
    scratch = reserve(qm_reconcile_scratch_size(&pass.comparison), 1);
    pass.findings = reserve(qm_reconcile_room(&pass.comparison), sizeof(*pass.findings));
    qm_reconcile_judge(&pass.comparison, scratch, pass.findings, &pass.verdict);
    free(scratch);
    for (size_t i = 0; i < pass.verdict.nfindings; i++)
    {
        QmFinding *finding = &pass.findings[i];

        sim->totals->findings[finding->code]++;
        /* The exchange is honest, and counts as we do. */
        if (finding->code == QM_FINDING_OVERFILL || finding->code == QM_FINDING_FILL_MISMATCH)
            qf_sim_wrong(sim, "%s is found, and is not so", qm_finding_name(finding->code));
        if (plant_found(&pass, finding) && finding->needs <= sim->policy)
            repair(&pass, finding);
    }
    end(&pass);
    free(pass.locals);
    free(pass.places);
    free(pass.remotes);
    free(pass.trades);
    free(pass.findings);
}

/* load fills the comparison. */
static void
load(Pass *pass)
{
    const ExchangeSnapshot *snapshot = pass->snapshot;
    const Sim *sim = pass->sim;

    pass->remotes = reserve(snapshot->norders, sizeof(*pass->remotes));
    for (size_t i = 0; i < snapshot->norders; i++)
    {
        const ExchangeOrder *order = &snapshot->orders[i];

        pass->remotes[i] = (QmRemoteOrder){.client_order_id = order->client_order_id,
                                           .exchange_order_id = order->exchange_order_id,
                                           .ours = qf_store_is_ours(sim, order->client_order_id),
                                           .buy = order->buy,
                                           .price = order->price,
                                           .quantity = order->quantity,
                                           .filled = order->filled};
    }
    load_trades(pass);
    load_locals(pass);
    pass->balances[0] = (QmBalance){.asset = "BASE", .expected = sim->store.base, .actual = snapshot->base};
    pass->balances[1] = (QmBalance){.asset = "QUOTE", .expected = sim->store.quote, .actual = snapshot->quote};
    pass->comparison.locals = pass->locals;
    pass->comparison.remotes = pass->remotes;
    pass->comparison.nremotes = snapshot->norders;
    pass->comparison.trades = pass->trades;
    pass->comparison.ntrades = snapshot->ntrades;
    pass->comparison.balances = pass->balances;
    pass->comparison.nbalances = sim->quiet && snapshot->balances_seen ? 2 : 0;
    pass->comparison.complete = snapshot->complete;
    pass->comparison.balances_seen = snapshot->balances_seen;
    pass->comparison.now_us = sim->now_us;
}

/* load_trades makes the array of trades: which of them are booked, and as the exchange says. */
static void
load_trades(Pass *pass)
{
    const ExchangeSnapshot *snapshot = pass->snapshot;

    pass->trades = reserve(snapshot->ntrades, sizeof(*pass->trades));
    for (size_t i = 0; i < snapshot->ntrades; i++)
    {
        const ExchangeTrade *trade = &snapshot->trades[i];
        const SimFill *fill = qf_store_fill(pass->sim, trade);

        pass->trades[i] = (QmRemoteTrade){.trade_id = trade->trade_id,
                                          .exchange_order_id = trade->exchange_order_id,
                                          .buy = trade->buy,
                                          .quantity = trade->quantity,
                                          .price = trade->price};
        if (fill != NULL)
            pass->trades[i].known =
                fill->quantity == trade->quantity && fill->price == trade->price ? QM_TRADE_SAME : QM_TRADE_DIFFERENT;
    }
}

/* load_locals takes all orders that are live, that have fills missing, or that the snapshot names. */
static void
load_locals(Pass *pass)
{
    const Sim *sim = pass->sim;
    const SimStore *store = &sim->store;
    bool *named = reserve(store->norders, sizeof(*named));
    size_t n = 0;

    pass->locals = reserve(store->norders, sizeof(*pass->locals));
    pass->places = reserve(store->norders, sizeof(*pass->places));
    for (size_t i = 0; i < pass->snapshot->norders; i++)
        note_named(pass, named, pass->snapshot->orders[i].client_order_id, pass->snapshot->orders[i].exchange_order_id);
    for (size_t i = 0; i < pass->snapshot->ntrades; i++)
        note_named(pass, named, "", pass->snapshot->trades[i].exchange_order_id);
    for (size_t i = 0; i < store->norders; i++)
    {
        const SimOrder *order = &store->orders[i];

        if (!named[i] && !qm_order_is_live(order->state) && order->reported <= order->filled)
            continue;
        pass->places[n] = (int) i;
        pass->locals[n++] = (QmLocalOrder){
            .order_id = order->order_id,
            .client_order_id = order->client_order_id,
            .exchange_order_id = order->exchange_order_id[0] == '\0' ? NULL : order->exchange_order_id,
            .slot = order->level < 0 ? NULL : sim->slot_names[order->level],
            .state = order->state,
            .origin = order->origin,
            .buy = order->buy,
            .settled = order->changed_us < pass->asked_us - SIM_GRACE_US,
            .holds_slot = order->holds_slot,
            .owner_is_dead = order->owner >= 0 && !qf_sim_is_alive(sim, order->owner),
            .cancel_pending = order->cancel != SIM_CANCEL_NONE,
            .absent_answers = order->absent_answers,
            .price = order->price,
            .quantity = order->quantity,
            .filled = order->filled,
            .reported = order->reported,
            .accept_deadline_us = order->accept_deadline_us,
            .cancel_deadline_us = order->cancel_deadline_us,
        };
    }
    pass->comparison.nlocals = n;
    free(named);
}

/* note_named marks the order that these ids name. */
static void
note_named(Pass *pass, bool *named, const char *client_order_id, const char *exchange_order_id)
{
    const SimOrder *order = qf_store_find(pass->sim, client_order_id, exchange_order_id);

    if (order != NULL)
        named[order - pass->sim->store.orders] = true;
}

/* reserve returns cleared memory for n things, and at least one. */
static void *
reserve(size_t n, size_t size)
{
    void *things = calloc(n > 0 ? n : 1, size);

    if (things == NULL)
        abort();
    return things;
}

/* plant_given changes what the classifier is given, as a classifier would see it that is wrong. */
static void
plant_given(Pass *pass)
{
    for (size_t i = 0; i < pass->comparison.nlocals && pass->sim->plant == PLANT_ALL_SETTLED; i++)
        pass->locals[i].settled = true;
}

/* plant_found changes what the classifier has found; false: it has not found it. */
static bool
plant_found(const Pass *pass, QmFinding *finding)
{
    switch (pass->sim->plant)
    {
        case PLANT_ABSENCE_PROVES:
            if (finding->code == QM_FINDING_INFLIGHT_ABSENT && finding->repair == QM_REPAIR_QUERY)
                finding->repair = QM_REPAIR_PROVE_ABSENT;
            return true;
        case PLANT_MISSING_IS_LOST:
            if (finding->code == QM_FINDING_MISSING_AT_EXCHANGE)
                finding->repair = QM_REPAIR_GIVE_UP;
            return true;
        case PLANT_FILLS_FORGOTTEN:
            return finding->code != QM_FINDING_MISSED_FILL;
        case PLANT_LATE_FORGOTTEN:
            return finding->code != QM_FINDING_LATE_FILL;
        case PLANT_ORPHANS_LEFT:
            return finding->code != QM_FINDING_ORPHAN_OURS;
        case PLANT_STRANGERS_LEFT:
            return finding->code != QM_FINDING_EXTERNAL_ORDER || finding->repair != QM_REPAIR_ADOPT;
        case PLANT_STRAYS_LEFT:
            return finding->code != QM_FINDING_EXTERNAL_ORDER || finding->repair != QM_REPAIR_QUERY;
        case PLANT_CANCELS_LEFT:
            return finding->code != QM_FINDING_CANCEL_STUCK;
        case PLANT_NEVER_ABSENT:
            return finding->repair != QM_REPAIR_PROVE_ABSENT;
        case PLANT_NEXT_ONE:
            if (finding->local >= 0 && (size_t) finding->local + 1 < pass->comparison.nlocals)
                finding->local++;
            return true;
        default:
            return true;
    }
}

/* repair does what a finding asks for. */
static void
repair(Pass *pass, const QmFinding *finding)
{
    SimOrder *order = order_of(pass, finding);

    switch (finding->repair)
    {
        case QM_REPAIR_ADOPT:
            order = qf_store_adopt(pass->sim, &pass->snapshot->orders[finding->remote]);
            break;
        case QM_REPAIR_BOOK:
            if (order != NULL)
                qf_store_book(pass->sim, order, &pass->snapshot->trades[finding->trade]);
            break;
        case QM_REPAIR_QUERY:
            ask(pass, finding);
            break;
        case QM_REPAIR_CANCEL:
            cancel(pass, finding);
            break;
        default:
            if (order != NULL)
                repair_order(pass, finding, order);
            break;
    }
    if (finding->also == QM_REPAIR_CANCEL && pass->sim->policy >= QM_POLICY_ENFORCE && order != NULL)
        qf_sim_cancel(pass->sim, order);
}

/* repair_order does what is done to an order of ours. */
static void
repair_order(Pass *pass, const QmFinding *finding, SimOrder *order)
{
    Sim *sim = pass->sim;

    switch (finding->repair)
    {
        case QM_REPAIR_APPLY:
            (void) qf_store_hear(sim, &pass->snapshot->orders[finding->remote], NULL, 0);
            break;
        case QM_REPAIR_AMEND:
            order->price = pass->snapshot->orders[finding->remote].price;
            order->quantity = pass->snapshot->orders[finding->remote].quantity;
            order->changed_us = sim->now_us;
            break;
        case QM_REPAIR_PROVE_ABSENT:
            if (qf_exchange_accepted(sim->exchange, order->client_order_id))
                qf_sim_wrong(sim, "order %s is taken for absent, and was accepted", order->client_order_id);
            qf_store_happen(sim, order, QM_EVENT_PROVED_ABSENT);
            break;
        case QM_REPAIR_GIVE_UP:
            qf_store_happen(sim, order, QM_EVENT_GIVEN_UP);
            break;
        case QM_REPAIR_FORGET_REPLY:
            qf_store_happen(sim, order, QM_EVENT_REPLY_LOST);
            break;
        case QM_REPAIR_HAND_OVER:
            order->owner = -1;
            order->changed_us = sim->now_us;
            break;
        default:
            break;
    }
}

/* cancel cancels our order if it is live, else the open one. */
static void
cancel(Pass *pass, const QmFinding *finding)
{
    SimOrder *order = order_of(pass, finding);
    ExchangeRequest request = {0};

    if (order != NULL && qm_order_is_live(order->state))
        qf_sim_cancel(pass->sim, order);
    else if (finding->remote >= 0)
    {
        request.exchange_order_id = pass->snapshot->orders[finding->remote].exchange_order_id;
        (void) qf_sim_send(pass->sim, QF_MESSAGE_CANCEL, pass->sim->now_us, &request, NULL);
    }
}

/* ask asks for the order that a finding is about. */
static void
ask(Pass *pass, const QmFinding *finding)
{
    const SimOrder *order = order_of(pass, finding);

    if (order != NULL)
        qf_store_ask(pass->sim, order->client_order_id, order->exchange_order_id);
    else if (finding->remote >= 0)
        qf_store_ask(pass->sim, NULL, pass->snapshot->orders[finding->remote].exchange_order_id);
    else if (finding->trade >= 0)
        qf_store_ask(pass->sim, NULL, pass->snapshot->trades[finding->trade].exchange_order_id);
}

/* order_of returns our order that a finding is about; that of an adopted one, too. */
static SimOrder *
order_of(const Pass *pass, const QmFinding *finding)
{
    const ExchangeOrder *remote;

    if (finding->local >= 0)
        return &pass->sim->store.orders[pass->places[finding->local]];
    if (finding->remote < 0)
        return NULL;
    remote = &pass->snapshot->orders[finding->remote];
    return qf_store_find(pass->sim, remote->client_order_id, remote->exchange_order_id);
}

/* first_unbooked returns the number of the first trade in the snapshot that is not booked, or one that none has. */
static int64_t
first_unbooked(const Pass *pass)
{
    int64_t first = INT64_MAX;

    for (size_t i = 0; i < pass->snapshot->ntrades; i++)
        if (pass->snapshot->trades[i].number < first && qf_store_fill(pass->sim, &pass->snapshot->trades[i]) == NULL)
            first = pass->snapshot->trades[i].number;
    return first;
}

/*
 * end notes what the pass means for placing, and where the next snapshot's trades
 * go on: never behind one that is not booked. An order that a failover has lost can
 * only be seen in the list of open ones: there a list that is not whole does harm,
 * and nobody can help it.
 */
static void
end(Pass *pass)
{
    Sim *sim = pass->sim;
    bool used = pass->verdict.nfindings != 1 || pass->findings[0].code != QM_FINDING_SNAPSHOT_INCOMPLETE;
    int64_t unbooked = first_unbooked(pass);

    sim->totals->passes++;
    sim->left = pass->verdict.nfindings == 0 ? NULL : qm_finding_name(pass->findings[0].code);
    sim->left_repair = pass->verdict.nfindings == 0 ? NULL : qm_repair_name(pass->findings[0].repair);
    if (!used)
        return;
    sim->clean = pass->verdict.nfindings == 0 && pass->verdict.ndeferred == 0 && sim->store.ntasks == 0;
    for (size_t i = 0; i < pass->comparison.nlocals; i++)
        sim->clean = sim->clean && !pass->locals[i].cancel_pending;
    for (size_t i = 0; i < pass->snapshot->ntrades; i++)
    {
        int64_t number = pass->snapshot->trades[i].number;

        if (number > sim->store.last_trade && number < unbooked)
            sim->store.last_trade = number;
    }
    if (sim->blocked_until_us != 0 && pass->asked_us >= sim->blocked_until_us && !pass->snapshot->hollow)
        sim->blocked_until_us = 0;
}
