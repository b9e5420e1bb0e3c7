/*
 * Connecting: what libpq's text of a refused connection says.
 */
#ifndef QM_CLIENT_CONNECT_H
#define QM_CLIENT_CONNECT_H

#include <stddef.h>

#include "error.h"

extern void qm_connect_fault(const char *text, char sqlstate[QM_SQLSTATE_LEN + 1], char *message, size_t size);

#endif
