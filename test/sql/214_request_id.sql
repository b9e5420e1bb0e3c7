-- Shows that a placement can be repeated under its request id: the same placement is answered whatever has become of the
-- order, of the market and of the limits since; other values are flagged; ids belong to one account.
\set ON_ERROR_ROLLBACK off
\ir rows_eq.psql

SELECT plan(141);

SELECT quantmesh.set_market('req', 'BTCUSDT', tick_size => 0.01, step_size => 0.001) \gset
SELECT quantmesh.set_market('req/2', 'BTCUSDT', tick_size => 0.01, step_size => 0.001) \gset
SELECT quantmesh.set_market('req', 'ETHUSDT', tick_size => 0.01, step_size => 0.001) \gset

CREATE TEMP TABLE answer (call text, LIKE quantmesh.placement);

-- A replay in every state that an order can be in.
CREATE FUNCTION pg_temp.bring(p quantmesh.placement, state text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    CASE
    WHEN state IN ('intent', 'submitted') THEN NULL;
    WHEN state = 'aborted' THEN PERFORM quantmesh.cancel_order('req', p.order_id);
    WHEN state IN ('unknown', 'lost', 'never_accepted') THEN
        PERFORM quantmesh.resolve_submission('req', p.order_id, p.fence, 'unknown');
        IF state <> 'unknown' THEN
            PERFORM quantmesh.settle_order('req', p.order_id, state, 'test');
        END IF;
    ELSE PERFORM quantmesh.apply_report('req', 'BTCUSDT', p.client_order_id, state => state);
    END CASE;
END $$;
INSERT INTO answer SELECT s.state, p.*
    FROM (SELECT from_state AS state, row_number() OVER (ORDER BY min(from_rank), from_state) AS n FROM quantmesh.order_transitions GROUP BY from_state) AS s,
         quantmesh.place_order('req', 'BTCUSDT', 'buy', 100 + n, 1, submit => s.state NOT IN ('intent', 'aborted'), request_id => 'in ' || s.state) AS p;
SELECT is((SELECT count(*) FROM answer WHERE outcome = 'placed' AND NOT replayed), 12::bigint, 'an order for each of the twelve states');
SELECT pg_temp.bring((outcome, replayed, order_id, client_order_id, state, owner, fence, send_before, committed, reason, detail)::quantmesh.placement, call) FROM answer \g /dev/null
SELECT is(o.state::text, a.call, format('is brought to %s', a.call)) FROM answer AS a JOIN quantmesh.orders AS o USING (order_id) ORDER BY order_id;
SELECT count(*) AS orders FROM quantmesh.orders \gset
SELECT md5(string_agg(o::text, ';' ORDER BY order_id)) AS rows FROM quantmesh.orders AS o \gset
CREATE FUNCTION pg_temp.repeat(state text, submit boolean) RETURNS quantmesh.placement LANGUAGE sql AS $$
    SELECT quantmesh.place_order('req', 'BTCUSDT', 'buy', o.price, 1, submit => $2, request_id => o.request_id)
    FROM quantmesh.orders AS o WHERE o.request_id = 'in ' || $1
$$;
CREATE FUNCTION pg_temp.is_replayed(what text) RETURNS SETOF text LANGUAGE sql AS $$
    SELECT pg_temp.rows_eq(
        format($q$ SELECT outcome, replayed, order_id, client_order_id, state, owner, fence, send_before, reason FROM pg_temp.repeat(%L, %L) $q$,
               a.call, a.call NOT IN ('intent', 'aborted')),
        format($q$ SELECT 'placed', true, order_id, client_order_id::text, state::text, owner::text, fence, send_before, NULL::text FROM quantmesh.orders WHERE order_id = %s $q$, a.order_id),
        format('%s: %s is replayed', $1, a.call))
    FROM answer AS a ORDER BY order_id
$$;
SELECT pg_temp.is_replayed('as it is');
BEGIN;
SELECT is((pg_temp.repeat('submitted', true)).committed, false, 'in a transaction block nothing may be sent before its commit');
COMMIT;

-- Whatever would deny, skip or call it a duplicate now.
SELECT count(*) FROM quantmesh.halt('req', 'BTCUSDT', 'test') \gset
SELECT pg_temp.is_replayed('market halted');
SELECT count(*) FROM quantmesh.resume('req', 'BTCUSDT') \gset
SELECT quantmesh.set_limits('req', 'BTCUSDT', 0, 0, 0, 0) \gset
SELECT quantmesh.set_limits('req', NULL, 0, NULL, 0, 0) \gset
SELECT pg_temp.is_replayed('limits exhausted');
SELECT quantmesh.set_market('req', 'BTCUSDT', tick_size => 1000, step_size => 1000, min_notional => 1000000) \gset
SELECT pg_temp.is_replayed('filters changed');
SELECT quantmesh.set_market('req', 'BTCUSDT', tick_size => 0.01, step_size => 0.001, min_notional => 0) \gset
SELECT quantmesh.set_limits('req', 'BTCUSDT') \gset
SELECT quantmesh.set_limits('req', NULL) \gset
SELECT quantmesh.raise_fence('test') \gset
SELECT pg_temp.is_replayed('market untrusted');
SELECT quantmesh.trust_market('req', NULL, 'test') \gset
SELECT quantmesh.trust_market('req/2', NULL, 'test') \gset
CREATE TEMP TABLE lease AS SELECT key, quantmesh.try_lease(key, 'another', '20 s') AS fence
    FROM (SELECT DISTINCT quantmesh.order_key('req', 'BTCUSDT', price) AS key FROM quantmesh.orders) AS k;
SELECT pg_temp.is_replayed('levels busy');
SELECT bool_and(quantmesh.release_lease(key, 'another', fence)) FROM lease \gset
SELECT is((SELECT outcome FROM quantmesh.place_order('req', 'BTCUSDT', 'buy', price, 1, request_id => 'another')), 'placed', 'another order takes the slot of one that has ended')
    FROM quantmesh.orders WHERE request_id = 'in canceled';
SELECT quantmesh.settle_order('req', order_id, 'canceled', 'test') FROM quantmesh.orders WHERE request_id = 'another' \gset
SELECT pg_temp.is_replayed('slot taken meanwhile');
SELECT is((SELECT md5(string_agg(o::text, ';' ORDER BY order_id)) FROM quantmesh.orders AS o WHERE request_id <> 'another'), :'rows', 'replays change no row');

-- In other words, the same request.
SELECT p.* FROM quantmesh.place_order('req', 'ETHUSDT', 'buy', 100, 1.5, request_id => 'same') AS p \gset same_
SELECT is(concat_ws(' ', p.outcome, p.replayed, p.reason, p.order_id), concat_ws(' ', 'placed', true, :'same_order_id'), 'the same numbers and words, written differently')
    FROM quantmesh.place_order('req', 'ETHUSDT', 'BUY', 100.000, 1.50, 'Limit', 'GTC', request_id => 'same') AS p;
-- Other values under a known id.
CREATE TEMP TABLE other (field text, call text, n serial);
INSERT INTO other (field, call) VALUES
    ('symbol', $$ 'req', 'BTCUSDT', 'buy', 100, 1.5 $$),
    ('side', $$ 'req', 'ETHUSDT', 'sell', 100, 1.5 $$),
    ('price', $$ 'req', 'ETHUSDT', 'buy', 100.01, 1.5 $$),
    ('quantity', $$ 'req', 'ETHUSDT', 'buy', 100, 1.501 $$),
    ('order_type', $$ 'req', 'ETHUSDT', 'buy', NULL, 1.5, 'market' $$),
    ('time_in_force', $$ 'req', 'ETHUSDT', 'buy', 100, 1.5, 'limit', 'ioc' $$),
    ('post_only', $$ 'req', 'ETHUSDT', 'buy', 100, 1.5, post_only => true $$),
    ('reduce_only', $$ 'req', 'ETHUSDT', 'buy', 100, 1.5, reduce_only => true $$),
    ('slot', $$ 'req', 'ETHUSDT', 'buy', 100, 1.5, slot => 'named' $$),
    ('strategy', $$ 'req', 'ETHUSDT', 'buy', 100, 1.5, strategy => 'other' $$);
CREATE FUNCTION pg_temp.place(call text) RETURNS quantmesh.placement LANGUAGE plpgsql AS $$
DECLARE p quantmesh.placement;
BEGIN
    EXECUTE format('SELECT * FROM quantmesh.place_order(%s)', call) INTO p;
    RETURN p;
END $$;
SELECT is(concat_ws(' ', p.outcome, p.replayed, p.reason, p.order_id, p.state), concat_ws(' ', 'placed', true, 'REQUEST_DIFFERS', :'same_order_id', 'submitted'),
          format('another %s: the order that was placed, and a warning', field))
    FROM other, pg_temp.place(call || ', request_id => ''same''') AS p ORDER BY n;
SELECT matches(p.detail, field, format('another %s: the detail says so', field)) FROM other, pg_temp.place(call || ', request_id => ''same''') AS p ORDER BY n;
SELECT pg_temp.rows_eq($$ SELECT side::text, price, quantity FROM quantmesh.orders WHERE request_id = 'same' $$, $$ VALUES ('buy', 100::numeric, 1.5) $$, 'the order stays as it was');
SELECT is((SELECT count(*) FROM quantmesh.orders WHERE symbol = 'ETHUSDT'), 1::bigint, 'and alone');

-- Ids belong to one account, and compare bytewise.
SELECT is(concat_ws(' ', p.outcome, p.replayed), 'placed f', 'another account has ids of its own') FROM quantmesh.place_order('req/2', 'BTCUSDT', 'buy', 100, 1, request_id => 'same') AS p;
SELECT is(concat_ws(' ', p.outcome, p.replayed), 'placed f', 'another id is another request') FROM quantmesh.place_order('req', 'ETHUSDT', 'buy', 99, 1, request_id => 'SAME') AS p;
SELECT is(concat_ws(' ', p.outcome, p.replayed), 'placed t', 'in the other account too') FROM quantmesh.place_order('req/2', 'BTCUSDT', 'buy', 100, 1, request_id => 'same') AS p;

-- What was not placed is asked again.
SELECT quantmesh.set_limits('req/2', 'BTCUSDT', max_open_orders => 1) \gset
SELECT is(concat_ws(' ', p.outcome, p.replayed, p.reason), 'denied f MAX_OPEN_ORDERS', 'a denied request, ' || i) FROM generate_series(1, 2) AS i, quantmesh.place_order('req/2', 'BTCUSDT', 'buy', 99, 1, request_id => 'retry') AS p;
SELECT quantmesh.set_limits('req/2', 'BTCUSDT') \gset
SELECT is(concat_ws(' ', p.outcome, p.replayed, p.reason), 'duplicate f SLOT_TAKEN', 'the same id, now a duplicate') FROM quantmesh.place_order('req/2', 'BTCUSDT', 'buy', 100, 1, request_id => 'retry') AS p;
SELECT is(concat_ws(' ', p.outcome, p.replayed, p.reason), 'placed f', 'the same id, now placed') FROM quantmesh.place_order('req/2', 'BTCUSDT', 'buy', 99, 1, request_id => 'retry') AS p;
SELECT is(concat_ws(' ', p.outcome, p.replayed, p.reason), 'placed t', 'and now replayed') FROM quantmesh.place_order('req/2', 'BTCUSDT', 'buy', 99, 1, request_id => 'retry') AS p;
BEGIN;
SELECT is(concat_ws(' ', p.outcome, p.replayed), 'placed f', 'placed') FROM quantmesh.place_order('req/2', 'BTCUSDT', 'buy', 98, 1, request_id => 'undone') AS p;
SELECT is(concat_ws(' ', p.outcome, p.replayed), 'placed t', 'and replayed in the same transaction') FROM quantmesh.place_order('req/2', 'BTCUSDT', 'buy', 98, 1, request_id => 'undone') AS p;
ROLLBACK;
SELECT is(concat_ws(' ', p.outcome, p.replayed), 'placed f', 'what was rolled back was not placed') FROM quantmesh.place_order('req/2', 'BTCUSDT', 'buy', 98, 1, request_id => 'undone') AS p;
BEGIN;
SAVEPOINT s;
SELECT is(concat_ws(' ', p.outcome, p.replayed), 'placed f', 'placed') FROM quantmesh.place_order('req/2', 'BTCUSDT', 'buy', 97, 1, request_id => 'undone too') AS p;
ROLLBACK TO s;
SELECT is(concat_ws(' ', p.outcome, p.replayed), 'placed f', 'nor what was rolled back to a savepoint') FROM quantmesh.place_order('req/2', 'BTCUSDT', 'sell', 197, 1, request_id => 'undone too') AS p;
COMMIT;
SELECT is(concat_ws(' ', p.outcome, p.replayed), 'placed f', 'without an id every call is a request of its own') FROM quantmesh.place_order('req/2', 'BTCUSDT', 'buy', 90, 1, slot => '') AS p, generate_series(1, 2);

-- A sender that was restarted under a new epoch finds what it had placed.
INSERT INTO quantmesh.instance (instance, epoch) VALUES ('bot', 1);
SELECT quantmesh.markets_changed() \gset
SELECT p.* FROM quantmesh.place_order('req/2', 'BTCUSDT', 'buy', 80, 1, request_id => 'crash', instance => 'bot', epoch => 1) AS p \gset crash_
UPDATE quantmesh.instance SET epoch = 2;
SELECT quantmesh.markets_changed() \gset
SELECT is(concat_ws(' ', p.outcome, p.replayed, p.reason, p.order_id, p.fence), concat_ws(' ', 'placed', true, :'crash_order_id', :'crash_fence'), 'a restarted instance finds its order')
    FROM quantmesh.place_order('req/2', 'BTCUSDT', 'buy', 80, 1, request_id => 'crash', instance => 'bot', epoch => 2) AS p;

-- Requests are locked until the transaction ends, and as many as keys.
SELECT throws_ok($$ SELECT quantmesh.place_order('req/2', 'BTCUSDT', 'buy', 70, 0.001, slot => '', request_id => 'many ' || i) FROM generate_series(1, 257) AS i $$,
    '53400', NULL, 'one transaction has no more requests than keys');
SELECT is((SELECT count(*) FROM quantmesh.orders WHERE request_id LIKE 'many %'), 0::bigint, 'of such a transaction nothing is stored');

SELECT * FROM finish();
