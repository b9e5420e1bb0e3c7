/*
 * Histories: what the clients of lockstress saw, as lockcheck reads it.
 *
 * Every client appends to a file of its own, one record a line, and no two
 * threads write the same file. All times are CLOCK_MONOTONIC nanoseconds, so
 * that files of one machine can be compared, also across restarts of the
 * server. A grant counts from the moment its reply was received (granted_ns)
 * to the last moment at which its holder surely had it (end_ns):
 *
 *   released      just before COMMIT, ROLLBACK, unlock or release is sent;
 *   broken        the holder's connection ended. The lock was freed before the
 *                 client could notice, so the hold ends when its last answered
 *                 statement was sent: the backend lived to answer that one.
 *                 When that was the acquisition itself, nothing is known of the
 *                 hold but its fence, and end_ns lies before granted_ns;
 *   expired       a lease that its owner left alone: request time + ttl. The
 *                 server's clock for it started later than that.
 *
 * Both ends err on the short side: what lockcheck calls an overlap is one.
 */
#ifndef QF_HISTORY_H
#define QF_HISTORY_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum
{
    KEY_SIZE = 64,
    NAME_SIZE = 32
};

typedef enum HoldMode
{
    MODE_TRANSACTION,
    MODE_SESSION,
    MODE_LEASE,
    MODE_COUNT
} HoldMode;
typedef enum HoldEnd
{
    END_RELEASED,
    END_BROKEN,
    END_EXPIRED,
    END_COUNT
} HoldEnd;
typedef enum Outcome
{
    OUTCOME_COMMITTED,
    OUTCOME_ABORTED,
    OUTCOME_UNKNOWN,
    OUTCOME_COUNT
} Outcome;

/* One key had by one client. The keys of a _many call are grants with the same fence and request_ns. */
typedef struct Grant
{
    char key[KEY_SIZE];
    HoldMode mode;
    HoldEnd end;
    int client;
    int64_t fence;
    int64_t request_ns; /* before the acquisition was sent */
    int64_t granted_ns; /* its reply was received */
    int64_t end_ns;
} Grant;

/* One guarded or lock-holding transaction that wrote its key's counter. */
typedef struct Section
{
    char key[KEY_SIZE];
    Outcome outcome;
    bool overdue; /* COMMIT was sent after the guarded lease had surely ended */
    int client;
    int64_t id; /* unique over all clients */
    int64_t fence;
    int64_t answered_ns; /* when the outcome was known */
} Section;

/* The server said that a hold is gone, in reply to guard, COMMIT, renew, release or unlock. */
typedef struct Refusal
{
    char key[KEY_SIZE];
    int client;
    int64_t fence;
    int64_t request_ns;       /* of the grant or renewal that was trusted */
    int64_t answered_ns;      /* when the refusal was received */
    int64_t trusted_until_ns; /* the holder could count on it until then */
} Refusal;

/* A crash or promotion: shared memory was lost somewhere in between. */
typedef struct Fault
{
    char name[NAME_SIZE];
    int64_t down_ns; /* before the fault was made */
    int64_t up_ns;   /* a new connection could write again */
} Fault;

/* A row of fault.section, and one of fault.counter, as committed in the database. */
typedef struct StoredSection
{
    char key[KEY_SIZE];
    HoldMode mode;
    int client;
    int64_t id;
    int64_t fence;
    int64_t n; /* the counter's value after this section */
} StoredSection;

typedef struct StoredCounter
{
    char key[KEY_SIZE];
    int64_t n;
} StoredCounter;

typedef struct History
{
    Grant *grants;
    Section *sections;
    Refusal *refusals;
    Fault *faults;
    StoredSection *stored;
    StoredCounter *counters;
    size_t grant_count, section_count, refusal_count, fault_count, stored_count, counter_count;
} History;

extern const char *const qf_mode_names[MODE_COUNT];
extern const char *const qf_end_names[END_COUNT];
extern const char *const qf_outcome_names[OUTCOME_COUNT];

extern int64_t qf_now_ns(void);

extern void qf_write_grant(FILE *file, const Grant *grant);
extern void qf_write_section(FILE *file, const Section *section);
extern void qf_write_refusal(FILE *file, const Refusal *refusal);
extern void qf_write_fault(FILE *file, const Fault *fault);

extern void qf_add_grant(History *history, const Grant *grant);
extern void qf_add_section(History *history, const Section *section);
extern void qf_add_refusal(History *history, const Refusal *refusal);
extern void qf_add_fault(History *history, const Fault *fault);
extern void qf_add_stored(History *history, const StoredSection *stored);
extern void qf_add_counter(History *history, const StoredCounter *counter);

extern int qf_find_name(const char *const *names, int count, const char *name);
extern bool qf_read_file(History *history, const char *path);
extern bool qf_read_directory(History *history, const char *path);
extern void qf_history_free(History *history);

#endif
