/*
 * Lines of the paper exchange's journal, done again.
 */
#include <inttypes.h>
#include <string.h>

#include "paper_inside.h"

static const char damaged[] = "not a line of this exchange";

static bool is_place(const QmPaperWorld *world, int account, int symbol);
static const char *replay_place(QmPaperWorld *world, const char *line, bool is_external);
static const char *replay_cancel(QmPaperWorld *world, const char *line);
static const char *replay_step(QmPaperWorld *world, const char *line);
static const char *replay_money(QmPaperWorld *world, const char *line);
static const char *replay_rules(QmPaperWorld *world, const char *line);
static const char *replay_fault(QmPaperWorld *world, const char *line);
static const char *replay_chance(QmPaperWorld *world, const char *line);

/* qm_paper_replay does what a line says. The order of cases is that of paper_world.c and paper_plan.c. */
const char *
qm_paper_replay(QmPaperWorld *world, char *line)
{
    switch (*line)
    {
        case 'P':
        case 'E':
            return replay_place(world, line, *line == 'E');
        case 'C':
        case 'X':
            return replay_cancel(world, line);
        case 'S':
        case 'M':
            return replay_step(world, line);
        case 'A':
            return replay_money(world, line);
        case 'R':
            return replay_rules(world, line);
        case 'F':
        case 'G':
            return replay_fault(world, line);
        case 'Q':
        case 'V':
            return replay_chance(world, line);
        default:
            return damaged;
    }
}

/* is_place says whether there are such an account and symbol. */
static bool
is_place(const QmPaperWorld *world, int account, int symbol)
{
    return account >= 0 && account < world->account_count && symbol >= 0 && symbol < world->board_count;
}

/* replay_place places an order. */
static const char *
replay_place(QmPaperWorld *world, const char *line, bool is_external)
{
    QmPaperRequest request = {0};
    const QmPaperOrder *order;
    char id[QM_PAPER_ID_MAX + 2];
    int symbol, side, type, force, stp;

    if (sscanf(line,
               "%*c %" SCNd64 " %d %d %d %d %d %d %" SCNd64 " %" SCNd64 " %" SCNd64 " %37s",
               &world->now_ms,
               &symbol,
               &request.account,
               &side,
               &type,
               &force,
               &stp,
               &request.price,
               &request.quantity,
               &request.amount,
               id) != 11 ||
        !is_place(world, request.account, symbol))
        return damaged;
    request.side = (QmPaperSide) side;
    request.type = (QmPaperType) type;
    request.force = (QmPaperForce) force;
    request.stp = (QmPaperStp) stp;
    request.client_id = *id == '=' ? id + 1 : NULL;
    (void) qm_paper_do_place(world, symbol, &request, is_external, &order); /* as it was answered then */
    return NULL;
}

/* replay_cancel ends an order. */
static const char *
replay_cancel(QmPaperWorld *world, const char *line)
{
    char id[QM_PAPER_ID_MAX + 2] = "~";
    int account, symbol;
    int64_t order;

    if (sscanf(line, "%*c %" SCNd64 " %d %d %" SCNd64 " %37s", &world->now_ms, &account, &symbol, &order, id) < 4 ||
        !is_place(world, account, symbol))
        return damaged;
    if (*line == 'C')
        (void) qm_paper_do_cancel(world, account, symbol, order, *id == '=' ? id + 1 : NULL); /* as then */
    else
        (void) qm_paper_do_expel(world, account, symbol, order);
    return NULL;
}

/* replay_step does a step of the data, which must be the same, or what faults have planned for a moment. */
static const char *
replay_step(QmPaperWorld *world, const char *line)
{
    int64_t now_ms;

    if (sscanf(line, "%*c %" SCNd64, &now_ms) != 1)
        return damaged;
    if (*line == 'M')
    {
        world->now_ms = now_ms;
        qm_paper_plan_moment(world);
        return NULL;
    }
    if (qm_paper_world_has_ended(world))
        return "a step after the end of the data";
    qm_paper_clock_step(world);
    return world->now_ms == now_ms ? NULL : "a step at another time than then";
}

/* replay_money gives or takes money. */
static const char *
replay_money(QmPaperWorld *world, const char *line)
{
    int account, asset;
    QmPaperDecimal amount;

    if (sscanf(line, "%*c %" SCNd64 " %d %d %" SCNd64, &world->now_ms, &account, &asset, &amount) != 4 ||
        !is_place(world, account, 0) || asset < 0 || asset >= world->asset_count)
        return damaged;
    (void) qm_paper_do_adjust(world, account, asset, amount); /* as then */
    return NULL;
}

/* replay_rules changes rules. */
static const char *
replay_rules(QmPaperWorld *world, const char *line)
{
    QmPaperRules rules;
    int symbol, halted;

    if (sscanf(line,
               "%*c %" SCNd64 " %d %" SCNd64 " %" SCNd64 " %" SCNd64 " %" SCNd64 " %" SCNd64 " %" SCNd64 " %" SCNd64
               " %d %" SCNd64 " %" SCNd64 " %d",
               &world->now_ms,
               &symbol,
               &rules.tick,
               &rules.price_min,
               &rules.price_max,
               &rules.step,
               &rules.quantity_min,
               &rules.quantity_max,
               &rules.notional_min,
               &rules.orders_max,
               &rules.fee_maker,
               &rules.fee_taker,
               &halted) != 13 ||
        !is_place(world, 0, symbol))
        return damaged;
    rules.halted = halted != 0;
    qm_paper_do_rules(world, symbol, &rules);
    return NULL;
}

/* replay_fault adds or removes a fault. */
static const char *
replay_fault(QmPaperWorld *world, const char *line)
{
    QmPaperFault fault = {0};
    int kind, endpoint, side, id;

    if (*line == 'G')
    {
        if (sscanf(line, "%*c %" SCNd64 " %d", &world->now_ms, &id) != 2)
            return damaged;
        (void) qm_paper_do_fault_remove(world, id); /* as then */
        return NULL;
    }
    if (sscanf(line,
               "%*c %" SCNd64 " %d %d %d %d %d %d %d %" SCNd64 " %" SCNd64 " %" SCNd64 " %d %d %d %" SCNd64 " %" SCNd64
               " %" SCNd64 " %" SCNd64 " %" SCNd64,
               &world->now_ms,
               &kind,
               &endpoint,
               &fault.account,
               &fault.symbol,
               &fault.asset,
               &fault.probability_ppm,
               &fault.count,
               &fault.at_ms,
               &fault.until_ms,
               &fault.value,
               &fault.code,
               &fault.wait_s,
               &side,
               &fault.price,
               &fault.amount,
               &fault.tick,
               &fault.step,
               &fault.notional_min) != 19 ||
        kind < 0 || kind >= QM_PAPER_FAULT_KINDS)
        return damaged;
    fault.kind = (QmPaperFaultKind) kind;
    fault.endpoint = (QmPaperEndpoint) endpoint;
    fault.side = (QmPaperSide) side;
    (void) qm_paper_do_fault_add(world, &fault); /* as then */
    return NULL;
}

/* replay_chance lets chance move on as it did. */
static const char *
replay_chance(QmPaperWorld *world, const char *line)
{
    int first, second, third = 0;

    if (sscanf(line, "%*c %" SCNd64 " %d %d %d", &world->now_ms, &first, &second, &third) != (*line == 'Q' ? 4 : 3))
        return damaged;
    if (*line == 'Q')
        (void) qm_paper_do_fault_request(world, (QmPaperEndpoint) first, second, third); /* told then */
    else
        (void) qm_paper_do_fault_event(world, first, second);
    return NULL;
}
