/*
 * Membership: the life of a running instance. It registers, sends heartbeats,
 * notices its end and begins again.
 *
 * The database is asked once per attempt, with timeouts that are shares of the
 * ttl; what failed is asked again after pauses that grow. All attempts of a
 * process are of one life: the server answers a life that it still has with its
 * old epoch, so that a restart of the database does not cost the name.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client.h"
#include "error.h"
#include "member_inside.h"
#include "moment.h"

#define FIRST_TTL_MS 5000 /* how long to wait depends on the ttl, and at first the database has not said its own */
#define TTL_MIN_MS 300
#define CONNECT_PART 6 /* of the ttl, to connect */
#define CALL_PART 4    /* of the ttl, for one answer */
#define BEAT_PART 10   /* of the ttl, between heartbeats: a new market is heard of so late */
#define MARGIN_PART 10 /* of the ttl, less trust than the server grants */
#define MARGIN_MAX_MS 1000
#define TURN_US 20000

static void set_timeouts(QmMember *member, int64_t ttl_ms);
static void enroll(QmMember *member, int64_t now_us);
static void beat(QmMember *member, int64_t now_us);
static void work(QmMember *member);
static void refused_life(QmMember *member);
static void complain(QmMember *member, QmComplaint complaint, QmMemberLevel level, const char *what);
static void trust(QmMember *member, int64_t asked_us);
static void die(QmMember *member, const char *why);
static void try_later(QmMember *member);
static bool passes(const QmError *error);

/* check returns what is wrong with options, NULL when nothing is. */
static const char *
check(const QmMemberOptions *options)
{
    if (options->instance == NULL || options->instance[0] == '\0' || strlen(options->instance) >= QM_NAME_SIZE)
        return "an instance has a name of 1 to 128 bytes";
    if (options->markets == NULL || options->market_count == 0)
        return "an instance registers for at least one market";
    if (options->functions.exchange == NULL)
        return "a member needs to know exchanges";
    if (options->ttl_ms != 0 && options->ttl_ms < TTL_MIN_MS)
        return "ttl_ms is at least 300";
    if (options->beat_ms < 0)
        return "beat_ms is not negative";
    return NULL;
}

/* copy_options copies the texts of options and makes the handle; false when there is no memory. */
static bool
copy_options(QmMember *member, const QmMemberOptions *options)
{
    static const QmRetryPolicy once = {.name = "member", .attempts_max = 1, .base_ms = 1, .cap_ms = 1};
    QmClientOptions database = options->database;

    database.retry = &once;
    member->client = qm_client_new(&database);
    member->name = strdup(options->instance);
    member->detail = options->detail == NULL ? NULL : strdup(options->detail);
    member->markets = calloc(options->market_count, sizeof(*member->markets));
    if (member->client == NULL || member->name == NULL || member->markets == NULL ||
        (options->detail != NULL && member->detail == NULL))
        return false;
    set_timeouts(member, options->ttl_ms == 0 ? FIRST_TTL_MS : options->ttl_ms);
    member->instance = (QmInstance){
        .instance = member->name,
        .markets = (const char *const *) member->markets,
        .market_count = options->market_count,
        .standby = options->standby,
        .weight = options->weight,
        .ttl_ms = options->ttl_ms,
        .detail = member->detail,
    };
    for (size_t i = 0; i < options->market_count; i++)
        if ((member->markets[i] = strdup(options->markets[i])) == NULL)
            return false;
    return true;
}

/* set_timeouts makes the member wait for the database so briefly that a heartbeat can be sent again within the ttl. */
static void
set_timeouts(QmMember *member, int64_t ttl_ms)
{
    if (ttl_ms < TTL_MIN_MS)
        ttl_ms = TTL_MIN_MS;
    member->client->connect_timeout_ms = ttl_ms / CONNECT_PART;
    member->client->call_timeout_ms = ttl_ms / CALL_PART;
}

