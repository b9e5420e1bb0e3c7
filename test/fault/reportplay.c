/*
 * Reportperm: gives a case to the server twice, and compares what became of it.
 */
#include "reportperm.h"

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum
{
    REPORT_VALUES = 14,
    TEXT_SIZE = 64,
    ID_SIZE = 40,
    JSON_SIZE = 2048
};

/* What a case has come to, in each twin: orders, fills, position, each one text; and the numbers that must be so. */
static const char look_sql[] =
    "WITH o AS (SELECT * FROM quantmesh.orders WHERE account = ANY ($1::text[]) AND order_id = ANY ($2::bigint[])),"
    " f AS (SELECT * FROM quantmesh.fill WHERE account = ANY ($1::text[]) AND symbol = 'BTCUSDT' AND strategy = $3),"
    " line AS (SELECT account, 1 AS part, lpad(order_id::text, 20, '0') AS place, concat_ws(' ', state, "
    "trim_scale(filled_quantity),"
    "   trim_scale(busted_quantity), trim_scale(reported_quantity), 'quote', trim_scale(filled_quote), cancel_state,"
    "   CASE WHEN live THEN 'live' END, CASE WHEN exposed THEN 'exposed' END, exchange_order_id,"
    "   CASE WHEN exposed <> EXISTS (SELECT FROM quantmesh.live_order AS l WHERE l.account = o.account AND"
    "    l.symbol = o.symbol AND l.side = o.side AND l.slot = '#' || o.order_id) THEN 'other in live_order' END) AS "
    "text"
    "   FROM o"
    "  UNION ALL SELECT account, 2, to_char(executed_at AT TIME ZONE 'UTC', 'YYYYMMDDHH24MISSUS') || trade_id || ' '"
    "   || side || (kind = 'bust')::integer, concat_ws(' ', trade_id, kind, side, trim_scale(quantity), "
    "trim_scale(price),"
    "   trim_scale(commission), commission_asset, is_maker, executed_at, 'order',"
    "   dense_rank() OVER (PARTITION BY account ORDER BY order_id), 'then', trim_scale(position_after),"
    "   trim_scale(cost_after), trim_scale(profit_after)) FROM f"
    "  UNION ALL SELECT account, 3, '', concat_ws(' ', trim_scale(quantity), trim_scale(cost), "
    "trim_scale(realized_profit),"
    "   last_executed_at, last_trade_id, last_side, last_kind) FROM quantmesh.position"
    "   WHERE account = ANY ($1::text[]) AND symbol = 'BTCUSDT' AND strategy = $3)"
    " SELECT array_position($1::text[], account), part, string_agg(text, E'\\n' ORDER BY place COLLATE \"C\") FROM line"
    " GROUP BY account, part ORDER BY part, account";

/* One twin while a case is played. */
typedef struct Twin
{
    const char *account;
    char order_ids[CASE_ORDERS_MAX][ID_SIZE];
    char client_order_ids[CASE_ORDERS_MAX][ID_SIZE]; /* of the attempt that counts */
    char *looks[3];                                  /* orders, fills, position */
} Twin;

/* A play of a case: its names, its twins, and what was wrong first. */
typedef struct Play
{
    Player *player;
    const Case *c;
    Expected expected;
    char strategy[ID_SIZE];
    Twin twins[TWINS];
    char *why;
} Play;

/* Reports on their way through one connection. */
typedef struct Pipeline
{
    PGconn *conn;
    int sent[CASE_PLAYS_MAX];
    int count, syncs;
} Pipeline;

/* The values of one call of apply_report. */
typedef struct Call
{
    char trade[TEXT_SIZE], exchange[TEXT_SIZE], quantity[TEXT_SIZE], price[TEXT_SIZE], cumulative[TEXT_SIZE],
        commission[TEXT_SIZE], time[TEXT_SIZE];
    const char *values[REPORT_VALUES];
} Call;

const Plant *qf_plant;

/* wrong notes the first thing that is wrong, and returns false. */
static bool __attribute__((format(printf, 2, 3))) wrong(Play *play, const char *format, ...)
{
    va_list arguments;

    if (play->why[0] != '\0')
        return false;
    va_start(arguments, format);
    vsnprintf(play->why, CASE_TEXT_MAX, format, arguments);
    va_end(arguments);
    return false;
}

/* query runs one statement; NULL when it failed, which is wrong. */
static PGresult *
query(Play *play, const char *sql, int count, const char *const *values)
{
    PGresult *result = qf_link_query(&play->player->links[0], sql, count, values);

    if (result == NULL)
        wrong(play, "%s\n%s", sql, PQerrorMessage(play->player->links[0].conn));
    return result;
}

