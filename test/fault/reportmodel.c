/*
 * Reportperm: average cost, done once more, with quantities that are exact and
 * money that is not: to see that the ledger's rule is the one that was meant.
 */
#include "reportperm.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A fill or bust as it must be booked, whoever told of it first. */
typedef struct Booking
{
    int trade;
    bool sell;
    bool bust;
    int64_t time_us; /* the earliest that was told */
    Fine quantity;   /* what it adds to the position, without its commission */
    Fine fee;        /* what the commission takes off it */
    double price;
} Booking;

/* by_time sorts bookings as the ledger does: by time, trade id as a text, buys before sells, trades before busts. */
static int
by_time(const void *left, const void *right)
{
    const Booking *a = left, *b = right;
    char texts[2][32];
    int order;

    if (a->time_us != b->time_us)
        return a->time_us < b->time_us ? -1 : 1;
    snprintf(texts[0], sizeof(texts[0]), "%d", a->trade);
    snprintf(texts[1], sizeof(texts[1]), "%d", b->trade);
    order = strcmp(texts[0], texts[1]);
    if (order != 0)
        return order;
    return a->sell != b->sell ? a->sell - b->sell : a->bust - b->bust;
}

/* booking_find returns the booking of a report's trade or bust, a new one if there is none. */
static Booking *
booking_find(const Case *c, Booking *bookings, int *count, const CaseReport *report)
{
    bool sell = !c->orders[report->order].buy;

    for (int i = 0; i < *count; i++)
        if (bookings[i].trade == report->trade && bookings[i].sell == sell && bookings[i].bust == report->bust)
            return &bookings[i];
    bookings[*count] =
        (Booking){.trade = report->trade, .sell = sell, .bust = report->bust, .time_us = report->time_us};
    return &bookings[(*count)++];
}

/* bookings_make puts together what the reports tell of each trade. */
static int
bookings_make(const Case *c, Booking *bookings)
{
    int count = 0;

    for (int i = 0; i < c->report_count; i++)
    {
        const CaseReport *report = &c->reports[i];
        Booking *booking;

        if (report->trade == 0)
            continue;
        booking = booking_find(c, bookings, &count, report);
        booking->quantity = c->orders[report->order].buy != report->bust ? report->quantity : -report->quantity;
        booking->price = (double) report->price / 1e8;
        if (report->time_us < booking->time_us)
            booking->time_us = report->time_us;
        if (report->asset != NULL && strcmp(report->asset, "BTC") == 0)
            booking->fee = report->bust ? -report->commission : report->commission;
    }
    qsort(bookings, (size_t) count, sizeof(*bookings), by_time);
    return count;
}

/* sign returns -1, 0 or 1. */
static int
sign(Fine value)
{
    return (value > 0) - (value < 0);
}

/* qf_case_expect_cost says what the position must have cost in the end. */
void
qf_case_expect_cost(const Case *c, Expected *expected)
{
    Booking bookings[CASE_REPORTS_MAX] = {0};
    int count = bookings_make(c, bookings);
    Fine position = 0;
    double cost = 0;

    expected->certain = true;
    for (int i = 0; i < count; i++)
    {
        const Booking *b = &bookings[i];
        Fine after = position + b->quantity;
        int side = sign(position);

        if (side == 0 || sign(b->quantity) == side)
            cost += (double) b->quantity / 1e18 * b->price;
        else if (sign(after) == side)
            cost *= (double) after / (double) position;
        else
            cost = (double) after / 1e18 * b->price;
        position = after - b->fee;
        if (b->fee != 0 && sign(position) != sign(after))
            expected->certain = false;
    }
    expected->cost = cost;
}
