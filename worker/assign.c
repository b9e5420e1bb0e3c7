/*
 * SQL function: assign_markets, which the coordinator calls in every pass. What
 * it promises is in its COMMENT (sql/70_instances.sql).
 *
 * One transaction at a time assigns; another one that wants to leaves it to that
 * one, or to the next pass. A market changes hands in one transaction and at one
 * moment: the old interval ends when the new one begins. A dead owner's interval
 * goes on until somebody else has the market; it cannot place by then, since its
 * epoch is old. From an owner that lives, an exclusive market is taken at a moment
 * at which no placement is under way; if there is none, the next pass tries again.
 */
#include "instance.h"

#include "catalog/pg_type.h"
#include "fence.h"
#include "fmgr.h"
#include "market_lock.h"
#include "order_row.h"
#include "query.h"
#include "query_row.h"
#include "rendezvous.h"
#include "task.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

PG_FUNCTION_INFO_V1(qm_assign_markets);

#define LOCKED_MOVES_MAX 100 /* of exclusive markets in one pass, each of which needs a lock */

/* A market with its owner. */
typedef struct Market
{
    char *account;
    char *symbol;
    bool exists; /* false: only its assignment is left */
    bool exclusive;
    int64 assignment_id; /* 0: it has no owner */
    char *owner;
    int64 epoch;
    TimestampTz since;
    char *fixed; /* whom an operator has given it to; NULL: nobody */
} Market;

/* One pass. */
typedef struct Pass
{
    QmRegistry *registry;
    TimestampTz now;
    int locked_moves;
    int64 changes;
} Pass;

static QmRegistry *load_registry(void);
static Market *load_markets(uint64 *count);
static const QmCandidate *choose(const Pass *pass, const Market *market, const char **reason);
static void settle(Pass *pass, const Market *market);
static const char *end_reason(const Pass *pass, const Market *market, bool *lives);
static TimestampTz end_assignment(const Pass *pass, const Market *market, const char *reason);
static int64 begin_assignment(const Market *market, const QmCandidate *owner, const char *reason, TimestampTz since);
static void withdraw_tasks(const Market *market, const char *owner);
static void tell(const Market *market, const char *kind, const char *instance, int64 epoch, int64 assignment_id,
                 const char *reason);

/* qm_assign_markets is quantmesh.assign_markets. */
Datum
qm_assign_markets(PG_FUNCTION_ARGS)
{
    qm_instance_prepare("quantmesh.assign_markets()");
    PG_RETURN_INT64(qm_markets_assign());
}

/* qm_markets_assign gives every market its owner, and returns how many have changed; 0 while somebody else does it. */
int64
qm_markets_assign(void)
{
    Pass pass = {.now = GetCurrentTimestamp()};
    QmQueryScope scope;
    Market *markets;
    uint64 count;

    if (!qm_assigning_try_lock())
        return 0;
    qm_query_begin(&scope);
    pass.registry = load_registry();
    markets = load_markets(&count);
    for (uint64 i = 0; i < count; i++)
        settle(&pass, &markets[i]);
    qm_query_end(&scope);
    return pass.changes;
}

/* load_registry reads who is alive and has registered for what. */
static QmRegistry *
load_registry(void)
{
    static QmQuery alive = {"SELECT instance, epoch, standby, weight FROM quantmesh.instance WHERE state = 'alive' "
                            "ORDER BY instance",
                            0,
                            {0}};
    static QmQuery registered = {"SELECT m.instance, m.account, m.symbol FROM quantmesh.instance_market AS m "
                                 "JOIN quantmesh.instance AS i ON i.instance = m.instance AND i.state = 'alive'",
                                 0,
                                 {0}};
    uint64 count = qm_query_read_latest(&alive, NULL, NULL);
    QmCandidate *candidates = palloc(sizeof(QmCandidate) * (count + 1));
    QmRegistry *registry;

    for (uint64 i = 0; i < count; i++)
        candidates[i] = (QmCandidate){.name = qm_row_text(i, 0),
                                      .epoch = qm_row_int64(i, 1),
                                      .standby = qm_row_bool(i, 2),
                                      .weight = (int) qm_row_int64(i, 3)};
    registry = qm_registry_new(candidates, (int) count);
    count = qm_query_read_latest(&registered, NULL, NULL);
    for (uint64 i = 0; i < count; i++)
        qm_registry_add(registry, qm_row_text(i, 0), qm_row_text(i, 1), qm_row_text(i, 2));
    return registry;
}

