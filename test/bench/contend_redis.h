/*
 * Redis' lock, for the contenders that guard orders with it; contend_redis.c.
 * The many are taken and given back pipelined, at most UNITS_MAX, and none of
 * them may be refused.
 */
#ifndef QM_CONTEND_REDIS_H
#define QM_CONTEND_REDIS_H

#include "contend.h"

void redis_take_many(Worker *worker, char keys[][KEY_SIZE], int count);
void redis_give_many(Worker *worker, char keys[][KEY_SIZE], int count);

#endif
