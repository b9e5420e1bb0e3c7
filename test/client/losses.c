/*
 * Losses: what a loss callback has been told.
 */
#include "losses.h"

#include <stdio.h>
#include <unistd.h>

#include "check.h"

enum
{
    WAIT_STEPS = 3000,
    WAIT_STEP_US = 10000
};

/* qt_loss_note is the callback. */
void
qt_loss_note(void *argument, const char *key, const QmGrant *grant, QmLoss loss)
{
    QtLosses *losses = argument;

    (void) grant;
    losses->loss = loss;
    snprintf(losses->key, sizeof(losses->key), "%s", key);
    atomic_fetch_add(&losses->count, 1);
}

/* qt_loss_until waits until so many losses were told. */
void
qt_loss_until(QtLosses *losses, int count)
{
    for (int i = 0; i < WAIT_STEPS && atomic_load(&losses->count) < count; i++)
        usleep(WAIT_STEP_US);
    assert_int_equal(atomic_load(&losses->count), count);
}
