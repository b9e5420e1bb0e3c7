/*
 * Matching for reconciliation: sorted indexes, and looking up in them.
 *
 * An order is found by its client order id, whichever attempt that names, else
 * by the exchange's id. Ids that have not our form do not name an order for ever
 * (others use theirs again): they only count while the exchange's id is not known.
 */
#include "reconcile_match.h"

#include <assert.h>
#include <limits.h>
#include <string.h>

#include "order_id.h"

#define ORDER(a, b) (((a) > (b)) - ((a) < (b)))

typedef int (*Compare)(const QmMatches *matches, int a, int b);

static size_t lay_out(QmMatches *matches, const QmComparison *comparison, uintptr_t at);
static void *take(uintptr_t *at, size_t n, size_t size);
static void index_locals(QmMatches *matches);
static int *fill(int *order, size_t n);
static void copy(int *order, const int *from, size_t n);
static QmClientKey client_key(const char *client);
static void sort(const QmMatches *matches, int *order, size_t n, Compare compare);
static void merge(const QmMatches *matches, const int *from, int *to, size_t start, size_t middle, size_t end,
                  Compare compare);
static int compare_keys(const QmClientKey *a, const QmClientKey *b);
static int compare_locals(const QmMatches *matches, int a, int b);
static int compare_rest(const QmLocalOrder *a, const QmLocalOrder *b);
static int compare_by_client(const QmMatches *matches, int a, int b);
static int compare_by_exchange(const QmMatches *matches, int a, int b);
static int compare_by_slot(const QmMatches *matches, int a, int b);
static int compare_remotes(const QmMatches *matches, int a, int b);
static int compare_trades(const QmMatches *matches, int a, int b);
static int compare_strays(const QmMatches *matches, int a, int b);
static int compare_balances(const QmMatches *matches, int a, int b);

/* qm_matches_size returns how much scratch memory matching takes. */
size_t
qm_matches_size(const QmComparison *comparison)
{
    QmMatches matches;

    return lay_out(&matches, comparison, 0);
}

/* qm_matches_index lays the arrays out in scratch memory and sorts all that comes from the comparison. */
void
qm_matches_index(QmMatches *matches, const QmComparison *comparison, void *scratch)
{
    lay_out(matches, comparison, (uintptr_t) scratch);
    matches->comparison = comparison;
    index_locals(matches);
    sort(matches, fill(matches->remotes, comparison->nremotes), comparison->nremotes, compare_remotes);
    sort(matches, fill(matches->trades, comparison->ntrades), comparison->ntrades, compare_trades);
    sort(matches, fill(matches->balances, comparison->nbalances), comparison->nbalances, compare_balances);
}

/* qm_matches_sort_strays sorts the trades that have no order by the order that they name. */
void
qm_matches_sort_strays(QmMatches *matches)
{
    sort(matches, matches->strays, matches->nstrays, compare_strays);
}

