/*
 * Small durable files in the data directory.
 */
#ifndef QM_STATE_FILE_H
#define QM_STATE_FILE_H

#include "postgres.h"

#define QM_STATE_DIR "quantmesh" /* in the data directory */

#define QM_STATE_FENCE QM_STATE_DIR "/fence"     /* the launcher's */
#define QM_STATE_MARK QM_STATE_DIR "/lease_mark" /* the launcher's */
#define QM_STATE_LEASES QM_STATE_DIR "/leases"   /* the postmaster's, from a clean shutdown to the next start */

typedef enum QmStateRead
{
    QM_STATE_OK,
    QM_STATE_MISSING,
    QM_STATE_DAMAGED
} QmStateRead;

extern bool qm_state_write(const char *path, const void *data, Size size);
extern QmStateRead qm_state_read(const char *path, void *data, Size max_size, Size *size);
extern void qm_state_remove(const char *path);

#endif