/* qm_member_open makes a member. */
QmCode
qm_member_open(const QmMemberOptions *options, QmMember **member, QmError *error)
{
    static const QmRetryPolicy pauses = {.name = "member", .base_ms = 20, .cap_ms = 1000};
    const char *fault = check(options);
    QmMember *made;

    *member = NULL;
    if (fault != NULL)
        return qm_error_set(error, QM_ERROR_ARGUMENT, "22023", NULL, "%s", fault);
    made = calloc(1, sizeof(*made));
    if (made == NULL)
        return qm_error_set(error, QM_ERROR_MEMORY, "53200", NULL, "out of memory");
    made->functions = options->functions;
    made->argument = options->argument;
    made->beat_ms = options->beat_ms;
    qm_retry_begin(&made->retry, &pauses);
    if (!copy_options(made, options))
    {
        qm_member_close(made);
        return qm_error_set(error, QM_ERROR_MEMORY, "53200", NULL, "out of memory");
    }
    *member = made;
    return QM_OK;
}

/* qm_member_close frees a member; jobs with a call under way are freed by its answer. */
void
qm_member_close(QmMember *member)
{
    if (member == NULL)
        return;
    while (member->jobs != NULL)
        qm_job_drop(member->jobs);
    for (size_t i = 0; member->markets != NULL && i < member->instance.market_count; i++)
        free(member->markets[i]);
    free(member->markets);
    free(member->owned);
    free(member->detail);
    free(member->name);
    qm_client_free(member->client);
    free(member);
}

/* qm_member_leave tells what is left to be told, and ends the life. */
QmCode
qm_member_leave(QmMember *member)
{
    int64_t epoch;
    QmJob *next;
    QmCode code;

    member->turn_end_us = qm_member_now_us() + member->ttl_ms * 1000 / CALL_PART;
    for (QmJob *job = member->jobs; job != NULL && member->reachable; job = next)
    {
        next = job->next;
        if (job->state == QM_JOB_TELLS && qm_job_tell(member, job))
            qm_job_drop(job);
    }
    epoch = member->epoch;
    member->left = true;
    member->epoch = 0;
    member->trusted_until_us = 0;
    member->owned_count = 0;
    if (epoch == 0)
        return QM_OK;
    code = qm_leave_instance(member->client, member->name, epoch);
    if (strcmp(qm_client_error(member->client)->sqlstate, QM_SQLSTATE_STALE_INSTANCE) == 0)
        return QM_OK;
    if (code == QM_OK)
        qm_member_log(member, QM_MEMBER_INFO, "%s has left", member->name);
    return code;
}

/* qm_member_now_us returns now by the monotonic clock. */
int64_t
qm_member_now_us(void)
{
    return qm_monotonic_ns() / 1000;
}

const char *
qm_member_name(const QmMember *member)
{
    return member->name;
}

int64_t
qm_member_epoch(const QmMember *member)
{
    return member->epoch;
}

int64_t
qm_member_trusted_until_us(const QmMember *member)
{
    return member->trusted_until_us;
}

size_t
qm_member_busy(const QmMember *member)
{
    return member->job_count;
}

const QmError *
qm_member_error(const QmMember *member)
{
    return qm_client_error(member->client);
}

/*
 * qm_member_due_us returns when there is something to do: the next heartbeat, the
 * end of trust where no heartbeat is answered, or now, where a job can go on.
 */
int64_t
qm_member_due_us(const QmMember *member)
{
    int64_t due_us = member->next_beat_us;

    if (member->left)
        return INT64_MAX;
    if (member->epoch != 0 && !member->reachable && member->trusted_until_us < due_us)
        due_us = member->trusted_until_us;
    if (!member->reachable)
        return due_us;
    for (const QmJob *job = member->jobs; job != NULL; job = job->next)
        if (job->state == QM_JOB_TELLS || (job->state == QM_JOB_WAITS && member->asking < QM_MEMBER_ASKING_MAX))
            return 0;
    return due_us;
}

