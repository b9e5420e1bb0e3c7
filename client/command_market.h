/*
 * Markets that a command line names.
 */
#ifndef QM_COMMAND_MARKET_H
#define QM_COMMAND_MARKET_H

#include "command_database.h"

extern QmExit qm_market_check(const QmInvocation *invocation, const char *account, const char *symbol);

#endif
