-- What the exchange says of orders. Plain C, run as the caller, whose right to the account is checked.

CREATE TYPE quantmesh.report_result AS (
    order_id    bigint,
    state       text,
    applied     boolean,
    discrepancy text
);
COMMENT ON TYPE quantmesh.report_result IS 'What a report did.';
COMMENT ON COLUMN quantmesh.report_result.order_id IS 'The order; NULL when it is not ours.';
COMMENT ON COLUMN quantmesh.report_result.state IS 'Its state afterwards.';
COMMENT ON COLUMN quantmesh.report_result.applied IS 'Whether anything was written to the order or its fills. False for news that we had.';
COMMENT ON COLUMN quantmesh.report_result.discrepancy IS 'Code of the contradiction that was recorded; NULL if none.';

CREATE FUNCTION quantmesh.apply_report(account text, symbol text, client_order_id text DEFAULT NULL, exchange_order_id text DEFAULT NULL,
    state text DEFAULT NULL, trade_id text DEFAULT NULL, last_quantity numeric DEFAULT NULL, last_price numeric DEFAULT NULL,
    cumulative_quantity numeric DEFAULT NULL, commission numeric DEFAULT NULL, commission_asset text DEFAULT NULL, is_maker boolean DEFAULT NULL,
    event_time timestamptz DEFAULT NULL, source text DEFAULT 'stream', detail jsonb DEFAULT NULL) RETURNS quantmesh.report_result
    LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'qm_apply_report';
COMMENT ON FUNCTION quantmesh.apply_report(text, text, text, text, text, text, numeric, numeric, numeric, numeric, text, boolean, timestamptz, text, jsonb) IS
    'Applies one report of the exchange: a reply, a stream event or a trade. May be repeated and come in any order. account, symbol: the market. client_order_id, exchange_order_id: at least one; the exchange''s alone finds an order only once a report has named both, so repeat what was EXTERNAL_ORDER before. state: what the exchange calls the order now, or busted for a trade that it took back; NULL says nothing of it. trade_id, last_quantity, last_price: the fill, booked once per trade_id. cumulative_quantity: filled so far. commission, commission_asset: of this fill. is_maker: of this fill. event_time: by the exchange''s clock, default now. source: reply, stream, query, trade, reconcile or operator. detail: the raw report, at most 8 kB, kept with the event.';

CREATE FUNCTION quantmesh.resolve_submission(account text, order_id bigint, fence bigint, outcome text, code text DEFAULT NULL, message text DEFAULT NULL)
    RETURNS quantmesh.report_result LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'qm_resolve_submission';
COMMENT ON FUNCTION quantmesh.resolve_submission(text, bigint, bigint, text, text, text) IS
    'Says what became of a submission. account, order_id, fence: as place_order or claim_orders gave them; an older fence changes nothing. outcome: accepted, rejected, not_processed (may be sent again: back to intent), not_sent, unknown, absent (of an unknown order: the exchange does not have it and can no longer accept it; QM004 before its send_before has passed). code, message: of the exchange.';

CREATE FUNCTION quantmesh.settle_order(account text, order_id bigint, state text, reason text)
    RETURNS quantmesh.report_result LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'qm_settle_order';
COMMENT ON FUNCTION quantmesh.settle_order(text, bigint, text, text) IS
    'Ends a live order by hand, with what an operator has found out. account, order_id: the order. state: filled, canceled, expired, rejected, aborted, never_accepted, or lost to put it aside with its slot. reason: kept in operator_action. Fills are booked with apply_report. Operators only.';
