/*
 * Reconciliation, the judging part: what we have of one market is compared with
 * what the exchange showed, and every difference becomes a finding with a stable
 * code and the repair that it asks for. Pure C: arrays in, findings out; no I/O,
 * no clock, no memory of its own. Used by the extension and the client alike.
 *
 * Nothing is concluded from absence: what is missing at the exchange is asked
 * for by id, and only the answers count. An order that is still moving (not
 * settled) is left for the next pass; its trades are booked all the same, since
 * booking goes by trade id. The same inputs give the same findings in the same
 * order, however the arrays were sorted.
 *
 * Findings stand in the order in which they can be repaired: of an order, what
 * the exchange says of it before what is to be asked or canceled; adoptions
 * before the trades of what is adopted. One order can have several findings of
 * different codes, and be asked for more than once: once is enough.
 */
#ifndef QM_RECONCILE_H
#define QM_RECONCILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "order_state.h"

#define QM_ABSENT_ANSWERS 3 /* "unknown order", so often, proves that an order is not there */

/* Quantities, prices and balances in units of 1e-18; aligned as malloc and palloc align. */
__extension__ typedef __int128 QmUnits __attribute__((aligned(8)));

typedef enum QmFindingCode
{
    QM_FINDING_SNAPSHOT_INCOMPLETE, /* the snapshot cannot be used: alone, and nothing else is found */
    QM_FINDING_LEASE_ORPHAN,        /* intent or submitted order of an instance that is dead */
    QM_FINDING_INFLIGHT_CONFIRMED,  /* its fate was not known, and the exchange has it */
    QM_FINDING_INFLIGHT_ABSENT,     /* its fate is not known, the deadline is over, and it is not among the open ones */
    QM_FINDING_MISSING_AT_EXCHANGE, /* we have it as open, the exchange does not show it */
    QM_FINDING_STATE_DRIFT,         /* the exchange shows another state than ours */
    QM_FINDING_QTY_PRICE_DRIFT,     /* price, quantity or side is not what we ordered */
    QM_FINDING_MISSED_FILL,         /* a trade that is not in the ledger */
    QM_FINDING_LATE_FILL,           /* the same, of an order that had ended without it */
    QM_FINDING_FILL_MISMATCH,       /* a trade that the ledger has otherwise */
    QM_FINDING_FILL_GAP,            /* more was filled than all trades that we know of come to */
    QM_FINDING_OVERFILL,            /* the ledger has more than the exchange shows, or than was ordered */
    QM_FINDING_ORPHAN_OURS,         /* open at the exchange under an id of ours, and not live here, or once too often */
    QM_FINDING_EXTERNAL_ORDER,      /* an order, or a trade of one, that is not ours */
    QM_FINDING_DUPLICATE_LEVEL,     /* live, and another live order has its slot */
    QM_FINDING_CANCEL_STUCK,        /* to be canceled for too long, and still open */
    QM_FINDING_POSITION_MISMATCH,   /* the balance of an asset is not what baseline and fills come to */
    QM_FINDINGS
} QmFindingCode;

/* What would end the difference. */
typedef enum QmRepair
{
    QM_REPAIR_NONE,         /* only people can */
    QM_REPAIR_APPLY,        /* apply the remote order to ours as a report */
    QM_REPAIR_BOOK,         /* book the trade */
    QM_REPAIR_ADOPT,        /* make a row of the remote order */
    QM_REPAIR_AMEND,        /* take over its price and quantity */
    QM_REPAIR_QUERY,        /* ask the exchange for the order by id, its trades with it */
    QM_REPAIR_PROVE_ABSENT, /* it was never accepted: free the slot */
    QM_REPAIR_GIVE_UP,      /* lost: it keeps its slot until somebody settles it */
    QM_REPAIR_FORGET_REPLY, /* submitted to unknown */
    QM_REPAIR_HAND_OVER,    /* another instance may claim the intent */
    QM_REPAIR_CANCEL, /* cancel it at the exchange: the remote order where there is one, else as a user would the local one */
    QM_REPAIRS
} QmRepair;

/* What a market's policy lets the worker do. Each includes what stands before it. */
typedef enum QmPolicy
{
    QM_POLICY_REPORT,  /* only record */
    QM_POLICY_REPAIR,  /* apply what the exchange says, ask for what it does not */
    QM_POLICY_ENFORCE, /* also cancel orphans and duplicates that carry an id of ours */
    QM_POLICIES
} QmPolicy;

