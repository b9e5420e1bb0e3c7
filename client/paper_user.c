/*
 * Events of an account: what the world tells of its orders and balances, in
 * Binance's words, to all that have subscribed. Faults may lose, double, delay or
 * swap them, for all subscribers alike.
 */
#include "paper_server_inside.h"

#include <stdlib.h>
#include <string.h>

#define SWAPPED_MAX_MS 1000 /* an event that waits for the next one does not wait longer */

static int64_t read_clock(void *context);
static void take_order(void *context, const QmPaperOrderEvent *event);
static void take_balance(void *context, int account, int asset, const QmPaperBalance *balance);
static void take_adjusted(void *context, int account, int asset, QmPaperDecimal amount);
static void take_trade(void *context, int symbol, const QmPaperTrade *trade);
static void take_candle(void *context, int symbol, QmPaperInterval interval, const QmPaperCandle *candle);
static void take_best(void *context, int symbol, const QmPaperBest *best);
static void take_fault(void *context, const QmPaperFault *fault);
static json_t *report(const QmPaperServer *server, const QmPaperOrderEvent *event);
static void emit(QmPaperServer *server, int account, int symbol, json_t *event);
static void deliver(QmPaperServer *server, int account, json_t *event);
static void keep_late(QmPaperServer *server, int account, json_t *event, int64_t ms);

/* qm_paper_user_watch makes the world tell the server what happens. */
void
qm_paper_user_watch(QmPaperServer *server)
{
    const QmPaperWatcher watcher = {.context = server,
                                    .clock_ms = read_clock,
                                    .order = take_order,
                                    .balance = take_balance,
                                    .adjusted = take_adjusted,
                                    .trade = take_trade,
                                    .candle = take_candle,
                                    .best = take_best,
                                    .fault = take_fault};

    qm_paper_world_watch(server->world, &watcher);
}

static int64_t
read_clock(void *context)
{
    return qm_paper_wire_ms(context);
}

static void
take_order(void *context, const QmPaperOrderEvent *event)
{
    QmPaperServer *server = context;

    if (event->fill != NULL && !event->fill->is_maker && server->fills != NULL)
    {
        QmPaperSymbol market = qm_paper_symbol(server->world, event->symbol);

        json_array_append_new(server->fills,
                              json_pack("{s:o, s:o, s:o, s:s, s:I}",
                                        "price",
                                        qm_paper_json_decimal(event->fill->price),
                                        "qty",
                                        qm_paper_json_decimal(event->fill->quantity),
                                        "commission",
                                        qm_paper_json_decimal(event->fill->commission),
                                        "commissionAsset",
                                        qm_paper_asset_name(server->world,
                                                            event->order->side == QM_PAPER_BUY ? market.base
                                                                                               : market.quote),
                                        "tradeId",
                                        (json_int_t) event->fill->trade_id));
    }
    qm_paper_user_flush(server); /* the balances of what was before */
    emit(server, event->order->account, event->symbol, report(server, event));
}

static void
take_balance(void *context, int account, int asset, const QmPaperBalance *balance)
{
    QmPaperServer *server = context;

    (void) balance;
    server->moved[account][asset] = server->has_moved[account] = true;
}

/* take_adjusted tells of a deposit or a withdrawal. */
static void
take_adjusted(void *context, int account, int asset, QmPaperDecimal amount)
{
    QmPaperServer *server = context;
    int64_t now_ms = qm_paper_wire_ms(server);

    qm_paper_user_flush(server);
    emit(server,
         account,
         -1,
         json_pack("{s:s, s:I, s:s, s:o, s:I}",
                   "e",
                   "balanceUpdate",
                   "E",
                   (json_int_t) now_ms,
                   "a",
                   qm_paper_asset_name(server->world, asset),
                   "d",
                   qm_paper_json_decimal(amount),
                   "T",
                   (json_int_t) now_ms));
}

static void
take_trade(void *context, int symbol, const QmPaperTrade *trade)
{
    qm_paper_tell_trade(context, symbol, trade);
}

static void
take_candle(void *context, int symbol, QmPaperInterval interval, const QmPaperCandle *candle)
{
    qm_paper_tell_candle(context, symbol, interval, candle);
}

static void
take_best(void *context, int symbol, const QmPaperBest *best)
{
    qm_paper_tell_best(context, symbol, best);
}

static void
take_fault(void *context, const QmPaperFault *fault)
{
    qm_paper_admin_fault(context, fault);
}

/* kind_of returns what has happened to an order, in Binance's word. */
static const char *
kind_of(const QmPaperOrderEvent *event)
{
    if (event->fill != NULL)
        return "TRADE";
    switch (event->order->status)
    {
        case QM_PAPER_CANCELED:
            return "CANCELED";
        case QM_PAPER_EXPIRED:
            return "EXPIRED";
        case QM_PAPER_EXPIRED_IN_MATCH:
            return "TRADE_PREVENTION";
        case QM_PAPER_NEW:
        case QM_PAPER_PARTIALLY_FILLED:
        case QM_PAPER_FILLED:
            break;
    }
    return "NEW";
}

