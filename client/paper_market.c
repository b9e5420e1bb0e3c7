/*
 * Orders of the paper exchange: placed, found, canceled. The newest of those that have ended stay in memory; of more
 * of them, its archive, the exchange knows that there was one. What is older than that it finds by no client id.
 */
#include "paper.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const QmPaperRefusal fine = {0, NULL};
static const QmPaperRefusal archived =
    {-2026, "Order was canceled or expired with no executed qty over 90 days ago and has been archived."};
static const QmPaperRefusal absent = {-2013, "Order does not exist."};

static QmPaperOrder *order_new(QmPaperMarket *market, const QmPaperRequest *request, const QmPaperPlan *plan,
                               int64_t now_ms);
static void order_name(QmPaperOrder *order, const char *client_id);
static bool entries_make_room(QmPaperMarket *market);
static void entries_drop_old(QmPaperMarket *market);
static void entries_chain(QmPaperMarket *market);
static void entry_chain(QmPaperMarket *market, int number);
static QmPaperEntry *entry_of(const QmPaperMarket *market, int64_t id);
static void order_run(QmPaperMarket *market, QmPaperOrder *order, const QmPaperRequest *request, int64_t now_ms);
static void order_expire(QmPaperMarket *market, QmPaperOrder *order, QmPaperExpiry expiry, int64_t now_ms);
static void book_add(QmPaperMarket *market, QmPaperOrder *order);
static void forget_ended(QmPaperMarket *market);
static uint64_t hash_of(int account, const char *client_id);

/* qm_paper_market_close frees the orders; the market itself is its owner's. */
void
qm_paper_market_close(QmPaperMarket *market)
{
    for (int i = 0; i < market->entry_count; i++)
        free(market->entries[i].order);
    free(market->entries);
    free(market->chains);
    market->entries = NULL;
    market->chains = NULL;
    market->order_count = market->entry_count = market->entry_space = 0;
    market->book[QM_PAPER_BUY] = market->book[QM_PAPER_SELL] = NULL;
}

/*
 * qm_paper_place checks the request, locks its funds, matches it and puts what
 * remains on the book. *order is NULL when it is refused.
 */
QmPaperRefusal
qm_paper_place(QmPaperMarket *market, const QmPaperRequest *request, bool is_external, int64_t now_ms,
               const QmPaperOrder **order)
{
    QmPaperPlan plan;
    QmPaperRefusal refusal = qm_paper_check(market, request, &plan);
    QmPaperOrder *made;

    *order = NULL;
    if (refusal.code != 0)
        return refusal;
    forget_ended(market);
    made = order_new(market, request, &plan, now_ms);
    if (made == NULL)
        return (QmPaperRefusal){-1000, "An unknown error occurred while processing the request."};
    made->is_external = is_external;
    *order = made;
    market->listener(market->context, made, NULL);
    order_run(market, made, request, now_ms);
    return refusal;
}

/* order_new makes the order and locks its funds, which the check has seen to be there. NULL: no memory. */
static QmPaperOrder *
order_new(QmPaperMarket *market, const QmPaperRequest *request, const QmPaperPlan *plan, int64_t now_ms)
{
    QmPaperBalance *balances = market->funds->balances[request->account];
    QmPaperBalance *paid = &balances[request->side == QM_PAPER_BUY ? market->quote : market->base];
    QmPaperOrder *order = calloc(1, sizeof(*order));

    if (order == NULL || !entries_make_room(market))
    {
        free(order);
        return NULL;
    }
    *order = (QmPaperOrder){.id = market->order_count + 1,
                            .account = request->account,
                            .side = request->side,
                            .type = request->type,
                            .force = request->force,
                            .stp = request->stp,
                            .price = request->type == QM_PAPER_MARKET ? 0 : request->price,
                            .quantity = plan->quantity,
                            .amount = request->amount,
                            .locked = plan->locked,
                            .created_ms = now_ms,
                            .updated_ms = now_ms};
    order_name(order, request->client_id);
    market->entries[market->entry_count++] =
        (QmPaperEntry){order, hash_of(order->account, order->client_id), ++market->order_count, 0};
    entry_chain(market, market->entry_count);
    paid->free -= order->locked;
    paid->locked += order->locked;
    return order;
}