/* twin_place places the orders of a case for a twin. They have no slots, and buys are far below sells. */
static bool
twin_place(Play *play, Twin *twin)
{
    char json[JSON_SIZE], quantity[FINE_TEXT];
    const char *const values[] = {twin->account, json};
    PGresult *result;
    size_t used = 0;

    for (int i = 0; i < play->c->order_count; i++)
        used +=
            (size_t) snprintf(json + used,
                              sizeof(json) - used,
                              "%c{\"symbol\":\"%s\",\"side\":\"%s\",\"price\":\"%s\",\"quantity\":\"%s\",\"slot\":\"\","
                              "\"strategy\":\"%s\"}",
                              i == 0 ? '[' : ',',
                              qf_symbol,
                              play->c->orders[i].buy ? "buy" : "sell",
                              play->c->orders[i].buy ? "90" : "210",
                              qf_fine_text(quantity, play->c->orders[i].quantity),
                              play->strategy);
    snprintf(json + used, sizeof(json) - used, "]");
    result = query(play,
                   "SELECT outcome, order_id, client_order_id, reason, detail FROM quantmesh.place_orders($1, "
                   "$2::jsonb, submit => true)",
                   2,
                   values);
    for (int i = 0; result != NULL && i < PQntuples(result); i++)
    {
        if (strcmp(PQgetvalue(result, i, 0), "placed") != 0)
            wrong(play,
                  "order %d is %s: %s %s",
                  i,
                  PQgetvalue(result, i, 0),
                  PQgetvalue(result, i, 3),
                  PQgetvalue(result, i, 4));
        snprintf(twin->order_ids[i], ID_SIZE, "%s", PQgetvalue(result, i, 1));
        snprintf(twin->client_order_ids[i], ID_SIZE, "%s", PQgetvalue(result, i, 2));
    }
    PQclear(result);
    return play->why[0] == '\0';
}

/* resolve says what became of an order's submission. */
static bool
resolve(Play *play, const Twin *twin, int order, const char *outcome)
{
    const char *const values[] = {twin->account, twin->order_ids[order], outcome};
    PGresult *result = query(play,
                             "SELECT r.state FROM quantmesh.orders AS o, quantmesh.resolve_submission(o.account,"
                             " o.order_id, o.fence, $3) AS r WHERE o.account = $1 AND o.order_id = $2::bigint",
                             3,
                             values);

    PQclear(result);
    return result != NULL;
}

/* claim takes the order again, which has a new client order id then. */
static bool
claim(Play *play, Twin *twin, int order)
{
    const char *const values[] = {twin->account};
    PGresult *result =
        query(play, "SELECT order_id, client_order_id FROM quantmesh.claim_orders($1, max => 10)", 1, values);

    if (result == NULL)
        return false;
    if (PQntuples(result) != 1 || strcmp(PQgetvalue(result, 0, 0), twin->order_ids[order]) != 0)
        wrong(play, "claim_orders answered %d orders", PQntuples(result));
    else
        snprintf(twin->client_order_ids[order], ID_SIZE, "%s", PQgetvalue(result, 0, 1));
    PQclear(result);
    return play->why[0] == '\0';
}

/* twin_prepare does what was done with the orders before the first report. */
static bool
twin_prepare(Play *play, Twin *twin)
{
    for (int i = 0; i < play->c->order_count; i++)
    {
        const char *const values[] = {twin->account, twin->order_ids[i]};
        PGresult *result;

        switch (play->c->orders[i].before)
        {
            case BEFORE_NOTHING:
                break;
            case BEFORE_CANCEL:
                result = query(play, "SELECT FROM quantmesh.cancel_order($1, $2::bigint)", 2, values);
                PQclear(result);
                if (result == NULL)
                    return false;
                break;
            case BEFORE_UNKNOWN:
                if (!resolve(play, twin, i, "unknown"))
                    return false;
                break;
            case BEFORE_RESENT:
                if (!resolve(play, twin, i, "not_processed") || !claim(play, twin, i))
                    return false;
                break;
        }
    }
    return true;
}

