/*
 * Book: keeps live orders and positions from the journal and holds them against
 * the rules after every commit.
 *
 * Requests name their slot: a request_id "<slot>#<anything>" is for that slot,
 * and one without # is for none. The names of slots hold account and side.
 */
#include "book.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum
{
    DECIMALS = 8,
    UNITS_TEXT = 32,
    NAME_BYTES = 512
};

const char *const qf_book_rules[BOOK_RULES] = {
    "two live orders in one slot",
    "two rows that hold the same slot",
    "live order that let its slot go",
    "too many live orders",
    "position above its limit",
    "notional above its limit",
    "order recorded or submitted after a halt",
    "order came back to life",
    "order was deleted",
    "number that is none",
};

/* What the journal must tell. */
const char qf_book_tables[] =
    "quantmesh.orders (account, order_id, symbol, side, price, quantity, slot, request_id, replaces, state, live,"
    " holds_slot, filled_quantity, busted_quantity, reported_quantity),"
    " quantmesh.position (account, symbol, strategy, quantity),"
    " quantmesh.market (account, symbol, trading_state), quantmesh.account (account, trading_state)";

/* qf_units reads a decimal number as units of 1e-8; false when it is not one, or is finer than that. */
bool
qf_units(const char *text, int64_t *units)
{
    bool negative = text[0] == '-', point = false;
    int decimals = 0;
    int64_t value = 0;

    for (const char *c = text + negative; *c != '\0'; c++)
    {
        if (*c == '.' && !point)
        {
            point = true;
            continue;
        }
        if (!isdigit((unsigned char) *c) || (decimals == DECIMALS && *c != '0') || value > INT64_MAX / 100)
            return false;
        if (decimals < DECIMALS)
            value = value * 10 + (*c - '0');
        decimals += point && decimals < DECIMALS;
    }
    for (; decimals < DECIMALS; decimals++)
    {
        if (value > INT64_MAX / 100)
            return false;
        value *= 10;
    }
    *units = negative ? -value : value;
    return text[negative] != '\0';
}

/* qf_units_text writes units as a decimal number, at most 31 characters, and returns it. */
char *
qf_units_text(char *text, int64_t units)
{
    const int64_t one = 100000000;

    snprintf(text,
             UNITS_TEXT,
             "%s%" PRId64 ".%08" PRId64,
             units < 0 ? "-" : "",
             (units < 0 ? -units : units) / one,
             (units < 0 ? -units : units) % one);
    return text;
}

/* violation counts one and shows the first few. */
static void
violation(Book *book, BookRule rule, const char *subject)
{
    book->found[rule]++;
    if (book->file == NULL || book->shown >= book->shown_max)
        return;
    book->shown++;
    fprintf(book->file, "    transaction %ld: %s: %s\n", book->transactions + 1, qf_book_rules[rule], subject);
}

/* place_number returns the number of a market, or of an account as a whole where symbol is empty. */
static long
place_number(Book *book, const char *account, const char *symbol)
{
    char name[NAME_BYTES];
    size_t known = book->place_names.count;
    long number;

    snprintf(name, sizeof(name), "%s %s", account, symbol);
    number = qf_names_add(&book->place_names, name);
    if ((size_t) number < known)
        return number;
    book->places = qf_grow(book->places, known, sizeof(*book->places));
    if (symbol[0] != '\0')
    {
        long whole = place_number(book, account, "");

        book->places[number].account = whole;
    }
    else
        book->places[number].account = number;
    return number;
}

/* qf_book_place returns a market, or an account as a whole where symbol is empty, to set its limits or read its counts. */
BookPlace *
qf_book_place(Book *book, const char *account, const char *symbol)
{
    long number = place_number(book, account, symbol);

    return &book->places[number];
}

/* units_of reads a column; null is 0. */
static int64_t
units_of(Book *book, const JournalChange *change, const char *column)
{
    const char *text = qf_journal_value(change, column);
    int64_t units = 0;

    if (text != NULL && !qf_units(text, &units))
        violation(book, BOOK_NUMBER, text);
    return units;
}

/* slot_fill counts one more in a slot, which is looked at again when the transaction has been read. */
static void
slot_fill(Book *book, int *counts, long number, long mark)
{
    counts[number]++;
    book->dirty = qf_grow(book->dirty, book->dirty_count, sizeof(*book->dirty));
    book->dirty[book->dirty_count++] = mark;
}

