/*
 * What the client tests check with: cmocka, and failures that say what the
 * library said.
 */
#ifndef QT_CHECK_H
#define QT_CHECK_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "quantmesh.h"

extern void qt_fail(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));
extern void qt_code(QmCode code, QmCode wanted, const QmError *error, const char *file, int line);

/* The code of a call, and the error of its handle for the message. */
#define assert_code(code, wanted, error) qt_code(code, wanted, error, __FILE__, __LINE__)
#define assert_ok(code, error) qt_code(code, QM_OK, error, __FILE__, __LINE__)

#endif
