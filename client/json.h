/*
 * JSON: a text that grows, and what place_orders takes as elements.
 */
#ifndef QM_CLIENT_JSON_H
#define QM_CLIENT_JSON_H

#include "quantmesh.h"

/* Text that grows. After failed is set, for want of memory, nothing more is added. */
typedef struct QmJson
{
    char *text;
    size_t len;
    size_t size;
    bool failed;
} QmJson;

extern void qm_json_add(QmJson *json, const char *text);
extern void qm_json_add_string(QmJson *json, const char *string);
extern void qm_json_free(QmJson *json);
extern void qm_json_add_field(QmJson *json, const char *name, const char *value);

#endif
