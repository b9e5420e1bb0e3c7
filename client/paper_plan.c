/*
 * Faults of the paper exchange at work: which strike a request or an event, by chance and by their scope, and what is
 * done when their moment comes.
 */
#include <stdlib.h>

#include "paper_inside.h"

static bool is_of_request(QmPaperFaultKind kind);
static bool is_of_event(QmPaperFaultKind kind);
static bool is_of_moment(QmPaperFaultKind kind);
static bool applies(const QmPaperWorld *world, const QmPaperPlanned *planned, QmPaperEndpoint endpoint, int account,
                    int symbol);
static bool strikes(QmPaperWorld *world, QmPaperPlanned *planned);
static void add_mishap(QmPaperWorld *world, QmPaperPlanned *planned, QmPaperMishap *mishap);
static int64_t moment_ms(const QmPaperPlanned *planned);
static void begin(QmPaperWorld *world, QmPaperPlanned *planned);
static void take_back(QmPaperWorld *world, QmPaperPlanned *planned);
static void cancel_orders(QmPaperWorld *world, const QmPaperFault *fault);
static void change_rules(QmPaperWorld *world, QmPaperPlanned *planned, int symbol, bool takes_back);

/* is_of_request says whether the server is told of the kind when a request comes. */
static bool
is_of_request(QmPaperFaultKind kind)
{
    return kind <= QM_PAPER_LAG;
}

/* is_of_event says whether the server is told of the kind when a user event leaves. */
static bool
is_of_event(QmPaperFaultKind kind)
{
    return kind >= QM_PAPER_EVENT_DROP && kind <= QM_PAPER_EVENT_DELAY;
}

/* is_of_moment says whether the kind happens at a time. */
static bool
is_of_moment(QmPaperFaultKind kind)
{
    return kind == QM_PAPER_KILL_STREAMS || kind == QM_PAPER_EXPIRE_KEYS || kind >= QM_PAPER_CANCEL_ORDERS;
}

/* qm_paper_do_fault_add puts a fault into a free place and returns its id; 0: there is none. */
int
qm_paper_do_fault_add(QmPaperWorld *world, const QmPaperFault *fault)
{
    QmPaperPlans *plans = &world->plans;
    int place = 0;

    while (place < plans->count && !plans->planned[place].is_over)
        place++;
    if (place == QM_PAPER_FAULTS_MAX)
        return 0;
    if (place == plans->count)
        plans->count++;
    plans->planned[place] = (QmPaperPlanned){.fault = *fault};
    plans->planned[place].fault.id = ++plans->last_id;
    return plans->last_id;
}

/* qm_paper_do_fault_remove ends a fault, and takes back what it has changed. False: there is none. */
bool
qm_paper_do_fault_remove(QmPaperWorld *world, int id)
{
    for (int i = 0; i < world->plans.count; i++)
    {
        QmPaperPlanned *planned = &world->plans.planned[i];

        if (planned->fault.id != id || planned->is_over)
            continue;
        if (planned->has_begun)
            take_back(world, planned);
        planned->is_over = true;
        return true;
    }
    return false;
}

/* applies says whether a fault is about this, now. */
static bool
applies(const QmPaperWorld *world, const QmPaperPlanned *planned, QmPaperEndpoint endpoint, int account, int symbol)
{
    const QmPaperFault *fault = &planned->fault;

    return !planned->is_over && fault->at_ms <= world->now_ms &&
           (fault->until_ms == 0 || world->now_ms < fault->until_ms) &&
           (fault->endpoint == QM_PAPER_ANY || fault->endpoint == endpoint) &&
           (fault->account < 0 || fault->account == account) && (fault->symbol < 0 || fault->symbol == symbol);
}

/* strikes asks chance. A fault that has struck as often as it may is over. */
static bool
strikes(QmPaperWorld *world, QmPaperPlanned *planned)
{
    if (qm_paper_chance(&world->plans.state) % 1000000 >= (uint64_t) planned->fault.probability_ppm)
        return false;
    planned->struck++;
    planned->is_over = planned->fault.count != 0 && planned->struck >= planned->fault.count;
    qm_paper_audit_fault(world, &planned->fault);
    return true;
}

/* qm_paper_fault_request decides, and notes that it did: chance has moved on. */
QmPaperMishap
qm_paper_fault_request(QmPaperWorld *world, QmPaperEndpoint endpoint, int account, int symbol)
{
    world->now_ms = qm_paper_clock_now(world);
    for (int i = 0; i < world->plans.count; i++)
        if (is_of_request(world->plans.planned[i].fault.kind) &&
            applies(world, &world->plans.planned[i], endpoint, account, symbol))
        {
            qm_paper_journal_note(world, "Q %lld %d %d %d", (long long) world->now_ms, (int) endpoint, account, symbol);
            return qm_paper_do_fault_request(world, endpoint, account, symbol);
        }
    return (QmPaperMishap){0};
}

