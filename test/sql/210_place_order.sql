-- Shows what place_order answers and stores: each outcome with every column, slots by price, level and name, orders
-- that have no slot, words in any case, and the first lines of the README as they stand there.
\set ON_ERROR_ROLLBACK off
\ir rows_eq.psql

SELECT plan(94);

-- What was answered, by the name of the call.
CREATE TEMP TABLE answer (call text, LIKE quantmesh.placement);
CREATE FUNCTION pg_temp.answer(call text) RETURNS text LANGUAGE sql AS $$
    SELECT concat_ws(' ', outcome, reason) FROM answer AS a WHERE a.call = $1
$$;

-- The README's example.
SELECT quantmesh.set_market('binance', 'BTCUSDT', tick_size => 0.01, step_size => 0.00001, min_notional => 5) \gset
SELECT quantmesh.set_limits('binance', 'BTCUSDT', max_open_orders => 20, max_position => 0.5) \gset
INSERT INTO answer SELECT 'first', p.* FROM (
SELECT * FROM quantmesh.place_order('binance', 'BTCUSDT', 'buy', 65000, 0.01, request_id => 'g7-42')
) AS p;
INSERT INTO answer SELECT 'again', p.* FROM (
SELECT * FROM quantmesh.place_order('binance', 'BTCUSDT', 'buy', 65000, 0.01, request_id => 'g7-42')
) AS p;
INSERT INTO answer SELECT 'other', p.* FROM (
SELECT * FROM quantmesh.place_order('binance', 'BTCUSDT', 'buy', 65000, 0.01)
) AS p;

SELECT pg_temp.rows_eq(
    $$ SELECT outcome, replayed, state, owner, committed, reason, detail FROM answer WHERE call = 'first' $$,
    $$ VALUES ('placed', false, 'submitted', current_user::text, true, NULL::text, NULL::text) $$,
    'the first call places');
SELECT ok(order_id > 0 AND fence > 0, 'with an id and a fence') FROM answer WHERE call = 'first';
SELECT matches(client_order_id, '^q[0-9a-z]{4}[0-9a-z]+a[0-9a-z]$', 'a client order id of letters and digits') FROM answer WHERE call = 'first';
SELECT ok(length(client_order_id) <= 22, 'that is not too long for any exchange') FROM answer WHERE call = 'first';
SELECT ok(send_before > clock_timestamp() - interval '1 minute' AND send_before < clock_timestamp() + interval '1 minute', 'and a time until which it may be sent')
    FROM answer WHERE call = 'first';
SELECT pg_temp.rows_eq(
    $$ SELECT outcome, replayed, order_id, client_order_id, state, owner, fence, send_before, committed, reason, detail FROM answer WHERE call = 'again' $$,
    $$ SELECT 'placed', true, order_id, client_order_id, 'submitted', owner, fence, send_before, true, NULL::text, NULL::text FROM answer WHERE call = 'first' $$,
    'the second call answers the same, replayed');
SELECT pg_temp.rows_eq(
    $$ SELECT outcome, replayed, order_id, state, owner, fence, send_before, committed, reason FROM answer WHERE call = 'other' $$,
    $$ SELECT 'duplicate', false, order_id, 'submitted', owner, NULL::bigint, NULL::timestamptz, true, 'SLOT_TAKEN' FROM answer WHERE call = 'first' $$,
    'a call without the request id is a duplicate of the live order, and has nothing to send');
SELECT isnt(detail, NULL, 'and says why to people') FROM answer WHERE call = 'other';
SELECT pg_temp.rows_eq('SELECT order_id FROM quantmesh.open_orders', $$ SELECT order_id FROM answer WHERE call = 'first' $$, 'one order is open');

CREATE TEMP TABLE said (what text, said text);
INSERT INTO said SELECT 'report', r::text FROM (
SELECT quantmesh.apply_report('binance', 'BTCUSDT', client_order_id => o.client_order_id, state => 'open', exchange_order_id => '9') FROM quantmesh.open_orders o
) AS s (r);
INSERT INTO said SELECT 'cancel', r::text FROM (
SELECT quantmesh.cancel_order('binance', o.order_id) FROM quantmesh.open_orders o
) AS s (r);
SELECT pg_temp.rows_eq('SELECT state, cancel_state, exchange_order_id FROM quantmesh.orders', $$ VALUES ('open', 'sent', '9') $$,
                  'the order is open, and its cancel is sent');
