/*
 * Locks as a loaded configuration wants them.
 *
 * The section distributed_lock names the back end and where it is; locks in
 * PostgreSQL are in the configuration's own database. What the section does not
 * say, such as who is told of a loss, is the caller's. That the settings fit
 * together has been checked when the configuration was loaded.
 */
#include "config_locks.h"

#include <stdlib.h>
#include <string.h>

#include "error.h"

static const char *const type_names[] =
    {[QM_LOCK_NOP] = "nop", [QM_LOCK_REDIS] = "redis", [QM_LOCK_POSTGRES] = "postgres"};
static const char *const also_names[] = {[QM_LOCK_ALSO_NONE] = NULL, [QM_LOCK_ALSO_POSTGRES] = "postgres"};
static const char *const mode_names[] = {[QM_LOCK_SESSION] = "session", [QM_LOCK_LEASE] = "lease"};

/* joined returns the texts of a list with commas between them, to be freed; NULL when there is no memory. */
static char *
joined(const QmTextList *list)
{
    size_t size = 1;
    char *text;
    char *end;

    for (size_t i = 0; i < list->count; i++)
        size += strlen(list->items[i]) + 1;
    text = end = malloc(size);
    if (text == NULL)
        return NULL;
    *end = '\0';
    for (size_t i = 0; i < list->count; i++)
    {
        if (i > 0)
            *end++ = ',';
        end = stpcpy(end, list->items[i]);
    }
    return text;
}

/*
 * qm_config_locks_options writes what the configuration says of locks into
 * options and leaves the rest of them alone. The texts belong to the
 * configuration, but for *sentinels, which is to be freed. False when there is no
 * memory.
 */
bool
qm_config_locks_options(const QmConfig *config, QmLocksOptions *options, char **sentinels)
{
    const QmLockConfig *lock = &config->lock;

    *sentinels = joined(&lock->redis.sentinels);
    if (*sentinels == NULL)
        return false;
    options->enabled = lock->enabled;
    options->type = type_names[lock->type];
    options->also = also_names[lock->also];
    options->prefix = lock->prefix;
    options->redis.addr = lock->redis.addr;
    options->redis.password = lock->redis.password.value;
    options->redis.db = lock->redis.db;
    options->redis.sentinels = *sentinels;
    options->redis.sentinel_master = lock->redis.master;
    options->postgres_mode = mode_names[lock->postgres_mode];
    /* Without leases there is nothing to renew: those who only have Redis hold a lock no longer than its TTL. */
    options->renew = lock->postgres_renew && (lock->type == QM_LOCK_POSTGRES || lock->also != QM_LOCK_ALSO_NONE);
    if (config->database.type == QM_DATABASE_POSTGRES)
        options->postgres.conninfo = config->database.dsn.value;
    return true;
}

/*
 * qm_config_locks_open makes a handle of the locks that the configuration wants.
 * more has what it does not say, and may be NULL; error too. It connects to
 * nothing yet.
 */
QmCode
qm_config_locks_open(const QmConfig *config, const QmLocksOptions *more, QmLocks **locks, QmError *error)
{
    QmLocksOptions options = more == NULL ? (QmLocksOptions){0} : *more;
    char *sentinels;
    QmCode code;

    *locks = NULL;
    if (!qm_config_locks_options(config, &options, &sentinels))
        return qm_error_no_memory(error);
    code = qm_locks_open(&options, locks, error);
    free(sentinels);
    return code;
}
