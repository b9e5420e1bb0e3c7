/*
 * Decoding: the columns of an answer, and the values of a call, as text. Times
 * pass as microseconds, so that no setting of the session changes them.
 */
#include "decode.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "error.h"

#define US_PER_S 1000000
#define LAST_YEAR 9999

/* qm_column_int64 returns a number, 0 for NULL. */
int64_t
qm_column_int64(const PGresult *result, int row, int column)
{
    return PQgetisnull(result, row, column) ? 0 : strtoll(PQgetvalue(result, row, column), NULL, 10);
}

/* qm_column_bool returns a boolean, false for NULL. */
bool
qm_column_bool(const PGresult *result, int row, int column)
{
    return PQgetvalue(result, row, column)[0] == 't';
}

/* qm_column_text copies a text, empty for NULL. */
void
qm_column_text(const PGresult *result, int row, int column, char *text, size_t size)
{
    qm_text_copy(text, size, PQgetvalue(result, row, column));
}

/* qm_column_word returns which of the words a column has, -1 for none of them. */
int
qm_column_word(const PGresult *result, int row, int column, const char *const *words, int count)
{
    for (int i = 0; i < count; i++)
    {
        if (strcmp(PQgetvalue(result, row, column), words[i]) == 0)
            return i;
    }
    return -1;
}

/* qm_value_int64 writes a number. */
const char *
qm_value_int64(char text[QM_NUMBER_TEXT], int64_t value)
{
    snprintf(text, QM_NUMBER_TEXT, "%" PRId64, value);
    return text;
}

/* qm_value_int64_or_null writes a number, NULL for 0. */
const char *
qm_value_int64_or_null(char text[QM_NUMBER_TEXT], int64_t value)
{
    return value == 0 ? NULL : qm_value_int64(text, value);
}

/* qm_value_bool returns a boolean's text. */
const char *
qm_value_bool(bool value)
{
    return value ? "true" : "false";
}

/* qm_value_interval writes a duration. */
const char *
qm_value_interval(char text[QM_NUMBER_TEXT + 3], int64_t ms)
{
    snprintf(text, QM_NUMBER_TEXT + 3, "%" PRId64 " ms", ms);
    return text;
}

/* qm_value_time_or_null writes a time, NULL for 0; false when it is not between the years 1970 and 9999. */
bool
qm_value_time_or_null(char text[QM_TIME_TEXT], int64_t time_us, const char **value)
{
    time_t seconds = (time_t) (time_us / US_PER_S);
    struct tm parts;

    *value = NULL;
    if (time_us == 0)
        return true;
    if (time_us < 0 || gmtime_r(&seconds, &parts) == NULL || parts.tm_year + 1900 > LAST_YEAR)
        return false;
    snprintf(text,
             QM_TIME_TEXT,
             "%04d-%02d-%02d %02d:%02d:%02d.%06d+00",
             parts.tm_year + 1900,
             parts.tm_mon + 1,
             parts.tm_mday,
             parts.tm_hour,
             parts.tm_min,
             parts.tm_sec,
             (int) (time_us % US_PER_S));
    *value = text;
    return true;
}
