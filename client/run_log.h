/*
 * Logs of an instance: one line for each thing that happened, as text or as
 * JSON, on one descriptor; and a progress line below them where that is a
 * terminal.
 *
 * A line has a time in UTC, a level, a message that is the same for everything
 * of its kind, and fields with names: account, symbol, order, client_order_id
 * and so on. Numbers and ids are texts. What is below the level is dropped
 * unformatted. Secrets are never passed here.
 */
#ifndef QM_RUN_LOG_H
#define QM_RUN_LOG_H

#include "config.h"

#include <stdint.h>

typedef struct QmLog
{
    int descriptor;
    QmLogLevel level;
    bool json;
    bool progress; /* a progress line may be shown */
    bool shown;    /* one is shown now, and goes before the next line is written */
    bool stuck;    /* its reader did not read when there was something to write */
    int64_t lost;  /* lines that could not be written */
} QmLog;

extern void qm_log_open(QmLog *log, int descriptor, QmLogLevel level, bool json);

/* qm_log writes a message and its fields: pairs of texts, name and value. A field whose value is NULL or "" is left out. */
#define qm_log(log, level, ...) qm_log_parts((log), (level), (const char *const[]){__VA_ARGS__, NULL})
extern void qm_log_parts(QmLog *log, QmLogLevel level, const char *const *parts);

extern void qm_log_progress(QmLog *log, const char *text);
extern void qm_log_end(QmLog *log);

/* A number as a field's value; it lives until the end of the enclosing block. */
typedef struct QmLogNumber
{
    char text[24];
} QmLogNumber;

extern const char *qm_log_number(QmLogNumber *room, int64_t number);
#define QM_LOG_NUMBER(number) qm_log_number(&(QmLogNumber){{0}}, (number))

#endif
