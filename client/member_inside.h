/*
 * Membership, the inside: what the parts of a member share.
 *
 * member.c has the life, member_market.c the markets, member_task.c what a
 * heartbeat gives out, member_order.c and member_snapshot.c what is asked of an
 * exchange for it, member_job.c the jobs and member_tell.c how their answers
 * reach the server.
 *
 * A task from the exchange's side is a job. It waits for its turn, asks the
 * exchange, and then has something to tell; it is freed once that was told or
 * refused. An exchange's answer only changes its job: the database is asked from
 * within qm_member_run() alone. A job with a call under way outlives its member.
 */
#ifndef QM_MEMBER_INSIDE_H
#define QM_MEMBER_INSIDE_H

#include <jansson.h>

#include "member.h"
#include "retry.h"

#define QM_MEMBER_JOBS_MAX 256               /* jobs at once; what is given out beyond waits for a later heartbeat */
#define QM_MEMBER_ASKING_MAX 8               /* of them, those that ask an exchange */
#define QM_MEMBER_REPORTS_MAX 8192           /* of one job: trades and the order */
#define QM_MEMBER_TRADES_MAX 200000          /* of one snapshot: as many as the server takes */
#define QM_MEMBER_TASK_US INT64_C(30000000)  /* for so long a task is its taker's */
#define QM_MEMBER_FETCH_US INT64_C(25000000) /* of that, to fetch what it asks for; the rest is to tell it */
#define QM_MEMBER_CLAIM_MAX 100              /* intents of one claim */

typedef enum QmJobState
{
    QM_JOB_WAITS,
    QM_JOB_ASKS, /* exactly one call of an exchange is under way */
    QM_JOB_TELLS
} QmJobState;

typedef struct QmSnapshotJob QmSnapshotJob;
typedef struct QmJob QmJob;

struct QmJob
{
    QmMember *member; /* NULL: closed; the answer under way frees the job */
    QmJob *next;
    QmJobState state;
    QmExchange *exchange; /* asked for it */
    QmTask task;
    int64_t epoch;    /* of the life that took it */
    int64_t given_us; /* before the heartbeat that gave it out */
    bool failed;      /* no memory for what it has learned */
    char outcome[QM_WORD_SIZE];
    char message[QM_DETAIL_SIZE];
    char cancel[QM_WORD_SIZE]; /* outcome of a cancel to be told; empty: none */
    char cancel_code[QM_WORD_SIZE];
    int64_t from_id;   /* of the next page of trades */
    QmReport order;    /* what the exchange says of the order; its trades are told first */
    QmReport *reports; /* trades, and at the end the order */
    size_t report_count;
    size_t report_room;
    size_t told;
    QmSnapshotJob *snapshot;
    char **texts; /* what the reports point at */
    size_t text_count;
    size_t text_room;
};

/* A market that is the member's. */
typedef struct QmMemberMarket
{
    char account[QM_NAME_SIZE];
    char symbol[QM_NAME_SIZE];
} QmMemberMarket;

/* Why there is no life, as it was said last; each is said once. */
typedef enum QmComplaint
{
    QM_COMPLAINT_NONE,
    QM_COMPLAINT_GONE,   /* the database cannot be reached */
    QM_COMPLAINT_TAKEN,  /* the name is another's */
    QM_COMPLAINT_CLOSED, /* no leases are granted yet */
    QM_COMPLAINT_REFUSED
} QmComplaint;

struct QmMember
{
    QmClient *client;
    QmMemberFunctions functions;
    void *argument;
    QmInstance instance;
    char *name;
    char *detail;
    char **markets; /* registered for */
    int64_t beat_ms;
    int64_t ttl_ms; /* as the server has it */
    char life[QM_REQUEST_ID_SIZE];
    int64_t epoch;
    int64_t trusted_until_us;
    int64_t next_beat_us; /* or the next attempt to register */
    int64_t turn_end_us;  /* this turn of qm_member_run() tells nothing more from then on */
    bool reachable;       /* the last call was answered */
    bool unlisted_said;   /* that the list is refused */
    bool listed;          /* the list of markets was read in this life */
    bool left;
    QmComplaint complaint;
    QmRetry retry;
    QmMemberMarket *owned;
    size_t owned_count;
    size_t owned_room;
    QmJob *jobs;
    size_t job_count;
    size_t asking;
    bool full_said; /* that the jobs are too many */
};

/* member.c */
extern bool qm_member_answered(QmMember *member, QmCode code, int64_t epoch);
extern void qm_member_log(QmMember *member, QmMemberLevel level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* member_market.c */
extern bool qm_member_list(QmMember *member);
extern bool qm_member_gain(QmMember *member, const char *account, const char *symbol, const char *mode);
extern void qm_member_lose(QmMember *member, const char *account, const char *symbol, const char *why);

/* member_task.c */
extern void qm_member_take(QmMember *member, const QmTask *tasks, size_t count, int64_t given_us);
extern void qm_member_begin(QmMember *member);
extern bool qm_member_do(QmMember *member, QmJob *job);

/* member_job.c */
extern QmJob *qm_job_add(QmMember *member, const QmTask *task, int64_t given_us);
extern QmJob *qm_job_find(const QmMember *member, const QmTask *task);
extern void qm_job_drop(QmJob *job);
extern void qm_job_asks(QmJob *job);
extern bool qm_job_answered(QmJob *job);
extern void qm_job_ends(QmJob *job, const char *outcome, const char *format, ...) __attribute__((format(printf, 3, 4)));
extern void qm_job_ends_by(QmJob *job, const QmExchangeAnswer *answer);
extern const char *qm_job_keep(QmJob *job, const char *text);
extern bool qm_job_report(QmJob *job, const QmReport *report);
extern bool qm_task_text(const QmTask *task, const char *name, char *text, size_t size);

/* member_order.c */
extern void qm_job_query(QmJob *job);
extern void qm_job_cancel(QmJob *job);

/* member_snapshot.c */
extern void qm_job_fetch(QmJob *job);
extern QmCode qm_job_submit(QmJob *job);
extern void qm_snapshot_job_free(QmSnapshotJob *snapshot);

/* member_tell.c */
extern bool qm_job_tell(QmMember *member, QmJob *job);

#endif
