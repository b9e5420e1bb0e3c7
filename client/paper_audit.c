/*
 * The paper exchange's audit: a line of JSON for whatever happened, in a file; and how things are, on demand. It is what the
 * books of others are compared with, so all of it follows from the seed and the calls alone.
 */
#include <string.h>
#include <unistd.h>

#include "paper_inside.h"

static const char *const sides[] = {"BUY", "SELL"};
static const char *const types[] = {"LIMIT", "LIMIT_MAKER", "MARKET"};
static const char *const forces[] = {"GTC", "IOC", "FOK"};
static const char *const statuses[] = {"NEW", "PARTIALLY_FILLED", "FILLED", "CANCELED", "EXPIRED", "EXPIRED_IN_MATCH"};

static json_t *event_new(const QmPaperWorld *world, const char *event);
static json_t *order_json(const QmPaperWorld *world, const QmPaperBoard *board, const QmPaperOrder *order,
                          const char *event);
static void set_text(json_t *json, const char *name, const char *text);
static void set_number(json_t *json, const char *name, int64_t value);
static void set_decimal(json_t *json, const char *name, QmPaperDecimal value);
static void write_line(QmPaperWorld *world, FILE *file, json_t *json);
static bool write_log(QmPaperWorld *world, FILE *file);
static void write_balances(QmPaperWorld *world, FILE *file);
static void write_open(QmPaperWorld *world, FILE *file, const QmPaperBoard *board);
static void write_totals(QmPaperWorld *world, FILE *file);

/* qm_paper_audit_order notes that an order was accepted, has traded, or has ended. */
void
qm_paper_audit_order(QmPaperWorld *world, const QmPaperBoard *board, const QmPaperOrder *order, const QmPaperFill *fill)
{
    bool is_buy = order->side == QM_PAPER_BUY;
    json_t *json;

    if (fill != NULL)
    {
        json = event_new(world, "trade");
        set_text(json, "account", world->accounts[order->account].name);
        set_text(json, "symbol", board->name);
        set_number(json, "order_id", order->id);
        set_text(json, "client_id", order->client_id);
        set_text(json, "side", sides[order->side]);
        set_number(json, "trade_id", fill->trade_id);
        set_decimal(json, "price", fill->price);
        set_decimal(json, "quantity", fill->quantity);
        set_decimal(json, "quote", fill->quote);
        set_decimal(json, "fee", fill->commission);
        set_text(json, "fee_asset", world->assets[is_buy ? board->market.base : board->market.quote]);
        json_object_set_new(json, "is_maker", json_boolean(fill->is_maker));
        write_line(world, world->audit, json);
    }
    if (fill == NULL && qm_paper_is_open(order))
        write_line(world, world->audit, order_json(world, board, order, "order"));
    if (qm_paper_is_open(order))
        return;
    json = order_json(world, board, order, "end");
    if (order->status == QM_PAPER_CANCELED && world->cancel_id != NULL)
        set_text(json, "cancel_id", world->cancel_id);
    write_line(world, world->audit, json);
}

/* qm_paper_audit_refusal notes what was refused. */
void
qm_paper_audit_refusal(QmPaperWorld *world, const QmPaperBoard *board, int account, const char *what,
                       const char *client_id, const QmPaperRefusal *refusal)
{
    json_t *json = event_new(world, "refusal");

    set_text(json, "account", world->accounts[account].name);
    set_text(json, "symbol", board->name);
    set_text(json, "request", what);
    /* One that is not legal may be any bytes. */
    if (client_id != NULL && qm_paper_id_is_legal(client_id))
        set_text(json, "client_id", client_id);
    set_number(json, "code", refusal->code);
    set_text(json, "message", refusal->message);
    write_line(world, world->audit, json);
}

/* qm_paper_audit_adjust notes money that came or went. */
void
qm_paper_audit_adjust(QmPaperWorld *world, int account, int asset, QmPaperDecimal amount)
{
    json_t *json = event_new(world, "adjust");

    set_text(json, "account", world->accounts[account].name);
    set_text(json, "asset", world->assets[asset]);
    set_decimal(json, "amount", amount);
    write_line(world, world->audit, json);
}

/* qm_paper_audit_rules notes the rules that hold from now on. */
void
qm_paper_audit_rules(QmPaperWorld *world, const QmPaperBoard *board)
{
    const QmPaperRules *rules = &board->market.rules;
    json_t *json = event_new(world, "rules");

    set_text(json, "symbol", board->name);
    set_decimal(json, "tick", rules->tick);
    set_decimal(json, "step", rules->step);
    set_decimal(json, "notional_min", rules->notional_min);
    json_object_set_new(json, "is_halted", json_boolean(rules->halted));
    write_line(world, world->audit, json);
}

/* qm_paper_audit_fault notes that a fault has struck. */
void
qm_paper_audit_fault(QmPaperWorld *world, const QmPaperFault *fault)
{
    json_t *json = event_new(world, "fault");

    set_number(json, "id", fault->id);
    set_text(json, "kind", qm_paper_fault_name(fault->kind));
    write_line(world, world->audit, json);
}

