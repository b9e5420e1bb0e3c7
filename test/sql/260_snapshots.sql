-- Shows what submit_snapshot takes and what it refuses: shape, types and limits, each with the JSON path; tasks that
-- are over, are another market's or were answered before; and who may submit.
\set ON_ERROR_ROLLBACK off
\ir rows_eq.psql

SELECT plan(59);

SELECT quantmesh.set_market('snap', 'BTCUSDT', tick_size => 0.01, step_size => 0.001), quantmesh.set_market('snap', 'ETHUSDT', tick_size => 0.01, step_size => 0.001) \gset
SELECT quantmesh.request_snapshot('snap', 'BTCUSDT') AS task \gset
SELECT ok(:task > 0, 'request_snapshot gives a task');
SELECT is(quantmesh.request_snapshot('snap', 'BTCUSDT'), NULL, 'one at a time');
SELECT pg_temp.rows_eq($$ SELECT kind, state, attempts, watermark IS NOT NULL, tag = quantmesh.current_tag(), owned_until - taken_at FROM quantmesh.task WHERE account = 'snap' $$,
                       $$ VALUES ('snapshot', 'taken', 1, true, true, interval '30 s') $$, 'with its watermark and its tag, for 30 s');
SELECT throws_ok($$ SELECT quantmesh.request_snapshot('snap', 'NOPE') $$, 'P0002', 'market "NOPE" of account "snap" is not known', 'an unknown market');
SELECT throws_ok($$ SELECT quantmesh.request_snapshot('snap', NULL) $$, '22004', 'symbol must not be null', 'NULL');

CREATE FUNCTION pg_temp.submit(orders jsonb DEFAULT '[]', trades jsonb DEFAULT '[]', balances jsonb DEFAULT '[]', task bigint DEFAULT NULL) RETURNS bigint LANGUAGE sql AS $$
    SELECT quantmesh.submit_snapshot('snap', 'BTCUSDT', coalesce($4, (SELECT max(task_id) FROM quantmesh.task WHERE account = 'snap')), now(), now(), $1, $2, $3)
$$;
-- The message for one open order, trade or balance with a change.
CREATE FUNCTION pg_temp.refuses(part text, change jsonb) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    element jsonb := CASE part
        WHEN 'open_orders' THEN '{"exchange_order_id": "1", "client_order_id": "c", "side": "buy", "order_type": "limit", "time_in_force": "gtc", "price": "100", "quantity": "1", "filled_quantity": "0"}'
        WHEN 'trades' THEN '{"trade_id": 7, "exchange_order_id": 1, "side": "sell", "price": 1e2, "quantity": 0.5, "commission": "-0.1", "commission_asset": "BNB", "is_maker": true, "executed_at": "2026-01-01T00:00:00.123Z"}'
        ELSE '{"asset": "BTC", "free": "1.5", "locked": 0}' END::jsonb || change;
    context text;
BEGIN
    element := jsonb_build_array(element);
    PERFORM pg_temp.submit(CASE WHEN part = 'open_orders' THEN element ELSE '[]' END, CASE WHEN part = 'trades' THEN element ELSE '[]' END, CASE WHEN part = 'balances' THEN element ELSE '[]' END);
    RAISE EXCEPTION 'taken' USING ERRCODE = 'QMXXX';
EXCEPTION WHEN OTHERS THEN
    RETURN SQLSTATE || ' ' || SQLERRM;
