/*
 * SQL function: finish_task, and making tasks. What finish_task promises is in
 * its COMMENT (sql/70_instances.sql).
 *
 * A task has one taker at a time, until owned_until; who answers in that time is
 * he alone. After that the answer counts of whoever comes first: what he says of the
 * exchange is as true as before. An answer ends the task, so the second one finds
 * it ended.
 */
#include "task.h"

#include "catalog/pg_type.h"
#include "fence.h"
#include "instance.h"
#include "order_argument.h"
#include "query.h"
#include "query_row.h"
#include "rights.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

PG_FUNCTION_INFO_V1(qm_finish_task);

#define ATTEMPTS_MAX 10 /* times that a task may fail */
#define BACKOFF_FIRST_MS 1000
#define BACKOFF_LAST_MS 60000

typedef enum Outcome
{
    OUTCOME_DONE,
    OUTCOME_ABSENT,
    OUTCOME_FAILED,
    OUTCOMES
} Outcome;

static const char *const outcomes[OUTCOMES] = {
    [OUTCOME_DONE] = "done",
    [OUTCOME_ABSENT] = "absent",
    [OUTCOME_FAILED] = "failed",
};

/* What the instance says. */
typedef struct Answer
{
    char *account;
    int64 task_id;
    const char *instance;
    int64 epoch;
    Outcome outcome;
    char *message;
} Answer;

/* A task's row, locked. */
typedef struct TaskRow
{
    char *kind;
    char *state;
    bool finished;
    bool taken;
    char *addressee;
    char *instance;
    int64 epoch;
    TimestampTz owned_until;
    int attempts;
} TaskRow;

static const char *finish(const Answer *answer);
static void lock_task(const Answer *answer, TaskRow *task);
static void check_outcome(const Answer *answer, const TaskRow *task);
static void check_taker(const Answer *answer, const TaskRow *task);
static void end_task(const Answer *answer, const char *state);
static const char *fail(const Answer *answer, const TaskRow *task);
static void put_back(const Answer *answer, int attempts);

/* qm_finish_task is quantmesh.finish_task. */
Datum
qm_finish_task(PG_FUNCTION_ARGS)
{
    QmQueryScope scope;
    QmInstance instance;
    Answer answer;
    text *state;
    MemoryContext memory = CurrentMemoryContext;

    qm_instance_prepare("quantmesh.finish_task()");
    answer.account = qm_arg_account(fcinfo, 0);
    answer.task_id = qm_arg_positive(fcinfo, 1, "task_id");
    answer.instance = qm_arg_name(fcinfo, 2, "instance");
    answer.epoch = qm_arg_positive(fcinfo, 3, "epoch");
    answer.outcome = (Outcome) qm_arg_word(fcinfo, 4, "outcome", outcomes, OUTCOMES);
    answer.message = qm_arg_message(fcinfo, 5);
    qm_query_begin(&scope);
    qm_instance_require(answer.instance, answer.epoch, &instance);
    {
        const char *word = finish(&answer);
        MemoryContext scope_memory = MemoryContextSwitchTo(memory);

        state = cstring_to_text(word);
        MemoryContextSwitchTo(scope_memory);
    }
    qm_query_end(&scope);
    PG_RETURN_TEXT_P(state);
}

/* finish applies the answer and returns the task's state; one that has ended stays as it is. */
static const char *
finish(const Answer *answer)
{
    TaskRow task;

    lock_task(answer, &task);
    check_outcome(answer, &task);
    if (task.finished)
        return task.state;
    check_taker(answer, &task);
    if (answer->outcome == OUTCOME_FAILED)
        return fail(answer, &task);
    end_task(answer, outcomes[answer->outcome]);
    return outcomes[answer->outcome];
}

