/*
 * Reportperm: random cases, and what must come out of them.
 */
#include "reportperm.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum
{
    FILLS_MAX = 4,
    PARTS_MAX = 999
};

#define FINE_ONE ((Fine) 1000000000000000000)

/* A case that is being made: its random numbers, and the events of each order that have not been merged yet. */
typedef struct Maker
{
    Case *c;
    uint64_t random;
    int trades[2]; /* of sells and of buys */
    bool own;      /* the case's buys trade with its sells: each side counts trades for itself */
    Fine scale;    /* of quantities */
    CaseReport events[CASE_ORDERS_MAX][CASE_REPORTS_MAX / CASE_ORDERS_MAX];
    int counts[CASE_ORDERS_MAX];
} Maker;

/* rnd returns a number from 0 to below - 1 (splitmix64). */
static long
rnd(Maker *maker, long below)
{
    uint64_t z = maker->random += UINT64_C(0x9E3779B97F4A7C15);

    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return (long) ((z ^ (z >> 31)) % (uint64_t) below);
}

/* word returns one of the ways in which a state is written. */
static const char *
word(Maker *maker, const char *const words[3])
{
    return words[rnd(maker, 3)];
}

static const char *const new_words[3] = {"new", "NEW", "open"};
static const char *const part_words[3] = {"partially_filled", "PARTIALLY_FILLED", "Partially_Filled"};
static const char *const filled_words[3] = {"filled", "FILLED", "filled"};
static const char *const canceled_words[3] = {"canceled", "CANCELED", "cancelled"};
static const char *const expired_words[3] = {"expired", "EXPIRED", "expired_in_match"};
static const char *const pending_words[3] = {"pending_new", "PENDING_NEW", "pending_cancel"};

/* event_add adds an event to an order and returns it. */
static CaseReport *
event_add(Maker *maker, int order, const char *state)
{
    static const char *const sources[3] = {"stream", "query", "reply"};
    CaseReport *event = &maker->events[order][maker->counts[order]++];

    memset(event, 0, sizeof(*event));
    event->order = order;
    event->state = state;
    event->cumulative = -1;
    event->source = word(maker, sources);
    event->exchange_id = rnd(maker, 2) == 0;
    return event;
}

/* commission_make gives a fill a commission: in the base, quote or a third asset, sometimes a rebate, sometimes none. */
static void
commission_make(Maker *maker, CaseReport *fill)
{
    static const char *const assets[3] = {"BTC", "USDT", "BNB"};

    if (rnd(maker, 5) == 0)
        return;
    fill->asset = assets[rnd(maker, 3)];
    fill->commission = (fill->quantity / 1000 + 1) * (1 + rnd(maker, 3));
    if (rnd(maker, 5) == 0)
        fill->commission = -fill->commission;
}

/* bust_add takes a trade back: with its numbers, and with its commission or without. */
static void
bust_add(Maker *maker, int order, const CaseReport *fill)
{
    CaseReport *bust = event_add(maker, order, rnd(maker, 2) == 0 ? "busted" : "BUSTED");

    bust->trade = fill->trade;
    bust->bust = true;
    bust->quantity = fill->quantity;
    bust->price = fill->price;
    if (rnd(maker, 2) == 0)
    {
        bust->asset = fill->asset;
        bust->commission = fill->commission;
    }
}

/* copy_fade makes a report of a trade tell less than another one does. */
static void
copy_fade(Maker *maker, CaseReport *fill)
{
    if (rnd(maker, 2) == 0)
    {
        fill->asset = NULL;
        fill->commission = 0;
    }
    if (rnd(maker, 2) == 0)
        fill->maker = NULL;
}

