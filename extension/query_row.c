/*
 * Columns of the rows that the last query returned, as C values that outlive
 * the next query but not the scope. Columns are counted from 0.
 */
#include "query_row.h"

#include "catalog/pg_type.h"
#include "compat.h"
#include "decimal.h"
#include "query.h"
#include "utils/builtins.h"

/* qm_row_text returns a text, or NULL. */
char *
qm_row_text(uint64 row, int column)
{
    bool isnull;
    Datum value = qm_query_value(row, column, &isnull);

    return isnull ? NULL : TextDatumGetCString(value);
}

/* qm_row_number returns a trimmed numeric, or NULL. */
Numeric
qm_row_number(uint64 row, int column)
{
    bool isnull;
    Datum value = qm_query_value(row, column, &isnull);

    return isnull ? NULL : qm_decimal_trim(DatumGetNumeric(value));
}

/* qm_row_int64 returns an integer or a time; 0 for NULL. */
int64
qm_row_int64(uint64 row, int column)
{
    bool isnull;
    Datum value = qm_query_value(row, column, &isnull);

    if (isnull)
        return 0;
    return SPI_gettypeid(SPI_tuptable->tupdesc, column + 1) == INT4OID ? DatumGetInt32(value) : DatumGetInt64(value);
}

/* qm_row_bool returns a boolean; false for NULL. */
bool
qm_row_bool(uint64 row, int column)
{
    bool isnull;
    Datum value = qm_query_value(row, column, &isnull);

    return !isnull && DatumGetBool(value);
}
