/*
 * Orderstress: one client's life. It asks for slots in several ways and repeats
 * what broke under the same request_id until it is answered.
 */
#include "orderstress.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum
{
    BATCH_MAX = 5,
    ELEMENT_SIZE = 256,
    LIVE_ALL = 400, /* orders that all clients together keep alive, about */
    PLACE_PERCENT = 65,
    HOT_ONE_IN = 4,
    HOT_SLOTS = 8,
    CUT_WAIT_US = 400,
    BATCH_CUTS = 20, /* a batch is cut as many times as often */
    ARGUMENTS = 10
};

/* One call of place_order: its arguments as text. */
typedef struct Call
{
    Slot slot;
    char price[NAME_SIZE], quantity[NAME_SIZE], request_id[REQUEST_ID_SIZE];
    const char *values[ARGUMENTS];
} Call;

/* What is known of a request's earlier attempts. */
typedef enum Earlier
{
    EARLIER_NONE,   /* none can have been committed */
    EARLIER_PERHAPS /* one was sent, and its end is not known */
} Earlier;

static const char place_sql[] =
    "SELECT outcome, replayed, order_id, client_order_id, state, fence, committed, reason, send_before IS NOT NULL"
    " FROM quantmesh.place_order($1, $2, $3, $4::numeric, $5::numeric, request_id => $6, slot => $7, strategy => $8,"
    " submit => $9::boolean, wait => $10::interval)";

static const char batch_sql[] =
    "SELECT outcome, replayed, order_id, client_order_id, state, fence, committed, reason, send_before IS NOT NULL"
    " FROM quantmesh.place_orders($1, $2::jsonb, submit => true)";

/* lie shows an answer that cannot be, and counts it. */
static void
lie(OrderClient *client, const Request *request, const char *what)
{
    qf_caller_lie(&client->caller,
                  "request for slot %d, answered %s, order %" PRId64 ": %s",
                  request->slot,
                  qf_answers[request->answer],
                  request->order_id,
                  what);
}

/* answer_read writes down what one row of place_order or place_orders says, and sees that it makes sense. */
static void
answer_read(OrderClient *client, Request *request, const PGresult *result, int row, bool block, Earlier earlier)
{
    int answer = qf_find_name(qf_answers, ANSWER_COUNT, PQgetvalue(result, row, 0));
    const char *state = PQgetvalue(result, row, 4);

    request->answer = answer <= 0 ? ANSWER_NONE : (Answer) answer;
    request->replayed = PQgetvalue(result, row, 1)[0] == 't';
    request->order_id = strtoll(PQgetvalue(result, row, 2), NULL, 10);
    request->fence = strtoll(PQgetvalue(result, row, 5), NULL, 10);
    snprintf(request->client_order_id, sizeof(request->client_order_id), "%s", PQgetvalue(result, row, 3));
    if (request->answer == ANSWER_NONE)
        lie(client, request, "no such outcome");
    if (request->replayed && (earlier == EARLIER_NONE || request->answer != ANSWER_PLACED))
        lie(client, request, "replayed, but nothing was placed before");
    /* Of an order that nobody has reported about for long, the coordinator makes an unknown one. */
    if (request->answer == ANSWER_PLACED &&
        (request->order_id <= 0 || request->client_order_id[0] != 'q' ||
         (strcmp(state, request->intent ? "intent" : "submitted") != 0 &&
          (!request->replayed || request->intent || strcmp(state, "unknown") != 0))))
        lie(client, request, "placed without order_id, client_order_id or the right state");
    if (request->answer == ANSWER_PLACED && !request->intent &&
        (request->fence <= 0 || PQgetvalue(result, row, 8)[0] != 't'))
        lie(client, request, "submitted without fence or send_before");
    if (request->answer == ANSWER_PLACED && (PQgetvalue(result, row, 6)[0] == 't') == block)
        lie(client, request, "committed is wrong");
    if (request->answer == ANSWER_DUPLICATE && request->order_id <= 0)
        lie(client, request, "a duplicate of no order");
    if (request->answer == ANSWER_DENIED && PQgetisnull(result, row, 7))
        lie(client, request, "denied without a reason");
}

