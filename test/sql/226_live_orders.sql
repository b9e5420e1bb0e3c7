-- Shows that live_order has a row for each order that is exposed, under the slot that it holds; that updates of orders are
-- heap-only, the last one too; and that whoever looks for live orders reads no history, also by plans made before there was one.
\set ON_ERROR_ROLLBACK off
\ir rows_eq.psql

SELECT plan(45);

SELECT quantmesh.set_market('live', 'BTCUSDT', tick_size => 0.01, step_size => 0.001) \gset
CREATE FUNCTION pg_temp.place(name text, price numeric, slot text DEFAULT NULL, order_type text DEFAULT 'limit', submit boolean DEFAULT true) RETURNS text LANGUAGE sql AS $$
    SELECT outcome FROM quantmesh.place_order('live', 'BTCUSDT', 'buy', $2, 1, order_type => $4, request_id => $1, slot => $3, submit => $5)
$$;
CREATE FUNCTION pg_temp.report(name text, report text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE r quantmesh.report_result;
BEGIN
    EXECUTE format('SELECT * FROM quantmesh.apply_report(''live'', ''BTCUSDT'', (SELECT client_order_id FROM quantmesh.orders WHERE request_id = %L), %s)', name, report) INTO r;
    RETURN r.state;
END $$;
-- What live_order has of the order of a request: its slot, with # for # and its id.
CREATE FUNCTION pg_temp.live(name text) RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(concat_ws(' ', l.symbol, l.side, coalesce(l.price::text, '-'), CASE WHEN l.slot = '#' || l.order_id THEN '#' ELSE l.slot END), ', ')
    FROM quantmesh.live_order AS l JOIN quantmesh.orders AS o USING (account, order_id) WHERE o.request_id = $1
$$;

-- From placing to the end.
SELECT is(pg_temp.place('priced', 100) || ' ' || pg_temp.live('priced'), 'placed BTCUSDT buy 100 100', 'an order has the slot of its price');
SELECT is(pg_temp.place('named', 100, 'mine') || ' ' || pg_temp.live('named'), 'placed BTCUSDT buy 100 mine', 'one with a name has that');
SELECT is(pg_temp.place('free', 100, '') || ' ' || pg_temp.live('free'), 'placed BTCUSDT buy 100 #', 'one without a slot has none');
SELECT is(pg_temp.place('market', NULL, NULL, 'market') || ' ' || pg_temp.live('market'), 'placed BTCUSDT buy - #', 'nor has a market order');
SELECT is(pg_temp.place('intent', 99, NULL, 'limit', false) || ' ' || pg_temp.live('intent'), 'placed BTCUSDT buy 99 99', 'an intent is live too');
SELECT is(pg_temp.report('priced', $$ state => 'new', exchange_order_id => '1' $$) || ' ' || pg_temp.live('priced'), 'open BTCUSDT buy 100 100', 'it stays while the order lives');
SELECT is(pg_temp.report('priced', $$ trade_id => '1', last_quantity => 1, last_price => 100 $$), 'filled', 'the order is filled');
SELECT is(pg_temp.live('priced'), NULL, 'and the row is gone');
SELECT is(pg_temp.place('next', 100) || ' ' || pg_temp.live('next'), 'placed BTCUSDT buy 100 100', 'the next order gets the slot');
SELECT is((quantmesh.cancel_order('live', order_id)).outcome, 'aborted', 'an intent is aborted') FROM quantmesh.orders WHERE request_id = 'intent';
SELECT is(pg_temp.live('intent'), NULL, 'its row is gone');
SELECT is(pg_temp.report(name, $$ state => 'canceled' $$), 'canceled', name || ' is canceled') FROM unnest(ARRAY['named', 'free', 'market']) AS name;
SELECT is(concat(pg_temp.live('named'), pg_temp.live('free'), pg_temp.live('market')), '', 'their rows are gone');

-- Ended and exposed: the slot is free, the row stays until the fills are booked.
SELECT is(pg_temp.report('next', $$ state => 'filled' $$) || ' ' || pg_temp.live('next'), 'filled BTCUSDT buy 100 #', 'filled, and its fills are missing');
SELECT is(pg_temp.place('other', 100) || ' ' || pg_temp.live('other'), 'placed BTCUSDT buy 100 100', 'another order gets the slot');
SELECT is((quantmesh.place_order('live', 'BTCUSDT', 'sell', 100, 1)).reason, 'SELF_CROSS', 'which a sell would cross');
SELECT is(pg_temp.report('other', $$ state => 'canceled' $$), 'canceled', 'once it is canceled');
SELECT is((quantmesh.place_order('live', 'BTCUSDT', 'sell', 100, 1, request_id => 'sell')).outcome, 'placed', 'it does not: what has ended is passed over');
SELECT is(pg_temp.report('sell', $$ state => 'canceled' $$), 'canceled', 'the sell is canceled');
SELECT is(pg_temp.report('next', $$ trade_id => '2', last_quantity => 1, last_price => 100 $$) || concat(' ', pg_temp.live('next')), 'filled ', 'with its fills the row goes');
SELECT is(pg_temp.report('other', $$ state => 'canceled', cumulative_quantity => 0.5 $$) || ' ' || pg_temp.live('other'), 'canceled BTCUSDT buy 100 #', 'an order that ended is exposed again: more was filled than we have');
SELECT is(pg_temp.report('other', $$ trade_id => '3', last_quantity => 0.5, last_price => 100 $$) || concat(' ', pg_temp.live('other')), 'canceled ', 'until that is booked');

-- Back to life, and giving way.
SELECT is(pg_temp.place('revived', 90), 'placed', 'an order');
SELECT is((quantmesh.resolve_submission('live', order_id, fence, 'rejected')).state, 'rejected', 'that we took for rejected') FROM quantmesh.orders WHERE request_id = 'revived';
SELECT is(pg_temp.report('revived', $$ state => 'open' $$) || ' ' || pg_temp.live('revived'), 'open BTCUSDT buy 90 90', 'gets its row and slot back');
SELECT is(pg_temp.report('revived', $$ state => 'filled' $$) || ' ' || pg_temp.place('taker', 90), 'filled placed', 'once it has ended, somebody takes the slot');
SELECT is((quantmesh.replace_order('live', order_id, 90, 2, request_id => 'better')).outcome, 'placed', 'the taker is replaced in its slot') FROM quantmesh.orders WHERE request_id = 'taker';
SELECT is(pg_temp.live('taker') || ', ' || pg_temp.live('better'), 'BTCUSDT buy 90 #, BTCUSDT buy 90 90', 'and gives the slot to its successor');

-- The promises, a second time.
SELECT throws_ok($$ INSERT INTO quantmesh.live_order SELECT account, 1, symbol, side, price, slot FROM quantmesh.live_order WHERE slot = '90' $$, '23505', NULL, 'a slot has one live order');
BEGIN;
DELETE FROM quantmesh.live_order WHERE slot = '90';
SELECT throws_ok($$ SELECT quantmesh.cancel_order('live', pg_temp.id) FROM (SELECT order_id FROM quantmesh.orders WHERE request_id = 'better') AS o (id), LATERAL (SELECT o.id) AS pg_temp (id) $$, 'XX001', NULL, 'an order without its row cannot end in silence');
ROLLBACK;

-- Every update of orders is heap-only, whatever becomes of the order.
CREATE FUNCTION pg_temp.hot(OUT updates bigint, OUT heap_only bigint) LANGUAGE sql AS $$
    SELECT pg_stat_get_xact_tuples_updated('quantmesh.orders'::regclass), pg_stat_get_xact_tuples_hot_updated('quantmesh.orders'::regclass)
$$;
SELECT is((SELECT count(*) FROM pg_index WHERE indrelid = 'quantmesh.orders'::regclass), 2::bigint, 'orders has two indexes');
SELECT updates, heap_only FROM pg_temp.hot() \gset before_
BEGIN;
SELECT is(pg_temp.place('hot', 80), 'placed', 'an order');
SELECT is(pg_temp.report('hot', $$ state => 'new', exchange_order_id => '80' $$) || ' ' || pg_temp.report('hot', $$ trade_id => '80', last_quantity => 1, last_price => 80 $$), 'open filled', 'is accepted and filled');
SELECT is(updates - :before_updates || ' ' || heap_only - :before_heap_only, '2 2', 'by two updates, both heap-only') FROM pg_temp.hot();
COMMIT;

-- History is not read.
CREATE FUNCTION pg_temp.calls() RETURNS text[] LANGUAGE sql AS $$ SELECT ARRAY[
    'SELECT quantmesh.place_order(''live'', ''BTCUSDT'', ''buy'', 70, 1)', 'SELECT quantmesh.place_order(''live'', ''BTCUSDT'', ''sell'', 700, 1)',
    'SELECT quantmesh.claim_orders(''live'')', 'SELECT quantmesh.cancel_orders(''live'')', 'SELECT quantmesh.halt(''live'')', 'SELECT quantmesh.resume(''live'')',
    'SELECT quantmesh.prometheus()', 'SELECT * FROM quantmesh.open_orders', 'SELECT * FROM quantmesh.markets'] $$;
-- Runs the calls and says how many rows of orders each has read.
CREATE FUNCTION pg_temp.rows_read(OUT call text, OUT rows bigint) RETURNS SETOF record LANGUAGE plpgsql AS $$
DECLARE
    before bigint;
BEGIN
    FOREACH call IN ARRAY pg_temp.calls() LOOP
        before := pg_temp.read_so_far();
        EXECUTE call;
        rows := pg_temp.read_so_far() - before;
        RETURN NEXT;
    END LOOP;
END $$;
CREATE FUNCTION pg_temp.read_so_far() RETURNS bigint LANGUAGE sql AS $$
    SELECT sum(pg_stat_get_xact_tuples_returned(r) + pg_stat_get_xact_tuples_fetched(r))::bigint
    FROM unnest(ARRAY['quantmesh.orders', 'quantmesh.orders_pkey', 'quantmesh.orders_request']::regclass[]) AS r
$$;
SELECT count(pg_temp.place('many ' || i, 50 + i * 0.01)) FROM generate_series(1, 40) AS i \gset
ANALYZE quantmesh.orders, quantmesh.live_order;
SET plan_cache_mode = force_generic_plan;
SELECT count(*) FROM pg_temp.rows_read() \gset
INSERT INTO quantmesh.orders (account, order_id, symbol, side, order_type, time_in_force, price, quantity, post_only, reduce_only, strategy, owner, client_order_id, state, live, holds_slot, exposed, created_at, updated_at)
    SELECT 'live', i, 'BTCUSDT', 'buy', 'limit', 'gtc', 1 + i, 1, false, false, '', 'me', 'h' || i, 'filled', false, false, false, now(), now() FROM generate_series(1, 5000) AS i;
SELECT cmp_ok(rows, '<', 1000::bigint, format('%s reads no history', call)) FROM pg_temp.rows_read();

SELECT * FROM finish();
