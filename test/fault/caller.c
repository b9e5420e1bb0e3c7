/*
 * Caller: calls that are repeated until they are answered.
 */
#include "caller.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum
{
    RETRY_US = 3000,
    RETRIES_MAX = 20000,
    LIES_SHOWN = 3
};

/* What ending and cancelling brings about, and what a serializable transaction must reckon with. */
static const char *const passing_states[] = {"57P01", "57P02", "57P03", "57014", "40001"};

/* qf_caller_init prepares a caller; it is not connected yet. */
void
qf_caller_init(Caller *caller, const char *conninfo, const char *prefix, int number, unsigned seed)
{
    caller->conninfo = conninfo;
    snprintf(caller->name, sizeof(caller->name), "%s-%d", prefix, number);
    caller->seed[0] = (unsigned short) seed;
    caller->seed[1] = (unsigned short) (seed >> 16);
    caller->seed[2] = (unsigned short) (number + 2);
}

/* qf_caller_random returns a number from 0 to below - 1, from the caller's own seed. */
long
qf_caller_random(Caller *caller, long below)
{
    return below <= 0 ? 0 : nrand48(caller->seed) % below;
}

/* qf_caller_connect makes a new connection, however long that takes; it ends the program when the server stays away. */
void
qf_caller_connect(Caller *caller)
{
    for (int i = 0; i < RETRIES_MAX; i++)
    {
        if (qf_link_open(&caller->link, caller->conninfo, caller->name))
        {
            caller->connections++;
            return;
        }
        usleep(RETRY_US);
    }
    fprintf(stderr, "%s cannot connect any more\n", caller->name);
    exit(2);
}

/* qf_caller_count_state counts the last failed statement by its SQLSTATE; a cut connection has none. */
void
qf_caller_count_state(Caller *caller)
{
    CallerStateCount *states = caller->states;

    if (caller->link.state[0] == '\0')
        return;
    for (int i = 0; i < CALLER_STATES_MAX; i++)
    {
        if (states[i].count > 0 && strcmp(states[i].state, caller->link.state) != 0)
            continue;
        memcpy(states[i].state, caller->link.state, sizeof(states[i].state));
        states[i].count++;
        return;
    }
}

/* qf_caller_mend gets going again after a failure: counts why, ends an open transaction, connects anew, or waits a bit. */
void
qf_caller_mend(Caller *caller)
{
    qf_caller_count_state(caller);
    if (!qf_link_broken(&caller->link) && qf_link_rollback(&caller->link))
    {
        usleep(RETRY_US);
        return;
    }
    caller->broken++;
    qf_caller_connect(caller);
}

/* qf_caller_passes says whether the last failure is one that a repetition can be expected to overcome. */
bool
qf_caller_passes(const Caller *caller)
{
    return qf_link_broken(&caller->link) ||
           qf_find_name(passing_states, sizeof(passing_states) / sizeof(passing_states[0]), caller->link.state) >= 0;
}

/*
 * qf_caller_insist runs one statement until it is answered, over as many
 * connections as it takes. NULL: it was refused, link.state says why.
 */
PGresult *
qf_caller_insist(Caller *caller, const char *sql, int count, const char *const *values)
{
    for (;;)
    {
        PGresult *result = qf_link_query(&caller->link, sql, count, values);

        if (result != NULL || !qf_caller_passes(caller))
            return result;
        caller->repeats++;
        qf_caller_mend(caller);
    }
}

/* qf_caller_insist_number returns the one number that a statement answers, -1 when it was refused, which is a lie. */
int64_t
qf_caller_insist_number(Caller *caller, const char *sql, int count, const char *const *values)
{
    PGresult *result = qf_caller_insist(caller, sql, count, values);
    int64_t number = -1;

    if (result != NULL && PQntuples(result) > 0)
        number = strtoll(PQgetvalue(result, 0, 0), NULL, 10);
    if (result == NULL)
    {
        qf_caller_count_state(caller);
        qf_caller_lie(caller, "%s: %s", sql, PQerrorMessage(caller->link.conn));
    }
    PQclear(result);
    return number;
}

/* qf_caller_lie counts an answer that cannot be, and shows the first few. */
void
qf_caller_lie(Caller *caller, const char *format, ...)
{
    char text[1024];
    va_list arguments;

    if (caller->lies++ >= LIES_SHOWN)
        return;
    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    printf("    %s: %s%s", caller->name, text, strchr(text, '\n') == NULL ? "\n" : "");
    fflush(stdout);
}

/* qf_caller_add adds a caller's counts to a sum. */
void
qf_caller_add(Caller *sum, const Caller *caller)
{
    sum->broken += caller->broken;
    sum->connections += caller->connections;
    sum->repeats += caller->repeats;
    sum->lies += caller->lies;
    for (int i = 0; i < CALLER_STATES_MAX && caller->states[i].count > 0; i++)
    {
        for (int j = 0; j < CALLER_STATES_MAX; j++)
        {
            if (sum->states[j].count > 0 && strcmp(sum->states[j].state, caller->states[i].state) != 0)
                continue;
            memcpy(sum->states[j].state, caller->states[i].state, sizeof(sum->states[j].state));
            sum->states[j].count += caller->states[i].count;
            break;
        }
    }
}

/* qf_caller_print prints the errors by SQLSTATE, and the lies; false when there was one that no fault explains. */
bool
qf_caller_print(const Caller *sum)
{
    const int passing = sizeof(passing_states) / sizeof(passing_states[0]);
    bool good = sum->lies == 0;

    for (int i = 0; i < CALLER_STATES_MAX && sum->states[i].count > 0; i++)
    {
        bool known = qf_find_name(passing_states, passing, sum->states[i].state) >= 0;

        printf("  SQLSTATE %s: %ld%s\n", sum->states[i].state, sum->states[i].count, known ? "" : " (unexpected)");
        good = good && known;
    }
    if (sum->lies > 0)
        printf("  answers that cannot be: %ld\n", sum->lies);
    return good;
}
