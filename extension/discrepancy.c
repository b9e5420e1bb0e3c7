/*
 * Discrepancies: contradictions that somebody has to look at. One row per
 * account, code and subject until it is resolved; what is seen again is counted.
 */
#include "order_row.h"

#include "catalog/pg_type.h"
#include "compat.h"
#include "fence.h"
#include "query.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

/* qm_discrepancy_record records a contradiction, or counts it once more. symbol, local and remote may be NULL. */
void
qm_discrepancy_record(const char *account, const char *code, const char *symbol, int64 order_id, const char *subject,
                      Jsonb *local, Jsonb *remote)
{
    static QmQuery query =
        {"INSERT INTO quantmesh.discrepancy AS d (account, discrepancy_id, code, symbol, order_id, subject, local, "
         "remote, "
         "first_seen, last_seen) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9) "
         "ON CONFLICT (account, code, subject) WHERE resolved_at IS NULL DO UPDATE SET last_seen = excluded.last_seen, "
         "seen_count = d.seen_count + 1, local = excluded.local, remote = excluded.remote",
         9,
         {TEXTOID, INT8OID, TEXTOID, TEXTOID, INT8OID, TEXTOID, JSONBOID, JSONBOID, TIMESTAMPTZOID}};
    Datum values[] = {CStringGetTextDatum(account),
                      Int64GetDatum(qm_fence_draw()),
                      CStringGetTextDatum(code),
                      symbol == NULL ? (Datum) 0 : CStringGetTextDatum(symbol),
                      Int64GetDatum(order_id),
                      CStringGetTextDatum(subject),
                      PointerGetDatum(local),
                      PointerGetDatum(remote),
                      TimestampTzGetDatum(GetCurrentTimestamp())};
    bool nulls[] = {false, false, false, symbol == NULL, order_id == 0, false, local == NULL, remote == NULL, false};

    (void) qm_query_run(&query, values, nulls);
}

/*
 * qm_discrepancy_record_event records that an event does not fit what we knew of
 * the order, and returns the code; NULL when its effect is no contradiction.
 */
const char *
qm_discrepancy_record_event(const QmOrder *before, QmOrderEvent event, QmOrderEffect effect)
{
    const char *code = effect == QM_EFFECT_FLAGGED ? "REVIVED" : "STATE_DRIFT";
    const char *const local[][2] = {{"state", qm_order_state_name(before->state)}};
    const char *const remote[][2] = {{"event", qm_order_event_name(event)}};

    if (effect != QM_EFFECT_FLAGGED && effect != QM_EFFECT_RECORDED)
        return NULL;
    qm_discrepancy_record(before->account,
                          code,
                          before->symbol,
                          before->order_id,
                          psprintf(INT64_FORMAT, before->order_id),
                          qm_jsonb_object(lengthof(local), local),
                          qm_jsonb_object(lengthof(remote), remote));
    return code;
}

/* qm_jsonb_object returns an object of strings, in which a NULL value is a JSON null. */
Jsonb *
qm_jsonb_object(int npairs, const char *const (*pairs)[2])
{
    JsonbParseState *state = NULL;
    JsonbValue *object;

    (void) pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
    for (int i = 0; i < npairs; i++)
    {
        JsonbValue item;

        item.type = jbvString;
        item.val.string.val = unconstify(char *, pairs[i][0]);
        item.val.string.len = (int) strlen(pairs[i][0]);
        (void) pushJsonbValue(&state, WJB_KEY, &item);
        item.type = pairs[i][1] == NULL ? jbvNull : jbvString;
        if (pairs[i][1] != NULL)
        {
            item.val.string.val = unconstify(char *, pairs[i][1]);
            item.val.string.len = (int) strlen(pairs[i][1]);
        }
        (void) pushJsonbValue(&state, WJB_VALUE, &item);
    }
    object = pushJsonbValue(&state, WJB_END_OBJECT, NULL);
    return JsonbValueToJsonb(object);
}