/* qm_member_run does what is due. */
void
qm_member_run(QmMember *member)
{
    int64_t now_us = qm_member_now_us();

    if (member->left)
        return;
    if (now_us >= member->next_beat_us)
    {
        if (member->epoch == 0)
            enroll(member, now_us);
        else
            beat(member, now_us);
    }
    now_us = qm_member_now_us();
    if (member->epoch != 0 && !member->reachable && now_us >= member->trusted_until_us)
        die(member, "no heartbeat was answered for its ttl");
    member->turn_end_us = now_us + TURN_US < member->next_beat_us ? now_us + TURN_US : member->next_beat_us;
    if (member->reachable)
        work(member);
}

/* work goes on with jobs until all have been served, the turn is over, or the database does not answer. */
static void
work(QmMember *member)
{
    QmJob *next;

    if (member->epoch != 0 && !member->listed)
        member->listed = qm_member_list(member);
    if (member->reachable)
        qm_member_begin(member);
    for (QmJob *job = member->jobs; job != NULL && member->reachable; job = next)
    {
        next = job->next;
        if (qm_member_now_us() >= member->turn_end_us)
            break;
        if (job->state == QM_JOB_TELLS && qm_job_tell(member, job))
            qm_job_drop(job);
    }
}

/* enroll registers, under the life of the first attempt. */
static void
enroll(QmMember *member, int64_t now_us)
{
    QmRegistration registration;
    QmCode code;

    member->instance.life = member->life[0] == '\0' ? NULL : member->life;
    code = qm_register_instance(member->client, &member->instance, &registration);
    qm_text_copy(member->life, sizeof(member->life), registration.life);
    if (!qm_member_answered(member, code, 0))
        return;
    if (code != QM_OK)
    {
        refused_life(member);
        try_later(member);
        return;
    }
    member->epoch = registration.epoch;
    member->ttl_ms = registration.ttl_ms;
    set_timeouts(member, member->ttl_ms);
    if (member->beat_ms == 0)
        member->beat_ms = member->ttl_ms / BEAT_PART;
    if (member->beat_ms > registration.heartbeat_every_ms)
        member->beat_ms = registration.heartbeat_every_ms;
    member->listed = false;
    member->unlisted_said = false;
    trust(member, now_us);
    member->next_beat_us = 0; /* the first heartbeat brings the tasks */
    member->complaint = QM_COMPLAINT_NONE;
    qm_member_log(member, QM_MEMBER_INFO, "%s is alive, epoch %lld", member->name, (long long) member->epoch);
}

/* refused_life says why there is no life, once for each reason. */
static void
refused_life(QmMember *member)
{
    const QmError *error = qm_client_error(member->client);

    if (strcmp(error->sqlstate, "55006") == 0)
        complain(member, QM_COMPLAINT_TAKEN, QM_MEMBER_ERROR, "the name is another living process's");
    else if (error->code == QM_ERROR_SERVER && strcmp(error->sqlstate, "55000") == 0)
        complain(member, QM_COMPLAINT_CLOSED, QM_MEMBER_WARNING, "the server grants no leases yet");
    else
        complain(member, QM_COMPLAINT_REFUSED, QM_MEMBER_ERROR, "the database refuses it");
}

/* complain says why the member has to wait, unless it was the last thing that it said. */
static void
complain(QmMember *member, QmComplaint complaint, QmMemberLevel level, const char *what)
{
    const QmError *error = qm_client_error(member->client);

    if (member->complaint == complaint)
        return;
    member->complaint = complaint;
    qm_member_log(member, level, "%s: %s, trying again: %s (%s)", member->name, what, error->message, error->sqlstate);
}

