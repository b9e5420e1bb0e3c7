/*
 * The PostgreSQL store: a client's handle behind the interface of stores.
 */
#ifndef QM_CLIENT_STORE_POSTGRES_H
#define QM_CLIENT_STORE_POSTGRES_H

#include "client.h"
#include "store.h"

typedef struct QmPostgres
{
    QmStore store;
    QmClient *client;
} QmPostgres;

/* store_postgres_list.c */
extern QmCode qm_postgres_get_market(QmStore *store, const char *account, const char *symbol, QmStoredMarket *market);
extern QmCode qm_postgres_open_orders(QmStore *store, const char *account, const char *symbol, const char *strategy,
                                      QmStoredOrder **list, size_t *count);
extern QmCode qm_postgres_order_by_client_id(QmStore *store, const char *account, const char *client_order_id,
                                             QmStoredOrder *order);
extern QmCode qm_postgres_positions(QmStore *store, const char *account, const char *symbol, const char *strategy,
                                    QmStoredPosition **list, size_t *count);
extern QmCode qm_postgres_fills(QmStore *store, const char *account, const char *symbol, const char *after_trade_id,
                                int max, QmStoredFill **list, size_t *count);

#endif
