/*
 * The paper exchange's world: several markets, the accounts that trade on them, the rest of the market that moves
 * prices, the clock, what is to go wrong, the log of all that happened, and the journal from which it comes back.
 *
 * It knows no network. Whoever serves it calls it from one thread; it calls nobody but the watcher, and the watcher
 * must not call it back except to read. Pointers to orders are good until the next call that is not a query. Texts in
 * refusals are Binance's. With the same options, the same data and the same calls at the same times, everything is the
 * same, to the byte of the audit.
 *
 * The rest of the market. A candle of the data is walked in `steps` trades: open, then low and high (a rising candle)
 * or high and low (a falling one), then close, straight on between them. A step at price P fills every resting
 * purchase whose price is at or above P and every resting sale whose price is at or below P, best first, at the price
 * of the order. Where `is_bounded` is set the volume of the step is all that it can fill; else it fills everything. What is
 * left of its volume is a public trade at P. Between steps the rest of the market buys and sells any quantity at P less
 * and plus half of `spread`, rounded outwards to the tick. An order that takes meets the best price first, and at the
 * same price orders of accounts before the rest of the market. A market without a source has no rest; one that is halted
 * has steps without trades, and no new orders, while old ones can be canceled.
 */
#ifndef QM_PAPER_WORLD_H
#define QM_PAPER_WORLD_H

#include <jansson.h>
#include <stdio.h>

#include "error.h"
#include "paper.h"
#include "paper_fault.h"

#define QM_PAPER_SYMBOLS_MAX 64
#define QM_PAPER_NAME_SIZE 64 /* of an account, an asset, a symbol, a follower */
#define QM_PAPER_KEY_SIZE 129
#define QM_PAPER_FOLLOWERS_MAX 64
#define QM_PAPER_STEPS_DEFAULT 4 /* of a candle; the least, too: open, low, high, close */
#define QM_PAPER_STEPS_MAX 600
#define QM_PAPER_LEVELS_MAX 5000
#define QM_PAPER_LIMIT_MAX 1000 /* rows of an answer */
#define QM_PAPER_KEEP_DEFAULT 100000
#define QM_PAPER_ARCHIVE_DEFAULT 1000000
#define QM_PAPER_START_MS INT64_C(1767225600000) /* 2026-01-01 */

typedef struct QmPaperWorld QmPaperWorld;

/* ----------------------------------------------------------------- options */

/* What an account begins with of one asset. */
typedef struct QmPaperDeposit
{
    const char *asset;
    QmPaperDecimal amount;
} QmPaperDeposit;

typedef struct QmPaperAccountOptions
{
    const char *name;
    const char *key;
    const char *secret; /* kept in memory only: neither audit nor journal has it */
    const QmPaperDeposit *deposits;
    int deposit_count;
} QmPaperAccountOptions;

/* Where prices come from: a file, or else a walk if start is not 0, or else nowhere. */
typedef struct QmPaperSource
{
    const char *path;      /* Binance's 12 columns, or timestamp,open,high,low,close,volume,symbol; times in ms or us */
    QmPaperDecimal start;  /* first price of a random walk by the world's seed */
    int volatility_ppm;    /* of a walk's candle, in millionths; 0: 1000 */
    QmPaperDecimal volume; /* of a walk's candle, about; 0: 10 */
    int count;             /* candles after which the data ends; 0: all of the file, a walk without end */
    int history;           /* candles before the start: they are only seen as klines */
} QmPaperSource;

typedef struct QmPaperSymbolOptions
{
    const char *symbol;
    const char *base;
    const char *quote;
    QmPaperRules rules;
    QmPaperSource source;
    int steps;             /* of a candle; 0: QM_PAPER_STEPS_DEFAULT */
    QmPaperDecimal spread; /* of the rest of the market */
    bool is_bounded;       /* steps fill at most their volume */
} QmPaperSymbolOptions;

typedef struct QmPaperWorldOptions
{
    uint64_t seed;
    const QmPaperAccountOptions *accounts;
    int account_count;
    const QmPaperSymbolOptions *symbols;
    int symbol_count;
    int64_t
        start_ms; /* of the clock, rounded down to a minute; 0: where the first symbol's file begins, else QM_PAPER_START_MS */
    int speed;           /* virtual time against real time; 0: as fast as the followers let it */
    int followers;       /* with speed 0: as many must have joined before the first step; at least 1 */
    int keep;            /* ended orders, and trades, of a market kept in memory; 0: QM_PAPER_KEEP_DEFAULT */
    int archive;         /* newest orders of a market whose ids are known; 0: QM_PAPER_ARCHIVE_DEFAULT */
    const char *journal; /* NULL: none */
    const char *audit;   /* path; NULL: a file without a name */
    int64_t (*real_ms)(void *context); /* NULL: the machine's monotonic clock */
    void *real_context;
} QmPaperWorldOptions;

