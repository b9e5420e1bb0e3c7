/*
 * Prepared statements: the server reads, checks and plans a statement once for a
 * connection, which for place_order is half of what a call costs it.
 *
 * A statement goes as text first, and is prepared when it is called again: one
 * more round trip, which a program that calls everything once does not pay.
 * A pooler in transaction mode that does not know of prepared statements may
 * hand the call to a server connection without it. The server then refuses
 * before anything was done, and the statement goes as text from there on.
 * Names are made of the text, so that where connections are shared one name
 * stands for one statement, whatever the versions of the clients.
 */
#include "prepared.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "client.h"

#define SQLSTATE_NO_SUCH_STATEMENT "26000"

static QmPreparedEntry *entry_of(QmPrepared *prepared, const char *sql);
static uint64_t hash_of(const char *text);

/*
 * qm_prepared_find returns the statement's entry if the connection has it
 * prepared, which is done now if it was called before or if at_once is set; NULL
 * when it has to go as text, or when the connection broke over it.
 */
QmPreparedEntry *
qm_prepared_find(QmClient *client, const char *sql, bool at_once, int64_t deadline_ns)
{
    QmPrepared *prepared = &client->prepared;
    QmPreparedEntry *entry = entry_of(prepared, sql);
    PGresult *result;

    if (entry == NULL && prepared->count < QM_PREPARED_MAX)
    {
        entry = &prepared->entries[prepared->count++];
        *entry = (QmPreparedEntry){.sql = sql};
        if (!at_once)
            return NULL;
    }
    if (entry == NULL)
        return NULL;
    if (entry->state == QM_PREPARED_READY)
        return entry;
    if (entry->state == QM_PREPARED_REFUSED)
        return NULL;
    snprintf(entry->name, sizeof(entry->name), "quantmesh_%016" PRIx64, hash_of(sql));
    result = qm_call_prepare(client, entry->name, sql, deadline_ns);
    entry->state = PQresultStatus(result) == PGRES_COMMAND_OK ? QM_PREPARED_READY : QM_PREPARED_REFUSED;
    PQclear(result);
    return entry->state == QM_PREPARED_READY ? entry : NULL;
}

/* entry_of returns the entry of a statement that was called on this connection before. */
static QmPreparedEntry *
entry_of(QmPrepared *prepared, const char *sql)
{
    for (int i = 0; i < prepared->count; i++)
    {
        if (prepared->entries[i].sql == sql)
            return &prepared->entries[i];
    }
    return NULL;
}

/* hash_of returns the 64 bits of FNV-1a. */
static uint64_t
hash_of(const char *text)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);

    for (const unsigned char *at = (const unsigned char *) text; *at != '\0'; at++)
        hash = (hash ^ *at) * UINT64_C(0x100000001b3);
    return hash;
}

/* qm_prepared_is_missing tells whether the server has refused for want of the prepared statement; from then on it goes as text. */
bool
qm_prepared_is_missing(QmPreparedEntry *entry, const PGresult *result)
{
    const char *sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);

    if (sqlstate == NULL || strcmp(sqlstate, SQLSTATE_NO_SUCH_STATEMENT) != 0)
        return false;
    entry->state = QM_PREPARED_REFUSED;
    return true;
}