/* fill_add adds a fill, and what may be said of it besides: the same as a trade, an answer to a query, a bust. */
static void
fill_add(Maker *maker, int order, Fine quantity, Fine cumulative, bool last, const CaseReport **bust)
{
    const char *state = word(maker, last ? filled_words : part_words);
    CaseReport *fill = event_add(maker, order, rnd(maker, 4) == 0 ? NULL : state);
    CaseReport copy;

    fill->trade = ++maker->trades[maker->own && maker->c->orders[order].buy];
    fill->quantity = quantity;
    fill->price =
        1 + rnd(maker, 1000) + (rnd(maker, 2) == 0 ? 1000 * rnd(maker, 100000000) : 100000000 * rnd(maker, 200));
    fill->maker = rnd(maker, 2) == 0 ? "true" : (rnd(maker, 2) == 0 ? "false" : NULL);
    fill->cumulative = rnd(maker, 4) == 0 ? -1 : cumulative;
    commission_make(maker, fill);
    copy = *fill;
    if (rnd(maker, 5) == 0)
    {
        CaseReport *trade = event_add(maker, order, NULL);

        *trade = copy;
        trade->state = NULL;
        trade->cumulative = -1;
        trade->source = "trade";
        copy_fade(maker, rnd(maker, 2) == 0 ? trade : fill);
    }
    if (rnd(maker, 6) == 0)
        event_add(maker, order, state)->cumulative = cumulative;
    if (*bust == NULL && rnd(maker, 8) == 0)
        *bust = fill;
    else if (*bust != NULL && rnd(maker, 2) == 0)
    {
        bust_add(maker, order, *bust);
        *bust = NULL;
    }
}

/* order_make makes an order and the events of its life. */
static void
order_make(Maker *maker, int number)
{
    CaseOrder *order = &maker->c->orders[number];
    int fills = (int) rnd(maker, FILLS_MAX + 1);
    bool complete = fills > 0 && rnd(maker, 2) == 0;
    const CaseReport *bust = NULL;
    Fine parts[FILLS_MAX], cumulative = 0;
    long end = rnd(maker, 3);

    order->buy = rnd(maker, 2) == 0;
    order->before = rnd(maker, 3) == 0 ? (Before) (1 + rnd(maker, 3)) : BEFORE_NOTHING;
    for (int i = 0; i < fills; i++)
        order->quantity += parts[i] = maker->scale * (1 + rnd(maker, PARTS_MAX));
    if (!complete)
        order->quantity += maker->scale * (1 + rnd(maker, PARTS_MAX));
    if (rnd(maker, 3) == 0)
        event_add(maker, number, word(maker, pending_words));
    if (fills == 0 && rnd(maker, 3) == 0)
    {
        event_add(maker, number, rnd(maker, 2) == 0 ? "rejected" : "REJECTED");
        return;
    }
    if (rnd(maker, 6) > 0)
        event_add(maker, number, word(maker, new_words));
    for (int i = 0; i < fills; i++)
    {
        cumulative += parts[i];
        fill_add(maker, number, parts[i], cumulative, complete && i == fills - 1, &bust);
    }
    if (complete && rnd(maker, 3) == 0)
        event_add(maker, number, word(maker, filled_words))->cumulative = rnd(maker, 2) == 0 ? -1 : cumulative;
    if (!complete && end > 0)
        event_add(maker, number, word(maker, end == 1 ? canceled_words : expired_words))->cumulative =
            rnd(maker, 3) == 0 ? -1 : cumulative;
    if (bust != NULL)
        bust_add(maker, number, bust);
}

/* events_merge puts the orders' events into one row, in the order of each, with times that may be equal. */
static void
events_merge(Maker *maker)
{
    Case *c = maker->c;
    int taken[CASE_ORDERS_MAX] = {0}, left = 0;
    int64_t time_us = 0;

    for (int i = 0; i < c->order_count; i++)
        left += maker->counts[i];
    while (left > 0)
    {
        int order = (int) rnd(maker, c->order_count);
        CaseReport *report;

        if (taken[order] == maker->counts[order])
            continue;
        report = &c->reports[c->report_count++];
        *report = maker->events[order][taken[order]++];
        time_us += rnd(maker, 3) * 1000;
        report->time_us = time_us;
        left--;
    }
    /* What is said twice of a trade has the time of the trade, or a later one. */
    for (int i = 0; i < c->report_count; i++)
        for (int j = 0; j < i; j++)
            if (rnd(maker, 2) == 0 && c->reports[i].trade != 0 && qf_same_trade(c, &c->reports[i], &c->reports[j]))
                c->reports[i].time_us = c->reports[j].time_us;
}