/* ------------------------------------------------------------------ events */

/* An order has changed. Of one execution there is the order, then the balances that it moved. */
typedef struct QmPaperOrderEvent
{
    int64_t event_id; /* grows by one with each */
    int64_t now_ms;
    int symbol;
    const QmPaperOrder *order;
    const QmPaperFill *fill; /* NULL: it has not traded just now */
    const char *cancel_id;   /* the id that a cancel was sent with; NULL: it is no cancel, or had none */
} QmPaperOrderEvent;

typedef struct QmPaperTrade
{
    int64_t id; /* of the symbol, from 1, without gaps; own trades are among them */
    int64_t time_ms;
    QmPaperDecimal price;
    QmPaperDecimal quantity;
    bool is_buyer_maker;
} QmPaperTrade;

/* What is kept of an account's share in a trade. */
typedef struct QmPaperOwnTrade
{
    QmPaperTrade trade;
    int64_t wire_ms; /* by the watcher's clock; 0: nobody watched */
    int64_t order_id;
    int account;
    bool is_buyer;
    bool is_maker;
    QmPaperDecimal quote;
    QmPaperDecimal commission; /* in the base asset for a buyer, else in the quote asset */
} QmPaperOwnTrade;

typedef enum QmPaperInterval
{
    QM_PAPER_1M,
    QM_PAPER_3M,
    QM_PAPER_5M,
    QM_PAPER_15M,
    QM_PAPER_1H,
    QM_PAPER_INTERVALS
} QmPaperInterval;

typedef struct QmPaperCandle
{
    int64_t open_ms; /* ends at open_ms + qm_paper_interval_ms(interval) - 1 */
    QmPaperDecimal open, high, low, close;
    QmPaperDecimal volume, quote;                 /* of all trades */
    QmPaperDecimal taker_base, taker_quote;       /* of those that a buyer took */
    int64_t trade_first, trade_last, trade_count; /* -1, -1, 0 for the history */
    bool is_closed;
} QmPaperCandle;

/* The best prices, with the rest of the market; a price of 0 says that there is none. */
typedef struct QmPaperBest
{
    int64_t update_id; /* of the symbol's book, grows by at least one with each change */
    QmPaperDecimal bid, bid_quantity, ask, ask_quantity;
} QmPaperBest;

/* Called in the order in which things happen. A function that is NULL is not called. */
typedef struct QmPaperWatcher
{
    void *context;
    int64_t (*clock_ms)(void *context); /* by which orders and trades are dated for those that the watcher serves */
    void (*order)(void *context, const QmPaperOrderEvent *event);
    void (*balance)(void *context, int account, int asset, const QmPaperBalance *balance);
    void (*adjusted)(void *context, int account, int asset, QmPaperDecimal amount); /* before its balance */
    void (*trade)(void *context, int symbol, const QmPaperTrade *trade);
    void (*candle)(void *context, int symbol, QmPaperInterval interval, const QmPaperCandle *candle);
    void (*best)(void *context, int symbol, const QmPaperBest *best);
    void (*rules)(void *context, int symbol);                /* halted, resumed, filters changed */
    void (*fault)(void *context, const QmPaperFault *fault); /* one that the server has to do now, see paper_fault.h */
} QmPaperWatcher;

/* ----------------------------------------------------------- open and close */

/*
 * qm_paper_world_open makes the world, or brings it back from the journal, which must have been written with the same
 * options: QM_ERROR_ARGUMENT otherwise, and for a line of data that is none, with file and line. A last line of the
 * journal that was torn is dropped. Nobody watches yet.
 */
extern QmCode qm_paper_world_open(const QmPaperWorldOptions *options, QmPaperWorld **world,
                                  QmError *error) QM_MUST_CHECK;
extern void qm_paper_world_close(QmPaperWorld *world);
extern void qm_paper_world_watch(QmPaperWorld *world, const QmPaperWatcher *watcher);

