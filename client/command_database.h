/*
 * The database of a command: opening it, asking it, and what its failures mean.
 */
#ifndef QM_COMMAND_DATABASE_H
#define QM_COMMAND_DATABASE_H

#include "client.h"
#include "command.h"
#include "listing.h"

extern QmExit qm_database_open(QmInvocation *invocation);
extern QmExit qm_database_ask(const QmInvocation *invocation, const QmStatement *statement, const char *const *values,
                              PGresult **result);
extern QmExit qm_database_failed(const QmInvocation *invocation);
extern QmExit qm_database_list(const QmInvocation *invocation, const PGresult *result, const QmColumn *columns,
                               const char *none);

#endif
