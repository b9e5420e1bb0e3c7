-- Placing orders. Plain C, run as the caller, whose right to the account is checked; tables are written as their owner.

CREATE TYPE quantmesh.placement AS (
    outcome         text,
    replayed        boolean,
    order_id        bigint,
    client_order_id text,
    state           text,
    owner           text,
    fence           bigint,
    send_before     timestamptz,
    committed       boolean,
    reason          text,
    detail          text
);
COMMENT ON TYPE quantmesh.placement IS 'What became of a request to place an order.';
COMMENT ON COLUMN quantmesh.placement.outcome IS 'placed; skipped: somebody else is busy at this level; duplicate: a live order has the slot; denied: see reason.';
COMMENT ON COLUMN quantmesh.placement.replayed IS 'Whether this request_id was placed by an earlier call, whose placement this is.';
COMMENT ON COLUMN quantmesh.placement.order_id IS 'The order: ours when placed, the live one when duplicate, otherwise NULL.';
COMMENT ON COLUMN quantmesh.placement.client_order_id IS 'The id to send to the exchange, which de-duplicates by it.';
COMMENT ON COLUMN quantmesh.placement.state IS 'The state of that order now: submitted or intent when just placed.';
COMMENT ON COLUMN quantmesh.placement.owner IS 'Who placed that order: its instance, or the role.';
COMMENT ON COLUMN quantmesh.placement.fence IS 'The fence of the submission, to be given to resolve_submission. NULL unless placed.';
COMMENT ON COLUMN quantmesh.placement.send_before IS 'The request must not leave after this. NULL unless the order is submitted.';
COMMENT ON COLUMN quantmesh.placement.committed IS 'False inside a transaction block: nothing may be sent before COMMIT.';
COMMENT ON COLUMN quantmesh.placement.reason IS 'Stable code: why it was skipped, denied or a duplicate; REQUEST_DIFFERS on a replay with other values.';
COMMENT ON COLUMN quantmesh.placement.detail IS 'The reason for people, with the limit and the value.';

CREATE FUNCTION quantmesh.place_order(account text, symbol text, side text, price numeric, quantity numeric,
    order_type text DEFAULT 'limit', time_in_force text DEFAULT 'gtc', post_only boolean DEFAULT false, reduce_only boolean DEFAULT false,
    request_id text DEFAULT NULL, slot text DEFAULT NULL, strategy text DEFAULT '', instance text DEFAULT NULL, epoch bigint DEFAULT NULL,
    submit boolean DEFAULT true, valid_until timestamptz DEFAULT NULL, wait interval DEFAULT '0') RETURNS quantmesh.placement
    LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'qm_place_order';
COMMENT ON FUNCTION quantmesh.place_order(text, text, text, numeric, numeric, text, text, boolean, boolean, text, text, text, text, bigint, boolean, timestamptz, interval) IS
    'Locks the level, checks state, filters and limits, and records the order, in one statement and one commit. account, symbol: a market known to set_market. side: buy or sell. price: NULL for a market order. quantity: in the base asset. order_type: limit or market. time_in_force: gtc, ioc or fok. post_only: never take. reduce_only: only towards a flat position. request_id: of the caller; the same one gives the same placement. slot: NULL is the price (or its level), a name that begins with a letter is a slot of its own, empty is none. strategy: whose position it changes. instance, epoch: of a registered instance. submit: false records an intent for claim_orders. valid_until: not to be sent later. wait: how long to wait for a busy level. 22023 or 22004 on bad input; what a trader meets is an outcome.';

CREATE FUNCTION quantmesh.place_orders(account text, orders jsonb, submit boolean DEFAULT false) RETURNS SETOF quantmesh.placement
    LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'qm_place_orders';
COMMENT ON FUNCTION quantmesh.place_orders(text, jsonb, boolean) IS
    'Places several orders in one transaction and answers each, in order. account: of all of them. orders: an array of objects whose fields are the arguments of place_order but account, submit and wait; prices and quantities as strings or JSON numbers. submit: false records intents for claim_orders. 22023 names the element and the field; then nothing is stored.';

CREATE FUNCTION quantmesh.claim_orders(account text, instance text DEFAULT NULL, epoch bigint DEFAULT NULL, max integer DEFAULT 10,
    symbol text DEFAULT NULL, OUT order_id bigint, OUT client_order_id text, OUT symbol text, OUT side text, OUT order_type text, OUT time_in_force text,
    OUT price numeric, OUT quantity numeric, OUT post_only boolean, OUT reduce_only boolean, OUT fence bigint, OUT send_before timestamptz,
    OUT committed boolean)
    RETURNS SETOF record LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'qm_claim_orders';
COMMENT ON FUNCTION quantmesh.claim_orders(text, text, bigint, integer, text) IS
    'Takes intents of the account, oldest first, to send them: they are submitted now, each with a fence and a send_before of its own. account: whose. instance, epoch: the sender, if it is registered. max: how many, 1 to 1000. symbol: of this market alone; NULL: of every market of the account. Intents of halted markets stay; those that are out of time are aborted. Empty when the instance''s epoch is old.';

CREATE FUNCTION quantmesh.replace_order(account text, order_id bigint, price numeric, quantity numeric, request_id text DEFAULT NULL,
    instance text DEFAULT NULL, epoch bigint DEFAULT NULL, valid_until timestamptz DEFAULT NULL) RETURNS quantmesh.placement
    LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'qm_replace_order';
COMMENT ON FUNCTION quantmesh.replace_order(text, bigint, numeric, numeric, text, text, bigint, timestamptz) IS
    'Asks to cancel a live order and records an intent of the same market, side, strategy and terms that takes over its slot, in one commit. The intent can be claimed once the old order has ended. account, order_id: the order. price, quantity: of the new one. request_id: of the caller; the same one gives the same placement. instance, epoch: of a registered instance. valid_until: not to be sent later. Limits count both until the old one has ended.';
