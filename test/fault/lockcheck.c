/*
 * Lockcheck: reads the histories of a run, and what it left in the database,
 * and says whether any rule of check.c was broken.
 *
 * Exit status: 0 when all rules held, 1 on a violation, 2 when there was nothing
 * to check or it could not be read.
 */
#include "check.h"
#include "link.h"
#include "selftest.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum
{
    SHOWN_MAX = 20
};

/* key_copy copies a key out of a result; no key of ours is longer. */
static void
key_copy(char *to, const char *from)
{
    snprintf(to, KEY_SIZE, "%s", from);
}

/* load_sections reads fault.section. */
static bool
load_sections(History *history, Link *link)
{
    PGresult *result = qf_link_query(link, "SELECT key, n, id, fence, client, mode FROM fault.section", 0, NULL);

    if (result == NULL)
        return false;
    for (int i = 0; i < PQntuples(result); i++)
    {
        StoredSection row = {0};
        int mode = qf_find_name(qf_mode_names, MODE_COUNT, PQgetvalue(result, i, 5));

        key_copy(row.key, PQgetvalue(result, i, 0));
        row.n = strtoll(PQgetvalue(result, i, 1), NULL, 10);
        row.id = strtoll(PQgetvalue(result, i, 2), NULL, 10);
        row.fence = strtoll(PQgetvalue(result, i, 3), NULL, 10);
        row.client = atoi(PQgetvalue(result, i, 4));
        row.mode = (HoldMode) (mode < 0 ? 0 : mode);
        qf_add_stored(history, &row);
    }
    PQclear(result);
    return true;
}

/* load_counters reads fault.counter. */
static bool
load_counters(History *history, Link *link)
{
    PGresult *result = qf_link_query(link, "SELECT key, n FROM fault.counter", 0, NULL);

    if (result == NULL)
        return false;
    for (int i = 0; i < PQntuples(result); i++)
    {
        StoredCounter row = {0};

        key_copy(row.key, PQgetvalue(result, i, 0));
        row.n = strtoll(PQgetvalue(result, i, 1), NULL, 10);
        qf_add_counter(history, &row);
    }
    PQclear(result);
    return true;
}

/* load_database reads what the run committed. */
static bool
load_database(History *history, const char *conninfo)
{
    Link link = {0};
    bool good =
        qf_link_open(&link, conninfo, "lockcheck") && load_sections(history, &link) && load_counters(history, &link);

    if (!good)
        fprintf(stderr, "lockcheck: cannot read fault.section and fault.counter\n");
    qf_link_close(&link);
    return good;
}

/* leases_over_faults counts the leases that their owners trusted across a fault: without them the grace is not tried. */
static long
leases_over_faults(const History *history)
{
    long count = 0;

    for (size_t i = 0; i < history->fault_count; i++)
        for (size_t j = 0; j < history->grant_count; j++)
        {
            const Grant *grant = &history->grants[j];

            count += grant->mode == MODE_LEASE && grant->granted_ns < history->faults[i].down_ns &&
                     grant->end_ns > history->faults[i].up_ns;
        }
    return count;
}

/* summary_print says how much was checked, so that an empty run cannot pass for a good one. */
static void
summary_print(const History *history, bool database)
{
    long modes[MODE_COUNT] = {0}, ends[END_COUNT] = {0};

    for (size_t i = 0; i < history->grant_count; i++)
    {
        modes[history->grants[i].mode]++;
        ends[history->grants[i].end]++;
    }
    printf("  checked: %zu grants (", history->grant_count);
    for (int i = 0; i < MODE_COUNT; i++)
        printf("%s%s %ld", i == 0 ? "" : ", ", qf_mode_names[i], modes[i]);
    for (int i = 0; i < END_COUNT; i++)
        printf("%s%s %ld", i == 0 ? "; " : ", ", qf_end_names[i], ends[i]);
    printf("), %zu faults over %ld leases", history->fault_count, leases_over_faults(history));
    if (database)
        printf(", %zu committed sections of %zu", history->stored_count, history->section_count);
    printf("\n");
}

/* verdict_print counts the violations by kind and returns the exit status. */
static int
verdict_print(const Report *report)
{
    if (report->left_behind > 0)
        printf("  acknowledged commits that the promotion left behind: %ld\n", report->left_behind);
    printf("  violations: %ld\n", qf_report_total(report));
    for (int i = 0; i < VIOLATION_COUNT; i++)
        if (report->found[i] > 0)
            printf("    %s: %ld\n", qf_violation_names[i], report->found[i]);
    return qf_report_total(report) == 0 ? 0 : 1;
}

/* main checks one folder, or itself. */
int
main(int argc, char **argv)
{
    Report report = {.shown_max = SHOWN_MAX, .file = stdout};
    History history = {0};
    const char *conninfo = NULL;
    int status;

    if (argc == 2 && strcmp(argv[1], "--selftest") == 0)
        return qf_selftest();
    if (argc == 4 && strcmp(argv[1], "--db") == 0)
        conninfo = argv[2];
    else if (argc != 2)
    {
        fprintf(stderr, "usage: lockcheck [--db CONNINFO] FOLDER | lockcheck --selftest\n");
        return 2;
    }
    if (!qf_read_directory(&history, argv[argc - 1]) || (conninfo != NULL && !load_database(&history, conninfo)))
        return 2;
    if (history.grant_count == 0)
    {
        fprintf(stderr, "lockcheck: no grants in %s\n", argv[argc - 1]);
        return 2;
    }
    qf_check_grants(&history, &report);
    if (conninfo != NULL)
        qf_check_database(&history, &report);
    summary_print(&history, conninfo != NULL);
    status = verdict_print(&report);
    qf_history_free(&history);
    return status;
}
