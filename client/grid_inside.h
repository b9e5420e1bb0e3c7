/*
 * Inside of the grid strategy: what its files share.
 *
 * grid.c           options, filters, inputs, status
 * grid_number.c    decimals as whole numbers
 * grid_slot.c      slots, orders that have ended, and the booking of fills
 * grid_order.c     what is told of orders
 * grid_answer.c    what has become of wishes; reconciliation
 * grid_wish.c      what the grid wants
 * grid_cleanup.c   which orders are too many
 * grid_risk.c      candles, losses, profits, the check at the start
 * grid_state.c     the document, written; grid_load.c: read
 *
 * A slot has one order: none, one that is wished (no answer yet), or a live one.
 * An order that has ended stays among the past ones for a while, for late fills;
 * so does a live order that found its slot taken, marked as a stray one, until its
 * cancel has come through. Fills are booked when an order's cumulative quantity
 * grows, from wherever that is told.
 */
#ifndef QM_GRID_INSIDE_H
#define QM_GRID_INSIDE_H

#include "grid.h"
#include "order_state.h"

#define QM_GRID_ONE INT64_C(100000000)
#define QM_GRID_CLIENT_ID_SIZE 40
#define QM_GRID_PAST_MAX 24
#define QM_GRID_SYMBOL_SIZE 24
#define QM_GRID_STRATEGY_SIZE 17
#define QM_GRID_VERSION 1

#define QM_GRID_ASK_AGAIN_US 5000000           /* a question or a cancel without effect is repeated */
#define QM_GRID_CANCEL_RETRY_US 1000000        /* after a cancel that was refused */
#define QM_GRID_HOLD_US 1000000                /* of a side, when the database denies all of it */
#define QM_GRID_DENIED_US 10000000             /* a slot rests, when its order is denied for what it is */
#define QM_GRID_CLOSE_SLIP (QM_GRID_ONE / 200) /* a closing sale may go so much below the price */
#define QM_GRID_PEAK_STEP (QM_GRID_ONE / 1000) /* a peak is worth saving when it has moved so far */

typedef __int128 QmGridNumber; /* 10^-8 */

typedef enum QmGridOrderKind
{
    QM_GRID_NONE,
    QM_GRID_WISHED,
    QM_GRID_LIVE,
    QM_GRID_ENDED /* only among the past ones */
} QmGridOrderKind;

typedef struct QmGridOrder
{
    QmGridOrderKind kind;
    QmGridSide side;
    bool post_only;
    bool reduce_only;
    bool told;    /* wished: the wish has been given out since the start */
    bool unsure;  /* live: the store has to be asked what became of it */
    bool cancel;  /* is to be cancelled, for why */
    bool refused; /* a refusal was told of it: it counts once */
    bool listed;  /* in the list that is being reconciled */
    QmGridWhy why;
    int64_t id;
    int64_t valid_until_us;
    int64_t asked_us;
    int64_t cancel_again_us; /* not to be asked for before */
    QmGridNumber price;
    QmGridNumber quantity;
    QmGridNumber filled;
    QmGridNumber fee;        /* in the base asset, as told, of fee_filled */
    QmGridNumber fee_filled; /* how much of filled that covers */
    QmGridNumber fee_booked; /* taken off the slot: told and estimated */
    QmGridNumber reserved; /* taken off what is free since balances were told, in the asset that the order pays with */
    char client_id[QM_GRID_CLIENT_ID_SIZE];
    char request[QM_GRID_REQUEST_SIZE];
} QmGridOrder;

typedef struct QmGridSlot
{
    QmGridNumber price;    /* of its purchase; 0: the slot of the closing sale */
    QmGridNumber position; /* ours by its fills */
    QmGridNumber cleaned;  /* the price when cleanup cancelled its order; 0: it did not */
    int post_only_failures;
    QmGridSide failed_side;
    int64_t rest_until_us;
    QmGridOrder order;
} QmGridSlot;

/* An order that no slot has any more. */
typedef struct QmGridPast
{
    QmGridNumber slot_price;
    QmGridOrder order;
} QmGridPast;

typedef struct QmGridCandles
{
    char symbol[QM_GRID_SYMBOL_SIZE];
    bool monitored;
    bool falling;   /* by its last candle */
    bool recovered; /* by a closed candle since the last fall */
    int count;
    int next;
    int64_t open_time_us; /* of the last closed one */
    QmGridNumber closes[QM_GRID_CANDLES_MAX];
    QmGridNumber volumes[QM_GRID_CANDLES_MAX];
} QmGridCandles;

/* Options as numbers. */
typedef struct QmGridTerms
{
    char symbol[QM_GRID_SYMBOL_SIZE];
    char strategy[QM_GRID_STRATEGY_SIZE];
    QmGridNumber interval;
    QmGridNumber order_value;
    QmGridNumber min_order_value;
    QmGridNumber fee_rate;
    QmGridNumber stop_loss;
    QmGridNumber profit_trigger;
    QmGridNumber profit_trail;
    QmGridNumber volume_multiplier;
    bool fee_from_base;
    bool risk_on;
    bool trend_filter;
    bool market_risk_on;
    int layers_max;
    int buy_window;
    int sell_window;
    int cleanup_threshold;
    int cleanup_batch;
    int safety_check;
    int average_window;
    int recovery_threshold;
    int64_t cleanup_interval_us;
    int64_t margin_lock_us;
    int64_t retry_us;
    int64_t valid_us;
    int64_t stop_loss_us;
} QmGridTerms;

