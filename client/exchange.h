/*
 * Exchanges: what an instance asks of an exchange, whichever it is.
 *
 * An exchange is driven from the caller's event loop and has no thread of its
 * own. It shows one descriptor; when that is readable, run() does all that is
 * due, without waiting. Calls are queued and answered once, by their callback,
 * from within run() or close(), never from within the call itself. Queues are
 * bounded: a call that finds them full is refused with QM_ERROR_LIMIT and has no
 * callback. Callbacks may make calls; they must not close the exchange.
 *
 * Prices and quantities are exact decimal texts. Texts and lists in an answer or
 * an event belong to the exchange and are gone when the callback returns. NULL
 * means that the exchange has not said it.
 */
#ifndef QM_EXCHANGE_H
#define QM_EXCHANGE_H

#include "quantmesh.h"

/* What became of a call. Only the first three say something of the exchange. */
typedef enum QmExchangeOutcome
{
    QM_EXCHANGE_DONE,          /* it did what was asked */
    QM_EXCHANGE_REFUSED,       /* it has refused, for good: cause says why */
    QM_EXCHANGE_NOT_PROCESSED, /* it has not looked at it; it may be asked again, after retry_after_ms */
    QM_EXCHANGE_NOT_SENT,      /* no byte has left this machine */
    QM_EXCHANGE_UNKNOWN        /* it may have done it or not: ask it */
} QmExchangeOutcome;

typedef enum QmExchangeCause
{
    QM_CAUSE_NONE,
    QM_CAUSE_EXISTS,      /* an open order has this client order id: it may be this very one */
    QM_CAUSE_POST_ONLY,   /* would have taken */
    QM_CAUSE_FUNDS,       /* balance too small */
    QM_CAUSE_FILTER,      /* a filter of the market: read the markets again */
    QM_CAUSE_MARKET,      /* closed, halted or not there */
    QM_CAUSE_CREDENTIALS, /* key, signature or right: the account is of no use until somebody mends it */
    QM_CAUSE_REQUEST,     /* malformed: a defect of ours */
    QM_CAUSE_CLOCK,       /* the timestamp was outside the exchange's window */
    QM_CAUSE_THROTTLED,   /* too many requests */
    QM_CAUSE_BANNED,      /* this address is shut out until retry_after_ms have passed */
    QM_CAUSE_ORDERS,      /* too many orders: no other leaves for retry_after_ms, but cancels and queries may */
    QM_CAUSE_NOT_OPEN,    /* cancel: no such open order; it may be filled, canceled or not accepted. Never infer */
    QM_CAUSE_ABSENT,      /* query: no such order; proves nothing before its acceptance deadline */
    QM_CAUSE_ARCHIVED,    /* query: ended long ago without a fill */
    QM_CAUSE_LATE,        /* send_before has passed */
    QM_CAUSE_TRANSPORT,   /* connection: refused, reset, too slow */
    QM_CAUSE_SERVER,      /* the exchange says that it failed, or something that has no meaning here */
    QM_CAUSE_PROTOCOL,    /* an answer that cannot be read */
    QM_CAUSE_CLOSED       /* the exchange was closed by its user */
} QmExchangeCause;

/* An order as the exchange sees it. */
typedef struct QmExchangeOrder
{
    const char *symbol;
    const char *client_order_id;
    const char *exchange_order_id;
    const char *side; /* "buy" or "sell" */
    const char *order_type;
    const char *time_in_force;
    const char *price;
    const char *quantity;
    const char *cumulative_quantity;
    const char *cumulative_quote;
    const char *state; /* the exchange's word, as qm_apply_report takes it */
    int64_t time_us;   /* of its last change, by the exchange's clock; 0: not said */
    bool open;         /* still in the book, or on its way there */
} QmExchangeOrder;

typedef struct QmExchangeTrade
{
    const char *symbol;
    const char *trade_id;
    const char *exchange_order_id; /* NULL: the reply to the order's own placement has it */
    const char *price;
    const char *quantity;
    const char *commission;
    const char *commission_asset;
    int64_t time_us;
    int is_buyer; /* as is_maker: 0 not said, 1 yes, -1 no */
    int is_maker;
} QmExchangeTrade;

typedef struct QmExchangeBalance
{
    const char *asset;
    const char *free;
    const char *locked;
} QmExchangeBalance;

/* A market and its filters; "0" where a filter does not apply. */
typedef struct QmExchangeMarket
{
    const char *symbol;
    const char *base_asset;
    const char *quote_asset;
    const char *status; /* the exchange's word */
    bool trading;       /* new orders are taken */
    bool post_only;     /* it knows such orders */
    const char *tick_size;
    const char *min_price;
    const char *max_price;
    const char *step_size;
    const char *min_quantity;
    const char *max_quantity;
    const char *min_notional;
    const char *max_notional;
    int64_t max_open_orders; /* 0: none */
} QmExchangeMarket;