/* price_write writes a price of the slot, with zeros at its end by chance; a level has many prices, a named slot any. */
static void
price_write(OrderClient *client, const Slot *slot, char *price)
{
    static const char *const zeros[] = {"", "0", "00000000"};
    int64_t cents = slot->cents;

    if (slot->level)
        cents += qf_caller_random(&client->caller, 100);
    else if (slot->name[0] != '\0')
        cents += qf_caller_random(&client->caller, 1000);
    snprintf(price,
             NAME_SIZE,
             "%" PRId64 ".%02" PRId64 "%s",
             cents / 100,
             cents % 100,
             zeros[qf_caller_random(&client->caller, sizeof(zeros) / sizeof(zeros[0]))]);
}

/* request_new adds a request for a random slot of the account (NULL: of any), and its call. */
static size_t
request_new(OrderClient *client, Call *call, const char *account)
{
    Request *request;
    size_t number = client->request_count;

    client->requests = qf_grow(client->requests, number, sizeof(*client->requests));
    request = &client->requests[client->request_count++];
    do
    {
        request->slot = qf_caller_random(&client->caller, HOT_ONE_IN) == 0
                            ? (int) qf_caller_random(&client->caller, HOT_SLOTS) * (SLOTS / HOT_SLOTS)
                            : (int) qf_caller_random(&client->caller, SLOTS);
        qf_slot(&call->slot, request->slot);
    } while (account != NULL && strcmp(account, call->slot.account) != 0);
    request->quantity = (1 + qf_caller_random(&client->caller, 9)) * 1000000;
    request->intent = account == NULL && qf_caller_random(&client->caller, 8) == 0;

    price_write(client, &call->slot, call->price);
    if (account == NULL && qf_caller_random(&client->caller, 100) == 0)
        strcat(call->price, "1"); /* off the tick: denied */
    qf_units_text(call->quantity, request->quantity);
    qf_request_id(call->request_id, client, number);
    call->values[0] = call->slot.account;
    call->values[1] = call->slot.symbol;
    call->values[2] = call->slot.side;
    call->values[3] = call->price;
    call->values[4] = call->quantity;
    call->values[5] = call->request_id;
    call->values[6] = call->slot.name[0] == '\0' ? NULL : call->slot.name;
    call->values[7] = client->caller.name;
    call->values[8] = request->intent ? "false" : "true";
    call->values[9] = qf_caller_random(&client->caller, 8) == 0 ? "20 ms" : "0";
    return number;
}

/* placed_keep takes an answered request into the client's book of live orders. */
static void
placed_keep(OrderClient *client, size_t number)
{
    Request *request = &client->requests[number];

    request->answered_ns = qf_now_ns();
    if (request->answer != ANSWER_PLACED)
        return;
    client->live[client->live_count++] = number;
    atomic_fetch_add(&qf_order_placed, 1);
}

/* place_plain asks until it is answered. */
static void
place_plain(OrderClient *client, size_t number, const Call *call, Earlier earlier)
{
    long repeats = client->caller.repeats;
    PGresult *result = qf_caller_insist(&client->caller, place_sql, ARGUMENTS, call->values);
    Request *request = &client->requests[number];

    request->last_ns = client->caller.link.sent_ns;
    request->attempts += (int) (client->caller.repeats - repeats) + 1;
    if (client->caller.repeats > repeats)
        earlier = EARLIER_PERHAPS;
    if (result == NULL)
    {
        qf_caller_count_state(&client->caller);
        lie(client, request, PQerrorMessage(client->caller.link.conn));
    }
    else
        answer_read(client, request, result, 0, false, earlier);
    PQclear(result);
    placed_keep(client, number);
}

