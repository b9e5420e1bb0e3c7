/*
 * Reading JSON of Binance: fields of the right type, or a fault that names the
 * field. Unknown fields are let be.
 */
#ifndef QM_BINANCE_JSON_H
#define QM_BINANCE_JSON_H

#include <jansson.h>

#include "quantmesh.h"

#define QM_FAULT_SIZE 160
#define QM_ID_SIZE 24 /* a whole number as text */

/* A document being read. After the first fault, all that is read is NULL or 0. */
typedef struct QmBinanceJson
{
    json_t *root;
    char fault[QM_FAULT_SIZE]; /* empty: none so far */
} QmBinanceJson;

extern bool qm_binance_json_parse(QmBinanceJson *json, const char *text, size_t length);
extern void qm_binance_json_free(QmBinanceJson *json);
extern void qm_binance_json_fault(QmBinanceJson *json, const char *format, ...) __attribute__((format(printf, 2, 3)));

extern const json_t *qm_binance_json_object(QmBinanceJson *json, const json_t *in, const char *name);
extern const json_t *qm_binance_json_list(QmBinanceJson *json, const json_t *in, const char *name);
extern const char *qm_binance_json_text(QmBinanceJson *json, const json_t *in, const char *name);
extern const char *qm_binance_json_text_if(QmBinanceJson *json, const json_t *in, const char *name);
extern const char *qm_binance_json_decimal(QmBinanceJson *json, const json_t *in, const char *name);
extern const char *qm_binance_json_decimal_if(QmBinanceJson *json, const json_t *in, const char *name,
                                              const char *otherwise);
extern int64_t qm_binance_json_number(QmBinanceJson *json, const json_t *in, const char *name);
extern int64_t qm_binance_json_number_if(QmBinanceJson *json, const json_t *in, const char *name, int64_t otherwise);
extern int64_t qm_binance_json_time_us(QmBinanceJson *json, const json_t *in, const char *name);
extern bool qm_binance_json_flag(QmBinanceJson *json, const json_t *in, const char *name);
extern const char *qm_binance_json_id(QmBinanceJson *json, const json_t *in, const char *name, char out[QM_ID_SIZE]);

#endif
