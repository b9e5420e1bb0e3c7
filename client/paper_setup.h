/*
 * How a paper exchange is set up, from a JSON file and from options of the command
 * line: what its world and its server are opened with. Texts live as long as the setup.
 *
 * The file is one object, every member of which may be left out:
 *   "seed", "speed", "followers", "start_ms", "keep", "archive", "journal", "audit"
 *   "accounts": [{"name", "key", "secret" or "secret_file", "balances": {"USDT": "100000"}}]
 *   "symbols": [{"symbol": "BTC/USDT", "data": path or "walk": price, "candles", "history", "volatility_ppm",
 *                "volume", "steps", "spread", "bounded", "tick", "step", "min_quantity", "max_quantity",
 *                "min_notional", "max_orders", "maker_fee", "taker_fee"}]
 *   "weight_max", "orders_10s_max", "orders_day_max", "stream_life_ms", "ping_ms", "listen_key_ms"
 *   "faults": [as POST /admin/fault takes them]
 */
#ifndef QM_PAPER_SETUP_H
#define QM_PAPER_SETUP_H

#include <jansson.h>

#include "config_arena.h"
#include "paper_server.h"
#include "paper_world.h"

#define QM_PAPER_DEPOSITS_MAX 64 /* of an account */

typedef struct QmPaperSetup
{
    QmPaperWorldOptions world;
    QmPaperServerOptions server;
    QmPaperAccountOptions accounts[QM_PAPER_ACCOUNTS_MAX];
    QmPaperDeposit deposits[QM_PAPER_ACCOUNTS_MAX][QM_PAPER_DEPOSITS_MAX];
    QmPaperSymbolOptions symbols[QM_PAPER_SYMBOLS_MAX];
    json_t *faults; /* NULL: none */
    QmArena *arena;
} QmPaperSetup;

/* Each of these says in error what is wrong, and returns QM_ERROR_ARGUMENT or QM_ERROR_MEMORY. */
extern QM_MUST_CHECK QmCode qm_paper_setup_begin(QmPaperSetup *setup, QmError *error);
extern QM_MUST_CHECK QmCode qm_paper_setup_file(QmPaperSetup *setup, const char *path, QmError *error);
/* qm_paper_setup_symbols adds symbols, "BTC/USDT,ETHUSDT", or finds those that there are; each with its file, "BTCUSDT=path", or a walk. */
extern QM_MUST_CHECK QmCode qm_paper_setup_symbols(QmPaperSetup *setup, const char *list, const char *walk,
                                                   QmError *error);
/* qm_paper_setup_balances sets what every account begins with, "USDT=1000,BTC=0.5". */
extern QM_MUST_CHECK QmCode qm_paper_setup_balances(QmPaperSetup *setup, const char *list, QmError *error);
/* qm_paper_setup_account adds an account, or gives the only one another key. */
extern QM_MUST_CHECK QmCode qm_paper_setup_account(QmPaperSetup *setup, const char *name, const char *key,
                                                   const char *secret, QmError *error);
/* qm_paper_setup_finish fills in what was left out: an account, a symbol, balances, filters. */
extern QM_MUST_CHECK QmCode qm_paper_setup_finish(QmPaperSetup *setup, QmError *error);
/* qm_paper_setup_faults adds the faults to a world that was opened with the setup. */
extern QM_MUST_CHECK QmCode qm_paper_setup_faults(const QmPaperSetup *setup, QmPaperWorld *world, QmError *error);
extern void qm_paper_setup_end(QmPaperSetup *setup);

/* paper_setup_file.c needs these. */
extern QM_MUST_CHECK QmCode qm_paper_setup_symbol(QmPaperSetup *setup, const char *text, QmPaperSymbolOptions **symbol,
                                                  QmError *error);
extern QM_MUST_CHECK QmCode qm_paper_setup_deposit(QmPaperSetup *setup, int account, const char *asset,
                                                   QmPaperDecimal amount, QmError *error);
extern const char *qm_paper_setup_keep(QmPaperSetup *setup, const char *text);

#endif
