/*
 * Markets: filters, limits and trading state, as the tables say, remembered per
 * backend.
 */
#ifndef QM_MARKET_H
#define QM_MARKET_H

#include "postgres.h"

#include "exposure.h"
#include "market_lock.h"
#include "market_number.h"
#include "order_id.h"

#define QM_ASSET_MAX 32 /* bytes of an asset's name */

typedef enum QmTradingState
{
    QM_TRADING_ACTIVE,
    QM_TRADING_REDUCING, /* only what brings the position towards flat */
    QM_TRADING_HALTED
} QmTradingState;

/* Amounts are negative where the market sets none. */
typedef struct QmMarket
{
    int number;
    char account[QM_MARKET_NAME_MAX + 1];
    char symbol[QM_MARKET_NAME_MAX + 1];
    QmAmount tick_size;
    QmAmount step_size;
    QmAmount min_quantity;
    QmAmount max_quantity;
    QmAmount min_notional;
    QmAmount level_width;
    bool slot_by_level;
    bool exclusive;
    QmLimits limits;
    QmLimits account_limits;
    QmTradingState state; /* the strictest of everything's, the account's and the market's */
    char state_of[16];    /* whose it is: everything, account or market */
    char state_reason[128];
    char trusted_tag[QM_TAG_LEN + 1]; /* the origin tag under which its orders were known last */
} QmMarket;

extern bool qm_market_find(const char *account, const char *symbol, QmMarket *market);
extern const char *qm_market_reason(const QmMarket *market);
extern bool qm_market_is_trusted(const QmMarket *market);
extern bool qm_market_owner(const char *account, const char *symbol, char **instance, int64 *epoch);
extern bool qm_market_is_open_to(const QmMarket *market, const char *instance, int64 epoch);
extern char *qm_market_slot(const QmMarket *market, QmAmount price);
extern char *qm_market_level(const QmMarket *market, QmAmount price);
extern bool qm_instance_find(const char *instance, int64 *epoch);
extern const char *qm_trading_state_name(QmTradingState state);

#endif
