/*
 * A bench for the Binance adapter: a server that plays good and bad days, an
 * exchange that asks it, and what its answers said, kept.
 */
#ifndef QT_BINANCE_BENCH_H
#define QT_BINANCE_BENCH_H

#include "binance.h"
#include "binance_server.h"
#include "quantmesh.h"

#define API_KEY "the-api-key-of-the-test"
#define SECRET "the-secret-of-the-test"

/* What an answer said, kept. */
typedef struct Kept
{
    int calls;
    QmExchangeOutcome outcome;
    QmExchangeCause cause;
    int status;
    int code;
    int64_t retry_after_ms;
    int64_t sent_us;
    char message[QM_DETAIL_SIZE];
    size_t orders;
    size_t trades;
    bool more;
    char first_id[64];
    char state[32];
    int64_t server_time_us;
} Kept;

typedef struct Bench
{
    QtBinance *server;
    QmExchange *exchange;
    char url[64];
    char ws_url[64];
    char notices[4096];
} Bench;

extern void qt_keep(void *argument, const QmExchangeAnswer *answer);
extern int64_t qt_now_us(void);
extern void qt_bench_open(Bench *bench, QmBinanceOptions options);
extern void qt_bench_make(Bench *bench, QmBinanceOptions options);
extern void qt_bench_end(Bench *bench);
extern void qt_run_until(Bench *bench, const Kept *kept, int calls);
/* qt_run_until_seen turns it until the server has seen so many requests or messages with a text in them. */
extern void qt_run_until_seen(Bench *bench, const char *what, size_t count);
extern QmExchangePlace qt_an_order(void);

#endif
