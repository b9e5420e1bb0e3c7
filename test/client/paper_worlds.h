/*
 * Worlds of the paper exchange for tests: four accounts, three symbols over three assets, and a real clock that the
 * test moves.
 */
#ifndef QT_PAPER_WORLDS_H
#define QT_PAPER_WORLDS_H

#include "check.h"
#include "paper_world.h"

#define QT_ACCOUNTS 4
#define QT_SYMBOLS 3

/* Symbols by index, assets by the order in which symbols name them. */
enum
{
    QT_BTCUSDT,
    QT_ETHUSDT,
    QT_ETHBTC
};

/* Options that a test may change before it opens a world. They point into themselves: not to be copied. */
typedef struct QtWorld
{
    QmPaperDeposit deposits[3];
    QmPaperAccountOptions accounts[QT_ACCOUNTS];
    QmPaperSymbolOptions symbols[QT_SYMBOLS];
    QmPaperWorldOptions options;
    int64_t real_ms;
} QtWorld;

extern void qt_paper_init(QtWorld *setup); /* speed 0, random walks, spread 0 */
extern QmPaperWorld *qt_paper_open(QtWorld *setup);
extern QmPaperDecimal qt_paper_number(const char *text);
extern QmPaperRequest qt_paper_limit(int account, QmPaperSide side, const char *price, const char *quantity);
extern const QmPaperOrder *qt_paper_placed(QmPaperWorld *world, int symbol, QmPaperRequest request);
extern void qt_world_refused(QmPaperWorld *world, int symbol, QmPaperRequest request, int code, const char *message);
extern void qt_paper_steps(QmPaperWorld *world, int count); /* by the follower "test", who joins if he has not */
extern char *qt_paper_audit(QmPaperWorld *world);           /* to be freed */
extern void qt_paper_money_is_all_there(QmPaperWorld *world, const QtWorld *setup, const QmPaperDecimal *given);
extern const char *qt_paper_file(const char *text); /* a new file with this text; good until the next call but three */
extern int qt_paper_files_remove(void **state);     /* a group's teardown */
extern char *qt_paper_temporary(const char *name);  /* a path that is this process's own; to be freed */

#endif
