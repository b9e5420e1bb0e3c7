/*
 * Listings for people: an aligned table, or one line a value where a terminal is
 * too narrow for it. Nothing is ever cut off: half an order id is worse than none.
 */
#include "listing.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "terminal.h"

enum
{
    COLUMNS_MAX = 48,
    GAP = 2,
    SPAN_SIZE = 32
};

/* A cell as it is shown. */
typedef struct Cell
{
    char *text;
    int width;
} Cell;

/* A table: the cells of row r stand from r * columns on, the titles before the first row. */
typedef struct Table
{
    const QmColumn *columns[COLUMNS_MAX];
    int count;
    int rows;
    int widths[COLUMNS_MAX];
    Cell *cells;
} Table;

static bool table_fill(Table *table, const QmColumn *columns, const QmRows *rows);
static void table_print(const Table *table, const char *indent);
static int table_width(const Table *table);
static void table_free(Table *table);
static Cell cell_show(QmCellType type, const char *value);
static void span_write(char out[SPAN_SIZE], const char *value);
static bool is_right(QmCellType type);

/* qm_listing_print prints rows below their titles, or one after the other where that is too wide. False: no memory. */
bool
qm_listing_print(const QmColumn *columns, const QmRows *rows, const char *indent)
{
    Table table = {.rows = rows->count};
    int room = qm_terminal_width();
    bool done = table_fill(&table, columns, rows);

    if (done && (room == 0 || table_width(&table) + (int) strlen(indent) <= room))
        table_print(&table, indent);
    else
    {
        for (int i = 0; done && i < rows->count; i++)
        {
            if (i > 0)
                fputs("\n", stdout);
            done = qm_listing_print_row(columns, rows, i, indent);
        }
    }
    table_free(&table);
    return done;
}

/* table_fill takes the columns that have a title, and shows every cell of theirs. */
static bool
table_fill(Table *table, const QmColumn *columns, const QmRows *rows)
{
    for (const QmColumn *column = columns; column->name != NULL && table->count < COLUMNS_MAX; column++)
    {
        if (column->title != NULL)
            table->columns[table->count++] = column;
    }
    table->cells = calloc((size_t) (rows->count + 1) * (size_t) table->count, sizeof(*table->cells));
    if (table->cells == NULL)
        return false;
    for (int i = 0; i < (rows->count + 1) * table->count; i++)
    {
        int row = i / table->count - 1;
        int at = i % table->count;
        const QmColumn *column = table->columns[at];

        table->cells[i] = row < 0 ? cell_show(QM_CELL_TEXT, column->title)
                                  : cell_show(column->type, rows->cell(rows->source, row, column->name));
        if (table->cells[i].text == NULL)
            return false;
        if (table->cells[i].width > table->widths[at])
            table->widths[at] = table->cells[i].width;
    }
    return true;
}

/* table_print prints the table, without blanks at the end of a line. */
static void
table_print(const Table *table, const char *indent)
{
    for (int row = 0; row <= table->rows; row++)
    {
        int blanks = 0;

        fputs(indent, stdout);
        for (int at = 0; at < table->count; at++)
        {
            const Cell *cell = &table->cells[row * table->count + at];
            int fill = table->widths[at] - cell->width;

            if (is_right(table->columns[at]->type))
            {
                blanks += fill;
                fill = 0;
            }
            printf("%*s", blanks, "");
            qm_terminal_print(row == 0 ? QM_COLOR_BOLD : QM_COLOR_NONE, cell->text);
            blanks = fill + GAP;
        }
        fputs("\n", stdout);
    }
}

static int
table_width(const Table *table)
{
    int width = GAP * (table->count - 1);

    for (int at = 0; at < table->count; at++)
        width += table->widths[at];
    return width;
}

static void
table_free(Table *table)
{
    for (int i = 0; table->cells != NULL && i < (table->rows + 1) * table->count; i++)
        free(table->cells[i].text);
    free(table->cells);
}

/* qm_listing_print_row prints one row with all its columns, one line each. False: no memory. */
bool
qm_listing_print_row(const QmColumn *columns, const QmRows *rows, int row, const char *indent)
{
    int widest = 0;

    for (const QmColumn *column = columns; column->name != NULL; column++)
    {
        int width = (int) strlen(column->name);

        if (width > widest)
            widest = width;
    }
    for (const QmColumn *column = columns; column->name != NULL; column++)
    {
        Cell cell = cell_show(column->type, rows->cell(rows->source, row, column->name));

        if (cell.text == NULL)
            return false;
        fputs(indent, stdout);
        qm_terminal_print(QM_COLOR_BOLD, column->name);
        printf("%*s%s\n", widest - (int) strlen(column->name) + GAP, "", cell.text);
        free(cell.text);
    }
    return true;
}

/* cell_show returns a value as it is shown; its text is NULL when there is no memory. */
static Cell
cell_show(QmCellType type, const char *value)
{
    char text[SPAN_SIZE];
    Cell cell;

    if (value == NULL)
        value = "-";
    else if (type == QM_CELL_FLAG)
        value = value[0] == 't' ? "yes" : "no";
    else if (type == QM_CELL_SPAN)
    {
        span_write(text, value);
        value = text;
    }
    else if (type == QM_CELL_TIME && strlen(value) > 20)
    {
        snprintf(text, sizeof(text), "%.10s %.8sZ", value, value + 11);
        value = text;
    }
    cell.text = qm_terminal_text(value, &cell.width);
    return cell;
}

/* span_write writes milliseconds with the two units that say most. */
static void
span_write(char out[SPAN_SIZE], const char *value)
{
    int64_t ms = strtoll(value, NULL, 10);
    const char *sign = ms < 0 ? "-" : "";

    ms = ms < 0 ? -ms : ms;
    if (ms < 1000)
        snprintf(out, SPAN_SIZE, "%s%" PRId64 " ms", sign, ms);
    else if (ms < 60000)
        snprintf(out, SPAN_SIZE, "%s%" PRId64 ".%" PRId64 " s", sign, ms / 1000, ms % 1000 / 100);
    else if (ms < 3600000)
        snprintf(out, SPAN_SIZE, "%s%" PRId64 " min %" PRId64 " s", sign, ms / 60000, ms / 1000 % 60);
    else if (ms < 86400000)
        snprintf(out, SPAN_SIZE, "%s%" PRId64 " h %" PRId64 " min", sign, ms / 3600000, ms / 60000 % 60);
    else
        snprintf(out, SPAN_SIZE, "%s%" PRId64 " d %" PRId64 " h", sign, ms / 86400000, ms / 3600000 % 24);
}

/* is_right tells whether a column's values end, rather than begin, below one another. */
static bool
is_right(QmCellType type)
{
    return type == QM_CELL_AMOUNT || type == QM_CELL_COUNT || type == QM_CELL_SPAN;
}

/* result_cell returns a value of a server's answer, by the name of its column. */
static const char *
result_cell(const void *source, int row, const char *column)
{
    const PGresult *result = source;
    int at = PQfnumber(result, column);

    return at < 0 || PQgetisnull(result, row, at) ? NULL : PQgetvalue(result, row, at);
}

/* qm_rows_of_result returns the rows of a server's answer, which must live as long as they do. */
QmRows
qm_rows_of_result(const PGresult *result)
{
    return (QmRows){.source = result, .count = PQntuples(result), .cell = result_cell};
}
