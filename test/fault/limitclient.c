/*
 * Limitstress: one client's life. It places an order in its own transaction and
 * measures all markets there before it commits, and ends orders in many ways.
 */
#include "limitstress.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum
{
    PLACE_VALUES = 7,
    REPORT_VALUES = 8,
    TEXT_SIZE = 32,
    REQUEST_SIZE = 48,
    LIVE_WANTED = 2,
    PLACE_PERCENT = 60,
    LOTS_MAX = 400
};

static const char place_sql[] =
    "SELECT outcome, order_id, fence, client_order_id, reason FROM quantmesh.place_order($1, $2, $3, $4::numeric,"
    " $5::numeric, slot => '', request_id => $6, submit => $7::boolean)";

static const char report_sql[] =
    "SELECT state FROM quantmesh.apply_report($1, $2, client_order_id => $3, state => $4, trade_id => $5,"
    " last_quantity => $6::numeric, last_price => $7::numeric, cumulative_quantity => $8::numeric)";

/* answer_read fills an order in from what place_order said, and returns the answer's number. */
static int
answer_read(Caller *caller, LimitOrder *order, const PGresult *result)
{
    int answer = qf_find_name(qf_limit_answers, 5, PQgetvalue(result, 0, 0));

    order->order_id = strtoll(PQgetvalue(result, 0, 1), NULL, 10);
    order->fence = strtoll(PQgetvalue(result, 0, 2), NULL, 10);
    snprintf(order->client_order_id, sizeof(order->client_order_id), "%s", PQgetvalue(result, 0, 3));
    if (answer == 3 || answer < 1 || (answer == 4 && PQgetisnull(result, 0, 4)))
        qf_caller_lie(caller, "place_order without a slot: %s", PQgetvalue(result, 0, 0));
    return answer < 0 ? 0 : answer;
}

/* qf_limit_place asks for an order; insist: until it is answered. Returns the answer's number, 0 when there is none. */
int
qf_limit_place(Caller *caller, LimitOrder *order, const char *request_id, bool insist)
{
    const LimitMarket *market = &qf_limit_markets[order->market];
    char price[TEXT_SIZE], quantity[TEXT_SIZE];
    const char *const values[PLACE_VALUES] = {market->account,
                                              market->symbol,
                                              order->buy ? "buy" : "sell",
                                              price,
                                              quantity,
                                              request_id,
                                              order->intent ? "false" : "true"};
    PGresult *result;
    int answer = 0;

    snprintf(price, sizeof(price), "%d", order->buy ? BUY_PRICE : SELL_PRICE);
    qf_units_text(quantity, order->quantity);
    result = insist ? qf_caller_insist(caller, place_sql, PLACE_VALUES, values)
                    : qf_link_query(&caller->link, place_sql, PLACE_VALUES, values);
    if (result != NULL)
        answer = answer_read(caller, order, result);
    else if (!qf_caller_passes(caller))
    {
        qf_caller_count_state(caller);
        qf_caller_lie(caller, "place_order: %s", PQerrorMessage(caller->link.conn));
    }
    PQclear(result);
    return answer;
}

/* measure looks at all markets in the client's own transaction; false when the connection broke. */
static bool
measure(LimitClient *client)
{
    LimitMeasure measures[LIMIT_MARKETS];
    PGresult *result = qf_link_query(&client->caller.link, qf_limit_measure_sql, 0, NULL);

    if (result == NULL)
        return false;
    qf_limit_measure(result, measures);
    qf_limit_judge(measures, client->caller.name);
    client->verified++;
    PQclear(result);
    return true;
}

/* placed_keep takes an order that was placed into the client's notes. */
static void
placed_keep(LimitClient *client, const LimitOrder *order, int answer, int64_t sent_ns)
{
    LimitPlacement *placement;

    client->answers[answer]++;
    if (answer != 1)
        return;
    client->live[client->live_count++] = *order;
    client->placements = qf_grow(client->placements, client->placement_count, sizeof(*client->placements));
    placement = &client->placements[client->placement_count++];
    *placement = (LimitPlacement){.market = order->market, .sent_ns = sent_ns, .answered_ns = qf_now_ns()};
}

/* order_choose makes up an order: mostly for the markets whose limits are the tightest. */
static void
order_choose(LimitClient *client, LimitOrder *order)
{
    Caller *caller = &client->caller;

    memset(order, 0, sizeof(*order));
    order->market = (int) qf_caller_random(caller, LIMIT_MARKETS);
    order->buy = qf_caller_random(caller, 2) == 0;
    order->quantity = (1 + qf_caller_random(caller, LOTS_MAX)) * LOT;
    if (qf_caller_random(caller, 4) == 0)
        order->quantity = LOT;
    order->intent = qf_caller_random(caller, 6) == 0;
}

/* begin opens a transaction block. Only at the lowest level do the statements of a block see what is true now. */
static bool
begin(LimitClient *client, bool *now)
{
    static const char *const levels[] = {"BEGIN",
                                         "BEGIN",
                                         "BEGIN",
                                         "BEGIN ISOLATION LEVEL REPEATABLE READ",
                                         "BEGIN ISOLATION LEVEL SERIALIZABLE"};
    long level = qf_caller_random(&client->caller, 5);

    *now = level < 3;
    return qf_link_command(&client->caller.link, levels[level], 0, NULL);
}

