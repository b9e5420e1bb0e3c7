/*
 * Membership: telling the server what a job has learned.
 *
 * Everything told here may be told twice. What the server could not take, since
 * it was away or busy, is told again in a later turn, from where it stopped; what
 * it has refused is written to the log, and would be refused again.
 */
#include "member_inside.h"

#include <string.h>

#include "error.h"

static bool tell_reports(QmMember *member, QmJob *job);
static bool tell_cancel(QmMember *member, QmJob *job);
static bool tell_answer(QmMember *member, QmJob *job);
static bool took(QmMember *member, const QmJob *job, QmCode code, const char *what);
static void changed(QmMember *member, const QmJob *job, const QmReportResult *result);

/* qm_job_tell tells what a job has learned; true when nothing is left to be told. */
bool
qm_job_tell(QmMember *member, QmJob *job)
{
    return tell_reports(member, job) && tell_cancel(member, job) && tell_answer(member, job);
}

/* tell_reports tells what is left of the reports, as far as there is time in this turn. */
static bool
tell_reports(QmMember *member, QmJob *job)
{
    while (job->told < job->report_count)
    {
        QmReportResult result = {0};

        if (qm_member_now_us() >= member->turn_end_us)
            return false;
        if (!took(member,
                  job,
                  qm_apply_report(member->client, job->task.account, &job->reports[job->told], &result),
                  "what the exchange has said of it"))
            return false;
        job->told++;
        if (result.applied)
            changed(member, job, &result);
    }
    return true;
}

/* tell_cancel tells what has become of a cancel of an order of ours. */
static bool
tell_cancel(QmMember *member, QmJob *job)
{
    QmReportResult result = {0};

    if (job->cancel[0] == '\0' || job->task.order_id == 0)
        return true;
    if (!took(member,
              job,
              qm_resolve_cancel(member->client,
                                job->task.account,
                                job->task.order_id,
                                job->cancel,
                                job->cancel_code[0] == '\0' ? NULL : job->cancel_code,
                                job->message[0] == '\0' ? NULL : job->message,
                                &result),
              "what became of its cancel"))
        return false;
    job->cancel[0] = '\0';
    if (result.applied)
        changed(member, job, &result);
    return true;
}

/* tell_answer answers the task, under the life that took it. A snapshot that comes too late would be refused. */
static bool
tell_answer(QmMember *member, QmJob *job)
{
    bool failed = strcmp(job->outcome, "failed") == 0;
    QmCode code;

    if (job->snapshot != NULL && !failed)
    {
        if (qm_member_now_us() > job->given_us + QM_MEMBER_TASK_US)
        {
            qm_member_log(member,
                          QM_MEMBER_WARNING,
                          "%s:%s: a snapshot was dropped, since the database took it too late",
                          job->task.account,
                          job->task.symbol);
            return true;
        }
        code = qm_job_submit(job);
    }
    else
        code = qm_finish_task(member->client,
                              &job->task,
                              member->name,
                              job->epoch,
                              job->outcome,
                              job->message[0] == '\0' ? NULL : job->message,
                              NULL);
    if (!took(member, job, code, "the answer"))
        return false;
    if (job->message[0] != '\0' && strcmp(job->outcome, "absent") != 0)
        qm_member_log(member,
                      QM_MEMBER_WARNING,
                      "%s:%s: task %s %s: %s",
                      job->task.account,
                      job->task.symbol,
                      job->task.kind,
                      failed ? "failed" : "is incomplete",
                      job->message);
    return true;
}

/* took returns whether the server has taken or refused what it was told; false when it is to be told again. */
static bool
took(QmMember *member, const QmJob *job, QmCode code, const char *what)
{
    const QmError *error = qm_client_error(member->client);

    if (!qm_member_answered(member, code, job->epoch))
        return false;
    /* That the taker's life is over is no fault: the server has given the task to somebody else. */
    if (code != QM_OK && strcmp(error->sqlstate, QM_SQLSTATE_STALE_INSTANCE) != 0)
        qm_member_log(member,
                      QM_MEMBER_WARNING,
                      "%s:%s: task %s: the server has refused %s: %s (%s)",
                      job->task.account,
                      job->task.symbol,
                      job->task.kind,
                      what,
                      error->message,
                      error->sqlstate);
    return true;
}

/* changed says that an order of ours is not as it was. */
static void
changed(QmMember *member, const QmJob *job, const QmReportResult *result)
{
    if (result->order_id != 0 && member->functions.changed != NULL)
        member->functions.changed(member->argument, job->task.account, job->task.symbol, result->order_id);
}
