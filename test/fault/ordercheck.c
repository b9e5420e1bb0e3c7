/*
 * Orderstress: what must hold afterwards. The clients' notes are held against
 * the table, the table against itself without the help of its indexes, and then
 * every slot is asked for once more.
 */
#include "orderstress.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

const char *const qf_order_rules[ORDER_RULES] = {
    "request without an answer",
    "answers that do not add up",
    "placed, and not in the table",
    "in the table, and its client was not told",
    "in the table with other ids",
    "alive for the table and dead for its client, or the other way round",
    "order id or client order id that repeats",
    "two live rows in one slot",
    "row of a live order that is missing, or not what its order says",
    "two orders of a slot alive at the same time, by their events",
    "two orders of a slot alive at the same time, by what the clients saw",
    "duplicate of an order that was not in its way",
    "unique index that is not what it should be",
    "position that is not the sum of its fills",
    "slot that is stuck, or can be had twice",
};

/* A statement that counts violations. */
typedef struct Count
{
    OrderRule rule;
    const char *sql;
} Count;

static const Count counts[] = {
    {ORDER_IDS_REPEAT, "SELECT count(*) - count(DISTINCT client_order_id) FROM quantmesh.orders"},
    {ORDER_IDS_REPEAT, "SELECT count(*) - count(DISTINCT order_id) FROM quantmesh.orders"},
    {ORDER_TWO_LIVE_NOW,
     "SELECT count(*) FROM (SELECT FROM quantmesh.orders WHERE live AND slot IS NOT NULL"
     " GROUP BY account, symbol, side, slot HAVING count(*) > 1) AS twice"},
    {ORDER_TWO_LIVE_NOW,
     "SELECT count(*) FROM (SELECT FROM quantmesh.orders WHERE live"
     " GROUP BY split_part(request_id, '#', 1) HAVING count(*) > 1) AS twice"},
    {ORDER_LIVE_ROWS, "SELECT count(*) FROM (" QF_DISAGREEMENT ") AS differ"},
    {ORDER_TWO_LIVE_TIME,
     "SELECT count(*) FROM (SELECT begin, max(until) OVER (PARTITION BY slot ORDER BY begin, until"
     "  ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before"
     "  FROM (SELECT split_part(o.request_id, '#', 1) AS slot, coalesce(e.first, o.updated_at) AS begin,"
     "   coalesce(o.ended_at, 'infinity') AS until FROM quantmesh.orders AS o LEFT JOIN"
     "   (SELECT account, order_id, min(at) AS first FROM quantmesh.order_event GROUP BY 1, 2) AS e"
     "   USING (account, order_id)) AS life WHERE begin < until) AS lives WHERE before > begin"},
    {ORDER_INDEX,
     "SELECT 2 - count(*) FROM pg_index WHERE indisunique AND indisvalid AND indexrelid IN"
     " (to_regclass('quantmesh.live_order_pkey'), to_regclass('quantmesh.orders_request'))"},
    {ORDER_POSITION,
     "SELECT count(*) FROM (SELECT account, symbol, strategy, sum(CASE side WHEN 'buy' THEN quantity ELSE -quantity "
     "END)"
     "  AS quantity FROM quantmesh.fill GROUP BY 1, 2, 3) AS f FULL JOIN quantmesh.position AS p"
     " USING (account, symbol, strategy) WHERE p.quantity IS DISTINCT FROM f.quantity"},
    {ORDER_POSITION,
     "SELECT count(*) FROM quantmesh.orders AS o LEFT JOIN (SELECT account, order_id, sum(quantity) AS quantity"
     "  FROM quantmesh.fill GROUP BY 1, 2) AS f USING (account, order_id)"
     " WHERE o.filled_quantity <> coalesce(f.quantity, 0)"},
};

/* qf_order_violation counts one and shows the first few. */
void
qf_order_violation(OrderReport *report, OrderRule rule, const char *format, ...)
{
    va_list arguments;

    report->found[rule]++;
    if (report->file == NULL || report->shown >= report->shown_max)
        return;
    report->shown++;
    fprintf(report->file, "    %s: ", qf_order_rules[rule]);
    va_start(arguments, format);
    vfprintf(report->file, format, arguments);
    va_end(arguments);
    fputc('\n', report->file);
}

