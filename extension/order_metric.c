/*
 * Order metrics: one entry of atomics per market and side, found by the
 * market's number. Everybody adds and nobody locks.
 *
 * What a transaction has done to orders counts when it has committed: until
 * then it is remembered in this backend, in the order in which it happened, so
 * that the end of a savepoint takes away the tail. What was asked and not placed
 * counts at once, since it has happened whatever the caller does next.
 *
 * Sums are doubles kept as their bits: metrics may round, tables do not.
 */
#include "order_metric.h"

#include "access/xact.h"
#include "clock.h"
#include "compat.h"
#include "market_number.h"
#include "miscadmin.h"
#include "settings.h"
#include "storage/shmem.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#define LOG_INTERVAL_US QM_US_PER_S
#define EVENTS_INITIAL 16

/* One market, or QM_MARKET_OTHER. */
typedef struct MarketMetric
{
    QmOrderMetric sides[2];
    pg_atomic_uint64 log_after_us[QM_REASONS]; /* no line about the reason before that */
    pg_atomic_uint64 not_logged[QM_REASONS];   /* requests since the last line */
    pg_atomic_uint64 since;                    /* TimestampTz */
} MarketMetric;

typedef enum EventKind
{
    EVENT_PLACED,
    EVENT_STATE,
    EVENT_ACCEPTED,
    EVENT_TRADE
} EventKind;

/* What counts if the transaction commits. */
typedef struct Event
{
    EventKind kind;
    int market;
    bool buy;
    SubTransactionId sub;
    union
    {
        QmOrderState state;
        int64 duration_us;
        struct
        {
            double quantity;
            double price;
        } trade;
    } value;
} Event;

static MarketMetric *markets = NULL;
static Event *events = NULL; /* in TopTransactionContext */
static int nevents = 0;
static int events_max = 0;

static const char *const outcome_names[QM_OUTCOMES] = {
    [QM_PLACED] = "placed",
    [QM_SKIPPED] = "skipped",
    [QM_DUPLICATE] = "duplicate",
    [QM_DENIED] = "denied",
};

static const char *const reason_names[QM_REASONS] = {
    [QM_REASON_NONE] = NULL,
    [QM_REASON_LEVEL_BUSY] = "LEVEL_BUSY",
    [QM_REASON_SLOT_TAKEN] = "SLOT_TAKEN",
    [QM_REASON_UNKNOWN_MARKET] = "UNKNOWN_MARKET",
    [QM_REASON_HALTED] = "HALTED",
    [QM_REASON_REDUCING] = "REDUCING",
    [QM_REASON_RECONCILE_PENDING] = "RECONCILE_PENDING",
    [QM_REASON_STALE_INSTANCE] = "STALE_INSTANCE",
    [QM_REASON_UNKNOWN_INSTANCE] = "UNKNOWN_INSTANCE",
    [QM_REASON_NOT_ASSIGNED] = "NOT_ASSIGNED",
    [QM_REASON_VALID_UNTIL_PASSED] = "VALID_UNTIL_PASSED",
    [QM_REASON_PRICE_OFF_TICK] = "PRICE_OFF_TICK",
    [QM_REASON_QUANTITY_OFF_STEP] = "QUANTITY_OFF_STEP",
    [QM_REASON_QUANTITY_BELOW_MINIMUM] = "QUANTITY_BELOW_MINIMUM",
    [QM_REASON_QUANTITY_ABOVE_MAXIMUM] = "QUANTITY_ABOVE_MAXIMUM",
    [QM_REASON_NOTIONAL_BELOW_MINIMUM] = "NOTIONAL_BELOW_MINIMUM",
    [QM_REASON_NOTIONAL_UNKNOWN] = "NOTIONAL_UNKNOWN",
    [QM_REASON_REDUCE_ONLY] = "REDUCE_ONLY",
    [QM_REASON_SELF_CROSS] = "SELF_CROSS",
    [QM_REASON_MAX_OPEN_ORDERS] = "MAX_OPEN_ORDERS",
    [QM_REASON_MAX_POSITION] = "MAX_POSITION",
    [QM_REASON_MAX_NOTIONAL] = "MAX_NOTIONAL",
    [QM_REASON_MAX_ORDER_RATE] = "MAX_ORDER_RATE",
    [QM_REASON_REQUEST_DIFFERS] = "REQUEST_DIFFERS",
    [QM_REASON_ORDER_NOT_LIVE] = "ORDER_NOT_LIVE",
};