/* qm_paper_do_fault_request decides what happens to a request, at the world's time. */
QmPaperMishap
qm_paper_do_fault_request(QmPaperWorld *world, QmPaperEndpoint endpoint, int account, int symbol)
{
    QmPaperMishap mishap = {0};

    for (int i = 0; i < world->plans.count; i++)
        if (is_of_request(world->plans.planned[i].fault.kind) &&
            applies(world, &world->plans.planned[i], endpoint, account, symbol))
            add_mishap(world, &world->plans.planned[i], &mishap);
    return mishap;
}

/* add_mishap adds a fault to what happens, unless there is already another that it does not go with. */
static void
add_mishap(QmPaperWorld *world, QmPaperPlanned *planned, QmPaperMishap *mishap)
{
    const QmPaperFault *fault = &planned->fault;
    bool is_taken = mishap->drops_reply || mishap->cuts_reply || mishap->http_before != 0 || mishap->http_after != 0;
    bool is_delay = fault->kind <= QM_PAPER_DELAY_AFTER || fault->kind == QM_PAPER_LAG;

    if ((is_taken && !is_delay) || !strikes(world, planned))
        return;
    switch (fault->kind)
    {
        case QM_PAPER_DELAY_BEFORE:
            mishap->delay_before_ms += fault->value;
            break;
        case QM_PAPER_DELAY_AFTER:
            mishap->delay_after_ms += fault->value;
            break;
        case QM_PAPER_DROP_REPLY:
            mishap->drops_reply = true;
            break;
        case QM_PAPER_CUT_REPLY:
            mishap->cuts_reply = true;
            break;
        case QM_PAPER_FAIL_BEFORE:
            mishap->http_before = fault->value == 0 ? 503 : (int) fault->value;
            mishap->code = fault->code == 0 ? -1008 : fault->code;
            break;
        case QM_PAPER_FAIL_AFTER:
            mishap->http_after = fault->value == 0 ? 504 : (int) fault->value;
            mishap->code = fault->code == 0 ? -1007 : fault->code;
            break;
        case QM_PAPER_LIMITED:
            mishap->http_before = fault->value == 0 ? 429 : (int) fault->value;
            mishap->code = fault->code == 0 ? -1003 : fault->code;
            mishap->retry_after_s = fault->wait_s;
            break;
        case QM_PAPER_LAG:
            mishap->lag_ms = fault->value > mishap->lag_ms ? fault->value : mishap->lag_ms;
            break;
        default:
            abort(); /* is_of_request has no others */
    }
}

/* qm_paper_fault_event decides, and notes that it did. */
QmPaperEventMishap
qm_paper_fault_event(QmPaperWorld *world, int account, int symbol)
{
    world->now_ms = qm_paper_clock_now(world);
    for (int i = 0; i < world->plans.count; i++)
        if (is_of_event(world->plans.planned[i].fault.kind) &&
            applies(world, &world->plans.planned[i], QM_PAPER_ANY, account, symbol))
        {
            qm_paper_journal_note(world, "V %lld %d %d", (long long) world->now_ms, account, symbol);
            return qm_paper_do_fault_event(world, account, symbol);
        }
    return (QmPaperEventMishap){0};
}

/* qm_paper_do_fault_event decides what happens to a user event, at the world's time. */
QmPaperEventMishap
qm_paper_do_fault_event(QmPaperWorld *world, int account, int symbol)
{
    QmPaperEventMishap mishap = {0};

    for (int i = 0; i < world->plans.count; i++)
    {
        QmPaperPlanned *planned = &world->plans.planned[i];

        if (!is_of_event(planned->fault.kind) || !applies(world, planned, QM_PAPER_ANY, account, symbol) ||
            !strikes(world, planned))
            continue;
        mishap.is_dropped |= planned->fault.kind == QM_PAPER_EVENT_DROP;
        mishap.is_duplicated |= planned->fault.kind == QM_PAPER_EVENT_DUPLICATE;
        mishap.is_reordered |= planned->fault.kind == QM_PAPER_EVENT_REORDER;
        mishap.delay_ms += planned->fault.kind == QM_PAPER_EVENT_DELAY ? planned->fault.value : 0;
    }
    return mishap;
}

/* qm_paper_fault_skew_ms adds up by how much the exchange's clock is wrong. */
int64_t
qm_paper_fault_skew_ms(const QmPaperWorld *world)
{
    int64_t now_ms = qm_paper_clock_now(world);
    int64_t skew_ms = 0;

    for (int i = 0; i < world->plans.count; i++)
    {
        const QmPaperFault *fault = &world->plans.planned[i].fault;

        if (fault->kind == QM_PAPER_SKEW && !world->plans.planned[i].is_over && fault->at_ms <= now_ms &&
            (fault->until_ms == 0 || now_ms < fault->until_ms))
            skew_ms += fault->value;
    }
    return skew_ms;
}

