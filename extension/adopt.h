/*
 * Adopting: making a row of an order that the exchange has and we do not.
 */
#ifndef QM_ADOPT_H
#define QM_ADOPT_H

#include "postgres.h"

#include "order_row.h"

/* An order as the exchange shows it. NULL where it says nothing. */
typedef struct QmAdoption
{
    const char *account;
    const char *symbol;
    const char *client_order_id; /* carries our id if ours is set */
    const char *exchange_order_id;
    bool ours;
    bool buy;
    const char *order_type;
    const char *time_in_force;
    Numeric price;
    Numeric quantity;
    Numeric filled_quantity;
} QmAdoption;

/* Called inside a scope of query.h, after qm_place_prepare. */
extern int64 qm_order_adopt(const QmAdoption *adoption);
extern void qm_order_amend(QmOrder *order, Numeric price, Numeric quantity, const char *source);

#endif
