/*
 * Journal: reads the messages of the server's pgoutput plugin, protocol 1.
 */
#include "journal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum
{
    RELATIONS_MAX = 16,
    NAME_MAX_BYTES = 64,
    TEXT_MAX = 65536
};

typedef struct Relation
{
    uint32_t id;
    char name[NAME_MAX_BYTES];
    int count;
    char columns[JOURNAL_COLUMNS][NAME_MAX_BYTES];
} Relation;

/* A message being read. Reading beyond its end makes it bad, and everything that is read from then on is zero. */
typedef struct Message
{
    const char *next;
    const char *end;
    bool bad;
} Message;

typedef struct Reader
{
    Relation relations[RELATIONS_MAX];
    int relation_count;
    char texts[TEXT_MAX]; /* values of the change at hand, each with its end */
    size_t text_used;
} Reader;

/* read_number reads a big-endian number of so many bytes. */
static uint64_t
read_number(Message *message, int bytes)
{
    uint64_t number = 0;

    if (message->end - message->next < bytes)
    {
        message->bad = true;
        return 0;
    }
    while (bytes-- > 0)
        number = number << 8 | (unsigned char) *message->next++;
    return number;
}

/* read_name copies a text that ends with a zero byte. */
static void
read_name(Message *message, char *name)
{
    size_t length = strnlen(message->next, (size_t) (message->end - message->next));

    name[0] = '\0';
    if (message->next + length >= message->end || length >= NAME_MAX_BYTES)
    {
        message->bad = true;
        return;
    }
    memcpy(name, message->next, length + 1);
    message->next += length + 1;
}

/* relation_find returns the relation of that id, or NULL. */
static Relation *
relation_find(Reader *reader, uint32_t id)
{
    for (int i = 0; i < reader->relation_count; i++)
        if (reader->relations[i].id == id)
            return &reader->relations[i];
    return NULL;
}

/* read_relation learns a table's name and columns; the server tells them before it uses the id, and again when it likes. */
static void
read_relation(Reader *reader, Message *message)
{
    uint32_t id = (uint32_t) read_number(message, 4);
    Relation *relation = relation_find(reader, id);
    char schema[NAME_MAX_BYTES];

    if (relation == NULL && reader->relation_count == RELATIONS_MAX)
    {
        message->bad = true;
        return;
    }
    if (relation == NULL)
        relation = &reader->relations[reader->relation_count++];
    relation->id = id;
    read_name(message, schema);
    read_name(message, relation->name);
    read_number(message, 1);
    relation->count = (int) read_number(message, 2);
    if (relation->count > JOURNAL_COLUMNS)
    {
        message->bad = true;
        relation->count = 0;
    }
    for (int i = 0; i < relation->count; i++)
    {
        read_number(message, 1);
        read_name(message, relation->columns[i]);
        read_number(message, 8);
    }
}

/* read_text copies a value and returns it. */
static const char *
read_text(Reader *reader, Message *message)
{
    size_t length = (size_t) read_number(message, 4);
    char *text = reader->texts + reader->text_used;

    if (length > (size_t) (message->end - message->next) || length >= TEXT_MAX - reader->text_used)
    {
        message->bad = true;
        return NULL;
    }
    memcpy(text, message->next, length);
    text[length] = '\0';
    message->next += length;
    reader->text_used += length + 1;
    return text;
}

/* read_row reads the columns of a row. Values that were not sent since they are large and unchanged are not expected. */
static void
read_row(Reader *reader, Message *message, JournalChange *change)
{
    int count = (int) read_number(message, 2);

    if (count != change->count)
        message->bad = true;
    for (int i = 0; i < count && !message->bad; i++)
    {
        char kind = (char) read_number(message, 1);

        change->values[i] = NULL;
        if (kind == 't')
            change->values[i] = read_text(reader, message);
        else if (kind != 'n')
            message->bad = true;
    }
}

