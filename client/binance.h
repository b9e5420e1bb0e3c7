/*
 * Binance spot, and the paper exchange that speaks its protocol: an exchange as
 * exchange.h has it. docs/binance.md says what is sent and how answers are read.
 */
#ifndef QM_BINANCE_H
#define QM_BINANCE_H

#include "binance_budget.h"
#include "exchange.h"

/* Binance's test system, with keys and play money of its own; as its documentation of the spot testnet has them. */
#define QM_BINANCE_TESTNET_REST_URL "https://testnet.binance.vision"
#define QM_BINANCE_TESTNET_WS_API_URL "wss://ws-api.testnet.binance.vision/ws-api/v3"
#define QM_BINANCE_TESTNET_STREAM_URL "wss://stream.testnet.binance.vision"

/* What is 0 or NULL takes its default. All texts are copied. */
typedef struct QmBinanceOptions
{
    const char *rest_url;   /* default https://api.binance.com */
    const char *ws_api_url; /* default wss://ws-api.binance.com:443/ws-api/v3 */
    const char *stream_url; /* default wss://stream.binance.com:9443 */
    const char *api_key;    /* NULL: public data only */
    const char *secret_key;
    const char *ca_file;         /* PEM; instead of the system's certificates */
    const char *proxy;           /* as libcurl takes it; default: none, whatever the environment says */
    int64_t recv_window_ms;      /* 1 to 60000, default 5000 */
    int64_t connect_timeout_ms;  /* default 5000 */
    int64_t request_timeout_ms;  /* whole request, default 10000 */
    int64_t silence_ms;          /* a stream that says nothing for so long is dropped; default 60000 */
    int64_t reconnect_ms;        /* longest pause before a stream is connected again, default 30000 */
    int64_t clock_ms;            /* how often the exchange's clock is read, where there is a key; default 600000 */
    size_t queue_max;            /* calls that wait or are under way, default 1000 */
    size_t in_flight_max;        /* calls under way at once, default 8 */
    size_t response_max;         /* bytes of one answer, default 8 MiB */
    size_t message_max;          /* bytes of one message of a stream, default 1 MiB */
    size_t buffer_max;           /* messages held back until drain(), default 10000 */
    QmBudget *budget;            /* shared rate limits; default: this exchange counts for itself */
    QmExchangeListener listener; /* events; default: they are dropped */
    void *listener_argument;
} QmBinanceOptions;

/* qm_binance_open makes an exchange; nothing is connected yet. NULL, and error says why. */
extern QM_MUST_CHECK QmExchange *qm_binance_open(const QmBinanceOptions *options, QmError *error);

#endif
