/*
 * The way into the paper exchange's world for all that changes it: note it in the journal, do it, write it into the
 * audit and tell the watcher.
 */
#include "paper_world.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "paper_inside.h"

/* No sum of money may come near the end of the numbers. */
#define ADJUST_MAX (INT64_MAX / 4)

/* qm_paper_world_watch sets who is told of changes from now on. NULL: nobody. */
void
qm_paper_world_watch(QmPaperWorld *world, const QmPaperWatcher *watcher)
{
    static const QmPaperWatcher nobody;

    world->watcher = watcher == NULL ? nobody : *watcher;
}

/* qm_paper_world_check asks the market without leaving a trace. */
QmPaperRefusal
qm_paper_world_check(QmPaperWorld *world, int symbol, const QmPaperRequest *request)
{
    QmPaperPlan plan;

    return qm_paper_check(&world->boards[symbol].market, request, &plan);
}

/* qm_paper_world_place places an order that a client has sent. */
QmPaperRefusal
qm_paper_world_place(QmPaperWorld *world, int symbol, const QmPaperRequest *request, const QmPaperOrder **order)
{
    world->now_ms = qm_paper_clock_now(world);
    qm_paper_journal_request(world, 'P', symbol, request);
    return qm_paper_do_place(world, symbol, request, false, order);
}

/* qm_paper_world_external places an order that no client has sent. */
QmPaperRefusal
qm_paper_world_external(QmPaperWorld *world, int symbol, const QmPaperRequest *request, const QmPaperOrder **order)
{
    world->now_ms = qm_paper_clock_now(world);
    qm_paper_journal_request(world, 'E', symbol, request);
    return qm_paper_do_place(world, symbol, request, true, order);
}

/* qm_paper_do_place places an order at the world's time. */
QmPaperRefusal
qm_paper_do_place(QmPaperWorld *world, int symbol, const QmPaperRequest *request, bool is_external,
                  const QmPaperOrder **order)
{
    QmPaperBoard *board = &world->boards[symbol];
    QmPaperRefusal refusal = qm_paper_place(&board->market, request, is_external, world->now_ms, order);

    if (refusal.code != 0)
        qm_paper_audit_refusal(world, board, request->account, "place", request->client_id, &refusal);
    else
        qm_paper_board_tell(board);
    return refusal;
}

/* qm_paper_world_cancel cancels an order. An id of the cancel that no order could have is left out. */
QmPaperRefusal
qm_paper_world_cancel(QmPaperWorld *world, int account, int symbol, int64_t id, const char *cancel_id)
{
    const char *kept = cancel_id != NULL && qm_paper_id_is_legal(cancel_id) ? cancel_id : NULL;

    world->now_ms = qm_paper_clock_now(world);
    qm_paper_journal_note(world,
                          "C %" PRId64 " %d %d %" PRId64 " %s%s",
                          world->now_ms,
                          account,
                          symbol,
                          id,
                          kept == NULL ? "~" : "=",
                          kept == NULL ? "" : kept);
    return qm_paper_do_cancel(world, account, symbol, id, kept);
}

/* qm_paper_do_cancel cancels an order at the world's time. */
QmPaperRefusal
qm_paper_do_cancel(QmPaperWorld *world, int account, int symbol, int64_t id, const char *cancel_id)
{
    QmPaperBoard *board = &world->boards[symbol];
    QmPaperRefusal refusal;

    world->cancel_id = cancel_id;
    refusal = qm_paper_cancel(&board->market, account, id, world->now_ms);
    world->cancel_id = NULL;
    if (refusal.code != 0)
        qm_paper_audit_refusal(world, board, account, "cancel", NULL, &refusal);
    else
        qm_paper_board_tell(board);
    return refusal;
}

/* qm_paper_world_expel ends an order in the exchange's name. */
QmPaperRefusal
qm_paper_world_expel(QmPaperWorld *world, int account, int symbol, int64_t id)
{
    world->now_ms = qm_paper_clock_now(world);
    qm_paper_journal_note(world, "X %" PRId64 " %d %d %" PRId64, world->now_ms, account, symbol, id);
    return qm_paper_do_expel(world, account, symbol, id);
}

/* qm_paper_do_expel ends an order at the world's time. */
QmPaperRefusal
qm_paper_do_expel(QmPaperWorld *world, int account, int symbol, int64_t id)
{
    QmPaperBoard *board = &world->boards[symbol];
    QmPaperRefusal refusal = qm_paper_expel(&board->market, account, id, world->now_ms);

    if (refusal.code == 0)
        qm_paper_board_tell(board);
    return refusal;
}

