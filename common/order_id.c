/*
 * Client order ids, to text and back. A text has one reading: what is read back
 * and written again is the same text, so leading zeros are refused.
 */
#include "order_id.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#define BASE 36
#define ID_DIGITS_MAX 13 /* of 2^63 - 1 in base 36 */

static const char digits[] = "0123456789abcdefghijklmnopqrstuvwxyz";

static int digit_value(char digit);

/* qm_order_id_format writes the client order id of an attempt. The id is positive, the attempt 0 to QM_ATTEMPT_MAX. */
void
qm_order_id_format(char out[QM_CLIENT_ORDER_ID_MAX + 1], const char *tag, int64_t order_id, int attempt)
{
    char reversed[ID_DIGITS_MAX];
    int len = 0;

    assert(strlen(tag) == QM_TAG_LEN && order_id > 0 && attempt >= 0 && attempt <= QM_ATTEMPT_MAX);
    *out++ = 'q';
    memcpy(out, tag, QM_TAG_LEN);
    out += QM_TAG_LEN;
    for (int64_t rest = order_id; rest > 0; rest /= BASE)
        reversed[len++] = digits[rest % BASE];
    while (len > 0)
        *out++ = reversed[--len];
    snprintf(out, 5, "a%d", attempt % (QM_ATTEMPT_MAX + 1));
}

/* qm_order_id_parse reads a client order id of ours; false when the text is not exactly one. */
bool
qm_order_id_parse(const char *text, char tag[QM_TAG_LEN + 1], int64_t *order_id, int *attempt)
{
    size_t len = strnlen(text, QM_CLIENT_ORDER_ID_MAX + 1);
    char again[QM_CLIENT_ORDER_ID_MAX + 1];
    const char *separator = strrchr(text, 'a');
    const char *at;
    uint64_t id = 0;
    int count = 0;

    if (len > QM_CLIENT_ORDER_ID_MAX || text[0] != 'q' || separator == NULL || separator - text <= 1 + QM_TAG_LEN ||
        separator - text > 1 + QM_TAG_LEN + ID_DIGITS_MAX || strlen(separator) < 2 || strlen(separator) > 4)
        return false;
    for (at = text + 1; at < separator; at++)
    {
        if (digit_value(*at) < 0)
            return false;
        if (at > text + QM_TAG_LEN && (id > (uint64_t) INT64_MAX / BASE))
            return false;
        if (at > text + QM_TAG_LEN)
            id = id * BASE + (uint64_t) digit_value(*at);
    }
    for (at = separator + 1; *at != '\0'; at++)
    {
        if (*at < '0' || *at > '9')
            return false;
        count = count * 10 + (*at - '0');
    }
    if (id == 0 || id > INT64_MAX)
        return false;
    memcpy(tag, text + 1, QM_TAG_LEN);
    tag[QM_TAG_LEN] = '\0';
    *order_id = (int64_t) id;
    *attempt = count;
    qm_order_id_format(again, tag, *order_id, *attempt);
    return strcmp(again, text) == 0;
}

/* qm_attempt_find says whether the text is the client order id of the order, now or of an earlier attempt, and of which. */
bool
qm_attempt_find(QmAttempts order, const char *client_order_id, int *attempt)
{
    char tag[QM_TAG_LEN + 1];
    char shown_tag[QM_TAG_LEN + 1];
    int64_t order_id;
    int64_t shown_id;
    int shown;

    if (qm_order_id_parse(client_order_id, tag, &order_id, attempt) &&
        qm_order_id_parse(order.shown, shown_tag, &shown_id, &shown) && order_id == order.order_id &&
        strcmp(tag, shown_tag) == 0)
        return *attempt <= order.last;
    *attempt = order.last;
    return strcmp(order.shown, client_order_id) == 0;
}

/* qm_attempt_shown returns the attempt whose client order id the order shows. */
int
qm_attempt_shown(QmAttempts order)
{
    int attempt;

    (void) qm_attempt_find(order, order.shown, &attempt);
    return attempt;
}

/* qm_attempt_id writes the client order id that an attempt of the order had; false where the ids are not ours. */
bool
qm_attempt_id(QmAttempts order, int attempt, char out[QM_CLIENT_ORDER_ID_MAX + 1])
{
    char tag[QM_TAG_LEN + 1];
    int64_t order_id;
    int shown;

    if (!qm_order_id_parse(order.shown, tag, &order_id, &shown))
        return false;
    qm_order_id_format(out, tag, order.order_id, attempt);
    return true;
}

/* qm_tag_from_random makes a tag of a random number. */
void
qm_tag_from_random(char tag[QM_TAG_LEN + 1], uint32_t random)
{
    for (int i = 0; i < QM_TAG_LEN; i++)
    {
        tag[i] = digits[random % BASE];
        random /= BASE;
    }
    tag[QM_TAG_LEN] = '\0';
}

/* digit_value returns what a base 36 digit stands for, or -1. */
static int
digit_value(char digit)
{
    if (digit >= '0' && digit <= '9')
        return digit - '0';
    return digit >= 'a' && digit <= 'z' ? digit - 'a' + 10 : -1;
}