/* lock_task locks the task's row and reads it; P0002 when there is none. */
static void
lock_task(const Answer *answer, TaskRow *task)
{
    static QmQuery query = {"SELECT kind, state, finished_at IS NOT NULL, addressee, instance, epoch, owned_until, "
                            "attempts FROM quantmesh.task WHERE account = $1 AND task_id = $2 FOR NO KEY UPDATE",
                            2,
                            {TEXTOID, INT8OID}};
    Datum key[] = {CStringGetTextDatum(answer->account), Int64GetDatum(answer->task_id)};

    if (qm_query_run(&query, key, NULL) == 0)
        ereport(ERROR,
                (errcode(ERRCODE_NO_DATA_FOUND),
                 errmsg("account \"%s\" has no task " INT64_FORMAT, answer->account, answer->task_id),
                 errhint("quantmesh.heartbeat() gives tasks out.")));
    task->kind = qm_row_text(0, 0);
    task->state = qm_row_text(0, 1);
    task->finished = qm_row_bool(0, 2);
    task->taken = strcmp(task->state, "taken") == 0;
    task->addressee = qm_row_text(0, 3);
    task->instance = qm_row_text(0, 4);
    task->epoch = qm_row_int64(0, 5);
    task->owned_until = qm_row_int64(0, 6);
    task->attempts = (int) qm_row_int64(0, 7);
}

/* check_outcome errors with 22023 when the outcome cannot be that of such a task. */
static void
check_outcome(const Answer *answer, const TaskRow *task)
{
    if (answer->outcome == OUTCOME_DONE && strcmp(task->kind, "snapshot") == 0 && !task->finished)
        ereport(ERROR,
                (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                 errmsg("a snapshot is not done by saying so"),
                 errhint("quantmesh.submit_snapshot() answers the task.")));
    if (answer->outcome == OUTCOME_ABSENT && strcmp(task->kind, "query_order") != 0 &&
        strcmp(task->kind, "cancel_order") != 0)
        ereport(ERROR,
                (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                 errmsg("outcome absent does not fit a task of kind %s", task->kind),
                 errdetail("It says that the exchange does not know the order.")));
}

/* check_taker errors with 55006 when the task is another's, and with 55000 when it is nobody's yet. */
static void
check_taker(const Answer *answer, const TaskRow *task)
{
    bool is_mine =
        task->instance != NULL && task->epoch == answer->epoch && strcmp(task->instance, answer->instance) == 0;

    if (task->addressee != NULL)
    {
        if (strcmp(task->addressee, answer->instance) != 0)
            ereport(ERROR,
                    (errcode(ERRCODE_OBJECT_IN_USE),
                     errmsg("task " INT64_FORMAT " is addressed to instance \"%s\"",
                            answer->task_id,
                            task->addressee)));
        return;
    }
    if (task->taken && !is_mine && task->owned_until > GetCurrentTimestamp())
        ereport(ERROR,
                (errcode(ERRCODE_OBJECT_IN_USE),
                 errmsg("task " INT64_FORMAT " is instance \"%s\"'s until %s",
                        answer->task_id,
                        task->instance == NULL ? "" : task->instance,
                        timestamptz_to_str(task->owned_until)),
                 errhint("Leave it: who has taken it answers it.")));
    if (task->attempts == 0)
        ereport(ERROR,
                (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                 errmsg("task " INT64_FORMAT " has not been given out yet", answer->task_id),
                 errhint("quantmesh.heartbeat() gives tasks out.")));
}

/* end_task ends the task in that state. */
static void
end_task(const Answer *answer, const char *state)
{
    static QmQuery query = {"UPDATE quantmesh.task SET state = $3, message = $4, "
                            "finished_at = pg_catalog.clock_timestamp() WHERE account = $1 AND task_id = $2",
                            4,
                            {TEXTOID, INT8OID, TEXTOID, TEXTOID}};
    bool nulls[] = {false, false, false, answer->message == NULL};
    Datum values[] = {CStringGetTextDatum(answer->account),
                      Int64GetDatum(answer->task_id),
                      CStringGetTextDatum(state),
                      answer->message == NULL ? (Datum) 0 : CStringGetTextDatum(answer->message)};

    (void) qm_query_run(&query, values, nulls);
}

