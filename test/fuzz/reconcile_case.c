/*
 * Cases for the classifier, out of any bytes. Ids, quantities and times are
 * drawn from few, so that they meet; the flags contradict one another freely.
 */
#include "reconcile_case.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What is left of the input; it ends in zeros. */
typedef struct Bytes
{
    const uint8_t *at;
    const uint8_t *end;
} Bytes;

static uint8_t draw(Bytes *bytes);
static const char *draw_text(Bytes *bytes, const char *const *texts, size_t n);
static QmUnits draw_units(Bytes *bytes);
static int64_t draw_time(Bytes *bytes);
static void make_local(QmLocalOrder *local, const QmLocalOrder *before, Bytes *bytes);
static void make_remote(QmRemoteOrder *remote, const QmRemoteOrder *before, Bytes *bytes);
static void make_trade(QmRemoteTrade *trade, const QmRemoteTrade *before, Bytes *bytes);
static void make_balance(QmBalance *balance, Bytes *bytes);
static void shuffle(uint32_t *random, void *things, size_t size, size_t n);

static const int64_t now_us = 1000;

/* Attempts of a few orders, another database's, some that are almost ours, and none. */
static const char *const client_ids[] = {
    "qab121a0",
    "qab121a1",
    "qab122a0",
    "qab123a0",
    "qab124a0",
    "qzz991a0",
    "qab121a",
    "qab121",
    "qab1201a0",
    "bot",
    "",
    "qab121a01",
    NULL,
    "qab12za999",
    "aaaaa",
    "qab12zzzzzzzzzzzzza0",
};
static const char *const exchange_ids[] =
    {"1", "2", "3", "10", "", "a-long-one-of-an-exchange-that-names-orders-so", "4", "5"};
static const char *const slots[] = {"100", "101", "", NULL};
static const char *const trade_ids[] = {"1", "2", "3", "10", "11", "", "x", "4"};
static const char *const assets[] = {"BTC", "USDT", ""};

#define TEXT(bytes, texts) draw_text(bytes, texts, sizeof(texts) / sizeof((texts)[0]))

/* qz_case_make reads a case. */
void
qz_case_make(FuzzCase *fuzz, const uint8_t *data, size_t size)
{
    Bytes bytes = {data, data + size};
    QmComparison *c = &fuzz->comparison;
    uint8_t flags;

    memset(fuzz, 0, sizeof(*fuzz));
    flags = draw(&bytes);
    fuzz->random = draw(&bytes) * 2654435761u + 1;
    *c = (QmComparison){.locals = fuzz->locals,
                        .nlocals = draw(&bytes) % (CASE_EACH_MAX + 1),
                        .remotes = fuzz->remotes,
                        .nremotes = draw(&bytes) % (CASE_EACH_MAX + 1),
                        .trades = fuzz->trades,
                        .ntrades = draw(&bytes) % (CASE_EACH_MAX + 1),
                        .balances = fuzz->balances,
                        .nbalances = (flags >> 4) % 4,
                        .complete = (flags & 7) != 0,
                        .balances_seen = (flags & 8) != 0,
                        .now_us = now_us};
    for (size_t i = 0; i < c->nlocals; i++)
        make_local(&fuzz->locals[i], i == 0 ? NULL : &fuzz->locals[i - 1], &bytes);
    for (size_t i = 0; i < c->nremotes; i++)
        make_remote(&fuzz->remotes[i], i == 0 ? NULL : &fuzz->remotes[i - 1], &bytes);
    for (size_t i = 0; i < c->ntrades; i++)
        make_trade(&fuzz->trades[i], i == 0 ? NULL : &fuzz->trades[i - 1], &bytes);
    for (size_t i = 0; i < c->nbalances; i++)
        make_balance(&fuzz->balances[i], &bytes);
}

/* qz_case_shuffle brings everything of a case into another order. */
void
qz_case_shuffle(FuzzCase *fuzz)
{
    shuffle(&fuzz->random, fuzz->locals, sizeof(fuzz->locals[0]), fuzz->comparison.nlocals);
    shuffle(&fuzz->random, fuzz->remotes, sizeof(fuzz->remotes[0]), fuzz->comparison.nremotes);
    shuffle(&fuzz->random, fuzz->trades, sizeof(fuzz->trades[0]), fuzz->comparison.ntrades);
    shuffle(&fuzz->random, fuzz->balances, sizeof(fuzz->balances[0]), fuzz->comparison.nbalances);
}

/* draw takes the next byte. */
static uint8_t
draw(Bytes *bytes)
{
    return bytes->at < bytes->end ? *bytes->at++ : 0;
}

/* draw_text picks one of the texts. */
static const char *
draw_text(Bytes *bytes, const char *const *texts, size_t n)
{
    return texts[draw(bytes) % n];
}

