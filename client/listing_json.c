/*
 * Listings for programs: an array of objects with all columns of a listing.
 *
 * Amounts and ids are strings, since most readers of JSON make floating point of
 * a number. Counts and durations are numbers.
 */
#include "listing.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static json_t *cell_json(QmCellType type, const char *value);
static json_t *document_json(const char *text);
static json_t *text_json(const char *text);

/* qm_listing_json returns rows as an array of objects; NULL when there is no memory. */
json_t *
qm_listing_json(const QmColumn *columns, const QmRows *rows)
{
    json_t *list = json_array();

    for (int i = 0; list != NULL && i < rows->count; i++)
    {
        if (json_array_append_new(list, qm_listing_json_row(columns, rows, i)) != 0)
        {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

/* qm_listing_json_row returns one row as an object; NULL when there is no memory. */
json_t *
qm_listing_json_row(const QmColumn *columns, const QmRows *rows, int row)
{
    json_t *object = json_object();

    for (const QmColumn *column = columns; object != NULL && column->name != NULL; column++)
    {
        const char *value = rows->cell(rows->source, row, column->name);

        if (json_object_set_new(object, column->name, cell_json(column->type, value)) != 0)
        {
            json_decref(object);
            return NULL;
        }
    }
    return object;
}

/* cell_json returns a value as JSON; NULL when there is no memory. */
static json_t *
cell_json(QmCellType type, const char *value)
{
    if (value == NULL)
        return json_null();
    switch (type)
    {
        case QM_CELL_COUNT:
        case QM_CELL_SPAN:
            return json_integer(strtoll(value, NULL, 10));
        case QM_CELL_FLAG:
            return json_boolean(value[0] == 't');
        case QM_CELL_JSON:
            return document_json(value);
        default:
            return text_json(value);
    }
}

/*
 * document_json returns JSON of the server as it is, but for its numbers, which
 * become strings: among them are amounts. What is nested more deeply than our
 * library reads stays a text.
 */
static json_t *
document_json(const char *text)
{
    char *copy = malloc(strlen(text) * 3 + 1);
    char *out = copy;
    bool quoted = false;
    json_t *json;

    if (copy == NULL)
        return NULL;
    while (*text != '\0')
    {
        size_t len = quoted ? 0 : strspn(text, "-+.0123456789eE");

        /* true and false have an e, too, but do not begin with it */
        if (len > 0 && (*text == '-' || (*text >= '0' && *text <= '9')))
        {
            out += sprintf(out, "\"%.*s\"", (int) len, text);
            text += len;
            continue;
        }
        if (*text == '"')
            quoted = !quoted;
        else if (*text == '\\')
            *out++ = *text++;
        *out++ = *text++;
    }
    *out = '\0';
    json = json_loads(copy, JSON_DECODE_ANY, NULL);
    if (json == NULL)
        json = json_string(copy);
    free(copy);
    return json;
}

/* text_json returns a text as a string, with question marks for bytes that are not UTF-8, as a database without encoding can have. */
static json_t *
text_json(const char *text)
{
    json_t *json = json_string(text);
    char *copy;

    if (json != NULL)
        return json;
    copy = strdup(text);
    for (char *at = copy; at != NULL && *at != '\0'; at++)
    {
        if ((unsigned char) *at >= 0x80)
            *at = '?';
    }
    json = copy == NULL ? NULL : json_string(copy);
    free(copy);
    return json;
}

/* qm_json_print prints a value and gives it up. False: there was no memory, for which NULL stands too. */
bool
qm_json_print(json_t *json)
{
    char *text = json == NULL ? NULL : json_dumps(json, JSON_INDENT(2));

    json_decref(json);
    if (text == NULL)
        return false;
    puts(text);
    free(text);
    return true;
}