static void market_init(MarketMetric *market, TimestampTz now);
static void log_refusal(MarketMetric *market, const char *account, const char *symbol, bool buy, QmOutcome outcome,
                        QmReason reason, const char *detail);
static Event *remember(EventKind kind, int market, bool buy);
static void apply(const Event *event);
static void sum_add(pg_atomic_uint64 *sum, double value);
static void zero(pg_atomic_uint64 *counters, size_t bytes);

/* qm_order_metric_shmem_size returns what qm_order_metric_shmem_init takes. */
Size
qm_order_metric_shmem_size(void)
{
    return mul_size(sizeof(MarketMetric), qm_max_markets + 1);
}

/* qm_order_metric_shmem_init makes or finds the shared part. */
void
qm_order_metric_shmem_init(void)
{
    bool found;
    TimestampTz now = GetCurrentTimestamp();

    markets = ShmemInitStruct("quantmesh order metrics", qm_order_metric_shmem_size(), &found);
    if (found)
        return;
    for (int i = 0; i <= qm_max_markets; i++)
        market_init(&markets[i], now);
}

/* market_init fills in an entry that nobody sees yet. */
static void
market_init(MarketMetric *market, TimestampTz now)
{
    for (int side = 0; side < 2; side++)
    {
        QmOrderMetric *metric = &market->sides[side];

        for (int i = 0; i < QM_OUTCOMES; i++)
            pg_atomic_init_u64(&metric->outcomes[i], 0);
        for (int i = 0; i < QM_OUTCOMES * QM_REASONS; i++)
            pg_atomic_init_u64(&metric->reasons[i], 0);
        for (int i = 0; i < QM_ORDER_STATES; i++)
            pg_atomic_init_u64(&metric->states[i], 0);
        pg_atomic_init_u64(&metric->trades, 0);
        pg_atomic_init_u64(&metric->volume, 0);
        pg_atomic_init_u64(&metric->amount, 0);
        qm_histogram_init(&metric->accepted);
    }
    for (int i = 0; i < QM_REASONS; i++)
    {
        pg_atomic_init_u64(&market->log_after_us[i], 0);
        pg_atomic_init_u64(&market->not_logged[i], 0);
    }
    pg_atomic_init_u64(&market->since, (uint64) now);
}

/* qm_outcome_name returns the word that SQL and metrics show. */
const char *
qm_outcome_name(QmOutcome outcome)
{
    return outcome_names[outcome];
}

/* qm_reason_name returns the stable code of a reason; NULL for none. */
const char *
qm_reason_name(QmReason reason)
{
    return reason_names[reason];
}

/* qm_order_count_outcome counts a request: placed at the commit, the rest now and with a line in the log now and then. */
void
qm_order_count_outcome(int market, const char *account, const char *symbol, bool buy, QmOutcome outcome,
                       QmReason reason, const char *detail)
{
    QmOrderMetric *metric = &markets[market].sides[buy];

    Assert(market >= 0 && market <= qm_max_markets);
    if (outcome == QM_PLACED)
    {
        (void) remember(EVENT_PLACED, market, buy);
        return;
    }
    Assert(reason != QM_REASON_NONE);
    pg_atomic_fetch_add_u64(&metric->outcomes[outcome], 1);
    pg_atomic_fetch_add_u64(&metric->reasons[QM_REASON_AT(outcome, reason)], 1);
    log_refusal(&markets[market], account, symbol, buy, outcome, reason, detail);
}

