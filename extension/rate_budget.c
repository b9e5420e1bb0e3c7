/*
 * Rate budgets: rows of quantmesh.rate_budget, and how much may be taken.
 *
 * A row is locked, looked at and written in one short transaction, so that what
 * is given out in a window never exceeds what is allowed, whoever asks. Rows are
 * locked in one order (rate_budget_sql.c), and only for as long as the caller's
 * statement: nobody holds one while a request is under way.
 */
#include "rate_budget.h"

#include "catalog/pg_type.h"
#include "compat.h"
#include "query.h"
#include "query_row.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#define URGENT_SHARE 10 /* one of so many parts is left to cancels and queries */
#define CHUNK_SHARE 128 /* a chunk is so small a part of a limit: 8 idle instances hold back a sixteenth ... */
#define CHUNK_MIN 2
#define CHUNK_MAX 64  /* ... and one that dies loses no more of a day */
#define CHUNK_ROOM 16 /* nor is it more than such a part of what is left, so that the rest is not hoarded */

const char *const qm_budget_kind_names[QM_BUDGET_KINDS] = {"weight", "orders_10s", "orders_day"};

/* What exchanges allow until set_budget_limit has said otherwise: Binance's limits. */
static const int64 default_allowed[QM_BUDGET_KINDS] = {6000, 100, 200000};
static const int64 window_us[QM_BUDGET_KINDS] = {USECS_PER_MINUTE, 10 * USECS_PER_SEC, USECS_PER_DAY};

static bool read_row(QmRateBudget *budget);
static void roll(QmRateBudget *budget);

/* qm_rate_budget_lock locks a row, which it makes at first, and starts a new window when the old one is over. */
void
qm_rate_budget_lock(const char *account, QmBudgetKind kind, QmRateBudget *budget)
{
    static QmQuery insert = {"INSERT INTO quantmesh.rate_budget (account, kind, allowed, window_start, used) "
                             "VALUES ($1, $2, $3, 'epoch', 0) ON CONFLICT DO NOTHING",
                             3,
                             {TEXTOID, TEXTOID, INT8OID}};

    budget->account = account;
    budget->kind = kind;
    if (!read_row(budget))
    {
        Datum values[] = {CStringGetTextDatum(account),
                          CStringGetTextDatum(qm_budget_kind_names[kind]),
                          Int64GetDatum(default_allowed[kind])};

        qm_query_run(&insert, values, NULL);
        if (!read_row(budget))
            elog(ERROR, "rate budget \"%s\" of \"%s\" is missing", qm_budget_kind_names[kind], account);
    }
    roll(budget);
}

/* read_row locks the row and reads it; false when there is none. */
static bool
read_row(QmRateBudget *budget)
{
    static QmQuery query = {"SELECT allowed, window_start, used, reported, blocked_until FROM quantmesh.rate_budget "
                            "WHERE account = $1 AND kind = $2 FOR NO KEY UPDATE",
                            2,
                            {TEXTOID, TEXTOID}};
    Datum key[] = {CStringGetTextDatum(budget->account), CStringGetTextDatum(qm_budget_kind_names[budget->kind])};
    bool none_reported;

    if (qm_query_run(&query, key, NULL) == 0)
        return false;
    budget->allowed = qm_row_int64(0, 0);
    budget->window_start = qm_row_int64(0, 1);
    budget->used = qm_row_int64(0, 2);
    budget->reported = DatumGetInt64(qm_query_value(0, 3, &none_reported));
    if (none_reported)
        budget->reported = -1;
    budget->blocked_until = qm_row_int64(0, 4);
    budget->now = GetCurrentTimestamp(); /* after the wait for the row: its last writer may have seen a later window */
    return true;
}

/*
 * roll starts a new window when the old one is over. A clock that was set back
 * leaves a window in the future, which counts on: otherwise its content could be
 * had twice. One that is further ahead than its own length is of a clock that was
 * quite wrong.
 */
static void
roll(QmRateBudget *budget)
{
    int64 length_us = window_us[budget->kind];
    /* PostgreSQL's epoch is a midnight in UTC, as Unix's is: windows of both begin at the same moments. */
    TimestampTz begins = budget->now - budget->now % length_us;

    if (budget->window_start >= begins && budget->window_start <= begins + length_us)
        return;
    budget->window_start = begins;
    budget->used = 0;
    budget->reported = -1;
}

/* qm_rate_budget_write writes a row that is locked. */
void
qm_rate_budget_write(const QmRateBudget *budget)
{
    static QmQuery update = {"UPDATE quantmesh.rate_budget SET allowed = $3, window_start = $4, used = $5, "
                             "reported = $6, blocked_until = $7 WHERE account = $1 AND kind = $2",
                             7,
                             {TEXTOID, TEXTOID, INT8OID, TIMESTAMPTZOID, INT8OID, INT8OID, TIMESTAMPTZOID}};
    Datum values[] = {CStringGetTextDatum(budget->account),
                      CStringGetTextDatum(qm_budget_kind_names[budget->kind]),
                      Int64GetDatum(budget->allowed),
                      TimestampTzGetDatum(budget->window_start),
                      Int64GetDatum(budget->used),
                      Int64GetDatum(budget->reported),
                      TimestampTzGetDatum(budget->blocked_until)};
    bool nulls[] = {false, false, false, false, false, budget->reported < 0, budget->blocked_until == 0};

    qm_query_run(&update, values, nulls);
}

/* qm_rate_budget_window_end returns when the window of now ends. */
TimestampTz
qm_rate_budget_window_end(const QmRateBudget *budget)
{
    return budget->window_start + window_us[budget->kind];
}

/* usable returns how much of what is allowed this caller may use. */
static int64
usable(const QmRateBudget *budget, bool urgent)
{
    return urgent ? budget->allowed : budget->allowed - budget->allowed / URGENT_SHARE;
}

/* qm_rate_budget_wait_us returns after how long to ask again; 0 when so much can be taken now. */
int64
qm_rate_budget_wait_us(const QmRateBudget *budget, int64 need, bool urgent)
{
    if (budget->blocked_until > budget->now)
        return budget->blocked_until - budget->now;
    if (need > 0 && budget->used + need > usable(budget, urgent))
        return qm_rate_budget_window_end(budget) - budget->now;
    return 0;
}

/*
 * qm_rate_budget_chunk returns how much to take at once where need can be had, at
 * least need. Chunks are never made of the part that is left to urgent requests.
 */
int64
qm_rate_budget_chunk(const QmRateBudget *budget, int64 need)
{
    int64 room = usable(budget, false) - budget->used;
    int64 chunk = Min(Max(budget->allowed / CHUNK_SHARE, CHUNK_MIN), CHUNK_MAX);

    return need == 0 ? 0 : Max(need, Min(chunk, room / CHUNK_ROOM));
}
