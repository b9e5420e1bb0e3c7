/*
 * Limitstress: those who watch. The checker measures all markets in one
 * snapshot, again and again; the halter stops markets, and counts orders.
 */
#include "limitstress.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum
{
    CHECK_US = 3000,
    HALT_US = 20000,
    WHOLE_ACCOUNTS = 3
};

const char qf_limit_measure_sql[] =
    "WITH o AS (SELECT account, symbol, count(*) FILTER (WHERE live) AS orders,"
    "  sum(pending) FILTER (WHERE side = 'buy') AS buys, sum(pending) FILTER (WHERE side = 'sell') AS sells,"
    "  sum(pending * price) FILTER (WHERE live) AS notional FROM (SELECT account, symbol, live, side, price,"
    "   greatest(0, CASE WHEN live THEN quantity ELSE reported_quantity END - filled_quantity - busted_quantity) AS "
    "pending"
    "   FROM quantmesh.orders WHERE live OR exposed) AS exposed GROUP BY 1, 2),"
    " p AS (SELECT account, symbol, sum(quantity) AS position FROM quantmesh.position GROUP BY 1, 2),"
    " d AS (SELECT account, symbol, count(*) AS differ FROM (" QF_DISAGREEMENT ") AS differ GROUP BY 1, 2)"
    " SELECT account, symbol, coalesce(orders, 0), trim_scale(coalesce(position, 0) + coalesce(buys, 0)),"
    " trim_scale(coalesce(sells, 0) - coalesce(position, 0)), trim_scale(coalesce(notional, 0)),"
    " coalesce(differ, 0) FROM quantmesh.market LEFT JOIN o USING (account, symbol) LEFT JOIN p USING (account, symbol)"
    " LEFT JOIN d USING (account, symbol)";

/* market_find returns the number of a market. */
static int
market_find(const char *account, const char *symbol)
{
    for (int i = 0; i < LIMIT_MARKETS; i++)
        if (strcmp(qf_limit_markets[i].account, account) == 0 && strcmp(qf_limit_markets[i].symbol, symbol) == 0)
            return i;
    fprintf(stderr, "limitstress: what is market %s %s?\n", account, symbol);
    exit(2);
}

/* qf_limit_measure reads what qf_limit_measure_sql answers. */
void
qf_limit_measure(const PGresult *result, LimitMeasure measures[LIMIT_MARKETS])
{
    memset(measures, 0, LIMIT_MARKETS * sizeof(*measures));
    if (PQntuples(result) != LIMIT_MARKETS)
    {
        fprintf(stderr, "limitstress: %d markets\n", PQntuples(result));
        exit(2);
    }
    for (int i = 0; i < PQntuples(result); i++)
    {
        LimitMeasure *m = &measures[market_find(PQgetvalue(result, i, 0), PQgetvalue(result, i, 1))];

        m->orders = strtol(PQgetvalue(result, i, 2), NULL, 10);
        m->differ = strtol(PQgetvalue(result, i, 6), NULL, 10);
        if (!qf_units(PQgetvalue(result, i, 3), &m->longest) || !qf_units(PQgetvalue(result, i, 4), &m->shortest) ||
            !qf_units(PQgetvalue(result, i, 5), &m->notional))
        {
            fprintf(stderr, "limitstress: a quantity is no number\n");
            exit(2);
        }
    }
}

/* qf_limit_whole sums up the markets of an account. */
void
qf_limit_whole(const LimitMeasure *measures, const char *account, LimitMeasure *whole)
{
    memset(whole, 0, sizeof(*whole));
    for (int i = 0; i < LIMIT_MARKETS; i++)
    {
        if (strcmp(qf_limit_markets[i].account, account) != 0)
            continue;
        whole->orders += measures[i].orders;
        whole->notional += measures[i].notional;
    }
}

/* one_judge holds one market or account against its limits. */
static void
one_judge(const LimitMarket *market, const BookLimits *limits, const LimitMeasure *measure, const char *who)
{
    char text[32];

    if (limits->orders > 0 && measure->orders > limits->orders)
        qf_limit_violation(LIMIT_ORDERS,
                           "%s %s: %ld, seen by %s",
                           market->account,
                           market->symbol,
                           measure->orders,
                           who);
    if (limits->position > 0 && measure->longest > limits->position)
        qf_limit_violation(LIMIT_POSITION,
                           "%s %s: long %s, seen by %s",
                           market->account,
                           market->symbol,
                           qf_units_text(text, measure->longest),
                           who);
    if (limits->position > 0 && measure->shortest > limits->position)
        qf_limit_violation(LIMIT_POSITION,
                           "%s %s: short %s, seen by %s",
                           market->account,
                           market->symbol,
                           qf_units_text(text, measure->shortest),
                           who);
    if (limits->notional > 0 && measure->notional > limits->notional)
        qf_limit_violation(LIMIT_NOTIONAL,
                           "%s %s: %s, seen by %s",
                           market->account,
                           market->symbol,
                           qf_units_text(text, measure->notional),
                           who);
}

/* qf_limit_judge holds a measurement against all limits. */
void
qf_limit_judge(const LimitMeasure measures[LIMIT_MARKETS], const char *who)
{
    for (int i = 0; i < LIMIT_MARKETS; i++)
    {
        const LimitMarket *market = &qf_limit_markets[i];
        LimitMeasure whole;

        one_judge(market, &market->limits, &measures[i], who);
        if (measures[i].differ > 0)
            qf_limit_violation(LIMIT_LIVE,
                               "%s %s: %ld, seen by %s",
                               market->account,
                               market->symbol,
                               measures[i].differ,
                               who);
        qf_limit_whole(measures, market->account, &whole);
        one_judge(market, &market->whole, &whole, who);
    }
}