INSERT INTO said SELECT 'resolve', r::text FROM (
SELECT quantmesh.resolve_cancel('binance', o.order_id, 'done') FROM quantmesh.open_orders o
) AS s (r);
SELECT is((SELECT said FROM said WHERE what = 'report'), (SELECT format('(%s,open,t,)', order_id) FROM answer WHERE call = 'first'), 'the report is applied');
SELECT matches((SELECT said FROM said WHERE what = 'cancel'), '^\(requested,', 'the cancel is requested');
SELECT is((SELECT said FROM said WHERE what = 'resolve'), (SELECT format('(%s,canceled,t,)', order_id) FROM answer WHERE call = 'first'), 'and done');
SELECT pg_temp.rows_eq(
    $$ SELECT * FROM quantmesh.halt('binance', reason => 'fat finger') $$,
    $$ VALUES ('binance', 'BTCUSDT', 'halted', 0::bigint, 0::bigint) $$, 'halt says what is open and in flight');
SELECT is_empty('SELECT * FROM quantmesh.open_orders', 'nothing is open any more');
INSERT INTO answer SELECT 'halted', p.* FROM quantmesh.place_order('binance', 'BTCUSDT', 'buy', 65000, 0.01) AS p;
SELECT pg_temp.rows_eq(
    $$ SELECT outcome, replayed, order_id, client_order_id, state, owner, fence, send_before, committed, reason FROM answer WHERE call = 'halted' $$,
    $$ VALUES ('denied', false, NULL::bigint, NULL::text, NULL::text, NULL::text, NULL::bigint, NULL::timestamptz, true, 'HALTED') $$,
    'and a halted account denies');
SELECT matches(detail, 'fat finger', 'with the reason that the operator gave') FROM answer WHERE call = 'halted';

-- What is stored, column by column.
SELECT quantmesh.set_market('acc', 'ETHUSDT', tick_size => 0.01, step_size => 0.001) \gset
SELECT clock_timestamp() AS before \gset
INSERT INTO answer SELECT 'full', p.* FROM quantmesh.place_order('acc', 'ETHUSDT', 'sell', 100.00, 1.500, 'limit', 'gtc', true, false, 'req-1', 'grid.1', 'maker',
    valid_until => '2100-01-01 00:00+00', submit => true) AS p;
SELECT is(pg_temp.answer('full'), 'placed', 'a placement with every argument');
SELECT pg_temp.rows_eq(
    $$ SELECT account::text, symbol::text, side::text, order_type::text, time_in_force::text, price, quantity, post_only, reduce_only, slot::text, strategy::text,
              instance::text, epoch, owner::text, request_id::text, origin::text, replaces FROM quantmesh.orders WHERE account = 'acc' $$,
    $$ VALUES ('acc', 'ETHUSDT', 'sell', 'limit', 'gtc', 100.00, 1.500, true, false, 'grid.1', 'maker', NULL::text, NULL::bigint, current_user::text, 'req-1', 'own', NULL::bigint) $$,
    'is stored as it was asked for');
SELECT pg_temp.rows_eq(
    $$ SELECT attempt, exchange_order_id::text, state::text, cancel_state::text, live, holds_slot, exposed, filled_quantity, busted_quantity, filled_quote, reported_quantity,
              error_code, error_message FROM quantmesh.orders WHERE account = 'acc' $$,
    $$ VALUES (0, NULL::text, 'submitted', 'none', true, true, true, 0::numeric, 0::numeric, 0::numeric, 0::numeric, NULL::text, NULL::text) $$,
    'as a submitted order that nothing has happened to');
SELECT pg_temp.rows_eq(
    $$ SELECT o.order_id, o.client_order_id::text, o.fence, o.send_before FROM quantmesh.orders AS o WHERE account = 'acc' $$,
    $$ SELECT order_id, client_order_id, fence, send_before FROM answer WHERE call = 'full' $$, 'with what the caller was told');
SELECT ok(created_at BETWEEN :'before' AND clock_timestamp() AND submitted_at BETWEEN :'before' AND clock_timestamp() AND updated_at >= created_at
          AND valid_until = '2100-01-01 00:00+00' AND opened_at IS NULL AND ended_at IS NULL AND cancel_requested_at IS NULL, 'and its times')
    FROM quantmesh.orders WHERE account = 'acc';
SELECT ok(send_before BETWEEN submitted_at AND submitted_at + interval '1 minute', 'send_before is soon') FROM quantmesh.orders WHERE account = 'acc';
SELECT is_empty('SELECT * FROM quantmesh.order_event WHERE account = ''acc''', 'placing writes no event: the row implies it');
SELECT ok((SELECT right(client_order_id, 2) = 'a0' FROM answer WHERE call = 'full'), 'the client order id ends with its attempt');
SELECT is((SELECT count(DISTINCT substr(client_order_id, 2, 4)) FROM quantmesh.orders), 1::bigint, 'and begins with the tag of this database');

