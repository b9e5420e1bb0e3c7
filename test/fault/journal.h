/*
 * Journal: what transactions did to some tables, in the order of their commits,
 * read out of the server's write-ahead log by a logical replication slot.
 *
 * That order is the server's own: a transaction that saw another's commit comes
 * after it. So what must never be true can be looked for after each commit, and
 * nothing that was true for a moment only is missed. The slot and the
 * publication are named "fault"; the server needs wal_level = logical.
 */
#ifndef QF_JOURNAL_H
#define QF_JOURNAL_H

#include "link.h"

enum
{
    JOURNAL_COLUMNS = 32
};

/* One row that was inserted (I), updated (U) or deleted (D: key columns only). Texts live until the handler returns. */
typedef struct JournalChange
{
    char kind;
    const char *table;
    int count;
    const char *columns[JOURNAL_COLUMNS];
    const char *values[JOURNAL_COLUMNS]; /* NULL: null */
} JournalChange;

typedef struct JournalHandler
{
    void (*change)(void *argument, const JournalChange *change);
    void (*commit)(void *argument); /* after the last change of a transaction */
    void *argument;
} JournalHandler;

extern bool qf_journal_start(Link *admin, const char *tables);
extern bool qf_journal_read(Link *admin, const JournalHandler *handler);
extern void qf_journal_drop(Link *admin);
extern const char *qf_journal_value(const JournalChange *change, const char *column);

#endif