typedef struct QmExchangeAnswer
{
    QmExchangeOutcome outcome;
    QmExchangeCause cause;
    int http_status;               /* 0: there was no answer */
    int code;                      /* the exchange's own; 0: none */
    const char *message;           /* for people, without secrets; "" after DONE */
    int64_t retry_after_ms;        /* 0: not said */
    int64_t sent_us;               /* this machine's clock when it left; 0: it did not */
    int64_t server_time_us;        /* the exchange's clock; server_time() only */
    const QmExchangeOrder *orders; /* place, cancel and query: one; open_orders */
    size_t order_count;
    const QmExchangeTrade *trades; /* trades() and order_trades(); place(): those of the order's reply */
    size_t trade_count;
    bool more; /* trades: the page was full: ask again from the last id + 1 */
    const QmExchangeBalance *balances;
    size_t balance_count;
    const QmExchangeMarket *markets;
    size_t market_count;
} QmExchangeAnswer;

typedef void (*QmExchangeDone)(void *argument, const QmExchangeAnswer *answer);

/* An order to be placed. Times are by this machine's clock (CLOCK_REALTIME). */
typedef struct QmExchangePlace
{
    const char *symbol;
    const char *client_order_id;
    const char *side;          /* buy or sell, as order_type and time_in_force in lower case */
    const char *order_type;    /* limit or market */
    const char *time_in_force; /* gtc, ioc or fok; NULL: gtc; not for a market order */
    const char *price;         /* NULL for a market order */
    const char *quantity;
    bool post_only;
    int64_t stamped_us;     /* read before the order was recorded: the exchange drops the request when it is too old */
    int64_t send_before_us; /* it does not leave later */
} QmExchangePlace;

/* Which order: one id is enough. */
typedef struct QmExchangeWhich
{
    const char *symbol;
    const char *client_order_id;
    const char *exchange_order_id;
} QmExchangeWhich;

typedef enum QmExchangeEventKind
{
    QM_HEARD_REPORT,    /* of an order of the account: report */
    QM_HEARD_BALANCE,   /* of the account: balances */
    QM_HEARD_TRADE,     /* in a market: symbol, price, quantity */
    QM_HEARD_CANDLE,    /* in a market: candle */
    QM_HEARD_BOOK,      /* in a market: best bid and ask */
    QM_HEARD_USER_UP,   /* reports are heard from now on, but held back: read a snapshot, apply it, then call drain() */
    QM_HEARD_USER_DOWN, /* reports are missed from now on; the next USER_UP follows by itself */
    QM_HEARD_MARKET_UP, /* market data flow from now on */
    QM_HEARD_MARKET_DOWN, /* market data are missed from now on */
    QM_HEARD_NOTICE       /* text for the operator */
} QmExchangeEventKind;

typedef struct QmExchangeCandle
{
    int64_t open_time_us;
    const char *interval;
    const char *open;
    const char *high;
    const char *low;
    const char *close;
    const char *volume;
    bool closed; /* it will not change any more */
} QmExchangeCandle;

typedef struct QmExchangeEvent
{
    QmExchangeEventKind kind;
    const char *symbol;
    int64_t time_us; /* by the exchange's clock */
    QmReport report;
    const char *price;
    const char *quantity;
    const char *bid;
    const char *bid_quantity;
    const char *ask;
    const char *ask_quantity;
    QmExchangeCandle candle;
    const QmExchangeBalance *balances;
    size_t balance_count;
    const char *text; /* NOTICE, and why for the others */
} QmExchangeEvent;

typedef void (*QmExchangeListener)(void *argument, const QmExchangeEvent *event);

typedef struct QmExchange QmExchange;

/* All calls return QM_OK (an answer will come), QM_ERROR_ARGUMENT or QM_ERROR_LIMIT (none will); see error(). */
typedef struct QmExchangeFunctions
{
    const char *name;
    void (*close)(QmExchange *exchange);           /* answers what is open first */
    int (*descriptor)(const QmExchange *exchange); /* to be polled for reading */
    void (*run)(QmExchange *exchange);
    const QmError *(*error)(const QmExchange *exchange);

    QmCode (*server_time)(QmExchange *exchange, QmExchangeDone done, void *argument);
    QmCode (*markets)(QmExchange *exchange, const char *const *symbols, size_t count, QmExchangeDone done,
                      void *argument);
    QmCode (*place)(QmExchange *exchange, const QmExchangePlace *order, QmExchangeDone done, void *argument);
    QmCode (*cancel)(QmExchange *exchange, const QmExchangeWhich *which, QmExchangeDone done, void *argument);
    QmCode (*query)(QmExchange *exchange, const QmExchangeWhich *which, QmExchangeDone done, void *argument);
    QmCode (*open_orders)(QmExchange *exchange, const char *symbol, QmExchangeDone done, void *argument);
    QmCode (*trades)(QmExchange *exchange, const char *symbol, int64_t from_id, QmExchangeDone done, void *argument);
    /* those of one order, by the exchange's id, from trade from_id on */
    QmCode (*order_trades)(QmExchange *exchange, const char *symbol, const char *exchange_order_id, int64_t from_id,
                           QmExchangeDone done, void *argument);
    QmCode (*balances)(QmExchange *exchange, QmExchangeDone done, void *argument);

    QmCode (*watch_account)(QmExchange *exchange);
    void (*drain)(QmExchange *exchange);
    /* interval: of candles, NULL for none */
    QmCode (*watch_market)(QmExchange *exchange, const char *symbol, bool trades, bool book, const char *interval);
} QmExchangeFunctions;

/* The first member of every exchange. */
struct QmExchange
{
    const QmExchangeFunctions *functions;
};

#endif
