/*
 * Query strings: parameters as Binance wants them, and their signature.
 */
#ifndef QM_BINANCE_QUERY_H
#define QM_BINANCE_QUERY_H

#include "quantmesh.h"

#define QM_QUERY_SIZE 4096
#define QM_SIGNATURE_SIZE 65 /* hex digits and NUL */

typedef struct QmQuery
{
    size_t length;
    bool overflow; /* something did not fit: the text must not be used */
    char text[QM_QUERY_SIZE];
} QmQuery;

extern void qm_query_add(QmQuery *query, const char *name, const char *value);
extern void qm_query_add_number(QmQuery *query, const char *name, int64_t value);
extern bool qm_query_sign(QmQuery *query, const char *secret);
extern bool qm_signature(const char *secret, const char *text, size_t length, char out[QM_SIGNATURE_SIZE]);

#endif
