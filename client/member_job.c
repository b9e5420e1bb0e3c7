/*
 * Membership: jobs, that is tasks which ask an exchange, and what they have
 * learned until it is told.
 */
#include "member_inside.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "error.h"

static void job_free(QmJob *job);

/* qm_job_add makes a job of a task; NULL when there are too many, or no memory: the task is given out again. */
QmJob *
qm_job_add(QmMember *member, const QmTask *task, int64_t given_us)
{
    QmJob **end = &member->jobs;
    QmJob *job;

    if (member->job_count >= QM_MEMBER_JOBS_MAX || (job = calloc(1, sizeof(*job))) == NULL)
        return NULL;
    job->member = member;
    job->task = *task;
    job->epoch = member->epoch;
    job->given_us = given_us;
    while (*end != NULL)
        end = &(*end)->next;
    *end = job;
    member->job_count++;
    return job;
}

/* qm_job_find returns the job of a task, NULL when there is none. */
QmJob *
qm_job_find(const QmMember *member, const QmTask *task)
{
    for (QmJob *job = member->jobs; job != NULL; job = job->next)
        if (job->task.task_id == task->task_id && strcmp(job->task.account, task->account) == 0)
            return job;
    return NULL;
}

/* qm_job_drop takes a job out of its member. One that is asking is freed when its answer has come. */
void
qm_job_drop(QmJob *job)
{
    QmMember *member = job->member;

    for (QmJob **at = &member->jobs; *at != NULL; at = &(*at)->next)
        if (*at == job)
        {
            *at = job->next;
            member->job_count--;
            break;
        }
    job->member = NULL;
    if (job->state == QM_JOB_ASKS)
        member->asking--;
    else
        job_free(job);
}

/* job_free frees a job and what it has learned. */
static void
job_free(QmJob *job)
{
    for (size_t i = 0; i < job->text_count; i++)
        free(job->texts[i]);
    free(job->texts);
    free(job->reports);
    qm_snapshot_job_free(job->snapshot);
    free(job);
}

/* qm_job_asks notes that a call of an exchange has been taken: its answer will come. */
void
qm_job_asks(QmJob *job)
{
    job->state = QM_JOB_ASKS;
    job->member->asking++;
}

/* qm_job_answered notes that the answer has come. False when the job's member is gone: then the job is, too. */
bool
qm_job_answered(QmJob *job)
{
    if (job->member == NULL)
    {
        job_free(job);
        return false;
    }
    job->member->asking--;
    job->state = QM_JOB_WAITS;
    return true;
}

/* qm_job_ends ends the asking: outcome and message are what the task will be answered with. */
void
qm_job_ends(QmJob *job, const char *outcome, const char *format, ...)
{
    va_list arguments;

    job->state = QM_JOB_TELLS;
    qm_text_copy(job->outcome, sizeof(job->outcome), outcome);
    va_start(arguments, format);
    vsnprintf(job->message, sizeof(job->message), format, arguments);
    va_end(arguments);
}

/* qm_job_ends_by ends the asking with an answer that was none: asked again, it may be another. */
void
qm_job_ends_by(QmJob *job, const QmExchangeAnswer *answer)
{
    const char *message = answer->message == NULL || answer->message[0] == '\0' ? "no reason given" : answer->message;

    if (answer->code != 0)
        qm_job_ends(job, "failed", "the exchange: %s (%d)", message, answer->code);
    else
        qm_job_ends(job, "failed", "the exchange: %s", message);
}

/* qm_job_keep copies a text that an exchange has lent; NULL stays NULL. Without memory the job has failed. */
const char *
qm_job_keep(QmJob *job, const char *text)
{
    char *copy;

    if (text == NULL || job->failed)
        return NULL;
    if (job->text_count == job->text_room)
    {
        size_t room = job->text_room == 0 ? 32 : job->text_room * 2;
        char **texts = realloc(job->texts, room * sizeof(*texts));

        if (texts == NULL)
        {
            job->failed = true;
            return NULL;
        }
        job->texts = texts;
        job->text_room = room;
    }
    copy = strdup(text);
    if (copy == NULL)
        job->failed = true;
    else
        job->texts[job->text_count++] = copy;
    return copy;
}

/* qm_job_report adds a report whose texts the job has kept; false when there are too many, or no memory. */
bool
qm_job_report(QmJob *job, const QmReport *report)
{
    if (job->report_count == job->report_room)
    {
        size_t room = job->report_room == 0 ? 8 : job->report_room * 2;
        QmReport *reports = room > QM_MEMBER_REPORTS_MAX ? NULL : realloc(job->reports, room * sizeof(*reports));

        if (reports == NULL)
            job->failed = true;
        else
        {
            job->reports = reports;
            job->report_room = room;
        }
    }
    if (job->failed)
        return false;
    job->reports[job->report_count++] = *report;
    return true;
}

/* qm_task_text copies a text of the task's detail; false when it is not there, or does not fit. */
bool
qm_task_text(const QmTask *task, const char *name, char *text, size_t size)
{
    json_t *detail = json_loads(task->detail, 0, NULL);
    const char *value = json_string_value(json_object_get(detail, name));
    bool fits = value != NULL && strlen(value) < size;

    text[0] = '\0';
    if (fits)
        qm_text_copy(text, size, value);
    json_decref(detail);
    return fits;
}
