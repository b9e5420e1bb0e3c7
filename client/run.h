/*
 * A running instance: what its files share. run.c opens, drives and closes it;
 * run_market.c has one market, run_order.c the way of an order to the exchange and
 * back, run_resync.c what is asked for when something may have been missed,
 * run_report.c what the exchange has said, run_claim.c the intents of others,
 * run_exit.c the cancels of the end, run_follow.c the steps of a paper exchange.
 *
 * One thread and one event loop. Exchanges are asynchronous, the store answers at
 * once. Nothing of the exchange is believed before the store has it, and nothing
 * leaves for the exchange that the store does not have. Where the store fails, its
 * account is stale: no order leaves, and once the store is back everything that may
 * have been missed is asked for anew. So a fact is never kept in memory alone,
 * except the outcome of a call that only its answer tells, which is kept with its
 * order until the store has taken it.
 */
#ifndef QM_RUN_H
#define QM_RUN_H

#include "binance.h"
#include "command.h"
#include "config.h"
#include "exchange.h"
#include "grid.h"
#include "member.h"
#include "run_log.h"
#include "store.h"

#define QM_RUN_IN_FLIGHT_MAX 32 /* calls of a market that place or cancel; the rest stays a wish */
#define QM_RUN_ABSENT_ENOUGH 3  /* answers "no such order", after all that, before it is believed */
#define QM_RUN_REFUSALS_MAX 3   /* cancels of an order that the exchange refuses for the key's sake */

#define QM_RUN_STRATEGY "grid"
#define QM_RUN_MARK "trades" /* the strategy as whose state a market's mark is kept */
#define QM_RUN_SAID 5        /* kinds of warnings of an account */

typedef struct QmRun QmRun;
typedef struct QmRunAccount QmRunAccount;
typedef struct QmRunMarket QmRunMarket;
typedef struct QmRunOrder QmRunOrder;
typedef struct QmFollow QmFollow;

/* What `quantmesh run` was told. Texts may be NULL. */
typedef struct QmRunOptions
{
    const QmConfig *config;
    const char *paper_url; /* of a paper exchange, instead of every exchange of the configuration; with the next two */
    const char *paper_ws_api_url;
    const char *paper_stream_url;
    const char *paper_ca_file; /* its certificate; NULL: the system's */
    const char *follow_url;    /* of its admin port */
    bool json;                 /* log lines */
    int log_descriptor;
} QmRunOptions;

/* Where an order is between us and the exchange. */
typedef enum QmRunPhase
{
    QM_RUN_SENDING, /* its request is queued or under way */
    QM_RUN_UNKNOWN, /* nobody knows whether the exchange has it: it is asked, again and again */
    QM_RUN_KNOWN    /* the exchange has it */
} QmRunPhase;

/* What became of a submission. */
typedef enum QmRunOutcome
{
    QM_RUN_SETTLED, /* the store has it */
    QM_RUN_REJECTED,
    QM_RUN_NOT_PROCESSED,
    QM_RUN_NOT_SENT,
    QM_RUN_REPLY_LOST,
    QM_RUN_ABSENT /* the exchange does not have it and cannot get it any more */
} QmRunOutcome;

