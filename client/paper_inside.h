/*
 * What the parts of the paper exchange's world share, and nobody else sees.
 *
 * Each part has its own struct here and is the only one to write it: boards (what one symbol shows), clock, faults, journal,
 * audit. paper_world.c has the world itself and is the way in for all that changes it: note it in the
 * journal, do it, tell of it.
 */
#ifndef QM_PAPER_INSIDE_H
#define QM_PAPER_INSIDE_H

#include "paper_data.h"
#include "paper_world.h"

#define QM_PAPER_TRADES_KEPT 1000
#define QM_PAPER_CANDLES_KEPT 1500
#define QM_PAPER_JOURNAL_LINE_MAX 1024

/* One symbol: its market, its data, and what of its past is kept. Rings: a row's place is its number modulo the space. */
typedef struct QmPaperBoard
{
    struct QmPaperWorld *world;
    int index;
    char name[QM_PAPER_NAME_SIZE];
    QmPaperMarket market;
    QmPaperFeed feed;
    QmPaperRow row; /* the minute under way */
    bool has_row;
    int64_t shift_ms; /* from the data's time to the clock's */
    int step;         /* of the minute, the next */
    int steps;
    QmPaperDecimal spread;
    bool is_bounded;
    QmPaperDecimal stepped; /* volume of the minute that its steps have had */
    QmPaperDecimal last;    /* price of the last step */
    int64_t update_id;
    QmPaperBest best; /* as last told */
    QmPaperTrade trades[QM_PAPER_TRADES_KEPT];
    QmPaperOwnTrade *own;
    int64_t own_count;
    int own_space;
    QmPaperCandle candles[QM_PAPER_INTERVALS][QM_PAPER_CANDLES_KEPT];
    int64_t candle_count[QM_PAPER_INTERVALS];
    bool candle_changed[QM_PAPER_INTERVALS];
} QmPaperBoard;

typedef struct QmPaperAccountData
{
    char name[QM_PAPER_NAME_SIZE];
    char key[QM_PAPER_KEY_SIZE];
    char secret[QM_PAPER_KEY_SIZE];
    QmPaperDecimal given[QM_PAPER_ASSETS_MAX]; /* deposits and adjustments */
} QmPaperAccountData;

typedef struct QmPaperFollower
{
    char name[QM_PAPER_NAME_SIZE];
    bool is_ready;
} QmPaperFollower;

typedef struct QmPaperClock
{
    int speed;
    int wanted;      /* followers before the first step */
    int64_t base_ms; /* virtual time at real_base_ms */
    int64_t real_base_ms;
    int64_t (*real_ms)(void *context);
    void *real_context;
    QmPaperFollower followers[QM_PAPER_FOLLOWERS_MAX];
    int follower_count;
    bool has_begun; /* as many as wanted have joined once */
} QmPaperClock;

/* A fault, and what has become of it. */
typedef struct QmPaperPlanned
{
    QmPaperFault fault;
    int64_t struck;
    bool is_over;
    bool has_begun;      /* HALT and FILTERS: to be taken back at until_ms */
    QmPaperRules before; /* FILTERS: what it changed */
} QmPaperPlanned;

typedef struct QmPaperPlans
{
    QmPaperPlanned planned[QM_PAPER_FAULTS_MAX];
    int count;
    int last_id;
    uint64_t state; /* of chance */
} QmPaperPlans;

typedef struct QmPaperJournal
{
    FILE *file; /* NULL: none */
    bool has_failed;
    bool is_dirty; /* since the last sync */
    char path[4096];
} QmPaperJournal;

struct QmPaperWorld
{
    uint64_t seed;
    int64_t now_ms; /* of the last change */
    int64_t step;   /* done */
    int64_t event_id;
    QmPaperAccountData accounts[QM_PAPER_ACCOUNTS_MAX];
    int account_count;
    char assets[QM_PAPER_ASSETS_MAX][QM_PAPER_NAME_SIZE];
    int asset_count;
    QmPaperBoard *boards;
    int board_count;
    QmPaperFunds funds;
    QmPaperWatcher watcher;
    const char *cancel_id; /* of the cancel under way */
    QmPaperClock clock;
    QmPaperPlans plans;
    QmPaperJournal journal;
    FILE *audit;
};

