/*
 * Reportperm: a player's connections and markets.
 */
#include "reportperm.h"

#include <stdio.h>

enum
{
    NAME_SIZE = 32
};

const char qf_symbol[] = "BTCUSDT";

static const char report_sql[] =
    "SELECT order_id, state, applied, discrepancy FROM quantmesh.apply_report($1, $2, client_order_id => $3,"
    " exchange_order_id => $4, state => $5, trade_id => $6, last_quantity => $7, last_price => $8,"
    " cumulative_quantity => $9, commission => $10, commission_asset => $11, is_maker => $12, event_time => $13,"
    " source => $14)";

/* connect_one connects and prepares the one statement that is made all the time. */
static bool
connect_one(Link *link, const char *conninfo, const char *name)
{
    PGresult *result;
    bool good;

    if (!qf_link_open(link, conninfo, name))
        return false;
    result = PQprepare(link->conn, "report", report_sql, 0, NULL);
    good = PQresultStatus(result) == PGRES_COMMAND_OK;
    if (!good)
        fputs(PQresultErrorMessage(result), stderr);
    PQclear(result);
    return good;
}

/* qf_player_connect makes the player's connections. */
bool
qf_player_connect(Player *player, const char *conninfo)
{
    char name[NAME_SIZE];

    snprintf(name, sizeof(name), "player-%d", player->number);
    for (int i = 0; i < TWINS; i++)
        snprintf(player->accounts[i], sizeof(player->accounts[i]), "twin/%c%d", 'a' + i, player->number);
    for (int i = 0; i < CROWD; i++)
        if (!connect_one(&player->links[i], conninfo, name))
            return false;
    return true;
}

/* qf_player_setup makes the player's markets: as fine as numbers can be. */
bool
qf_player_setup(Player *player)
{
    for (int i = 0; i < TWINS; i++)
    {
        const char *const values[] = {player->accounts[i], qf_symbol};

        if (!qf_link_command(&player->links[0],
                             "SELECT FROM quantmesh.set_market($1, $2, tick_size => 0.00000001,"
                             " step_size => 0.000000000000000001, base_asset => 'BTC', quote_asset => 'USDT')",
                             2,
                             values))
            return false;
    }
    return true;
}
