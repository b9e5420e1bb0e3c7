/*
 * The rules that a history is held against. Pure: no database, no files.
 */
#ifndef QF_CHECK_H
#define QF_CHECK_H

#include "history.h"

typedef enum Violation
{
    VIOLATION_OVERLAP,         /* two holders of a key at once */
    VIOLATION_FENCE_BACK,      /* a later grant has a smaller fence */
    VIOLATION_FENCE_DUPLICATE, /* two grants share a fence */
    VIOLATION_HOLD_LOST,       /* the server took a hold away before its time */
    VIOLATION_UPDATE_LOST,     /* the counter is not the number of committed sections */
    VIOLATION_COMMIT_ORDER,    /* a smaller fence committed after a larger one */
    VIOLATION_COMMIT_LOST,     /* an acknowledged section is not in the database */
    VIOLATION_COMMIT_GHOST,    /* a section that failed is in the database */
    VIOLATION_COMMIT_OVERDUE,  /* a guarded section committed after its lease had ended */
    VIOLATION_COUNT
} Violation;

typedef struct Report
{
    long found[VIOLATION_COUNT];
    long left_behind; /* acknowledged commits that a promotion lost: allowed, and counted */
    long shown;       /* descriptions printed so far */
    long shown_max;   /* no more than this */
    FILE *file;       /* where to; NULL prints none */
} Report;

extern const char *const qf_violation_names[VIOLATION_COUNT];

extern void qf_check_grants(History *history, Report *report);
extern void qf_check_database(History *history, Report *report);
extern long qf_report_total(const Report *report);

#endif