END $$;
SELECT is(pg_temp.refuses('open_orders', '{}'), 'QMXXX taken', 'an open order with all its fields');
SELECT is(pg_temp.refuses('trades', '{}'), 'QMXXX taken', 'a trade with all its fields');
SELECT is(pg_temp.refuses('balances', '{}'), 'QMXXX taken', 'a balance with all its fields');
SELECT is(pg_temp.refuses('open_orders', '{"client_order_id": null, "time_in_force": null, "filled_quantity": null}'), 'QMXXX taken', 'null is not said');
SELECT is(pg_temp.refuses('open_orders', '{"client_order_id": "it''s \"by hand\""}'), 'QMXXX taken', 'somebody else''s id may have quotes');
SELECT is(pg_temp.refuses('open_orders', '{"exchange_order_id": null}'), '22023 open_orders[0].exchange_order_id must be not null', 'a field that must be there is null');
SELECT is(pg_temp.refuses('open_orders', '{"exchange_order_id": 1.5}'), '22023 open_orders[0].exchange_order_id must be a string or a whole number', 'an id with a fraction');
SELECT is(pg_temp.refuses('open_orders', '{"exchange_order_id": ""}'), '22023 open_orders[0].exchange_order_id must be of 1 to 128 bytes', 'an empty id');
SELECT is(pg_temp.refuses('open_orders', jsonb_build_object('exchange_order_id', repeat('x', 129))), '22023 open_orders[0].exchange_order_id must be of 1 to 128 bytes', 'a long id');
SELECT is(pg_temp.refuses('open_orders', '{"client_order_id": 5}'), '22023 open_orders[0].client_order_id must be a string', 'a client order id that is a number');
SELECT is(pg_temp.refuses('open_orders', '{"client_order_id": "a\tb"}'), '22023 open_orders[0].client_order_id must be without control characters', 'a control character');
SELECT is(pg_temp.refuses('open_orders', '{"side": "long"}'), '22023 open_orders[0].side must be buy or sell', 'an unknown side');
SELECT is(pg_temp.refuses('open_orders', '{"price": null}'), '22023 open_orders[0].price must be given for a limit order', 'a limit order without a price');
SELECT is(pg_temp.refuses('open_orders', '{"price": null, "order_type": "STOP"}'), 'QMXXX taken', 'other types need none');
SELECT is(pg_temp.refuses('open_orders', '{"price": "0"}'), '22023 open_orders[0].price must be positive', 'a price of zero');
SELECT is(pg_temp.refuses('open_orders', '{"quantity": "-1"}'), '22023 open_orders[0].quantity must be positive', 'a negative quantity');
SELECT is(pg_temp.refuses('open_orders', '{"filled_quantity": "-1"}'), '22023 open_orders[0].filled_quantity must be 0 or more', 'negative fills');
SELECT is(pg_temp.refuses('open_orders', '{"quantity": "NaN"}'), '22023 open_orders[0].quantity must be a number, or a string with one', 'NaN');
SELECT is(pg_temp.refuses('open_orders', '{"quantity": "1e3"}'), '22023 open_orders[0].quantity must be a number, or a string with one', 'an exponent in a string');
SELECT is(pg_temp.refuses('open_orders', '{"quantity": true}'), '22023 open_orders[0].quantity must be a number, or a string with one', 'a boolean');
SELECT is(pg_temp.refuses('open_orders', '{"quantity": "0.0000000000000000001"}'), '22023 open_orders[0].quantity must be below 1e18 with at most 18 decimals', 'too fine');
SELECT is(pg_temp.refuses('open_orders', '{"quantity": "1000000000000000000"}'), '22023 open_orders[0].quantity must be below 1e18 with at most 18 decimals', 'too large');
SELECT is(pg_temp.refuses('open_orders', '{"colour": "red"}'), '22023 open_orders[0] has an unknown field "colour"', 'an unknown field');
SELECT is(pg_temp.refuses('trades', '{"executed_at": null}'), '22023 trades[0].executed_at must be not null', 'a trade without its time');
SELECT is(pg_temp.refuses('trades', '{"executed_at": 1767225600000}'), '22023 trades[0].executed_at must be a string with an ISO 8601 date and time', 'a time that is a number');
SELECT is(pg_temp.refuses('trades', '{"executed_at": "yesterday"}'), '22023 trades[0].executed_at must be a string with an ISO 8601 date and time', 'a word for a time');
SELECT matches(pg_temp.refuses('trades', '{"executed_at": "2026-13-01T00:00:00Z"}'), '^22008 ', 'a month that does not exist');
SELECT is(pg_temp.refuses('trades', '{"is_maker": "yes"}'), '22023 trades[0].is_maker must be true or false', 'a flag that is text');
SELECT is(pg_temp.refuses('trades', '{"commission_asset": null}'), '22023 trades[0].commission_asset must be given where commission is', 'a commission without its asset');
SELECT is(pg_temp.refuses('trades', '{"commission": null}'), '22023 trades[0].commission must be given where commission_asset is', 'an asset without a commission');
SELECT is(pg_temp.refuses('balances', '{"free": "-1"}'), '22023 balances[0].free must be 0 or more', 'a negative balance');
SELECT throws_ok($$ SELECT pg_temp.submit('{}') $$, '22023', 'open_orders must be a JSON array', 'an object');
SELECT throws_ok($$ SELECT pg_temp.submit('5') $$, '22023', 'open_orders must be a JSON array', 'a scalar');
SELECT throws_ok($$ SELECT pg_temp.submit('[1]') $$, '22023', 'open_orders[0] must be a JSON object', 'an element that is no object');
SELECT throws_ok($$ SELECT pg_temp.submit('[{"exchange_order_id": 1, "side": "buy", "price": 1, "quantity": 1}, {"exchange_order_id": "1", "side": "sell", "price": 2, "quantity": 1}]') $$,
                 '22023', 'open_orders[1].exchange_order_id repeats "1"', 'two open orders of one id');
