/*
 * Listings: rows for people, as an aligned table, and for programs, as JSON.
 */
#ifndef QM_LISTING_H
#define QM_LISTING_H

#include <jansson.h>
#include <libpq-fe.h>
#include <stdbool.h>

/* What a column has, all of it as text; NULL is null, and - in a table. */
typedef enum QmCellType
{
    QM_CELL_TEXT,
    QM_CELL_AMOUNT, /* a decimal or an id: a string in JSON, for no reader of JSON keeps all its digits */
    QM_CELL_COUNT,  /* a number in JSON */
    QM_CELL_SPAN,   /* milliseconds: a number in JSON, "2 min 5 s" in a table */
    QM_CELL_FLAG,   /* t or f */
    QM_CELL_TIME,   /* as QM_TIME_END makes it; without fractions in a table */
    QM_CELL_JSON
} QmCellType;

typedef struct QmColumn
{
    const char *name;  /* in the rows and in JSON */
    const char *title; /* of the table's column; NULL: only JSON and single rows have it */
    QmCellType type;
} QmColumn;

/* Rows, and where their cells come from. */
typedef struct QmRows
{
    const void *source;
    int count;
    const char *(*cell)(const void *source, int row, const char *column);
} QmRows;

/* How SQL writes them: pg_catalog.to_char(at QM_TIME_END, pg_catalog.round(extract(epoch FROM lag QM_SPAN_END. */
#define QM_TIME_END " AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')"
#define QM_SPAN_END ") * 1000)::bigint"

extern QmRows qm_rows_of_result(const PGresult *result);
extern bool qm_listing_print(const QmColumn *columns, const QmRows *rows, const char *indent);
extern bool qm_listing_print_row(const QmColumn *columns, const QmRows *rows, int row, const char *indent);
extern json_t *qm_listing_json(const QmColumn *columns, const QmRows *rows);
extern json_t *qm_listing_json_row(const QmColumn *columns, const QmRows *rows, int row);
extern bool qm_json_print(json_t *json);

#endif
