/*
 * One order in the place of another at the paper exchange: a cancel and a placement
 * in one call, of which either may fail.
 */
#include "paper_rest_orders.h"

static json_t *
result_word(bool attempted, bool good)
{
    return json_string(good ? "SUCCESS" : attempted ? "FAILURE" : "NOT_ATTEMPTED");
}

/* take_body takes what a step has answered, and makes the call ready for the next. */
static json_t *
take_body(QmPaperCall *call, bool *good)
{
    json_t *body = call->body;

    *good = call->code == 0;
    call->body = NULL;
    call->code = 0;
    call->status = 200;
    return body;
}

/* qm_paper_order_replace cancels an order and places another. What is malformed is refused before either. */
void
qm_paper_order_replace(QmPaperCall *call)
{
    static const char *const modes[] = {"STOP_ON_FAILURE", "ALLOW_FAILURE", NULL};
    QmPaperRequest request;
    json_t *canceled;
    json_t *placed = json_null();
    json_t *body;
    bool is_canceled, attempted;
    bool is_placed = false;
    int mode;

    if (qm_paper_need(call, "cancelReplaceMode") == NULL || !qm_paper_read_request(call, &request))
        return;
    mode = qm_paper_word(call,
                         "cancelReplaceMode",
                         modes,
                         -1102,
                         "Mandatory parameter 'cancelReplaceMode' was not sent, was empty/null, or malformed.");
    if (mode < 0)
        return;
    canceled = qm_paper_cancel_named(call, "cancelOrderId", "cancelOrigClientOrderId", "cancelNewClientOrderId");
    if (canceled != NULL)
        qm_paper_call_body(call, canceled);
    canceled = take_body(call, &is_canceled);
    attempted = is_canceled || mode == 1;
    if (attempted)
    {
        qm_paper_order_place(call);
        placed = take_body(call, &is_placed);
    }
    body = json_pack("{s:o, s:o, s:o, s:o}",
                     "cancelResult",
                     result_word(true, is_canceled),
                     "newOrderResult",
                     result_word(attempted, is_placed),
                     "cancelResponse",
                     canceled,
                     "newOrderResponse",
                     placed);
    if (is_canceled && is_placed)
    {
        qm_paper_call_body(call, body);
        return;
    }
    if (is_canceled || is_placed)
        qm_paper_call_error(call, 409, -2021, "Order cancel-replace partially failed.");
    else
        qm_paper_call_error(call, 400, -2022, "Order cancel-replace failed.");
    json_object_set_new(call->body, "data", body);
}