typedef enum QmOrigin
{
    QM_ORIGIN_OWN,
    QM_ORIGIN_ADOPTED,
    QM_ORIGIN_EXTERNAL
} QmOrigin;

/* An order of ours. Given are all that are live or have fills missing, and those that the snapshot names. */
typedef struct QmLocalOrder
{
    int64_t order_id;
    const char *client_order_id;   /* of the attempt that it stands for */
    const char *exchange_order_id; /* NULL: not known */
    const char *slot;              /* NULL: none */
    QmOrderState state;
    QmOrigin origin;
    bool buy;
    bool settled;    /* its last change was committed before the snapshot was asked for, and is older than the grace */
    bool holds_slot; /* false with a slot: another order has it */
    bool owner_is_dead;  /* its instance was declared dead */
    bool cancel_pending; /* a cancel was requested or sent, and no answer has come */
    int absent_answers;  /* "unknown order" to queries since the acceptance deadline */
    QmUnits price;       /* 0: none */
    QmUnits quantity;
    QmUnits filled;             /* by the ledger, busts not taken off */
    QmUnits reported;           /* the most that the exchange has said */
    int64_t accept_deadline_us; /* after this the exchange cannot accept it any more; 0: it was never sent */
    int64_t cancel_deadline_us; /* after this a pending cancel is stuck; 0: none is pending */
} QmLocalOrder;

/* An open order as the exchange shows it. */
typedef struct QmRemoteOrder
{
    const char *client_order_id;   /* NULL: not said */
    const char *exchange_order_id; /* never NULL */
    bool ours;                     /* its client order id carries a tag of this database */
    bool buy;
    QmUnits price;
    QmUnits quantity;
    QmUnits filled;
} QmRemoteOrder;

typedef enum QmTradeKnown
{
    QM_TRADE_NEW,
    QM_TRADE_SAME,
    QM_TRADE_DIFFERENT /* booked for another order, or with another price or quantity */
} QmTradeKnown;

/* One side of a trade; a trade between two orders of ours has both. */
typedef struct QmRemoteTrade
{
    const char *trade_id;
    const char *exchange_order_id; /* never NULL */
    const char *client_order_id;   /* NULL: not said */
    QmTradeKnown known;
    bool ours; /* as of orders; false: not, or not known */
    bool buy;
    QmUnits quantity;
    QmUnits price;
} QmRemoteTrade;

/* One asset of the account. */
typedef struct QmBalance
{
    const char *asset;
    QmUnits expected; /* baseline, and what fills of all markets come to */
    QmUnits actual;   /* free and locked */
    QmUnits tolerance;
} QmBalance;

typedef struct QmComparison
{
    const QmLocalOrder *locals;
    size_t nlocals;
    const QmRemoteOrder *remotes;
    size_t nremotes;
    const QmRemoteTrade *trades;
    size_t ntrades;
    const QmBalance *balances; /* none where they cannot be judged in this pass */
    size_t nbalances;
    bool complete;      /* everything was fetched, without an error */
    bool balances_seen; /* the snapshot shows balances, whether or not they can be judged: it is no empty answer */
    int64_t now_us;
} QmComparison;

/* A difference. Indexes are into the arrays of the comparison; -1: none. */
typedef struct QmFinding
{
    QmFindingCode code;
    QmRepair repair;
    QmRepair also;  /* what QM_POLICY_ENFORCE does besides, in the transaction of the repair: cancel, or none */
    QmPolicy needs; /* the least policy that repairs it; QM_POLICIES: none does */
    int local;
    int remote;
    int trade;
    int balance;
} QmFinding;

typedef struct QmVerdict
{
    size_t nfindings;
    size_t ndeferred; /* orders that are still moving, or whose deadline is not over */
    size_t nmatched;  /* orders that were judged, and that nothing was found about */
} QmVerdict;

extern size_t qm_reconcile_room(const QmComparison *comparison);
extern void qm_reconcile_judge(const QmComparison *comparison, void *scratch, QmFinding *findings, QmVerdict *verdict);
extern size_t qm_reconcile_scratch_size(const QmComparison *comparison);

extern QmOrderState qm_remote_order_state(const QmRemoteOrder *remote);
extern const char *qm_finding_name(QmFindingCode code);
extern const char *qm_repair_name(QmRepair repair);
extern const char *qm_policy_name(QmPolicy policy);
extern bool qm_policy_parse(const char *text, QmPolicy *policy);

#endif