/* plays_make says what the second twin is told: everything, some of it several times, in another order. */
static void
plays_make(Maker *maker)
{
    Case *c = maker->c;
    bool near = rnd(maker, 4) == 0;

    for (int i = 0; i < c->report_count; i++)
    {
        long chance = rnd(maker, 20);

        for (int copies = chance < 12 ? 1 : (chance < 17 ? 2 : 3); copies > 0; copies--)
            c->plays[c->play_count++] = (short) i;
    }
    for (int i = c->play_count - 1; i > 0; i--)
    {
        int other = near && i > 3 ? i - (int) rnd(maker, 4) : (int) rnd(maker, i + 1);
        short play = c->plays[i];

        c->plays[i] = c->plays[other];
        c->plays[other] = play;
    }
}

/* qf_case_make makes the case of that number; the same seed gives the same cases. */
void
qf_case_make(Case *c, unsigned seed, long number)
{
    static const long scales[3] = {1000000000000000, 10000000000, 1};
    Maker maker = {.c = c, .random = (uint64_t) seed << 32 ^ (uint64_t) number * UINT64_C(0xD1342543DE82EF95)};
    long chance;

    memset(c, 0, sizeof(*c));
    c->number = number;
    maker.scale = scales[rnd(&maker, 3)];
    chance = rnd(&maker, 10);
    c->order_count = chance < 5 ? 1 : (chance < 8 ? 2 : (chance < 9 ? 3 : 4));
    c->alone = rnd(&maker, 8) == 0;
    c->crowd = rnd(&maker, 6) == 0;
    c->again = rnd(&maker, 4) == 0;
    maker.own = rnd(&maker, 2) == 0;
    for (int i = 0; i < c->order_count; i++)
        order_make(&maker, i);
    events_merge(&maker);
    if (rnd(&maker, 4) == 0)
    {
        c->lossy = true;
        for (int i = c->report_count - 1; i >= 0; i--)
            if (rnd(&maker, 4) == 0)
                qf_case_drop_report(c, i);
    }
    plays_make(&maker);
}

/* qf_case_drop_report takes a report out of a case. */
void
qf_case_drop_report(Case *c, int report)
{
    int kept = 0;

    memmove(&c->reports[report], &c->reports[report + 1], (size_t) (--c->report_count - report) * sizeof(*c->reports));
    for (int i = 0; i < c->play_count; i++)
        if (c->plays[i] != report)
            c->plays[kept++] = (short) (c->plays[i] - (c->plays[i] > report));
    c->play_count = kept;
    c->lossy = true;
}

/* qf_case_drop_play takes one repetition away. */
void
qf_case_drop_play(Case *c, int play)
{
    memmove(&c->plays[play], &c->plays[play + 1], (size_t) (--c->play_count - play) * sizeof(*c->plays));
}

/* qf_case_drop_order takes an order and its reports out of a case. */
void
qf_case_drop_order(Case *c, int order)
{
    for (int i = c->report_count - 1; i >= 0; i--)
    {
        if (c->reports[i].order == order)
            qf_case_drop_report(c, i);
        else
            c->reports[i].order -= c->reports[i].order > order;
    }
    memmove(&c->orders[order], &c->orders[order + 1], (size_t) (--c->order_count - order) * sizeof(*c->orders));
}

/* qf_same_trade says whether two reports tell of the same trade, or the same bust, on the same side. */
bool
qf_same_trade(const Case *c, const CaseReport *one, const CaseReport *other)
{
    return one->trade == other->trade && one->bust == other->bust &&
           c->orders[one->order].buy == c->orders[other->order].buy;
}

