/*
 * Orderstress tried on planted faults: each is written into the tables, or into
 * a client's notes, after a run that was good; the checks must find it, and must
 * be content again once it has been taken back.
 */
#include "orderstress.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum
{
    STATEMENTS_MAX = 5,
    NOTHING = -1
};

/* $O is replaced by the chosen live order's id, $E by that of one that has ended. */
typedef struct Plant
{
    const char *name;
    const char *make[STATEMENTS_MAX];
    const char *undo[STATEMENTS_MAX];
    int rule; /* that the tables break, or NOTHING */
    int book; /* that the journal breaks, or NOTHING */
} Plant;

#define COLUMNS_BUT_IDS                                                                                              \
    "symbol, side, order_type, time_in_force, price, quantity, post_only, reduce_only, slot, strategy, owner, live," \
    " holds_slot, exposed, state, created_at, updated_at"
#define TWIN_MAKE                                                                                    \
    "INSERT INTO quantmesh.orders (account, order_id, request_id, client_order_id, " COLUMNS_BUT_IDS \
    ") SELECT account, 1,"                                                                           \
    " split_part(request_id, '#', 1) || '#twin', 'q0000twin', " COLUMNS_BUT_IDS                      \
    " FROM quantmesh.orders WHERE order_id = $O"
#define TWIN_UNMAKE "DELETE FROM quantmesh.orders WHERE order_id = 1"

static const Plant plants[] = {
    {.name = "an order that was lost",
     .make = {"CREATE TABLE fault_kept AS SELECT * FROM quantmesh.orders WHERE order_id = $O",
              "DELETE FROM quantmesh.orders WHERE order_id = $O"},
     .undo = {"INSERT INTO quantmesh.orders SELECT * FROM fault_kept", "DROP TABLE fault_kept"},
     .rule = ORDER_LOST,
     .book = BOOK_REMOVED},
    {.name = "an order that nobody was told of",
     .make = {"UPDATE quantmesh.orders SET request_id = request_id || '9999999' WHERE order_id = $E"},
     .undo = {"UPDATE quantmesh.orders SET request_id = left(request_id, -7) WHERE order_id = $E"},
     .rule = ORDER_GHOST,
     .book = NOTHING},
    {.name = "an order with another client order id",
     .make = {"UPDATE quantmesh.orders SET client_order_id = client_order_id || 'x' WHERE order_id = $O"},
     .undo = {"UPDATE quantmesh.orders SET client_order_id = left(client_order_id, -1) WHERE order_id = $O"},
     .rule = ORDER_DIFFERS,
     .book = NOTHING},
    {.name = "a client order id given twice",
     .make = {"CREATE TABLE fault_kept AS SELECT client_order_id AS was FROM quantmesh.orders WHERE order_id = $O",
              "UPDATE quantmesh.orders SET client_order_id = (SELECT o.client_order_id FROM quantmesh.orders AS o"
              " WHERE o.order_id = $E) WHERE order_id = $O"},
     .undo = {"UPDATE quantmesh.orders SET client_order_id = (SELECT was FROM fault_kept) WHERE order_id = $O",
              "DROP TABLE fault_kept"},
     .rule = ORDER_IDS_REPEAT,
     .book = NOTHING},
    {.name = "an order that ended by itself",
     .make = {"UPDATE quantmesh.orders SET state = 'canceled', live = false, holds_slot = false, exposed = false"
              " WHERE order_id = $O"},
     .undo = {"UPDATE quantmesh.orders SET state = 'submitted', live = true, holds_slot = true, exposed = true"
              " WHERE order_id = $O"},
     .rule = ORDER_LIFE,
     .book = NOTHING},
    {.name = "an order that ended and came back",
     .make = {"UPDATE quantmesh.orders SET state = 'canceled', live = false, holds_slot = false, exposed = false"
              " WHERE order_id = $O",
              "UPDATE quantmesh.orders SET state = 'submitted', live = true, holds_slot = true, exposed = true"
              " WHERE order_id = $O"},
     .rule = NOTHING,
     .book = BOOK_REVIVED},
    {.name = "two live orders in a slot",
     .make = {TWIN_MAKE},
     .undo = {TWIN_UNMAKE},
     .rule = ORDER_TWO_LIVE_NOW,
     .book = BOOK_SLOT_TWICE},
    {.name = "two live orders in a slot for a moment",
     .make = {TWIN_MAKE,
              "UPDATE quantmesh.orders SET state = 'aborted', live = false, holds_slot = false, exposed = false"
              " WHERE order_id = 1",
              TWIN_UNMAKE},
     .rule = NOTHING,
     .book = BOOK_COLUMN_TWICE},
    {.name = "a live order that let its slot go",
     .make = {"BEGIN; UPDATE quantmesh.orders SET holds_slot = false WHERE order_id = $O; " TWIN_MAKE "; COMMIT"},
     .undo = {TWIN_UNMAKE, "UPDATE quantmesh.orders SET holds_slot = true WHERE order_id = $O"},
     .rule = ORDER_TWO_LIVE_NOW,
     .book = BOOK_SLOT_TWICE},
    {.name = "an order that ended later than the next one of its slot began",
     .make = {"UPDATE quantmesh.orders SET ended_at = ended_at + interval '1 day' WHERE ended_at IS NOT NULL"
              " AND state = 'canceled'"},
     .undo = {"UPDATE quantmesh.orders SET ended_at = ended_at - interval '1 day' WHERE ended_at IS NOT NULL"
              " AND state = 'canceled'"},
     .rule = ORDER_TWO_LIVE_TIME,
     .book = NOTHING},
    {.name = "a live order without its row",
     .make = {"CREATE TABLE fault_kept AS SELECT * FROM quantmesh.live_order WHERE order_id = $O",
              "DELETE FROM quantmesh.live_order WHERE order_id = $O"},
     .undo = {"INSERT INTO quantmesh.live_order SELECT * FROM fault_kept", "DROP TABLE fault_kept"},
     .rule = ORDER_LIVE_ROWS,
     .book = NOTHING},
    {.name = "a live order whose row has another slot",
     .make = {"UPDATE quantmesh.live_order SET slot = '#' || order_id WHERE order_id = $O"},
     .undo = {"UPDATE quantmesh.live_order AS l SET slot = o.slot FROM quantmesh.orders AS o"
              " WHERE o.order_id = l.order_id AND l.order_id = $O"},
     .rule = ORDER_LIVE_ROWS,
     .book = NOTHING},
    {.name = "a row of an order that has ended",
     .make = {"INSERT INTO quantmesh.live_order SELECT account, order_id, symbol, side, price, '#' || order_id"
              " FROM quantmesh.orders WHERE order_id = $E"},
     .undo = {"DELETE FROM quantmesh.live_order WHERE order_id = $E"},
     .rule = ORDER_LIVE_ROWS,
     .book = NOTHING},
    {.name = "a missing index",
     .make = {"ALTER INDEX quantmesh.orders_request RENAME TO fault_hidden"},
     .undo = {"ALTER INDEX quantmesh.fault_hidden RENAME TO orders_request"},
     .rule = ORDER_INDEX,
     .book = NOTHING},
    {.name = "a fill that is missing",
     .make = {"CREATE TABLE fault_kept AS SELECT * FROM quantmesh.fill LIMIT 1",
              "DELETE FROM quantmesh.fill USING fault_kept AS k WHERE fill.account = k.account"
              " AND fill.symbol = k.symbol AND fill.trade_id = k.trade_id AND fill.side = k.side"
              " AND fill.kind = k.kind"},
     .undo = {"INSERT INTO quantmesh.fill SELECT * FROM fault_kept", "DROP TABLE fault_kept"},
     .rule = ORDER_POSITION,
     .book = NOTHING},
};

