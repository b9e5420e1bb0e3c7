/*
 * Refuses to drop the extension while orders are live.
 */
#ifndef QM_DROP_GUARD_H
#define QM_DROP_GUARD_H

extern void qm_drop_guard_install(void);

#endif
