/*
 * Arguments of SQL functions, checked.
 */
#ifndef QM_ARGUMENT_H
#define QM_ARGUMENT_H

#include "postgres.h"

#include "fmgr.h"
#include "key.h"
#include "lease.h"

extern void qm_arg_key(FunctionCallInfo fcinfo, int arg, QmKey *key);
extern QmKey *qm_arg_keys(FunctionCallInfo fcinfo, int arg, int *nkeys);
extern void qm_arg_owner(FunctionCallInfo fcinfo, int arg, QmOwner *owner);
extern int64 qm_arg_fence(FunctionCallInfo fcinfo, int arg);
extern char *qm_arg_reason(FunctionCallInfo fcinfo, int arg, int max_len);
extern int64 qm_arg_interval_us(FunctionCallInfo fcinfo, int arg, const char *name, int64 null_us);
extern int64 qm_arg_lease_ttl_us(FunctionCallInfo fcinfo, int arg);
extern Interval *qm_interval(int64 us);

#endif