/* order_weigh adds what an order comes to, or takes it off again with sign -1, in its market and account. */
static void
order_weigh(Book *book, const BookOrder *order, int sign)
{
    long places[2] = {order->market, book->places[order->market].account};

    for (int i = 0; i < 2; i++)
    {
        BookPlace *place = &book->places[places[i]];

        place->live += order->live ? sign : 0;
        place->buys += order->buy ? sign * order->pending : 0;
        place->sells += order->buy ? 0 : sign * order->pending;
        place->notional += sign * order->notional;
        place->dirty = true;
    }
    if (sign < 0 && order->live && order->slot >= 0)
        book->slots[order->slot]--;
    if (sign > 0 && order->live && order->slot >= 0)
        slot_fill(book, book->slots, order->slot, -1 - order->slot);
    if (sign < 0 && order->holds)
        book->columns[order->column]--;
    if (sign > 0 && order->holds)
        slot_fill(book, book->columns, order->column, order->column);
}

/* slot_number returns the number of the slot that the order's request meant, -1 for none. */
static long
slot_number(Book *book, const char *account, const char *request)
{
    char name[NAME_BYTES];
    size_t known = book->slot_names.count;
    size_t length = request == NULL ? 0 : strcspn(request, "#");
    long number;

    if (request == NULL || request[length] == '\0' || length == 0)
        return -1;
    snprintf(name, sizeof(name), "%s %.*s", account, (int) length, request);
    number = qf_names_add(&book->slot_names, name);
    if ((size_t) number == known)
        book->slots = qf_grow(book->slots, known, sizeof(*book->slots));
    return number;
}

/* column_number returns the number of the slot that the order's row says, -1 for none. */
static long
column_number(Book *book, const JournalChange *change)
{
    const char *slot = qf_journal_value(change, "slot");
    char name[NAME_BYTES];
    size_t known = book->column_names.count;
    long number;

    if (slot == NULL)
        return -1;
    snprintf(name,
             sizeof(name),
             "%s %s %s %s",
             qf_journal_value(change, "account"),
             qf_journal_value(change, "symbol"),
             qf_journal_value(change, "side"),
             slot);
    number = qf_names_add(&book->column_names, name);
    if ((size_t) number == known)
        book->columns = qf_grow(book->columns, known, sizeof(*book->columns));
    return number;
}

/* order_read fills in what a row says now. */
static void
order_read(Book *book, const JournalChange *change, BookOrder *order)
{
    const char *account = qf_journal_value(change, "account");
    int64_t gross = units_of(book, change, "filled_quantity") + units_of(book, change, "busted_quantity");
    int64_t price = units_of(book, change, "price");

    order->known = true;
    order->live = qf_journal_value(change, "live")[0] == 't';
    order->holds = qf_journal_value(change, "holds_slot")[0] == 't';
    order->buy = strcmp(qf_journal_value(change, "side"), "buy") == 0;
    order->market = place_number(book, account, qf_journal_value(change, "symbol"));
    order->slot = slot_number(book, account, qf_journal_value(change, "request_id"));
    order->column = column_number(book, change);
    order->pending = units_of(book, change, order->live ? "quantity" : "reported_quantity") - gross;
    if (order->pending < 0)
        order->pending = 0;
    order->notional = order->live ? (int64_t) ((__int128) price * order->pending / 100000000) : 0;
    if (order->holds && order->column < 0)
        order->holds = false;
}

/* submitted_is says whether the order may leave, or has left. */
static bool
submitted_is(const char *state)
{
    return strcmp(state, "intent") != 0 && strcmp(state, "aborted") != 0;
}

/* order_change takes a change of quantmesh.orders in. */
static void
order_change(Book *book, const JournalChange *change)
{
    const char *state = change->kind == 'D' ? "" : qf_journal_value(change, "state");
    char name[NAME_BYTES];
    size_t known = book->order_names.count;
    BookOrder *order, before;
    long number;

    snprintf(name, sizeof(name), "%s %s", qf_journal_value(change, "account"), qf_journal_value(change, "order_id"));
    number = qf_names_add(&book->order_names, name);
    if ((size_t) number == known)
        book->orders = qf_grow(book->orders, known, sizeof(*book->orders));
    order = &book->orders[number];
    before = *order;
    if (before.known)
        order_weigh(book, &before, -1);
    if (change->kind == 'D')
    {
        violation(book, BOOK_REMOVED, name);
        *order = (BookOrder){0};
        return;
    }
    order_read(book, change, order);
    order_weigh(book, order, 1);
    order->submitted = before.submitted || submitted_is(state);
    book->inserts += change->kind == 'I';
    if (before.known && !before.live && order->live)
        violation(book, BOOK_REVIVED, name);
    if (order->live && order->column >= 0 && !order->holds && !before.known)
        violation(book, BOOK_SLOT_LET_GO, name);
    if ((!before.known || (order->submitted && !before.submitted)) &&
        (book->places[order->market].halted || book->places[book->places[order->market].account].halted ||
         qf_book_place(book, "*", "")->halted))
        violation(book, BOOK_HALTED, name);
}