-- An intent.
INSERT INTO answer SELECT 'intent', p.* FROM quantmesh.place_order('acc', 'ETHUSDT', 'buy', 90, 1, submit => false) AS p;
SELECT pg_temp.rows_eq($$ SELECT outcome, replayed, state, owner, send_before, committed, reason, detail FROM answer WHERE call = 'intent' $$,
                  $$ VALUES ('placed', false, 'intent', current_user::text, NULL::timestamptz, true, NULL::text, NULL::text) $$,
                  'with submit false an intent is placed, which may not be sent');
SELECT pg_temp.rows_eq($$ SELECT state::text, live, holds_slot, submitted_at, send_before FROM quantmesh.orders AS o WHERE order_id = (SELECT order_id FROM answer WHERE call = 'intent') $$,
                  $$ VALUES ('intent', true, true, NULL::timestamptz, NULL::timestamptz) $$, 'which holds its slot');
SELECT is((quantmesh.place_order('acc', 'ETHUSDT', 'buy', 90, 1)).outcome, 'duplicate', 'against submitted orders too');
INSERT INTO answer SELECT 'intent duplicate', p.* FROM quantmesh.place_order('acc', 'ETHUSDT', 'buy', 90, 1) AS p;
SELECT is((SELECT state FROM answer WHERE call = 'intent duplicate'), 'intent', 'and the answer says in which state the live order is');

-- valid_until caps send_before.
SELECT clock_timestamp() + interval '2 s' AS soon \gset
INSERT INTO answer SELECT 'soon', p.* FROM quantmesh.place_order('acc', 'ETHUSDT', 'buy', 89, 1, valid_until => :'soon') AS p;
SELECT ok(send_before <= :'soon', 'an order is not to be sent after valid_until') FROM answer WHERE call = 'soon' AND outcome = 'placed';

-- The owner is the instance, if there is one.
INSERT INTO quantmesh.instance (instance, epoch) VALUES ('bot-1', 3);
SELECT quantmesh.markets_changed() \gset
INSERT INTO answer SELECT 'instance', p.* FROM quantmesh.place_order('acc', 'ETHUSDT', 'buy', 88, 1, instance => 'bot-1', epoch => 3) AS p;
SELECT is((SELECT owner FROM answer WHERE call = 'instance'), 'bot-1', 'the owner of an instance''s order is the instance');
SELECT pg_temp.rows_eq($$ SELECT instance::text, epoch, owner::text FROM quantmesh.orders WHERE order_id = (SELECT order_id FROM answer WHERE call = 'instance') $$,
                  $$ VALUES ('bot-1', 3::bigint, 'bot-1') $$, 'and stored');
INSERT INTO answer SELECT 'not bot-1', p.* FROM quantmesh.place_order('acc', 'ETHUSDT', 'buy', 88, 1) AS p;
SELECT is((SELECT owner FROM answer WHERE call = 'not bot-1'), 'bot-1', 'a duplicate names the owner of the live order');

-- Slots are prices: 100 and 100.00 are one.
SELECT quantmesh.set_market('slots', 'BTCUSDT', tick_size => 0.01, step_size => 0.001) \gset
CREATE FUNCTION pg_temp.place(side text, price numeric, slot text DEFAULT NULL) RETURNS text LANGUAGE sql AS $$
    SELECT outcome FROM quantmesh.place_order('slots', 'BTCUSDT', $1, $2, 1, slot => $3)
$$;
SELECT is(pg_temp.place('buy', 100), 'placed', 'a price is a slot');
SELECT is(pg_temp.place('buy', price), 'duplicate', format('%s is the same one', price)) FROM unnest(ARRAY[100, 100.0, 100.00, 100.000000000000000000, 1e2]) AS price;
SELECT pg_temp.rows_eq('SELECT slot::text, holds_slot FROM quantmesh.orders WHERE account = ''slots''', $$ VALUES ('100', true) $$, 'its name has no trailing zeros');
SELECT is(pg_temp.place('buy', 100.01), 'placed', 'the next price is another');
SELECT is(pg_temp.place('buy', 99.99), 'placed', 'so is the last');
SELECT is(pg_temp.place('sell', 100.10), 'placed', 'the sides have slots of their own');
SELECT is(pg_temp.place('sell', 100.1), 'duplicate', 'each one order');
SELECT quantmesh.set_market('slots/2', 'BTCUSDT', tick_size => 0.01, step_size => 0.001) \gset
SELECT is((quantmesh.place_order('slots/2', 'BTCUSDT', 'buy', 100, 1)).outcome, 'placed', 'and so have accounts');
SELECT quantmesh.set_market('slots', 'ETHUSDT', tick_size => 0.01, step_size => 0.001) \gset
SELECT is((quantmesh.place_order('slots', 'ETHUSDT', 'buy', 100, 1)).outcome, 'placed', 'and symbols');

