/*
 * Errors: how a failure is written down, and what a SQLSTATE means to a caller.
 */
#include "error.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const code_names[] = {
    [QM_OK] = "ok",
    [QM_BUSY] = "busy",
    [QM_NOT_HELD] = "not_held",
    [QM_ERROR_ARGUMENT] = "error_argument",
    [QM_ERROR_MEMORY] = "error_memory",
    [QM_ERROR_CONNECT] = "error_connect",
    [QM_ERROR_UNCERTAIN] = "error_uncertain",
    [QM_ERROR_VERSION] = "error_version",
    [QM_ERROR_PERMISSION] = "error_permission",
    [QM_ERROR_READ_ONLY] = "error_read_only",
    [QM_ERROR_LIMIT] = "error_limit",
    [QM_ERROR_UNSUPPORTED] = "error_unsupported",
    [QM_ERROR_PROTOCOL] = "error_protocol",
    [QM_ERROR_SERVER] = "error_server",
};

/* What a SQLSTATE that begins so means to a caller; the first that fits counts. */
typedef struct StateMeaning
{
    const char *prefix;
    QmCode code;
    bool passes; /* by itself, soon: the call is worth repeating */
} StateMeaning;

static const StateMeaning meanings[] = {
    {"08P01", QM_ERROR_PROTOCOL, false}, {"08", QM_ERROR_CONNECT, true},
    {"57P01", QM_ERROR_CONNECT, true}, /* the server goes down, or this backend was ended */
    {"57P02", QM_ERROR_CONNECT, true}, /* a crash of another backend */
    {"57P03", QM_ERROR_CONNECT, true}, /* starting, or in recovery */
    {"57P05", QM_ERROR_CONNECT, true}, /* idle for too long */
    {"53300", QM_ERROR_CONNECT, true}, /* out of connections */
    {"3D000", QM_ERROR_CONNECT, false},  {"40001", QM_ERROR_SERVER, true}, /* serialization failure */
    {"40P01", QM_ERROR_SERVER, true},                                      /* deadlock */
    {"3F000", QM_ERROR_VERSION, false},  {"42883", QM_ERROR_VERSION, false},
    {"55000", QM_ERROR_SERVER, false},   {"42501", QM_ERROR_PERMISSION, false},
    {"28", QM_ERROR_PERMISSION, false},  {"25006", QM_ERROR_READ_ONLY, false},
    {"53", QM_ERROR_LIMIT, false},       {"54", QM_ERROR_LIMIT, false},
    {"0A", QM_ERROR_UNSUPPORTED, false}, {"22", QM_ERROR_ARGUMENT, false},
    {"42704", QM_ERROR_ARGUMENT, false}, {"P0002", QM_ERROR_ARGUMENT, false}, /* no such order, market or account */
};

/* meaning_of returns the table's row for a SQLSTATE, NULL when it has none. */
static const StateMeaning *
meaning_of(const char *sqlstate)
{
    for (size_t i = 0; i < sizeof(meanings) / sizeof(meanings[0]); i++)
    {
        if (strncmp(sqlstate, meanings[i].prefix, strlen(meanings[i].prefix)) == 0)
            return &meanings[i];
    }
    return NULL;
}

/* qm_code_name returns the code's name. */
const char *
qm_code_name(QmCode code)
{
    if ((size_t) code >= sizeof(code_names) / sizeof(code_names[0]))
        return "no such code";
    return code_names[code];
}

/* qm_version returns the version that the library was built as. */
const char *
qm_version(void)
{
    return QM_VERSION;
}

/* qm_free frees a list that a call has returned. */
void
qm_free(void *list)
{
    free(list);
}

/* qm_error_clear writes down that there is no failure. */
void
qm_error_clear(QmError *error)
{
    memset(error, 0, sizeof(*error));
}

/* qm_error_set writes a failure down and returns its code; hint may be NULL, and so may error. */
QmCode
qm_error_set(QmError *error, QmCode code, const char *sqlstate, const char *hint, const char *format, ...)
{
    va_list arguments;
    char message[QM_DETAIL_SIZE];

    if (error == NULL)
        return code;
    va_start(arguments, format);
    vsnprintf(message, sizeof(message), format, arguments);
    va_end(arguments);
    qm_error_clear(error);
    error->code = code;
    qm_text_copy(error->sqlstate, sizeof(error->sqlstate), sqlstate);
    qm_text_copy(error->message, sizeof(error->message), message);
    qm_text_copy(error->hint, sizeof(error->hint), hint);
    return code;
}

/* qm_error_copy passes a failure on to another handle, and returns its code. */
QmCode
qm_error_copy(QmError *to, const QmError *from)
{
    *to = *from;
    return from->code;
}

/* qm_error_no_memory writes down that there is no memory. */
QmCode
qm_error_no_memory(QmError *error)
{
    return qm_error_set(error, QM_ERROR_MEMORY, "53200", NULL, "out of memory");
}

/* qm_error_code returns what a SQLSTATE means to a caller. */
QmCode
qm_error_code(const char *sqlstate)
{
    const StateMeaning *meaning = meaning_of(sqlstate);

    return meaning == NULL ? QM_ERROR_SERVER : meaning->code;
}

/* qm_error_passes says whether what a SQLSTATE names can be expected to be over soon. */
bool
qm_error_passes(const char *sqlstate)
{
    const StateMeaning *meaning = meaning_of(sqlstate);

    return meaning != NULL && meaning->passes;
}

/* qm_text_copy copies as much as fits, never half a UTF-8 character; NULL becomes the empty text. */
void
qm_text_copy(char *to, size_t size, const char *from)
{
    size_t len = from == NULL ? 0 : strlen(from);

    if (len >= size)
    {
        len = size - 1;
        while (len > 0 && ((unsigned char) from[len] & 0xC0) == 0x80)
            len--;
    }
    if (len > 0)
        memmove(to, from, len);
    to[len] = '\0';
}