/* said_before says whether an earlier report tells of the same trade, or the same bust. */
static bool
said_before(const Case *c, int report)
{
    for (int i = 0; i < report; i++)
        if (qf_same_trade(c, &c->reports[i], &c->reports[report]))
            return true;
    return false;
}

/* commission_known returns the report that tells the commission of a trade or bust, if there is one. */
static const CaseReport *
commission_known(const Case *c, const CaseReport *report)
{
    for (int i = 0; i < c->report_count; i++)
        if (qf_same_trade(c, &c->reports[i], report) && c->reports[i].asset != NULL)
            return &c->reports[i];
    return report;
}

/* fill_expect adds what a fill or bust comes to. */
static void
fill_expect(const Case *c, const CaseReport *report, Expected *expected)
{
    bool buy = c->orders[report->order].buy;
    Fine sign = report->bust ? -1 : 1;
    double money = (double) report->quantity * (double) report->price / 1e26;
    const CaseReport *known = commission_known(c, report);
    bool base = known->asset != NULL && strcmp(known->asset, "BTC") == 0;
    bool quote = known->asset != NULL && strcmp(known->asset, "USDT") == 0;
    double fee = quote ? (double) known->commission / 1e18 : 0;

    if (report->bust)
        expected->busted[report->order] += report->quantity;
    expected->filled[report->order] += sign * report->quantity;
    expected->busts = expected->busts || report->bust;
    expected->position += sign * (buy ? report->quantity : -report->quantity);
    if (base)
        expected->position -= sign * known->commission;
    expected->flow += (double) sign * ((buy ? money : -money) + fee);
    expected->turnover += money + (fee < 0 ? -fee : fee);
}

/* rank orders what the exchange can say. */
static int
rank(const char *state)
{
    static const char *const states[] = {"submitted", "unknown", "open", "partially_filled", "filled"};

    for (int i = 0; i < 5; i++)
        if (strcmp(states[i], state) == 0)
            return i;
    return 5;
}

/* state_of returns our word for what a report says of the state, NULL for nothing. */
static const char *
state_of(const CaseReport *report)
{
    static const struct
    {
        const char *const *words;
        const char *state;
    } meanings[] = {{new_words, "open"},
                    {part_words, "partially_filled"},
                    {filled_words, "filled"},
                    {canceled_words, "canceled"},
                    {expired_words, "expired"}};

    if (report->state == NULL)
        return NULL;
    for (size_t i = 0; i < sizeof(meanings) / sizeof(meanings[0]); i++)
        for (int j = 0; j < 3; j++)
            if (strcmp(meanings[i].words[j], report->state) == 0)
                return meanings[i].state;
    return strcasecmp(report->state, "rejected") == 0 ? "rejected" : NULL;
}

/* state_raise moves the expected state on, if the news goes further than what is known. */
static void
state_raise(const char **state, const char *news)
{
    if (news != NULL && rank(news) > rank(*state))
        *state = news;
}

/* order_expect says what must become of one order. */
static void
order_expect(const Case *c, int order, Expected *expected)
{
    const CaseOrder *o = &c->orders[order];
    const char **state = &expected->states[order];
    Fine gross = expected->filled[order] + expected->busted[order];
    Fine told = 0;

    *state = o->before == BEFORE_UNKNOWN ? "unknown" : "submitted";
    for (int i = 0; i < c->report_count; i++)
    {
        const CaseReport *report = &c->reports[i];
        const char *news = report->order == order ? state_of(report) : NULL;

        if (report->order != order)
            continue;
        state_raise(state, news);
        if (report->trade != 0 && !report->bust)
            state_raise(state, "partially_filled");
        if (report->cumulative > told)
            told = report->cumulative;
        if (news != NULL && rank(news) == 5 && report->cumulative < gross)
            expected->uncovered = true;
    }
    if (gross >= o->quantity)
        state_raise(state, "filled");
    if (strcmp(*state, "filled") == 0 && told < o->quantity)
        told = o->quantity;
    expected->reported[order] = told < gross ? gross : told;
}

