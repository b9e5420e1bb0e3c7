/*
 * quantmesh run at a terminal: log lines, and below them one line that says how
 * things are, no wider than the terminal. Elsewhere there are log lines alone.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "run_host.h"
#include "runner.h"

#define MINUTES 90
#define COLUMNS 50
#define CLEARED "\033[K"

static QtTrader trader;

/* trade runs an instance at a terminal until the exchange's data end, and returns all that was shown. */
static const char *
trade(const char *format)
{
    const QtRun *run;

    qt_trader_start(&trader, MINUTES, "");
    run = qt_run_terminal(COLUMNS,
                          NULL,
                          (const char *const[]){"run",
                                                trader.config,
                                                "--paper",
                                                trader.paper.url,
                                                "--follow",
                                                trader.paper.admin_url,
                                                "--log",
                                                format,
                                                NULL});
    if (run->status != 0)
        qt_fail("exit code %d: %s", run->status, run->out);
    qt_trader_stop(&trader);
    return run->out;
}

/* The line is shown more than once, counts what has happened, and its last state stays. */
static void
a_terminal_shows_how_things_are(void **state)
{
    const char *shown = trade("text");
    const char *last = "";
    const char *end;
    long fills = -1;
    int lines = 0;

    (void) state;
    for (const char *at = shown; (at = strstr(at, CLEARED)) != NULL; at += strlen(CLEARED))
    {
        size_t width = strcspn(at + strlen(CLEARED), "\n\033");

        if (strstr(at + strlen(CLEARED), " orders, ") == NULL || strncmp(at + strlen(CLEARED), "20", 2) == 0)
            continue; /* a log line takes the place of the line, which is shown again below */
        if (width > COLUMNS)
            qt_fail("a line of %zu columns: %.*s", width, (int) width, at + strlen(CLEARED));
        last = at + strlen(CLEARED);
        lines++;
    }
    assert_true(lines >= 1);
    end = strstr(last, " live, ");
    assert_non_null(end);
    assert_int_equal(sscanf(end, " live, %ld fills", &fills), 1);
    print_message("%d lines, the last: %.*s\n", lines, (int) strcspn(last, "\n\033"), last);
    assert_non_null(strstr(shown, " info "));
}

/* JSON is for programs, even at a terminal: every line is an object. */
static void
json_has_no_such_line(void **state)
{
    const char *shown = trade("json");

    (void) state;
    assert_null(strchr(shown, '\033'));
    assert_true(*shown != '\0');
    for (const char *line = shown; *line != '\0'; line += strcspn(line, "\n") + 1)
        assert_int_equal(*line, '{');
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_terminal_shows_how_things_are),
        cmocka_unit_test(json_has_no_such_line),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
