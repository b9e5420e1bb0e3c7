/*
 * An instance at a paper exchange: the program run as its users run it, and what its
 * store has against what the exchange's log says.
 */
#ifndef QT_RUN_HOST_H
#define QT_RUN_HOST_H

#include <sys/types.h>

#include "paper_host.h"

typedef struct QtTrader
{
    QtPaper paper;
    char config[512]; /* path of its configuration */
    char store[512];  /* path of its SQLite file */
    char log[512];
    char audit[512]; /* the exchange's log */
    char prices[64]; /* where an instance hears prices; "": at the exchange */
    int runs;
} QtTrader;

/* What both sides agree on, counted. */
typedef struct QtAgreement
{
    int orders; /* that the exchange has accepted */
    int fills;
    int never;  /* orders that the exchange never had */
    int absent; /* those of which that was proved */
    char position[64];
} QtAgreement;

/*
 * qt_trader_start starts a paper exchange on so many minutes of a made-up market,
 * which begins anew for each test. Indented lines of more_config are of the market;
 * where they name ETHUSDT the exchange serves it, too.
 * A live one does not wait for those who follow it, but is so many times as fast as
 * real time; an instance there does not end with the data.
 */
extern void qt_trader_start(QtTrader *trader, int minutes, const char *more_config);
extern void qt_trader_start_live(QtTrader *trader, int minutes, int speed, const char *more_config);
extern void qt_trader_stop(QtTrader *trader);
extern void qt_trader_fault(QtTrader *trader, const char *json);
/* qt_trader_run starts an instance that follows the exchange; qt_trader_end waits for its end and returns its exit code. */
extern pid_t qt_trader_run(QtTrader *trader);
extern int qt_trader_end(pid_t pid);
/* qt_trader_run_to_end runs an instance until the exchange's data end, which must be its end without a failure. */
extern void qt_trader_run_to_end(QtTrader *trader);
/* qt_trader_done stops the exchange, and compares; so many fills there must have been, or nothing was seen. */
extern QtAgreement qt_trader_done(QtTrader *trader, int fills_min);
/* qt_trader_logged counts the lines of the log with a text in them. */
extern int qt_trader_logged(const QtTrader *trader, const char *text);
/* qt_trader_said counts those with all of the texts in them; qt_trader_audited does in the exchange's log. */
#define qt_trader_said(trader, ...) qt_trader_count((trader)->log, (const char *const[]){__VA_ARGS__, NULL})
#define qt_trader_audited(trader, ...) qt_trader_count((trader)->audit, (const char *const[]){__VA_ARGS__, NULL})
extern int qt_trader_count(const char *path, const char *const *texts);
/* qt_trader_until_said waits until the log has a text so often. */
extern void qt_trader_until_said(const QtTrader *trader, const char *text, int count);
extern void qt_trader_until_step(QtTrader *trader, int64_t step);
/* qt_trader_agree, once the exchange has stopped, fails unless orders, fills and position in the store are those of the exchange's log. */
extern void qt_trader_agree(QtTrader *trader, QtAgreement *agreement);

#endif
