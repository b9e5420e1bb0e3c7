/*
 * Rendezvous hashing: which of several instances gets a market.
 */
#ifndef QM_RENDEZVOUS_H
#define QM_RENDEZVOUS_H

#include "postgres.h"

/* An instance that is alive. */
typedef struct QmCandidate
{
    char *name;
    int64 epoch;
    bool standby;
    int weight;
} QmCandidate;

/* Which candidates have registered for which markets. */
typedef struct QmRegistry QmRegistry;

extern QmRegistry *qm_registry_new(const QmCandidate *candidates, int ncandidates);
extern void qm_registry_add(QmRegistry *registry, const char *instance, const char *account, const char *symbol);
extern const QmCandidate *qm_registry_find(QmRegistry *registry, const char *instance, const char *account,
                                           const char *symbol);
extern const QmCandidate *qm_registry_choose(QmRegistry *registry, const char *account, const char *symbol);

#endif
