/*
 * The store, when it fails: what is lost, what is not, and when it is asked again.
 *
 * A store that cannot be reached, or cannot write, is noted once. Until a question
 * that changes nothing has been answered, no order leaves and nothing else is given
 * to it; its markets then ask for everything that they may have missed. So they do
 * when the store was connected to anew, even if every call was answered: what comes
 * back from a crash may have forgotten the last reports.
 */
#include "run.h"

#include <string.h>

#include "error.h"
#include "moment.h"

#define PAUSE_MIN_MS 200
#define PAUSE_MAX_MS 5000
#define ANOTHER_EVERY_MS 1000
#define ASK_EVERY_MS 1000
#define GOOD_AFTER_MS 10000 /* a store that is gone again before that has not really been back */
#define DISK_FAILS "58"     /* class of SQLSTATEs */
#define DAMAGED "XX001"

static void lost(QmRun *run, const char *what, const QmError *error);
static void ask_later(QmRun *run);

/*
 * qm_run_store_ok tells whether a call of the store has done its work. what says what
 * was given to it or asked of it. That nobody has what was asked for is no failure.
 */
bool
qm_run_store_ok(QmRun *run, QmCode code, const char *what)
{
    const QmError *error = run->store->functions->error(run->store);

    if (code == QM_OK || code == QM_NOT_HELD)
        return true;
    if (code == QM_ERROR_SERVER &&
        (strncmp(error->sqlstate, DISK_FAILS, 2) == 0 || strcmp(error->sqlstate, DAMAGED) == 0))
    {
        lost(run, what, error);
        return false;
    }
    switch (code)
    {
        case QM_ERROR_CONNECT:
        case QM_ERROR_UNCERTAIN:
        case QM_ERROR_READ_ONLY:
        case QM_ERROR_LIMIT:
        case QM_ERROR_VERSION:
        case QM_ERROR_PROTOCOL:
            lost(run, what, error);
            break;
        default:
            qm_log(&run->log,
                   QM_LOG_ERROR,
                   "the store has refused something",
                   "at",
                   what,
                   "sqlstate",
                   error->sqlstate,
                   "reason",
                   error->message);
            break;
    }
    return false;
}

/*
 * lost notes that the store is gone, once. One that comes back and goes again, as that on
 * a full disk, which can be read and not written, is asked less and less often: each time
 * the exchange is asked for everything.
 */
static void
lost(QmRun *run, const char *what, const QmError *error)
{
    if (run->store_lost)
        return;
    run->store_lost = true;
    if (run->store_back_ns == 0 || qm_run_now_ns() - run->store_back_ns > GOOD_AFTER_MS * QM_NS_PER_MS)
        run->store_pause_ms = 0;
    ask_later(run);
    qm_log(&run->log,
           QM_LOG_ERROR,
           "the store is gone: no order leaves until it is back",
           "at",
           what,
           "sqlstate",
           error->sqlstate,
           "reason",
           error->message);
}

/* ask_later asks for the store after a pause, which is twice the last one. */
static void
ask_later(QmRun *run)
{
    run->store_pause_ms = run->store_pause_ms == 0 ? PAUSE_MIN_MS : run->store_pause_ms * 2;
    if (run->store_pause_ms > PAUSE_MAX_MS)
        run->store_pause_ms = PAUSE_MAX_MS;
    run->store_retry_ns = qm_run_now_ns() + run->store_pause_ms * QM_NS_PER_MS;
}

/* ask asks the store something that changes nothing. */
static QmCode
ask(QmRun *run)
{
    const QmRunMarket *market = &run->markets[0];
    char *document = NULL;
    int64_t version;
    QmCode code = run->store->functions->load_state(run->store,
                                                    market->account->name,
                                                    market->config->symbol,
                                                    QM_RUN_MARK,
                                                    &document,
                                                    &version);

    qm_free(document);
    return code;
}

/*
 * ask_whether_there asks a store that seems to be there, once a second: one that crashes while nothing is asked of it
 * is noticed. One that refuses to answer is there; the log is told once.
 */
static void
ask_whether_there(QmRun *run)
{
    const QmError *error = run->store->functions->error(run->store);
    QmCode code;

    if (run->store_retry_ns > qm_run_now_ns())
        return;
    run->store_retry_ns = qm_run_now_ns() + ASK_EVERY_MS * QM_NS_PER_MS;
    code = ask(run);
    if (code != QM_OK && code == run->store_refused.code && strcmp(error->sqlstate, run->store_refused.sqlstate) == 0)
        return;
    qm_error_clear(&run->store_refused);
    if (!qm_run_store_ok(run, code, "whether it is there") && !run->store_lost)
        run->store_refused = *error;
}

/*
 * qm_run_store_is_known tells whether the store is there, and has been asked for
 * everything since it was connected to. Nothing is placed, compared or marked as surely
 * booked before: the server that answered on the last connection may have crashed, or
 * another one has taken its place, and reports do not wait for the disk.
 */
bool
qm_run_store_is_known(const QmRun *run)
{
    return !run->store_lost && run->store->functions->connections(run->store) == run->store_connections;
}

/*
 * look_for_another lets all markets ask for everything where the store was connected to
 * anew; from which trade on, the store says. Of a link that breaks all the time that is
 * done once a second: the exchange counts what it is asked.
 */
static void
look_for_another(QmRun *run)
{
    if (run->store_lost || qm_run_store_is_known(run) || run->store_another_ns > qm_run_now_ns())
        return;
    run->store_connections = run->store->functions->connections(run->store);
    run->store_another_ns = qm_run_now_ns() + ANOTHER_EVERY_MS * QM_NS_PER_MS;
    for (size_t i = 0; i < run->market_count; i++)
    {
        run->markets[i].trades_from = 0;
        qm_run_resync(&run->markets[i], "the store was connected to anew");
    }
}

/* ask_again asks a store that was gone whether it is back. */
static void
ask_again(QmRun *run)
{
    if (ask(run) == QM_OK)
    {
        run->store_lost = false;
        run->store_back_ns = qm_run_now_ns();
        qm_log(&run->log, QM_LOG_INFO, "the store is back");
        return;
    }
    ask_later(run);
}

/* qm_run_store_look asks the store whether it is there, or back, and sees whether another one has answered since. */
void
qm_run_store_look(QmRun *run)
{
    if (!run->store_lost)
        ask_whether_there(run);
    else if (run->store_retry_ns <= qm_run_now_ns())
        ask_again(run);
    look_for_another(run);
}

/* qm_run_exit_of returns how an instance ends that a failure of its store or its locks keeps from starting. */
QmExit
qm_run_exit_of(QmCode code)
{
    switch (code)
    {
        case QM_ERROR_CONNECT:
        case QM_ERROR_UNCERTAIN:
            return QM_EXIT_CONNECT;
        case QM_ERROR_VERSION:
            return QM_EXIT_VERSION;
        case QM_ERROR_PERMISSION:
            return QM_EXIT_PERMISSION;
        case QM_ERROR_READ_ONLY:
            return QM_EXIT_READ_ONLY;
        case QM_ERROR_LIMIT:
            return QM_EXIT_LIMIT;
        case QM_ERROR_ARGUMENT:
        case QM_ERROR_UNSUPPORTED:
            return QM_EXIT_CONFIG;
        case QM_ERROR_MEMORY:
            return QM_EXIT_INTERNAL;
        default:
            return QM_EXIT_REFUSED;
    }
}
