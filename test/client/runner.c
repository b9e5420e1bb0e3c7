/*
 * The program quantmesh as its users run it.
 *
 * Output goes to unnamed files, which hold any amount of it without anybody
 * reading along. One run at a time.
 */
#include "runner.h"

#include <errno.h>
#include <fcntl.h>
#include <pty.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

enum
{
    ARGUMENTS_MAX = 32
};

static QtRun run;
static FILE *files[2];

/* child becomes the program. */
static void
child(const char *const *arguments)
{
    char *list[ARGUMENTS_MAX + 2];
    int count = 0;

    list[count++] = getenv("QM_TEST_PROGRAM");
    for (; *arguments != NULL && count <= ARGUMENTS_MAX; arguments++)
        list[count++] = (char *) (uintptr_t) *arguments;
    list[count] = NULL;
    execv(list[0], list);
    _exit(127);
}

/* start starts the program with standard output into a descriptor, -1 for a closed one; its input is empty. */
static pid_t
start(int out, int err, const char *const *arguments)
{
    pid_t pid = fork();
    int null;

    if (pid < 0)
        qt_fail("cannot fork: %s", strerror(errno));
    if (pid > 0)
        return pid;
    null = open("/dev/null", O_RDONLY);
    dup2(null, STDIN_FILENO);
    dup2(err, STDERR_FILENO);
    if (out >= 0)
        dup2(out, STDOUT_FILENO);
    else
        close(STDOUT_FILENO);
    child(arguments);
    return 0;
}

/* file_new opens an unnamed file. */
static FILE *
file_new(void)
{
    FILE *file = tmpfile();

    if (file == NULL)
        qt_fail("cannot make a temporary file: %s", strerror(errno));
    return file;
}

/* file_take reads what was written to a file, and closes it. */
static void
file_take(FILE *file, char text[QT_RUN_SIZE])
{
    size_t len;

    rewind(file);
    len = fread(text, 1, QT_RUN_SIZE - 1, file);
    text[len] = '\0';
    fclose(file);
}

/* take waits for the end of a process. */
static void
take(pid_t pid)
{
    int status;

    if (waitpid(pid, &status, 0) != pid)
        qt_fail("cannot wait: %s", strerror(errno));
    run.status = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

/* qt_run_start starts the program; qt_run_wait tells what came of it. */
pid_t
qt_run_start(const char *const *arguments)
{
    files[0] = file_new();
    files[1] = file_new();
    return start(fileno(files[0]), fileno(files[1]), arguments);
}

/* qt_run_wait waits for its end. */
const QtRun *
qt_run_wait(pid_t pid)
{
    take(pid);
    file_take(files[0], run.out);
    file_take(files[1], run.err);
    return &run;
}

/* qt_run_list runs the program. */
const QtRun *
qt_run_list(const char *const *arguments)
{
    return qt_run_wait(qt_run_start(arguments));
}

/* qt_run_into runs it with standard output into a descriptor of the caller's; -1 is a closed one. */
const QtRun *
qt_run_into(int out, const char *const *arguments)
{
    FILE *err = file_new();

    take(start(out, fileno(err), arguments));
    run.out[0] = '\0';
    file_take(err, run.err);
    return &run;
}

/*
 * qt_run_terminal runs it at a terminal of so many columns, and types an answer
 * there first. All that the terminal shows is in out, lines ending in LF.
 */
const QtRun *
qt_run_terminal(int columns, const char *answer, const char *const *arguments)
{
    struct winsize size = {.ws_row = 24, .ws_col = (unsigned short) columns};
    size_t len = 0;
    size_t to = 0;
    ssize_t got;
    int terminal;
    pid_t pid = forkpty(&terminal, NULL, NULL, &size);

    if (pid < 0)
        qt_fail("cannot open a terminal: %s", strerror(errno));
    if (pid == 0)
        child(arguments);
    if (answer != NULL && write(terminal, answer, strlen(answer)) < 0)
        qt_fail("cannot type: %s", strerror(errno));
    while (len < QT_RUN_SIZE - 1 && (got = read(terminal, run.out + len, QT_RUN_SIZE - 1 - len)) > 0)
        len += (size_t) got;
    close(terminal);
    take(pid);
    for (size_t i = 0; i < len; i++)
    {
        if (run.out[i] != '\r')
            run.out[to++] = run.out[i];
    }
    run.out[to] = '\0';
    run.err[0] = '\0';
    return &run;
}

/* qt_run_check compares a run with what it should have been. */
void
qt_run_check(const QtRun *done, int status, const char *out, const char *err, const char *file, int line)
{
    if (done->status == status && (out == NULL || strcmp(done->out, out) == 0) &&
        (err == NULL || strcmp(done->err, err) == 0))
        return;
    print_error("%s:%d: exit code %d instead of %d\n--- out\n%s--- err\n%s--- wanted\n%s%s",
                file,
                line,
                done->status,
                status,
                done->out,
                done->err,
                out == NULL ? "" : out,
                err == NULL ? "" : err);
    fail();
}

/* qt_scratch returns a folder of this test program alone, which QT_SCRATCH names from then on: others run beside it. */
const char *
qt_scratch(void)
{
    static char folder[256];

    if (folder[0] == '\0')
    {
        snprintf(folder, sizeof(folder), "%s/program.XXXXXX", getenv("TMPDIR"));
        if (mkdtemp(folder) == NULL || setenv("QT_SCRATCH", folder, 1) != 0)
            qt_fail("cannot make %s: %s", folder, strerror(errno));
    }
    return folder;
}

/* qt_file writes a file into that folder and returns its path, until the next one. */
const char *
qt_file(const char *name, const char *text)
{
    static char path[512];
    FILE *file;

    snprintf(path, sizeof(path), "%s/%s", qt_scratch(), name);
    file = fopen(path, "w");
    if (file == NULL || fputs(text, file) < 0 || fclose(file) != 0)
        qt_fail("cannot write %s", path);
    return path;
}
