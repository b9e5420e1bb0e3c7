/*
 * Client order ids: q, a 4-character origin tag, the order id in base 36, a, the
 * attempt. At most 22 characters of [0-9a-z], which every exchange takes. Pure C,
 * used by the extension and the client alike.
 */
#ifndef QM_ORDER_ID_H
#define QM_ORDER_ID_H

#include <stdbool.h>
#include <stdint.h>

#define QM_TAG_LEN 4
#define QM_ATTEMPT_MAX 999
#define QM_CLIENT_ORDER_ID_MAX 22

extern void qm_order_id_format(char out[QM_CLIENT_ORDER_ID_MAX + 1], const char *tag, int64_t order_id, int attempt);
extern bool qm_order_id_parse(const char *text, char tag[QM_TAG_LEN + 1], int64_t *order_id, int *attempt);

/*
 * An order that was sent more than once has a client order id for each attempt,
 * and shows one of them. One that was adopted shows somebody else's, which may be
 * of our form.
 */
typedef struct QmAttempts
{
    const char *shown; /* the client order id that the order shows */
    int64_t order_id;
    int last; /* attempt */
} QmAttempts;

extern bool qm_attempt_find(QmAttempts order, const char *client_order_id, int *attempt);
extern int qm_attempt_shown(QmAttempts order);
extern bool qm_attempt_id(QmAttempts order, int attempt, char out[QM_CLIENT_ORDER_ID_MAX + 1]);

extern void qm_tag_from_random(char tag[QM_TAG_LEN + 1], uint32_t random);

#endif