/* moment_ms is when a fault of a moment begins, or is taken back. */
static int64_t
moment_ms(const QmPaperPlanned *planned)
{
    if (planned->is_over || !is_of_moment(planned->fault.kind))
        return INT64_MAX;
    if (!planned->has_begun)
        return planned->fault.at_ms;
    return planned->fault.until_ms == 0 ? INT64_MAX : planned->fault.until_ms;
}

/* qm_paper_plan_next_ms is when there is something to be done. */
int64_t
qm_paper_plan_next_ms(const QmPaperWorld *world)
{
    int64_t next = INT64_MAX;

    for (int i = 0; i < world->plans.count; i++)
        if (moment_ms(&world->plans.planned[i]) < next)
            next = moment_ms(&world->plans.planned[i]);
    return next;
}

/* qm_paper_plan_moment does what is to be done by now, in the order in which it was planned. */
void
qm_paper_plan_moment(QmPaperWorld *world)
{
    for (int i = 0; i < world->plans.count; i++)
    {
        QmPaperPlanned *planned = &world->plans.planned[i];

        if (moment_ms(planned) > world->now_ms)
            continue;
        if (planned->has_begun)
        {
            take_back(world, planned);
            planned->is_over = true;
        }
        else
            begin(world, planned);
    }
}

/* begin does what a fault is about; only rules are ever taken back. */
static void
begin(QmPaperWorld *world, QmPaperPlanned *planned)
{
    const QmPaperFault *fault = &planned->fault;
    QmPaperRequest request = {.account = fault->account,
                              .side = fault->side,
                              .price = fault->price,
                              .quantity = fault->amount};
    const QmPaperOrder *order;

    planned->struck++;
    planned->is_over = true;
    qm_paper_audit_fault(world, fault);
    switch (fault->kind)
    {
        case QM_PAPER_CANCEL_ORDERS:
            cancel_orders(world, fault);
            break;
        case QM_PAPER_EXTERNAL_ORDER:
            request.type = fault->price == 0 ? QM_PAPER_MARKET : QM_PAPER_LIMIT;
            (void) qm_paper_do_place(world, fault->symbol, &request, true, &order); /* a refusal is in the audit */
            break;
        case QM_PAPER_ADJUST:
            (void) qm_paper_do_adjust(world,
                                      fault->account,
                                      fault->asset,
                                      fault->amount); /* as much as there is, or none */
            break;
        case QM_PAPER_HALT:
        case QM_PAPER_FILTERS:
            planned->is_over = false;
            planned->has_begun = true;
            change_rules(world, planned, fault->symbol, false);
            break;
        default:
            if (world->watcher.fault != NULL)
                world->watcher.fault(world->watcher.context, fault);
            break;
    }
}

/* take_back lets rules be as they were. */
static void
take_back(QmPaperWorld *world, QmPaperPlanned *planned)
{
    change_rules(world, planned, planned->fault.symbol, true);
}

/* change_rules changes, or takes back, what the fault is about, and leaves the other rules as they are now. */
static void
change_rules(QmPaperWorld *world, QmPaperPlanned *planned, int symbol, bool takes_back)
{
    const QmPaperFault *fault = &planned->fault;
    QmPaperRules rules = world->boards[symbol].market.rules;

    if (!takes_back)
        planned->before = rules;
    if (fault->kind == QM_PAPER_HALT)
        rules.halted = takes_back ? planned->before.halted : true;
    if (fault->tick != 0)
        rules.tick = takes_back ? planned->before.tick : fault->tick;
    if (fault->step != 0)
        rules.step = takes_back ? planned->before.step : fault->step;
    if (fault->notional_min != 0)
        rules.notional_min = takes_back ? planned->before.notional_min : fault->notional_min;
    qm_paper_do_rules(world, symbol, &rules);
}

/* cancel_orders ends open orders, symbol by symbol and account by account the oldest first. */
static void
cancel_orders(QmPaperWorld *world, const QmPaperFault *fault)
{
    const QmPaperOrder *orders[QM_PAPER_LIMIT_MAX];
    int64_t left = fault->value == 0 ? INT64_MAX : fault->value;

    for (int symbol = 0; symbol < world->board_count; symbol++)
        for (int account = 0; account < world->account_count; account++)
        {
            int count;

            if ((fault->symbol >= 0 && fault->symbol != symbol) || (fault->account >= 0 && fault->account != account))
                continue;
            count = qm_paper_world_open_orders(world, account, symbol, orders, QM_PAPER_LIMIT_MAX);
            for (int i = 0; i < count && left > 0; i++, left--)
                (void) qm_paper_do_expel(world, account, symbol, orders[i]->id); /* it is open */
        }
}
