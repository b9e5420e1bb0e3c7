/*
 * Budgets that all instances of an account share through PostgreSQL: chunks that
 * were taken, and what is known of their windows.
 *
 * A window's end is reckoned from when the question was sent, and a thousandth
 * early in case the two clocks do not run alike: a chunk is never used in a window
 * that it was not taken from. Moments are of a clock that only grows.
 */
#include "budget_shared.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "client.h"
#include "decode.h"
#include "error.h"
#include "moment.h"

#define FRESH_NS QM_NS_PER_S   /* a chunk is used for so long without hearing from the database */
#define PAUSE_MS INT64_C(1000) /* after a failure the database is left alone for so long */
#define DRIFT 1000             /* windows end so small a part earlier for us */
#define SKEW_NS QM_NS_PER_S    /* counts of so young a window may be of the exchange's window before */
#define NOTE_SHARE 16 /* the database is told a count that is ahead of its own by so small a part of the limit */
#define ASKS_MAX 3    /* a window that ends while we ask is asked for again, so often in all */
#define BLOCK_MAX_MS (7 * QM_DAY_MS) /* what the database takes */
#define LIMIT_MAX INT64_C(1000000000)

/* One limit, in the window that the database has told us of. */
typedef struct Window
{
    int64_t chunk;    /* taken, and not used yet */
    int64_t start_ns; /* not later than this */
    int64_t end_ns;   /* not earlier than this; 0: nothing is known */
    int64_t used;     /* what the database counted last */
    int64_t allowed;
    int64_t reported;       /* by the exchange, in this window; 0: nothing yet */
    int64_t counted;        /* where it has reported: what it will have counted with what was let through here since */
    int64_t limit;          /* that the exchange has told us; 0: none */
    bool limit_is_news;     /* the database does not know it yet */
    int64_t spent_until_ns; /* the exchange has said that nothing is left of it until then */
} Window;

/* A refusal that need not be asked for again. */
typedef struct Refusal
{
    int need[QM_BUDGET_KINDS];
    int64_t wait_until_ns;
    int64_t until_ns; /* it counts so long */
} Refusal;

typedef struct SharedBudget
{
    QmBudget base;
    QmClient *client;
    char *account;
    char *address;
    Window windows[QM_BUDGET_KINDS];
    Refusal refusals[2];      /* of requests that are not urgent, and of those that are */
    int64_t heard_ns;         /* what the database said last was true then; 0: ask before a chunk is used */
    int64_t gone_until_ns;    /* the database is not asked before */
    int64_t blocked_until_ns; /* that the exchange has told us */
    bool block_is_news;
    QmBudgetSharedStats stats;
    QmError error;
} SharedBudget;

static int64_t shared_reserve(QmBudget *budget, const int need[QM_BUDGET_KINDS], bool urgent, int64_t now_us);
static void shared_used(QmBudget *budget, QmBudgetKind kind, int64_t used, int64_t now_us);
static void shared_limit(QmBudget *budget, QmBudgetKind kind, int64_t limit);
static void shared_block(QmBudget *budget, int64_t until_us);
static void shared_spent(QmBudget *budget, QmBudgetKind kind, int64_t until_us);
static void shared_free(QmBudget *budget);

static const QmBudgetFunctions shared_functions =
    {shared_reserve, shared_used, shared_limit, shared_block, shared_spent, shared_free};

static const char *const kind_names[QM_BUDGET_KINDS] = {"weight", "orders_10s", "orders_day"};

/*
 * What is counted does not wait for the disk: an order would wait with it. A crash takes what was counted in the last
 * moments, of at most three times wal_writer_delay. Until the window ends each process goes on by what the exchange
 * tells it, and tells the others where that is well ahead of the database.
 */
#define WITHOUT_WAITING "pg_catalog.set_config('synchronous_commit', 'off', true)"