/* put_order adds what an order is. */
static void
put_order(json_t *body, const QmPaperOrder *order)
{
    json_object_set_new(body, "S", json_string(order->side == QM_PAPER_BUY ? "BUY" : "SELL"));
    json_object_set_new(body, "o", json_string(qm_paper_type_name(order->type)));
    json_object_set_new(body, "f", json_string(qm_paper_force_name(order->force)));
    json_object_set_new(body, "q", qm_paper_json_decimal(order->quantity));
    json_object_set_new(body, "p", qm_paper_json_decimal(order->price));
    json_object_set_new(body, "P", qm_paper_json_decimal(0));
    json_object_set_new(body, "F", qm_paper_json_decimal(0));
    json_object_set_new(body, "g", json_integer(-1));
    json_object_set_new(body, "X", json_string(qm_paper_status_name(order->status)));
    json_object_set_new(body, "r", json_string("NONE"));
    json_object_set_new(body, "i", json_integer(order->id));
    json_object_set_new(body, "z", qm_paper_json_decimal(order->filled));
    json_object_set_new(body, "Z", qm_paper_json_decimal(order->quote));
    json_object_set_new(body, "Q", qm_paper_json_decimal(order->amount));
    json_object_set_new(body, "V", json_string(qm_paper_stp_name(order->stp)));
    json_object_set_new(body, "M", json_false());
    if (order->expiry != QM_PAPER_NOT_EXPIRED)
        json_object_set_new(body, "eR", json_string(qm_paper_expiry_name(order->expiry)));
}

/* put_fill adds what it has just traded; nothing, in the exchange's way of saying so. */
static void
put_fill(json_t *body, const QmPaperFill *fill, const char *asset)
{
    static const QmPaperFill none = {.trade_id = -1};

    json_object_set_new(body, "N", fill == NULL ? json_null() : json_string(asset));
    json_object_set_new(body, "n", fill == NULL ? json_string("0") : qm_paper_json_decimal(fill->commission));
    fill = fill == NULL ? &none : fill;
    json_object_set_new(body, "l", qm_paper_json_decimal(fill->quantity));
    json_object_set_new(body, "L", qm_paper_json_decimal(fill->price));
    json_object_set_new(body, "Y", qm_paper_json_decimal(fill->quote));
    json_object_set_new(body, "t", json_integer(fill->trade_id));
    json_object_set_new(body, "m", json_boolean(fill->is_maker));
}

/* report writes an executionReport. Of a cancel, "c" is the cancel's own id and "C" that of the order. */
static json_t *
report(const QmPaperServer *server, const QmPaperOrderEvent *event)
{
    const QmPaperOrder *order = event->order;
    QmPaperSymbol market = qm_paper_symbol(server->world, event->symbol);
    bool is_canceled = order->status == QM_PAPER_CANCELED && event->fill == NULL;
    bool on_book = qm_paper_is_open(order) && order->force == QM_PAPER_GTC;
    json_t *body = json_pack("{s:s, s:I, s:s, s:s, s:s, s:s, s:I, s:I, s:b, s:I}",
                             "e",
                             "executionReport",
                             "E",
                             (json_int_t) order->wire_updated_ms,
                             "s",
                             market.name,
                             "c",
                             is_canceled && event->cancel_id != NULL ? event->cancel_id : order->client_id,
                             "C",
                             is_canceled ? order->client_id : "",
                             "x",
                             kind_of(event),
                             "T",
                             (json_int_t) order->wire_updated_ms,
                             "I",
                             (json_int_t) event->event_id,
                             "w",
                             on_book,
                             "O",
                             (json_int_t) qm_paper_dated_ms(server, order->wire_created_ms));

    put_order(body, order);
    put_fill(body,
             event->fill,
             qm_paper_asset_name(server->world, order->side == QM_PAPER_BUY ? market.base : market.quote));
    if (on_book)
        json_object_set_new(body, "W", json_integer(qm_paper_dated_ms(server, order->wire_created_ms)));
    return body;
}

/* qm_paper_user_flush tells of the balances that have moved, once for each account. */
void
qm_paper_user_flush(QmPaperServer *server)
{
    for (int account = 0; account < qm_paper_account_count(server->world); account++)
    {
        int64_t now_ms;
        json_t *list;

        if (!server->has_moved[account])
            continue;
        server->has_moved[account] = false;
        list = json_array();
        for (int asset = 0; asset < qm_paper_asset_count(server->world); asset++)
        {
            const QmPaperBalance *balance = qm_paper_world_balance(server->world, account, asset);

            if (!server->moved[account][asset])
                continue;
            server->moved[account][asset] = false;
            json_array_append_new(list,
                                  json_pack("{s:s, s:o, s:o}",
                                            "a",
                                            qm_paper_asset_name(server->world, asset),
                                            "f",
                                            qm_paper_json_decimal(balance->free),
                                            "l",
                                            qm_paper_json_decimal(balance->locked)));
        }
        now_ms = qm_paper_wire_ms(server);
        emit(server,
             account,
             -1,
             json_pack("{s:s, s:I, s:I, s:o}",
                       "e",
                       "outboundAccountPosition",
                       "E",
                       (json_int_t) now_ms,
                       "u",
                       (json_int_t) now_ms,
                       "B",
                       list));
    }
}

