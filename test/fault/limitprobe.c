/*
 * Limitstress: when all is quiet, exactly the free room can be had: all of it,
 * or room was lost in a crash or a rollback; and no more, or it was never there.
 */
#include "limitstress.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum
{
    PROBES_MAX = 64,
    ROOM_NONE = 1000000,  /* orders, where there is no limit */
    RATE_WAIT_US = 100000 /* and a second */
};

#define SECOND_NS INT64_C(1000000000)

/* What is free in a market, by the tables and its limits. */
typedef struct Room
{
    long orders;
    int64_t buy, sell, notional;
} Room;

/* Orders that were placed to see whether they can be, and are ended at once. */
typedef struct Probes
{
    LimitOrder orders[PROBES_MAX];
    int count;
} Probes;

/* least returns the smaller number. */
static int64_t
least(int64_t left, int64_t right)
{
    return left < right ? left : right;
}

/* room_find measures what is free in a market; what the tables leave of a limit that is exceeded is nothing. */
static bool
room_find(Caller *caller, int number, Room *room)
{
    const LimitMarket *market = &qf_limit_markets[number];
    const int64_t none = INT64_MAX / 4;
    LimitMeasure measures[LIMIT_MARKETS], whole, *own = &measures[number];
    PGresult *result = qf_caller_insist(caller, qf_limit_measure_sql, 0, NULL);

    if (result == NULL)
        return false;
    qf_limit_measure(result, measures);
    PQclear(result);
    qf_limit_judge(measures, "the probe");
    qf_limit_whole(measures, market->account, &whole);
    room->orders = market->limits.orders == 0 ? ROOM_NONE : market->limits.orders - own->orders;
    room->buy = market->limits.position == 0 ? none : market->limits.position - own->longest;
    room->sell = market->limits.position == 0 ? none : market->limits.position - own->shortest;
    room->notional = market->limits.notional == 0 ? none : market->limits.notional - own->notional;
    if (market->whole.orders != 0)
        room->orders = least(room->orders, market->whole.orders - whole.orders);
    if (market->whole.notional != 0)
        room->notional = least(room->notional, market->whole.notional - whole.notional);
    return true;
}

/* quantity_max returns the largest quantity of one order that fits into the room, in whole lots. */
static int64_t
quantity_max(const Room *room, bool buy)
{
    int64_t quantity = least(buy ? room->buy : room->sell, room->notional / (buy ? BUY_PRICE : SELL_PRICE));

    return room->orders < 1 || quantity < LOT ? 0 : quantity / LOT * LOT;
}

/* probe asks for one order and keeps it when it was placed; false when there was no answer. */
static bool
probe(Caller *caller, Probes *probes, int market, bool buy, int64_t quantity, bool *placed)
{
    LimitOrder *order = &probes->orders[probes->count];
    int answer;

    memset(order, 0, sizeof(*order));
    order->market = market;
    order->buy = buy;
    order->quantity = quantity;
    answer = qf_limit_place(caller, order, NULL, true);
    *placed = answer == 1;
    probes->count += *placed;
    return answer != 0;
}

/* probes_end takes all probes back. */
static bool
probes_end(Caller *caller, Probes *probes)
{
    bool good = true;

    for (int i = 0; i < probes->count; i++)
        good = qf_limit_reject(caller, &probes->orders[i]) && good;
    probes->count = 0;
    return good;
}

/* lots_probe places orders of one lot: as many as there is room for, and not one more. */
static bool
lots_probe(Caller *caller, int market, bool buy)
{
    Probes probes = {0};
    Room room;
    bool placed = true;
    int64_t expected;

    if (!room_find(caller, market, &room))
        return false;
    expected = least(room.orders, quantity_max(&room, buy) / LOT);
    if (expected >= PROBES_MAX)
        return true;
    while (placed && probes.count <= expected)
        if (!probe(caller, &probes, market, buy, LOT, &placed))
            return false;
    if (probes.count != expected)
        qf_limit_violation(probes.count < expected ? LIMIT_STUCK : LIMIT_OVER,
                           "%s %s: room for %" PRId64 " %s orders, %d placed",
                           qf_limit_markets[market].account,
                           qf_limit_markets[market].symbol,
                           expected,
                           buy ? "buy" : "sell",
                           probes.count);
    return probes_end(caller, &probes);
}

