/*
 * Lockcheck tried on planted histories: each is a few lines as clients write
 * them, what is in the database, and the violations that must be found.
 *
 * Grant lines: client key mode fence request granted end how-it-ended.
 */
#include "selftest.h"

#include "check.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum
{
    STORED_MAX = 4,
    NOTHING = -1
};

typedef struct Planted
{
    const char *name;
    const char *lines;
    StoredSection stored[STORED_MAX];
    StoredCounter counter; /* checked with the database's rows where it has a key */
    int expected;          /* a Violation, or NOTHING */
} Planted;

static const Planted planted[] = {
    {.name = "two holders one after the other",
     .lines = "grant 1 a transaction 10 0 5 20 released\n"
              "grant 2 a session 11 1 21 30 released\n",
     .expected = NOTHING},
    {.name = "two holders at once",
     .lines = "grant 1 a transaction 10 0 5 20 released\n"
              "grant 2 a session 11 1 19 30 released\n",
     .expected = VIOLATION_OVERLAP},
    {.name = "three holders at once, one of them short",
     .lines = "grant 1 a lease 10 0 5 50 expired\n"
              "grant 2 a session 11 1 10 12 released\n"
              "grant 3 a lease 12 1 40 60 released\n",
     .expected = VIOLATION_OVERLAP},
    {.name = "two keys at once",
     .lines = "grant 1 a transaction 10 0 5 20 released\n"
              "grant 2 b session 11 1 19 30 released\n",
     .expected = NOTHING},
    {.name = "a broken hold ends when it was last alive",
     .lines = "grant 1 a session 10 0 5 12 broken\n"
              "grant 2 a session 11 1 13 30 released\n",
     .expected = NOTHING},
    {.name = "a broken hold of which only the fence is known",
     .lines = "grant 1 a session 10 0 15 0 broken\n"
              "grant 2 a session 11 1 13 30 released\n",
     .expected = NOTHING},
    {.name = "the next holder came before a broken hold was last alive",
     .lines = "grant 1 a session 10 0 5 14 broken\n"
              "grant 2 a session 11 1 13 30 released\n",
     .expected = VIOLATION_OVERLAP},
    {.name = "a fence that went back on its key",
     .lines = "grant 1 a transaction 11 0 5 20 released\n"
              "grant 2 a transaction 10 4 25 30 released\n",
     .expected = VIOLATION_FENCE_BACK},
    {.name = "a fence that went back over two keys",
     .lines = "grant 1 a transaction 11 0 5 20 released\n"
              "grant 2 b transaction 10 6 25 30 released\n",
     .expected = VIOLATION_FENCE_BACK},
    {.name = "requests at the same time may get fences in either order",
     .lines = "grant 1 a transaction 11 0 5 20 released\n"
              "grant 2 b transaction 10 4 25 30 released\n",
     .expected = NOTHING},
    {.name = "one fence for two holders",
     .lines = "grant 1 a transaction 10 0 5 6 released\n"
              "grant 2 b transaction 10 1 7 8 released\n",
     .expected = VIOLATION_FENCE_DUPLICATE},
    {.name = "one fence for the keys of one call",
     .lines = "grant 1 a transaction 10 0 5 6 released\n"
              "grant 1 b transaction 10 0 5 6 released\n",
     .expected = NOTHING},
    {.name = "one fence for two session locks of one client",
     .lines = "grant 1 a session 10 0 5 6 released\n"
              "grant 1 a session 10 7 8 9 released\n",
     .expected = VIOLATION_FENCE_DUPLICATE},
    {.name = "a lease taken again by its owner",
     .lines = "grant 1 a lease 10 0 5 20 expired\n"
              "grant 1 a lease 10 7 9 25 released\n"
              "grant 2 a lease 11 7 26 30 released\n",
     .expected = NOTHING},
    {.name = "a lease left alone, taken again by its owner and released",
     .lines = "grant 1 a lease 10 0 5 50 expired\n"
              "grant 1 a lease 10 7 9 20 released\n"
              "grant 2 a lease 11 7 21 30 released\n",
     .expected = NOTHING},
    {.name = "a lease left alone twice, then taken again by its owner and released",
     .lines = "grant 1 a lease 10 0 5 50 expired\n"
              "grant 1 a lease 10 7 9 15 expired\n"
              "grant 1 a lease 10 17 18 20 released\n"
              "grant 2 a lease 11 7 21 30 released\n",
     .expected = NOTHING},
    {.name = "a lease left alone, released, and had by somebody else too soon",
     .lines = "grant 1 a lease 10 0 5 50 expired\n"
              "grant 1 a lease 10 7 9 20 released\n"
              "grant 2 a lease 11 7 19 30 released\n",
     .expected = VIOLATION_OVERLAP},
    {.name = "a lease taken again after somebody else had it",
     .lines = "grant 1 a lease 10 0 5 10 expired\n"
              "grant 2 a lease 11 7 12 14 released\n"
              "grant 1 a lease 10 9 20 25 released\n",
     .expected = VIOLATION_FENCE_BACK},
    {.name = "a lock over a lease that a crash lost",
     .lines = "fault crash 10 15\n"
              "grant 1 a lease 10 0 5 40 expired\n"
              "grant 2 a session 11 14 16 30 released\n"
              "grant 3 a lease 12 14 41 50 released\n",
     .expected = NOTHING},
    {.name = "a lock over a lease before the crash",
     .lines = "fault crash 10 15\n"
              "grant 1 a lease 10 0 5 40 expired\n"
              "grant 2 a session 11 4 9 10 released\n",
     .expected = VIOLATION_OVERLAP},
    {.name = "a lease over a lease that a crash lost",
     .lines = "fault crash 10 15\n"
              "grant 1 a lease 10 0 5 40 expired\n"
              "grant 2 a lease 11 14 39 50 released\n",
     .expected = VIOLATION_OVERLAP},
    {.name = "a lock over a lease of the time after the crash",
     .lines = "fault crash 10 15\n"
              "grant 1 a lease 10 16 17 40 expired\n"
              "grant 2 a session 11 18 20 30 released\n",
     .expected = VIOLATION_OVERLAP},
    {.name = "a lease refused after its time",
     .lines = "grant 1 a lease 10 0 5 20 released\n"
              "refusal 1 a 10 0 21 20\n",
     .expected = NOTHING},
    {.name = "a lease refused in its time",
     .lines = "grant 1 a lease 10 0 5 20 released\n"
              "refusal 1 a 10 0 19 20\n",
     .expected = VIOLATION_HOLD_LOST},
    {.name = "a lease refused in its time, after a crash",
     .lines = "fault crash 10 15\n"
              "grant 1 a lease 10 0 5 20 released\n"
              "refusal 1 a 10 0 19 20\n",
     .expected = NOTHING},
    {.name = "sections that follow each other",
     .lines = "grant 1 a lease 10 0 5 20 released\n"
              "section 1 a 1 10 9 committed 0\nsection 1 a 2 10 12 committed 0\nsection 2 a 3 11 30 unknown 0\n"
              "section 2 a 9 11 31 aborted 0\n",
     .stored = {{"a", MODE_LEASE, 1, 1, 10, 1}, {"a", MODE_LEASE, 1, 2, 10, 2}, {"a", MODE_SESSION, 2, 3, 11, 3}},
     .counter = {"a", 3},
     .expected = NOTHING},
    {.name = "a lost update",
     .lines = "section 1 a 1 10 9 committed 0\nsection 2 a 2 11 12 committed 0\n",
     .stored = {{"a", MODE_LEASE, 1, 1, 10, 1}, {"a", MODE_LEASE, 2, 2, 11, 1}},
     .counter = {"a", 2},
     .expected = VIOLATION_UPDATE_LOST},
    {.name = "a counter that fell behind its sections",
     .lines = "section 1 a 1 10 9 committed 0\n",
     .stored = {{"a", MODE_LEASE, 1, 1, 10, 1}},
     .counter = {"a", 0},
     .expected = VIOLATION_UPDATE_LOST},
    {.name = "a smaller fence that committed later",
     .lines = "section 1 a 1 11 9 committed 0\nsection 2 a 2 10 12 committed 0\n",
     .stored = {{"a", MODE_LEASE, 1, 1, 11, 1}, {"a", MODE_LEASE, 2, 2, 10, 2}},
     .counter = {"a", 2},
     .expected = VIOLATION_COMMIT_ORDER},
    {.name = "an acknowledged commit that is gone",
     .lines = "section 1 a 1 10 9 committed 0\nsection 2 a 2 11 12 committed 0\n",
     .stored = {{"a", MODE_LEASE, 1, 1, 10, 1}},
     .counter = {"a", 1},
     .expected = VIOLATION_COMMIT_LOST},
    {.name = "an acknowledged commit that is gone in a crash",
     .lines = "fault crash 13 15\nsection 2 a 2 11 12 committed 0\n",
     .counter = {"a", 0},
     .expected = VIOLATION_COMMIT_LOST},
    {.name = "an acknowledged commit that a promotion left behind",
     .lines = "fault promote 13 15\nsection 2 a 2 11 12 committed 0\n",
     .counter = {"a", 0},
     .expected = NOTHING},
    {.name = "a commit that is gone although it came after the promotion",
     .lines = "fault promote 3 5\nsection 2 a 2 11 12 committed 0\n",
     .counter = {"a", 0},
     .expected = VIOLATION_COMMIT_LOST},
    {.name = "a failed section that is there",
     .lines = "section 1 a 1 10 9 aborted 0\n",
     .stored = {{"a", MODE_LEASE, 1, 1, 10, 1}},
     .counter = {"a", 1},
     .expected = VIOLATION_COMMIT_GHOST},
    {.name = "a guarded commit after the lease had ended",
     .lines = "section 1 a 1 10 9 committed 1\n",
     .stored = {{"a", MODE_LEASE, 1, 1, 10, 1}},
     .counter = {"a", 1},
     .expected = VIOLATION_COMMIT_OVERDUE},
};