/* position_change takes a change of quantmesh.position in. */
static void
position_change(Book *book, const JournalChange *change)
{
    const char *account = qf_journal_value(change, "account"), *symbol = qf_journal_value(change, "symbol");
    int64_t quantity = change->kind == 'D' ? 0 : units_of(book, change, "quantity");
    size_t known = book->position_names.count;
    char name[NAME_BYTES];
    BookPlace *place;
    long number;

    snprintf(name, sizeof(name), "%s %s %s", account, symbol, qf_journal_value(change, "strategy"));
    number = qf_names_add(&book->position_names, name);
    if ((size_t) number == known)
        book->positions = qf_grow(book->positions, known, sizeof(*book->positions));
    place = qf_book_place(book, account, symbol);
    place->position += quantity - book->positions[number];
    place->dirty = true;
    book->positions[number] = quantity;
}

/* state_change takes a change of quantmesh.market or quantmesh.account in; it counts from the next transaction on. */
static void
state_change(Book *book, const JournalChange *change, const char *symbol)
{
    BookPlace *place = qf_book_place(book, qf_journal_value(change, "account"), symbol);

    place->halted_next = change->kind != 'D' && strcmp(qf_journal_value(change, "trading_state"), "halted") == 0;
    place->dirty = true;
}

/* book_change takes any change in. */
static void
book_change(void *argument, const JournalChange *change)
{
    Book *book = argument;

    if (strcmp(change->table, "orders") == 0)
        order_change(book, change);
    else if (strcmp(change->table, "position") == 0)
        position_change(book, change);
    else if (strcmp(change->table, "market") == 0)
        state_change(book, change, qf_journal_value(change, "symbol"));
    else if (strcmp(change->table, "account") == 0)
        state_change(book, change, "");
}

/* max_keep raises the largest value seen. */
static void
max_keep(int64_t *max, int64_t value)
{
    if (*max < value)
        *max = value;
}

/* place_check holds a market or account against its limits. */
static void
place_check(Book *book, BookPlace *place, const char *name)
{
    int64_t longest = place->position + place->buys, shortest = place->sells - place->position;

    place->dirty = false;
    book->halts += place->halted_next && !place->halted;
    place->halted = place->halted_next;
    if (place->live_max < place->live)
        place->live_max = place->live;
    max_keep(&place->long_max, longest);
    max_keep(&place->short_max, shortest);
    max_keep(&place->notional_max, place->notional);
    if (place->limits.orders > 0 && place->live > place->limits.orders)
        violation(book, BOOK_ORDERS, name);
    if (place->limits.position > 0 && (longest > place->limits.position || shortest > place->limits.position))
        violation(book, BOOK_POSITION, name);
    if (place->limits.notional > 0 && place->notional > place->limits.notional)
        violation(book, BOOK_NOTIONAL, name);
}

/* book_commit looks at what the transaction has touched. */
static void
book_commit(void *argument)
{
    Book *book = argument;

    for (size_t i = 0; i < book->dirty_count; i++)
    {
        long mark = book->dirty[i];

        if (mark >= 0 && book->columns[mark] > 1)
            violation(book, BOOK_COLUMN_TWICE, book->column_names.texts[mark]);
        if (mark < 0 && book->slots[-1 - mark] > 1)
            violation(book, BOOK_SLOT_TWICE, book->slot_names.texts[-1 - mark]);
    }
    book->dirty_count = 0;
    for (size_t i = 0; i < book->place_names.count; i++)
        if (book->places[i].dirty)
            place_check(book, &book->places[i], book->place_names.texts[i]);
    book->transactions++;
}

/* qf_book_read goes on with the journal to its end; false when it cannot be read. */
bool
qf_book_read(Book *book, Link *admin)
{
    JournalHandler handler = {.change = book_change, .commit = book_commit, .argument = book};

    return qf_journal_read(admin, &handler);
}

/* qf_book_total counts all violations. */
long
qf_book_total(const Book *book)
{
    long total = 0;

    for (int i = 0; i < BOOK_RULES; i++)
        total += book->found[i];
    return total;
}

/* qf_book_free gives back everything. */
void
qf_book_free(Book *book)
{
    qf_names_free(&book->place_names);
    qf_names_free(&book->order_names);
    qf_names_free(&book->slot_names);
    qf_names_free(&book->column_names);
    qf_names_free(&book->position_names);
    free(book->places);
    free(book->orders);
    free(book->positions);
    free(book->slots);
    free(book->columns);
    free(book->dirty);
    *book = (Book){0};
}
