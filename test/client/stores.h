/*
 * Stores for the tests: one of each type, fresh, with the same markets.
 */
#ifndef QT_STORES_H
#define QT_STORES_H

#include "store.h"

#define QT_STORE_ACCOUNT "binance"

extern const char *qt_folder(void);
extern const char *qt_store_file(const char *name);
extern QmStore *qt_store(const char *type, const char *name);
extern void qt_markets(QmStore *store);
extern QmPlacement qt_placed(QmStore *store, const QmOrder *order);

/* The error of a store, for assert_ok and assert_code. */
#define qt_error(store) ((store)->functions->error(store))

#endif
