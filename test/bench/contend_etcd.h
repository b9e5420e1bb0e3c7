/* etcd's lock, for the contenders that guard orders with it; contend_etcd.c. */
#ifndef QM_CONTEND_ETCD_H
#define QM_CONTEND_ETCD_H

#include "contend.h"

void etcd_open(Worker *worker);
void etcd_step(Worker *worker);
bool etcd_attempt(Worker *worker);
bool etcd_give(Worker *worker);

#endif