/* A live order of a market. It stays until it has ended and no call about it is open. */
struct QmRunOrder
{
    QmRunMarket *market;
    QmRunPhase phase;
    int64_t order_id;
    int64_t fence;       /* of its submission; 0: another life's */
    int64_t deadline_us; /* wall clock: it can no longer be accepted afterwards */
    int64_t decided_ns;  /* when the grid wished it; 0: in another life */
    int64_t placed_ns;   /* when the store had it, just before it left */
    int64_t due_ns;      /* when it is to be asked for; INT64_MAX: it is not */
    int64_t pause_ms;
    int64_t asked_us; /* wall clock: when it was last asked for ... */
    int64_t asked_ns; /* ... and by the clock that only grows */
    int64_t told_ns;  /* when the last answer came that counts as absent */
    int absent;       /* answers "no such order" to questions after the deadline, each well after the one before */
    int calls;        /* that are open */
    bool asking;
    bool canceling;
    bool ours;             /* of this instance's strategy: it may be canceled at the end */
    bool gone;             /* the exchange says that it is not open any more, whether the store knows or not */
    bool cancel_sent;      /* in this life */
    bool cancel_doubt;     /* a cancel was sent, and nobody knows what it did: the order is asked for before another */
    int cancel_refusals;   /* for the key's sake */
    int64_t cancel_due_ns; /* not canceled again before, past the grid */
    bool counted;          /* its question is one of a synchronization's */
    bool listed;           /* in the exchange's newest list */
    bool missing;          /* the exchange says that more is filled than was booked */
    bool ended;
    QmRunOutcome outcome; /* of its submission, that the store does not have yet */
    char outcome_code[16];
    char outcome_message[QM_DETAIL_SIZE];
    char client_order_id[QM_NAME_SIZE];
    char exchange_order_id[QM_NAME_SIZE];
    char side[QM_WORD_SIZE];
    char price[QM_DECIMAL_TEXT];
    char quantity[QM_DECIMAL_TEXT];
    char state[QM_WORD_SIZE];        /* the store's, as the grid was told */
    char reported[QM_DECIMAL_TEXT];  /* filled, as the exchange says; "": it has not */
    char lock_key[QM_LOCK_KEY_SIZE]; /* held until its answer; "": none */
};

/* How far the look at what may have been missed has come. */
typedef enum QmRunSync
{
    QM_RUN_STALE,       /* something may have been missed: ask as soon as possible */
    QM_RUN_SYNC_ORDERS, /* the exchange's list of open orders is under way */
    QM_RUN_SYNC_TRADES,
    QM_RUN_SYNC_QUERIES, /* orders of ours that were not listed are asked for one by one */
    QM_RUN_SYNCED
} QmRunSync;

/* How far a market has come with what is to be done at the end. */
typedef enum QmRunExit
{
    QM_RUN_EXIT_BUSY,
    QM_RUN_EXIT_STUCK, /* no more can be done, and not all is done */
    QM_RUN_EXIT_DONE
} QmRunExit;

struct QmRunMarket
{
    QmRun *run;
    QmRunAccount *account;
    const QmMarketConfig *config;
    QmGrid *grid; /* NULL: the market is not known yet */
    int64_t state_version;
    bool owned;        /* this instance's to trade */
    bool was_owned;    /* it was when the server was last heard of: true while nobody has said otherwise */
    bool in_doubt;     /* it was in a life that is over, and nobody has said whose it is now */
    bool orders_known; /* the store's live orders were read since it is owned */
    bool dirty;        /* something has happened since its last turn */
    bool more;         /* its last turn has ended before its wishes did: the next is due at once */
    bool silent;       /* prices may have been missed since the last one */
    bool loaded;       /* the grid has the stored state */
    bool filters_known;
    bool filters_due;       /* they have changed: read them again */
    bool halted;            /* the exchange takes no orders in it */
    int64_t filters_due_us; /* by the grid's time: they are read again then */
    bool compare;           /* the grid is to be compared with the store */
    int64_t compare_due_us; /* by the grid's time: everything is asked for then, whatever was heard */
    bool sync_quietly;
    bool asked_anew; /* a synchronization was wanted while one was under way */
    QmRunSync sync;
    int64_t sync_due_ns;
    int64_t sync_pause_ms;
    char sync_said[QM_DETAIL_SIZE]; /* why it fails, as told to the log */
    int sync_queries;
    int64_t trades_from;  /* the next trade that may be missing */
    int64_t trades_at;    /* the next one of the list that is being read */
    int64_t trades_heard; /* by the stream */
    int64_t trades_saved; /* ... as the store has it */
    int64_t trades_version;
    bool trades_unmarked; /* ... which it does not: no mark was saved yet */
    bool trades_skip;     /* a first start: what was before is not ours */
    int trades_gap; /* an order has more than was booked: 1: read trades again, 2: from further back, 3: all of them */
    bool trades_asked;
    QmRunOrder **orders;
    size_t order_count;
    size_t order_size;
    int in_flight;   /* calls that place or cancel */
    int asking;      /* other calls */
    int64_t data_us; /* time of the last price */
    int64_t turn_due_ns;
    int64_t balances_step; /* in which the grid was told: between two steps of data it is told once, whichever answer
                              comes first */
    int64_t balances_told; /* the account's balances_number of what the grid was told */
    unsigned pauses;       /* as told to the log */
    char base_asset[QM_WORD_SIZE * 2];
    char quote_asset[QM_WORD_SIZE * 2];
    char price[QM_GRID_NUMBER_SIZE];
    int64_t placed; /* for the progress line */
    int64_t fills;
};