/* load_markets reads all markets, and those that are no more but still have an owner. */
static Market *
load_markets(uint64 *count)
{
    static QmQuery query =
        {"SELECT coalesce(m.account, a.account), coalesce(m.symbol, a.symbol), m.account IS NOT NULL, "
         "coalesce(m.mode = 'exclusive', false), coalesce(a.assignment_id, 0), a.instance, coalesce(a.epoch, 0), "
         "a.since, f.instance "
         "FROM quantmesh.market AS m FULL JOIN ("
         "SELECT c.account, c.symbol, c.assignment_id, c.instance, c.epoch, c.since FROM quantmesh.assignment AS c "
         "WHERE c.ended_at IS NULL) AS a ON a.account = m.account AND a.symbol = m.symbol "
         "LEFT JOIN quantmesh.fixed_assignment AS f ON f.account = m.account AND f.symbol = m.symbol "
         "ORDER BY 1, 2",
         0,
         {0}};
    Market *markets;

    *count = qm_query_read_latest(&query, NULL, NULL);
    markets = palloc_extended(sizeof(Market) * (*count + 1), MCXT_ALLOC_HUGE);
    for (uint64 i = 0; i < *count; i++)
        markets[i] = (Market){.account = qm_row_text(i, 0),
                              .symbol = qm_row_text(i, 1),
                              .exists = qm_row_bool(i, 2),
                              .exclusive = qm_row_bool(i, 3),
                              .assignment_id = qm_row_int64(i, 4),
                              .owner = qm_row_text(i, 5),
                              .epoch = qm_row_int64(i, 6),
                              .since = qm_row_int64(i, 7),
                              .fixed = qm_row_text(i, 8)};
    return markets;
}

/* choose returns who is to have the market, and sets why; NULL for nobody. */
static const QmCandidate *
choose(const Pass *pass, const Market *market, const char **reason)
{
    const QmCandidate *chosen = NULL;

    if (!market->exists)
        return NULL;
    if (market->fixed != NULL)
        chosen = qm_registry_find(pass->registry, market->fixed, market->account, market->symbol);
    *reason = "fixed";
    if (chosen == NULL)
    {
        chosen = qm_registry_choose(pass->registry, market->account, market->symbol);
        *reason = chosen != NULL && chosen->standby ? "standby" : "hashed";
    }
    return chosen;
}

/* settle gives the market to whom it belongs, unless he has it already. */
static void
settle(Pass *pass, const Market *market)
{
    const char *reason;
    const QmCandidate *owner = choose(pass, market, &reason);
    TimestampTz since = pass->now;
    bool old_lives = false;
    const char *ending = NULL;
    int64 assignment_id;

    if (owner == NULL
            ? market->assignment_id == 0
            : market->assignment_id != 0 && owner->epoch == market->epoch && strcmp(owner->name, market->owner) == 0)
        return;
    if (market->assignment_id != 0)
        ending = end_reason(pass, market, &old_lives);
    if (market->exclusive && old_lives &&
        (pass->locked_moves++ >= LOCKED_MOVES_MAX || !qm_market_try_lock(market->account, market->symbol)))
        return;
    pass->changes++;
    withdraw_tasks(market, owner == NULL ? "" : owner->name);
    if (ending != NULL)
        since = end_assignment(pass, market, ending);
    if (old_lives)
        tell(market, "unassign", market->owner, market->epoch, market->assignment_id, ending);
    if (owner == NULL)
        return;
    assignment_id = begin_assignment(market, owner, reason, since);
    tell(market, "assign", owner->name, owner->epoch, assignment_id, reason);
}

/* end_reason returns why the market's owner loses it, and sets whether it lives. */
static const char *
end_reason(const Pass *pass, const Market *market, bool *lives)
{
    QmInstance owner;

    *lives = false;
    if (!qm_instance_read(market->owner, &owner))
        return "dead";
    if (!owner.alive)
        return owner.state;
    if (owner.epoch != market->epoch)
        return "replaced";
    *lives = true;
    return qm_registry_find(pass->registry, market->owner, market->account, market->symbol) == NULL ? "unregistered"
                                                                                                    : "moved";
}