/*
 * place_measured asks inside a block and measures there; undo takes the order back and asks again. Returns the
 * answer, 0 when the block failed and nothing is known to be there.
 */
static int
place_measured(LimitClient *client, LimitOrder *order, const char *request_id, bool undo)
{
    Link *link = &client->caller.link;
    bool now = false;
    bool good = begin(client, &now);
    int answer = 0;

    if (good && undo)
    {
        good = qf_link_command(link, "SAVEPOINT before", 0, NULL) &&
               qf_limit_place(&client->caller, order, request_id, false) != 0 &&
               qf_link_command(link, "ROLLBACK TO before", 0, NULL);
        client->undone += good;
    }
    if (good)
        answer = qf_limit_place(&client->caller, order, request_id, false);
    good = answer != 0 && (!now || measure(client));
    if (good && qf_caller_random(&client->caller, 6) == 0)
    {
        client->undone += qf_link_rollback(link);
        return 0;
    }
    if (good && qf_link_command(link, "COMMIT", 0, NULL))
        return answer;
    client->caller.repeats++;
    qf_caller_mend(&client->caller);
    return 0;
}

/* place_one asks for an order in one of the ways, until it is answered. */
static void
place_one(LimitClient *client)
{
    LimitOrder order;
    char request_id[REQUEST_SIZE];
    int64_t sent_ns = qf_now_ns();
    long way = qf_caller_random(&client->caller, 4);
    int answer = 0;

    order_choose(client, &order);
    snprintf(request_id, sizeof(request_id), "%d-%ld", client->number, client->requests++);
    if (way > 0)
        answer = place_measured(client, &order, request_id, way == 1);
    if (answer == 0)
        answer = qf_limit_place(&client->caller, &order, request_id, true);
    placed_keep(client, &order, answer, sent_ns);
}

/* number_call makes a call about an order that takes account and order id; whatever it answers is good. */
static void
number_call(Caller *caller, const LimitOrder *order, const char *sql)
{
    char order_id[TEXT_SIZE];
    const char *const values[] = {qf_limit_markets[order->market].account, order_id};
    PGresult *result;

    snprintf(order_id, sizeof(order_id), "%" PRId64, order->order_id);
    result = qf_caller_insist(caller, sql, 2, values);
    /* A repeated call may find that the first one has ended the order. */
    if (result == NULL && strcmp(caller->link.state, "55000") != 0)
    {
        qf_caller_count_state(caller);
        qf_caller_lie(caller, "%s: %s", sql, PQerrorMessage(caller->link.conn));
    }
    PQclear(result);
}

/* qf_limit_reject says that the exchange has refused the order. */
bool
qf_limit_reject(Caller *caller, const LimitOrder *order)
{
    char order_id[TEXT_SIZE], fence[TEXT_SIZE];
    const char *const values[] = {qf_limit_markets[order->market].account, order_id, fence};
    PGresult *result;

    snprintf(order_id, sizeof(order_id), "%" PRId64, order->order_id);
    snprintf(fence, sizeof(fence), "%" PRId64, order->fence);
    result = qf_caller_insist(caller,
                              "SELECT FROM quantmesh.resolve_submission($1, $2::bigint, $3::bigint, 'rejected')",
                              3,
                              values);
    if (result == NULL)
    {
        qf_caller_count_state(caller);
        qf_caller_lie(caller, "resolve_submission: %s", PQerrorMessage(caller->link.conn));
    }
    PQclear(result);
    return result != NULL;
}

/* report makes one report of the exchange; quantity 0: without a fill. */
static void
report(LimitClient *client, const LimitOrder *order, const char *state, int64_t quantity)
{
    const LimitMarket *market = &qf_limit_markets[order->market];
    char trade[TEXT_SIZE], last[TEXT_SIZE], price[TEXT_SIZE];
    const char *const values[REPORT_VALUES] = {market->account,
                                               market->symbol,
                                               order->client_order_id,
                                               state,
                                               quantity == 0 ? NULL : trade,
                                               quantity == 0 ? NULL : last,
                                               quantity == 0 ? NULL : price,
                                               quantity == 0 ? NULL : last};
    PGresult *result;

    snprintf(trade, sizeof(trade), "%d-%ld", client->number, client->trades++);
    snprintf(price, sizeof(price), "%d", order->buy ? BUY_PRICE : SELL_PRICE);
    qf_units_text(last, quantity);
    result = qf_caller_insist(&client->caller, report_sql, REPORT_VALUES, values);
    if (result == NULL)
        qf_caller_count_state(&client->caller);
    if (result == NULL || strcmp(PQgetvalue(result, 0, 0), state) != 0)
        qf_caller_lie(&client->caller,
                      "apply_report %s: %s",
                      state,
                      result == NULL ? PQerrorMessage(client->caller.link.conn) : PQgetvalue(result, 0, 0));
    PQclear(result);
}

