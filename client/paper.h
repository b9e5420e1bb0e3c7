/*
 * The paper exchange's market: one symbol, its orders and trades, and the rules by
 * which Binance's spot market treats them. Balances belong to accounts and assets,
 * so that several markets share them; the rest of the market, which is no account, trades
 * at the prices that the owner sets (paper_world.h says by what rule).
 *
 * It knows no clock, no network and no chance: the time comes with every call, so
 * that the same calls give the same events. Prices and amounts are whole numbers
 * of 1e-8, the exchange's own precision; a product is rounded down.
 * Everything that changes is told to the listener, in the order in which it happens.
 */
#ifndef QM_PAPER_H
#define QM_PAPER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define QM_PAPER_ONE INT64_C(100000000)
#define QM_PAPER_ACCOUNTS_MAX 16
#define QM_PAPER_ASSETS_MAX 64
#define QM_PAPER_ORDERS_MAX 50000000 /* of a market, with those that have ended */
#define QM_PAPER_ID_MAX 36
#define QM_PAPER_DECIMAL_SIZE 24

typedef int64_t QmPaperDecimal;

typedef enum QmPaperSide
{
    QM_PAPER_BUY,
    QM_PAPER_SELL
} QmPaperSide;

typedef enum QmPaperType
{
    QM_PAPER_LIMIT,
    QM_PAPER_LIMIT_MAKER,
    QM_PAPER_MARKET
} QmPaperType;

typedef enum QmPaperForce
{
    QM_PAPER_GTC,
    QM_PAPER_IOC,
    QM_PAPER_FOK
} QmPaperForce;

typedef enum QmPaperStp
{
    QM_PAPER_EXPIRE_MAKER,
    QM_PAPER_EXPIRE_TAKER,
    QM_PAPER_EXPIRE_BOTH,
    QM_PAPER_STP_NONE
} QmPaperStp;

typedef enum QmPaperStatus
{
    QM_PAPER_NEW,
    QM_PAPER_PARTIALLY_FILLED,
    QM_PAPER_FILLED,
    QM_PAPER_CANCELED,
    QM_PAPER_EXPIRED,
    QM_PAPER_EXPIRED_IN_MATCH
} QmPaperStatus;

/* Why an order has expired: Binance's expiryReason. */
typedef enum QmPaperExpiry
{
    QM_PAPER_NOT_EXPIRED,
    QM_PAPER_EXPIRED_IOC,       /* UNFILLED_IOC_QUANTITY_EXPIRED */
    QM_PAPER_EXPIRED_FOK,       /* UNFILLED_FOK_ORDER_EXPIRED */
    QM_PAPER_EXPIRED_LIQUIDITY, /* INSUFFICIENT_LIQUIDITY */
    QM_PAPER_EXPIRED_EXCHANGE   /* EXCHANGE_CANCELED */
} QmPaperExpiry;

/* Why a request is refused: Binance's code and its exact words. */
typedef struct QmPaperRefusal
{
    int code; /* 0: it is not */
    const char *message;
} QmPaperRefusal;

typedef struct QmPaperRequest
{
    int account;
    QmPaperSide side;
    QmPaperType type;
    QmPaperForce force;
    QmPaperStp stp;
    QmPaperDecimal price;
    QmPaperDecimal quantity;
    QmPaperDecimal amount; /* MARKET only, instead of a quantity: of the quote asset */
    const char *client_id; /* NULL: the exchange makes one */
} QmPaperRequest;

typedef struct QmPaperOrder QmPaperOrder;
struct QmPaperOrder
{
    int64_t id;
    int account;
    char client_id[QM_PAPER_ID_MAX + 1];
    QmPaperSide side;
    QmPaperType type;
    QmPaperForce force;
    QmPaperStp stp;
    QmPaperStatus status;
    QmPaperExpiry expiry;
    bool is_external;     /* placed by the exchange's operator in the account's name */
    QmPaperDecimal price; /* 0: MARKET */
    QmPaperDecimal quantity;
    QmPaperDecimal amount; /* as asked for, else 0 */
    QmPaperDecimal filled;
    QmPaperDecimal quote;  /* of what is filled */
    QmPaperDecimal locked; /* of the quote asset for a purchase, else of the base asset */
    int64_t created_ms;
    int64_t updated_ms;
    int64_t wire_created_ms; /* by the watcher's clock, see paper_world.h; 0: nobody watched */
    int64_t wire_updated_ms;
    QmPaperOrder *next; /* on the book: worse price, or same price and later; else the next that has ended */
    QmPaperOrder *prev; /* on the book only */
    bool is_on_book;
};

typedef struct QmPaperFill
{
    int64_t trade_id;
    QmPaperDecimal price;
    QmPaperDecimal quantity;
    QmPaperDecimal quote;
    QmPaperDecimal commission; /* in the asset that the order receives */
    bool is_maker;
} QmPaperFill;

typedef struct QmPaperBalance
{
    QmPaperDecimal free;
    QmPaperDecimal locked;
} QmPaperBalance;

/* The money of all accounts, what was taken from them in fees, and what the rest of the market has won. */
typedef struct QmPaperFunds
{
    QmPaperBalance balances[QM_PAPER_ACCOUNTS_MAX][QM_PAPER_ASSETS_MAX];
    QmPaperDecimal fees[QM_PAPER_ASSETS_MAX];
    QmPaperDecimal outside[QM_PAPER_ASSETS_MAX]; /* may be below 0: it has as much as is asked of it */
} QmPaperFunds;

