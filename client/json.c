/*
 * JSON: a text that grows, and objects whose values are strings. Numbers are
 * strings, too: the server reads them as exact decimals.
 */
#include "json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_SIZE 1024

/* add adds len bytes and the NUL behind them. */
static void
add(QmJson *json, const char *bytes, size_t len)
{
    if (json->failed)
        return;
    if (json->len + len + 1 > json->size)
    {
        size_t size = (json->size == 0 ? FIRST_SIZE : json->size) * 2 + len;
        char *text = realloc(json->text, size);

        if (text == NULL)
        {
            json->failed = true;
            return;
        }
        json->text = text;
        json->size = size;
    }
    memcpy(json->text + json->len, bytes, len);
    json->len += len;
    json->text[json->len] = '\0';
}

/* qm_json_add adds text as it is. */
void
qm_json_add(QmJson *json, const char *text)
{
    add(json, text, strlen(text));
}

/* qm_json_add_string adds a string in quotes, null for NULL. */
void
qm_json_add_string(QmJson *json, const char *string)
{
    if (string == NULL)
    {
        qm_json_add(json, "null");
        return;
    }
    qm_json_add(json, "\"");
    for (const char *at = string; *at != '\0'; at++)
    {
        char escaped[8];

        if (*at == '"' || *at == '\\')
            snprintf(escaped, sizeof(escaped), "\\%c", *at);
        else if ((unsigned char) *at < 0x20)
            snprintf(escaped, sizeof(escaped), "\\u%04x", (unsigned) (unsigned char) *at);
        else
        {
            add(json, at, 1);
            continue;
        }
        qm_json_add(json, escaped);
    }
    qm_json_add(json, "\"");
}

/* qm_json_add_field adds a field behind those that the object has already; nothing when the value is NULL. */
void
qm_json_add_field(QmJson *json, const char *name, const char *value)
{
    if (value == NULL || json->failed)
        return;
    if (json->len > 0 && json->text[json->len - 1] != '{')
        qm_json_add(json, ",");
    qm_json_add_string(json, name);
    qm_json_add(json, ":");
    qm_json_add_string(json, value);
}

/* qm_json_free frees the text, and makes it empty. */
void
qm_json_free(QmJson *json)
{
    free(json->text);
    *json = (QmJson){0};
}