/*
 * qm_paper_world_sync makes all that was done so far safe from a crash. A server calls it once for what it has done in
 * a turn, before the replies of that turn leave. A failure stays: the world cannot keep what it says.
 */
extern QmCode qm_paper_world_sync(QmPaperWorld *world, QmError *error) QM_MUST_CHECK;

/* ------------------------------------------------------------------- names */

/* What the indices stand for; -1 or NULL where there is none. */
extern int qm_paper_account_count(const QmPaperWorld *world);
extern const char *qm_paper_account_name(const QmPaperWorld *world, int account);
extern const char *qm_paper_account_secret(const QmPaperWorld *world, int account);
extern int qm_paper_account_by_key(const QmPaperWorld *world, const char *key);
extern int qm_paper_account_by_name(const QmPaperWorld *world, const char *name);
extern int qm_paper_asset_count(const QmPaperWorld *world);
extern const char *qm_paper_asset_name(const QmPaperWorld *world, int asset);
extern int qm_paper_asset_by_name(const QmPaperWorld *world, const char *name);
extern int qm_paper_symbol_count(const QmPaperWorld *world);
extern int qm_paper_symbol_by_name(const QmPaperWorld *world, const char *name);

/* What exchangeInfo says of a symbol. */
typedef struct QmPaperSymbol
{
    const char *name;
    int base, quote; /* assets */
    const QmPaperRules *rules;
} QmPaperSymbol;

extern QmPaperSymbol qm_paper_symbol(const QmPaperWorld *world, int symbol);

/* ------------------------------------------------------------------- clock */

extern int64_t qm_paper_world_now_ms(const QmPaperWorld *world);

/*
 * qm_paper_world_due says how many real milliseconds it is until something is to be done: 0 means now, -1 that it
 * depends on somebody else (a follower, or the data has ended). qm_paper_world_advance does one step if it is due, a
 * step of every symbol that has one at that time, and says whether it did.
 */
extern int64_t qm_paper_world_due(const QmPaperWorld *world);
extern bool qm_paper_world_advance(QmPaperWorld *world);
extern int64_t qm_paper_world_step(const QmPaperWorld *world);   /* steps done */
extern bool qm_paper_world_has_ended(const QmPaperWorld *world); /* no symbol has more data */

/*
 * Followers, for speed 0: the next step comes once as many as the options say have joined and each that has joined and
 * not left has asked for it. A follower names the step that it has seen, so that asking twice does no harm: true says
 * that a later one has been done, and nothing was asked. Without speed 0 followers change nothing. They are not
 * journaled. false from qm_paper_world_follow: too many, or the name is too long.
 */
extern bool qm_paper_world_follow(QmPaperWorld *world, const char *name) QM_MUST_CHECK;
extern bool qm_paper_world_ready(QmPaperWorld *world, const char *name, int64_t seen_step);
extern void qm_paper_world_leave(QmPaperWorld *world, const char *name);

/* ------------------------------------------------------------------ orders */

/* qm_paper_world_check refuses as qm_paper_world_place would, and leaves no trace. */
extern QmPaperRefusal qm_paper_world_check(QmPaperWorld *world, int symbol, const QmPaperRequest *request);

/* qm_paper_world_place places the order. *order is NULL when it is refused, which the audit notes. */
extern QmPaperRefusal qm_paper_world_place(QmPaperWorld *world, int symbol, const QmPaperRequest *request,
                                           const QmPaperOrder **order);

/* qm_paper_world_cancel cancels an open order; cancel_id may be NULL. */
extern QmPaperRefusal qm_paper_world_cancel(QmPaperWorld *world, int account, int symbol, int64_t id,
                                            const char *cancel_id);

/*
 * Queries. An order that has ended long ago is no longer in memory: the refusal is -2026 then, and -2013 for one that
 * never was. Of a client id it is the newest order that had it. Lists are in the order of ids
 * (open orders of all symbols, if symbol is -1, symbol by symbol), fill at most `max` rows and return how many.
 */
extern QmPaperRefusal qm_paper_world_by_id(const QmPaperWorld *world, int account, int symbol, int64_t id,
                                           const QmPaperOrder **order);
extern QmPaperRefusal qm_paper_world_by_client_id(const QmPaperWorld *world, int account, int symbol,
                                                  const char *client_id, const QmPaperOrder **order);
