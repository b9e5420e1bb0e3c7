/*
 * Configuration files, as commands load them.
 */
#ifndef QM_COMMAND_CONFIG_H
#define QM_COMMAND_CONFIG_H

#include "command.h"
#include "config.h"

extern QmExit qm_command_load_config(const char *path, bool strict, QmConfig **config);
extern void qm_command_say_config(const QmConfig *config, bool real_money);

#endif
