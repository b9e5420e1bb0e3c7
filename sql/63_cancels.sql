-- Cancelling. Plain C, run as the caller, whose right to the account is checked. Cancels are never limited or halted.

CREATE TYPE quantmesh.cancellation AS (
    outcome           text,
    order_id          bigint,
    state             text,
    cancel_state      text,
    symbol            text,
    client_order_id   text,
    exchange_order_id text,
    committed         boolean
);
COMMENT ON TYPE quantmesh.cancellation IS 'What became of a request to cancel an order.';
COMMENT ON COLUMN quantmesh.cancellation.outcome IS
    'requested: send it now if state is open or partially_filled, else it waits until the order is open; skipped: another cancel is under way; aborted: the order had not been sent; noop: it has ended, or is not ours.';
COMMENT ON COLUMN quantmesh.cancellation.order_id IS 'The order; NULL when it is not ours.';
COMMENT ON COLUMN quantmesh.cancellation.state IS 'Its state now.';
COMMENT ON COLUMN quantmesh.cancellation.cancel_state IS 'none, requested, sent, done, rejected or unknown.';
COMMENT ON COLUMN quantmesh.cancellation.symbol IS 'Its symbol.';
COMMENT ON COLUMN quantmesh.cancellation.client_order_id IS 'The id that the exchange knows it by, if it knows it.';
COMMENT ON COLUMN quantmesh.cancellation.exchange_order_id IS 'The exchange''s own id; NULL while unknown.';
COMMENT ON COLUMN quantmesh.cancellation.committed IS 'False inside a transaction block: nothing may be sent before COMMIT.';

CREATE FUNCTION quantmesh.cancel_order(account text, order_id bigint) RETURNS quantmesh.cancellation
    LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'qm_cancel_order';
COMMENT ON FUNCTION quantmesh.cancel_order(text, bigint) IS
    'Records the wish to cancel and says whether the caller shall send it. account, order_id: the order. Two calls within 3 s: the second is skipped. P0002 when the order does not exist.';

CREATE FUNCTION quantmesh.cancel_exchange_order(account text, symbol text, exchange_order_id text) RETURNS quantmesh.cancellation
    LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'qm_cancel_exchange_order';
COMMENT ON FUNCTION quantmesh.cancel_exchange_order(text, text, text) IS
    'The same, by the exchange''s id. account, symbol: the market. exchange_order_id: as the exchange gave it; noop when it is not of an order of ours.';

CREATE FUNCTION quantmesh.cancel_orders(account text, symbol text DEFAULT NULL, side text DEFAULT NULL, strategy text DEFAULT NULL, instance text DEFAULT NULL)
    RETURNS SETOF quantmesh.cancellation LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'qm_cancel_orders';
COMMENT ON FUNCTION quantmesh.cancel_orders(text, text, text, text, text) IS
    'The same for all live orders of the account that fit. symbol, side, strategy, instance: NULL means every one.';

CREATE FUNCTION quantmesh.resolve_cancel(account text, order_id bigint, outcome text, code text DEFAULT NULL, message text DEFAULT NULL)
    RETURNS quantmesh.report_result LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'qm_resolve_cancel';
COMMENT ON FUNCTION quantmesh.resolve_cancel(text, bigint, text, text, text) IS
    'Says what became of a cancel that was sent. account, order_id: the order. outcome: done (it is canceled), rejected (the exchange refused: query the order), unknown (reply lost). code, message: of the exchange.';