/* If it is taken twice because its answer was lost, the first chunk comes back with the window. */
static const QmStatement take_statement =
    {.name = "quantmesh.take_budget",
     .sql = "SELECT kind, taken, wait_ms, window_left_ms, window_age_ms, used, allowed"
            " FROM quantmesh.take_budget($1, $2::integer, $3::integer, $4::integer, $5::boolean, true, "
            "$6), " WITHOUT_WAITING,
     .parameters = 6,
     .repeat = QM_REPEAT_ALWAYS,
     .often = true};

static const QmStatement note_statement = {.name = "quantmesh.note_budget",
                                           .sql = "SELECT quantmesh.note_budget($1, $2, $3::bigint), " WITHOUT_WAITING,
                                           .parameters = 3,
                                           .repeat = QM_REPEAT_ALWAYS,
                                           .often = true};

static const QmStatement block_statement = {.name = "quantmesh.block_budget",
                                            .sql = "SELECT quantmesh.block_budget($1, $2::interval)",
                                            .parameters = 2,
                                            .repeat = QM_REPEAT_ALWAYS};

static const QmStatement limit_statement = {.name = "quantmesh.set_budget_limit",
                                            .sql = "SELECT quantmesh.set_budget_limit($1, $2, $3::bigint)",
                                            .parameters = 3,
                                            .repeat = QM_REPEAT_ALWAYS};

/* qm_budget_shared returns a budget that asks the database when it is first used; NULL without memory. */
QmBudget *
qm_budget_shared(const QmBudgetSharedOptions *options)
{
    SharedBudget *shared = calloc(1, sizeof(*shared));

    if (shared == NULL)
        return NULL;
    shared->base.functions = &shared_functions;
    shared->client = options->client;
    shared->account = strdup(options->account);
    shared->address = strdup(options->address == NULL ? options->account : options->address);
    if (shared->account != NULL && shared->address != NULL)
        return &shared->base;
    shared_free(&shared->base);
    return NULL;
}

static void
shared_free(QmBudget *budget)
{
    SharedBudget *shared = (SharedBudget *) budget;

    free(shared->account);
    free(shared->address);
    free(shared);
}

/* qm_budget_shared_error returns why the database could not be asked the last time; its code is QM_OK when it could. */
const QmError *
qm_budget_shared_error(const QmBudget *budget)
{
    return &((const SharedBudget *) budget)->error;
}

/* qm_budget_shared_stats returns what the budget has done. */
QmBudgetSharedStats
qm_budget_shared_stats(const QmBudget *budget)
{
    return ((const SharedBudget *) budget)->stats;
}

/* grown_ns returns nanoseconds on a clock that only grows, also while the machine sleeps. */
static int64_t
grown_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_BOOTTIME, &now);
    return (int64_t) now.tv_sec * QM_NS_PER_S + now.tv_nsec;
}

/* milliseconds rounds up, so that who waits so long does not come too early. */
static int64_t
milliseconds(int64_t ns)
{
    return ns / QM_NS_PER_MS + 1;
}

/* name_of returns under whose name a limit is counted. */
static const char *
name_of(const SharedBudget *shared, QmBudgetKind kind)
{
    return kind == QM_BUDGET_WEIGHT ? shared->address : shared->account;
}

/* call asks the database; false, and a pause begins, when it does not answer as it should. */
static bool
call(SharedBudget *shared, const QmStatement *statement, const char *const *values, PGresult **result)
{
    QmCode code = qm_call(shared->client, statement, values, 0, result, NULL);

    shared->stats.round_trips++;
    if (code == QM_OK)
    {
        qm_error_clear(&shared->error);
        return true;
    }
    shared->stats.failures++;
    shared->error = *qm_client_error(shared->client);
    shared->gone_until_ns = grown_ns() + PAUSE_MS * QM_NS_PER_MS;
    PQclear(*result);
    *result = NULL;
    return false;
}

/* expire forgets what belongs to windows that are over. */
static void
expire(SharedBudget *shared, int64_t now_ns)
{
    for (int i = 0; i < QM_BUDGET_KINDS; i++)
    {
        Window *window = &shared->windows[i];

        if (window->end_ns <= now_ns)
            window->chunk = window->reported = window->counted = window->end_ns = 0;
    }
}