/* request_find returns the request that a request_id names, or NULL. */
static Request *
request_find(const char *request_id)
{
    int slot, client;
    size_t number;
    char rest;

    if (sscanf(request_id, "%d#%d-%zu%c", &slot, &client, &number, &rest) != 3 || client < 0 ||
        client >= qf_order_options.clients || number >= qf_order_clients[client].request_count ||
        qf_order_clients[client].requests[number].slot != slot)
        return NULL;
    return &qf_order_clients[client].requests[number];
}

/* row_check holds one row of quantmesh.orders against what its client knows. */
static void
row_check(OrderReport *report, const PGresult *rows, int row)
{
    const char *request_id = PQgetvalue(rows, row, 0), *client_order_id = PQgetvalue(rows, row, 2);
    int64_t order_id = strtoll(PQgetvalue(rows, row, 1), NULL, 10);
    bool live = PQgetvalue(rows, row, 3)[0] == 't';
    Request *request = request_find(request_id);

    report->live += live;
    if (request == NULL || request->answer != ANSWER_PLACED)
    {
        qf_order_violation(report,
                           ORDER_GHOST,
                           "request %s, order %" PRId64 " %s, answered %s at attempt %d",
                           request_id,
                           order_id,
                           PQgetvalue(rows, row, 4),
                           request == NULL ? "to nobody" : qf_answers[request->answer],
                           request == NULL ? 0 : request->attempts);
        return;
    }
    request->stored = true;
    if (request->order_id != order_id || strcmp(request->client_order_id, client_order_id) != 0)
        qf_order_violation(report,
                           ORDER_DIFFERS,
                           "request %s, order %" PRId64 " %s, answered %" PRId64 " %s",
                           request_id,
                           order_id,
                           client_order_id,
                           request->order_id,
                           request->client_order_id);
    if (live ? request->ended_ns != 0 : request->ending_ns == 0)
        qf_order_violation(report,
                           ORDER_LIFE,
                           "request %s, order %" PRId64 " %s",
                           request_id,
                           order_id,
                           PQgetvalue(rows, row, 4));
}

/* rows_check holds the table against the requests, and the requests against the table. */
static bool
rows_check(Link *admin, OrderReport *report)
{
    PGresult *rows =
        qf_link_query(admin,
                      "SELECT coalesce(request_id, ''), order_id, client_order_id, live, state FROM quantmesh.orders",
                      0,
                      NULL);
    char request_id[REQUEST_ID_SIZE];

    if (rows == NULL)
        return false;
    for (int i = 0; i < qf_order_options.clients; i++)
        for (size_t j = 0; j < qf_order_clients[i].request_count; j++)
            qf_order_clients[i].requests[j].stored = false;
    report->rows = PQntuples(rows);
    for (int i = 0; i < PQntuples(rows); i++)
        row_check(report, rows, i);
    PQclear(rows);
    for (int i = 0; i < qf_order_options.clients; i++)
        for (size_t j = 0; j < qf_order_clients[i].request_count; j++)
        {
            const Request *request = &qf_order_clients[i].requests[j];

            if (request->answer == ANSWER_PLACED && !request->stored)
                qf_order_violation(report,
                                   ORDER_LOST,
                                   "request %s, order %" PRId64,
                                   qf_request_id(request_id, &qf_order_clients[i], j),
                                   request->order_id);
        }
    return true;
}

/* by_order_id sorts requests by the orders that were placed for them. */
static int
by_order_id(const void *left, const void *right)
{
    const Request *const *a = left, *const *b = right;

    return ((*a)->order_id > (*b)->order_id) - ((*a)->order_id < (*b)->order_id);
}

/* by_slot sorts requests by slot, then by when the answer was there. */
static int
by_slot(const void *left, const void *right)
{
    const Request *const *a = left, *const *b = right;

    if ((*a)->slot != (*b)->slot)
        return (*a)->slot < (*b)->slot ? -1 : 1;
    return ((*a)->answered_ns > (*b)->answered_ns) - ((*a)->answered_ns < (*b)->answered_ns);
}

/* placed_collect returns all requests that were placed. */
static Request **
placed_collect(size_t *count)
{
    Request **placed = NULL;

    *count = 0;
    for (int i = 0; i < qf_order_options.clients; i++)
        for (size_t j = 0; j < qf_order_clients[i].request_count; j++)
        {
            Request *request = &qf_order_clients[i].requests[j];

            if (request->answer != ANSWER_PLACED)
                continue;
            placed = qf_grow(placed, *count, sizeof(*placed));
            placed[(*count)++] = request;
        }
    return placed;
}

