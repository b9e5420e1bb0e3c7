/*
 * Market numbers: each market and account that orders have gone to has a number,
 * by which shared arrays know it.
 */
#ifndef QM_MARKET_NUMBER_H
#define QM_MARKET_NUMBER_H

#include "postgres.h"

#include "storage/lwlock.h"

#define QM_MARKET_OTHER 0     /* for all that have none of their own: unknown markets */
#define QM_MARKET_NAME_MAX 64 /* bytes of an account or symbol */

typedef struct QmMarketName
{
    Oid database;
    char account[QM_MARKET_NAME_MAX + 1];
    char symbol[QM_MARKET_NAME_MAX + 1]; /* empty: the account as a whole */
} QmMarketName;

extern Size qm_market_number_shmem_size(void);
extern void qm_market_number_shmem_init(LWLock *lock);

extern int qm_market_number(const char *account, const char *symbol);
extern int qm_market_number_find(const char *account, const char *symbol);
extern int qm_market_numbers(void);
extern const QmMarketName *qm_market_name(int number);

#endif