/* begin opens a transaction block of some isolation level. */
static bool
begin(OrderClient *client)
{
    static const char *const levels[] = {"BEGIN",
                                         "BEGIN",
                                         "BEGIN ISOLATION LEVEL REPEATABLE READ",
                                         "BEGIN ISOLATION LEVEL SERIALIZABLE"};

    return qf_link_command(&client->caller.link, levels[qf_caller_random(&client->caller, 4)], 0, NULL);
}

/* ask_in_block asks once, inside a block; false when it failed, and the block with it. */
static bool
ask_in_block(OrderClient *client, Request *request, const Call *call)
{
    PGresult *result = qf_link_query(&client->caller.link, place_sql, ARGUMENTS, call->values);

    request->attempts++;
    request->last_ns = client->caller.link.sent_ns;
    if (result == NULL && !qf_caller_passes(&client->caller))
        lie(client, request, PQerrorMessage(client->caller.link.conn));
    if (result != NULL)
        answer_read(client, request, result, 0, true, EARLIER_NONE);
    PQclear(result);
    return result != NULL;
}

/*
 * place_block asks inside a transaction block: undo goes to a savepoint first,
 * so that the order is placed, taken back and placed again. A block that failed
 * is followed by a plain request.
 */
static void
place_block(OrderClient *client, size_t number, const Call *call, bool undo)
{
    Request *request = &client->requests[number];
    Earlier earlier = EARLIER_NONE;
    bool good = begin(client);

    if (good && undo)
    {
        good = qf_link_command(&client->caller.link, "SAVEPOINT before", 0, NULL) &&
               ask_in_block(client, request, call) &&
               qf_link_command(&client->caller.link, "ROLLBACK TO before", 0, NULL);
        client->undone += good;
    }
    good = good && ask_in_block(client, request, call);
    if (good)
    {
        good = qf_link_command(&client->caller.link, "COMMIT", 0, NULL);
        earlier = good || !qf_link_broken(&client->caller.link) ? EARLIER_NONE : EARLIER_PERHAPS;
    }
    if (good)
        placed_keep(client, number);
    else
    {
        client->caller.repeats++;
        qf_caller_mend(&client->caller);
        place_plain(client, number, call, earlier);
    }
}

/* place_undone asks inside a block that is rolled back, then plainly. */
static void
place_undone(OrderClient *client, size_t number, const Call *call)
{
    if (begin(client) && ask_in_block(client, &client->requests[number], call) &&
        qf_link_rollback(&client->caller.link))
        client->undone++;
    else
        qf_caller_mend(&client->caller);
    place_plain(client, number, call, EARLIER_NONE);
}

/* cut sends a statement and hangs up without waiting for the answer; it will be sent again. */
static void
cut(OrderClient *client, const char *sql, int count, const char *const *values)
{
    if (PQsendQueryParams(client->caller.link.conn, sql, count, NULL, values, NULL, NULL, 0) == 1)
        PQflush(client->caller.link.conn);
    usleep((useconds_t) qf_caller_random(&client->caller, CUT_WAIT_US));
    qf_link_close(&client->caller.link);
    client->cuts++;
    client->caller.repeats++;
    qf_caller_connect(&client->caller);
}

/* cut_wanted says, by chance, whether to hang up this time. */
static bool
cut_wanted(OrderClient *client, int one_in)
{
    return one_in > 0 && qf_caller_random(&client->caller, one_in) == 0;
}

