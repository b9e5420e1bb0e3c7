/*
 * Files of minutes: Binance's 12 columns, or timestamp,open,high,low,close,volume,symbol. All of a file is of one symbol.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "paper_data.h"

enum
{
    COLUMNS_BINANCE = 12,
    COLUMNS_SHORT = 7
};

/* Where a file is being read. */
typedef struct Reader
{
    const char *path;
    int line;
    int columns;                     /* of the first line of data */
    char symbol[QM_PAPER_NAME_SIZE]; /* of the first line of data */
    QmPaperRow *rows;
    int count;
    int space;
} Reader;

static QmCode wrong(const Reader *reader, QmError *error, const char *what);
static QmCode read_line(Reader *reader, char *line, QmError *error);
static int split(char *line, char *fields[COLUMNS_BINANCE + 1]);
static bool is_header(const Reader *reader, const char *line);
static const char *read_row(char *fields[], QmPaperRow *row);
static const char *read_time(const char *text, int64_t *time_ms);
static bool add_row(Reader *reader, const QmPaperRow *row);

/* qm_paper_csv_read reads all of a file. Whatever is no minute of the one symbol is an error with file and line. */
QmCode
qm_paper_csv_read(const char *path, QmPaperRow **rows, int *count, QmError *error)
{
    Reader reader = {.path = path};
    FILE *file = fopen(path, "re");
    char *line = NULL;
    size_t space = 0;
    QmCode code = QM_OK;

    if (file == NULL)
        return qm_error_set(error, QM_ERROR_ARGUMENT, "", "", "cannot read \"%s\": %s", path, strerror(errno));
    while (code == QM_OK && getline(&line, &space, file) >= 0)
    {
        reader.line++;
        line[strcspn(line, "\r\n")] = '\0';
        if (*line != '\0' && !is_header(&reader, line))
            code = read_line(&reader, line, error);
    }
    if (code == QM_OK && ferror(file))
        code = qm_error_set(error, QM_ERROR_ARGUMENT, "", "", "cannot read \"%s\": %s", path, strerror(errno));
    if (code == QM_OK && reader.count == 0)
        code = qm_error_set(error, QM_ERROR_ARGUMENT, "", "", "%s has no minutes", path);
    free(line);
    fclose(file);
    if (code != QM_OK)
    {
        free(reader.rows);
        return code;
    }
    *rows = reader.rows;
    *count = reader.count;
    return QM_OK;
}

/* wrong says what is wrong with the line. */
static QmCode
wrong(const Reader *reader, QmError *error, const char *what)
{
    return qm_error_set(error, QM_ERROR_ARGUMENT, "", "", "%s:%d: %s", reader->path, reader->line, what);
}

/* is_header says whether this is the first line, and names columns. */
static bool
is_header(const Reader *reader, const char *line)
{
    return reader->line == 1 && strspn(line, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ") > 0;
}

/* read_line takes one minute. */
static QmCode
read_line(Reader *reader, char *line, QmError *error)
{
    char *fields[COLUMNS_BINANCE + 1];
    int columns = split(line, fields);
    QmPaperRow row;
    const char *what;

    if (columns != COLUMNS_BINANCE && columns != COLUMNS_SHORT)
        return wrong(reader, error, "not 12 columns, and not the 7 timestamp,open,high,low,close,volume,symbol");
    if (reader->count == 0)
    {
        reader->columns = columns;
        if (columns == COLUMNS_SHORT && strlen(fields[6]) < sizeof(reader->symbol))
            strcpy(reader->symbol, fields[6]);
    }
    if (columns != reader->columns)
        return wrong(reader, error, "another number of columns than before");
    if (columns == COLUMNS_SHORT && (*fields[6] == '\0' || strcmp(fields[6], reader->symbol) != 0))
        return wrong(reader, error, "another symbol than before, or none");
    what = read_row(fields, &row);
    if (what == NULL && reader->count > 0 && row.open_ms <= reader->rows[reader->count - 1].open_ms)
        what = "not later than the line before";
    if (what != NULL)
        return wrong(reader, error, what);
    if (reader->count == QM_PAPER_ROWS_MAX)
        return wrong(reader, error, "more minutes than a file may have");
    return add_row(reader, &row) ? QM_OK : qm_error_no_memory(error);
}

/* split cuts a line at its commas, and counts the fields up to one more than any file has. */
static int
split(char *line, char *fields[COLUMNS_BINANCE + 1])
{
    int count = 0;

    for (char *rest = line; rest != NULL && count <= COLUMNS_BINANCE; count++)
        fields[count] = strsep(&rest, ",");
    return count;
}

/* read_row reads the six numbers that both forms begin with. NULL: there they are. */
static const char *
read_row(char *fields[], QmPaperRow *row)
{
    const char *what = read_time(fields[0], &row->open_ms);
    QmPaperDecimal *const numbers[] = {&row->open, &row->high, &row->low, &row->close, &row->volume};

    if (what != NULL)
        return what;
    for (int i = 0; i < 5; i++)
        if (!qm_paper_read(fields[i + 1], numbers[i]))
            return "a price or volume that is no decimal with at most 8 places";
    if (row->low <= 0)
        return "a price of 0";
    if (row->low > row->open || row->low > row->close || row->high < row->open || row->high < row->close)
        return "open or close is not between low and high";
    return NULL;
}

/* read_time takes milliseconds or microseconds, as Binance's files have them, of a whole minute. */
static const char *
read_time(const char *text, int64_t *time_ms)
{
    char *end;

    errno = 0;
    *time_ms = strtoll(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0' || *time_ms <= 0)
        return "a time that is no number";
    if (*time_ms >= INT64_C(100000000000000))
    {
        if (*time_ms % 1000 != 0)
            return "a time that is not a whole minute";
        *time_ms /= 1000;
    }
    return *time_ms % QM_PAPER_MINUTE_MS == 0 ? NULL : "a time that is not a whole minute";
}

/* add_row appends a minute. False: no memory. */
static bool
add_row(Reader *reader, const QmPaperRow *row)
{
    if (reader->count == reader->space)
    {
        int space = reader->space == 0 ? 4096 : 2 * reader->space;
        QmPaperRow *rows = realloc(reader->rows, (size_t) space * sizeof(*rows));

        if (rows == NULL)
            return false;
        reader->rows = rows;
        reader->space = space;
    }
    reader->rows[reader->count++] = *row;
    return true;
}
