/*
 * The program `quantmesh paper`: command lines, the file that sets it up, how it
 * ends, and how it goes on after it was killed.
 */
#include "check.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "command.h"
#include "paper_host.h"
#include "runner.h"

#define HELP "  quantmesh paper --help says what it takes.\n"
#define READY_S 60

static QtPaper paper; /* only its URLs are of use: the exchange is another process */

static void
test_wrong_command_lines(void **state)
{
    (void) state;
    assert_run(QM_EXIT_USAGE,
               "",
               "quantmesh: --limits must be on or off, not \"maybe\"\n" HELP,
               "paper",
               "--limits",
               "maybe");
    assert_run(QM_EXIT_USAGE,
               "",
               "quantmesh: --speed must be a number from 0 to 1000000, not \"-1\"\n" HELP,
               "paper",
               "--speed=-1");
    assert_run(QM_EXIT_USAGE, "", "quantmesh: --tls-cert and --tls-key go together\n" HELP, "paper", "--tls-cert=x");
    assert_run(QM_EXIT_USAGE,
               "",
               "quantmesh: --data goes with one symbol; several have theirs in --symbol A=FILE,B=FILE\n" HELP,
               "paper",
               "--data=x",
               "--symbol=BTCUSDT,ETHUSDT");
    assert_run(QM_EXIT_USAGE, "", "quantmesh: this is no symbol such as BTC/USDT: \"btc\"\n", "paper", "--symbol=btc");
    assert_run(QM_EXIT_USAGE,
               "",
               "quantmesh: this is no balance such as USDT=1000: \"USDT\"\n",
               "paper",
               "--balance=USDT");
    assert_run(QM_EXIT_USAGE, "", "quantmesh: this is no price: \"0\"\n", "paper", "--walk=0");
    assert_run(QM_EXIT_CONNECT,
               "",
               "quantmesh: \"nowhere\" is no address\n  Name an address of this machine, such as 127.0.0.1.\n",
               "paper",
               "--address=nowhere");
}

/* wrong_file runs the program with a file that is wrong, and checks what it says. */
static void
wrong_file(const char *text, const char *message)
{
    char wanted[512];

    snprintf(wanted, sizeof(wanted), "quantmesh: %s\n  docs/paper.md lists what the file takes.\n", message);
    assert_run(QM_EXIT_CONFIG, "", wanted, "paper", "--config", qt_file("paper.json", text));
}

static void
test_wrong_files(void **state)
{
    (void) state;
    wrong_file("{\"sped\": 1}", "\"sped\" is nothing that can be set here");
    wrong_file("{\"speed\": \"1\"}",
               "\"speed\" is of the wrong kind: decimals are strings, counts and times are numbers");
    wrong_file("{\"accounts\": [{\"name\": \"a\"}]}", "\"accounts\" needs a name, a key and a secret for each");
    wrong_file("{\"symbols\": [{\"symbol\": \"BTC/USDT\", \"tick\": 0.01}]}",
               "\"tick\" is of the wrong kind: decimals are strings, counts and times are numbers");
    wrong_file("{\"faults\": {}}", "\"faults\" is no list");
}

/* start_program starts the exchange and waits until it listens. */
static pid_t
start_program(const char *const *arguments)
{
    char ready[256];
    json_t *urls = NULL;
    pid_t pid;

    snprintf(ready, sizeof(ready), "%s/ready", qt_scratch());
    unlink(ready);
    pid = qt_run_start(arguments);
    for (int i = 0; i < READY_S * 50 && urls == NULL; i++)
    {
        usleep(20000);
        urls = json_load_file(ready, 0, NULL);
    }
    if (urls == NULL)
        qt_fail("the exchange does not listen");
    snprintf(paper.url, sizeof(paper.url), "%s", qt_paper_text(urls, "rest_url"));
    snprintf(paper.admin_url, sizeof(paper.admin_url), "%s", qt_paper_text(urls, "admin_url"));
    json_decref(urls);
    return pid;
}

static void
test_signals(void **state)
{
    static const int signals[] = {SIGTERM, SIGINT};
    char ready[256];

    (void) state;
    snprintf(ready, sizeof(ready), "--ready-file=%s/ready", qt_scratch());
    for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
    {
        const char *const arguments[] = {"paper", "--speed=100", ready, NULL};
        pid_t pid = start_program(arguments);
        const QtRun *run;

        qt_paper_ask(&paper, "GET", "/api/v3/ping", "", false);
        assert_int_equal(paper.status, 200);
        kill(pid, signals[i]);
        run = qt_run_wait(pid);
        assert_int_equal(run->status, 0);
        assert_string_equal(run->err, "");
        assert_memory_equal(run->out, "paper exchange: http://127.0.0.1:", 33);
    }
}

/* Whatever was answered is there again after kill -9. */
static void
test_killed(void **state)
{
    char ready[256], journal[256], config[256];
    const char *const arguments[] = {"paper", config, "--speed=0", ready, journal, NULL};
    int open = 0;
    pid_t pid;

    (void) state;
    snprintf(ready, sizeof(ready), "--ready-file=%s/ready", qt_scratch());
    snprintf(journal, sizeof(journal), "--journal=%s/journal", qt_scratch());
    snprintf(config,
             sizeof(config),
             "--config=%s",
             qt_file("paper.json",
                     "{\"accounts\": [{\"name\": \"main\", \"key\": \"" QT_PAPER_KEY
                     "\", \"secret\": \"" QT_PAPER_SECRET
                     "\"}], \"symbols\": [{\"symbol\": \"BTC/USDT\", \"walk\": \"30000\"}],"
                     " \"faults\": [{\"kind\": \"drop_reply\", \"endpoint\": \"place\", \"count\": 1}]}"));
    for (int round = 0; round < 3; round++)
    {
        pid = start_program(arguments);
        qt_paper_ask(&paper, "GET", "/api/v3/openOrders", "", true);
        assert_int_equal(paper.status, 200);
        assert_int_equal(json_array_size(paper.answer), open);
        for (int i = 0; i < 5; i++, open++)
            qt_paper_ask(&paper,
                         "POST",
                         "/api/v3/order",
                         "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.01&price=20000",
                         true);
        assert_int_equal(paper.status, 200);
        qt_paper_step(&paper, 1);
        kill(pid, SIGKILL);
        assert_int_equal(qt_run_wait(pid)->status, 128 + SIGKILL);
    }
    pid = start_program(arguments);
    qt_paper_admin(&paper, "GET", "state", NULL);
    assert_int_equal(qt_paper_whole(paper.answer, "step"), 3);
    qt_paper_ask(&paper, "GET", "/api/v3/openOrders", "", true);
    assert_int_equal(json_array_size(paper.answer), open);
    qt_paper_admin(&paper, "GET", "fault", NULL);
    assert_int_equal(json_array_size(paper.answer), 1);
    qt_paper_admin(&paper, "POST", "stop", NULL);
    assert_int_equal(qt_run_wait(pid)->status, 0);
    json_decref(paper.answer);
    paper.answer = NULL;
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_wrong_command_lines),
        cmocka_unit_test(test_wrong_files),
        cmocka_unit_test(test_signals),
        cmocka_unit_test(test_killed),
    };

    unsetenv("QUANTMESH_PAPER_SECRET");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
