/*
 * The rules that a history is held against.
 *
 * Grants, ordered by fence within their key:
 *
 *   - the end of an earlier grant is not after the granting of a later one;
 *   - a grant that was requested after another had been answered has the larger
 *     fence, on whatever key (server-wide, which holds in particular for a key);
 *   - a fence is had once: by one call of one client, or again by the owner of
 *     a lease that takes the lease it still has;
 *   - a hold is not refused before the time that its holder could count on,
 *     unless a fault lies in between.
 *
 * Leases and faults. Leases live in the server's memory, and a crash or a
 * promotion loses them while their owners still count on them. Leases are closed
 * for max_ttl afterwards, so lease against lease holds strictly across faults:
 * there the full trusted time counts. A transaction or session lock may be
 * granted at once after a fault; against it a lease counts only to the moment
 * before the fault was made. What the lost lease's owner does to the database
 * meanwhile is stopped by the guard, which is what the rules below see.
 *
 * Committed sections, ordered by the counter within their key:
 *
 *   - the counter's values are 1, 2, 3 … without gap or repetition, and the
 *     last is what the counter's row says: no update was lost;
 *   - fences do not fall, and are equal only within one lease;
 *   - what a client was told is committed is there, unless a promotion of a
 *     standby that lagged behind came later; what failed is not.
 */
#include "check.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

const char *const qf_violation_names[VIOLATION_COUNT] = {
    "two holders at once",
    "fence went back",
    "fence granted twice",
    "hold lost before its time",
    "update lost",
    "commits out of fence order",
    "acknowledged commit missing",
    "failed section committed",
    "commit after the lease ended",
};

/* violation_add counts one violation and describes the first few. */
__attribute__((format(printf, 3, 4))) static void
violation_add(Report *report, Violation kind, const char *format, ...)
{
    va_list arguments;

    report->found[kind]++;
    if (report->file == NULL || report->shown >= report->shown_max)
        return;
    report->shown++;
    fprintf(report->file, "  VIOLATION %s: ", qf_violation_names[kind]);
    va_start(arguments, format);
    vfprintf(report->file, format, arguments);
    va_end(arguments);
    fputc('\n', report->file);
}

/* qf_report_total adds up all kinds. */
long
qf_report_total(const Report *report)
{
    long total = 0;

    for (int i = 0; i < VIOLATION_COUNT; i++)
        total += report->found[i];
    return total;
}

/* compare_numbers orders two numbers as qsort wants it. */
static int
compare_numbers(int64_t a, int64_t b)
{
    return a < b ? -1 : a > b;
}

/* compare_key_fence orders grants by key, fence and time. */
static int
compare_key_fence(const void *left, const void *right)
{
    const Grant *a = left, *b = right;
    int order = strcmp(a->key, b->key);

    if (order == 0)
        order = compare_numbers(a->fence, b->fence);
    return order != 0 ? order : compare_numbers(a->granted_ns, b->granted_ns);
}

/* compare_fence orders grants by fence, key and time. */
static int
compare_fence(const void *left, const void *right)
{
    const Grant *a = left, *b = right;
    int order = compare_numbers(a->fence, b->fence);

    if (order == 0)
        order = strcmp(a->key, b->key);
    return order != 0 ? order : compare_numbers(a->granted_ns, b->granted_ns);
}

/* compare_key_n orders stored sections by key, counter and fence. */
static int
compare_key_n(const void *left, const void *right)
{
    const StoredSection *a = left, *b = right;
    int order = strcmp(a->key, b->key);

    if (order == 0)
        order = compare_numbers(a->n, b->n);
    return order != 0 ? order : compare_numbers(a->fence, b->fence);
}

/* compare_id orders stored sections by id. */
static int
compare_id(const void *left, const void *right)
{
    const StoredSection *a = left, *b = right;

    return compare_numbers(a->id, b->id);
}

/* end_against_locks is when a hold ends as seen by transaction and session locks: a lease ends with the memory it is in. */
static int64_t
end_against_locks(const History *history, const Grant *grant)
{
    int64_t end_ns = grant->end_ns;

    if (grant->mode != MODE_LEASE)
        return end_ns;
    for (size_t i = 0; i < history->fault_count; i++)
        if (grant->request_ns < history->faults[i].up_ns && end_ns > history->faults[i].down_ns)
            end_ns = history->faults[i].down_ns;
    return end_ns;
}

/* lease_again says whether both are the same lease, taken again by its owner. */
static bool
lease_again(const Grant *a, const Grant *b)
{
    return a->mode == MODE_LEASE && b->mode == MODE_LEASE && a->client == b->client && a->fence == b->fence &&
           strcmp(a->key, b->key) == 0;
}

