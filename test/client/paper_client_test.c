/*
 * The official Binance client (npm @binance/spot), unchanged but for URLs, at the
 * program `quantmesh paper`: over plain connections and over TLS. Where node, npm or
 * its registry are not there the test fails: what was not tried is not taken for right.
 */
#include "check.h"

#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "paper_host.h"

#define FILES "test/client/npm"
#define INSTALL_S 240
#define CLIENT_S 120
#define READY_S 30
#define LOG_SHOWN 4000

extern char **environ;

static char folder[] = "/tmp/qt-paper-client-XXXXXX";

/* path_of returns a path in the scratch folder, good until the fourth call after this. */
static const char *
path_of(const char *name)
{
    static char paths[4][256];
    static int next;
    char *path = paths[next++ % 4];

    snprintf(path, sizeof(paths[0]), "%s/%s", folder, name);
    return path;
}

/* start runs a program, in the scratch folder, with its output in a log there. */
static pid_t
start(const char *log, char *const arguments[])
{
    posix_spawn_file_actions_t actions;
    pid_t pid = -1;
    int result;

    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addchdir_np(&actions, folder);
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&actions, 1, path_of(log), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    posix_spawn_file_actions_adddup2(&actions, 1, 2);
    result = posix_spawnp(&pid, arguments[0], &actions, NULL, arguments, environ);
    posix_spawn_file_actions_destroy(&actions);
    if (result != 0)
        qt_fail("%s cannot be run: %s; test/prepare installs it", arguments[0], strerror(result));
    return pid;
}

/* pause_ms lets others run between two looks. */
static void
pause_ms(long ms)
{
    const struct timespec time = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};

    nanosleep(&time, NULL);
}

/* ended waits for a program; false: it has not ended in time, and has been killed, or not with 0. */
static bool
ended(pid_t pid, int seconds)
{
    int status = -1;

    for (int i = 0; i < seconds * 20; i++)
    {
        if (waitpid(pid, &status, WNOHANG) == pid)
            return WIFEXITED(status) && WEXITSTATUS(status) == 0;
        pause_ms(50);
    }
    kill(pid, SIGKILL);
    waitpid(pid, &status, 0);
    return false;
}

/* log_end returns the last of a log. */
static const char *
log_end(const char *log)
{
    static char text[LOG_SHOWN + 1];
    FILE *file = fopen(path_of(log), "r");
    size_t length = 0;

    if (file != NULL)
    {
        if (fseek(file, -LOG_SHOWN, SEEK_END) != 0)
            rewind(file);
        length = fread(text, 1, LOG_SHOWN, file);
        fclose(file);
    }
    text[length] = '\0';
    return text;
}

static void
copy(const char *name)
{
    char from[128];
    char bytes[4096];
    size_t length;
    FILE *in, *out;

    snprintf(from, sizeof(from), "%s/%s", FILES, name);
    in = fopen(from, "r");
    out = fopen(path_of(name), "w");
    assert_non_null(in);
    assert_non_null(out);
    while ((length = fread(bytes, 1, sizeof(bytes), in)) > 0)
        assert_int_equal(fwrite(bytes, 1, length, out), length);
    fclose(in);
    assert_int_equal(fclose(out), 0);
}

/* set_up installs the client, at the versions of package-lock.json and from nowhere else. */
static int
set_up(void **state)
{
    char *const install[] = {"npm",
                             "ci",
                             "--ignore-scripts",
                             "--omit=optional",
                             "--no-audit",
                             "--no-fund",
                             "--no-update-notifier",
                             "--loglevel=error",
                             "--prefer-offline",
                             NULL};

    (void) state;
    assert_non_null(mkdtemp(folder));
    copy("package.json");
    copy("package-lock.json");
    copy("paper_client.js");
    if (!ended(start("npm.log", install), INSTALL_S))
        qt_fail("@binance/spot is not tested: npm cannot install it\n%s", log_end("npm.log"));
    return 0;
}

static int
remove_one(const char *path, const struct stat *about, int flag, struct FTW *walk)
{
    (void) about;
    (void) flag;
    (void) walk;
    return remove(path);
}

static int
tear_down(void **state)
{
    (void) state;
    return nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* wait_ready waits until the exchange listens. */
static void
wait_ready(pid_t pid)
{
    for (int i = 0; i < READY_S * 20; i++)
    {
        if (access(path_of("ready.json"), R_OK) == 0)
            return;
        if (waitpid(pid, NULL, WNOHANG) == pid)
            break;
        pause_ms(50);
    }
    qt_fail("the exchange does not listen:\n%s", log_end("exchange.log"));
}

/* run_client runs the exchange and the client, and shows what the client has found. */
static void
run_client(const char *option, const char *certificate, const char *key_option, const char *key)
{
    const char *program = getenv("QM_TEST_PROGRAM");
    char *const exchange[] = {(char *) (uintptr_t) program,
                              "paper",
                              "--speed=600",
                              "--key=" QT_PAPER_KEY,
                              "--ready-file=ready.json",
                              (char *) (uintptr_t) option,
                              (char *) (uintptr_t) certificate,
                              (char *) (uintptr_t) key_option,
                              (char *) (uintptr_t) key,
                              NULL};
    char *const client[] = {"node", "paper_client.js", "ready.json", QT_PAPER_KEY, QT_PAPER_SECRET, NULL};
    pid_t pid;
    bool good;

    if (program == NULL)
        qt_fail("QM_TEST_PROGRAM does not name the program");
    unlink(path_of("ready.json"));
    setenv("QUANTMESH_PAPER_SECRET", QT_PAPER_SECRET, 1);
    pid = start("exchange.log", exchange);
    wait_ready(pid);
    good = ended(start("client.log", client), CLIENT_S);
    kill(pid, SIGTERM);
    if (!ended(pid, READY_S))
        qt_fail("the exchange does not end well:\n%s", log_end("exchange.log"));
    if (!good || strstr(log_end("client.log"), "\ndone\n") == NULL)
        qt_fail("the client has found a fault:\n%s", log_end("client.log"));
    printf("%s", log_end("client.log"));
}

static void
test_plain(void **state)
{
    (void) state;
    run_client(NULL, NULL, NULL, NULL);
}

static void
test_tls(void **state)
{
    (void) state;
    qt_paper_certificate(path_of("certificate.pem"), path_of("key.pem"));
    setenv("NODE_EXTRA_CA_CERTS", path_of("certificate.pem"), 1);
    run_client("--tls-cert", "certificate.pem", "--tls-key", "key.pem");
    unsetenv("NODE_EXTRA_CA_CERTS");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plain),
        cmocka_unit_test(test_tls),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