/* clip gives up what would go beyond the limit by what the exchange has counted: others use it, too. */
static void
clip(Window *window)
{
    int64_t left = window->counted < window->allowed ? window->allowed - window->counted : 0;

    if (window->chunk > left)
        window->chunk = left;
}

/* covered says whether the chunks that are there are enough. */
static bool
covered(const SharedBudget *shared, const int need[QM_BUDGET_KINDS])
{
    for (int i = 0; i < QM_BUDGET_KINDS; i++)
        if (need[i] > shared->windows[i].chunk)
            return false;
    return true;
}

/* counted_wait returns how long a request has to wait because the exchange itself has counted too much; 0: it need not. */
static int64_t
counted_wait(const SharedBudget *shared, const int need[QM_BUDGET_KINDS], int64_t now_ns)
{
    for (int i = 0; i < QM_BUDGET_KINDS; i++)
    {
        const Window *window = &shared->windows[i];

        if (window->end_ns > now_ns && need[i] > 0 && window->counted + need[i] > window->allowed)
            return milliseconds(window->end_ns - now_ns);
    }
    return 0;
}

/* spent_wait returns how long a request has to wait because the exchange says that a limit is used up; 0: it need not. */
static int64_t
spent_wait(const SharedBudget *shared, const int need[QM_BUDGET_KINDS], int64_t now_ns)
{
    for (int i = 0; i < QM_BUDGET_KINDS; i++)
        if (need[i] > 0 && shared->windows[i].spent_until_ns > now_ns)
            return milliseconds(shared->windows[i].spent_until_ns - now_ns);
    return 0;
}

/* tell_news tells the database what the exchange has told us; false when it cannot be told now. */
static bool
tell_news(SharedBudget *shared)
{
    PGresult *result;

    if (shared->block_is_news)
    {
        int64_t left_ns = shared->blocked_until_ns - grown_ns();
        int64_t left_ms = left_ns > 0 ? milliseconds(left_ns) : 0;
        char hold[QM_NUMBER_TEXT + 3];
        const char *const values[] = {shared->address,
                                      qm_value_interval(hold, left_ms < BLOCK_MAX_MS ? left_ms : BLOCK_MAX_MS)};

        if (!call(shared, &block_statement, values, &result))
            return false;
        PQclear(result);
        shared->block_is_news = false;
    }
    for (int i = 0; i < QM_BUDGET_KINDS; i++)
    {
        Window *window = &shared->windows[i];
        char limit[QM_NUMBER_TEXT];
        const char *const values[] = {name_of(shared, (QmBudgetKind) i),
                                      kind_names[i],
                                      qm_value_int64(limit, window->limit)};

        if (!window->limit_is_news)
            continue;
        if (!call(shared, &limit_statement, values, &result))
            return false;
        PQclear(result);
        window->limit_is_news = false;
    }
    return true;
}

/* take_row adds what was taken of one limit. sent_ns: when it was asked for. */
static void
take_row(Window *window, const PGresult *result, int row, int64_t sent_ns, int64_t now_ns)
{
    int64_t left_ns = qm_column_int64(result, row, 3) * QM_NS_PER_MS;
    int64_t end_ns = sent_ns + left_ns - left_ns / DRIFT;

    /* If the window that we know is not over, it is the same: both reckonings are early, the later one is nearer. */
    if (end_ns > window->end_ns)
        window->end_ns = end_ns;
    window->start_ns = now_ns - qm_column_int64(result, row, 4) * QM_NS_PER_MS;
    window->chunk += qm_column_int64(result, row, 1);
    window->used = qm_column_int64(result, row, 5);
    window->allowed = qm_column_int64(result, row, 6);
    clip(window);
}

