/*
 * The program quantmesh as its users run it: QM_TEST_PROGRAM with arguments, its
 * exit code and what it wrote.
 */
#ifndef QT_RUNNER_H
#define QT_RUNNER_H

#include <sys/types.h>

#define QT_RUN_SIZE 131072

/* A run that has ended. */
typedef struct QtRun
{
    int status; /* the exit code, or 128 and the signal that ended it */
    char out[QT_RUN_SIZE];
    char err[QT_RUN_SIZE];
} QtRun;

/* qt_run runs the program and returns what came of it, until the next run. */
#define qt_run(...) qt_run_list((const char *const[]){__VA_ARGS__, NULL})

/* assert_run runs it, and compares exit code and output; NULL is any output. */
#define assert_run(status, out, err, ...) qt_run_check(qt_run(__VA_ARGS__), status, out, err, __FILE__, __LINE__)

extern const QtRun *qt_run_list(const char *const *arguments);
extern const QtRun *qt_run_into(int out, const char *const *arguments);
extern void qt_run_check(const QtRun *run, int status, const char *out, const char *err, const char *file, int line);
extern pid_t qt_run_start(const char *const *arguments);
extern const QtRun *qt_run_wait(pid_t pid);
extern const QtRun *qt_run_terminal(int columns, const char *answer, const char *const *arguments);
extern const char *qt_scratch(void);
extern const char *qt_file(const char *name, const char *text);

#endif
