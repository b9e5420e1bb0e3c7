/*
 * Errors: how a failure is written down, and what a SQLSTATE means to a caller.
 */
#ifndef QM_CLIENT_ERROR_H
#define QM_CLIENT_ERROR_H

#include "quantmesh.h"

#define QM_SQLSTATE_LEN 5

extern void qm_error_clear(QmError *error);
extern QmCode qm_error_set(QmError *error, QmCode code, const char *sqlstate, const char *hint, const char *format, ...)
    __attribute__((format(printf, 5, 6)));
extern QmCode qm_error_copy(QmError *to, const QmError *from);
extern QmCode qm_error_no_memory(QmError *error);
extern QmCode qm_error_code(const char *sqlstate);
extern bool qm_error_passes(const char *sqlstate);
extern void qm_text_copy(char *to, size_t size, const char *from);

#endif
