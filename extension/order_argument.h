/*
 * Arguments of order functions, checked.
 */
#ifndef QM_ORDER_ARGUMENT_H
#define QM_ORDER_ARGUMENT_H

#include "postgres.h"

#include "datatype/timestamp.h"
#include "fmgr.h"
#include "utils/numeric.h"

#define QM_NAME_MAX 128        /* bytes of an id or a name */
#define QM_MESSAGE_MAX 1024    /* bytes of what an exchange says, of which more is cut off */
#define QM_NUMBER_LIMIT "1e18" /* prices and quantities are below */

extern bool qm_is_market_name(const char *text, size_t len);
extern char *qm_arg_account(FunctionCallInfo fcinfo, int arg);
extern char *qm_arg_symbol(FunctionCallInfo fcinfo, int arg);
extern char *qm_arg_name(FunctionCallInfo fcinfo, int arg, const char *name);
extern char *qm_arg_name_or_null(FunctionCallInfo fcinfo, int arg, const char *name);
extern char *qm_arg_name_or_empty(FunctionCallInfo fcinfo, int arg, const char *name);
extern char *qm_arg_message(FunctionCallInfo fcinfo, int arg);
extern int64 qm_arg_positive(FunctionCallInfo fcinfo, int arg, const char *name);
extern Numeric qm_arg_number(FunctionCallInfo fcinfo, int arg, const char *name);
extern void qm_arg_sender(FunctionCallInfo fcinfo, int instance_arg, int epoch_arg, const char **instance,
                          int64 *epoch);
extern TimestampTz qm_arg_time_or_null(FunctionCallInfo fcinfo, int arg, const char *name);
extern int qm_arg_word(FunctionCallInfo fcinfo, int arg, const char *name, const char *const *words, int nwords);

#endif
