/*
 * Holds, seen by everybody: the launcher, the views, and who meets a conflict.
 *
 * Readers take no lock and never make a holder wait: they copy, and look
 * whether the owner's change counter stood still meanwhile.
 */
#include "hold.h"

#include <signal.h>

#include "alarm.h"
#include "miscadmin.h"
#include "settings.h"

#define READ_RETRIES 100

/*
 * qm_hold_read copies one entry as it was at one moment, with the holds that
 * are in use, into a buffer of qm_hold_backend_size() bytes. Returns false when
 * it is nobody's, or its owner was always found writing.
 */
bool
qm_hold_read(int number, QmBackend *copy)
{
    QmBackend *backend = qm_hold_backend(number);

    for (int i = 0; i < READ_RETRIES; i++)
    {
        uint32 before = pg_atomic_read_u32(&backend->changes);

        pg_read_barrier();
        memcpy(copy, backend, offsetof(QmBackend, holds));
        if (copy->nslots <= (uint32) qm_max_locks_per_backend)
            memcpy(copy->holds, backend->holds, sizeof(QmHold) * copy->nslots);
        pg_read_barrier();
        if (before % 2 == 0 && before == pg_atomic_read_u32(&backend->changes))
            return pg_atomic_read_u32(&copy->pid) != 0;
    }
    return false;
}

/* read_holder copies who holds the key out of one entry; false when it does not, or cannot be read. */
static bool
read_holder(QmBackend *backend, const QmKey *key, QmHolder *holder)
{
    uint32 before = pg_atomic_read_u32(&backend->changes);
    uint32 nslots;

    pg_read_barrier();
    nslots = Min(backend->nslots, (uint32) qm_max_locks_per_backend);
    if (nslots == 0 || backend->database != MyDatabaseId)
        return false;
    for (uint32 slot = 0; slot < nslots; slot++)
    {
        QmHold *hold = &backend->holds[slot];

        if (hold->hash != key->hash || qm_hold_state(pg_atomic_read_u64(&hold->word)) == QM_HOLD_FREE ||
            hold->key_len != key->len || memcmp(hold->key, key->text, key->len) != 0)
            continue;
        *holder = (QmHolder){.found = true,
                             .mode = hold->session ? QM_MODE_SESSION : QM_MODE_XACT,
                             .pid = (int) pg_atomic_read_u32(&backend->pid),
                             .fence = hold->fence,
                             .deadline_us = hold->deadline_us,
                             .granted_at = hold->granted_at};
        pg_read_barrier();
        return before % 2 == 0 && before == pg_atomic_read_u32(&backend->changes);
    }
    return false;
}

/*
 * qm_hold_holder finds the backend that holds the key in this database. A
 * holder that changes at this very moment may be missed.
 */
bool
qm_hold_holder(const QmKey *key, QmHolder *holder)
{
    int nbackends = qm_hold_nbackends();

    memset(holder, 0, sizeof(*holder));
    for (int number = 0; number < nbackends; number++)
    {
        if (read_holder(qm_hold_backend(number), key, holder))
            return true;
    }
    holder->found = false;
    return false;
}

/*
 * qm_hold_overrun decides that a hold is over, if it is still what was read.
 * True for exactly one caller, who then ends the backend.
 */
bool
qm_hold_overrun(QmHold *hold, uint64 word)
{
    return qm_hold_state(word) == QM_HOLD_HELD &&
           pg_atomic_compare_exchange_u64(&hold->word, &word, qm_hold_next_word(word, QM_HOLD_OVERRUN));
}

/*
 * qm_hold_end tells the backend of a holder that was just found to end; the
 * launcher watches that it does. False when it is committing, is already told,
 * or no longer holds the key.
 */
bool
qm_hold_end(const QmKey *key, const QmHolder *holder)
{
    for (int number = 0; number < qm_hold_nbackends(); number++)
    {
        QmBackend *backend = qm_hold_backend(number);
        uint32 nslots = Min(backend->nslots, (uint32) qm_max_locks_per_backend);

        if ((int) pg_atomic_read_u32(&backend->pid) != holder->pid)
            continue;
        for (uint32 slot = 0; slot < nslots; slot++)
        {
            QmHold *hold = &backend->holds[slot];
            uint64 word = pg_atomic_read_u64(&hold->word);

            pg_read_barrier();
            if (hold->hash == key->hash && hold->fence == holder->fence && qm_hold_overrun(hold, word))
            {
                /* The launcher, which looks for such holds by itself, may have been faster: then there is nobody to tell. */
                bool told = kill(holder->pid, SIGTERM) == 0 || errno == ESRCH;

                qm_alarm_ring();
                return told;
            }
        }
    }
    return false;
}

/* qm_lock_mode_name returns the word that views show. */
const char *
qm_lock_mode_name(QmLockMode mode)
{
    switch (mode)
    {
        case QM_MODE_XACT:
            return "transaction";
        case QM_MODE_SESSION:
            return "session";
        case QM_MODE_LEASE:
            return "lease";
    }
    return "lease";
}