typedef struct QmRunBalance
{
    char asset[QM_WORD_SIZE * 2];
    char free[QM_DECIMAL_TEXT];
} QmRunBalance;

struct QmRunAccount
{
    QmRun *run;
    const char *name;
    const QmExchangeConfig *config;
    QmExchange *exchange;
    QmBudget *budget;        /* NULL: the exchange's own */
    QmClient *budget_client; /* of a shared one */
    bool user_up;
    bool market_up;
    bool draining; /* reports are held back until all markets are synchronized */
    bool markets_asked;
    bool monitored_known; /* the exchange has all symbols that are monitored */
    bool balances_asked;
    bool balances_known;
    bool unusable;           /* the key is refused: no order leaves until somebody mends it */
    int64_t retry_ns;        /* no order leaves before, and nothing is asked */
    int64_t orders_retry_ns; /* no order leaves before; cancels and queries do */
    int64_t ban_ns;          /* nothing at all leaves before: the exchange has said that it will not listen */
    int64_t ask_due_ns;      /* nothing is asked again before */
    QmRunBalance *balances;
    size_t balance_count;
    char said[QM_RUN_SAID][QM_DETAIL_SIZE]; /* to the log, so that it is not repeated */
    int64_t balances_number;                /* grows with every news of them */
    int calls;                              /* that are open, but those of its markets */
};

struct QmRun
{
    QmRunOptions options;
    const QmConfig *config;
    QmLog log;
    QmStore *store;
    bool store_lost; /* as told to the log */
    int64_t store_retry_ns;
    int64_t store_pause_ms;
    int64_t store_back_ns;    /* when it last came back; 0: it has never been gone */
    long store_connections;   /* of which everything was asked for that may have been missed */
    QmError store_refused;    /* to say whether it is there, as told to the log */
    int64_t store_another_ns; /* that is not done again before */
    QmLocks *locks;           /* NULL: the store alone */
    bool locks_lost;          /* as told to the log */
    int64_t locks_retry_ns;
    int64_t locks_pause_ms;
    char (*locks_later)[QM_LOCK_KEY_SIZE]; /* to be given back when they are there again */
    size_t locks_later_count;
    QmFollow *follow;
    QmMember *member;      /* NULL: this instance is alone */
    bool settled;          /* every market has an owner */
    int64_t settle_due_ns; /* the server is asked who has which market then */
    bool owners_listed;    /* it has answered that */
    QmRunAccount *accounts;
    size_t account_count;
    QmRunMarket *markets;
    size_t market_count;
    int epoll_fd;
    int timer_fd;
    int signal_fd;
    int64_t send_window_us; /* how long after its recording an order may leave */
    int64_t recv_window_us; /* how long after its time stamp the exchange takes it */
    int64_t accept_us;      /* how long after that it may still be accepted, with a margin */
    int64_t epoch;          /* of a registered instance; 0: there is none */
    char instance[QM_NAME_SIZE];
    bool stopping;
    int64_t stop_by_ns;
    int signal_number; /* the second one: end now */
    QmExit exit_code;
    bool ended;
    bool closing;
    int64_t progress_due_ns;
    int64_t save_due_ns;
    int64_t began_ns;
    int64_t steps;
};