/* qm_paper_audit_write writes the log, and how things are now. */
bool
qm_paper_audit_write(QmPaperWorld *world, FILE *file)
{
    if (!write_log(world, file))
        return false;
    for (int i = 0; i < world->board_count; i++)
        write_open(world, file, &world->boards[i]);
    write_balances(world, file);
    write_totals(world, file);
    return !ferror(file) && fflush(file) == 0;
}

/* write_log copies what was noted so far. */
static bool
write_log(QmPaperWorld *world, FILE *file)
{
    char buffer[65536];
    off_t place = 0;
    ssize_t got;

    if (fflush(world->audit) != 0 || ferror(world->audit))
        return false;
    while ((got = pread(fileno(world->audit), buffer, sizeof(buffer), place)) > 0)
    {
        if (fwrite(buffer, 1, (size_t) got, file) != (size_t) got)
            return false;
        place += got;
    }
    return got == 0;
}

/* write_open writes the orders that are open, by side and price. */
static void
write_open(QmPaperWorld *world, FILE *file, const QmPaperBoard *board)
{
    for (int side = 0; side < 2; side++)
        for (const QmPaperOrder *order = board->market.book[side]; order != NULL; order = order->next)
            write_line(world, file, order_json(world, board, order, "open"));
}

/* write_balances writes what accounts have, and by how much it is more than they were given: their positions. */
static void
write_balances(QmPaperWorld *world, FILE *file)
{
    for (int i = 0; i < world->account_count; i++)
        for (int asset = 0; asset < world->asset_count; asset++)
        {
            const QmPaperBalance *balance = &world->funds.balances[i][asset];
            QmPaperDecimal given = world->accounts[i].given[asset];
            json_t *json;

            if (balance->free == 0 && balance->locked == 0 && given == 0)
                continue;
            json = event_new(world, "balance");
            set_text(json, "account", world->accounts[i].name);
            set_text(json, "asset", world->assets[asset]);
            set_decimal(json, "free", balance->free);
            set_decimal(json, "locked", balance->locked);
            set_decimal(json, "given", given);
            set_decimal(json, "position", balance->free + balance->locked - given);
            write_line(world, file, json);
        }
}

/* write_totals writes what a symbol has seen, and what went to nobody's account. */
static void
write_totals(QmPaperWorld *world, FILE *file)
{
    for (int i = 0; i < world->board_count; i++)
    {
        json_t *json = event_new(world, "total");

        set_text(json, "symbol", world->boards[i].name);
        set_number(json, "orders", world->boards[i].market.order_count);
        set_number(json, "trades", world->boards[i].market.trade_count);
        set_number(json, "own_trades", world->boards[i].own_count);
        set_decimal(json, "price", world->boards[i].market.price);
        write_line(world, file, json);
    }
    for (int asset = 0; asset < world->asset_count; asset++)
    {
        json_t *json = event_new(world, "total");

        set_text(json, "asset", world->assets[asset]);
        set_decimal(json, "fees", world->funds.fees[asset]);
        set_decimal(json, "outside", world->funds.outside[asset]);
        write_line(world, file, json);
    }
}

/* event_new begins a line. NULL goes through all of jansson's calls, and is seen when the line is written. */
static json_t *
event_new(const QmPaperWorld *world, const char *event)
{
    json_t *json = json_object();

    set_text(json, "event", event);
    set_number(json, "at_ms", world->now_ms);
    return json;
}

/* order_json says all there is of an order. */
static json_t *
order_json(const QmPaperWorld *world, const QmPaperBoard *board, const QmPaperOrder *order, const char *event)
{
    json_t *json = event_new(world, event);

    set_text(json, "account", world->accounts[order->account].name);
    set_text(json, "symbol", board->name);
    set_number(json, "order_id", order->id);
    set_text(json, "client_id", order->client_id);
    set_text(json, "side", sides[order->side]);
    set_text(json, "type", types[order->type]);
    set_text(json, "time_in_force", forces[order->force]);
    set_text(json, "status", statuses[order->status]);
    set_decimal(json, "price", order->price);
    set_decimal(json, "quantity", order->quantity);
    set_decimal(json, "filled", order->filled);
    set_decimal(json, "quote", order->quote);
    set_number(json, "created_ms", order->created_ms);
    if (order->is_external)
        json_object_set_new(json, "is_external", json_true());
    return json;
}

/* set_text adds a text that is UTF-8. */
static void
set_text(json_t *json, const char *name, const char *text)
{
    json_object_set_new_nocheck(json, name, json_string(text));
}

/* set_number adds a whole number. */
static void
set_number(json_t *json, const char *name, int64_t value)
{
    json_object_set_new_nocheck(json, name, json_integer(value));
}

/* set_decimal adds a decimal, as text. */
static void
set_decimal(json_t *json, const char *name, QmPaperDecimal value)
{
    char text[QM_PAPER_DECIMAL_SIZE];

    qm_paper_print(value, text);
    json_object_set_new_nocheck(json, name, json_string_nocheck(text));
}

/* write_line writes and frees a line. A log that cannot be written is an error of the next sync. */
static void
write_line(QmPaperWorld *world, FILE *file, json_t *json)
{
    if ((json == NULL || json_dumpf(json, file, JSON_COMPACT) != 0 || fputc('\n', file) == EOF) && file == world->audit)
        world->journal.has_failed = true;
    json_decref(json);
}
