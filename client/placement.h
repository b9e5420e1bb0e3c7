/*
 * Placements: one order as the values of a call, and the answer to it.
 */
#ifndef QM_CLIENT_PLACEMENT_H
#define QM_CLIENT_PLACEMENT_H

#include <libpq-fe.h>

#include "decode.h"
#include "quantmesh.h"

/* The columns of every statement that answers placements. */
#define QM_PLACEMENT_COLUMNS                                                           \
    "p.outcome, p.replayed, p.order_id, p.client_order_id, p.state, p.owner, p.fence," \
    " (extract(epoch FROM p.send_before) * 1000000)::bigint, p.committed, p.reason, p.detail"
#define QM_PLACEMENT_COLUMN_COUNT 11

#define QM_PLACE_VALUES 17

/* One order as place_order's arguments. Values that are not the caller's texts lie in the buffers. */
typedef struct QmPlaceValues
{
    const char *values[QM_PLACE_VALUES];
    char request_id[QM_REQUEST_ID_SIZE];
    char epoch[QM_NUMBER_TEXT];
    char valid_until[QM_TIME_TEXT];
    char wait[QM_NUMBER_TEXT + 3];
} QmPlaceValues;

/* Where the values are that not only place_order needs. */
enum
{
    QM_VALUE_PRICE = 3,
    QM_VALUE_QUANTITY = 4,
    QM_VALUE_REQUEST_ID = 9,
    QM_VALUE_INSTANCE = 12,
    QM_VALUE_EPOCH = 13,
    QM_VALUE_VALID_UNTIL = 15
};

#define QM_STATE_VALUES 6 /* symbol, strategy, document, version, instance, epoch */

extern const char qm_place_sql[];

extern QmCode qm_place_values(QmPlaceValues *place, const char *account, const QmOrder *order, QmError *error);
extern QmCode qm_request_id_take(char request_id[QM_REQUEST_ID_SIZE], const char *given, const char *name,
                                 QmError *error);
extern QmCode qm_placement_read(QmPlacement *placement, const PGresult *result, int row, QmError *error);

/* batch.c */
extern QmCode qm_place_batch(QmClient *client, const char *account, const QmOrder *orders, size_t count,
                             const char *const state[QM_STATE_VALUES], QmPlacement *placements, int64_t *version);

#endif
