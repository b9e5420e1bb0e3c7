/*
 * Limitstress tried on planted faults, after a run that was good: rows that no
 * limit knows of, room that somebody sits on, an order behind a halt's back.
 */
#include "limitstress.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum
{
    NOTHING = -1
};

#define ROWS_MAKE(market, quantity, count)                                                                            \
    "WITH made AS (INSERT INTO quantmesh.orders (account, order_id, symbol, side, order_type, time_in_force, price, " \
    "quantity,"                                                                                                       \
    " post_only, reduce_only, strategy, owner, client_order_id, state, live, holds_slot, exposed, created_at,"        \
    " updated_at) SELECT 'limit', i, '" market "', 'buy', 'limit', 'gtc', 100, " quantity ", false, false, '', 'x',"  \
    " 'q0000plant' || i, 'submitted', true, false, true, now(), now() FROM generate_series(1, " count                 \
    ") AS i RETURNING *)"                                                                                             \
    " INSERT INTO quantmesh.live_order SELECT account, order_id, symbol, side, price, '#' || order_id FROM made"
#define ROWS_UNMAKE                                                         \
    "WITH gone AS (DELETE FROM quantmesh.live_order WHERE order_id < 1000)" \
    " DELETE FROM quantmesh.orders WHERE order_id < 1000"
#define LIVE_MAKE                                                                                        \
    "INSERT INTO quantmesh.live_order SELECT account, 1, symbol, 'buy', 100, '#1' FROM quantmesh.market" \
    " WHERE account = 'limit' AND symbol = 'OPENUSDT'"

/* Rows that are written behind the back of the limits. */
typedef struct Plant
{
    const char *name;
    const char *make;
    LimitRule rule; /* that measuring must find broken */
    int book;       /* that the journal must find broken, or NOTHING */
} Plant;

static const Plant plants[] = {
    {"eleven live orders", ROWS_MAKE("OPENUSDT", "0.001", "11"), LIMIT_ORDERS, BOOK_ORDERS},
    {"a long position", ROWS_MAKE("POSUSDT", "3", "1"), LIMIT_POSITION, BOOK_POSITION},
    {"much money", ROWS_MAKE("NOTUSDT", "11", "1"), LIMIT_NOTIONAL, BOOK_NOTIONAL},
    {"an order more than the counters know of", ROWS_MAKE("OPENUSDT", "0.001", "1"), LIMIT_OVER, NOTHING},
    {"a quantity that the counters do not know of", ROWS_MAKE("POSUSDT", "0.005", "1"), LIMIT_OVER, NOTHING},
    {"a row of no order", LIVE_MAKE, LIMIT_LIVE, NOTHING},
    {"money that the counters do not know of", ROWS_MAKE("NOTUSDT", "0.001", "1"), LIMIT_OVER, NOTHING},
};

/* judge says whether the rule was found broken, and prints the name of what was judged wrongly. */
static int
judge(const char *name, bool good)
{
    qf_limit_forget(true);
    if (!good)
        printf("not ok - %s\n", name);
    return good ? 0 : 1;
}

/* plant_check says whether rows that nobody was asked for are found; returns how many were judged wrongly. */
static int
plant_check(Caller *caller, Link *admin, Book *book, const Plant *plant)
{
    bool good;

    memset(book->found, 0, sizeof(book->found));
    good = qf_link_command(admin, plant->make, 0, NULL) && qf_limit_probe(caller, false) &&
           qf_link_command(admin, ROWS_UNMAKE, 0, NULL) && qf_book_read(book, admin);
    good = good && qf_limit_found(plant->rule) > 0 && (plant->book == NOTHING || book->found[plant->book] > 0);
    return judge(plant->name, good);
}

/* sit_check has somebody sit on room in a transaction that does not end: it looks like room that was lost. */
static int
sit_check(Caller *caller, Link *admin)
{
    static const char *const symbols[] = {"OPENUSDT", "POSUSDT", "NOTUSDT"};
    bool good = true;

    for (int i = 0; i < 3; i++)
    {
        const char *const values[] = {symbols[i]};

        good = good && qf_link_command(admin, "BEGIN", 0, NULL) &&
               qf_link_number(admin,
                              "SELECT outcome = 'placed' FROM quantmesh.place_order('limit', $1, 'buy', 100, 0.001,"
                              " slot => '')",
                              1,
                              values) == 1 &&
               qf_limit_probe(caller, false) && qf_limit_found(LIMIT_STUCK) > 0;
        good = qf_link_command(admin, "ROLLBACK", 0, NULL) && good;
        qf_limit_forget(true);
    }
    return judge("room that was lost", good);
}

/* row_sneak records an order while its market is halted. */
static void
row_sneak(Caller *caller)
{
    qf_link_command(&caller->link, ROWS_MAKE("OPENUSDT", "0.001", "1"), 0, NULL);
}

/* halt_check has an order recorded while everything is halted. */
static int
halt_check(Caller *caller, Link *admin, Book *book)
{
    LimitHalt halt = {.account = "*"};
    bool good;

    memset(book->found, 0, sizeof(book->found));
    good = qf_limit_halt(caller, &halt, row_sneak) && qf_link_command(admin, ROWS_UNMAKE, 0, NULL) &&
           qf_book_read(book, admin) && qf_limit_found(LIMIT_HALT) > 0 && book->found[BOOK_HALTED] > 0;
    return judge("an order recorded while halted", good);
}

/* notes_check falsifies the clients' notes: more orders in a second than may be, and one in the midst of a halt. */
static int
notes_check(void)
{
    static LimitWatch watch = {.halts = {{.account = "*", .from_ns = 1, .until_ns = 1000}}, .halt_count = 1};
    LimitClient *client = &qf_limit_clients[0];
    LimitPlacement *kept = client->placements;
    size_t kept_count = client->placement_count;
    int bad = 0;

    client->placements = NULL;
    client->placement_count = 0;
    for (int i = 0; i < 30; i++)
    {
        client->placements = qf_grow(client->placements, client->placement_count, sizeof(*client->placements));
        client->placements[client->placement_count++] =
            (LimitPlacement){.market = 4, .sent_ns = 10 + i, .answered_ns = 20 + i};
    }
    qf_limit_rates(false);
    bad += judge("too many orders in a second", qf_limit_found(LIMIT_RATE) > 0);
    qf_limit_placements(&watch);
    bad += judge("an order placed while halted", qf_limit_found(LIMIT_HALT) > 0);
    free(client->placements);
    client->placements = kept;
    client->placement_count = kept_count;
    return bad;
}

/* qf_limit_selftest tries all plants; returns how many were judged wrongly. */
int
qf_limit_selftest(Caller *caller, Link *admin, Book *book)
{
    int tried = sizeof(plants) / sizeof(plants[0]), bad = 0;
    FILE *file = book->file;
    bool good;

    book->file = NULL;
    qf_limit_forget(true);
    for (int i = 0; i < tried; i++)
        bad += plant_check(caller, admin, book, &plants[i]);
    bad += sit_check(caller, admin);
    bad += halt_check(caller, admin, book);
    bad += notes_check();
    tried += 4;
    good = qf_limit_probe(caller, false) && qf_book_read(book, admin);
    for (int i = 0; i < LIMIT_RULES; i++)
        good = good && qf_limit_found(i) == 0;
    bad += judge("nothing at all", good);
    book->file = file;
    qf_limit_forget(false);
    printf("  selftest: %d planted faults, %d judged wrongly\n", tried, bad);
    return bad;
}
