/*
 * The paper exchange's rate limits: weight by address and minute, orders by account
 * in ten seconds and in a day. Whoever goes on when told to stop is shut out.
 */
#include "paper_server_inside.h"

#include <inttypes.h>
#include <string.h>

#define MINUTE_MS 60000
#define TEN_SECONDS_MS 10000
#define DAY_MS INT64_C(86400000)
#define REFUSALS_MAX 20 /* in a minute; more, and the address is banned */
#define BAN_MS 120000

static QmPaperPeer *peer_of(QmPaperServer *server, const char *address, int64_t minute);
static bool is_below(QmPaperOrderCount *count, int64_t span, int64_t most);

/* qm_paper_weigh counts a request's weight. False: it was too much, and the call has its error. */
bool
qm_paper_weigh(QmPaperCall *call, int weight)
{
    QmPaperServer *server = call->server;
    int64_t now_ms = qm_paper_wire_ms(server);
    QmPaperPeer *peer = peer_of(server, call->peer, now_ms / MINUTE_MS);
    int most = server->options.weight_max;

    if (peer->banned_until_ms > now_ms)
    {
        call->retry_after_s = (int) ((peer->banned_until_ms - now_ms + 999) / 1000);
        qm_paper_call_error(call,
                            418,
                            -1003,
                            "Way too much request weight used; IP banned until %" PRId64
                            ". Please use WebSocket Streams for live updates to avoid bans.",
                            peer->banned_until_ms);
        return false;
    }
    peer->weight += weight;
    call->used_weight = peer->weight;
    if (most < 0 || peer->weight <= most)
        return true;
    if (++peer->refused > REFUSALS_MAX)
        peer->banned_until_ms = now_ms + BAN_MS;
    call->retry_after_s = (int) ((MINUTE_MS - now_ms % MINUTE_MS + 999) / 1000);
    qm_paper_call_error(call,
                        429,
                        -1003,
                        "Too much request weight used; current limit is %d request weight per 1 MINUTE. Please use "
                        "WebSocket Streams for live updates to avoid polling the API.",
                        most);
    return false;
}

/* peer_of finds an address's count of this minute; where there is no room the one that has been silent longest goes. */
static QmPaperPeer *
peer_of(QmPaperServer *server, const char *address, int64_t minute)
{
    QmPaperPeer *peer = &server->peers[0];

    for (int i = 0; i < QM_PAPER_PEERS_MAX; i++)
    {
        if (strcmp(server->peers[i].address, address) == 0)
        {
            peer = &server->peers[i];
            break;
        }
        if (server->peers[i].minute < peer->minute)
            peer = &server->peers[i];
    }
    if (strcmp(peer->address, address) != 0)
    {
        *peer = (QmPaperPeer){0};
        qm_text_copy(peer->address, sizeof(peer->address), address);
    }
    if (peer->minute != minute)
    {
        peer->minute = minute;
        peer->weight = peer->refused = 0;
    }
    return peer;
}

/* qm_paper_count_order counts an order. False: there were too many, and the call has its error. */
bool
qm_paper_count_order(QmPaperCall *call)
{
    QmPaperServer *server = call->server;
    int64_t now_ms = qm_paper_wire_ms(server);
    const QmPaperServerOptions *options = &server->options;

    if (!is_below(&server->orders_10s[call->account], now_ms / TEN_SECONDS_MS, options->orders_10s_max))
    {
        call->retry_after_s = (int) ((TEN_SECONDS_MS - now_ms % TEN_SECONDS_MS + 999) / 1000);
        qm_paper_call_error(call,
                            429,
                            -1015,
                            "Too many new orders; current limit is %d orders per 10 SECOND.",
                            options->orders_10s_max);
        return false;
    }
    if (!is_below(&server->orders_day[call->account], now_ms / DAY_MS, options->orders_day_max))
    {
        call->retry_after_s = (int) ((DAY_MS - now_ms % DAY_MS + 999) / 1000);
        qm_paper_call_error(call,
                            429,
                            -1015,
                            "Too many new orders; current limit is %d orders per 1 DAY.",
                            options->orders_day_max);
        return false;
    }
    server->orders_10s[call->account].count++;
    server->orders_day[call->account].count++;
    return true;
}

/* is_below says whether there may be one more in a span of time. */
static bool
is_below(QmPaperOrderCount *count, int64_t span, int64_t most)
{
    if (count->span != span)
        *count = (QmPaperOrderCount){.span = span};
    return most < 0 || count->count < most;
}

/* qm_paper_orders_counted returns how many orders an account has placed in the span that is now. */
int64_t
qm_paper_orders_counted(const QmPaperServer *server, int account, bool of_day)
{
    const QmPaperOrderCount *count = of_day ? &server->orders_day[account] : &server->orders_10s[account];
    int64_t now_ms = qm_paper_wire_ms(server);

    return count->span == now_ms / (of_day ? DAY_MS : TEN_SECONDS_MS) ? count->count : 0;
}