/* beat sends a heartbeat and takes what it gives out. One that is refused is no heartbeat: trust runs out. */
static void
beat(QmMember *member, int64_t now_us)
{
    QmTask *list;
    size_t count;
    QmCode code = qm_heartbeat(member->client, member->name, member->epoch, &list, &count);

    if (!qm_member_answered(member, code, member->epoch) || member->epoch == 0)
        return;
    if (code != QM_OK)
    {
        complain(member, QM_COMPLAINT_REFUSED, QM_MEMBER_ERROR, "the database refuses its heartbeat");
        member->reachable = false;
        try_later(member);
        return;
    }
    if (member->complaint != QM_COMPLAINT_NONE)
        qm_member_log(member, QM_MEMBER_INFO, "%s goes on: the database answers again", member->name);
    member->complaint = QM_COMPLAINT_NONE;
    trust(member, now_us);
    member->next_beat_us = now_us + member->beat_ms * 1000;
    qm_member_take(member, list, count, now_us);
    qm_free(list);
}

/* trust extends the time in which nobody else has this instance's rights, from before the server was asked. */
static void
trust(QmMember *member, int64_t asked_us)
{
    int64_t margin_ms = member->ttl_ms / MARGIN_PART;

    if (margin_ms > MARGIN_MAX_MS)
        margin_ms = MARGIN_MAX_MS;
    member->trusted_until_us = asked_us + (member->ttl_ms - margin_ms) * 1000;
}

/*
 * qm_member_answered notes what came of a call made under an epoch, 0 for none.
 * False when it has to be made again: the database is away, or too busy for it.
 */
bool
qm_member_answered(QmMember *member, QmCode code, int64_t epoch)
{
    const QmError *error = qm_client_error(member->client);

    if (code != QM_OK && passes(error))
    {
        member->reachable = false;
        complain(member, QM_COMPLAINT_GONE, QM_MEMBER_WARNING, "the database does not answer");
        try_later(member);
        return false;
    }
    if (!member->reachable)
        qm_retry_begin(&member->retry, &member->retry.policy);
    member->reachable = true;
    if (code != QM_OK && epoch != 0 && epoch == member->epoch &&
        strcmp(error->sqlstate, QM_SQLSTATE_STALE_INSTANCE) == 0)
        die(member, error->message);
    return true;
}

/* passes returns whether a failure is the database's, and will be over: not one of what it was asked. */
static bool
passes(const QmError *error)
{
    static const char *const states[] = {"53", "25006", "57014", "55P03"};

    if (error->code == QM_ERROR_CONNECT || error->code == QM_ERROR_UNCERTAIN || error->code == QM_ERROR_MEMORY)
        return true;
    for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++)
        if (strncmp(error->sqlstate, states[i], strlen(states[i])) == 0)
            return true;
    return qm_error_passes(error->sqlstate);
}

/* try_later makes the next attempt wait, longer each time. */
static void
try_later(QmMember *member)
{
    member->next_beat_us = qm_member_now_us() + qm_retry_next_pause(&member->retry) * 1000;
}

/* die ends the life: nothing is the member's any more. It registers again at once, or when the database answers. */
static void
die(QmMember *member, const char *why)
{
    char text[QM_DETAIL_SIZE];

    qm_text_copy(text, sizeof(text), why); /* it may be the handle's, which the caller may use */
    member->epoch = 0;
    member->trusted_until_us = 0;
    member->owned_count = 0;
    if (member->reachable)
        member->next_beat_us = 0;
    qm_member_log(member, QM_MEMBER_WARNING, "%s: its life is over: %s", member->name, text);
    if (member->functions.died != NULL)
        member->functions.died(member->argument, text);
}

/* qm_member_log tells the operator something. */
void
qm_member_log(QmMember *member, QmMemberLevel level, const char *format, ...)
{
    char text[QM_DETAIL_SIZE * 2];
    va_list arguments;

    if (member->functions.log == NULL)
        return;
    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    member->functions.log(member->argument, level, text);
}
