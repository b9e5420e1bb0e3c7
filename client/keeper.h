/*
 * Keeper: the thread beside a lock handle that renews what it holds and calls
 * back when something is lost.
 */
#ifndef QM_CLIENT_KEEPER_H
#define QM_CLIENT_KEEPER_H

#include "holder.h"

extern QmCode qm_keeper_start(QmHolder *holder, QmError *error);
extern void qm_keeper_stop(QmHolder *holder);
extern void qm_keeper_wake(QmHolder *holder);
extern void qm_keeper_watch(QmHolder *holder, int fd, long connection);

#endif