/* order_name gives the order its client id, one of the exchange's where there is none. */
static void
order_name(QmPaperOrder *order, const char *client_id)
{
    if (client_id != NULL)
        snprintf(order->client_id, sizeof(order->client_id), "%s", client_id);
    else
        snprintf(order->client_id, sizeof(order->client_id), "paper%017" PRId64, order->id);
}

/*
 * entries_make_room makes room for one more order, and for chains that stay short:
 * where much has left the archive in its place, else in twice the space. False: no
 * memory.
 */
static bool
entries_make_room(QmPaperMarket *market)
{
    int space = market->entry_space == 0 ? 64 : 2 * market->entry_space;
    QmPaperEntry *entries;
    int *chains;

    if (market->entry_count < market->entry_space)
        return true;
    entries_drop_old(market);
    if (market->entry_count < market->entry_space - market->entry_space / 4)
        return true;
    entries = realloc(market->entries, (size_t) space * sizeof(*entries));
    if (entries == NULL)
        return false;
    market->entries = entries;
    chains = calloc((size_t) space, sizeof(*chains));
    if (chains == NULL)
        return false;
    free(market->chains);
    market->chains = chains;
    market->entry_space = space;
    entries_chain(market);
    return true;
}

/* entries_drop_old drops those that have left the archive, whose orders are not in memory either. */
static void
entries_drop_old(QmPaperMarket *market)
{
    int kept = 0;

    for (int i = 0; i < market->entry_count; i++)
        if (market->entries[i].order != NULL || market->entries[i].id > market->order_count - market->archive)
            market->entries[kept++] = market->entries[i];
    if (kept == market->entry_count)
        return;
    market->entry_count = kept;
    memset(market->chains, 0, (size_t) market->entry_space * sizeof(*market->chains));
    entries_chain(market);
}

/* entries_chain puts all entries into the chains, which are empty. */
static void
entries_chain(QmPaperMarket *market)
{
    for (int number = 1; number <= market->entry_count; number++)
        entry_chain(market, number);
}

/* entry_chain puts an entry at the head of its chain, so that the newest is found first. */
static void
entry_chain(QmPaperMarket *market, int number)
{
    QmPaperEntry *entry = &market->entries[number - 1];
    int *chain = &market->chains[entry->hash % (uint64_t) market->entry_space];

    entry->older = *chain;
    *chain = number;
}

/* entry_of finds the entry of an order; NULL: there is none, or it has left the archive. */
static QmPaperEntry *
entry_of(const QmPaperMarket *market, int64_t id)
{
    int i = qm_paper_entry_from(market, id);

    return i < market->entry_count && market->entries[i].id == id ? &market->entries[i] : NULL;
}