/* end_assignment ends the owner's interval, and returns when; not before it began, whatever the clock has done since. */
static TimestampTz
end_assignment(const Pass *pass, const Market *market, const char *reason)
{
    static QmQuery query = {"UPDATE quantmesh.assignment SET ended_at = $4, end_reason = $5 "
                            "WHERE account = $1 AND symbol = $2 AND assignment_id = $3 AND ended_at IS NULL",
                            5,
                            {TEXTOID, TEXTOID, INT8OID, TIMESTAMPTZOID, TEXTOID}};
    TimestampTz ended_at = Max(pass->now, market->since);
    Datum values[] = {CStringGetTextDatum(market->account),
                      CStringGetTextDatum(market->symbol),
                      Int64GetDatum(market->assignment_id),
                      TimestampTzGetDatum(ended_at),
                      CStringGetTextDatum(reason)};

    if (qm_query_run(&query, values, NULL) != 1)
        ereport(ERROR,
                (errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
                 errmsg("market \"%s\" of account \"%s\" was assigned meanwhile", market->symbol, market->account)));
    return ended_at;
}

/* begin_assignment begins the new owner's interval, and returns its id. */
static int64
begin_assignment(const Market *market, const QmCandidate *owner, const char *reason, TimestampTz since)
{
    static QmQuery query = {"INSERT INTO quantmesh.assignment (account, symbol, assignment_id, instance, epoch, "
                            "reason, since) VALUES ($1, $2, $3, $4, $5, $6, $7)",
                            7,
                            {TEXTOID, TEXTOID, INT8OID, TEXTOID, INT8OID, TEXTOID, TIMESTAMPTZOID}};
    int64 assignment_id = qm_fence_draw();
    Datum values[] = {CStringGetTextDatum(market->account),
                      CStringGetTextDatum(market->symbol),
                      Int64GetDatum(assignment_id),
                      CStringGetTextDatum(owner->name),
                      Int64GetDatum(owner->epoch),
                      CStringGetTextDatum(reason),
                      TimestampTzGetDatum(since)};

    (void) qm_query_run(&query, values, NULL);
    return assignment_id;
}

/*
 * withdraw_tasks ends what has been overtaken: that anybody is to begin with the
 * market, and that its new owner is to stop. Others that are to stop are told on.
 */
static void
withdraw_tasks(const Market *market, const char *owner)
{
    static QmQuery query =
        {"WITH overtaken AS (SELECT t.account, t.task_id FROM quantmesh.task AS t "
         "WHERE t.finished_at IS NULL AND t.account = $1 AND t.symbol = $2 "
         "AND (t.kind = 'assign' OR t.kind = 'unassign' AND t.addressee = $3) FOR NO KEY UPDATE SKIP LOCKED) "
         "UPDATE quantmesh.task AS t SET state = 'withdrawn', finished_at = pg_catalog.clock_timestamp() "
         "FROM overtaken AS o WHERE t.account = o.account AND t.task_id = o.task_id",
         3,
         {TEXTOID, TEXTOID, TEXTOID}};
    Datum values[] = {CStringGetTextDatum(market->account),
                      CStringGetTextDatum(market->symbol),
                      CStringGetTextDatum(owner)};

    (void) qm_query_run(&query, values, NULL);
}

/*
 * tell makes a task for one instance. The assignment is its subject: so it is in
 * nobody's way, and waits for nobody who is about to answer an earlier one.
 */
static void
tell(const Market *market, const char *kind, const char *instance, int64 epoch, int64 assignment_id, const char *reason)
{
    const char *const pairs[][2] = {{"reason", reason}, {"mode", market->exclusive ? "exclusive" : "shared"}};
    QmTask task = {.account = market->account,
                   .symbol = market->symbol,
                   .kind = kind,
                   .subject = psprintf(INT64_FORMAT, assignment_id),
                   .addressee = instance,
                   .epoch = epoch,
                   .detail = qm_jsonb_object(lengthof(pairs), pairs)};

    qm_task_add(&task);
}