/* planted_load writes the lines to a file and reads them back as lockcheck does. */
static bool
planted_load(History *history, const Planted *plant)
{
    char path[] = "/tmp/lockcheck.XXXXXX";
    int descriptor = mkstemp(path);
    FILE *file = descriptor < 0 ? NULL : fdopen(descriptor, "w");
    bool good;

    if (file == NULL)
    {
        perror(path);
        return false;
    }
    fputs(plant->lines, file);
    fclose(file);
    good = qf_read_file(history, path);
    unlink(path);
    if (plant->counter.key[0] == '\0')
        return good;
    for (int i = 0; i < STORED_MAX && plant->stored[i].key[0] != '\0'; i++)
        qf_add_stored(history, &plant->stored[i]);
    qf_add_counter(history, &plant->counter);
    return good;
}

/* planted_check says whether just what was planted is found. */
static bool
planted_check(const Planted *plant)
{
    History history = {0};
    Report report = {0};
    bool good = planted_load(&history, plant);

    qf_check_grants(&history, &report);
    if (plant->counter.key[0] != '\0')
        qf_check_database(&history, &report);
    for (int i = 0; i < VIOLATION_COUNT; i++)
        good = good && (report.found[i] > 0) == (i == plant->expected);
    if (!good)
    {
        printf("not ok - %s\n", plant->name);
        for (int i = 0; i < VIOLATION_COUNT; i++)
            if (report.found[i] > 0)
                printf("#   found %ld: %s\n", report.found[i], qf_violation_names[i]);
    }
    qf_history_free(&history);
    return good;
}

/* unreadable_check says whether a line that is no record makes the reading fail. */
static bool
unreadable_check(void)
{
    static const Planted bad = {.name = "a line that is no record", .lines = "grant 1 a lease x\n"};
    History history = {0};
    FILE *terminal = stderr;
    bool refused;

    stderr = tmpfile();
    refused = !planted_load(&history, &bad);
    if (stderr != NULL)
        fclose(stderr);
    stderr = terminal;
    qf_history_free(&history);
    if (!refused)
        printf("not ok - %s\n", bad.name);
    return refused;
}

/* qf_selftest tries all planted histories. */
int
qf_selftest(void)
{
    int count = sizeof(planted) / sizeof(planted[0]);
    int bad = !unreadable_check();

    for (int i = 0; i < count; i++)
        bad += !planted_check(&planted[i]);
    printf("lockcheck: %d planted histories, %d judged wrongly\n", count + 1, bad);
    return bad == 0 ? 0 : 1;
}
