/*
 * Prepared statements: which of the statements that are called often a
 * connection has prepared.
 */
#ifndef QM_CLIENT_PREPARED_H
#define QM_CLIENT_PREPARED_H

#include <libpq-fe.h>
#include <stdbool.h>
#include <stdint.h>

#define QM_PREPARED_MAX 24       /* statements of a connection; what is beyond goes as text */
#define QM_PREPARED_NAME_SIZE 32 /* with its end */

typedef enum QmPreparedState
{
    QM_PREPARED_NOT_YET, /* called once, as text */
    QM_PREPARED_READY,
    QM_PREPARED_REFUSED /* goes as text for as long as the connection lives */
} QmPreparedState;

typedef struct QmPreparedEntry
{
    const char *sql; /* a constant, of which the address is as good as the text */
    QmPreparedState state;
    char name[QM_PREPARED_NAME_SIZE];
} QmPreparedEntry;

typedef struct QmPrepared
{
    int count;
    QmPreparedEntry entries[QM_PREPARED_MAX];
} QmPrepared;

struct QmClient;

extern QmPreparedEntry *qm_prepared_find(struct QmClient *client, const char *sql, bool at_once, int64_t deadline_ns);
extern bool qm_prepared_is_missing(QmPreparedEntry *entry, const PGresult *result);

#endif
