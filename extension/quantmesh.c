/*
 * The library: what happens when it is loaded.
 */
#include "postgres.h"

#include "compat.h"
#include "drop_guard.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "settings.h"
#include "shared.h"
#include "utils/builtins.h"
#include "worker.h"
#include "xact.h"

QM_MODULE_MAGIC;

PG_FUNCTION_INFO_V1(qm_version);

void _PG_init(void);

/*
 * _PG_init sets everything up when the server preloads the library. Loaded
 * later, by CREATE EXTENSION or a restore, it does nothing, and functions say
 * what is missing.
 */
void
_PG_init(void)
{
    if (!process_shared_preload_libraries_in_progress)
        return;
    qm_settings_define();
    qm_shared_install_hooks();
    qm_xact_register();
    qm_drop_guard_install();
    if (!IsBinaryUpgrade)
        qm_launcher_register();
}

/* qm_version returns the version of the library that is loaded. */
Datum
qm_version(PG_FUNCTION_ARGS)
{
    PG_RETURN_TEXT_P(cstring_to_text(QM_VERSION));
}