extern int qm_paper_world_open_orders(const QmPaperWorld *world, int account, int symbol, const QmPaperOrder **orders,
                                      int max);
extern int qm_paper_world_all_orders(const QmPaperWorld *world, int account, int symbol, int64_t from_id,
                                     const QmPaperOrder **orders, int max); /* from_id 0: the newest */
extern int qm_paper_world_own_trades(const QmPaperWorld *world, int account, int symbol, int64_t from_id,
                                     QmPaperOwnTrade *trades, int max); /* from_id 0: the newest */
extern const QmPaperBalance *qm_paper_world_balance(const QmPaperWorld *world, int account, int asset);

/* Of an asset, what no account has: with all balances it is what was ever given. */
typedef struct QmPaperTotals
{
    QmPaperDecimal fees;
    QmPaperDecimal outside; /* what the rest of the market has won, below 0: lost */
} QmPaperTotals;

extern QmPaperTotals qm_paper_world_totals(const QmPaperWorld *world, int asset);

/* ------------------------------------------------------------- market data */

typedef struct QmPaperLevel
{
    QmPaperDecimal price, quantity;
} QmPaperLevel;

/* The book: levels of accounts' orders, and twenty on each side of the rest of the market. Returns its update id. */
extern int64_t qm_paper_world_depth(const QmPaperWorld *world, int symbol, int max, QmPaperLevel *bids, int *bid_count,
                                    QmPaperLevel *asks, int *ask_count);
extern QmPaperBest qm_paper_world_best(const QmPaperWorld *world, int symbol);
extern QmPaperDecimal qm_paper_world_price(const QmPaperWorld *world, int symbol); /* of the last trade; 0: none */
extern int qm_paper_world_trades(const QmPaperWorld *world, int symbol, int64_t from_id, QmPaperTrade *trades, int max);
extern int qm_paper_world_candles(const QmPaperWorld *world, int symbol, QmPaperInterval interval, int64_t from_ms,
                                  int64_t to_ms, QmPaperCandle *candles,
                                  int max); /* from_ms 0: the newest up to to_ms */
extern int64_t qm_paper_interval_ms(QmPaperInterval interval);
extern const char *qm_paper_interval_name(QmPaperInterval interval); /* "1m" */
extern int qm_paper_interval_by_name(const char *name);

/* ----------------------------------------------------------- administration */

/* What an operator of the exchange does, and what faults do: journaled and in the audit. */
extern QmPaperRefusal qm_paper_world_external(QmPaperWorld *world, int symbol, const QmPaperRequest *request,
                                              const QmPaperOrder **order); /* an order that none of the clients sent */
extern QmPaperRefusal qm_paper_world_expel(QmPaperWorld *world, int account, int symbol, int64_t id); /* EXPIRED */
extern bool qm_paper_world_adjust(QmPaperWorld *world, int account, int asset,
                                  QmPaperDecimal amount);                                         /* false: below 0 */
extern void qm_paper_world_set_rules(QmPaperWorld *world, int symbol, const QmPaperRules *rules); /* and halted */

/* ------------------------------------------------------------------- faults */

/* Described in paper_fault.h. */
extern QmCode qm_paper_fault_add(QmPaperWorld *world, const QmPaperFault *fault, int *id, QmError *error) QM_MUST_CHECK;
extern bool qm_paper_fault_remove(QmPaperWorld *world, int id);
extern void qm_paper_fault_clear(QmPaperWorld *world);
extern json_t *qm_paper_fault_list(const QmPaperWorld *world); /* with how often each has struck */
extern QmPaperMishap qm_paper_fault_request(QmPaperWorld *world, QmPaperEndpoint endpoint, int account, int symbol);
extern QmPaperEventMishap qm_paper_fault_event(QmPaperWorld *world, int account, int symbol);
extern int64_t qm_paper_fault_skew_ms(const QmPaperWorld *world); /* added to what the exchange says the time is */

/* -------------------------------------------------------------------- audit */

/*
 * qm_paper_audit_write writes the log as JSON lines to the file: what happened, in order ("order" when one is
 * accepted, "trade" for each side of a trade, "end" with how it ended, "refusal", "adjust", "rules", "fault"), then how things
 * are: "open" for each open order, "balance" of each account and asset with the position in it, "total". False: it could not be written.
 */
extern bool qm_paper_audit_write(QmPaperWorld *world, FILE *file) QM_MUST_CHECK;

#endif
