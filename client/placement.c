/*
 * Placements: one order as the values of a call, and the answer to it.
 *
 * Every placement has a request_id, if need be one that is drawn here: without
 * one a call whose connection broke could not be repeated.
 */
#include "placement.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "error.h"
#include "moment.h"

#define DRAWN_BYTES 16

const char qm_place_sql[] =
    "SELECT " QM_PLACEMENT_COLUMNS " FROM quantmesh.place_order(account => $1, symbol => $2, side => $3,"
    " price => $4::numeric, quantity => $5::numeric, order_type => $6, time_in_force => $7, post_only => $8::boolean,"
    " reduce_only => $9::boolean, request_id => $10, slot => $11, strategy => $12, instance => $13,"
    " epoch => $14::bigint, submit => $15::boolean, valid_until => $16::timestamptz, wait => $17::interval) AS p";

static const char *const outcomes[] = {"placed", "skipped", "duplicate", "denied"};

/* qm_outcome_name returns an outcome's word. */
const char *
qm_outcome_name(QmOutcome outcome)
{
    if ((size_t) outcome >= sizeof(outcomes) / sizeof(outcomes[0]))
        return "no such outcome";
    return outcomes[outcome];
}

/*
 * qm_request_id_take takes what the caller has given as name, or draws one:
 * lib-, the milliseconds since 1970 in 12 digits, 16 random bytes, in hex. The
 * time keeps ids of one time together in their index, which else would be read
 * all over with each placement. It is for nothing else: an id is unique by its 128
 * random bits alone, so that clocks which differ, or are set back, do no harm.
 */
QmCode
qm_request_id_take(char request_id[QM_REQUEST_ID_SIZE], const char *given, const char *name, QmError *error)
{
    unsigned char bytes[DRAWN_BYTES];
    struct timespec now;
    int length;

    if (given != NULL)
    {
        if (strlen(given) >= QM_REQUEST_ID_SIZE)
            return qm_error_set(error,
                                QM_ERROR_ARGUMENT,
                                "22023",
                                NULL,
                                "%s has more than %d bytes",
                                name,
                                QM_REQUEST_ID_SIZE - 1);
        qm_text_copy(request_id, QM_REQUEST_ID_SIZE, given);
        return QM_OK;
    }
    if (!qm_random(bytes, sizeof(bytes)))
        return qm_error_set(error,
                            QM_ERROR_UNSUPPORTED,
                            "0A000",
                            "Give it a value of your own.",
                            "the system has no source of random numbers to draw %s from",
                            name);
    clock_gettime(CLOCK_REALTIME, &now);
    length = snprintf(request_id,
                      QM_REQUEST_ID_SIZE,
                      "lib-%012" PRIx64,
                      (uint64_t) now.tv_sec * 1000 + (uint64_t) (now.tv_nsec / QM_NS_PER_MS));
    for (size_t i = 0; i < sizeof(bytes); i++)
        length += snprintf(request_id + length, QM_REQUEST_ID_SIZE - (size_t) length, "%02x", bytes[i]);
    return QM_OK;
}

/* qm_place_values writes an order as place_order's arguments. */
QmCode
qm_place_values(QmPlaceValues *place, const char *account, const QmOrder *order, QmError *error)
{
    const char **value = place->values;
    QmCode code = qm_request_id_take(place->request_id, order->request_id, "request_id", error);

    if (code != QM_OK)
        return code;
    *value++ = account;
    *value++ = order->symbol;
    *value++ = order->side;
    *value++ = order->price;
    *value++ = order->quantity;
    *value++ = order->order_type == NULL ? "limit" : order->order_type;
    *value++ = order->time_in_force == NULL ? "gtc" : order->time_in_force;
    *value++ = qm_value_bool(order->post_only);
    *value++ = qm_value_bool(order->reduce_only);
    *value++ = place->request_id;
    *value++ = order->slot;
    *value++ = order->strategy == NULL ? "" : order->strategy;
    *value++ = order->instance;
    *value++ = qm_value_int64_or_null(place->epoch, order->epoch);
    *value++ = qm_value_bool(!order->intent);
    if (!qm_value_time_or_null(place->valid_until, order->valid_until_us, value++))
        return qm_error_set(error, QM_ERROR_ARGUMENT, "22008", NULL, "valid_until_us is no time of this era");
    *value = qm_value_interval(place->wait, order->wait_ms);
    return QM_OK;
}

/* qm_placement_read reads one answer; request_id and repeated are the caller's to fill in. */
QmCode
qm_placement_read(QmPlacement *placement, const PGresult *result, int row, QmError *error)
{
    int outcome = qm_column_word(result, row, 0, outcomes, sizeof(outcomes) / sizeof(outcomes[0]));

    /* What has not been committed is not handed out: the statement was not one of its own. */
    if (outcome < 0 || !qm_column_bool(result, row, 8))
        return qm_error_set(error,
                            QM_ERROR_PROTOCOL,
                            "08P01",
                            NULL,
                            "the server answered a placement that %s",
                            outcome < 0 ? "has no known outcome" : "is not committed");
    placement->outcome = (QmOutcome) outcome;
    placement->replayed = qm_column_bool(result, row, 1);
    placement->order_id = qm_column_int64(result, row, 2);
    qm_column_text(result, row, 3, placement->client_order_id, sizeof(placement->client_order_id));
    qm_column_text(result, row, 4, placement->state, sizeof(placement->state));
    qm_column_text(result, row, 5, placement->owner, sizeof(placement->owner));
    placement->fence = qm_column_int64(result, row, 6);
    placement->send_before_us = qm_column_int64(result, row, 7);
    qm_column_text(result, row, 9, placement->reason, sizeof(placement->reason));
    qm_column_text(result, row, 10, placement->detail, sizeof(placement->detail));
    return QM_OK;
}
