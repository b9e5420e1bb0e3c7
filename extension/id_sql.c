/*
 * SQL functions: next_id and current_tag, for functions of this extension that are written in SQL, and
 * market_is_trusted, for the view of markets.
 */
#include "postgres.h"

#include "access/xact.h"
#include "access/xlog.h"
#include "compat.h"
#include "fence.h"
#include "fmgr.h"
#include "settings.h"
#include "shared.h"
#include "utils/builtins.h"

PG_FUNCTION_INFO_V1(qm_next_id);
PG_FUNCTION_INFO_V1(qm_current_tag);
PG_FUNCTION_INFO_V1(qm_market_is_trusted_sql);

/* qm_next_id is quantmesh.next_id: an id above every id and fence given out before. */
Datum
qm_next_id(PG_FUNCTION_ARGS)
{
    qm_require_running("quantmesh.next_id()");
    PG_RETURN_INT64(qm_fence_draw());
}

/* qm_current_tag is quantmesh.current_tag: the origin tag of orders placed now. */
Datum
qm_current_tag(PG_FUNCTION_ARGS)
{
    qm_require_running("quantmesh.current_tag()");
    qm_fence_prepare();
    PG_RETURN_TEXT_P(cstring_to_text(qm_origin_tag()));
}

/*
 * qm_market_is_trusted_sql is quantmesh.market_is_trusted: what placing would
 * find. NULL where nothing can be placed at all: on a standby, or without
 * preloading; a view must work there, too.
 */
Datum
qm_market_is_trusted_sql(PG_FUNCTION_ARGS)
{
    if (PG_ARGISNULL(0) || !qm_is_preloaded() || RecoveryInProgress() || IsInParallelMode())
        PG_RETURN_NULL();
    if (qm_after_promotion == QM_PROMOTION_TRUST)
        PG_RETURN_BOOL(true);
    qm_fence_prepare();
    PG_RETURN_BOOL(strcmp(text_to_cstring(PG_GETARG_TEXT_PP(0)), qm_origin_tag()) == 0);
}
