/*
 * Membership: the life of a running instance, driven from its event loop.
 *
 * A member registers, sends heartbeats, learns which markets are its own, and
 * does what the server asks for: snapshots, questions about orders, cancels. It
 * has a connection of its own and no thread. Exchanges are the caller's: the
 * member makes calls on them, whose answers come from within the exchange's
 * run(); what it learns so it tells the server in its own next turn.
 *
 * What the caller has to hold:
 * - qm_member_run() is called whenever qm_member_due_us() has come, and after
 *   every run() of an exchange: an answer can make something due.
 * - No order leaves at or after qm_member_trusted_until_us(). A process that was
 *   stopped, or whose database is gone, finds its permission over so, without
 *   being told. Cancels are always possible.
 * - Orders and claims carry qm_member_name() and qm_member_epoch().
 *
 * Callbacks come from within qm_member_run(), and halfway through it: they may
 * make calls on exchanges and ask the member, but neither run nor close it.
 */
#ifndef QM_MEMBER_H
#define QM_MEMBER_H

#include "exchange.h"
#include "quantmesh.h"

typedef struct QmMember QmMember;

typedef enum QmMemberLevel
{
    QM_MEMBER_INFO,
    QM_MEMBER_WARNING, /* it goes on by itself */
    QM_MEMBER_ERROR    /* somebody has to look at it */
} QmMemberLevel;

/* What a member calls. Each may be NULL but exchange. Texts are gone when the callback returns. */
typedef struct QmMemberFunctions
{
    /* The exchange of an account; NULL: this process has none, and its tasks fail until another instance has the market. */
    QmExchange *(*exchange)(void *argument, const char *account);

    /* The market is this instance's from now on. mode: shared or exclusive. Not repeated while it stays. */
    void (*gained)(void *argument, const char *account, const char *symbol, const char *mode);

    /* The market is another's: place nothing more there. Only markets that were gained. */
    void (*lost)(void *argument, const char *account, const char *symbol, const char *why);

    /*
     * The life is over: every market is lost, without lost() being called, and
     * nothing may be sent. The member registers again by itself, and gained()
     * follows. Not called after qm_member_leave().
     */
    void (*died)(void *argument, const char *why);

    /* Placing is restricted. symbol: "*" is the account. state: reducing or halted. */
    void (*halted)(void *argument, const char *account, const char *symbol, const char *state, const char *reason);

    /*
     * How many intents of the market could be sent now: so many are claimed at most.
     * 0: none is, and with a later heartbeat this is asked again. NULL: any number.
     */
    size_t (*room)(void *argument, const char *account, const char *symbol);

    /*
     * An intent was claimed under this epoch, and is this process's to send before
     * its send_before_us (the server's clock). stamped_us: CLOCK_REALTIME before
     * the claim, for QmExchangePlace. It is of a market that is the member's and had
     * room; what cannot be sent all the same is resolved as not_sent.
     */
    void (*submit)(void *argument, const char *account, const QmClaim *claim, int64_t stamped_us);

    /* A task's answer has changed something about an order of ours. */
    void (*changed)(void *argument, const char *account, const char *symbol, int64_t order_id);

    /* For the operator: states and changes of states, no repetitions, no secrets. */
    void (*log)(void *argument, QmMemberLevel level, const char *text);
} QmMemberFunctions;

/* What is 0 or NULL takes its default. Everything is copied. */
typedef struct QmMemberOptions
{
    QmClientOptions database;   /* retry and both timeouts are the member's: shares of the ttl */
    const char *instance;       /* not NULL: its name, of at most 128 bytes */
    const char *const *markets; /* "<account>:<symbol>" or "<account>:*" */
    size_t market_count;        /* at least 1 */
    bool standby;
    int weight;         /* default 1 */
    int64_t ttl_ms;     /* at least 300; default the database's, quantmesh.default_ttl_lease */
    int64_t beat_ms;    /* between heartbeats; default a tenth of the ttl, and at most what the server says */
    const char *detail; /* a JSON object for people */
    QmMemberFunctions functions;
    void *argument; /* of all functions */
} QmMemberOptions;

/*
 * qm_member_open makes a member. It connects to nothing yet: qm_member_run()
 * registers, and repeats that while the database is gone, the name is another
 * living process's, or leases are closed after a crash. *member is NULL after a
 * failure; error may be NULL.
 */
extern QM_MUST_CHECK QmCode qm_member_open(const QmMemberOptions *options, QmMember **member, QmError *error);

/*
 * qm_member_close frees it without a word to the server, as if the process had
 * died. Answers of exchanges that come later are dropped. NULL is fine.
 */
extern void qm_member_close(QmMember *member);

/* qm_member_due_us returns when qm_member_run() has something to do, by qm_member_now_us(); INT64_MAX after leaving. */
extern int64_t qm_member_due_us(const QmMember *member);

/* qm_member_now_us returns now by the clock of due and trusted_until: CLOCK_MONOTONIC in microseconds. */
extern int64_t qm_member_now_us(void);

/*
 * qm_member_run registers or sends a heartbeat when that is due, begins tasks,
 * and tells what has been learned, for about 20 ms: what is left is due at once.
 * It waits for the database alone, and where that does not answer, for less than
 * half of the ttl.
 */
extern void qm_member_run(QmMember *member);

/* qm_member_name returns the name that it was opened with. */
extern const char *qm_member_name(const QmMember *member);

/* qm_member_epoch returns the epoch of this life; 0 while there is none. */
extern int64_t qm_member_epoch(const QmMember *member);

/*
 * qm_member_trusted_until_us returns until when nobody else can have been given
 * this instance's rights: the time of the last heartbeat that was answered, plus
 * ttl, less a margin. 0 while it has none.
 */
extern int64_t qm_member_trusted_until_us(const QmMember *member);

/* qm_member_owns returns whether the market is this instance's, as far as it was told. */
extern bool qm_member_owns(const QmMember *member, const char *account, const char *symbol);

/* qm_member_busy returns how many tasks are under way or have an answer that was not told yet. */
extern size_t qm_member_busy(const QmMember *member);

/*
 * qm_member_leave ends the life at once, so that others need not wait for the
 * ttl. Answers not told yet are told first, as far as the database takes them at
 * the first attempt. The member does nothing afterwards. QM_OK too when the life
 * was over already.
 */
extern QM_MUST_CHECK QmCode qm_member_leave(QmMember *member);

/* qm_member_error returns why the last call of the database failed. */
extern const QmError *qm_member_error(const QmMember *member);

#endif