/* statement_run runs one statement about the chosen orders. */
static bool
statement_run(Link *admin, const char *text, const char *live, const char *ended)
{
    char sql[4096];
    size_t used = 0;
    PGresult *result;
    bool good;

    for (const char *c = text; *c != '\0' && used < sizeof(sql) - 32; c++)
    {
        if (c[0] == '$' && (c[1] == 'O' || c[1] == 'E'))
            used += (size_t) snprintf(sql + used, sizeof(sql) - used, "%s", *++c == 'O' ? live : ended);
        else
            sql[used++] = *c;
    }
    sql[used] = '\0';
    result = PQexec(admin->conn, sql);
    good = PQresultStatus(result) == PGRES_COMMAND_OK || PQresultStatus(result) == PGRES_TUPLES_OK;
    if (!good)
        fprintf(stderr, "%s\n%s", sql, PQresultErrorMessage(result));
    PQclear(result);
    return good;
}

/* statements_run runs what makes or undoes a plant. */
static bool
statements_run(Link *admin, const char *const *statements, const char *live, const char *ended)
{
    for (int i = 0; i < STATEMENTS_MAX && statements[i] != NULL; i++)
        if (!statement_run(admin, statements[i], live, ended))
            return false;
    return true;
}

/* order_choose finds the id of an order that was submitted with a slot, and lives or has been canceled. */
static bool
order_choose(Link *admin, const char *state, char *order_id, size_t size)
{
    const char *const values[] = {state};
    int64_t number = qf_link_number(admin,
                                    "SELECT min(order_id) FROM quantmesh.orders WHERE state = $1 AND slot IS NOT NULL",
                                    1,
                                    values);

    snprintf(order_id, size, "%" PRId64, number);
    return number > 0;
}

/* violations_count sums up what the checks have found. */
static long
violations_count(const OrderReport *report, const Book *book)
{
    long total = qf_book_total(book);

    for (int i = 0; i < ORDER_RULES; i++)
        total += report->found[i];
    return total;
}

/* book_forget makes the book as if no rule had been broken yet. */
static void
book_forget(Book *book)
{
    memset(book->found, 0, sizeof(book->found));
    book->file = NULL;
}

