/*
 * The transaction's end: calls what each subsystem does then, in order.
 */
#ifndef QM_XACT_H
#define QM_XACT_H

#include "postgres.h"

extern void qm_xact_register(void);
extern bool qm_xact_commits_alone(void);

#endif
