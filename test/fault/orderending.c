/*
 * Orderstress: how orders end. Each way is one or more calls, each repeated
 * until it is answered; only the last one ends the order.
 */
#include "orderstress.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum
{
    NUMBER_SIZE = 32,
    TRADE_SIZE = 48,
    VALUES_MAX = 8
};

/* An order that is being ended, and its numbers as text. */
typedef struct Ending
{
    OrderClient *client;
    Request *request;
    Slot slot;
    char order_id[NUMBER_SIZE], fence[NUMBER_SIZE], quantity[NUMBER_SIZE], part[NUMBER_SIZE], price[NUMBER_SIZE];
    char trade_id[TRADE_SIZE];
} Ending;

static const char report_sql[] =
    "SELECT state, order_id FROM quantmesh.apply_report($1, $2, client_order_id => $3, state => $4, trade_id => $5,"
    " last_quantity => $6::numeric, last_price => $7::numeric, cumulative_quantity => $8::numeric)";

/* trouble shows an answer that cannot be, and counts it. */
static void
trouble(const Ending *ending, const char *call, const char *answer)
{
    qf_caller_lie(&ending->client->caller, "order %s: %s: %s", ending->order_id, call, answer);
}

/*
 * step makes one call and sees that its first column is what it should be (NULL: anything). A repeated call may be
 * refused with 55000 where the order has ended by the first one; that is taken for an answer. Returns whether the
 * order is now where the call was to bring it.
 */
static bool
step(const Ending *ending, bool ends, const char *sql, int count, const char *const *values, const char *expected)
{
    Caller *caller = &ending->client->caller;
    long repeats = caller->repeats;
    PGresult *result;
    bool good = true;

    if (ends)
        ending->request->ending_ns = qf_now_ns();
    result = qf_caller_insist(caller, sql, count, values);
    if (ends)
        ending->request->end_tries = (int) (caller->repeats - repeats) + 1;
    if (result == NULL && !(ends && caller->repeats > repeats && strcmp(caller->link.state, "55000") == 0))
    {
        good = false;
        qf_caller_count_state(caller);
        trouble(ending, sql, PQerrorMessage(caller->link.conn));
    }
    else if (result != NULL && expected != NULL && strcmp(PQgetvalue(result, 0, 0), expected) != 0)
    {
        good = false;
        trouble(ending, sql, PQgetvalue(result, 0, 0));
    }
    if (ends && good)
        ending->request->ended_ns = qf_now_ns();
    PQclear(result);
    return good;
}

/* report makes one report of the exchange; trade: with a fill of that quantity. */
static bool
report(const Ending *ending, bool ends, const char *state, const char *trade)
{
    const char *const values[VALUES_MAX] = {ending->slot.account,
                                            ending->slot.symbol,
                                            ending->request->client_order_id,
                                            state,
                                            trade == NULL ? NULL : ending->trade_id,
                                            trade,
                                            trade == NULL ? NULL : ending->price,
                                            trade};

    return step(ending, ends, report_sql, VALUES_MAX, values, state);
}

/* fill_count adds what a fill comes to, in thousandths of its order, to what the client has bought. */
static void
fill_count(const Ending *ending, int64_t quantity)
{
    ending->client->bought[ending->slot.market] += strcmp(ending->slot.side, "buy") == 0 ? quantity : -quantity;
}

/* end_resolved says that the submission came to nothing. */
static void
end_resolved(const Ending *ending, const char *outcome, const char *state)
{
    const char *const values[] = {ending->slot.account, ending->order_id, ending->fence, outcome};

    step(ending,
         true,
         "SELECT state FROM quantmesh.resolve_submission($1, $2::bigint, $3::bigint, $4)",
         4,
         values,
         state);
}

/* end_canceled opens the order, asks to cancel it and says that it was done. */
static void
end_canceled(const Ending *ending)
{
    const char *const values[] = {ending->slot.account, ending->order_id};

    if (report(ending, false, "open", NULL) &&
        step(ending, false, "SELECT outcome FROM quantmesh.cancel_order($1, $2::bigint)", 2, values, NULL))
        step(ending, true, "SELECT state FROM quantmesh.resolve_cancel($1, $2::bigint, 'done')", 2, values, "canceled");
}

/* end_part_filled fills a part, then the exchange cancels the rest. */
static void
end_part_filled(const Ending *ending)
{
    if (!report(ending, false, "partially_filled", ending->part))
        return;
    fill_count(ending, ending->request->quantity / 2);
    report(ending, true, "canceled", NULL);
}

/* end_intent takes an order back that was never submitted. */
static void
end_intent(const Ending *ending)
{
    const char *const values[] = {ending->slot.account, ending->order_id};

    step(ending, true, "SELECT state FROM quantmesh.cancel_order($1, $2::bigint)", 2, values, "aborted");
}

/* end_settled has an operator end it. */
static void
end_settled(const Ending *ending)
{
    const char *const values[] = {ending->slot.account, ending->order_id};

    step(ending,
         true,
         "SELECT state FROM quantmesh.settle_order($1, $2::bigint, 'canceled', 'stress')",
         2,
         values,
         "canceled");
}

/* ending_prepare writes the order's numbers down as text; the next trade gets an id of its own. */
static void
ending_prepare(Ending *ending, OrderClient *client, Request *request)
{
    ending->client = client;
    ending->request = request;
    qf_slot(&ending->slot, request->slot);
    snprintf(ending->order_id, sizeof(ending->order_id), "%" PRId64, request->order_id);
    snprintf(ending->fence, sizeof(ending->fence), "%" PRId64, request->fence);
    snprintf(ending->trade_id, sizeof(ending->trade_id), "%d-%ld", client->number, client->trades++);
    qf_units_text(ending->quantity, request->quantity);
    qf_units_text(ending->part, request->quantity / 2);
    qf_units_text(ending->price, ending->slot.cents * 1000000);
}

/* qf_order_end_one ends one of the client's live orders, by chance. */
void
qf_order_end_one(OrderClient *client)
{
    int chosen = (int) qf_caller_random(&client->caller, client->live_count);
    Request *request = &client->requests[client->live[chosen]];
    Ending ending = {0};

    client->live[chosen] = client->live[--client->live_count];
    ending_prepare(&ending, client, request);
    if (request->intent)
    {
        end_intent(&ending);
        return;
    }
    switch (qf_caller_random(&client->caller, 6))
    {
        case 0:
            end_resolved(&ending, "rejected", "rejected");
            break;
        case 1:
            end_resolved(&ending, "not_sent", "aborted");
            break;
        case 2:
            end_canceled(&ending);
            break;
        case 3:
            end_part_filled(&ending);
            break;
        case 4:
            end_settled(&ending);
            break;
        default:
            if (report(&ending, true, "filled", ending.quantity))
                fill_count(&ending, request->quantity);
            break;
    }
}
