/*
 * The grid strategy of one market: which orders it wants, given prices, candles,
 * balances and what became of its orders. It knows no clock, no network, no
 * database and no chance: the same calls give the same wishes.
 *
 * The caller's turn, whenever something has happened:
 *
 *   qm_grid_price, _candle, _balances, _order      tell what has happened
 *   qm_grid_wishes                                 what the grid wants now
 *   qm_grid_document                               its state, with those wishes in it
 *   place_orders(store, orders, state = document)  one commit
 *   qm_grid_placed, qm_grid_canceled               what has become of the wishes
 *
 * A wish to place is in the document before its order is in the store. So no order
 * of ours is without a trace: whoever loads the document gets the wishes that have
 * no answer yet once more, with the same request_id, and the store answers with the
 * order that it has, or, since valid_until_us has passed by then, refuses for good.
 * For orders that the document knows and the list of live ones does not have, the
 * grid wishes to ask. Fills count by an order's cumulative quantity: telling the
 * same twice, late or in any order changes nothing, and older news never undo newer
 * ones.
 *
 * Slots. A level has one slot, "g" and its buying price ("g90123.5"). The purchase
 * at that price and the sale one interval above bear the same name, so the store's
 * unique index keeps one purchase and one sale of a level. That the two do not live
 * together is the grid's own rule (a slot has one order), and holds between
 * instances by the document: it has a version, and a placement whose document is
 * not built on the newest one fails as a whole (QM_SQLSTATE_STATE_CHANGED). Whoever
 * gets that loads the document anew. "gexit" is the slot of the sale that closes
 * the whole position.
 *
 * Numbers are decimal texts with at most 15 digits before the point and 8 after it,
 * prices and quantities below 10^10; inside they are whole numbers of 10^-8, and
 * exact. Times are microseconds. A grid belongs to one thread at a time.
 */
#ifndef QM_GRID_H
#define QM_GRID_H

#include "config.h"
#include "store.h"

#define QM_GRID_NUMBER_SIZE 32
#define QM_GRID_SLOT_SIZE 32    /* bytes of a slot's name */
#define QM_GRID_REQUEST_SIZE 88 /* bytes of a request_id that the grid makes */
#define QM_GRID_SLOTS_MAX 160   /* slots with an order, a position or a mark; more are not bought */
#define QM_GRID_WINDOW_MAX 64   /* levels below the price, and above it */
#define QM_GRID_WISHES_MAX 100  /* what one call of qm_grid_wishes can be asked for */
#define QM_GRID_CANDLES_MAX 500 /* of an average */
#define QM_GRID_MONITORED_MAX 16
#define QM_GRID_POST_ONLY_TRIES 3 /* refusals after which an order may take */

#define QM_GRID_EXIT_SLOT "gexit"

/* Texts are copied. Those of the market are its filters; "0" or "": none, but a tick and a step there must be. */
typedef struct QmGridFilters
{
    const char *tick_size;
    const char *step_size;
    const char *min_quantity;
    const char *max_quantity;
    const char *min_notional;
} QmGridFilters;

typedef struct QmGridOptions
{
    const char *symbol;
    const char *strategy; /* part of request ids; at most 16 bytes */
    QmGridFilters filters;
    const char *price_interval;
    const char *order_quantity;  /* in the quote asset */
    const char *min_order_value; /* of a sale, in the quote asset */
    const char *fee_rate;        /* share of a trade's value */
    bool fee_from_base;          /* purchases pay it in what they buy, as on a spot market */
    int buy_window;
    int sell_window;
    int cleanup_threshold; /* live orders */
    int cleanup_batch;
    int position_safety_check; /* orders that the balance must be good for at the start; 0: any */
    int64_t cleanup_interval_us;
    int64_t margin_lock_us;   /* no purchases for so long after one was refused for want of funds */
    int64_t retry_us;         /* a slot rests for so long after its order was refused */
    int64_t valid_us;         /* how long a wish may still be placed; above 0 */
    int64_t stop_loss_us;     /* no purchases for so long after a stop loss; 0: until qm_grid_resume */
    QmGridRiskConfig risk;    /* of this market; copied */
    QmRiskConfig market_risk; /* of the monitored symbols; copied */
} QmGridOptions;

