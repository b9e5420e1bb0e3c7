/*
 * Caller: a client's connection that is made anew as often as it breaks, and
 * calls that are repeated until they are answered.
 *
 * A caller belongs to one thread. The server may be away for a minute; then the
 * program ends.
 */
#ifndef QF_CALLER_H
#define QF_CALLER_H

#include "history.h"
#include "link.h"

enum
{
    CALLER_STATES_MAX = 16
};

typedef struct CallerStateCount
{
    char state[6];
    long count;
} CallerStateCount;

typedef struct Caller
{
    const char *conninfo;
    char name[NAME_SIZE]; /* application_name */
    Link link;
    unsigned short seed[3];
    long broken, connections; /* lost, made */
    long repeats;             /* calls that were made again since the answer was lost or put off */
    long lies;                /* answers that cannot be */
    CallerStateCount states[CALLER_STATES_MAX];
} Caller;

extern void qf_caller_init(Caller *caller, const char *conninfo, const char *prefix, int number, unsigned seed);
extern long qf_caller_random(Caller *caller, long below);
extern void qf_caller_connect(Caller *caller);
extern void qf_caller_mend(Caller *caller);
extern bool qf_caller_passes(const Caller *caller);
extern void qf_caller_count_state(Caller *caller);
extern PGresult *qf_caller_insist(Caller *caller, const char *sql, int count, const char *const *values);
extern int64_t qf_caller_insist_number(Caller *caller, const char *sql, int count, const char *const *values);
extern void qf_caller_lie(Caller *caller, const char *format, ...) __attribute__((format(printf, 2, 3)));
extern void qf_caller_add(Caller *sum, const Caller *caller);
extern bool qf_caller_print(const Caller *sum);

#endif
