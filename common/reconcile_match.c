/*
 * Matching for reconciliation: who is who.
 *
 * An open order has at most one local order, and a local order at most one open
 * one. What the snapshot has twice counts once.
 */
#include "reconcile_match.h"

#include <string.h>

static void match_remotes(QmMatches *matches);
static int name_local(QmMatches *matches, const char *client, const char *exchange, bool news);
static void match_remote(QmMatches *matches, int remote);
static int closeness(const QmMatches *matches, int remote);
static void match_trades(QmMatches *matches);
static QmTradeRole trade_role(const QmMatches *matches, size_t at, size_t *head);
static void match_trade(QmMatches *matches, int at);
static void collect_strays(QmMatches *matches);

/* qm_matches_make finds out who is who. */
void
qm_matches_make(QmMatches *matches, const QmComparison *comparison, void *scratch)
{
    qm_matches_index(matches, comparison, scratch);
    match_remotes(matches);
    match_trades(matches);
    collect_strays(matches);
}

/* qm_units_add adds, and stops at the ends of what a number can be. */
QmUnits
qm_units_add(QmUnits a, QmUnits b)
{
    const QmUnits max = (QmUnits) (~(unsigned __int128) 0 >> 1);
    QmUnits sum;

    if (!__builtin_add_overflow(a, b, &sum))
        return sum;
    return a > 0 ? max : -max - 1;
}

/* match_remotes gives every open order its local one, and every local one at most one open order. */
static void
match_remotes(QmMatches *matches)
{
    const QmRemoteOrder *remotes = matches->comparison->remotes;
    size_t n = matches->comparison->nremotes;

    for (size_t i = 0; i < n; i++)
    {
        int at = matches->remotes[i], before = i == 0 ? -1 : matches->remotes[i - 1];

        matches->remote[at].local =
            name_local(matches, remotes[at].client_order_id, remotes[at].exchange_order_id, true);
        if (before >= 0 && qm_ids_compare(remotes[before].exchange_order_id, remotes[at].exchange_order_id) == 0)
            matches->remote[at] = (QmRemoteMatch){QM_REMOTE_REPEATED, -1};
        else
            match_remote(matches, at);
    }
}

/* name_local returns the order of ours that these ids name, or -1; where that is news, it notes whom they name. */
static int
name_local(QmMatches *matches, const char *client, const char *exchange, bool news)
{
    int by_client = qm_matches_find_client(matches, client);
    int by_exchange = qm_matches_find_exchange(matches, exchange);

    if (news && by_client >= 0)
        matches->local[by_client].named = true;
    if (news && by_exchange >= 0)
        matches->local[by_exchange].named = true;
    return by_client >= 0 ? by_client : by_exchange;
}

/* match_remote makes an open order that of the local one that it names; where two want the same, the closer one is it. */
static void
match_remote(QmMatches *matches, int remote)
{
    QmRemoteMatch *match = &matches->remote[remote], *other;
    QmLocalMatch *local;
    bool ours;

    match->role = match->local < 0 ? QM_REMOTE_STRANGER : QM_REMOTE_MATCH;
    if (match->local < 0)
        return;
    local = &matches->local[match->local];
    other = local->remote < 0 ? NULL : &matches->remote[local->remote];
    if (other != NULL && closeness(matches, remote) <= closeness(matches, local->remote))
        other = match;
    else
        local->remote = remote;
    if (other == NULL)
        return;
    /* What is not ours is not one more attempt, but an order of its own. */
    ours = matches->comparison->remotes[other - matches->remote].ours;
    *other = ours ? (QmRemoteMatch){QM_REMOTE_SECOND, other->local} : (QmRemoteMatch){QM_REMOTE_STRANGER, -1};
}

/* closeness says how surely an open order is its local one. */
static int
closeness(const QmMatches *matches, int remote)
{
    const QmRemoteOrder *order = &matches->comparison->remotes[remote];
    const QmLocalOrder *local = &matches->comparison->locals[matches->remote[remote].local];

    if (qm_ids_compare(local->exchange_order_id, order->exchange_order_id) == 0)
        return 2;
    return order->client_order_id != NULL && local->client_order_id != NULL &&
           strcmp(order->client_order_id, local->client_order_id) == 0;
}

/* match_trades gives every trade its order. */
static void
match_trades(QmMatches *matches)
{
    size_t n = matches->comparison->ntrades, head = 0;

    for (size_t i = 0; i < n; i++)
    {
        matches->trade[matches->trades[i]].role = trade_role(matches, i, &head);
        match_trade(matches, matches->trades[i]);
    }
}

/*
 * trade_role compares a trade with those of the same id and side that come
 * before it; head is the first of them. A trade between two orders of ours has
 * both sides.
 */
static QmTradeRole
trade_role(const QmMatches *matches, size_t at, size_t *head)
{
    const QmRemoteTrade *trades = matches->comparison->trades;
    const QmRemoteTrade *trade = &trades[matches->trades[at]], *first = &trades[matches->trades[*head]];

    if (at == 0 || first->buy != trade->buy || qm_ids_compare(first->trade_id, trade->trade_id) != 0)
    {
        *head = at;
        return QM_TRADE_STANDS;
    }
    if (qm_trade_numbers_compare(&trades[matches->trades[at - 1]], trade) == 0 ||
        qm_trade_numbers_compare(first, trade) == 0)
        return QM_TRADE_REPEATED;
    return QM_TRADE_CONTRADICTS;
}

/* match_trade finds the order that a trade is of. */
static void
match_trade(QmMatches *matches, int at)
{
    const QmComparison *comparison = matches->comparison;
    const QmRemoteTrade *trade = &comparison->trades[at];
    QmTradeMatch *match = &matches->trade[at];
    QmLocalMatch *local;

    match->remote = -1;
    match->local = name_local(matches, trade->client_order_id, trade->exchange_order_id, trade->known != QM_TRADE_SAME);
    if (match->local < 0)
        match->remote = qm_matches_find_remote(matches, trade->exchange_order_id);
    if (match->remote >= 0 && matches->remote[match->remote].local >= 0)
    {
        match->local = matches->remote[match->remote].local;
        match->remote = -1;
    }
    if (match->local >= 0)
        match->fits = comparison->locals[match->local].buy == trade->buy;
    else
        match->fits = match->remote < 0 || comparison->remotes[match->remote].buy == trade->buy;
    match->bookable = trade->known == QM_TRADE_NEW && match->role == QM_TRADE_STANDS && match->fits &&
                      (match->local >= 0 || match->remote >= 0);
    if (match->local < 0)
        return;
    local = &matches->local[match->local];
    if (local->trade < 0)
        local->trade = at;
    if (match->bookable)
        local->arriving = qm_units_add(local->arriving, trade->quantity);
}

/* collect_strays gathers the new trades that no order is known for. */
static void
collect_strays(QmMatches *matches)
{
    matches->nstrays = 0;
    for (size_t i = 0; i < matches->comparison->ntrades; i++)
    {
        int at = matches->trades[i];
        const QmTradeMatch *match = &matches->trade[at];

        if (match->local < 0 && match->remote < 0 && match->role == QM_TRADE_STANDS &&
            matches->comparison->trades[at].known == QM_TRADE_NEW)
            matches->strays[matches->nstrays++] = at;
    }
    qm_matches_sort_strays(matches);
}
