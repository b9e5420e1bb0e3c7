/*
 * Book: the live orders, positions and trading states after each commit, kept
 * from the journal, and the rules that must hold after every one of them.
 *
 * It believes the tables' rows, not the functions that wrote them nor the
 * indexes: an order is in the slot that its request says, whatever its row says.
 */
#ifndef QF_BOOK_H
#define QF_BOOK_H

#include "journal.h"
#include "names.h"

#include <stdio.h>

typedef enum BookRule
{
    BOOK_SLOT_TWICE,   /* two live orders have the slot that their requests meant */
    BOOK_COLUMN_TWICE, /* two rows that hold a slot have the same account, symbol, side and slot */
    BOOK_SLOT_LET_GO,  /* a live order with a slot does not hold it */
    BOOK_ORDERS,       /* more live orders than the limit */
    BOOK_POSITION,     /* position and what is live can come to more than the limit */
    BOOK_NOTIONAL,     /* live orders are worth more than the limit */
    BOOK_HALTED,       /* an order was recorded or submitted after a halt */
    BOOK_REVIVED,      /* an order that had ended lives */
    BOOK_REMOVED,      /* an order's row was deleted */
    BOOK_NUMBER,       /* a number has more than 8 decimals, or is none */
    BOOK_RULES
} BookRule;

/* Orders on which quantmesh.orders and quantmesh.live_order do not agree; must be none in any snapshot. */
#define QF_DISAGREEMENT                                                                                            \
    "SELECT coalesce(o.account, l.account) AS account, coalesce(o.symbol, l.symbol) AS symbol"                     \
    " FROM quantmesh.orders AS o FULL JOIN quantmesh.live_order AS l ON l.account = o.account"                     \
    " AND l.order_id = o.order_id WHERE (o.exposed IS TRUE) <> (l.order_id IS NOT NULL) OR l.order_id IS NOT NULL" \
    " AND (l.symbol, l.side, l.price, l.slot) IS DISTINCT FROM (o.symbol, o.side, o.price,"                        \
    " CASE WHEN o.holds_slot THEN o.slot ELSE '#' || o.order_id END)"

/* Quantities and money are counted in units of 1e-8; a limit of 0 is none. */
typedef struct BookLimits
{
    long orders;
    int64_t position;
    int64_t notional;
} BookLimits;

/* One market, or one account as a whole (its name ends with a slash). */
typedef struct BookPlace
{
    BookLimits limits;
    long account;     /* number of the account's own place */
    bool halted;      /* as of the last commit */
    bool halted_next; /* as of the transaction that is being read */
    bool dirty;       /* changed by that transaction */
    long live;
    int64_t position, buys, sells, notional; /* buys, sells: what can still be filled */
    long live_max;
    int64_t long_max, short_max, notional_max;
} BookPlace;

typedef struct BookOrder
{
    bool known, live, buy, holds;
    bool submitted; /* has been, once */
    long market;
    long slot;   /* number in slots, -1: none */
    long column; /* number in columns, -1: none */
    int64_t pending, notional;
} BookOrder;

typedef struct Book
{
    Names place_names, order_names, slot_names, column_names, position_names;
    BookPlace *places;
    BookOrder *orders;
    int64_t *positions; /* quantity of each account, symbol and strategy */
    int *slots;         /* live orders in each slot */
    int *columns;       /* rows that hold each slot of the table */
    long *dirty;        /* columns, then slots as -1 - number, that the transaction has filled once more */
    size_t dirty_count;
    long transactions, inserts, halts;
    long found[BOOK_RULES];
    long shown, shown_max;
    FILE *file; /* where violations are shown; NULL: nowhere */
} Book;

extern const char *const qf_book_rules[BOOK_RULES];
extern const char qf_book_tables[];

extern bool qf_units(const char *text, int64_t *units);
extern char *qf_units_text(char *text, int64_t units);
extern BookPlace *qf_book_place(Book *book, const char *account, const char *symbol);
extern bool qf_book_read(Book *book, Link *admin);
extern long qf_book_total(const Book *book);
extern void qf_book_free(Book *book);

#endif
