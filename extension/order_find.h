/*
 * Finding orders by index, and inserting them: what placing does to the table.
 */
#ifndef QM_ORDER_FIND_H
#define QM_ORDER_FIND_H

#include "postgres.h"

#include "place.h"

/* What placing needs to know of an order that is there. Strings and numbers are palloc'd; NULL where the column is. */
typedef struct QmFoundOrder
{
    int64 order_id;
    char *symbol;
    bool buy;
    char *order_type;
    char *time_in_force;
    bool post_only;
    bool reduce_only;
    char *slot;
    char *strategy;
    Numeric price;
    Numeric quantity;
    char *client_order_id;
    QmOrderState state;
    char *owner;
    int64 fence;
    TimestampTz send_before;
} QmFoundOrder;

/* What placing stores beside its request. */
typedef struct QmNewOrder
{
    int64 order_id;
    const char *client_order_id;
    const char *slot; /* NULL: none */
    const char *owner;
    int64 fence;
    TimestampTz now;
    TimestampTz send_before; /* 0: not submitted */
} QmNewOrder;

extern bool qm_order_find_request(const char *account, const char *request_id, QmFoundOrder *found);
extern bool qm_order_find_slot(const char *account, const char *symbol, bool buy, const char *slot,
                               QmFoundOrder *found);
extern bool qm_order_find_crossing(const char *account, const char *symbol, bool buy, Numeric price,
                                   QmFoundOrder *found);
extern void qm_order_insert(const QmPlaceRequest *request, const QmNewOrder *order);

#endif