/*
 * Fields of a line of the log that name a market, one of its orders, and what the order is: of a QmRunOrder, a
 * QmPlacement, whatever has these members. By these names an operator finds all that was said of an order.
 */
#define QM_LOG_MARKET(market) "account", (market)->account->name, "symbol", (market)->config->symbol
#define QM_LOG_ORDER(order) "order", QM_LOG_NUMBER((order)->order_id), "client_order_id", (order)->client_order_id
#define QM_LOG_TERMS(order) "side", (order)->side, "price", (order)->price, "quantity", (order)->quantity

/* run.c */
extern QmExit qm_run_instance(const QmRunOptions *options);
extern int64_t qm_run_now_ns(void);
extern int64_t qm_run_wall_us(void);
extern bool qm_run_may_trade(const QmRunMarket *market);
extern bool qm_run_may_cancel(const QmRunMarket *market);
extern void qm_run_stop(QmRun *run, const char *why, QmExit exit_code);

/* run_store.c */
extern bool qm_run_store_ok(QmRun *run, QmCode code, const char *what);
extern bool qm_run_store_is_known(const QmRun *run);
extern void qm_run_store_look(QmRun *run);
extern QmExit qm_run_exit_of(QmCode code);

/* run_say.c */
extern void qm_run_progress(QmRun *run);
extern void qm_run_say_end(QmRun *run);

/* run_open.c */
extern bool qm_run_open(QmRun *run);
extern void qm_run_close(QmRun *run);
extern void qm_run_addresses(const QmRun *run, const QmExchangeConfig *config, QmBinanceOptions *options);

extern int64_t qm_run_send_before(const QmRunMarket *market, int64_t send_before_us);

/* run_account.c */
extern bool qm_run_account_open(QmRun *run, QmRunAccount *account);
extern void qm_run_account_drain(QmRunAccount *account);
extern void qm_run_account_unusable(QmRunAccount *account, const char *why);
extern void qm_run_account_advance(QmRunAccount *account);
extern const char *qm_run_account_free(const QmRunAccount *account, const char *asset);
extern QmRunMarket *qm_run_account_market(QmRunAccount *account, const char *symbol);

/* run_market.c */
extern void qm_run_market_filters(QmRunMarket *market, const QmExchangeMarket *filters);
extern void qm_run_market_turn(QmRunMarket *market);
extern void qm_run_market_price(QmRunMarket *market, const char *price, int64_t time_us);
extern void qm_run_market_silence(QmRunMarket *market);
extern int64_t qm_run_market_wall(const QmRunMarket *market, int64_t time_us);
extern QmStrategyState qm_run_market_state(const QmRunMarket *market, const char *document);
extern int64_t qm_run_market_now(const QmRunMarket *market);

/* run_wish.c */
extern void qm_run_wishes(QmRunMarket *market);
extern void qm_run_cancels(QmRunMarket *market);
extern void qm_run_market_balances(QmRunMarket *market);
extern void qm_run_market_pauses(QmRunMarket *market);
extern bool qm_run_market_save(QmRunMarket *market);
extern bool qm_run_market_store(QmRunMarket *market, const QmExchangeMarket *filters);

/* run_order.c */
extern bool qm_run_order_settle(QmRunOrder *order);
extern int64_t qm_run_orders_ask(QmRunMarket *market);
extern void qm_run_order_ask(QmRunOrder *order);
extern QmRunOrder *qm_run_order_find(QmRunMarket *market, int64_t order_id, const char *client_order_id);
extern QmRunOrder *qm_run_order_know(QmRunMarket *market, const QmStoredOrder *stored, bool missing);
extern int64_t qm_run_deadline(const QmRun *run, int64_t send_before_us);
extern void qm_run_order_end(QmRunOrder *order);
extern void qm_run_order_call_done(QmRunOrder *order);
extern bool qm_run_orders_flush(QmRunMarket *market);

