/*
 * Membership: what a heartbeat gives out.
 *
 * Every task becomes a job, so that one that is repeated is not begun twice, and
 * one that was done is answered until the server has taken the answer. Those for
 * the instance alone are done at once; the others wait until an exchange may be
 * asked. Intents are claimed when it is their turn and the caller has room for them.
 */
#include "member_inside.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "error.h"

static bool do_at_once(QmMember *member, QmJob *job);
static bool begin_one(QmMember *member, QmJob *job);
static bool claim(QmMember *member, QmJob *job);
static size_t room(const QmMember *member, const QmTask *task);

/* qm_member_take makes jobs of new tasks. What has no room is given out by a later heartbeat. */
void
qm_member_take(QmMember *member, const QmTask *tasks, size_t count, int64_t given_us)
{
    bool full = false;

    for (size_t i = 0; i < count; i++)
    {
        QmJob *job = qm_job_find(member, &tasks[i]);

        if (job != NULL)
            continue;
        job = qm_job_add(member, &tasks[i], given_us);
        if (job == NULL)
            full = true;
        else if (do_at_once(member, job))
            qm_job_ends(job, "done", "%s", "");
        if (member->epoch == 0)
            break;
    }
    if (full && !member->full_said)
        qm_member_log(member,
                      QM_MEMBER_WARNING,
                      "%zu tasks are under way, the limit: others wait for a later heartbeat",
                      member->job_count);
    member->full_said = full;
}

/* do_at_once does a task that only the caller has to hear of; false for every other task. */
static bool
do_at_once(QmMember *member, QmJob *job)
{
    const QmTask *task = &job->task;
    char word[QM_WORD_SIZE];
    char text[QM_DETAIL_SIZE];

    if (strcmp(task->kind, "assign") == 0)
    {
        if (!qm_task_text(task, "mode", word, sizeof(word)))
            qm_text_copy(word, sizeof(word), "shared");
        return qm_member_gain(member, task->account, task->symbol, word);
    }
    if (strcmp(task->kind, "unassign") == 0)
    {
        if (!qm_task_text(task, "reason", text, sizeof(text)))
            qm_text_copy(text, sizeof(text), "assigned to another");
        qm_member_lose(member, task->account, task->symbol, text);
        return true;
    }
    if (strcmp(task->kind, "halt") != 0)
        return false;
    (void) qm_task_text(task, "state", word, sizeof(word));
    (void) qm_task_text(task, "reason", text, sizeof(text));
    qm_member_log(member, QM_MEMBER_WARNING, "%s:%s is %s: %s", task->account, task->symbol, word, text);
    if (member->functions.halted != NULL)
        member->functions.halted(member->argument, task->account, task->symbol, word, text);
    return true;
}

/* qm_member_begin begins jobs that wait, and drops those of another life, or that are nobody's by now. */
void
qm_member_begin(QmMember *member)
{
    QmJob *next;

    for (QmJob *job = member->jobs; job != NULL; job = next)
    {
        next = job->next;
        if (job->state != QM_JOB_WAITS)
            continue;
        if (job->epoch != member->epoch || qm_member_now_us() > job->given_us + QM_MEMBER_FETCH_US)
            qm_job_drop(job);
        else if (member->asking < QM_MEMBER_ASKING_MAX && !begin_one(member, job))
            break;
    }
}

/* begin_one begins a job; false when the database was needed for it and did not answer. */
static bool
begin_one(QmMember *member, QmJob *job)
{
    const QmTask *task = &job->task;

    if (do_at_once(member, job))
        qm_job_ends(job, "done", "%s", "");
    else if (strcmp(task->kind, "submit_order") == 0)
        return claim(member, job);
    else if ((job->exchange = member->functions.exchange(member->argument, task->account)) == NULL)
        qm_job_ends(job, "failed", "instance %s has no exchange for account %s", member->name, task->account);
    else if (strcmp(task->kind, "snapshot") == 0)
        qm_job_fetch(job);
    else if (strcmp(task->kind, "query_order") == 0)
        qm_job_query(job);
    else if (strcmp(task->kind, "cancel_order") == 0)
        qm_job_cancel(job);
    else
        qm_job_ends(job, "failed", "this version knows no task of kind %s", task->kind);
    return true;
}

/*
 * claim claims intents of the task's market for as long as there are some, one lot a
 * turn, and hands them on. Nothing is claimed that could not be sent: where there is
 * no room the task is let go of, and the next heartbeat brings it again. False when
 * the database did not answer.
 */
static bool
claim(QmMember *member, QmJob *job)
{
    struct timespec now;
    int64_t stamped_us;
    size_t lot = room(member, &job->task);
    QmClaim *list;
    size_t count;
    QmCode code;

    if (member->functions.submit == NULL)
    {
        qm_job_ends(job, "failed", "instance %s sends no intents", member->name);
        return true;
    }
    if (lot == 0)
    {
        qm_job_drop(job);
        return true;
    }
    clock_gettime(CLOCK_REALTIME, &now);
    stamped_us = (int64_t) now.tv_sec * 1000000 + now.tv_nsec / 1000;
    code = qm_claim_orders(member->client,
                           job->task.account,
                           member->name,
                           member->epoch,
                           (int) lot,
                           job->task.symbol,
                           &list,
                           &count);
    if (!qm_member_answered(member, code, job->epoch))
        return false;
    if (code != QM_OK)
    {
        qm_job_ends(job, "failed", "%s", qm_client_error(member->client)->message);
        return true;
    }
    for (size_t i = 0; i < count; i++)
        member->functions.submit(member->argument, job->task.account, &list[i], stamped_us);
    qm_free(list);
    if (count < lot)
        qm_job_ends(job, "done", "%s", "");
    return true;
}

/* room returns how many intents of a task's market may be claimed: none without a life to send them under. */
static size_t
room(const QmMember *member, const QmTask *task)
{
    size_t most = QM_MEMBER_CLAIM_MAX;

    if (qm_member_now_us() >= member->trusted_until_us || !qm_member_owns(member, task->account, task->symbol))
        return 0;
    if (member->functions.room != NULL)
        most = member->functions.room(member->argument, task->account, task->symbol);
    return most < QM_MEMBER_CLAIM_MAX ? most : QM_MEMBER_CLAIM_MAX;
}