typedef struct QmGridMarket
{
    QmGridNumber tick;
    QmGridNumber step;
    QmGridNumber min_quantity;
    QmGridNumber max_quantity; /* 0: none */
    QmGridNumber min_notional;
} QmGridMarket;

/* What the document has. */
typedef struct QmGridState
{
    QmGridNumber anchor; /* 0: none yet */
    QmGridNumber loose;  /* may be negative, until the next reconciliation */
    QmGridNumber peak;
    bool closing;
    QmGridWhy closing_why;
    int64_t counter;      /* of requests */
    int64_t forgotten_id; /* no order up to this one is new */
    int64_t late;
    int64_t risk_since_us;
    int64_t stop_loss_since_us;
    int64_t margin_until_us;
    int slot_count;
    int past_count;
    QmGridSlot closer;                   /* the slot of the closing sale */
    QmGridSlot slots[QM_GRID_SLOTS_MAX]; /* by price, ascending */
    QmGridPast past[QM_GRID_PAST_MAX];
} QmGridState;

struct QmGrid
{
    QmGridTerms terms;
    QmGridMarket market;
    QmGridState state;
    QmGridNumber price; /* 0: none yet */
    bool silent;        /* prices may have been missed since the last one */
    QmGridNumber peak_saved;
    QmGridNumber free_quote; /* less what was wished since it was told; -1: not known */
    QmGridNumber free_base;
    int64_t hold_until_us[2]; /* by side */
    int64_t cleanup_us;       /* of the last one */
    unsigned pauses;          /* as the last wishes found them */
    bool filters_fit;
    bool safe;       /* the check at the start is passed */
    bool reconciled; /* our position is the ledger's: since the document was loaded, and since the last doubt */
    bool wants_reconcile;
    bool exiting;
    bool exit_cancels;
    bool exit_closes;
    bool changed;
    int candle_count;
    QmGridCandles candles[QM_GRID_MONITORED_MAX + 1];
};

/* grid_number.c */
extern bool qm_grid_read(const char *text, QmGridNumber *number);
extern bool qm_grid_read_small(const char *text, QmGridNumber *number);
extern void qm_grid_print(QmGridNumber number, char out[QM_GRID_NUMBER_SIZE]);
extern QmGridNumber qm_grid_product(QmGridNumber left, QmGridNumber right);
extern QmGridNumber qm_grid_product_up(QmGridNumber left, QmGridNumber right);
extern QmGridNumber qm_grid_quotient(QmGridNumber dividend, QmGridNumber divisor);
extern QmGridNumber qm_grid_floor(QmGridNumber number, QmGridNumber unit);

/* grid.c */
extern void qm_grid_fit_anchor(QmGrid *grid);
extern void qm_grid_give_back(QmGrid *grid, QmGridOrder *order);

/* grid_slot.c */
extern void qm_grid_doubt(QmGrid *grid);
extern void qm_grid_slot_name(QmGridNumber price, char out[QM_GRID_SLOT_SIZE]);
extern bool qm_grid_slot_price(const char *name, QmGridNumber *price);
extern QmGridSlot *qm_grid_slot_find(QmGrid *grid, QmGridNumber price);
extern QmGridSlot *qm_grid_slot_make(QmGrid *grid, QmGridNumber price);
extern QmGridSlot *qm_grid_slot_of_order(QmGrid *grid, int64_t order_id);
extern QmGridSlot *qm_grid_slot_of_request(QmGrid *grid, const char *request);
extern QmGridSlot *qm_grid_slot_at(QmGrid *grid, int index);
extern QmGridPast *qm_grid_past_find(QmGrid *grid, int64_t order_id);
extern bool qm_grid_past_is_live(const QmGrid *grid, QmGridNumber slot_price);
extern bool qm_grid_past_keep(QmGrid *grid, QmGridNumber slot_price, const QmGridOrder *order);
extern bool qm_grid_book(QmGrid *grid, QmGridNumber slot_price, QmGridOrder *order, QmGridNumber filled,
                         const QmGridNumber *fee);
extern void qm_grid_take(QmGrid *grid, QmGridNumber quantity);
extern void qm_grid_end(QmGrid *grid, QmGridSlot *slot);
extern void qm_grid_tidy(QmGrid *grid);
extern QmGridNumber qm_grid_position(const QmGrid *grid);

/* grid_state.c */
extern const char *qm_grid_kind_name(QmGridOrderKind kind);

/* grid_wish.c */
extern QmGridNumber qm_grid_sellable(const QmGrid *grid, QmGridNumber position, QmGridNumber price);
extern QmGridNumber qm_grid_closable(const QmGrid *grid, QmGridNumber position);

/* grid_cleanup.c */
extern void qm_grid_cleanup(QmGrid *grid, int64_t now_us);
extern int qm_grid_live(const QmGrid *grid, QmGridSide side);

/* grid_risk.c */
extern void qm_grid_risk_price(QmGrid *grid, int64_t now_us);
extern void qm_grid_worth(const QmGrid *grid, QmGridNumber *cost, QmGridNumber *profit);
extern int qm_grid_layers(const QmGrid *grid);
extern bool qm_grid_trend_down(const QmGrid *grid);
extern bool qm_grid_is_safe(const QmGrid *grid);
extern QmGridCandles *qm_grid_candles_of(QmGrid *grid, const char *symbol);

#endif