typedef struct QmPaperRules
{
    QmPaperDecimal tick;
    QmPaperDecimal price_min;
    QmPaperDecimal price_max;
    QmPaperDecimal step;
    QmPaperDecimal quantity_min;
    QmPaperDecimal quantity_max;
    QmPaperDecimal notional_min;
    int orders_max;           /* open orders of an account */
    QmPaperDecimal fee_maker; /* of one: 0.001 is QM_PAPER_ONE / 1000 */
    QmPaperDecimal fee_taker;
    bool halted;
} QmPaperRules;

/* fill is NULL unless the order has just traded. The listener may set the wire's times, nothing else. */
typedef void (*QmPaperListener)(void *context, QmPaperOrder *order, const QmPaperFill *fill);

/* A trade, as everybody may see it; the orders of accounts that are in it were told before. */
typedef void (*QmPaperTradeListener)(void *context, int64_t id, QmPaperDecimal price, QmPaperDecimal quantity,
                                     bool is_buyer_maker);

/* What is kept of an order: enough to say that there was one when it has left the memory. */
typedef struct QmPaperEntry
{
    QmPaperOrder *order; /* NULL: no longer in memory */
    uint64_t hash;       /* of account and client id */
    int id;
    int older; /* number of the entry before in the hash's chain, from 1; 0: none */
} QmPaperEntry;

typedef struct QmPaperMarket
{
    QmPaperRules rules; /* may change between calls, as the next four */
    QmPaperFunds *funds;
    QmPaperDecimal bid; /* of the rest of the market, 0: it does not buy */
    QmPaperDecimal ask;
    int keep;    /* ended orders in memory */
    int archive; /* newest orders of which at least the entry is kept */
    int base;    /* assets */
    int quote;
    QmPaperListener listener;
    QmPaperTradeListener trade_listener; /* may be NULL */
    void *context;
    QmPaperEntry *entries; /* by id, without those that have left the archive */
    int entry_count;
    int entry_space;
    int *chains;           /* number of the newest entry of each hash */
    int order_count;       /* all that there have been: the newest order's id */
    QmPaperOrder *book[2]; /* by side, best first */
    int open_count[QM_PAPER_ACCOUNTS_MAX];
    QmPaperOrder *ended_first; /* oldest first */
    QmPaperOrder *ended_last;
    int ended_count;
    int64_t trade_count;
    QmPaperDecimal price; /* of the last trade, 0: none */
} QmPaperMarket;

/* What a request comes to if it becomes an order now. */
typedef struct QmPaperPlan
{
    QmPaperDecimal quantity;
    QmPaperDecimal locked;
} QmPaperPlan;

/* What an order that takes would get now. */
typedef struct QmPaperTaking
{
    QmPaperDecimal quantity;
    QmPaperDecimal quote;
    QmPaperDecimal price; /* of the first, 0: nobody is there */
} QmPaperTaking;

/* paper_number.c */
extern bool qm_paper_read(const char *text, QmPaperDecimal *value);
extern void qm_paper_print(QmPaperDecimal value, char out[QM_PAPER_DECIMAL_SIZE]);
extern bool qm_paper_product(QmPaperDecimal left, QmPaperDecimal right, QmPaperDecimal *product);
extern QmPaperDecimal qm_paper_affordable(QmPaperDecimal amount, QmPaperDecimal price, QmPaperDecimal step);

/* paper_check.c */
extern QmPaperRefusal qm_paper_check(const QmPaperMarket *market, const QmPaperRequest *request, QmPaperPlan *plan);
extern bool qm_paper_id_is_legal(const char *client_id);

/* paper_market.c */
extern void qm_paper_market_close(QmPaperMarket *market);
extern QmPaperRefusal qm_paper_place(QmPaperMarket *market, const QmPaperRequest *request, bool is_external,
                                     int64_t now_ms, const QmPaperOrder **order);
extern QmPaperRefusal qm_paper_cancel(QmPaperMarket *market, int account, int64_t id, int64_t now_ms);
extern QmPaperRefusal qm_paper_expel(QmPaperMarket *market, int account, int64_t id, int64_t now_ms);
extern QmPaperRefusal qm_paper_by_id(const QmPaperMarket *market, int account, int64_t id, const QmPaperOrder **order);
extern int qm_paper_entry_from(const QmPaperMarket *market, int64_t id);
extern QmPaperRefusal qm_paper_by_client_id(const QmPaperMarket *market, int account, const char *client_id,
                                            const QmPaperOrder **order);
extern bool qm_paper_is_open(const QmPaperOrder *order);

/* paper_match.c */
extern bool qm_paper_crosses(const QmPaperMarket *market, const QmPaperRequest *request);
extern QmPaperTaking qm_paper_taking(const QmPaperMarket *market, const QmPaperRequest *request);
extern void qm_paper_match(QmPaperMarket *market, QmPaperOrder *taker, int64_t now_ms);
extern void qm_paper_step(QmPaperMarket *market, QmPaperDecimal price, QmPaperDecimal volume, bool is_bounded,
                          int64_t now_ms);
extern void qm_paper_end(QmPaperMarket *market, QmPaperOrder *order, QmPaperStatus status, int64_t now_ms);

#endif