/* log_refusal writes a line, at most one a second per market and reason; the next one counts those without. */
static void
log_refusal(MarketMetric *market, const char *account, const char *symbol, bool buy, QmOutcome outcome, QmReason reason,
            const char *detail)
{
    uint64 now_us = (uint64) qm_now_us();
    uint64 after_us = pg_atomic_read_u64(&market->log_after_us[reason]);
    uint64 not_logged;

    if (now_us < after_us ||
        !pg_atomic_compare_exchange_u64(&market->log_after_us[reason], &after_us, now_us + LOG_INTERVAL_US))
    {
        pg_atomic_fetch_add_u64(&market->not_logged[reason], 1);
        return;
    }
    not_logged = pg_atomic_exchange_u64(&market->not_logged[reason], 0);
    ereport(LOG,
            (errmsg("%s order for \"%s\" of account \"%s\" not placed: %s, %s",
                    buy ? "buy" : "sell",
                    symbol,
                    account,
                    outcome_names[outcome],
                    reason_names[reason]),
             detail != NULL ? errdetail_internal("%s", detail) : 0,
             not_logged > 0
                 ? errhint("Since the last line like this one, " UINT64_FORMAT " more were not logged.", not_logged)
                 : 0,
             errhidestmt(true),
             errhidecontext(true)));
}

/* qm_order_count_state counts an order that has come into a state, at the commit. */
void
qm_order_count_state(int market, bool buy, QmOrderState state)
{
    remember(EVENT_STATE, market, buy)->value.state = state;
}

/* qm_order_observe_duration records at the commit that the exchange has an order. */
void
qm_order_observe_duration(int market, bool buy, int64 duration_us)
{
    remember(EVENT_ACCEPTED, market, buy)->value.duration_us = duration_us;
}

/* qm_order_count_trade counts a trade at the commit. */
void
qm_order_count_trade(int market, bool buy, double quantity, double price)
{
    Event *event = remember(EVENT_TRADE, market, buy);

    event->value.trade.quantity = quantity;
    event->value.trade.price = price;
}

/* remember adds an event of the current subtransaction and returns it, to be filled in. */
static Event *
remember(EventKind kind, int market, bool buy)
{
    Event *event;

    Assert(market >= 0 && market <= qm_max_markets);
    if (nevents == events_max)
    {
        int wanted = events_max == 0 ? EVENTS_INITIAL : events_max * 2;

        events = events == NULL ? MemoryContextAlloc(TopTransactionContext, sizeof(Event) * (Size) wanted)
                                : repalloc_huge(events, sizeof(Event) * (Size) wanted);
        events_max = wanted;
    }
    event = &events[nevents++];
    *event = (Event){.kind = kind, .market = market, .buy = buy, .sub = GetCurrentSubTransactionId()};
    return event;
}

/* qm_order_metric_pending says whether this transaction has done something that counts if it commits. */
bool
qm_order_metric_pending(void)
{
    return nevents > 0;
}

/* qm_order_metric_end_xact counts what happened if it was committed, and forgets it. */
void
qm_order_metric_end_xact(bool committed)
{
    for (int i = 0; committed && i < nevents; i++)
        apply(&events[i]);
    events = NULL; /* goes with its memory context */
    nevents = 0;
    events_max = 0;
}

/* qm_order_metric_abort_sub forgets what happened since the savepoint: the tail. */
void
qm_order_metric_abort_sub(SubTransactionId sub)
{
    while (nevents > 0 && events[nevents - 1].sub >= sub)
        nevents--;
}

/* qm_order_metric_commit_sub hands what happened since the savepoint over to the parent. */
void
qm_order_metric_commit_sub(SubTransactionId sub, SubTransactionId parent)
{
    for (int i = nevents - 1; i >= 0 && events[i].sub >= sub; i--)
        events[i].sub = parent;
}