/* qf_case_expect says what must come out of a case, by its reports alone. */
void
qf_case_expect(const Case *c, Expected *expected)
{
    memset(expected, 0, sizeof(*expected));
    for (int i = 0; i < c->report_count; i++)
        if (c->reports[i].trade != 0 && !said_before(c, i))
            fill_expect(c, &c->reports[i], expected);
    for (int i = 0; i < c->order_count; i++)
        order_expect(c, i, expected);
    qf_case_expect_cost(c, expected);
}

/* qf_fine_text writes a value as a decimal number without zeros at its end. */
char *
qf_fine_text(char *text, Fine value)
{
    Fine rest = (value < 0 ? -value : value) % FINE_ONE;
    int length = snprintf(text,
                          FINE_TEXT,
                          "%s%lld.%018lld",
                          value < 0 ? "-" : "",
                          (long long) ((value < 0 ? -value : value) / FINE_ONE),
                          (long long) rest);

    while (text[length - 1] == '0')
        text[--length] = '\0';
    if (text[length - 1] == '.')
        text[length - 1] = '\0';
    return text;
}

/* qf_fine_read reads a decimal number; false when it is not one, or is finer than 1e-18. */
bool
qf_fine_read(const char *text, Fine *value)
{
    bool negative = text[0] == '-', point = false;
    int decimals = 0;

    *value = 0;
    for (const char *c = text + negative; *c != '\0'; c++)
    {
        if (*c == '.' && !point)
        {
            point = true;
            continue;
        }
        if (*c < '0' || *c > '9' || (decimals == FINE_DECIMALS && *c != '0'))
            return false;
        if (decimals == FINE_DECIMALS)
            continue;
        *value = *value * 10 + (*c - '0');
        decimals += point;
    }
    for (; decimals < FINE_DECIMALS; decimals++)
        *value *= 10;
    if (negative)
        *value = -*value;
    return text[negative] != '\0';
}

/* report_print prints a report as a call. */
static void
report_print(const Case *c, int number)
{
    const CaseReport *r = &c->reports[number];
    char text[FINE_TEXT];

    printf("    %3d  order %d", number + 1, r->order + 1);
    if (r->state != NULL)
        printf("  state => '%s'", r->state);
    if (r->trade != 0)
        printf("  trade_id => 't%d', last_quantity => %s, last_price => %" PRId64 ".%08" PRId64,
               r->trade,
               qf_fine_text(text, r->quantity),
               r->price / 100000000,
               r->price % 100000000);
    if (r->cumulative >= 0)
        printf("  cumulative_quantity => %s", qf_fine_text(text, r->cumulative));
    if (r->asset != NULL)
        printf("  commission => %s, commission_asset => '%s'", qf_fine_text(text, r->commission), r->asset);
    printf("  time %" PRId64 " us, source => '%s'%s\n",
           r->time_us,
           r->source,
           r->exchange_id ? ", with exchange_order_id" : "");
}

/* qf_case_print prints a case so that it can be played by hand. */
void
qf_case_print(const Case *c)
{
    static const char *const befores[] = {"submitted",
                                          "submitted, cancel asked for",
                                          "submitted, then unknown",
                                          "not processed, then claimed again"};
    char text[FINE_TEXT];

    for (int i = 0; i < c->order_count; i++)
        printf("    order %d: %s %s, %s\n",
               i + 1,
               c->orders[i].buy ? "buy" : "sell",
               qf_fine_text(text, c->orders[i].quantity),
               befores[c->orders[i].before]);
    for (int i = 0; i < c->report_count; i++)
        report_print(c, i);
    printf("    the second twin is told:");
    for (int i = 0; i < c->play_count; i++)
        printf(" %d", c->plays[i] + 1);
    printf("%s%s\n",
           c->crowd   ? "; over several connections at once"
           : c->alone ? "; each in a transaction of its own"
                      : "; in one transaction",
           c->again ? "; then everything once more" : "");
}
