/*
 * Histories: writing, reading and keeping the records that history.h describes.
 *
 * A line is the record's word and its fields, separated by single spaces; keys
 * hold no spaces. A line that cannot be read makes the whole reading fail: a
 * checker that skips what it does not understand proves nothing.
 */
#include "history.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum
{
    LINE_SIZE = 512,
    FIRST_CAPACITY = 64
};

const char *const qf_mode_names[MODE_COUNT] = {"transaction", "session", "lease"};
const char *const qf_end_names[END_COUNT] = {"released", "broken", "expired"};
const char *const qf_outcome_names[OUTCOME_COUNT] = {"committed", "aborted", "unknown"};

/* qf_now_ns is the one clock of all histories. */
int64_t
qf_now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t) now.tv_sec * 1000000000 + now.tv_nsec;
}

/* qf_write_grant appends one grant, once its end is known. */
void
qf_write_grant(FILE *file, const Grant *grant)
{
    fprintf(file,
            "grant %d %s %s %" PRId64 " %" PRId64 " %" PRId64 " %" PRId64 " %s\n",
            grant->client,
            grant->key,
            qf_mode_names[grant->mode],
            grant->fence,
            grant->request_ns,
            grant->granted_ns,
            grant->end_ns,
            qf_end_names[grant->end]);
}

/* qf_write_section appends one section, once its outcome is known or known to be unknown. */
void
qf_write_section(FILE *file, const Section *section)
{
    fprintf(file,
            "section %d %s %" PRId64 " %" PRId64 " %" PRId64 " %s %d\n",
            section->client,
            section->key,
            section->id,
            section->fence,
            section->answered_ns,
            qf_outcome_names[section->outcome],
            section->overdue);
}

/* qf_write_refusal appends one refusal; lockcheck judges whether it was due. */
void
qf_write_refusal(FILE *file, const Refusal *refusal)
{
    fprintf(file,
            "refusal %d %s %" PRId64 " %" PRId64 " %" PRId64 " %" PRId64 "\n",
            refusal->client,
            refusal->key,
            refusal->fence,
            refusal->request_ns,
            refusal->answered_ns,
            refusal->trusted_until_ns);
}

/* qf_write_fault appends one crash or promotion. */
void
qf_write_fault(FILE *file, const Fault *fault)
{
    fprintf(file, "fault %s %" PRId64 " %" PRId64 "\n", fault->name, fault->down_ns, fault->up_ns);
}

/* grow makes room for one more element; capacities are powers of two, so the count alone tells when. */
static void *
grow(void *array, size_t count, size_t size)
{
    size_t capacity = count == 0 ? FIRST_CAPACITY : count * 2;

    if (count != 0 && (count < FIRST_CAPACITY || (count & (count - 1)) != 0))
        return array;
    array = realloc(array, capacity * size);
    if (array == NULL)
    {
        fprintf(stderr, "out of memory for %zu records\n", capacity);
        exit(2);
    }
    return array;
}

/* qf_add_grant keeps a copy. */
void
qf_add_grant(History *history, const Grant *grant)
{
    history->grants = grow(history->grants, history->grant_count, sizeof(*grant));
    history->grants[history->grant_count++] = *grant;
}

/* qf_add_section keeps a copy. */
void
qf_add_section(History *history, const Section *section)
{
    history->sections = grow(history->sections, history->section_count, sizeof(*section));
    history->sections[history->section_count++] = *section;
}

/* qf_add_refusal keeps a copy. */
void
qf_add_refusal(History *history, const Refusal *refusal)
{
    history->refusals = grow(history->refusals, history->refusal_count, sizeof(*refusal));
    history->refusals[history->refusal_count++] = *refusal;
}

/* qf_add_fault keeps a copy. */
void
qf_add_fault(History *history, const Fault *fault)
{
    history->faults = grow(history->faults, history->fault_count, sizeof(*fault));
    history->faults[history->fault_count++] = *fault;
}

/* qf_add_stored keeps a copy. */
void
qf_add_stored(History *history, const StoredSection *stored)
{
    history->stored = grow(history->stored, history->stored_count, sizeof(*stored));
    history->stored[history->stored_count++] = *stored;
}

/* qf_add_counter keeps a copy. */
void
qf_add_counter(History *history, const StoredCounter *counter)
{
    history->counters = grow(history->counters, history->counter_count, sizeof(*counter));
    history->counters[history->counter_count++] = *counter;
}

/* qf_find_name returns the position of a word in a list, or -1. */
int
qf_find_name(const char *const *names, int count, const char *name)
{
    for (int i = 0; i < count; i++)
        if (strcmp(names[i], name) == 0)
            return i;
    return -1;
}