/* qm_paper_entry_from returns the place of the first entry whose order has this id or a higher one. */
int
qm_paper_entry_from(const QmPaperMarket *market, int64_t id)
{
    int low = 0, high = market->entry_count;

    while (low < high)
    {
        int middle = low + (high - low) / 2;

        if (market->entries[middle].id < id)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* order_run does with a new order what its type and force ask for. */
static void
order_run(QmPaperMarket *market, QmPaperOrder *order, const QmPaperRequest *request, int64_t now_ms)
{
    bool is_market = order->type == QM_PAPER_MARKET;

    if (!is_market && order->force == QM_PAPER_FOK && qm_paper_taking(market, request).quantity < order->quantity)
    {
        order_expire(market, order, QM_PAPER_EXPIRED_FOK, now_ms);
        return;
    }
    qm_paper_match(market, order, now_ms);
    if (!qm_paper_is_open(order))
        return;
    if (is_market)
        order_expire(market, order, QM_PAPER_EXPIRED_LIQUIDITY, now_ms);
    else if (order->force == QM_PAPER_GTC)
        book_add(market, order);
    else
        order_expire(market, order, QM_PAPER_EXPIRED_IOC, now_ms);
}

/* order_expire ends an order for a reason of the exchange's. */
static void
order_expire(QmPaperMarket *market, QmPaperOrder *order, QmPaperExpiry expiry, int64_t now_ms)
{
    order->expiry = expiry;
    qm_paper_end(market, order, QM_PAPER_EXPIRED, now_ms);
}

/* book_add puts the order behind all that have its price or a better one. */
static void
book_add(QmPaperMarket *market, QmPaperOrder *order)
{
    QmPaperOrder **place = &market->book[order->side];
    QmPaperOrder *prev = NULL;

    while (*place != NULL &&
           (order->side == QM_PAPER_BUY ? (*place)->price >= order->price : (*place)->price <= order->price))
    {
        prev = *place;
        place = &(*place)->next;
    }
    order->prev = prev;
    order->next = *place;
    if (order->next != NULL)
        order->next->prev = order;
    *place = order;
    order->is_on_book = true;
    market->open_count[order->account]++;
}

/* forget_ended frees the oldest of the ended orders that are too many. */
static void
forget_ended(QmPaperMarket *market)
{
    while (market->ended_count > market->keep)
    {
        QmPaperOrder *order = market->ended_first;

        market->ended_first = order->next;
        if (market->ended_first == NULL)
            market->ended_last = NULL;
        market->ended_count--;
        entry_of(market, order->id)->order = NULL;
        free(order);
    }
}

/* qm_paper_cancel ends an open order; one that has ended is as unknown to the exchange as one that never was. */
QmPaperRefusal
qm_paper_cancel(QmPaperMarket *market, int account, int64_t id, int64_t now_ms)
{
    const QmPaperOrder *order;

    if (qm_paper_by_id(market, account, id, &order).code != 0 || !qm_paper_is_open(order))
        return (QmPaperRefusal){-2011, "Unknown order sent."};
    qm_paper_end(market, entry_of(market, id)->order, QM_PAPER_CANCELED, now_ms);
    return fine;
}

/* qm_paper_expel ends an open order as the exchange does of its own accord. */
QmPaperRefusal
qm_paper_expel(QmPaperMarket *market, int account, int64_t id, int64_t now_ms)
{
    const QmPaperOrder *order;

    if (qm_paper_by_id(market, account, id, &order).code != 0 || !qm_paper_is_open(order))
        return (QmPaperRefusal){-2011, "Unknown order sent."};
    order_expire(market, entry_of(market, id)->order, QM_PAPER_EXPIRED_EXCHANGE, now_ms);
    return fine;
}

/* qm_paper_by_id finds an order of the account, open or not. An archived one is anybody's: whose it was is forgotten. */
QmPaperRefusal
qm_paper_by_id(const QmPaperMarket *market, int account, int64_t id, const QmPaperOrder **order)
{
    const QmPaperEntry *entry = entry_of(market, id);

    *order = NULL;
    if (id < 1 || id > market->order_count)
        return absent;
    if (entry == NULL || entry->order == NULL)
        return archived;
    if (entry->order->account != account)
        return absent;
    *order = entry->order;
    return fine;
}

/* qm_paper_by_client_id finds the newest that had this id, for ids may be used again. */
QmPaperRefusal
qm_paper_by_client_id(const QmPaperMarket *market, int account, const char *client_id, const QmPaperOrder **order)
{
    uint64_t hash = hash_of(account, client_id);

    *order = NULL;
    if (market->entry_space == 0)
        return absent;
    for (int number = market->chains[hash % (uint64_t) market->entry_space]; number != 0;
         number = market->entries[number - 1].older)
    {
        const QmPaperEntry *entry = &market->entries[number - 1];

        if (entry->hash != hash)
            continue;
        if (entry->order == NULL)
            return archived;
        if (entry->order->account != account || strcmp(entry->order->client_id, client_id) != 0)
            continue;
        *order = entry->order;
        return fine;
    }
    return absent;
}

/* qm_paper_is_open says whether the order can still trade. */
bool
qm_paper_is_open(const QmPaperOrder *order)
{
    return order->status == QM_PAPER_NEW || order->status == QM_PAPER_PARTIALLY_FILLED;
}

/* hash_of is FNV-1a: two ids that share all 64 bits would have to be looked for. */
static uint64_t
hash_of(int account, const char *client_id)
{
    uint64_t hash = (UINT64_C(14695981039346656037) ^ (uint64_t) account) * UINT64_C(1099511628211);

    for (; *client_id != '\0'; client_id++)
        hash = (hash ^ (unsigned char) *client_id) * UINT64_C(1099511628211);
    return hash;
}