typedef enum QmGridSide
{
    QM_GRID_BUY,
    QM_GRID_SELL
} QmGridSide;

typedef enum QmGridWishKind
{
    QM_GRID_PLACE,
    QM_GRID_CANCEL, /* cancel_order, then say qm_grid_canceled */
    QM_GRID_ASK     /* order_by_client_id, then say qm_grid_stored or qm_grid_unknown */
} QmGridWishKind;

/* Why an order is to be cancelled or placed. */
typedef enum QmGridWhy
{
    QM_GRID_WHY_GRID,    /* placing: a level of the grid */
    QM_GRID_WHY_CLEANUP, /* too many orders, this one is among the farthest */
    QM_GRID_WHY_RISK,    /* all monitored symbols fall on high volume */
    QM_GRID_WHY_STOP_LOSS,
    QM_GRID_WHY_TAKE_PROFIT,
    QM_GRID_WHY_EXIT,
    QM_GRID_WHY_REPRICE, /* a closing sale was left behind by the price */
    QM_GRID_WHY_CLASH    /* its slot had another order already */
} QmGridWhy;

typedef struct QmGridWish
{
    QmGridWishKind kind;
    QmGridWhy why;
    char slot[QM_GRID_SLOT_SIZE];
    /* to place: give all of them to the store as they are */
    QmGridSide side;
    bool post_only;
    bool reduce_only;
    bool again; /* made before, its answer was never told */
    char price[QM_GRID_NUMBER_SIZE];
    char quantity[QM_GRID_NUMBER_SIZE];
    char request_id[QM_GRID_REQUEST_SIZE];
    int64_t valid_until_us;
    /* to cancel or to ask for */
    int64_t order_id;
    char client_order_id[QM_NAME_SIZE];
} QmGridWish;

/* What has become of a wish to place. The last five come after QM_GRID_PLACED, when the exchange refuses the order. */
typedef enum QmGridAnswer
{
    QM_GRID_PLACED,    /* recorded: order_id and client_order_id are its; also where it was replayed */
    QM_GRID_SKIPPED,   /* another session was busy at the level: soon again */
    QM_GRID_DUPLICATE, /* the slot has a live order that the grid does not know: qm_grid_wants_reconcile */
    QM_GRID_DENIED,    /* by the database: the slot rests, or all of its side */
    QM_GRID_UNCERTAIN, /* nobody knows: the wish comes again as it was */
    QM_GRID_NOT_PLACED /* the call as a whole has failed, nothing was recorded: the wish is forgotten, unless it was one again */
} QmGridAnswer;

/* Why the exchange has refused an order. Told beside the order's state, before or after it. */
typedef enum QmGridRefusal
{
    QM_GRID_REFUSED_POST_ONLY, /* counted; the third makes the slot's next order one that may take */
    QM_GRID_REFUSED_FUNDS,     /* a purchase locks purchases for margin_lock_us, a sale its slot */
    QM_GRID_REFUSED_OTHER      /* a filter, a halt: the slot rests */
} QmGridRefusal;

/* What is known of an order. Texts that are NULL or "" are not said. */
typedef struct QmGridOrderEvent
{
    int64_t order_id; /* not 0 */
    const char *client_order_id;
    const char *request_id; /* ties an order to a wish without an answer */
    const char *slot;       /* may be left out for orders that the grid knows */
    const char *side;
    const char *state; /* the store's word (QmReportResult, QmStoredOrder, QmPlacement) */
    const char *cancel_state;
    const char *price;
    const char *quantity;
    const char *filled;   /* cumulative, of the order */
    const char *base_fee; /* commission in the base asset, cumulative; without it, or with a rebate, purchases are taken
                             to pay fee_rate until the next comparison */
} QmGridOrderEvent;

typedef enum QmGridEffect
{
    QM_GRID_CHANGED,
    QM_GRID_NOTHING_NEW,
    QM_GRID_NOT_OURS, /* no slot of the grid, or an order that ended so long ago that the grid has forgotten it */
    QM_GRID_UNREADABLE
} QmGridEffect;