SELECT throws_ok($$ SELECT pg_temp.submit(NULL) $$, '22004', 'open_orders must not be null', 'NULL for an array');
SELECT throws_ok($$ SELECT quantmesh.submit_snapshot('snap', 'BTCUSDT', 1, NULL, now(), '[]', '[]', '[]') $$, '22004', 'started_at must not be null', 'NULL for a time');
SELECT throws_ok($$ SELECT quantmesh.submit_snapshot('snap', 'BTCUSDT', 1, 'infinity', 'infinity', '[]', '[]', '[]') $$, '22023', 'started_at must be finite', 'an infinite time');
SELECT throws_ok($$ SELECT quantmesh.submit_snapshot('snap', 'BTCUSDT', 1, '2026-01-02', '2026-01-01', '[]', '[]', '[]') $$, '22023', 'finished_at must not be before started_at', 'times in the wrong order');
SELECT throws_ok($$ SELECT quantmesh.submit_snapshot('snap', 'BTCUSDT', 1, now(), now(), '[]', '[]', '[]', NULL) $$, '22004', 'complete must not be null', 'NULL for complete');
SELECT throws_ok($$ SELECT quantmesh.submit_snapshot('snap', 'BTCUSDT', 1, now(), now(), '[]', '[]', '[]') $$, 'P0002', 'snapshot task 1 of market "BTCUSDT" of account "snap" does not exist', 'an unknown task');
SELECT throws_ok(format($$ SELECT quantmesh.submit_snapshot('snap', 'ETHUSDT', %s, now(), now(), '[]', '[]', '[]') $$, :task), 'P0002',
                 format('snapshot task %s of market "ETHUSDT" of account "snap" does not exist', :task), 'a task of another market');
SELECT is((SELECT count(*) FROM quantmesh.snapshot), 0::bigint, 'nothing of all that was stored');

-- Clocks of instances say nothing: an hour off is as good as any.
SELECT quantmesh.submit_snapshot('snap', 'BTCUSDT', :task, now() - interval '1 hour', now() - interval '1 hour', '[{"exchange_order_id": 1, "side": "BUY", "price": "1.50", "quantity": 2}]', '[]', '[]') AS snapshot \gset
SELECT pg_temp.rows_eq($$ SELECT state, complete, asked_at > now() - interval '1 min', open_orders -> 0 ->> 'price' FROM quantmesh.snapshot $$, $$ VALUES ('new', true, true, '1.50') $$, 'it is stored as it came, with the server''s time');
SELECT is(pg_temp.submit(task => :task), :snapshot, 'a repetition gives the same snapshot');
SELECT is((SELECT state FROM quantmesh.task WHERE task_id = :task), 'done', 'the task is done');
SELECT quantmesh.request_snapshot('snap', 'BTCUSDT') AS second \gset
SELECT ok(:second > :task, 'the next one is another');
UPDATE quantmesh.task SET owned_until = now() WHERE task_id = :second;
SELECT throws_ok(format('SELECT pg_temp.submit(task => %s)', :second), '55000', format('task %s of account "snap" is expired', :second), 'what comes too late is refused');
SELECT ok(quantmesh.request_snapshot('snap', 'BTCUSDT') > :second, 'one that nobody answered in time is given up');
SELECT throws_ok(format('SELECT pg_temp.submit(task => %s)', :second), '55000', format('task %s of account "snap" is expired', :second), 'and not answered any more');

-- Rights.
CREATE ROLE snap_trader;
CREATE ROLE snap_nobody;
SELECT quantmesh.grant_trader('snap_trader', 'snap'), quantmesh.grant_trader('snap_nobody', 'other') \gset
SET ROLE snap_nobody;
SELECT throws_ok($$ SELECT quantmesh.request_snapshot('snap', 'ETHUSDT') $$, '42501', NULL, 'a trader of another account may not ask');
SELECT throws_ok($$ SELECT quantmesh.submit_snapshot('snap', 'ETHUSDT', 1, now(), now(), '[]', '[]', '[]') $$, '42501', NULL, 'nor submit');
SET ROLE snap_trader;
SELECT ok(quantmesh.request_snapshot('snap', 'ETHUSDT') > 0, 'one of this account may');
SELECT throws_ok($$ SELECT quantmesh.reconcile('snap', 'ETHUSDT') $$, '42501', NULL, 'but reconciling by hand is for operators');
RESET ROLE;
DROP OWNED BY snap_trader, snap_nobody;
DROP ROLE snap_trader, snap_nobody;

SELECT * FROM finish();
