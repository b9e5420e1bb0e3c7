/*
 * Tasks: work that is given to instances. Shared by the files of worker/ alone.
 */
#ifndef QM_TASK_H
#define QM_TASK_H

#include "postgres.h"

#include "utils/jsonb.h"

/* A task to be made. NULL and 0 where it says nothing. */
typedef struct QmTask
{
    const char *account;
    const char *symbol;
    const char *kind;
    const char *subject; /* unique among the unfinished ones of the market and kind; NULL: the task's own id */
    int64 order_id;
    const char *client_order_id;
    const char *exchange_order_id;
    const char *addressee;
    int64 epoch; /* of the addressee */
    Jsonb *detail;
} QmTask;

/* Adds a task, unless the same work is waiting already. Inside a scope of query.h. */
extern void qm_task_add(const QmTask *task);

#endif
