/*
 * Answers: bodies of Binance's replies and messages of its streams as the types
 * of exchange.h.
 */
#ifndef QM_BINANCE_ANSWER_H
#define QM_BINANCE_ANSWER_H

#include "binance_budget.h"
#include "binance_json.h"
#include "exchange.h"

typedef enum QmBodyKind
{
    QM_BODY_TIME,
    QM_BODY_MARKETS,
    QM_BODY_PLACED,
    QM_BODY_CANCELED,
    QM_BODY_ORDER,
    QM_BODY_ORDERS,
    QM_BODY_TRADES,
    QM_BODY_BALANCES
} QmBodyKind;

/* A body that was read, and the memory that its answer points into. */
typedef struct QmBody
{
    QmBinanceJson json;
    void *items;
    void *trades;
    char (*ids)[QM_ID_SIZE];
    size_t ids_used;
    int64_t limits[QM_BUDGET_KINDS]; /* of markets: how much is allowed; 0: not said */
} QmBody;

/* An event that was read, and the memory that it points into. */
typedef struct QmReading
{
    QmBinanceJson json;
    void *balances;
    char order_id[QM_ID_SIZE];
    char trade_id[QM_ID_SIZE];
} QmReading;

extern bool qm_body_read(QmBody *body, QmBodyKind kind, const char *text, size_t length, QmExchangeAnswer *answer);
extern void qm_body_free(QmBody *body);
extern bool qm_body_error(const char *text, size_t length, int *code, char *message, size_t message_size);
extern const char *qm_side_word(QmBinanceJson *json, const char *word);
extern bool qm_event_read(QmReading *reading, const json_t *in, const char *raw, QmExchangeEvent *event);
extern void qm_reading_free(QmReading *reading);

#endif