/* apply adds one event to what everybody sees. It cannot fail. */
static void
apply(const Event *event)
{
    QmOrderMetric *metric = &markets[event->market].sides[event->buy];

    switch (event->kind)
    {
        case EVENT_PLACED:
            pg_atomic_fetch_add_u64(&metric->outcomes[QM_PLACED], 1);
            break;
        case EVENT_STATE:
            pg_atomic_fetch_add_u64(&metric->states[event->value.state], 1);
            break;
        case EVENT_ACCEPTED:
            qm_histogram_add(&metric->accepted, event->value.duration_us);
            break;
        case EVENT_TRADE:
            pg_atomic_fetch_add_u64(&metric->trades, 1);
            sum_add(&metric->volume, event->value.trade.quantity);
            sum_add(&metric->amount, event->value.trade.quantity * event->value.trade.price);
            break;
    }
}

/* sum_add adds to a double that is kept as its bits. */
static void
sum_add(pg_atomic_uint64 *sum, double value)
{
    uint64 before = pg_atomic_read_u64(sum);
    uint64 after;

    do
    {
        double total;

        memcpy(&total, &before, sizeof(total));
        total += value;
        memcpy(&after, &total, sizeof(after));
    } while (!pg_atomic_compare_exchange_u64(sum, &before, after));
}

/* qm_order_metric_at returns the entry of a market's buys or sells. */
const QmOrderMetric *
qm_order_metric_at(int market, bool buy)
{
    Assert(market >= 0 && market <= qm_max_markets);
    return &markets[market].sides[buy];
}

/* qm_order_metric_any says whether anything was counted for the market. */
bool
qm_order_metric_any(int market)
{
    for (int side = 0; side < 2; side++)
    {
        const QmOrderMetric *metric = &markets[market].sides[side];

        for (int i = 0; i < QM_OUTCOMES; i++)
        {
            if (qm_order_metric_value(&metric->outcomes[i]) > 0)
                return true;
        }
        for (int i = 0; i < QM_ORDER_STATES; i++)
        {
            if (qm_order_metric_value(&metric->states[i]) > 0)
                return true;
        }
        if (qm_order_metric_value(&metric->trades) > 0)
            return true;
    }
    return false;
}

/* qm_order_metric_since returns when the market's numbers began to count. */
int64
qm_order_metric_since(int market)
{
    return (int64) qm_order_metric_value(&markets[market].since);
}

/* qm_order_metric_value reads a counter. */
uint64
qm_order_metric_value(const pg_atomic_uint64 *counter)
{
    return pg_atomic_read_u64(unconstify(pg_atomic_uint64 *, counter));
}

/* qm_order_metric_sum reads a sum. */
double
qm_order_metric_sum(const pg_atomic_uint64 *sum)
{
    uint64 bits = qm_order_metric_value(sum);
    double total;

    memcpy(&total, &bits, sizeof(total));
    return total;
}

/* qm_order_metric_reset sets this database's entries, and the shared "other", to zero; what others add meanwhile may survive. */
void
qm_order_metric_reset(void)
{
    TimestampTz now = GetCurrentTimestamp();

    for (int i = 0; i < qm_market_numbers(); i++)
    {
        if (i != QM_MARKET_OTHER && qm_market_name(i)->database != MyDatabaseId)
            continue;
        for (int side = 0; side < 2; side++)
        {
            QmOrderMetric *metric = &markets[i].sides[side];

            zero(metric->outcomes, sizeof(metric->outcomes));
            zero(metric->reasons, sizeof(metric->reasons));
            zero(metric->states, sizeof(metric->states));
            zero(&metric->trades, sizeof(metric->trades));
            zero(&metric->volume, sizeof(metric->volume));
            zero(&metric->amount, sizeof(metric->amount));
            qm_histogram_zero(&metric->accepted);
        }
        pg_atomic_write_u64(&markets[i].since, (uint64) now);
    }
}

/* zero sets an array of counters to zero. */
static void
zero(pg_atomic_uint64 *counters, size_t bytes)
{
    for (size_t i = 0; i < bytes / sizeof(pg_atomic_uint64); i++)
        pg_atomic_write_u64(&counters[i], 0);
}
