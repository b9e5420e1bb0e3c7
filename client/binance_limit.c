/*
 * Limits: what the exchange says that it will not take now, wherever it says so: in
 * an answer to a request, in one to a message, or by refusing a connection. A ban is
 * lengthened by who goes on regardless, so nothing leaves before its end, on no way.
 * Too many orders are of another kind: only orders have to wait.
 */
#include "binance_limit.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#define TEN_SECONDS_US INT64_C(10000000)
#define DAY_US INT64_C(86400000000)
#define RETRY_AFTER_MAX_MS INT64_C(259200000) /* Binance bans for three days at most */
#define RETRY_AFTER_DEFAULT_MS 60000          /* the longest window of weights, where the exchange does not say */
#define LINE_SIZE 128
#define STATUS_REFUSED 400

static int64_t orders_spent(QmBinance *binance, int64_t retry_after_ms, const char *message);
static int64_t ms_until(const QmBinance *binance, const json_t *data);

/*
 * qm_limit_heed holds back what the exchange will not take, and returns for how many
 * ms, or what it was given where everything is taken. retry_after_ms: what the
 * exchange has said, 0 if nothing.
 */
int64_t
qm_limit_heed(QmBinance *binance, QmExchangeCause cause, int64_t retry_after_ms, const char *message)
{
    if (cause == QM_CAUSE_ORDERS)
        return orders_spent(binance, retry_after_ms, message);
    if (cause != QM_CAUSE_THROTTLED && cause != QM_CAUSE_BANNED)
        return retry_after_ms;
    if (retry_after_ms == 0)
        retry_after_ms = RETRY_AFTER_DEFAULT_MS;
    binance->budget->functions->block(binance->budget, qm_wall_us() + retry_after_ms * 1000);
    qm_binance_notice(binance,
                      "the exchange %s: no request for %lld ms",
                      cause == QM_CAUSE_BANNED ? "has shut this address out" : "says that there were too many requests",
                      (long long) retry_after_ms);
    return retry_after_ms;
}

/* orders_spent lets orders wait until the limit's window is over, which begins at a whole multiple of its length. */
static int64_t
orders_spent(QmBinance *binance, int64_t retry_after_ms, const char *message)
{
    bool of_day = strstr(message, "DAY") != NULL;
    int64_t length_us = of_day ? DAY_US : TEN_SECONDS_US;
    int64_t now_us = qm_wall_us();

    if (retry_after_ms == 0)
        retry_after_ms = (length_us - (now_us + binance->offset_us) % length_us) / 1000 + 1;
    binance->budget->functions->spent(binance->budget,
                                      of_day ? QM_BUDGET_ORDERS_DAY : QM_BUDGET_ORDERS_10S,
                                      now_us + retry_after_ms * 1000);
    qm_binance_notice(binance,
                      "the exchange says that there were too many orders %s: no order for %lld ms, all else goes on",
                      of_day ? "today" : "in ten seconds",
                      (long long) retry_after_ms);
    return retry_after_ms;
}

/* qm_limit_heed_reply heeds a refusal that came as a message, {"status", "error": {"code", "msg", "data"}} or the error alone. */
void
qm_limit_heed_reply(QmBinance *binance, const json_t *root)
{
    const json_t *status = json_object_get(root, "status");
    const json_t *error = json_object_get(root, "error");
    const char *message;
    QmVerdict verdict;

    if (error == NULL)
        error = root;
    message = json_string_value(json_object_get(error, "msg"));
    verdict = qm_binance_verdict(QM_REQUEST_READ,
                                 json_is_integer(status) ? (int) json_integer_value(status) : STATUS_REFUSED,
                                 (int) json_integer_value(json_object_get(error, "code")),
                                 message == NULL ? "" : message);
    (void) qm_limit_heed(binance,
                         verdict.cause,
                         ms_until(binance, json_object_get(error, "data")),
                         message == NULL ? "" : message);
}

/* ms_until returns for how long {"serverTime", "retryAfter"}, both in ms of the exchange's clock, ask us to stay away; 0: not said. */
static int64_t
ms_until(const QmBinance *binance, const json_t *data)
{
    int64_t until_ms = json_integer_value(json_object_get(data, "retryAfter"));
    int64_t now_ms = json_integer_value(json_object_get(data, "serverTime"));

    if (now_ms <= 0)
        now_ms = (qm_wall_us() + binance->offset_us) / 1000;
    if (until_ms <= now_ms)
        return 0;
    return until_ms - now_ms < RETRY_AFTER_MAX_MS ? until_ms - now_ms : RETRY_AFTER_MAX_MS;
}

/* qm_limit_heed_upgrade heeds the answer to a handshake that was refused, from its first byte to the empty line. */
void
qm_limit_heed_upgrade(QmBinance *binance, const char *head)
{
    int64_t retry_after_ms = 0;
    const char *line = head;
    int status = 0;

    if (sscanf(head, "HTTP/1.%*1[01] %3d", &status) != 1)
        return;
    while ((line = strstr(line, "\r\n")) != NULL)
    {
        int64_t said_ms;

        line += 2;
        said_ms = qm_limit_retry_after_ms(line, strcspn(line, "\r"));
        if (said_ms >= 0)
            retry_after_ms = said_ms;
    }
    (void) qm_limit_heed(binance, qm_binance_verdict(QM_REQUEST_READ, status, 0, "").cause, retry_after_ms, "");
}

/* qm_limit_header reads a header "name: number"; -1 when it is another one. */
int64_t
qm_limit_header(const char *text, size_t length, const char *name)
{
    size_t name_length = strlen(name);
    char line[LINE_SIZE];
    long long number;
    int end = 0;

    if (length >= sizeof(line))
        return -1;
    memcpy(line, text, length);
    line[length] = '\0';
    if (strncasecmp(line, name, name_length) != 0 || line[name_length] != ':')
        return -1;
    if (sscanf(line + name_length + 1, " %18lld %n", &number, &end) != 1 ||
        line[name_length + 1 + (size_t) end] != '\0')
        return -1;
    return number;
}

/* qm_limit_retry_after_ms reads the header that says for how long nothing is taken; -1 when it is another one. */
int64_t
qm_limit_retry_after_ms(const char *text, size_t length)
{
    int64_t seconds = qm_limit_header(text, length, "Retry-After");

    if (seconds < 0)
        return -1;
    return seconds > RETRY_AFTER_MAX_MS / 1000 ? RETRY_AFTER_MAX_MS : seconds * 1000;
}

/* qm_limit_connection reserves what a connection costs: 0, or after how many ms to ask again. Nothing may pass a ban. */
int64_t
qm_limit_connection(QmBinance *binance, int weight)
{
    const int need[QM_BUDGET_KINDS] = {weight};

    return binance->budget->functions->reserve(binance->budget, need, true, qm_wall_us());
}