/* ask takes what the chunks lack, with chunks for the next requests: 0, after how many ms to ask again, or -1 if it failed. */
static int64_t
ask(SharedBudget *shared, const int need[QM_BUDGET_KINDS], bool urgent)
{
    char lacks[QM_BUDGET_KINDS][QM_NUMBER_TEXT];
    const char *values[] = {shared->account, NULL, NULL, NULL, qm_value_bool(urgent), shared->address};
    int64_t sent_ns = grown_ns();
    int64_t wait_ms = 0;
    int64_t now_ns;
    PGresult *result;

    for (int i = 0; i < QM_BUDGET_KINDS; i++)
    {
        int64_t lack = need[i] - shared->windows[i].chunk;

        values[1 + i] = qm_value_int64(lacks[i], lack > 0 ? lack : 0);
    }
    if (!call(shared, &take_statement, values, &result))
        return -1;
    now_ns = grown_ns();
    expire(shared, now_ns);
    for (int row = 0; row < PQntuples(result); row++)
    {
        int kind = qm_column_word(result, row, 0, kind_names, QM_BUDGET_KINDS);
        int64_t row_wait_ms = qm_column_int64(result, row, 2);

        if (kind >= 0)
            take_row(&shared->windows[kind], result, row, sent_ns, now_ns);
        if (row_wait_ms > wait_ms)
            wait_ms = row_wait_ms;
    }
    PQclear(result);
    expire(shared, now_ns);
    /* After a refusal, which may be a block, the rest of a chunk is used only when the database has been asked about it. */
    shared->heard_ns = wait_ms == 0 ? sent_ns : 0;
    return wait_ms;
}

/* refusal_wait returns how long a request has to wait that needs no less than one that was refused lately; 0: ask. */
static int64_t
refusal_wait(const Refusal *refusal, const int need[QM_BUDGET_KINDS], int64_t now_ns)
{
    if (refusal->until_ns <= now_ns)
        return 0;
    for (int i = 0; i < QM_BUDGET_KINDS; i++)
        if (need[i] < refusal->need[i])
            return 0;
    return milliseconds(refusal->wait_until_ns - now_ns);
}

/* refuse remembers a refusal for a while: a block may come or a limit be raised meanwhile. */
static int64_t
refuse(Refusal *refusal, const int need[QM_BUDGET_KINDS], int64_t wait_ms)
{
    int64_t now_ns = grown_ns();
    int64_t wait_ns = wait_ms * QM_NS_PER_MS;

    memcpy(refusal->need, need, sizeof(refusal->need));
    refusal->wait_until_ns = now_ns + wait_ns;
    refusal->until_ns = now_ns + (wait_ns < FRESH_NS ? wait_ns : FRESH_NS);
    return wait_ms;
}

/* reserve takes what a request needs from the chunks, which are filled up where they lack it: 0, or how long to wait. */
static int64_t
reserve(SharedBudget *shared, const int need[QM_BUDGET_KINDS], bool urgent)
{
    int64_t now_ns = grown_ns();
    Refusal *refusal = &shared->refusals[urgent];
    int64_t wait_ms;

    if (shared->blocked_until_ns > now_ns)
        return milliseconds(shared->blocked_until_ns - now_ns);
    wait_ms = spent_wait(shared, need, now_ns);
    if (wait_ms > 0)
        return wait_ms;
    expire(shared, now_ns);
    for (int asks = 0; !covered(shared, need) || now_ns - shared->heard_ns >= FRESH_NS; asks++)
    {
        if (shared->gone_until_ns > now_ns)
            return milliseconds(shared->gone_until_ns - now_ns);
        wait_ms = counted_wait(shared, need, now_ns);
        if (wait_ms == 0)
            wait_ms = refusal_wait(refusal, need, now_ns);
        if (wait_ms > 0)
            return wait_ms;
        if (asks == ASKS_MAX || !tell_news(shared))
            return PAUSE_MS;
        wait_ms = ask(shared, need, urgent);
        if (wait_ms < 0)
            return PAUSE_MS;
        if (wait_ms > 0)
            return refuse(refusal, need, wait_ms);
        now_ns = grown_ns();
    }
    for (int i = 0; i < QM_BUDGET_KINDS; i++)
    {
        Window *window = &shared->windows[i];

        window->chunk -= need[i];
        if (window->reported > 0)
            window->counted += need[i];
    }
    return 0;
}