/* Why the grid does not do all that it would; bits. docs/grid.md says what each one means. */
typedef enum QmGridPause
{
    QM_GRID_PAUSE_NO_PRICE = 1 << 0,   /* none told yet */
    QM_GRID_PAUSE_SAFETY = 1 << 1,     /* purchases: the check at the start */
    QM_GRID_PAUSE_RISK = 1 << 2,       /* purchases: all monitored symbols fall on high volume */
    QM_GRID_PAUSE_MARGIN = 1 << 3,     /* purchases: one was refused for want of funds */
    QM_GRID_PAUSE_FUNDS = 1 << 4,      /* purchases: the free balance is too small for the next one */
    QM_GRID_PAUSE_LAYERS = 1 << 5,     /* purchases: max_grid_layers slots are filled */
    QM_GRID_PAUSE_TREND = 1 << 6,      /* purchases: the trend is down */
    QM_GRID_PAUSE_STOP_LOSS = 1 << 7,  /* purchases: after a stop loss */
    QM_GRID_PAUSE_CLOSING = 1 << 8,    /* everything: the position is being sold */
    QM_GRID_PAUSE_FILTERS = 1 << 9,    /* everything: the market's filters do not fit the grid */
    QM_GRID_PAUSE_MINIMUM = 1 << 10,   /* purchases: what was bought could not be sold again: below a minimum */
    QM_GRID_PAUSE_SLOTS = 1 << 11,     /* purchases: QM_GRID_SLOTS_MAX */
    QM_GRID_PAUSE_ORDERS = 1 << 12,    /* purchases: cleanup_threshold live orders */
    QM_GRID_PAUSE_RECONCILE = 1 << 13, /* everything: qm_grid_reconcile is due, at a start or after late news */
    QM_GRID_PAUSE_EXIT = 1 << 14,      /* everything: qm_grid_exit was called */
    QM_GRID_PAUSE_SILENCE = 1 << 15    /* purchases: qm_grid_silence, and no price since */
} QmGridPause;

/* Numbers for people, logs and metrics. */
typedef struct QmGridStatus
{
    unsigned pauses; /* QmGridPause */
    int slots;       /* that are remembered */
    int filled;      /* with a position that can be sold */
    int buys;        /* live orders */
    int sells;
    int waiting;                      /* wishes without an answer */
    int64_t late;                     /* events of orders that were forgotten */
    char anchor[QM_GRID_NUMBER_SIZE]; /* "": none yet */
    char price[QM_GRID_NUMBER_SIZE];
    char position[QM_GRID_NUMBER_SIZE];   /* of all slots, and loose */
    char loose[QM_GRID_NUMBER_SIZE];      /* ours by the ledger, of no slot */
    char cost[QM_GRID_NUMBER_SIZE];       /* of the slots, at their prices */
    char unrealized[QM_GRID_NUMBER_SIZE]; /* of the slots, at the last price; may be negative */
    char peak[QM_GRID_NUMBER_SIZE];       /* best share of profit since there is a position */
    int64_t pause_risk_since_us;          /* 0: not paused for that */
    int64_t pause_stop_loss_since_us;
    int64_t margin_until_us;
} QmGridStatus;

typedef struct QmGrid QmGrid;

/* qm_grid_new makes a grid without a past. NULL: what the options lack is in error, or there is no memory. */
extern QM_MUST_CHECK QmGrid *qm_grid_new(const QmGridOptions *options, QmError *error);
extern void qm_grid_free(QmGrid *grid);

/* qm_grid_options_of fills options from a configured market; filters, strategy and fee_from_base are the caller's. */
extern void qm_grid_options_of(const QmConfig *config, const QmMarketConfig *market, QmGridOptions *options);

/* qm_grid_filters takes changed filters. If they do not fit, the grid pauses until others do, and error says why. */
extern QM_MUST_CHECK QmCode qm_grid_filters(QmGrid *grid, const QmGridFilters *filters, QmError *error);

/*
 * qm_grid_load takes over a document of this grid or of another instance's; NULL:
 * there is none. Then the grid wants qm_grid_reconcile before it wishes anything. A
 * document that is damaged, of a newer version or of another symbol is refused
 * (QM_ERROR_ARGUMENT, QM_ERROR_VERSION), and the grid is as it was.
 */
extern QM_MUST_CHECK QmCode qm_grid_load(QmGrid *grid, const char *document, QmError *error);

