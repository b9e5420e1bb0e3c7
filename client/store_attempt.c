/*
 * Attempts of an order in the SQLite store: one that was sent more than once has a
 * client order id for each time.
 */
#include "store_sqlite.h"

#include <string.h>

#include "order_id.h"

/* qm_book_is_attempt says whether the text is the client order id of the order, now or of an earlier attempt, and of which. */
bool
qm_book_is_attempt(const QmBookOrder *order, const char *client_order_id, int *attempt)
{
    char tag[QM_TAG_LEN + 1];
    char own_tag[QM_TAG_LEN + 1];
    int64_t order_id;
    int64_t own_id;
    int own_attempt;

    if (qm_order_id_parse(client_order_id, tag, &order_id, attempt) &&
        qm_order_id_parse(order->client_order_id, own_tag, &own_id, &own_attempt) && order_id == order->order_id &&
        strcmp(tag, own_tag) == 0)
        return *attempt <= order->attempt;
    *attempt = order->attempt;
    return strcmp(order->client_order_id, client_order_id) == 0;
}

/* qm_book_attempt_shown returns the attempt whose client order id the order shows. */
int
qm_book_attempt_shown(const QmBookOrder *order)
{
    int attempt;

    (void) qm_book_is_attempt(order, order->client_order_id, &attempt);
    return attempt;
}

/* qm_book_attempt_id returns the client order id that an attempt of the order had. */
const char *
qm_book_attempt_id(const QmBookOrder *order, int attempt)
{
    char client_order_id[QM_CLIENT_ORDER_ID_MAX + 1];
    char tag[QM_TAG_LEN + 1];
    int64_t order_id;
    int shown;

    if (!qm_order_id_parse(order->client_order_id, tag, &order_id, &shown))
        return order->client_order_id;
    qm_order_id_format(client_order_id, tag, order->order_id, attempt);
    return qm_scratch_copy(client_order_id);
}
