/*
 * The PostgreSQL server of the client tests: asked as its superuser, beside the
 * library, and stopped, killed and started again.
 *
 * test/run has started it; PGHOST and PGPORT name it, QM_TEST_DATA is its data
 * folder. Failures end the test.
 */
#ifndef QT_SERVER_H
#define QT_SERVER_H

#include <stdbool.h>

#define QT_ANSWER_SIZE 1024

extern void qt_database(const char *name);
extern const char *qt_conninfo(void);
extern const char *qt_ask(const char *format, ...) __attribute__((format(printf, 1, 2)));
extern long qt_ask_number(const char *format, ...) __attribute__((format(printf, 1, 2)));
extern void qt_until(const char *format, ...) __attribute__((format(printf, 1, 2)));
extern void qt_server_kill(void);
extern void qt_server_start(void);
extern int qt_server_port(void);

#endif
