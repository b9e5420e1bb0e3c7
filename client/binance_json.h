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
typedef struct QmJson
{
    json_t *root;
    char fault[QM_FAULT_SIZE]; /* empty: none so far */
} QmJson;

extern bool qm_json_parse(QmJson *json, const char *text, size_t length);
extern void qm_json_free(QmJson *json);
extern void qm_json_fault(QmJson *json, const char *format, ...) __attribute__((format(printf, 2, 3)));

extern const json_t *qm_json_object(QmJson *json, const json_t *in, const char *name);
extern const json_t *qm_json_list(QmJson *json, const json_t *in, const char *name);
extern const char *qm_json_text(QmJson *json, const json_t *in, const char *name);
extern const char *qm_json_text_if(QmJson *json, const json_t *in, const char *name);
extern const char *qm_json_decimal(QmJson *json, const json_t *in, const char *name);
extern const char *qm_json_decimal_if(QmJson *json, const json_t *in, const char *name, const char *otherwise);
extern int64_t qm_json_number(QmJson *json, const json_t *in, const char *name);
extern int64_t qm_json_number_if(QmJson *json, const json_t *in, const char *name, int64_t otherwise);
extern int64_t qm_json_time_us(QmJson *json, const json_t *in, const char *name);
extern bool qm_json_flag(QmJson *json, const json_t *in, const char *name);
extern const char *qm_json_id(QmJson *json, const json_t *in, const char *name, char out[QM_ID_SIZE]);

#endif