/* paper_board.c: what a symbol shows */
extern void qm_paper_board_trade(QmPaperBoard *board, const QmPaperTrade *trade);
extern bool qm_paper_board_own(QmPaperBoard *board, const QmPaperOrder *order, const QmPaperFill *fill,
                               int64_t wire_ms);
extern void qm_paper_board_history(QmPaperBoard *board, const QmPaperRow *row);
extern void qm_paper_board_close_candles(QmPaperBoard *board, int64_t now_ms);
extern void qm_paper_board_quote(QmPaperBoard *board, QmPaperDecimal price);
extern void qm_paper_board_tell(QmPaperBoard *board);

/* paper_clock.c: when the next step is, and doing it */
extern void qm_paper_clock_start(QmPaperWorld *world, const QmPaperWorldOptions *options);
extern int64_t qm_paper_clock_now(const QmPaperWorld *world);
extern void qm_paper_clock_step(QmPaperWorld *world);

/* paper_world.c: doing, without the journal and at the world's time */
extern QmPaperRefusal qm_paper_do_place(QmPaperWorld *world, int symbol, const QmPaperRequest *request,
                                        bool is_external, const QmPaperOrder **order);
extern QmPaperRefusal qm_paper_do_cancel(QmPaperWorld *world, int account, int symbol, int64_t id,
                                         const char *cancel_id);
extern QmPaperRefusal qm_paper_do_expel(QmPaperWorld *world, int account, int symbol, int64_t id);
extern bool qm_paper_do_adjust(QmPaperWorld *world, int account, int asset, QmPaperDecimal amount);
extern void qm_paper_do_rules(QmPaperWorld *world, int symbol, const QmPaperRules *rules);

/* paper_plan.c: faults by chance and by the clock */
extern int qm_paper_do_fault_add(QmPaperWorld *world, const QmPaperFault *fault);
extern bool qm_paper_do_fault_remove(QmPaperWorld *world, int id);
extern QmPaperMishap qm_paper_do_fault_request(QmPaperWorld *world, QmPaperEndpoint endpoint, int account, int symbol);
extern QmPaperEventMishap qm_paper_do_fault_event(QmPaperWorld *world, int account, int symbol);
extern int64_t qm_paper_plan_next_ms(const QmPaperWorld *world); /* when one of a moment is due; INT64_MAX: never */
extern void qm_paper_plan_moment(QmPaperWorld *world);

/* paper_journal.c */
extern QmCode qm_paper_journal_open(QmPaperWorld *world, const char *path, QmError *error);
extern void qm_paper_journal_close(QmPaperWorld *world);
extern void qm_paper_journal_note(QmPaperWorld *world, const char *format, ...) __attribute__((format(printf, 2, 3)));
extern void qm_paper_journal_request(QmPaperWorld *world, char kind, int symbol, const QmPaperRequest *request);
extern void qm_paper_journal_rules(QmPaperWorld *world, int symbol, const QmPaperRules *rules);
extern void qm_paper_journal_fault(QmPaperWorld *world, const QmPaperFault *fault);

/* paper_replay.c: does what a line of the journal says. NULL: done; else what is wrong with it. */
extern const char *qm_paper_replay(QmPaperWorld *world, char *line);

/* paper_audit.c */
extern void qm_paper_audit_order(QmPaperWorld *world, const QmPaperBoard *board, const QmPaperOrder *order,
                                 const QmPaperFill *fill);
extern void qm_paper_audit_refusal(QmPaperWorld *world, const QmPaperBoard *board, int account, const char *what,
                                   const char *client_id, const QmPaperRefusal *refusal);
extern void qm_paper_audit_adjust(QmPaperWorld *world, int account, int asset, QmPaperDecimal amount);
extern void qm_paper_audit_rules(QmPaperWorld *world, const QmPaperBoard *board);
extern void qm_paper_audit_fault(QmPaperWorld *world, const QmPaperFault *fault);

#endif