/* draw_units picks a quantity: mostly a small one, at times none that is sane. */
static QmUnits
draw_units(Bytes *bytes)
{
    const QmUnits huge = (QmUnits) (~(unsigned __int128) 0 >> 1);
    uint8_t byte = draw(bytes);

    switch (byte)
    {
        case 255:
            return huge;
        case 254:
            return -huge - 1;
        case 253:
            return -3;
        case 252:
            return (QmUnits) 1 << 64;
        default:
            return byte % 12;
    }
}

/* draw_time picks a deadline: none, over, just not over, ahead, and the ends of time. */
static int64_t
draw_time(Bytes *bytes)
{
    const int64_t times[] = {0, now_us - 1, now_us, now_us + 1, 1, INT64_MAX, INT64_MIN, now_us - 1};

    return times[draw(bytes) % 8];
}

/* make_local makes an order of ours; at times the one before once more, with other quantities. */
static void
make_local(QmLocalOrder *local, const QmLocalOrder *before, Bytes *bytes)
{
    uint8_t flags = draw(bytes), answers = draw(bytes);
    const char *exchange_id = TEXT(bytes, exchange_ids);

    if (before != NULL && answers % 8 == 7)
    {
        memcpy(local, before, sizeof(*local));
        local->slot = TEXT(bytes, slots);
        local->filled = draw_units(bytes);
        local->reported = draw_units(bytes);
        return;
    }
    local->order_id = draw(bytes) % 12 + 1;
    local->client_order_id = TEXT(bytes, client_ids);
    local->exchange_order_id = answers & 128 ? NULL : exchange_id;
    local->slot = TEXT(bytes, slots);
    local->state = (QmOrderState) (draw(bytes) % QM_ORDER_STATES);
    local->origin = (QmOrigin) (flags % 4 == 3 ? QM_ORIGIN_OWN : flags % 4);
    local->buy = flags & 4;
    local->settled = (flags & 24) != 0;
    local->holds_slot = flags & 32;
    local->owner_is_dead = flags & 64;
    local->cancel_pending = flags & 128;
    local->absent_answers = answers % 6;
    local->price = draw_units(bytes);
    local->quantity = draw_units(bytes);
    local->filled = draw_units(bytes);
    local->reported = draw_units(bytes);
    local->accept_deadline_us = draw_time(bytes);
    local->cancel_deadline_us = draw_time(bytes);
}

/* make_remote makes an open order; at times the one before once more, with another side or quantity. */
static void
make_remote(QmRemoteOrder *remote, const QmRemoteOrder *before, Bytes *bytes)
{
    uint8_t flags = draw(bytes);

    if (before != NULL && flags % 8 == 7)
    {
        memcpy(remote, before, sizeof(*remote));
        remote->ours = flags & 8;
        remote->buy = flags & 16;
        remote->quantity = draw_units(bytes);
        return;
    }
    remote->client_order_id = TEXT(bytes, client_ids);
    remote->exchange_order_id = TEXT(bytes, exchange_ids);
    remote->ours = flags & 1;
    remote->buy = flags & 2;
    remote->price = draw_units(bytes);
    remote->quantity = draw_units(bytes);
    remote->filled = draw_units(bytes);
}

/* make_trade makes a trade; at times the one before once more, with another client's id or price. */
static void
make_trade(QmRemoteTrade *trade, const QmRemoteTrade *before, Bytes *bytes)
{
    uint8_t flags = draw(bytes);

    if (before != NULL && flags % 8 == 7)
    {
        memcpy(trade, before, sizeof(*trade));
        trade->ours = flags & 8;
        trade->client_order_id = TEXT(bytes, client_ids);
        trade->price = draw_units(bytes);
        return;
    }
    trade->trade_id = TEXT(bytes, trade_ids);
    trade->exchange_order_id = TEXT(bytes, exchange_ids);
    trade->client_order_id = flags & 1 ? TEXT(bytes, client_ids) : NULL;
    trade->known = (QmTradeKnown) ((flags >> 1) % 3);
    trade->ours = flags & 32;
    trade->buy = flags & 64;
    trade->quantity = draw_units(bytes);
    trade->price = draw_units(bytes);
}

/* make_balance makes what the account has of an asset. */
static void
make_balance(QmBalance *balance, Bytes *bytes)
{
    balance->asset = TEXT(bytes, assets);
    balance->expected = draw_units(bytes);
    balance->actual = draw_units(bytes);
    balance->tolerance = draw_units(bytes);
}

/* shuffle brings n things of that size into another order. */
static void
shuffle(uint32_t *random, void *things, size_t size, size_t n)
{
    char kept[256];

    for (size_t i = n; i > 1; i--)
    {
        char *last = (char *) things + (i - 1) * size, *other;

        *random = *random * 1664525 + 1013904223;
        other = (char *) things + (*random >> 8) % i * size;
        memcpy(kept, last, size);
        memcpy(last, other, size);
        memcpy(other, kept, size);
    }
}