/* plant_check says whether a plant is found, and nothing any more once it has been taken back. */
static bool
plant_check(Link *admin, Book *book, const Plant *plant, const char *live, const char *ended)
{
    OrderReport planted = {0}, after = {0};
    bool good;

    book_forget(book);
    good =
        statements_run(admin, plant->make, live, ended) && qf_order_check(admin, &planted) && qf_book_read(book, admin);
    good = good && (plant->rule == NOTHING || planted.found[plant->rule] > 0) &&
           (plant->book == NOTHING || book->found[plant->book] > 0) && violations_count(&planted, book) > 0;
    if (!statements_run(admin, plant->undo, live, ended) || !qf_book_read(book, admin))
        return false;
    book_forget(book);
    good = good && qf_order_check(admin, &after) && violations_count(&after, book) == 0;
    if (!good)
    {
        printf("not ok - %s\n", plant->name);
        for (int i = 0; i < ORDER_RULES; i++)
            if (planted.found[i] + after.found[i] > 0)
                printf("#   %s: %ld, afterwards %ld\n", qf_order_rules[i], planted.found[i], after.found[i]);
    }
    return good;
}

/* placed_find returns a request that was placed, and whose order has ended or not. */
static Request *
placed_find(bool ended)
{
    for (int i = 0; i < qf_order_options.clients; i++)
        for (size_t j = 0; j < qf_order_clients[i].request_count; j++)
        {
            Request *request = &qf_order_clients[i].requests[j];

            if (request->answer == ANSWER_PLACED && (request->ended_ns != 0) == ended)
                return request;
        }
    return NULL;
}

/* answer_find returns a request with that answer. */
static Request *
answer_find(Answer answer)
{
    for (int i = 0; i < qf_order_options.clients; i++)
        for (size_t j = 0; j < qf_order_clients[i].request_count; j++)
            if (qf_order_clients[i].requests[j].answer == answer)
                return &qf_order_clients[i].requests[j];
    return NULL;
}

/* note_check says whether a falsified note of a client is found; then the note is put right again. */
static bool
note_check(Link *admin, Request *request, Request falsified, OrderRule rule, bool probe)
{
    Request kept = *request;
    OrderReport report = {0};
    bool good;

    *request = falsified;
    good = (probe ? qf_order_probe(admin, &report) : qf_order_check(admin, &report)) && report.found[rule] > 0;
    *request = kept;
    if (!good)
        printf("not ok - a falsified note: %s\n", qf_order_rules[rule]);
    return good;
}

/* notes_check tries the notes of the clients; returns how many were judged wrongly. */
static int
notes_check(Link *admin, int *tried)
{
    Request *live = placed_find(false), *ended = placed_find(true), *duplicate = answer_find(ANSWER_DUPLICATE);
    Request falsified;
    int bad = 0;

    if (live == NULL || ended == NULL || duplicate == NULL)
    {
        printf("not ok - the run was too short for the selftest\n");
        return 1;
    }
    falsified = *ended;
    falsified.answer = ANSWER_NONE;
    bad += !note_check(admin, ended, falsified, ORDER_UNANSWERED, false);
    bad += !note_check(admin, ended, falsified, ORDER_SUM, false);
    falsified.answer = ANSWER_SKIPPED;
    bad += !note_check(admin, ended, falsified, ORDER_GHOST, false);
    falsified = *live;
    falsified.answered_ns = 1;
    falsified.slot = ended->slot;
    bad += !note_check(admin, live, falsified, ORDER_TWO_LIVE_SEEN, false);
    falsified = *duplicate;
    falsified.order_id = falsified.order_id + 1;
    bad += !note_check(admin, duplicate, falsified, ORDER_DUPLICATE, false);
    falsified = *live;
    falsified.ending_ns = falsified.ended_ns = falsified.answered_ns;
    bad += !note_check(admin, live, falsified, ORDER_LIFE, false);
    bad += !note_check(admin, live, falsified, ORDER_STUCK, true);
    qf_order_clients[0].bought[0]++;
    bad += !note_check(admin, live, *live, ORDER_POSITION, false);
    qf_order_clients[0].bought[0]--;
    *tried += 8;
    return bad;
}

/* qf_order_selftest tries all plants; returns how many were judged wrongly. */
int
qf_order_selftest(Link *admin, Book *book)
{
    int tried = sizeof(plants) / sizeof(plants[0]), bad = 0;
    char live[32], ended[32];

    if (!order_choose(admin, "submitted", live, sizeof(live)) || !order_choose(admin, "canceled", ended, sizeof(ended)))
    {
        printf("not ok - the run was too short for the selftest\n");
        return 1;
    }
    for (int i = 0; i < tried; i++)
        bad += !plant_check(admin, book, &plants[i], live, ended);
    bad += notes_check(admin, &tried);
    printf("  selftest: %d planted faults, %d judged wrongly\n", tried, bad);
    return bad;
}