/* read_change reads an insert, update or delete; of an update's two rows the second counts. */
static void
read_change(Reader *reader, Message *message, char kind, JournalChange *change)
{
    Relation *relation = relation_find(reader, (uint32_t) read_number(message, 4));

    if (relation == NULL)
    {
        message->bad = true;
        return;
    }
    change->kind = kind;
    change->table = relation->name;
    change->count = relation->count;
    for (int i = 0; i < relation->count; i++)
        change->columns[i] = relation->columns[i];
    reader->text_used = 0;
    if ((char) read_number(message, 1) != 'N' && kind == 'U')
    {
        read_row(reader, message, change);
        read_number(message, 1);
    }
    read_row(reader, message, change);
}

/* message_read hands one message on; false when it cannot be understood. */
static bool
message_read(Reader *reader, const JournalHandler *handler, const char *data, int length)
{
    Message message = {.next = data, .end = data + length};
    char kind = (char) read_number(&message, 1);
    JournalChange change;

    switch (kind)
    {
        case 'R':
            read_relation(reader, &message);
            break;
        case 'I':
        case 'U':
        case 'D':
            read_change(reader, &message, kind, &change);
            if (!message.bad)
                handler->change(handler->argument, &change);
            break;
        case 'C':
            handler->commit(handler->argument);
            break;
        case 'B':
        case 'O':
        case 'Y':
            break;
        default:
            message.bad = true;
            break;
    }
    if (message.bad)
        fprintf(stderr, "journal: a message %c of %d bytes is not understood\n", kind, length);
    return !message.bad;
}

/* qf_journal_start makes the publication and the slot: the journal begins here. tables is as in CREATE PUBLICATION. */
bool
qf_journal_start(Link *admin, const char *tables)
{
    char sql[2048];

    qf_journal_drop(admin);
    snprintf(sql, sizeof(sql), "CREATE PUBLICATION fault FOR TABLE %s", tables);
    return qf_link_command(admin, sql, 0, NULL) &&
           qf_link_command(admin, "SELECT pg_create_logical_replication_slot('fault', 'pgoutput')", 0, NULL);
}

/*
 * qf_journal_read hands everything that was committed since the start, or since
 * the last reading, to the handler. Not to be called before the last crash: the
 * server may forget how far a slot was read.
 */
bool
qf_journal_read(Link *admin, const JournalHandler *handler)
{
    static const char sql[] = "SELECT data FROM pg_logical_slot_get_binary_changes('fault', NULL, NULL,"
                              " 'proto_version', '1', 'publication_names', 'fault')";
    Reader *reader = calloc(1, sizeof(*reader));
    PGresult *result;
    bool good = reader != NULL && PQsendQueryParams(admin->conn, sql, 0, NULL, NULL, NULL, NULL, 1) == 1 &&
                PQsetSingleRowMode(admin->conn) == 1;

    while ((result = PQgetResult(admin->conn)) != NULL)
    {
        ExecStatusType status = PQresultStatus(result);

        if (status == PGRES_SINGLE_TUPLE && good)
            good = message_read(reader, handler, PQgetvalue(result, 0, 0), PQgetlength(result, 0, 0));
        else if (status != PGRES_SINGLE_TUPLE && status != PGRES_TUPLES_OK)
        {
            fprintf(stderr, "journal: %s", PQresultErrorMessage(result));
            good = false;
        }
        PQclear(result);
    }
    free(reader);
    return good;
}

/* qf_journal_drop takes slot and publication away, if they are there. */
void
qf_journal_drop(Link *admin)
{
    qf_link_command(admin,
                    "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = 'fault'",
                    0,
                    NULL);
    qf_link_command(admin, "DROP PUBLICATION IF EXISTS fault", 0, NULL);
}

/* qf_journal_value returns a column's value, NULL when it is null. A column that was not published ends the program. */
const char *
qf_journal_value(const JournalChange *change, const char *column)
{
    for (int i = 0; i < change->count; i++)
        if (strcmp(change->columns[i], column) == 0)
            return change->values[i];
    fprintf(stderr, "journal: table %s has no column %s\n", change->table, column);
    exit(2);
}