/* seen_check looks for two orders of a slot that were both surely alive, by what the clients saw. */
static void
seen_check(OrderReport *report, Request **placed, size_t count)
{
    const Request *longest = NULL;

    qsort(placed, count, sizeof(*placed), by_slot);
    for (size_t i = 0; i < count; i++)
    {
        const Request *request = placed[i];

        if (longest != NULL && longest->slot == request->slot &&
            (longest->ending_ns == 0 || longest->ending_ns > request->answered_ns) &&
            (request->ending_ns == 0 || request->ending_ns > request->answered_ns))
            qf_order_violation(report,
                               ORDER_TWO_LIVE_SEEN,
                               "slot %d, orders %" PRId64 " and %" PRId64,
                               request->slot,
                               longest->order_id,
                               request->order_id);
        if (longest == NULL || longest->slot != request->slot || request->ending_ns == 0 ||
            (longest->ending_ns != 0 && longest->ending_ns < request->ending_ns))
            longest = request;
    }
}

/* duplicate_check sees that the order in the way of a request was in its slot, and could be alive during the last call. */
static void
duplicate_check(OrderReport *report, Request **placed, size_t count, Request *request)
{
    Request **found = count == 0 ? NULL : bsearch(&request, placed, count, sizeof(*placed), by_order_id);
    const Request *other = found == NULL ? NULL : *found;

    if (other == NULL || other->slot != request->slot || other->sent_ns > request->answered_ns ||
        (other->ended_ns != 0 && other->ended_ns < request->last_ns))
        qf_order_violation(report,
                           ORDER_DUPLICATE,
                           "slot %d, order %" PRId64 " %s",
                           request->slot,
                           request->order_id,
                           other == NULL                  ? "is none"
                           : other->slot != request->slot ? "is elsewhere"
                                                          : "was not alive");
}

/* requests_check looks at the clients' notes alone. */
static void
requests_check(OrderReport *report)
{
    long answers[ANSWER_COUNT] = {0}, total = 0;
    size_t count;
    Request **placed = placed_collect(&count);

    seen_check(report, placed, count);
    if (count > 0)
        qsort(placed, count, sizeof(*placed), by_order_id);
    for (int i = 0; i < qf_order_options.clients; i++)
    {
        total += (long) qf_order_clients[i].request_count;
        for (size_t j = 0; j < qf_order_clients[i].request_count; j++)
        {
            Request *request = &qf_order_clients[i].requests[j];

            answers[request->answer]++;
            if (request->answer == ANSWER_NONE)
                qf_order_violation(report, ORDER_UNANSWERED, "slot %d of client %d", request->slot, i);
            if (request->answer == ANSWER_DUPLICATE)
                duplicate_check(report, placed, count, request);
        }
    }
    if (answers[ANSWER_PLACED] + answers[ANSWER_SKIPPED] + answers[ANSWER_DUPLICATE] + answers[ANSWER_DENIED] != total)
        qf_order_violation(report, ORDER_SUM, "%ld requests", total);
    free(placed);
}

/* positions_check holds the positions against what each client has filled. */
static bool
positions_check(Link *admin, OrderReport *report)
{
    static const char sql[] =
        "SELECT quantity FROM quantmesh.position WHERE account = $1 AND symbol = $2 AND strategy = $3";

    for (int i = 0; i < qf_order_options.clients; i++)
        for (int market = 0; market < MARKETS; market++)
        {
            const OrderClient *client = &qf_order_clients[i];
            const char *const values[] = {qf_order_markets[market][0],
                                          qf_order_markets[market][1],
                                          client->caller.name};
            PGresult *result = qf_link_query(admin, sql, 3, values);
            int64_t quantity = 0;

            if (result == NULL)
                return false;
            if ((PQntuples(result) > 0 && !qf_units(PQgetvalue(result, 0, 0), &quantity)) ||
                quantity != client->bought[market])
                qf_order_violation(report,
                                   ORDER_POSITION,
                                   "%s has %" PRId64 "e-8 in market %d, its fills are %" PRId64 "e-8",
                                   client->caller.name,
                                   quantity,
                                   market,
                                   client->bought[market]);
            PQclear(result);
        }
    return true;
}