/* call_make writes a report down as the arguments of apply_report. Numbers may end with zeros, of no meaning. */
static void
call_make(const Play *play, const Twin *twin, const CaseReport *report, bool zeros, Call *call)
{
    const char *const values[REPORT_VALUES] = {twin->account,
                                               qf_symbol,
                                               twin->client_order_ids[report->order],
                                               report->exchange_id ? call->exchange : NULL,
                                               report->state,
                                               report->trade != 0 ? call->trade : NULL,
                                               report->trade != 0 ? call->quantity : NULL,
                                               report->trade != 0 ? call->price : NULL,
                                               report->cumulative >= 0 ? call->cumulative : NULL,
                                               report->asset != NULL ? call->commission : NULL,
                                               report->asset,
                                               report->maker,
                                               call->time,
                                               report->source};
    char text[FINE_TEXT];

    memcpy(call->values, values, sizeof(values));
    snprintf(call->trade, sizeof(call->trade), "%s-%d", play->strategy, report->trade);
    snprintf(call->exchange, sizeof(call->exchange), "%s-x%d", play->strategy, report->order);
    snprintf(call->quantity, sizeof(call->quantity), "%s", qf_fine_text(text, report->quantity));
    snprintf(call->price,
             sizeof(call->price),
             "%" PRId64 ".%08" PRId64,
             report->price / 100000000,
             report->price % 100000000);
    snprintf(call->cumulative, sizeof(call->cumulative), "%s", qf_fine_text(text, report->cumulative));
    if (zeros && strchr(call->quantity, '.') == NULL)
        strcat(call->quantity, ".00");
    snprintf(call->commission, sizeof(call->commission), "%s", qf_fine_text(text, report->commission));
    snprintf(call->time,
             sizeof(call->time),
             "2026-03-01 00:%02d:%02d.%06d+00",
             (int) (report->time_us / 60000000),
             (int) (report->time_us / 1000000 % 60),
             (int) (report->time_us % 1000000));
}

/* discrepancy_allowed says whether a report may be told to contradict something, though all of them are true. */
static bool
discrepancy_allowed(const Play *play, int twin, const char *code)
{
    if (strcmp(code, "TRADE_BUST") == 0)
        return play->expected.busts;
    return strcmp(code, "LATE_FILL") == 0 && twin == 1 && play->expected.uncovered;
}

/* answer_check looks at what one report was answered; quiet: it must have changed nothing. */
static void
answer_check(Play *play, int twin, int report, bool quiet, const PGresult *result)
{
    const char *code;

    if (PQresultStatus(result) != PGRES_TUPLES_OK)
    {
        if (PQresultStatus(result) != PGRES_PIPELINE_ABORTED)
            wrong(play, "report %d to twin %d: %s", report + 1, twin + 1, PQresultErrorMessage(result));
        return;
    }
    code = PQgetvalue(result, 0, 3);
    if (strcmp(PQgetvalue(result, 0, 0), play->twins[twin].order_ids[play->c->reports[report].order]) != 0)
        wrong(play, "report %d to twin %d: for order \"%s\"", report + 1, twin + 1, PQgetvalue(result, 0, 0));
    if (code[0] != '\0' && !discrepancy_allowed(play, twin, code))
        wrong(play, "report %d to twin %d: discrepancy %s", report + 1, twin + 1, code);
    if (quiet && PQgetvalue(result, 0, 2)[0] != 'f')
        wrong(play, "report %d to twin %d: told once more, and applied once more", report + 1, twin + 1);
}

/* send_one puts one report into the pipeline; a planted fault makes its number wrong. */
static bool
send_one(Play *play, PGconn *conn, int twin, int number, bool bad)
{
    CaseReport report = play->c->reports[number];
    Call call;

    if (bad)
        report.quantity++;
    call_make(play, &play->twins[twin], &report, twin == 1, &call);
    return PQsendQueryPrepared(conn, "report", REPORT_VALUES, call.values, NULL, NULL, 0) == 1;
}

/* planted says whether the second twin's play of a report is to be left out or falsified. */
static bool
planted(const Play *play, int twin, int number, PlantKind kind)
{
    return qf_plant != NULL && qf_plant->kind == kind && twin == 1 && play->c->reports[number].trade == 1 &&
           !play->c->reports[number].bust;
}

/* pipeline_send sends every step-th of the plays, beginning with the first-th; as one transaction, or each on its own. */
static bool
pipeline_send(Play *play, Pipeline *pipeline, int twin, const short *plays, int count, int first, int step)
{
    PGconn *conn = pipeline->conn;

    pipeline->count = pipeline->syncs = 0;
    if (PQenterPipelineMode(conn) != 1)
        return wrong(play, "cannot begin a pipeline");
    for (int i = first; i < count; i += step)
    {
        if (planted(play, twin, plays[i], PLANT_LOST))
            continue;
        if (!send_one(play, conn, twin, plays[i], planted(play, twin, plays[i], PLANT_WRONG)))
            return wrong(play, "%s", PQerrorMessage(conn));
        pipeline->sent[pipeline->count++] = plays[i];
        if (play->c->alone || step > 1)
            pipeline->syncs += PQpipelineSync(conn);
    }
    pipeline->syncs += PQpipelineSync(conn);
    return true;
}