-- A slot is free when its order has ended.
SELECT quantmesh.settle_order('slots', order_id, 'canceled', 'test') FROM quantmesh.orders WHERE account = 'slots' AND symbol = 'BTCUSDT' AND price = 100 \gset
SELECT is(pg_temp.place('buy', 100), 'placed', 'a slot is free when its order has ended');
SELECT is(pg_temp.place('buy', 100), 'duplicate', 'once');

-- Named slots.
SELECT is(pg_temp.place('buy', 98, 'anchor'), 'placed', 'a named slot');
SELECT is(pg_temp.place('buy', 97, 'anchor'), 'duplicate', 'is one, whatever the price');
SELECT is(pg_temp.place('buy', 98), 'placed', 'its price is another slot');
SELECT is(pg_temp.place('buy', 98, 'Anchor'), 'placed', 'names compare bytewise');
SELECT pg_temp.rows_eq('SELECT slot::text, holds_slot FROM quantmesh.orders WHERE account = ''slots'' AND price = 98 ORDER BY slot',
                  $$ VALUES ('98', true), ('Anchor', true), ('anchor', true) $$, 'and are stored as given');
-- No slot.
SELECT is(pg_temp.place('buy', 98, ''), 'placed', format('an order without a slot at a taken price, %s', i)) FROM generate_series(1, 2) AS i;
SELECT pg_temp.rows_eq('SELECT count(*), bool_or(holds_slot) FROM quantmesh.orders WHERE account = ''slots'' AND slot IS NULL', 'VALUES (2::bigint, false)', 'holds none');

-- Market, IOC and FOK orders have none.
SELECT is((quantmesh.place_order('slots/2', 'BTCUSDT', 'buy', p, 1, t, f)).outcome, 'placed', format('%s %s, %s', t, f, i))
    FROM (VALUES ('limit', 'ioc', 100), ('limit', 'fok', 100), ('market', 'gtc', NULL), ('market', 'ioc', NULL)) AS e (t, f, p), generate_series(1, 2) AS i;
SELECT pg_temp.rows_eq('SELECT count(*), count(slot), bool_or(holds_slot) FROM quantmesh.orders WHERE account = ''slots/2'' AND (order_type = ''market'' OR time_in_force <> ''gtc'')',
                  'VALUES (8::bigint, 0::bigint, false)', 'market, ioc and fok orders have no slot');
SELECT is((quantmesh.place_order('slots/2', 'BTCUSDT', 'buy', 100, 1)).outcome, 'duplicate', 'and leave that of a resting order alone');

-- Slots by level.
SELECT quantmesh.set_market('levels', 'BTCUSDT', tick_size => 0.01, step_size => 0.001, level_width => 10, slot_by => 'level') \gset
SELECT quantmesh.set_market('levels', 'ETHUSDT', tick_size => 0.01, step_size => 0.001, slot_by => 'level') \gset
CREATE FUNCTION pg_temp.place_level(symbol text, price numeric) RETURNS text LANGUAGE sql AS $$
    SELECT outcome FROM quantmesh.place_order('levels', $1, 'buy', $2, 1)
$$;
SELECT is(pg_temp.place_level('BTCUSDT', 90123.4), 'placed', 'by level: a price');
SELECT is(pg_temp.place_level('BTCUSDT', 90129.99), 'duplicate', 'another price of its level is a duplicate');
SELECT is(pg_temp.place_level('BTCUSDT', 90120), 'duplicate', 'so is the level''s lower end');
SELECT is(pg_temp.place_level('BTCUSDT', 90130), 'placed', 'the next level is free');
SELECT is(pg_temp.place_level('ETHUSDT', 2345.67), 'placed', 'without a width the level has four significant digits');
SELECT is(pg_temp.place_level('ETHUSDT', 2345.99), 'duplicate', 'so this is the same one');
SELECT is(pg_temp.place_level('ETHUSDT', 2346), 'placed', 'and this is another');
SELECT pg_temp.rows_eq('SELECT slot::text FROM quantmesh.orders WHERE account = ''levels'' ORDER BY price', $$ VALUES ('2345'), ('2346'), ('90120'), ('90130') $$, 'the slot is the level');
SELECT is((SELECT outcome FROM quantmesh.place_order('levels', 'BTCUSDT', 'buy', 90121, 1, slot => 'own')), 'placed', 'a name opts out of the level');