/* indexes_check has amcheck compare the indexes of orders with their tables, where it is installed. */
static bool
indexes_check(Link *admin, OrderReport *report)
{
    static const char installed[] = "SELECT count(*) FROM pg_available_extensions WHERE name = 'amcheck'";
    static const char sql[] = "SELECT count(bt_index_check(indexrelid, true)) FROM pg_index WHERE indrelid IN"
                              " ('quantmesh.orders'::regclass, 'quantmesh.live_order'::regclass)";

    report->amcheck = qf_link_number(admin, installed, 0, NULL);
    if (report->amcheck <= 0)
        return report->amcheck == 0;
    if (!qf_link_command(admin, "CREATE EXTENSION IF NOT EXISTS amcheck", 0, NULL))
        return false;
    if (qf_link_number(admin, sql, 0, NULL) < 0)
        qf_order_violation(report, ORDER_INDEX, "%s", PQerrorMessage(admin->conn));
    return true;
}

/* qf_order_check makes all checks but the probe; false when one could not be made. */
bool
qf_order_check(Link *admin, OrderReport *report)
{
    static const char *const without_indexes[] = {"SET enable_indexscan = off",
                                                  "SET enable_indexonlyscan = off",
                                                  "SET enable_bitmapscan = off"};

    requests_check(report);
    for (size_t i = 0; i < sizeof(without_indexes) / sizeof(without_indexes[0]); i++)
        if (!qf_link_command(admin, without_indexes[i], 0, NULL))
            return false;
    for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++)
    {
        int64_t found = qf_link_number(admin, counts[i].sql, 0, NULL);

        if (found < 0 && qf_link_broken(admin))
            return false;
        if (found < 0 && admin->state[0] != '\0')
        {
            fprintf(stderr, "%s\n%s", counts[i].sql, PQerrorMessage(admin->conn));
            return false;
        }
        if (found != 0)
            qf_order_violation(report, counts[i].rule, "%" PRId64 " by %s", found, counts[i].sql);
    }
    report->intervals =
        qf_link_number(admin, "SELECT count(DISTINCT (account, order_id)) FROM quantmesh.order_event", 0, NULL);
    return qf_link_command(admin, "RESET ALL", 0, NULL) && rows_check(admin, report) &&
           positions_check(admin, report) && indexes_check(admin, report);
}

/* live_find returns the live order of each slot, by the clients' notes. */
static void
live_find(const Request *live[SLOTS])
{
    memset(live, 0, SLOTS * sizeof(*live));
    for (int i = 0; i < qf_order_options.clients; i++)
        for (size_t j = 0; j < qf_order_clients[i].request_count; j++)
        {
            const Request *request = &qf_order_clients[i].requests[j];

            if (request->answer == ANSWER_PLACED && request->ending_ns == 0)
                live[request->slot] = request;
        }
}

/*
 * qf_order_probe asks for every slot once more and takes it back: a free one is
 * to be had, a taken one is a duplicate of the order that is there.
 */
bool
qf_order_probe(Link *admin, OrderReport *report)
{
    static const char sql[] =
        "SELECT outcome, order_id FROM quantmesh.place_order($1, $2, $3, $4::numeric, 0.01, slot => $5)";
    const Request *live[SLOTS];

    live_find(live);
    for (int i = 0; i < SLOTS; i++)
    {
        Slot slot;
        char price[NAME_SIZE];
        PGresult *result;

        qf_slot(&slot, i);
        qf_units_text(price, slot.cents * 1000000);
        if (!qf_link_command(admin, "BEGIN", 0, NULL))
            return false;
        result = qf_link_query(admin,
                               sql,
                               5,
                               (const char *const[]){slot.account,
                                                     slot.symbol,
                                                     slot.side,
                                                     price,
                                                     slot.name[0] == '\0' ? NULL : slot.name});
        if (result == NULL || !qf_link_command(admin, "ROLLBACK", 0, NULL))
            return false;
        if (strcmp(PQgetvalue(result, 0, 0), live[i] == NULL ? "placed" : "duplicate") != 0 ||
            (live[i] != NULL && strtoll(PQgetvalue(result, 0, 1), NULL, 10) != live[i]->order_id))
            qf_order_violation(report,
                               ORDER_STUCK,
                               "slot %d is %s: %s",
                               i,
                               live[i] == NULL ? "free" : "taken",
                               PQgetvalue(result, 0, 0));
        PQclear(result);
    }
    return true;
}