/*
 * leases_merge ends every record of a lease when its owner gave it back: what it
 * left to expire, then took again under the same fence and released, is over.
 * Wants the grants by key, fence and time.
 */
static void
leases_merge(History *history)
{
    int64_t released_ns = INT64_MAX;

    for (size_t i = history->grant_count; i-- > 0;)
    {
        Grant *grant = &history->grants[i];

        if (i + 1 == history->grant_count || !lease_again(grant, grant + 1))
            released_ns = INT64_MAX;
        if (grant->end_ns > released_ns)
        {
            grant->end_ns = released_ns;
            grant->end = END_RELEASED;
        }
        if (grant->end == END_RELEASED)
            released_ns = grant->end_ns;
    }
}

/* report_pair tells an overlap from an order of fences that time contradicts. */
static void
report_pair(Report *report, const Grant *earlier, const Grant *later, int64_t end_ns)
{
    bool apart = later->end_ns <= earlier->granted_ns;

    violation_add(report,
                  apart ? VIOLATION_FENCE_BACK : VIOLATION_OVERLAP,
                  "%s: client %d %s fence %" PRId64 " [%" PRId64 ", %" PRId64 "] and client %d %s fence %" PRId64
                  " [%" PRId64 ", %" PRId64 "]",
                  earlier->key,
                  earlier->client,
                  qf_mode_names[earlier->mode],
                  earlier->fence,
                  earlier->granted_ns,
                  end_ns,
                  later->client,
                  qf_mode_names[later->mode],
                  later->fence,
                  later->granted_ns,
                  later->end_ns);
}

/* check_exclusion sweeps each key in fence order; all that came before is kept as the hold that ended last. */
static void
check_exclusion(History *history, Report *report)
{
    const Grant *last_full = NULL, *last_cut = NULL;
    int64_t full_ns = INT64_MIN, cut_ns = INT64_MIN;

    qsort(history->grants, history->grant_count, sizeof(Grant), compare_key_fence);
    leases_merge(history);
    for (size_t i = 0; i < history->grant_count; i++)
    {
        const Grant *grant = &history->grants[i];
        const Grant *before;
        int64_t end_ns;

        if (i == 0 || strcmp(grant[-1].key, grant->key) != 0)
        {
            last_full = last_cut = NULL;
            full_ns = cut_ns = INT64_MIN;
        }
        before = grant->mode == MODE_LEASE ? last_full : last_cut;
        end_ns = grant->mode == MODE_LEASE ? full_ns : cut_ns;
        if (before != NULL && end_ns > grant->granted_ns && !lease_again(before, grant))
            report_pair(report, before, grant, end_ns);
        if (grant->end_ns > full_ns)
        {
            full_ns = grant->end_ns;
            last_full = grant;
        }
        if (end_against_locks(history, grant) > cut_ns)
        {
            cut_ns = end_against_locks(history, grant);
            last_cut = grant;
        }
    }
}

/* same_call says whether both are keys of one _many call. */
static bool
same_call(const Grant *a, const Grant *b)
{
    return a->client == b->client && a->request_ns == b->request_ns && strcmp(a->key, b->key) != 0;
}

/* check_fences sweeps all grants in fence order: none was requested after one with a larger fence had been answered. */
static void
check_fences(History *history, Report *report)
{
    const Grant *latest = NULL, *pending = NULL;

    qsort(history->grants, history->grant_count, sizeof(Grant), compare_fence);
    for (size_t i = 0; i < history->grant_count; i++)
    {
        const Grant *grant = &history->grants[i];

        if (i > 0 && grant[-1].fence == grant->fence)
        {
            if (!same_call(&grant[-1], grant) && !lease_again(&grant[-1], grant))
                violation_add(report,
                              VIOLATION_FENCE_DUPLICATE,
                              "%" PRId64 ": client %d on %s, client %d on %s",
                              grant->fence,
                              grant[-1].client,
                              grant[-1].key,
                              grant->client,
                              grant->key);
        }
        else
        {
            /* An owner may ask for its lease again at any time; such a request draws no fence. */
            if (pending != NULL && (latest == NULL || pending->request_ns > latest->request_ns))
                latest = pending;
            pending = grant;
        }
        if (latest != NULL && latest->request_ns > grant->granted_ns)
            violation_add(report,
                          VIOLATION_FENCE_BACK,
                          "client %d on %s got %" PRId64 " at %" PRId64 ", client %d on %s asked at %" PRId64
                          " and got %" PRId64,
                          grant->client,
                          grant->key,
                          grant->fence,
                          grant->granted_ns,
                          latest->client,
                          latest->key,
                          latest->request_ns,
                          latest->fence);
    }
}

