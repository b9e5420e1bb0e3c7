/*
 * SipHash-2-4: a 64-bit hash that nobody can aim without its 128-bit secret.
 */
#ifndef QM_SIPHASH_H
#define QM_SIPHASH_H

#include <stddef.h>
#include <stdint.h>

typedef struct QmSipSecret
{
    uint64_t words[2];
} QmSipSecret;

extern uint64_t qm_siphash(const QmSipSecret *secret, const void *data, size_t len);

#endif
