/*
 * Losses: what a loss callback has been told.
 */
#ifndef QT_LOSSES_H
#define QT_LOSSES_H

#include <stdatomic.h>

#include "quantmesh.h"

typedef struct QtLosses
{
    atomic_int count;
    QmLoss loss; /* the last */
    char key[QM_LOCK_KEY_SIZE];
} QtLosses;

extern void qt_loss_note(void *argument, const char *key, const QmGrant *grant, QmLoss loss);
extern void qt_loss_until(QtLosses *losses, int count);

#endif