/* check_refusals finds holds that were refused while they were due, without a fault that explains it. */
static void
check_refusals(const History *history, Report *report)
{
    for (size_t i = 0; i < history->refusal_count; i++)
    {
        const Refusal *refusal = &history->refusals[i];
        bool explained = refusal->answered_ns >= refusal->trusted_until_ns;

        for (size_t j = 0; j < history->fault_count && !explained; j++)
            explained =
                refusal->request_ns < history->faults[j].up_ns && refusal->answered_ns > history->faults[j].down_ns;
        if (!explained)
            violation_add(report,
                          VIOLATION_HOLD_LOST,
                          "%s: client %d fence %" PRId64 " refused %" PRId64 " us early",
                          refusal->key,
                          refusal->client,
                          refusal->fence,
                          (refusal->trusted_until_ns - refusal->answered_ns) / 1000);
    }
}

/* qf_check_grants holds what the clients saw against the rules for grants. Reorders the grants. */
void
qf_check_grants(History *history, Report *report)
{
    check_exclusion(history, report);
    check_fences(history, report);
    check_refusals(history, report);
}

/* stored_follows checks one stored section against the one before it on its key. */
static void
stored_follows(const StoredSection *before, const StoredSection *row, Report *report)
{
    int64_t expected = before == NULL ? 1 : before->n + 1;

    if (row->n != expected)
        violation_add(report,
                      VIOLATION_UPDATE_LOST,
                      "%s: client %d fence %" PRId64 " wrote %" PRId64 " after %" PRId64,
                      row->key,
                      row->client,
                      row->fence,
                      row->n,
                      expected - 1);
    if (before == NULL)
        return;
    if (row->fence < before->fence || (row->fence == before->fence && row->client != before->client))
        violation_add(report,
                      VIOLATION_COMMIT_ORDER,
                      "%s: fence %" PRId64 " at %" PRId64 ", then %" PRId64,
                      row->key,
                      before->fence,
                      before->n,
                      row->fence);
}

/* check_counters compares each counter with the number of its key's sections. */
static void
check_counters(const History *history, Report *report)
{
    for (size_t i = 0; i < history->counter_count; i++)
    {
        int64_t rows = 0;

        for (size_t j = 0; j < history->stored_count; j++)
            rows += strcmp(history->stored[j].key, history->counters[i].key) == 0;
        if (rows != history->counters[i].n)
            violation_add(report,
                          VIOLATION_UPDATE_LOST,
                          "%s: counter %" PRId64 ", sections %" PRId64,
                          history->counters[i].key,
                          history->counters[i].n,
                          rows);
    }
}

/* lost_in_promotion says whether a later promotion may have left a commit behind. */
static bool
lost_in_promotion(const History *history, const Section *section)
{
    for (size_t i = 0; i < history->fault_count; i++)
        if (strcmp(history->faults[i].name, "promote") == 0 && section->answered_ns < history->faults[i].up_ns)
            return true;
    return false;
}

/* qf_check_database holds what is stored against the rules for sections and what the clients were told. Reorders the stored. */
void
qf_check_database(History *history, Report *report)
{
    qsort(history->stored, history->stored_count, sizeof(StoredSection), compare_key_n);
    for (size_t i = 0; i < history->stored_count; i++)
    {
        const StoredSection *row = &history->stored[i];
        bool first = i == 0 || strcmp(row[-1].key, row->key) != 0;

        stored_follows(first ? NULL : row - 1, row, report);
    }
    check_counters(history, report);

    qsort(history->stored, history->stored_count, sizeof(StoredSection), compare_id);
    for (size_t i = 0; i < history->section_count; i++)
    {
        const Section *section = &history->sections[i];
        StoredSection wanted = {.id = section->id};
        bool there = bsearch(&wanted, history->stored, history->stored_count, sizeof(wanted), compare_id) != NULL;

        if (section->outcome == OUTCOME_COMMITTED && !there && lost_in_promotion(history, section))
            report->left_behind++;
        else if (section->outcome == OUTCOME_COMMITTED && !there)
            violation_add(report,
                          VIOLATION_COMMIT_LOST,
                          "%s: client %d fence %" PRId64 " section %" PRId64,
                          section->key,
                          section->client,
                          section->fence,
                          section->id);
        if (section->overdue && there)
            violation_add(report,
                          VIOLATION_COMMIT_OVERDUE,
                          "%s: client %d fence %" PRId64 " section %" PRId64,
                          section->key,
                          section->client,
                          section->fence,
                          section->id);
        if (section->outcome == OUTCOME_ABORTED && there)
            violation_add(report,
                          VIOLATION_COMMIT_GHOST,
                          "%s: client %d fence %" PRId64 " section %" PRId64,
                          section->key,
                          section->client,
                          section->fence,
                          section->id);
    }
}
