/*
 * Logs of an instance.
 *
 * A line is made in one piece and written with one call, so that lines of several
 * processes into one file do not mix. What does not fit is cut off, and the line
 * says so. A log that cannot be written stops nobody from trading, nor does one whose
 * reader has stopped: it is waited for once, and then not until it reads again. The lines
 * that were lost are counted.
 */
#include "run_log.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#define LOG_LINE_MAX PIPE_BUF /* so that a pipe takes a line as a whole, and without waiting once it is ready */
#define PATIENCE_MS 200       /* with a reader that does not read */

/* A line in the making; room for its end is kept. */
typedef struct Line
{
    size_t length;
    bool cut;
    char text[LOG_LINE_MAX];
} Line;

static const char *const level_names[] = {
    [QM_LOG_DEBUG] = "debug",
    [QM_LOG_INFO] = "info",
    [QM_LOG_WARN] = "warn",
    [QM_LOG_ERROR] = "error",
    [QM_LOG_FATAL] = "fatal",
};

static void line_begin(Line *line, bool json, QmLogLevel level, const char *message);
static void line_field(Line *line, bool json, const char *name, const char *value);
static void line_add(Line *line, const char *text);
static void line_add_quoted(Line *line, const char *text);
static bool needs_quotes(const char *text);
static void time_text(char *text, size_t size);
static void write_out(QmLog *log, const char *text, size_t length);
static bool takes_more(QmLog *log);

/* qm_log_open sets a log up. Only a terminal gets a progress line, and only beside text. */
void
qm_log_open(QmLog *log, int descriptor, QmLogLevel level, bool json)
{
    *log = (QmLog){.descriptor = descriptor, .level = level, .json = json};
    log->progress = !json && isatty(descriptor) == 1;
}

/* qm_log_parts writes one line: the message, then names and values, up to a NULL for a name. */
void
qm_log_parts(QmLog *log, QmLogLevel level, const char *const *parts)
{
    Line line = {0};

    if (level < log->level)
        return;
    line_begin(&line, log->json, level, parts[0]);
    for (const char *const *part = parts + 1; part[0] != NULL; part += 2)
    {
        if (part[1] != NULL && part[1][0] != '\0')
            line_field(&line, log->json, part[0], part[1]);
    }
    if (line.cut)
        line.length += (size_t) sprintf(line.text + line.length, log->json ? ",\"cut\":true" : " cut=true");
    line.length += (size_t) sprintf(line.text + line.length, log->json ? "}\n" : "\n");
    if (log->shown)
        write_out(log, "\r\033[K", 4);
    log->shown = false;
    write_out(log, line.text, line.length);
}

/* line_begin writes what every line begins with. */
static void
line_begin(Line *line, bool json, QmLogLevel level, const char *message)
{
    char when[40];

    time_text(when, sizeof(when));
    if (json)
    {
        line_add(line, "{\"time\":");
        line_add_quoted(line, when);
        line_add(line, ",\"level\":");
        line_add_quoted(line, level_names[level]);
        line_add(line, ",\"message\":");
        line_add_quoted(line, message);
        return;
    }
    line_add(line, when);
    line_add(line, " ");
    line_add(line, level_names[level]);
    line_add(line, strlen(level_names[level]) < 5 ? "  " : " ");
    line_add(line, message);
}

/* line_field writes one field. */
static void
line_field(Line *line, bool json, const char *name, const char *value)
{
    if (json)
    {
        line_add(line, ",");
        line_add_quoted(line, name);
        line_add(line, ":");
        line_add_quoted(line, value);
        return;
    }
    line_add(line, " ");
    line_add(line, name);
    line_add(line, "=");
    if (needs_quotes(value))
        line_add_quoted(line, value);
    else
        line_add(line, value);
}

/* line_add adds a text as far as there is room; the last 32 bytes are for the line's end. */
static void
line_add(Line *line, const char *text)
{
    size_t length = strlen(text);

    if (line->cut || line->length + length > LOG_LINE_MAX - 32)
    {
        line->cut = true;
        return;
    }
    memcpy(line->text + line->length, text, length + 1);
    line->length += length;
}

/* line_add_quoted adds a text in quotes, as JSON has them, all of it or nothing but empty quotes. */
static void
line_add_quoted(Line *line, const char *text)
{
    char quoted[LOG_LINE_MAX];
    size_t length = 0;

    quoted[length++] = '"';
    for (const unsigned char *at = (const unsigned char *) text; *at != '\0'; at++)
    {
        if (length > sizeof(quoted) - 12)
        {
            line->cut = true;
            return;
        }
        if (*at == '"' || *at == '\\')
            length += (size_t) sprintf(quoted + length, "\\%c", *at);
        else if (*at < 0x20 || *at == 0x7f)
            length += (size_t) sprintf(quoted + length, "\\u%04x", *at);
        else
            quoted[length++] = (char) *at;
    }
    quoted[length++] = '"';
    quoted[length] = '\0';
    line_add(line, quoted);
}

/* needs_quotes tells whether a value could be taken for more than one field. */
static bool
needs_quotes(const char *text)
{
    for (const unsigned char *at = (const unsigned char *) text; *at != '\0'; at++)
    {
        if (*at <= ' ' || *at == '"' || *at == '=' || *at == '\\' || *at == 0x7f)
            return true;
    }
    return false;
}

/* time_text writes now, to the millisecond, in UTC. */
static void
time_text(char *text, size_t size)
{
    struct timespec now;
    struct tm parts;
    size_t length;

    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &parts);
    length = strftime(text, size, "%Y-%m-%dT%H:%M:%S", &parts);
    snprintf(text + length, size - length, ".%03ldZ", now.tv_nsec / 1000000);
}

/* write_out writes bytes, or counts that they are lost. */
static void
write_out(QmLog *log, const char *text, size_t length)
{
    while (length > 0)
    {
        ssize_t count = takes_more(log) ? write(log->descriptor, text, length) : 0;

        if (count < 0 && errno == EINTR)
            continue;
        if (count <= 0)
        {
            log->lost++;
            return;
        }
        text += count;
        length -= (size_t) count;
    }
}

/* takes_more tells whether a line can be written without waiting: a pipe or a terminal may be full, a file never is. */
static bool
takes_more(QmLog *log)
{
    struct pollfd target = {.fd = log->descriptor, .events = POLLOUT};
    int ready;

    do
        ready = poll(&target, 1, log->stuck ? 0 : PATIENCE_MS);
    while (ready < 0 && errno == EINTR);
    log->stuck = ready == 0;
    return ready != 0;
}

/* qm_log_progress shows a line that the next one replaces; nothing where there is no terminal. */
void
qm_log_progress(QmLog *log, const char *text)
{
    struct winsize size;
    char line[512];
    int width = 79;
    int length;

    if (!log->progress)
        return;
    if (ioctl(log->descriptor, TIOCGWINSZ, &size) == 0 && size.ws_col > 1)
        width = size.ws_col - 1;
    length = snprintf(line, sizeof(line), "\r\033[K%.*s", width, text);
    if (length >= (int) sizeof(line))
        length = (int) sizeof(line) - 1;
    write_out(log, line, (size_t) length);
    log->shown = true;
}

/* qm_log_end leaves the last progress line where it is. */
void
qm_log_end(QmLog *log)
{
    if (log->shown)
        write_out(log, "\n", 1);
    log->shown = false;
}

/* qm_log_number writes a number into a room, and returns its text. */
const char *
qm_log_number(QmLogNumber *room, int64_t number)
{
    snprintf(room->text, sizeof(room->text), "%" PRId64, number);
    return room->text;
}
