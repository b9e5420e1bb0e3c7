/*
 * Error classes: what an answer of Binance says of the request. One table; what
 * it does not name is never taken for a refusal, since a refusal frees the slot
 * of an order that may be alive.
 */
#include "binance_error.h"

#include <string.h>

/* One error. The first row that fits counts. */
typedef struct Meaning
{
    int first; /* codes from first down to last */
    int last;
    const char *text; /* somewhere in the message; NULL: any */
    QmExchangeOutcome outcome;
    QmExchangeCause cause;
} Meaning;

static const Meaning meanings[] = {
    {-1000, -1001, NULL, QM_EXCHANGE_UNKNOWN, QM_CAUSE_SERVER},
    {-1002, -1002, NULL, QM_EXCHANGE_REFUSED, QM_CAUSE_CREDENTIALS},
    {-1003, -1003, "banned", QM_EXCHANGE_NOT_PROCESSED, QM_CAUSE_BANNED},
    {-1003, -1003, NULL, QM_EXCHANGE_NOT_PROCESSED, QM_CAUSE_THROTTLED},
    {-1006, -1008, NULL, QM_EXCHANGE_UNKNOWN, QM_CAUSE_SERVER},
    {-1013, -1013, NULL, QM_EXCHANGE_REFUSED, QM_CAUSE_FILTER},
    {-1014, -1014, NULL, QM_EXCHANGE_REFUSED, QM_CAUSE_REQUEST},
    {-1015, -1015, NULL, QM_EXCHANGE_NOT_PROCESSED, QM_CAUSE_ORDERS},
    {-1020, -1020, NULL, QM_EXCHANGE_REFUSED, QM_CAUSE_REQUEST},
    {-1021, -1021, NULL, QM_EXCHANGE_NOT_PROCESSED, QM_CAUSE_CLOCK},
    {-1022, -1022, NULL, QM_EXCHANGE_REFUSED, QM_CAUSE_CREDENTIALS},
    {-1111, -1111, NULL, QM_EXCHANGE_REFUSED, QM_CAUSE_FILTER},
    {-1121, -1121, NULL, QM_EXCHANGE_REFUSED, QM_CAUSE_MARKET},
    {-1100, -1199, NULL, QM_EXCHANGE_REFUSED, QM_CAUSE_REQUEST},
    {-2010, -2010, "Duplicate order sent", QM_EXCHANGE_UNKNOWN, QM_CAUSE_EXISTS},
    {-2010, -2010, "immediately match and take", QM_EXCHANGE_REFUSED, QM_CAUSE_POST_ONLY},
    {-2010, -2010, "insufficient balance", QM_EXCHANGE_REFUSED, QM_CAUSE_FUNDS},
    {-2010, -2010, "Market is closed", QM_EXCHANGE_REFUSED, QM_CAUSE_MARKET},
    {-2010, -2010, "disabled on this account", QM_EXCHANGE_REFUSED, QM_CAUSE_CREDENTIALS},
    {-2010, -2010, NULL, QM_EXCHANGE_REFUSED, QM_CAUSE_REQUEST},
    {-2011, -2011, NULL, QM_EXCHANGE_REFUSED, QM_CAUSE_NOT_OPEN},
    {-2013, -2013, NULL, QM_EXCHANGE_REFUSED, QM_CAUSE_ABSENT},
    {-2014, -2015, NULL, QM_EXCHANGE_REFUSED, QM_CAUSE_CREDENTIALS},
    {-2026, -2026, NULL, QM_EXCHANGE_REFUSED, QM_CAUSE_ARCHIVED},
};

static bool answers(QmRequestKind kind, int code);

/*
 * qm_binance_verdict classifies an answer that is not 2xx. The status counts
 * before the code: a 5xx never says that nothing has happened, and 429 and 418
 * always come from the gate, before anything has.
 */
QmVerdict
qm_binance_verdict(QmRequestKind kind, int http_status, int code, const char *message)
{
    if (http_status == 418)
        return (QmVerdict){QM_EXCHANGE_NOT_PROCESSED, QM_CAUSE_BANNED};
    if (http_status == 429)
        return (QmVerdict){QM_EXCHANGE_NOT_PROCESSED, code == -1015 ? QM_CAUSE_ORDERS : QM_CAUSE_THROTTLED};
    if (http_status < 400 || http_status >= 500)
        return (QmVerdict){QM_EXCHANGE_UNKNOWN, QM_CAUSE_SERVER};
    for (size_t i = 0; i < sizeof(meanings) / sizeof(meanings[0]); i++)
    {
        const Meaning *meaning = &meanings[i];

        if (code <= meaning->first && code >= meaning->last && answers(kind, code) &&
            (meaning->text == NULL || strstr(message, meaning->text) != NULL))
            return (QmVerdict){meaning->outcome, meaning->cause};
    }
    return (QmVerdict){QM_EXCHANGE_UNKNOWN, QM_CAUSE_SERVER};
}

/* answers says whether a code has a meaning for such a request: "unknown order" says nothing of one being placed. */
static bool
answers(QmRequestKind kind, int code)
{
    switch (code)
    {
        case -2010:
            return kind == QM_REQUEST_PLACE;
        case -2011:
            return kind == QM_REQUEST_CANCEL;
        case -2013:
        case -2026:
            return kind == QM_REQUEST_QUERY;
        default:
            return true;
    }
}
