/*
 * Lock keys inside the server: checked text, its 64-bit hash, its lock tag.
 */
#ifndef QM_KEY_H
#define QM_KEY_H

#include "postgres.h"

#include "lock_key.h"
#include "storage/lock.h"

/* locktag_field4 of our advisory locks: "QM". Applications' own keys use 1 and 2 there. */
#define QM_LOCKTAG_CLASS 0x514D

/* Keys of registered instances begin so. */
#define QM_INSTANCE_KEY_PREFIX "instance:"

typedef struct QmKey
{
    uint64 hash;
    QmKeyParts parts;
    uint16 len;
    char text[QM_KEY_MAX + 1];
} QmKey;

extern Size qm_key_shmem_size(void);
extern void qm_key_shmem_init(void);

extern uint64 qm_key_hash(const char *text, size_t len);
extern void qm_key_from_text(QmKey *key, const text *value);
extern void qm_key_tag(uint64 hash, LOCKTAG *tag);
extern int qm_key_cmp(const void *left, const void *right);

#endif