/* batch_write writes calls as the array that place_orders takes. */
static void
batch_write(char *json, size_t size, const Call *calls, int count)
{
    size_t used = 0;

    for (int i = 0; i < count; i++)
    {
        const Call *call = &calls[i];

        used += (size_t) snprintf(json + used,
                                  size - used,
                                  "%c{\"symbol\":\"%s\",\"side\":\"%s\",\"price\":\"%s\",\"quantity\":\"%s\",\"request_"
                                  "id\":\"%s\",\"strategy\":\"%s\"",
                                  i == 0 ? '[' : ',',
                                  call->slot.symbol,
                                  call->slot.side,
                                  call->price,
                                  call->quantity,
                                  call->request_id,
                                  call->values[7]);
        if (call->values[6] != NULL)
            used += (size_t) snprintf(json + used, size - used, ",\"slot\":\"%s\"", call->values[6]);
        used += (size_t) snprintf(json + used, size - used, "}");
    }
    snprintf(json + used, size - used, "]");
}

/* place_batch asks for several slots of one account in one call, until it is answered. */
static void
place_batch(OrderClient *client, int count)
{
    static const char *const accounts[] = {"stress", "stress/two"};
    const char *account = accounts[qf_caller_random(&client->caller, 2)];
    Call calls[BATCH_MAX];
    char json[BATCH_MAX * ELEMENT_SIZE];
    const char *const values[] = {account, json};
    int64_t sent_ns = qf_now_ns();
    size_t first = client->request_count;
    long repeats = client->caller.repeats;
    PGresult *result;

    for (int i = 0; i < count; i++)
        request_new(client, &calls[i], account);
    batch_write(json, sizeof(json), calls, count);
    if (cut_wanted(client, qf_order_options.cut_one_in / BATCH_CUTS + 1))
        cut(client, batch_sql, 2, values);
    result = qf_caller_insist(&client->caller, batch_sql, 2, values);
    for (int i = 0; i < count; i++)
    {
        Request *request = &client->requests[first + (size_t) i];

        request->sent_ns = sent_ns;
        request->last_ns = client->caller.link.sent_ns;
        request->attempts = (int) (client->caller.repeats - repeats) + 1;
        if (result == NULL || PQntuples(result) != count)
            lie(client,
                request,
                result == NULL ? PQerrorMessage(client->caller.link.conn) : "place_orders left one out");
        else
            answer_read(client, request, result, i, false, request->attempts > 1 ? EARLIER_PERHAPS : EARLIER_NONE);
        placed_keep(client, first + (size_t) i);
    }
    if (result == NULL)
        qf_caller_count_state(&client->caller);
    PQclear(result);
}

/* place_some asks for one or several slots in one of the ways, by chance. */
static void
place_some(OrderClient *client)
{
    Call call;
    size_t number;
    long way = qf_caller_random(&client->caller, 20);

    if (way == 0)
    {
        place_batch(client, 2 + (int) qf_caller_random(&client->caller, BATCH_MAX - 1));
        return;
    }
    number = request_new(client, &call, NULL);
    client->requests[number].sent_ns = qf_now_ns();
    if (cut_wanted(client, qf_order_options.cut_one_in))
    {
        cut(client, place_sql, ARGUMENTS, call.values);
        client->requests[number].attempts++;
        place_plain(client, number, &call, EARLIER_PERHAPS);
    }
    else if (way == 1)
        place_undone(client, number, &call);
    else if (way <= 4)
        place_block(client, number, &call, way == 2);
    else
        place_plain(client, number, &call, EARLIER_NONE);
}

/* qf_order_client_main is a client's thread. */
void *
qf_order_client_main(void *argument)
{
    OrderClient *client = argument;
    int live_max = LIVE_ALL / qf_order_options.clients;

    if (live_max > LIVE_MAX - BATCH_MAX)
        live_max = LIVE_MAX - BATCH_MAX;
    qf_caller_connect(&client->caller);
    while (!atomic_load(&qf_order_stop))
    {
        if (client->live_count > live_max ||
            (client->live_count > 0 && qf_caller_random(&client->caller, 100) >= PLACE_PERCENT))
            qf_order_end_one(client);
        else
            place_some(client);
    }
    qf_link_close(&client->caller.link);
    return NULL;
}