/* qm_paper_world_adjust gives or takes money. False: there is not so much that is free. */
bool
qm_paper_world_adjust(QmPaperWorld *world, int account, int asset, QmPaperDecimal amount)
{
    world->now_ms = qm_paper_clock_now(world);
    qm_paper_journal_note(world, "A %" PRId64 " %d %d %" PRId64, world->now_ms, account, asset, amount);
    return qm_paper_do_adjust(world, account, asset, amount);
}

/* qm_paper_do_adjust gives or takes money at the world's time. */
bool
qm_paper_do_adjust(QmPaperWorld *world, int account, int asset, QmPaperDecimal amount)
{
    QmPaperBalance *balance = &world->funds.balances[account][asset];
    const QmPaperWatcher *watcher = &world->watcher;

    if (amount < -balance->free || amount > ADJUST_MAX - balance->free)
        return false;
    balance->free += amount;
    world->accounts[account].given[asset] += amount;
    qm_paper_audit_adjust(world, account, asset, amount);
    if (watcher->adjusted != NULL)
        watcher->adjusted(watcher->context, account, asset, amount);
    if (watcher->balance != NULL)
        watcher->balance(watcher->context, account, asset, balance);
    return true;
}

/* qm_paper_world_set_rules changes a symbol's filters, fees, or whether it trades. Orders that rest stay. */
void
qm_paper_world_set_rules(QmPaperWorld *world, int symbol, const QmPaperRules *rules)
{
    world->now_ms = qm_paper_clock_now(world);
    qm_paper_journal_rules(world, symbol, rules);
    qm_paper_do_rules(world, symbol, rules);
}

/* qm_paper_do_rules changes a symbol's rules at the world's time. */
void
qm_paper_do_rules(QmPaperWorld *world, int symbol, const QmPaperRules *rules)
{
    QmPaperBoard *board = &world->boards[symbol];
    const QmPaperWatcher *watcher = &world->watcher;

    board->market.rules = *rules;
    qm_paper_audit_rules(world, board);
    if (watcher->rules != NULL)
        watcher->rules(watcher->context, symbol);
}

/* qm_paper_account_count returns how many accounts there are. */
int
qm_paper_account_count(const QmPaperWorld *world)
{
    return world->account_count;
}

/* qm_paper_account_name returns an account's name. */
const char *
qm_paper_account_name(const QmPaperWorld *world, int account)
{
    return account < 0 || account >= world->account_count ? NULL : world->accounts[account].name;
}

/* qm_paper_account_secret returns what an account signs with. */
const char *
qm_paper_account_secret(const QmPaperWorld *world, int account)
{
    return account < 0 || account >= world->account_count ? NULL : world->accounts[account].secret;
}

/* qm_paper_account_by_key finds the account of an API key. */
int
qm_paper_account_by_key(const QmPaperWorld *world, const char *key)
{
    for (int i = 0; i < world->account_count; i++)
        if (strcmp(world->accounts[i].key, key) == 0)
            return i;
    return -1;
}

/* qm_paper_account_by_name finds an account. */
int
qm_paper_account_by_name(const QmPaperWorld *world, const char *name)
{
    for (int i = 0; i < world->account_count; i++)
        if (strcmp(world->accounts[i].name, name) == 0)
            return i;
    return -1;
}

/* qm_paper_asset_count returns how many assets there are. */
int
qm_paper_asset_count(const QmPaperWorld *world)
{
    return world->asset_count;
}

/* qm_paper_asset_name returns an asset's name. */
const char *
qm_paper_asset_name(const QmPaperWorld *world, int asset)
{
    return asset < 0 || asset >= world->asset_count ? NULL : world->assets[asset];
}

/* qm_paper_asset_by_name finds an asset. */
int
qm_paper_asset_by_name(const QmPaperWorld *world, const char *name)
{
    for (int i = 0; i < world->asset_count; i++)
        if (strcmp(world->assets[i], name) == 0)
            return i;
    return -1;
}

/* qm_paper_symbol_count returns how many symbols there are. */
int
qm_paper_symbol_count(const QmPaperWorld *world)
{
    return world->board_count;
}

/* qm_paper_symbol_by_name finds a symbol. */
int
qm_paper_symbol_by_name(const QmPaperWorld *world, const char *name)
{
    for (int i = 0; i < world->board_count; i++)
        if (strcmp(world->boards[i].name, name) == 0)
            return i;
    return -1;
}

/* qm_paper_symbol returns what there is to know of a symbol. */
QmPaperSymbol
qm_paper_symbol(const QmPaperWorld *world, int symbol)
{
    const QmPaperBoard *board = &world->boards[symbol];

    return (QmPaperSymbol){board->name, board->market.base, board->market.quote, &board->market.rules};
}
