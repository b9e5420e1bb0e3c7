/*
 * Links: one client's connection, and when it was last known to be alive.
 *
 * A link belongs to one thread. alive_ns is the sending time of the last
 * statement that was answered without error: the backend still lived then, and
 * whatever it held before was still held.
 */
#ifndef QF_LINK_H
#define QF_LINK_H

#include <libpq-fe.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct Link
{
    PGconn *conn;
    int64_t sent_ns;  /* last statement was sent */
    int64_t alive_ns; /* last answered statement was sent */
    char state[6];    /* SQLSTATE of the last failure, or "" */
    bool lost;        /* a statement failed without one: the connection is gone, though libpq may not have noticed */
} Link;

extern bool qf_link_open(Link *link, const char *conninfo, const char *name);
extern void qf_link_close(Link *link);
extern bool qf_link_broken(const Link *link);
extern PGresult *qf_link_query(Link *link, const char *sql, int count, const char *const *values);
extern bool qf_link_command(Link *link, const char *sql, int count, const char *const *values);
extern int64_t qf_link_number(Link *link, const char *sql, int count, const char *const *values);
extern bool qf_link_rollback(Link *link);

#endif
