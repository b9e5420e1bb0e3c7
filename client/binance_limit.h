/*
 * Limits: what the exchange says that it will not take now, wherever it says so, and
 * what a connection costs.
 */
#ifndef QM_BINANCE_LIMIT_H
#define QM_BINANCE_LIMIT_H

#include "binance_inside.h"

extern int64_t qm_limit_heed(QmBinance *binance, QmExchangeCause cause, int64_t retry_after_ms, const char *message);
extern void qm_limit_heed_reply(QmBinance *binance, const json_t *root);
extern void qm_limit_heed_upgrade(QmBinance *binance, const char *head);
extern int64_t qm_limit_header(const char *text, size_t length, const char *name);
extern int64_t qm_limit_retry_after_ms(const char *text, size_t length);
extern int64_t qm_limit_connection(QmBinance *binance, int weight);

#endif