/* pipeline_read reads what the reports were answered. */
static bool
pipeline_read(Play *play, Pipeline *pipeline, int twin, bool quiet)
{
    PGconn *conn = pipeline->conn;
    int answered = 0;

    while (pipeline->syncs > 0)
    {
        PGresult *result = PQgetResult(conn);

        if (result == NULL && PQstatus(conn) != CONNECTION_OK)
            return wrong(play, "%s", PQerrorMessage(conn));
        if (result == NULL)
            continue;
        if (PQresultStatus(result) == PGRES_PIPELINE_SYNC)
            pipeline->syncs--;
        else if (answered < pipeline->count)
            answer_check(play, twin, pipeline->sent[answered++], quiet, result);
        PQclear(result);
    }
    if (PQexitPipelineMode(conn) != 1)
        return wrong(play, "cannot end a pipeline: %s", PQerrorMessage(conn));
    if (answered != pipeline->count)
        wrong(play, "%d reports, %d answers", pipeline->count, answered);
    play->player->reports += answered;
    return true;
}

/* twin_play gives a twin reports in the order of plays; a crowd of connections deals them out among itself. */
static bool
twin_play(Play *play, int twin, const short *plays, int count, bool quiet)
{
    static _Thread_local Pipeline pipelines[CROWD];
    int crowd = play->c->crowd && twin == 1 && !quiet ? CROWD : 1;

    for (int i = 0; i < crowd; i++)
    {
        pipelines[i].conn = play->player->links[i].conn;
        if (!pipeline_send(play, &pipelines[i], twin, plays, count, i, crowd))
            return false;
    }
    for (int i = 0; i < crowd; i++)
        if (!pipeline_read(play, &pipelines[i], twin, quiet))
            return false;
    return play->why[0] == '\0';
}

/* twins_look reads what became of both. */
static bool
twins_look(Play *play)
{
    char accounts[TEXT_SIZE], ids[TWINS * CASE_ORDERS_MAX * ID_SIZE];
    const char *const values[] = {accounts, ids, play->strategy};
    size_t used = 0;
    PGresult *result;

    snprintf(accounts, sizeof(accounts), "{%s,%s}", play->twins[0].account, play->twins[1].account);
    for (int i = 0; i < TWINS * play->c->order_count; i++)
        used += (size_t) snprintf(ids + used,
                                  sizeof(ids) - used,
                                  "%c%s",
                                  i == 0 ? '{' : ',',
                                  play->twins[i % TWINS].order_ids[i / TWINS]);
    snprintf(ids + used, sizeof(ids) - used, "}");
    result = query(play, look_sql, 3, values);
    for (int i = 0; result != NULL && i < PQntuples(result); i++)
    {
        Twin *twin = &play->twins[atoi(PQgetvalue(result, i, 0)) - 1];

        twin->looks[atoi(PQgetvalue(result, i, 1)) - 1] = strdup(PQgetvalue(result, i, 2));
    }
    PQclear(result);
    return result != NULL;
}

/* orders_check holds a twin's orders against what must have become of them. */
static void
orders_check(Play *play, const Twin *twin)
{
    const char *line = twin->looks[0];

    if (line != NULL && strstr(line, "other in live_order") != NULL)
        wrong(play, "%s: orders are other in live_order than they are:\n%s", twin->account, line);
    for (int i = 0; i < play->c->order_count; i++)
    {
        const Expected *e = &play->expected;
        char state[TEXT_SIZE], texts[3][TEXT_SIZE], wanted[3][FINE_TEXT];

        if (line == NULL || sscanf(line, "%63s %63s %63s %63s", state, texts[0], texts[1], texts[2]) != 4)
        {
            wrong(play, "%s: order %d is not there", twin->account, i + 1);
            return;
        }
        qf_fine_text(wanted[0], e->filled[i]);
        qf_fine_text(wanted[1], e->busted[i]);
        qf_fine_text(wanted[2], e->reported[i]);
        if (strcmp(state, e->states[i]) != 0 || strcmp(texts[0], wanted[0]) != 0 || strcmp(texts[1], wanted[1]) != 0 ||
            strcmp(texts[2], wanted[2]) != 0)
            wrong(play,
                  "%s: order %d should be %s %s %s %s (filled, busted, reported), and is\n%s",
                  twin->account,
                  i + 1,
                  e->states[i],
                  wanted[0],
                  wanted[1],
                  wanted[2],
                  twin->looks[0]);
        line = strchr(line, '\n');
        line = line == NULL ? NULL : line + 1;
    }
}

