/*
 * The log of an instance beside a reader that has stopped reading: nobody waits for
 * it, what is lost is counted, and once it reads again it gets whole lines.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "check.h"
#include "run_log.h"

#define PIPE_BYTES 65536
#define LINES 3000

/* read_all reads what is in a pipe, and returns how many lines there are; all of them are whole. */
static int
read_all(int descriptor)
{
    char text[2 * PIPE_BYTES];
    ssize_t count = read(descriptor, text, sizeof(text) - 1);
    char *rest = NULL;
    int lines = 0;

    assert_true(count > 0 && count <= PIPE_BYTES);
    text[count] = '\0';
    assert_int_equal(text[count - 1], '\n');
    for (char *line = strtok_r(text, "\n", &rest); line != NULL; line = strtok_r(NULL, "\n", &rest))
    {
        assert_non_null(strstr(line, " info  a line about=nothing number="));
        lines++;
    }
    return lines;
}

static void
a_reader_that_stops_holds_nobody_up(void **state)
{
    QmLog log;
    int ends[2];
    int read_lines;

    (void) state;
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(fcntl(ends[1], F_SETPIPE_SZ, PIPE_BYTES), PIPE_BYTES);
    qm_log_open(&log, ends[1], QM_LOG_INFO, false);
    for (int i = 0; i < LINES; i++)
        qm_log(&log, QM_LOG_INFO, "a line", "about", "nothing", "number", QM_LOG_NUMBER(i));
    assert_true(log.lost > 0);
    read_lines = read_all(ends[0]);
    assert_int_equal(read_lines + log.lost, LINES);
    qm_log(&log, QM_LOG_INFO, "a line", "about", "nothing", "number", "the next");
    assert_int_equal(read_all(ends[0]), 1);
    assert_int_equal(read_lines + log.lost, LINES);
    close(ends[0]);
    close(ends[1]);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_reader_that_stops_holds_nobody_up),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
