/*
 * An instance in small: it places one order, tells what the exchange said of it,
 * cancels it, and guards a piece of work of its own with a lock.
 *
 *     cc place.c $(pkg-config --cflags --libs quantmesh) -o place
 *     ./place "host=localhost dbname=trading user=bot"
 *
 * The market must be known: SELECT quantmesh.set_market('binance', 'BTCUSDT',
 * tick_size => 0.01, step_size => 0.00001).
 */
#include <quantmesh.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* die prints why, and ends: talking is the program's, the library never does. */
static void
die(const char *what, const QmError *error)
{
    fprintf(stderr, "%s: %s (%s, SQLSTATE %s)\n", what, error->message, qm_code_name(error->code), error->sqlstate);
    if (error->hint[0] != '\0')
        fprintf(stderr, "%s\n", error->hint);
    exit(1);
}

/* send stands for the exchange: it would get client_order_id, and refuse a second order of that id. */
static const char *
send_order(const QmPlacement *placement)
{
    printf("sending %s\n", placement->client_order_id);
    return "4711";
}

/* now_us is the time of day; it is the server's clock that counts, so keep both in step. */
static int64_t
now_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t) now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* trade places an order, sends it if it may, and cancels it. */
static void
trade(QmClient *client)
{
    QmOrder order = {.symbol = "BTCUSDT", .side = "buy", .price = "65000", .quantity = "0.01", .strategy = "example"};
    QmPlacement placement;
    QmCancellation cancellation;
    QmReport report = {.symbol = "BTCUSDT", .state = "open", .source = "reply"};
    QmReportResult result;

    if (qm_place_order(client, "binance", &order, &placement) != QM_OK)
        die("place", qm_client_error(client));
    printf("%s %s %s\n", qm_outcome_name(placement.outcome), placement.reason, placement.detail);
    if (placement.outcome != QM_PLACED)
        return;
    if (now_us() > placement.send_before_us)
    {
        /* Too late to send it: say so, and nothing is in doubt. */
        if (qm_resolve_submission(client,
                                  "binance",
                                  placement.order_id,
                                  placement.fence,
                                  "not_sent",
                                  NULL,
                                  NULL,
                                  &result) != QM_OK)
            die("resolve", qm_client_error(client));
        return;
    }

    report.client_order_id = placement.client_order_id;
    report.exchange_order_id = send_order(&placement);
    if (qm_apply_report(client, "binance", &report, &result) != QM_OK)
        die("report", qm_client_error(client));
    printf("the order is %s\n", result.state);

    if (qm_cancel_order(client, "binance", placement.order_id, &cancellation) != QM_OK)
        die("cancel", qm_client_error(client));
    if (cancellation.outcome == QM_CANCEL_REQUESTED || cancellation.uncertain)
    {
        printf("cancelling %s\n", cancellation.client_order_id);
        if (qm_resolve_cancel(client, "binance", placement.order_id, "done", NULL, NULL, &result) != QM_OK)
            die("resolve", qm_client_error(client));
        printf("the order is %s\n", result.state);
    }
}

/* work does something that only one instance may do at a time. */
static void
work(const char *conninfo)
{
    const QmLocksOptions options = {.enabled = true,
                                    .type = "postgres",
                                    .owner = "example",
                                    .renew = true,
                                    .postgres = {.conninfo = conninfo}};
    QmLocks *locks;
    QmError error;
    QmGrant grant;
    QmCode code;

    if (qm_locks_open(&options, &locks, &error) != QM_OK)
        die("locks", &error);
    code = locks->functions->lock(locks, "report:daily", 5000, 10000, &grant);
    if (code == QM_BUSY)
        printf("somebody else is at it\n");
    else if (code != QM_OK)
        die("lock", locks->functions->error(locks));
    else
    {
        printf("locked, under a fence: %s\n", grant.fence > 0 ? "yes" : "no");
        /* Before every step that must not have company: is it still ours? */
        if (locks->functions->holds(locks, "report:daily", NULL))
            printf("working\n");
        if (locks->functions->unlock(locks, "report:daily") == QM_NOT_HELD)
            printf("the lock was lost meanwhile\n");
    }
    locks->functions->close(locks);
}

int
main(int count, char **arguments)
{
    const QmClientOptions options = {.conninfo = count > 1 ? arguments[1] : "", .retry = qm_retry_policy("quick")};
    QmClient *client = qm_client_new(&options);

    if (client == NULL)
        return 1;
    if (qm_client_connect(client) != QM_OK)
        die("connect", qm_client_error(client));
    trade(client);
    qm_client_free(client);
    work(options.conninfo);
    return 0;
}