-- Skipped: somebody else is busy at the level. A lease stands in for another session.
SELECT quantmesh.try_lease('order:slots:ETHUSDT:200', 'another', '20 s') AS lease \gset
INSERT INTO answer SELECT 'busy', p.* FROM quantmesh.place_order('slots', 'ETHUSDT', 'buy', 200, 1) AS p;
SELECT pg_temp.rows_eq(
    $$ SELECT outcome, replayed, order_id, client_order_id, state, owner, fence, send_before, committed, reason FROM answer WHERE call = 'busy' $$,
    $$ VALUES ('skipped', false, NULL::bigint, NULL::text, NULL::text, NULL::text, NULL::bigint, NULL::timestamptz, true, 'LEVEL_BUSY') $$, 'a busy level is skipped');
SELECT matches(detail, '200', 'and says which') FROM answer WHERE call = 'busy';
SELECT is((quantmesh.place_order('slots', 'ETHUSDT', 'buy', 200.04, 1)).outcome, 'skipped', 'the lock is for the level, so another price of it is skipped too');
SELECT is((quantmesh.place_order('slots', 'ETHUSDT', 'sell', 201, 1)).outcome, 'placed', 'another level is not');
SELECT is((quantmesh.place_order('slots', 'ETHUSDT', 'buy', 200, 1, slot => 'mine')).outcome, 'placed', 'nor a named slot');
SELECT is((quantmesh.place_order('slots', 'ETHUSDT', 'buy', 200, 1, wait => '20 ms')).outcome, 'skipped', 'waiting for less than it lasts');
SELECT quantmesh.release_lease('order:slots:ETHUSDT:200', 'another', :lease) \gset
SELECT quantmesh.try_lease('order:slots:ETHUSDT:200', 'another', '60 ms') AS lease \gset
SELECT is((quantmesh.place_order('slots', 'ETHUSDT', 'buy', 200, 1, wait => '20 s')).outcome, 'placed', 'waiting for longer places');
SELECT quantmesh.try_lease('order:slots:ETHUSDT:named', 'another', '20 s') AS lease \gset
SELECT is((quantmesh.place_order('slots', 'ETHUSDT', 'buy', 150, 1, slot => 'named')).outcome, 'skipped', 'a named slot is locked by its name');
SELECT is((quantmesh.place_order('slots', 'ETHUSDT', 'buy', 150, 1)).outcome, 'placed', 'and not its price');
SELECT quantmesh.release_lease('order:slots:ETHUSDT:named', 'another', :lease) \gset
SELECT is_empty('SELECT * FROM quantmesh.locks', 'no lock outlives its call');

-- Words in any case are shown in lower case.
SELECT quantmesh.set_market('words', 'BTCUSDT', tick_size => 0.01, step_size => 0.001) \gset
SELECT is((quantmesh.place_order('words', 'BTCUSDT', 'BUY', 10, 1, 'LIMIT', 'GTC')).outcome, 'placed', 'upper case');
SELECT is((quantmesh.place_order('words', 'BTCUSDT', 'Sell', 20, 1, 'Limit', 'Gtc')).outcome, 'placed', 'mixed case');
SELECT quantmesh.set_market('words', 'ETHUSDT', tick_size => 0.01, step_size => 0.001) \gset
SELECT is((quantmesh.place_order('words', 'ETHUSDT', 'buy', NULL, 1, 'MARKET', 'IOC')).outcome, 'placed', 'other words');
SELECT pg_temp.rows_eq('SELECT side::text, order_type::text, time_in_force::text FROM quantmesh.orders WHERE account = ''words'' ORDER BY order_id',
                  $$ VALUES ('buy', 'limit', 'gtc'), ('sell', 'limit', 'gtc'), ('buy', 'market', 'ioc') $$, 'words are stored in lower case');
SELECT is((quantmesh.place_order('words', 'btcusdt', 'buy', 11, 1)).reason, 'UNKNOWN_MARKET', 'symbols are no words: they compare bytewise');

-- Ids grow and never repeat.
SELECT is((SELECT count(*) FROM quantmesh.orders), (SELECT count(DISTINCT order_id) FROM quantmesh.orders), 'ids do not repeat');
SELECT is((SELECT count(*) FROM quantmesh.orders), (SELECT count(DISTINCT client_order_id) FROM quantmesh.orders), 'nor do client order ids');
SELECT ok(bool_and(grows), 'ids grow') FROM (SELECT order_id > lag(order_id, 1, 0::bigint) OVER (ORDER BY created_at) AS grows FROM quantmesh.orders) AS o;

SELECT * FROM finish();
