/*
 * Configuration variables of background workers, with their limits.
 */
#ifndef QM_WORKER_SETTINGS_H
#define QM_WORKER_SETTINGS_H

#include "postgres.h"

#define QM_DATABASES_MAX 32 /* with a coordinator */

#define QM_WORKER_NAPTIME_DEFAULT_MS 1000
#define QM_WORKER_NAPTIME_MIN_MS 10
#define QM_WORKER_NAPTIME_MAX_MS 60000

typedef struct QmDatabaseList
{
    int count;
    NameData names[QM_DATABASES_MAX];
} QmDatabaseList;

extern int qm_worker_naptime_ms;

extern void qm_worker_settings_define(void);
extern void qm_databases_read(QmDatabaseList *list);

#endif
