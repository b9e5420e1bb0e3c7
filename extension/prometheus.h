/*
 * The Prometheus text format, and those who write into it.
 */
#ifndef QM_PROMETHEUS_H
#define QM_PROMETHEUS_H

#include "postgres.h"

#include "lib/stringinfo.h"
#include "metric.h"

extern void qm_prometheus_head(StringInfo out, const char *name, const char *type, const char *help);
extern void qm_prometheus_label(StringInfo out, const char *label, const char *value);
extern void qm_prometheus_histogram(StringInfo out, const char *name, const char *labels, const QmHistogram *histogram);

extern void qm_order_prometheus(StringInfo out);
extern void qm_instance_prometheus(StringInfo out);
extern void qm_worker_prometheus(StringInfo out);

#endif