/* qm_grid_document writes the state, at most QM_STATE_DOCUMENT_MAX bytes with the NUL; to be freed with free. NULL: no memory. */
extern QM_MUST_CHECK char *qm_grid_document(const QmGrid *grid);

/* qm_grid_changed says whether the document differs from the last one that qm_grid_saved was told of. */
extern bool qm_grid_changed(const QmGrid *grid);
extern void qm_grid_saved(QmGrid *grid);

/*
 * qm_grid_reconcile takes the store's list of our live orders, and our position by
 * its ledger (fills less commissions): read it before and after the orders, and
 * leave it out (NULL) when the two differ. Orders that the grid does not know are
 * taken into their slots, known ones that are not in the list are asked for. When
 * all wishes and questions are answered, the slots are made to add up to the ledger:
 * what is missing is taken from the highest ones, what is too much is loose. Call it
 * whenever qm_grid_wants_reconcile says so, which is at the start, and again once
 * its questions are answered. false: an order or the position could not be read.
 */
extern QM_MUST_CHECK bool qm_grid_reconcile(QmGrid *grid, const QmStoredOrder *orders, size_t count,
                                            const char *position, int64_t now_us);
extern bool qm_grid_wants_reconcile(const QmGrid *grid);

/* What has happened. false: a text is no number of ours, nothing changed. */
extern QM_MUST_CHECK bool qm_grid_price(QmGrid *grid, const char *price, int64_t now_us);
extern QM_MUST_CHECK bool qm_grid_candle(QmGrid *grid, const char *symbol, int64_t open_time_us, const char *close,
                                         const char *volume, bool closed, int64_t now_us);
extern QM_MUST_CHECK bool qm_grid_balances(QmGrid *grid, const char *free_quote, const char *free_base);
extern QmGridEffect qm_grid_order(QmGrid *grid, const QmGridOrderEvent *event, int64_t now_us);

/*
 * qm_grid_silence says that prices are not heard from now on: there are no purchases
 * until the next one is told. Losses and profits are not seen meanwhile, for they are
 * those at the last price.
 */
extern void qm_grid_silence(QmGrid *grid);

/* qm_grid_stored takes an order as the store has it at this moment; qm_grid_unknown, that the store has no such order. */
extern QmGridEffect qm_grid_stored(QmGrid *grid, const QmStoredOrder *order, int64_t now_us);
extern void qm_grid_unknown(QmGrid *grid, int64_t order_id);

/*
 * qm_grid_wishes fills out with at most max wishes and returns how many. The
 * grid takes each as under way: it comes again only after its answer, or, for
 * cancels and questions without one, after some seconds.
 */
extern size_t qm_grid_wishes(QmGrid *grid, int64_t now_us, QmGridWish *out, size_t max);

/* qm_grid_cancels is the same for cancels alone, for as long as nothing can be placed. */
extern size_t qm_grid_cancels(QmGrid *grid, int64_t now_us, QmGridWish *out, size_t max);

/* What has become of wishes. reason: of a denial, else NULL. order_id and client_order_id: of QM_GRID_PLACED. */
extern void qm_grid_placed(QmGrid *grid, const QmGridWish *wish, QmGridAnswer answer, const char *reason,
                           int64_t order_id, const char *client_order_id, int64_t now_us);
extern void qm_grid_refused(QmGrid *grid, int64_t order_id, QmGridRefusal refusal, int64_t now_us);
extern void qm_grid_canceled(QmGrid *grid, int64_t order_id, bool under_way, int64_t now_us);

/*
 * qm_grid_exit makes the grid stop: it places nothing new, and wishes to cancel its
 * orders and to sell its position where it is told so. qm_grid_exit_done: nothing
 * of that is left to do. Not in the document: the next start trades again.
 */
extern void qm_grid_exit(QmGrid *grid, bool cancel_orders, bool close_position);
extern bool qm_grid_exit_done(const QmGrid *grid);

/* qm_grid_resume ends the pause after a stop loss. */
extern void qm_grid_resume(QmGrid *grid);

extern void qm_grid_status(const QmGrid *grid, QmGridStatus *status);
extern const char *qm_grid_pause_name(QmGridPause pause);
extern const char *qm_grid_why_name(QmGridWhy why);

#endif