/* emit lets an event go to its account, or does with it what a fault wants. It takes the event over. */
static void
emit(QmPaperServer *server, int account, int symbol, json_t *event)
{
    QmPaperEventMishap mishap = qm_paper_fault_event(server->world, account, symbol);
    json_t *before = server->behind[account];

    if (event == NULL || mishap.is_dropped)
    {
        json_decref(event);
        return;
    }
    if (mishap.is_reordered && before == NULL)
    {
        server->behind[account] = event;
        keep_late(server, account, NULL, SWAPPED_MAX_MS);
        return;
    }
    if (mishap.delay_ms > 0)
        keep_late(server, account, json_incref(event), mishap.delay_ms);
    else
        deliver(server, account, event);
    if (mishap.is_duplicated)
        deliver(server, account, event);
    json_decref(event);
    server->behind[account] = NULL;
    if (before != NULL)
        deliver(server, account, before);
    json_decref(before);
}

/* deliver sends an event to all that have subscribed to an account. */
static void
deliver(QmPaperServer *server, int account, json_t *event)
{
    for (QmPaperSocket *socket = server->sockets; socket != NULL; socket = socket->next)
        for (int id = 0; id < QM_PAPER_ACCOUNTS_MAX; id++)
        {
            json_t *message;

            if (socket->user_account[id] != account)
                continue;
            message = json_pack("{s:i, s:O}", "subscriptionId", id, "event", event);
            qm_paper_socket_send(socket, message);
            json_decref(message);
        }
    qm_paper_stream_tell(server, QM_PAPER_STREAM_USER, -1, account, event);
}

/* drop_late takes a late event out of the list and frees it. */
static void
drop_late(QmPaperLate *late)
{
    QmPaperLate **place = &late->server->late;

    while (*place != late)
        place = &(*place)->next;
    *place = late->next;
    qm_paper_timer_drop(&late->server->loop, &late->timer);
    json_decref(late->event);
    free(late);
}

/* come_late delivers a late event; without one, what still waits for another to go first. */
static void
come_late(void *context)
{
    QmPaperLate *late = context;
    QmPaperServer *server = late->server;
    json_t *event = late->event != NULL ? json_incref(late->event) : server->behind[late->account];

    if (late->event == NULL)
        server->behind[late->account] = NULL;
    if (event != NULL)
        deliver(server, late->account, event);
    json_decref(event);
    drop_late(late);
}

/* keep_late keeps an event back for a time; without memory it is lost, as any delayed event may be. */
static void
keep_late(QmPaperServer *server, int account, json_t *event, int64_t ms)
{
    QmPaperLate *late = calloc(1, sizeof(*late));

    if (late == NULL)
    {
        json_decref(event);
        return;
    }
    late->timer = (QmPaperTimer){.fire = come_late, .context = late};
    late->server = server;
    late->account = account;
    late->event = event;
    late->next = server->late;
    server->late = late;
    qm_paper_timer_set(&server->loop, &late->timer, ms);
}

/* qm_paper_user_terminate ends all subscriptions to an account, and says so; -1: to all. */
void
qm_paper_user_terminate(QmPaperServer *server, int account)
{
    json_t *event = json_pack("{s:s, s:I}", "e", "eventStreamTerminated", "E", (json_int_t) qm_paper_wire_ms(server));

    for (int each = 0; each < qm_paper_account_count(server->world); each++)
    {
        if (account >= 0 && each != account)
            continue;
        deliver(server, each, event);
        for (QmPaperSocket *socket = server->sockets; socket != NULL; socket = socket->next)
            for (int id = 0; id < QM_PAPER_ACCOUNTS_MAX; id++)
                if (socket->user_account[id] == each)
                    socket->user_account[id] = -1;
    }
    json_decref(event);
}

/* qm_paper_user_close drops what faults still keep back, and lets the world tell nobody. */
void
qm_paper_user_close(QmPaperServer *server)
{
    static const QmPaperWatcher nobody = {0};

    qm_paper_world_watch(server->world, &nobody);
    while (server->late != NULL)
        drop_late(server->late);
    for (int account = 0; account < QM_PAPER_ACCOUNTS_MAX; account++)
        json_decref(server->behind[account]);
    json_decref(server->fills);
}