/* read_grant understands one grant line. */
static bool
read_grant(History *history, const char *line)
{
    Grant grant = {0};
    char mode[NAME_SIZE], end[NAME_SIZE];
    int mode_index, end_index;

    if (sscanf(line,
               "grant %d %63s %31s %" SCNd64 " %" SCNd64 " %" SCNd64 " %" SCNd64 " %31s",
               &grant.client,
               grant.key,
               mode,
               &grant.fence,
               &grant.request_ns,
               &grant.granted_ns,
               &grant.end_ns,
               end) != 8)
        return false;
    mode_index = qf_find_name(qf_mode_names, MODE_COUNT, mode);
    end_index = qf_find_name(qf_end_names, END_COUNT, end);
    if (mode_index < 0 || end_index < 0)
        return false;
    grant.mode = (HoldMode) mode_index;
    grant.end = (HoldEnd) end_index;
    qf_add_grant(history, &grant);
    return true;
}

/* read_section understands one section line. */
static bool
read_section(History *history, const char *line)
{
    Section section = {0};
    char outcome[NAME_SIZE];
    int outcome_index, overdue;

    if (sscanf(line,
               "section %d %63s %" SCNd64 " %" SCNd64 " %" SCNd64 " %31s %d",
               &section.client,
               section.key,
               &section.id,
               &section.fence,
               &section.answered_ns,
               outcome,
               &overdue) != 7)
        return false;
    outcome_index = qf_find_name(qf_outcome_names, OUTCOME_COUNT, outcome);
    if (outcome_index < 0)
        return false;
    section.outcome = (Outcome) outcome_index;
    section.overdue = overdue != 0;
    qf_add_section(history, &section);
    return true;
}

/* read_refusal understands one refusal line. */
static bool
read_refusal(History *history, const char *line)
{
    Refusal refusal = {0};

    if (sscanf(line,
               "refusal %d %63s %" SCNd64 " %" SCNd64 " %" SCNd64 " %" SCNd64,
               &refusal.client,
               refusal.key,
               &refusal.fence,
               &refusal.request_ns,
               &refusal.answered_ns,
               &refusal.trusted_until_ns) != 6)
        return false;
    qf_add_refusal(history, &refusal);
    return true;
}

/* read_fault understands one fault line. */
static bool
read_fault(History *history, const char *line)
{
    Fault fault = {0};

    if (sscanf(line, "fault %31s %" SCNd64 " %" SCNd64, fault.name, &fault.down_ns, &fault.up_ns) != 3)
        return false;
    qf_add_fault(history, &fault);
    return true;
}

/* read_line hands a line to the reader of its record. */
static bool
read_line(History *history, const char *line)
{
    if (strncmp(line, "grant ", 6) == 0)
        return read_grant(history, line);
    if (strncmp(line, "section ", 8) == 0)
        return read_section(history, line);
    if (strncmp(line, "refusal ", 8) == 0)
        return read_refusal(history, line);
    if (strncmp(line, "fault ", 6) == 0)
        return read_fault(history, line);
    return false;
}

/* qf_read_file adds one file to the history; false with a message when it has a line that cannot be read. */
bool
qf_read_file(History *history, const char *path)
{
    FILE *file = fopen(path, "r");
    char line[LINE_SIZE];
    long number = 0;

    if (file == NULL)
    {
        perror(path);
        return false;
    }
    while (fgets(line, sizeof(line), file) != NULL)
    {
        number++;
        if (strchr(line, '\n') == NULL || !read_line(history, line))
        {
            fprintf(stderr, "%s:%ld: not a record: %s\n", path, number, line);
            fclose(file);
            return false;
        }
    }
    fclose(file);
    return true;
}

/* qf_read_directory adds every file of a directory whose name ends in .history. */
bool
qf_read_directory(History *history, const char *path)
{
    DIR *directory = opendir(path);
    struct dirent *entry;
    bool good = true;

    if (directory == NULL)
    {
        perror(path);
        return false;
    }
    while (good && (entry = readdir(directory)) != NULL)
    {
        const char *suffix = strrchr(entry->d_name, '.');
        char name[4096];

        if (suffix == NULL || strcmp(suffix, ".history") != 0)
            continue;
        snprintf(name, sizeof(name), "%s/%s", path, entry->d_name);
        good = qf_read_file(history, name);
    }
    closedir(directory);
    return good;
}

/* qf_history_free gives back everything and leaves an empty history. */
void
qf_history_free(History *history)
{
    free(history->grants);
    free(history->sections);
    free(history->refusals);
    free(history->faults);
    free(history->stored);
    free(history->counters);
    *history = (History){0};
}