/* size_probe places one order of all that is free, and then one lot more. */
static bool
size_probe(Caller *caller, int market, bool buy)
{
    Probes probes = {0};
    Room room;
    bool placed = true;
    int64_t quantity;
    char text[32];

    if (!room_find(caller, market, &room))
        return false;
    quantity = quantity_max(&room, buy);
    if (quantity / LOT > ROOM_NONE)
        return true;
    if (quantity > 0 && !probe(caller, &probes, market, buy, quantity, &placed))
        return false;
    if (!placed)
        qf_limit_violation(LIMIT_STUCK,
                           "%s %s: room to %s %s, denied",
                           qf_limit_markets[market].account,
                           qf_limit_markets[market].symbol,
                           buy ? "buy" : "sell",
                           qf_units_text(text, quantity));
    if (!probe(caller, &probes, market, buy, LOT, &placed))
        return false;
    if (placed)
        qf_limit_violation(LIMIT_OVER,
                           "%s %s: room to %s %s, and a lot more could be had",
                           qf_limit_markets[market].account,
                           qf_limit_markets[market].symbol,
                           buy ? "buy" : "sell",
                           qf_units_text(text, quantity));
    return probes_end(caller, &probes);
}

/* rate_probe places as many orders as a second may have, a second after all others; and one more, if there is time. */
static bool
rate_probe(Caller *caller, int market)
{
    Probes probes = {0};
    int rate = qf_limit_markets[market].rate;
    int64_t start_ns;
    bool placed = true;

    if (rate == 0)
        return true;
    sleep(1);
    usleep(RATE_WAIT_US);
    start_ns = qf_now_ns();
    while (placed && probes.count <= rate)
        if (!probe(caller, &probes, market, true, LOT, &placed))
            return false;
    if (probes.count < rate || (probes.count > rate && qf_now_ns() - start_ns < SECOND_NS))
        qf_limit_violation(probes.count < rate ? LIMIT_STUCK : LIMIT_OVER,
                           "%s %s: %d orders in a second, %d could be had",
                           qf_limit_markets[market].account,
                           qf_limit_markets[market].symbol,
                           rate,
                           probes.count);
    return probes_end(caller, &probes);
}

/* qf_limit_probe tries every market, its order rate only where rates is true; false when a call was refused. */
bool
qf_limit_probe(Caller *caller, bool rates)
{
    for (int i = 0; i < LIMIT_MARKETS; i++)
        for (int buy = 0; buy < 2; buy++)
            if (!lots_probe(caller, i, buy == 1) || !size_probe(caller, i, buy == 1) ||
                (rates && buy == 1 && !rate_probe(caller, i)))
                return false;
    return true;
}

/* qf_limit_settle_all ends all live orders, so that all room but that of positions is free. */
bool
qf_limit_settle_all(Caller *caller)
{
    static const char sql[] = "SELECT count(s.state) FROM quantmesh.orders AS o,"
                              " quantmesh.settle_order(o.account, o.order_id, 'canceled', 'all') AS s WHERE o.live";

    return qf_caller_insist_number(caller, sql, 0, NULL) >= 0;
}

/* by_sent sorts placements by when they were sent. */
static int
by_sent(const void *left, const void *right)
{
    const LimitPlacement *a = left, *b = right;

    return (a->sent_ns > b->sent_ns) - (a->sent_ns < b->sent_ns);
}

/* rate_judge looks for a second in which more orders were surely placed than may be; returns the most there were. */
static int
rate_judge(int market, LimitPlacement *placements, size_t count)
{
    int most = 0;

    qsort(placements, count, sizeof(*placements), by_sent);
    for (size_t i = 0; i < count; i++)
    {
        int64_t end_ns = placements[i].sent_ns + SECOND_NS;
        int within = 0;

        for (size_t j = i; j < count && placements[j].sent_ns < end_ns; j++)
            within += placements[j].answered_ns < end_ns;
        most = within > most ? within : most;
    }
    if (most > qf_limit_markets[market].rate)
        qf_limit_violation(LIMIT_RATE,
                           "%s %s: %d in a second",
                           qf_limit_markets[market].account,
                           qf_limit_markets[market].symbol,
                           most);
    return most;
}

/* qf_limit_rates holds what the clients placed against the limits on order rates, and prints how far they were used. */
void
qf_limit_rates(bool print)
{
    for (int market = 0; market < LIMIT_MARKETS; market++)
    {
        LimitPlacement *placements = NULL;
        size_t count = 0;
        int most;

        if (qf_limit_markets[market].rate == 0)
            continue;
        for (int i = 0; i < qf_limit_options.clients; i++)
            for (size_t j = 0; j < qf_limit_clients[i].placement_count; j++)
            {
                if (qf_limit_clients[i].placements[j].market != market)
                    continue;
                placements = qf_grow(placements, count, sizeof(*placements));
                placements[count++] = qf_limit_clients[i].placements[j];
            }
        most = count == 0 ? 0 : rate_judge(market, placements, count);
        if (print)
            printf("  %s %s: at most %d orders in a second, of %d\n",
                   qf_limit_markets[market].account,
                   qf_limit_markets[market].symbol,
                   most,
                   qf_limit_markets[market].rate);
        free(placements);
    }
}