/* qf_limit_checker_main is the checker's thread. */
void *
qf_limit_checker_main(void *argument)
{
    LimitWatch *watch = argument;
    LimitMeasure measures[LIMIT_MARKETS];

    qf_caller_connect(&watch->checker);
    while (!atomic_load(&qf_limit_stop))
    {
        PGresult *result = qf_caller_insist(&watch->checker, qf_limit_measure_sql, 0, NULL);

        if (result == NULL)
        {
            qf_caller_lie(&watch->checker, "%s", PQerrorMessage(watch->checker.link.conn));
            break;
        }
        qf_limit_measure(result, measures);
        qf_limit_judge(measures, "the checker");
        watch->measured++;
        PQclear(result);
        usleep(CHECK_US);
    }
    qf_link_close(&watch->checker.link);
    return NULL;
}

/*
 * qf_limit_halt halts what it is told to, sees that no order is recorded or
 * submitted there from then on, and lets it go on. between is called in the midst (NULL: time
 * passes). False when a call was refused.
 */
bool
qf_limit_halt(Caller *caller, LimitHalt *halt, void (*between)(Caller *caller))
{
    static const char halt_sql[] = "SELECT count(*) FROM quantmesh.halt($1, $2, reason => 'stress')";
    static const char resume_sql[] = "SELECT FROM quantmesh.resume($1, $2)";
    static const char count_sql[] = "SELECT count(*) + count(submitted_at) FROM quantmesh.orders"
                                    " WHERE ($1 = '*' OR account = $1) AND ($2::text IS NULL OR symbol = $2)";
    const char *const values[] = {halt->account, halt->symbol};
    int64_t before, after;
    PGresult *result;

    if (qf_caller_insist_number(caller, halt_sql, 2, values) <= 0)
        return false;
    halt->from_ns = qf_now_ns();
    before = qf_caller_insist_number(caller, count_sql, 2, values);
    if (between != NULL)
        between(caller);
    else
        usleep(HALT_US);
    after = qf_caller_insist_number(caller, count_sql, 2, values);
    if (before != after)
        qf_limit_violation(LIMIT_HALT,
                           "%s %s: %" PRId64 " placed or submitted when halt returned, %" PRId64 " a moment later",
                           halt->account,
                           halt->symbol == NULL ? "" : halt->symbol,
                           before,
                           after);
    halt->until_ns = qf_now_ns();
    result = qf_caller_insist(caller, resume_sql, 2, values);
    if (result == NULL)
    {
        qf_caller_count_state(caller);
        qf_caller_lie(caller, "resume: %s", PQerrorMessage(caller->link.conn));
    }
    PQclear(result);
    return result != NULL;
}

/* qf_limit_halter_main is the halter's thread: markets, accounts and everything, in turn by chance. */
void *
qf_limit_halter_main(void *argument)
{
    static const char *const accounts[WHOLE_ACCOUNTS] = {"limit", "limit/whole", "*"};
    LimitWatch *watch = argument;
    Caller *caller = &watch->halter;

    if (qf_limit_options.halt_every_ms == 0)
        return NULL;
    qf_caller_connect(caller);
    while (!atomic_load(&qf_limit_stop) && watch->halt_count < LIMIT_HALTS_MAX)
    {
        LimitHalt *halt = &watch->halts[watch->halt_count];
        long chosen = qf_caller_random(caller, LIMIT_MARKETS + WHOLE_ACCOUNTS);

        halt->account = chosen < LIMIT_MARKETS ? qf_limit_markets[chosen].account : accounts[chosen - LIMIT_MARKETS];
        halt->symbol = chosen < LIMIT_MARKETS ? qf_limit_markets[chosen].symbol : NULL;
        if (!qf_limit_halt(caller, halt, NULL))
            break;
        watch->halt_count++;
        usleep((useconds_t) qf_caller_random(caller, 2 * qf_limit_options.halt_every_ms * 1000L));
    }
    qf_link_close(&caller->link);
    return NULL;
}

/* placement_judge sees that a placement was not wholly within a time in which its market was halted. */
static void
placement_judge(const LimitWatch *watch, const LimitPlacement *placement)
{
    const LimitMarket *market = &qf_limit_markets[placement->market];

    for (int i = 0; i < watch->halt_count; i++)
    {
        const LimitHalt *halt = &watch->halts[i];

        if (placement->sent_ns >= halt->from_ns && placement->answered_ns <= halt->until_ns &&
            (strcmp(halt->account, "*") == 0 || strcmp(halt->account, market->account) == 0) &&
            (halt->symbol == NULL || strcmp(halt->symbol, market->symbol) == 0))
            qf_limit_violation(LIMIT_HALT, "%s %s: placed while halted", market->account, market->symbol);
    }
}

/* qf_limit_placements holds what the clients placed against the halts. */
void
qf_limit_placements(const LimitWatch *watch)
{
    for (int i = 0; i < qf_limit_options.clients; i++)
        for (size_t j = 0; j < qf_limit_clients[i].placement_count; j++)
            placement_judge(watch, &qf_limit_clients[i].placements[j]);
}
