/*
 * Archived orders, when something is said about them.
 */
#ifndef QM_ARCHIVE_H
#define QM_ARCHIVE_H

#include "postgres.h"

#include "utils/array.h"

/* Called inside a scope of query.h. */
extern void qm_order_unarchive(const char *account, int64 order_id);
extern void qm_orders_unarchive(const char *account, ArrayType *order_ids);

#endif
