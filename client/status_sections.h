/*
 * What quantmesh status asks for: one statement a section.
 *
 * Every answer has two columns beside those that are shown: `problem`, which is
 * NULL while all is well with its row, and `advice`, the next step.
 */
#ifndef QM_STATUS_SECTIONS_H
#define QM_STATUS_SECTIONS_H

#include "command_database.h"

typedef struct QmStatusSection
{
    const char *name; /* in JSON, and above the list */
    bool single;      /* one row, shown as such */
    const QmColumn *columns;
    QmStatement statement;
} QmStatusSection;

extern const QmStatusSection qm_status_sections[];
extern const int qm_status_section_count;

#endif