/* position_check holds a twin's position against its fills: the quantity exactly, cost and profit by the money that flowed. */
static void
position_check(Play *play, const Twin *twin)
{
    const Expected *e = &play->expected;
    char quantity[TEXT_SIZE] = "0", wanted[FINE_TEXT];
    double cost = 0, profit = 0;
    Fine value = 0;

    if (twin->looks[2] != NULL && sscanf(twin->looks[2], "%63s %lf %lf", quantity, &cost, &profit) != 3)
    {
        wrong(play, "%s: no position: %s", twin->account, twin->looks[2]);
        return;
    }
    if (!qf_fine_read(quantity, &value) || value != e->position)
        wrong(play,
              "%s: the position should be %s, and is %s",
              twin->account,
              qf_fine_text(wanted, e->position),
              quantity);
    if (e->certain && fabs(cost - e->cost) > e->turnover * 1e-9)
        wrong(play, "%s: the cost should be %.12g, and is %.12g", twin->account, e->cost, cost);
    if (fabs(cost - profit - e->flow) > (e->turnover + fabs(cost) + fabs(profit)) * 1e-12)
        wrong(play,
              "%s: cost less profit should be what flowed, %.12g, and is %.12g - %.12g",
              twin->account,
              e->flow,
              cost,
              profit);
}

/* twins_compare holds the twins against each other. */
static void
twins_compare(Play *play)
{
    static const char *const parts[3] = {"orders", "fills", "positions"};

    for (int i = 0; i < 3; i++)
    {
        const char *first = play->twins[0].looks[i], *second = play->twins[1].looks[i];

        if (first == NULL)
            first = "(nothing)";
        if (second == NULL)
            second = "(nothing)";
        if (strcmp(first, second) != 0)
            wrong(play, "the %s differ:\n%s\n--\n%s", parts[i], first, second);
    }
}

/* plant_run makes a planted fault in the tables. */
static void
plant_run(Play *play)
{
    char accounts[TEXT_SIZE];
    const char *const values[] = {accounts, play->strategy};

    if (qf_plant == NULL || qf_plant->kind != PLANT_SQL)
        return;
    snprintf(accounts,
             sizeof(accounts),
             qf_plant->both ? "{%s,%s}" : "{%s}",
             play->twins[1].account,
             play->twins[0].account);
    if (!qf_link_command(&play->player->links[0], qf_plant->sql, 2, values))
    {
        fprintf(stderr, "%s\n%s", qf_plant->sql, PQerrorMessage(play->player->links[0].conn));
        exit(2);
    }
}

/* case_play does all of it, as far as it goes. */
static void
case_play(Play *play)
{
    short in_order[CASE_REPORTS_MAX];

    for (int i = 0; i < play->c->report_count; i++)
        in_order[i] = (short) i;
    for (int i = 0; i < TWINS; i++)
        if (!twin_place(play, &play->twins[i]) || !twin_prepare(play, &play->twins[i]))
            return;
    if (!twin_play(play, 0, in_order, play->c->report_count, false) ||
        !twin_play(play, 1, play->c->plays, play->c->play_count, false) ||
        (play->c->again && !twin_play(play, 1, in_order, play->c->report_count, true)))
        return;
    plant_run(play);
    if (!twins_look(play))
        return;
    twins_compare(play);
    for (int i = 0; i < TWINS; i++)
    {
        orders_check(play, &play->twins[i]);
        position_check(play, &play->twins[i]);
    }
}

/* qf_case_holds plays a case for both twins; false, and why, when something is not as it should be. */
bool
qf_case_holds(Player *player, const Case *c, char *why)
{
    Play play = {.player = player, .c = c, .why = why};

    why[0] = '\0';
    snprintf(play.strategy, sizeof(play.strategy), "s%d-%ld", player->number, ++player->serial);
    qf_case_expect(c, &play.expected);
    for (int i = 0; i < TWINS; i++)
        play.twins[i].account = player->accounts[i];
    case_play(&play);
    for (int i = 0; i < TWINS; i++)
        for (int j = 0; j < 3; j++)
            free(play.twins[i].looks[j]);
    return why[0] == '\0';
}