/* end_undone ends the order in a block that is rolled back: its room must not be given away meanwhile. */
static void
end_undone(LimitClient *client, const LimitOrder *order)
{
    char order_id[TEXT_SIZE];
    const char *const values[] = {qf_limit_markets[order->market].account, order_id};
    bool now;

    snprintf(order_id, sizeof(order_id), "%" PRId64, order->order_id);
    if (begin(client, &now) &&
        qf_link_command(&client->caller.link,
                        "SELECT FROM quantmesh.settle_order($1, $2::bigint, 'canceled', 'undone')",
                        2,
                        values) &&
        (!now || measure(client)) && qf_link_rollback(&client->caller.link))
        client->undone++;
    else
        qf_caller_mend(&client->caller);
}

/* replace_one asks for another quantity in the place of a live order, which counts until it has ended, too. */
static void
replace_one(LimitClient *client, const LimitOrder *old)
{
    static const char sql[] =
        "SELECT outcome, order_id, fence, client_order_id, reason FROM quantmesh.replace_order($1,"
        " $2::bigint, $3::numeric, $4::numeric, request_id => $5)";
    LimitOrder order = *old;
    char order_id[TEXT_SIZE], price[TEXT_SIZE], quantity[TEXT_SIZE], request_id[REQUEST_SIZE];
    const char *const values[] = {qf_limit_markets[order.market].account, order_id, price, quantity, request_id};
    int64_t sent_ns = qf_now_ns();
    PGresult *result;
    int answer = 0;

    order.quantity = (1 + qf_caller_random(&client->caller, LOTS_MAX)) * LOT;
    order.intent = true;
    snprintf(order_id, sizeof(order_id), "%" PRId64, old->order_id);
    snprintf(price, sizeof(price), "%d", old->buy ? BUY_PRICE : SELL_PRICE);
    qf_units_text(quantity, order.quantity);
    snprintf(request_id, sizeof(request_id), "%d-%ld", client->number, client->requests++);
    result = qf_caller_insist(&client->caller, sql, 5, values);
    if (result != NULL)
        answer = answer_read(&client->caller, &order, result);
    else
    {
        qf_caller_count_state(&client->caller);
        qf_caller_lie(&client->caller, "replace_order: %s", PQerrorMessage(client->caller.link.conn));
    }
    PQclear(result);
    client->replaced += answer == 1;
    placed_keep(client, &order, answer, sent_ns);
}

/* claim_some submits intents of an account, whosever they are. */
static void
claim_some(LimitClient *client)
{
    const char *const values[] = {qf_limit_markets[qf_caller_random(&client->caller, LIMIT_MARKETS)].account};
    int64_t claimed = qf_caller_insist_number(&client->caller,
                                              "SELECT count(*) FROM quantmesh.claim_orders($1, max => 3)",
                                              1,
                                              values);

    client->claimed += claimed > 0 ? claimed : 0;
}

/* end_one ends one of the client's live orders, by chance; filled ones change the position. */
static void
end_one(LimitClient *client)
{
    int chosen = (int) qf_caller_random(&client->caller, client->live_count);
    LimitOrder order = client->live[chosen];
    int64_t part = order.quantity > LOT ? order.quantity / LOT / 2 * LOT : 0;

    client->live[chosen] = client->live[--client->live_count];
    if (qf_caller_random(&client->caller, 8) == 0)
        replace_one(client, &order);
    if (order.intent)
    {
        number_call(&client->caller, &order, "SELECT FROM quantmesh.settle_order($1, $2::bigint, 'aborted', 'stress')");
        return;
    }
    switch (qf_caller_random(&client->caller, 7))
    {
        case 0:
            qf_limit_reject(&client->caller, &order);
            break;
        case 1:
            report(client, &order, "open", 0);
            number_call(&client->caller, &order, "SELECT FROM quantmesh.cancel_order($1, $2::bigint)");
            number_call(&client->caller, &order, "SELECT FROM quantmesh.resolve_cancel($1, $2::bigint, 'done')");
            break;
        case 2:
            if (part > 0)
                report(client, &order, "partially_filled", part);
            report(client, &order, "expired", 0);
            break;
        case 3:
            end_undone(client, &order);
            number_call(&client->caller,
                        &order,
                        "SELECT FROM quantmesh.settle_order($1, $2::bigint, 'canceled', 'stress')");
            break;
        default:
            report(client, &order, "filled", order.quantity);
            break;
    }
}

/* qf_limit_client_main is a client's thread. */
void *
qf_limit_client_main(void *argument)
{
    LimitClient *client = argument;

    qf_caller_connect(&client->caller);
    while (!atomic_load(&qf_limit_stop))
    {
        if (qf_caller_random(&client->caller, 30) == 0)
            claim_some(client);
        else if (client->live_count > LIVE_WANTED ||
                 (client->live_count > 0 && qf_caller_random(&client->caller, 100) >= PLACE_PERCENT))
            end_one(client);
        else
            place_one(client);
    }
    qf_link_close(&client->caller.link);
    return NULL;
}