static int64_t
shared_reserve(QmBudget *budget, const int need[QM_BUDGET_KINDS], bool urgent, int64_t now_us)
{
    SharedBudget *shared = (SharedBudget *) budget;
    int64_t wait_ms = reserve(shared, need, urgent);

    (void) now_us; /* windows are those of the server's clock */
    if (wait_ms == 0)
        shared->stats.reserved++;
    else
        shared->stats.refused++;
    return wait_ms;
}

/* shared_used takes the exchange's count: for this process at once, for the others where it is well ahead of what they know. */
static void
shared_used(QmBudget *budget, QmBudgetKind kind, int64_t used, int64_t now_us)
{
    SharedBudget *shared = (SharedBudget *) budget;
    Window *window = &shared->windows[kind];
    int64_t now_ns = grown_ns();
    char text[QM_NUMBER_TEXT];
    const char *const values[] = {name_of(shared, kind), kind_names[kind], qm_value_int64(text, used)};
    PGresult *result;

    (void) now_us;
    expire(shared, now_ns);
    if (window->end_ns == 0 || now_ns - window->start_ns < SKEW_NS || used <= window->reported)
        return;
    window->reported = used;
    if (used > window->counted)
        window->counted = used;
    clip(window);
    if (used <= window->used + window->allowed / NOTE_SHARE || shared->gone_until_ns > now_ns ||
        !call(shared, &note_statement, values, &result))
        return;
    window->used = qm_column_int64(result, 0, 0);
    PQclear(result);
    /* If that is now the exchange's count, it does not have our chunk in it, which would come on top. */
    if (window->used == used)
        window->chunk = 0;
}

static void
shared_limit(QmBudget *budget, QmBudgetKind kind, int64_t limit)
{
    SharedBudget *shared = (SharedBudget *) budget;
    Window *window = &shared->windows[kind];

    if (limit > LIMIT_MAX)
        limit = LIMIT_MAX;
    if (limit <= 0 || limit == window->limit)
        return;
    window->limit = limit;
    window->limit_is_news = true;
    if (shared->gone_until_ns <= grown_ns())
        (void) tell_news(shared);
}

/* grown_of returns a moment of the wall clock on the clock that only grows. */
static int64_t
grown_of(int64_t wall_us, int64_t now_ns)
{
    struct timespec wall;

    clock_gettime(CLOCK_REALTIME, &wall);
    return now_ns + wall_us * 1000 - ((int64_t) wall.tv_sec * QM_NS_PER_S + wall.tv_nsec);
}

static void
shared_block(QmBudget *budget, int64_t until_us)
{
    SharedBudget *shared = (SharedBudget *) budget;
    int64_t now_ns = grown_ns();
    int64_t until_ns = grown_of(until_us, now_ns);

    if (until_ns <= shared->blocked_until_ns)
        return;
    shared->blocked_until_ns = until_ns;
    shared->block_is_news = true;
    if (shared->gone_until_ns <= now_ns)
        (void) tell_news(shared);
}

/*
 * shared_spent closes a limit for this process at once, and for the others by noting
 * its whole allowance as used. They are not told where the window that the database
 * counts in goes on beyond what the exchange has said: that is the next one, of which
 * nothing is used, and for the orders of a day it would be lost.
 */
static void
shared_spent(QmBudget *budget, QmBudgetKind kind, int64_t until_us)
{
    SharedBudget *shared = (SharedBudget *) budget;
    Window *window = &shared->windows[kind];
    int64_t now_ns = grown_ns();
    int64_t until_ns = grown_of(until_us, now_ns);
    char text[QM_NUMBER_TEXT];
    const char *const values[] = {name_of(shared, kind), kind_names[kind], qm_value_int64(text, window->allowed)};
    PGresult *result;

    expire(shared, now_ns);
    if (until_ns > window->spent_until_ns)
        window->spent_until_ns = until_ns;
    if (window->end_ns == 0 || window->end_ns > until_ns + SKEW_NS || shared->gone_until_ns > now_ns ||
        !call(shared, &note_statement, values, &result))
        return;
    window->used = qm_column_int64(result, 0, 0);
    window->chunk = 0;
    PQclear(result);
}