/*
 * fail puts the task back, to be given out after a while, and returns its state.
 * A snapshot fails for good, since the next one is another task; and so does what
 * has failed too often. A failure that was told before changes nothing.
 */
static const char *
fail(const Answer *answer, const TaskRow *task)
{
    int attempts = task->addressee == NULL ? task->attempts : task->attempts + 1;

    if (task->addressee == NULL && !task->taken)
        return task->state;
    if (strcmp(task->kind, "snapshot") == 0 || attempts >= ATTEMPTS_MAX)
    {
        end_task(answer, outcomes[OUTCOME_FAILED]);
        return outcomes[OUTCOME_FAILED];
    }
    put_back(answer, attempts);
    return "open";
}

/* put_back opens the task again, after a time that doubles with each attempt. */
static void
put_back(const Answer *answer, int attempts)
{
    static QmQuery query = {"UPDATE quantmesh.task SET state = 'open', message = $3, attempts = $4, not_before = $5, "
                            "owned_until = NULL WHERE account = $1 AND task_id = $2",
                            5,
                            {TEXTOID, INT8OID, TEXTOID, INT4OID, TIMESTAMPTZOID}};
    int backoff_ms = BACKOFF_FIRST_MS;
    bool nulls[] = {false, false, answer->message == NULL, false, false};
    Datum values[5];

    for (int i = 1; i < attempts && backoff_ms < BACKOFF_LAST_MS; i++)
        backoff_ms *= 2;
    backoff_ms = Min(backoff_ms, BACKOFF_LAST_MS);
    values[0] = CStringGetTextDatum(answer->account);
    values[1] = Int64GetDatum(answer->task_id);
    values[2] = answer->message == NULL ? (Datum) 0 : CStringGetTextDatum(answer->message);
    values[3] = Int32GetDatum(attempts);
    values[4] = TimestampTzGetDatum(TimestampTzPlusMilliseconds(GetCurrentTimestamp(), backoff_ms));
    (void) qm_query_run(&query, values, nulls);
}

/* qm_task_add adds a task, unless the same work is waiting already. */
void
qm_task_add(const QmTask *task)
{
    static QmQuery query =
        {"INSERT INTO quantmesh.task (account, task_id, kind, symbol, subject, order_id, client_order_id, "
         "exchange_order_id, addressee, epoch, detail) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) "
         "ON CONFLICT (account, symbol, kind, subject) WHERE finished_at IS NULL DO NOTHING",
         11,
         {TEXTOID, INT8OID, TEXTOID, TEXTOID, TEXTOID, INT8OID, TEXTOID, TEXTOID, TEXTOID, INT8OID, JSONBOID}};
    int64 task_id = qm_fence_draw();
    const char *subject = task->subject == NULL ? psprintf(INT64_FORMAT, task_id) : task->subject;
    const char *const texts[] = {task->client_order_id, task->exchange_order_id, task->addressee};
    Datum values[11] = {CStringGetTextDatum(task->account),
                        Int64GetDatum(task_id),
                        CStringGetTextDatum(task->kind),
                        CStringGetTextDatum(task->symbol),
                        CStringGetTextDatum(subject),
                        Int64GetDatum(task->order_id)};
    bool nulls[11] = {0};

    nulls[5] = task->order_id == 0;
    for (int i = 0; i < lengthof(texts); i++)
    {
        nulls[6 + i] = texts[i] == NULL;
        values[6 + i] = texts[i] == NULL ? (Datum) 0 : CStringGetTextDatum(texts[i]);
    }
    values[9] = Int64GetDatum(task->epoch);
    nulls[9] = task->epoch == 0;
    values[10] = PointerGetDatum(task->detail);
    nulls[10] = task->detail == NULL;
    (void) qm_query_run(&query, values, nulls);
}