/* run_lock.c */
extern QmCode qm_run_locks_open(QmRun *run, QmError *error);
extern void qm_run_locks_close(QmRun *run);
extern void qm_run_locks_look(QmRun *run);
extern bool qm_run_lock(QmRun *run, const char *symbol, const char *price, char key[QM_LOCK_KEY_SIZE]);
extern void qm_run_unlock(QmRun *run, char key[QM_LOCK_KEY_SIZE]);

/* run_place.c */
extern void qm_run_place(QmRunMarket *market, const QmGridWish *wishes, size_t count);
extern void qm_run_hand_over(QmRunOrder *order, QmExchangePlace *place);

/* run_claim.c */
extern size_t qm_run_claim_room(const QmRunMarket *market);
extern void qm_run_claim_send(QmRun *run, QmRunMarket *market, const char *account, const QmClaim *claim,
                              int64_t stamped_us);

/* run_reply.c */
extern void qm_run_replied(void *argument, const QmExchangeAnswer *answer);
extern void qm_run_rest(QmRunAccount *account, const QmExchangeAnswer *answer);

/* run_cancel.c */
extern void qm_run_cancel(QmRunMarket *market, const QmGridWish *wish);
extern void qm_run_cancel_unrecorded(QmRunOrder *order);

/* run_exit.c */
extern bool qm_run_exit_is_wanted(const QmRun *run);
extern bool qm_run_exit_is_straight(const QmRunMarket *market);
extern void qm_run_exit_cancel(QmRunMarket *market);
extern QmRunExit qm_run_exit_state(QmRunMarket *market);
extern void qm_run_exit_say(QmRun *run);

/* run_report.c */
extern bool qm_run_report(QmRunMarket *market, const QmReport *report);
extern bool qm_run_report_order(QmRunMarket *market, const QmExchangeOrder *order, const char *source);
extern bool qm_run_report_trade(QmRunMarket *market, const QmExchangeTrade *trade, const QmExchangeOrder *order);
extern bool qm_run_tell_grid(QmRunMarket *market, const char *client_order_id, const char *reported);
extern bool qm_run_same_amount(const char *left, const char *right);
extern bool qm_run_state_is_live(const char *state);

/* run_resync.c */
extern void qm_run_resync(QmRunMarket *market, const char *why);
extern void qm_run_resync_advance(QmRunMarket *market);
extern void qm_run_resync_hurry(QmRunMarket *market);
extern bool qm_run_resync_is_awaited(const QmRunMarket *market);
extern void qm_run_resync_answered(QmRunMarket *market, const QmExchangeAnswer *answer);

/* run_member.c */
extern bool qm_run_member_open(QmRun *run, QmError *error);
extern void qm_run_member_advance(QmRun *run);
extern bool qm_run_member_settled(QmRun *run);
extern bool qm_run_member_ask_owners(QmRun *run);

/* run_mark.c */
extern bool qm_run_mark_load(QmRunMarket *market);
extern bool qm_run_mark_save(QmRunMarket *market);
extern void qm_run_mark_heard(QmRunMarket *market, const char *trade_id);

/* run_follow.c */
extern QmFollow *qm_follow_open(const char *url, const char *name, QmError *error);
extern void qm_follow_close(QmFollow *follow);
extern int qm_follow_descriptor(const QmFollow *follow);
extern void qm_follow_run(QmFollow *follow);
extern bool qm_follow_is_asking(const QmFollow *follow);
extern bool qm_follow_may_ask(const QmFollow *follow);
extern void qm_follow_ask(QmFollow *follow);
extern bool qm_follow_ended(const QmFollow *follow);
extern const char *qm_follow_failure(const QmFollow *follow);
extern int64_t qm_follow_steps(const QmFollow *follow);

#endif