/* qm_matches_find_client returns the first order of ours that a client order id names, or -1. */
int
qm_matches_find_client(const QmMatches *matches, const char *client)
{
    QmClientKey key = client_key(client);
    size_t low = 0, high = matches->comparison->nlocals;

    if (key.text == NULL)
        return -1;
    while (low < high)
    {
        size_t middle = low + (high - low) / 2;

        if (compare_keys(&matches->keys[matches->by_client[middle]], &key) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == matches->comparison->nlocals || compare_keys(&matches->keys[matches->by_client[low]], &key) != 0)
        return -1;
    if (!key.parsed && matches->comparison->locals[matches->by_client[low]].exchange_order_id != NULL)
        return -1;
    return matches->by_client[low];
}

/* qm_matches_find_exchange returns the first order of ours that an exchange order id names, or -1. */
int
qm_matches_find_exchange(const QmMatches *matches, const char *exchange)
{
    const QmLocalOrder *locals = matches->comparison->locals;
    size_t low = 0, high = matches->comparison->nlocals;

    while (low < high)
    {
        size_t middle = low + (high - low) / 2;

        if (qm_ids_compare(locals[matches->by_exchange[middle]].exchange_order_id, exchange) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == matches->comparison->nlocals ||
        qm_ids_compare(locals[matches->by_exchange[low]].exchange_order_id, exchange) != 0)
        return -1;
    return matches->by_exchange[low];
}

/* qm_matches_find_remote returns the first open order of an exchange order id, or -1. */
int
qm_matches_find_remote(const QmMatches *matches, const char *exchange)
{
    const QmRemoteOrder *remotes = matches->comparison->remotes;
    size_t low = 0, high = matches->comparison->nremotes;

    while (low < high)
    {
        size_t middle = low + (high - low) / 2;

        if (qm_ids_compare(remotes[matches->remotes[middle]].exchange_order_id, exchange) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == matches->comparison->nremotes ||
        qm_ids_compare(remotes[matches->remotes[low]].exchange_order_id, exchange) != 0)
        return -1;
    return matches->remotes[low];
}

/* qm_matches_same_slot says whether two orders want one slot. */
bool
qm_matches_same_slot(const QmMatches *matches, int a, int b)
{
    const QmLocalOrder *x = &matches->comparison->locals[a], *y = &matches->comparison->locals[b];

    return x->buy == y->buy && qm_ids_compare(x->slot, y->slot) == 0;
}

/* lay_out puts the arrays into memory, the most strictly aligned first; returns how much they take. */
static size_t
lay_out(QmMatches *matches, const QmComparison *comparison, uintptr_t at)
{
    size_t nlocals = comparison->nlocals, nremotes = comparison->nremotes, ntrades = comparison->ntrades;
    size_t nbalances = comparison->nbalances, most = nlocals;
    uintptr_t start = at;

    assert(nlocals < INT_MAX && nremotes < INT_MAX && ntrades < INT_MAX && nbalances < INT_MAX);
    most = nremotes > most ? nremotes : most;
    most = ntrades > most ? ntrades : most;
    most = nbalances > most ? nbalances : most;
    matches->local = take(&at, nlocals, sizeof(*matches->local));
    matches->keys = take(&at, nlocals, sizeof(*matches->keys));
    matches->remote = take(&at, nremotes, sizeof(*matches->remote));
    matches->trade = take(&at, ntrades, sizeof(*matches->trade));
    matches->locals = take(&at, nlocals, sizeof(int));
    matches->by_client = take(&at, nlocals, sizeof(int));
    matches->by_exchange = take(&at, nlocals, sizeof(int));
    matches->by_slot = take(&at, nlocals, sizeof(int));
    matches->remotes = take(&at, nremotes, sizeof(int));
    matches->trades = take(&at, ntrades, sizeof(int));
    matches->strays = take(&at, ntrades, sizeof(int));
    matches->balances = take(&at, nbalances, sizeof(int));
    matches->spare = take(&at, most, sizeof(int));
    return at - start;
}

/* take returns where n things of that size begin, and goes on behind them. */
static void *
take(uintptr_t *at, size_t n, size_t size)
{
    uintptr_t start = *at;

    *at += n * size;
    return (void *) start;
}

/* index_locals sorts our orders in every way that they are looked up. */
static void
index_locals(QmMatches *matches)
{
    const QmComparison *comparison = matches->comparison;
    size_t n = comparison->nlocals;

    for (size_t i = 0; i < n; i++)
    {
        matches->local[i] = (QmLocalMatch){.remote = -1, .trade = -1};
        matches->keys[i] = client_key(comparison->locals[i].client_order_id);
    }
    sort(matches, fill(matches->locals, n), n, compare_locals);
    copy(matches->by_client, matches->locals, n);
    sort(matches, matches->by_client, n, compare_by_client);
    copy(matches->by_exchange, matches->locals, n);
    sort(matches, matches->by_exchange, n, compare_by_exchange);
    matches->nby_slot = 0;
    for (size_t i = 0; i < n; i++)
        if (comparison->locals[matches->locals[i]].slot != NULL &&
            qm_order_is_live(comparison->locals[matches->locals[i]].state))
            matches->by_slot[matches->nby_slot++] = matches->locals[i];
    sort(matches, matches->by_slot, matches->nby_slot, compare_by_slot);
}

/* fill numbers things from 0; returns them. */
static int *
fill(int *order, size_t n)
{
    for (size_t i = 0; i < n; i++)
        order[i] = (int) i;
    return order;
}

/* copy takes over another order of the same things. */
static void
copy(int *order, const int *from, size_t n)
{
    for (size_t i = 0; i < n; i++)
        order[i] = from[i];
}

/* client_key returns what a client order id is looked up by. */
static QmClientKey
client_key(const char *client)
{
    char tag[QM_TAG_LEN + 1];
    int64_t order_id;
    int attempt;

    if (client == NULL || client[0] == '\0')
        return (QmClientKey){0};
    if (qm_order_id_parse(client, tag, &order_id, &attempt))
        return (QmClientKey){.text = client, .len = (size_t) (strrchr(client, 'a') - client), .parsed = true};
    return (QmClientKey){.text = client, .len = strlen(client)};
}

/* sort sorts indexes and leaves equals as they are: the C library's sorts do not, and may allocate. */
static void
sort(const QmMatches *matches, int *order, size_t n, Compare compare)
{
    int *from = order, *to = matches->spare;

    for (size_t width = 1; width < n; width *= 2)
    {
        int *sorted = to;

        for (size_t start = 0; start < n; start += 2 * width)
        {
            size_t middle = start + width < n ? start + width : n;

            merge(matches, from, to, start, middle, middle + width < n ? middle + width : n, compare);
        }
        to = from;
        from = sorted;
    }
    if (from != order)
        copy(order, from, n);
}

/* merge puts two sorted neighbours, from start and from middle to end, into one. */
static void
merge(const QmMatches *matches, const int *from, int *to, size_t start, size_t middle, size_t end, Compare compare)
{
    size_t left = start, right = middle;

    if (middle == end || compare(matches, from[middle - 1], from[middle]) <= 0)
    {
        memcpy(to + start, from + start, (end - start) * sizeof(int));
        return;
    }
    for (size_t at = start; at < end; at++)
    {
        if (right == end || (left < middle && compare(matches, from[left], from[right]) <= 0))
            to[at] = from[left++];
        else
            to[at] = from[right++];
    }
}

/* qm_ids_compare sorts ids so that numbers come in their order, and none last. */
int
qm_ids_compare(const char *a, const char *b)
{
    size_t a_len, b_len;

    if (a == NULL || b == NULL)
        return (a == NULL) - (b == NULL);
    a_len = strlen(a);
    b_len = strlen(b);
    return a_len != b_len ? ORDER(a_len, b_len) : memcmp(a, b, a_len);
}

/* compare_keys sorts what client order ids are looked up by; none comes last. */
static int
compare_keys(const QmClientKey *a, const QmClientKey *b)
{
    if (a->text == NULL || b->text == NULL)
        return (a->text == NULL) - (b->text == NULL);
    if (a->parsed != b->parsed)
        return a->parsed ? -1 : 1;
    return a->len != b->len ? ORDER(a->len, b->len) : memcmp(a->text, b->text, a->len);
}

/* compare_locals sorts our orders by order id. Ids are unique; where they are not, everything else decides. */
static int
compare_locals(const QmMatches *matches, int a, int b)
{
    const QmLocalOrder *x = &matches->comparison->locals[a], *y = &matches->comparison->locals[b];

    return x->order_id != y->order_id ? ORDER(x->order_id, y->order_id) : compare_rest(x, y);
}

/* compare_rest sorts orders of one order id. */
static int
compare_rest(const QmLocalOrder *a, const QmLocalOrder *b)
{
    return qm_ids_compare(a->client_order_id, b->client_order_id)
               ?: qm_ids_compare(a->exchange_order_id, b->exchange_order_id)
               ?: qm_ids_compare(a->slot, b->slot)
               ?: ORDER(a->state, b->state)
               ?: ORDER(a->origin, b->origin)
               ?: ORDER(a->buy, b->buy)
               ?: ORDER(a->settled, b->settled)
               ?: ORDER(a->holds_slot, b->holds_slot)
               ?: ORDER(a->owner_is_dead, b->owner_is_dead)
               ?: ORDER(a->cancel_pending, b->cancel_pending)
               ?: ORDER(a->absent_answers, b->absent_answers)
               ?: ORDER(a->price, b->price)
               ?: ORDER(a->quantity, b->quantity)
               ?: ORDER(a->filled, b->filled)
               ?: ORDER(a->reported, b->reported)
               ?: ORDER(a->accept_deadline_us, b->accept_deadline_us)
               ?: ORDER(a->cancel_deadline_us, b->cancel_deadline_us);
}

/* compare_by_client sorts our orders by client order id, those first that the exchange's id is not known of. */
static int
compare_by_client(const QmMatches *matches, int a, int b)
{
    const QmLocalOrder *x = &matches->comparison->locals[a], *y = &matches->comparison->locals[b];
    int order = compare_keys(&matches->keys[a], &matches->keys[b]);

    if (order != 0)
        return order;
    return ORDER(x->exchange_order_id != NULL, y->exchange_order_id != NULL) ?: compare_locals(matches, a, b);
}

/* compare_by_exchange sorts our orders by the exchange's id. */
static int
compare_by_exchange(const QmMatches *matches, int a, int b)
{
    const QmLocalOrder *x = &matches->comparison->locals[a], *y = &matches->comparison->locals[b];

    return qm_ids_compare(x->exchange_order_id, y->exchange_order_id) ?: compare_locals(matches, a, b);
}

/* compare_by_slot sorts our orders by slot and side, the oldest first. */
static int
compare_by_slot(const QmMatches *matches, int a, int b)
{
    const QmLocalOrder *x = &matches->comparison->locals[a], *y = &matches->comparison->locals[b];

    return qm_ids_compare(x->slot, y->slot) ?: ORDER(x->buy, y->buy) ?: compare_locals(matches, a, b);
}

/* compare_remotes sorts open orders by the exchange's id; of one that is there twice, what was read last comes first. */
static int
compare_remotes(const QmMatches *matches, int a, int b)
{
    const QmRemoteOrder *x = &matches->comparison->remotes[a], *y = &matches->comparison->remotes[b];

    return qm_ids_compare(x->exchange_order_id, y->exchange_order_id)
               ?: ORDER(y->filled, x->filled)
               ?: qm_ids_compare(x->client_order_id, y->client_order_id)
               ?: ORDER(y->ours, x->ours)
               ?: ORDER(x->buy, y->buy)
               ?: ORDER(x->price, y->price)
               ?: ORDER(x->quantity, y->quantity);
}

/* compare_trades sorts trades by trade id and side; of one trade, what the ledger has comes first. */
static int
compare_trades(const QmMatches *matches, int a, int b)
{
    const QmRemoteTrade *x = &matches->comparison->trades[a], *y = &matches->comparison->trades[b];
    static const int ranks[] = {[QM_TRADE_SAME] = 0, [QM_TRADE_DIFFERENT] = 1, [QM_TRADE_NEW] = 2};

    return qm_ids_compare(x->trade_id, y->trade_id)
               ?: ORDER(y->buy, x->buy)
               ?: ORDER(ranks[x->known], ranks[y->known])
               ?: qm_trade_numbers_compare(x, y)
               ?: qm_ids_compare(x->client_order_id, y->client_order_id)
               ?: ORDER(y->ours, x->ours);
}

/* qm_trade_numbers_compare compares what two trades of one id and side say, however they name their order's client. */
int
qm_trade_numbers_compare(const QmRemoteTrade *a, const QmRemoteTrade *b)
{
    return qm_ids_compare(a->exchange_order_id, b->exchange_order_id)
               ?: ORDER(a->quantity, b->quantity)
               ?: ORDER(a->price, b->price);
}

/* compare_strays sorts trades by their order, those first that say whose it is; else they stay as they are. */
static int
compare_strays(const QmMatches *matches, int a, int b)
{
    const QmRemoteTrade *x = &matches->comparison->trades[a], *y = &matches->comparison->trades[b];

    return qm_ids_compare(x->exchange_order_id, y->exchange_order_id) ?: ORDER(y->ours, x->ours);
}

/* compare_balances sorts balances by asset. */
static int
compare_balances(const QmMatches *matches, int a, int b)
{
    const QmBalance *x = &matches->comparison->balances[a], *y = &matches->comparison->balances[b];

    return qm_ids_compare(x->asset, y->asset)
               ?: ORDER(x->expected, y->expected)
               ?: ORDER(x->actual, y->actual)
               ?: ORDER(x->tolerance, y->tolerance);
}
