-- Shows that the kill switch does not depend on what a session may set to change how SQL texts are read. The settings
-- come first: a function's text is read at its first use in a session.
\set ON_ERROR_ROLLBACK off

SET standard_conforming_strings = off;
SET backslash_quote = off;
SET escape_string_warning = off;
SET transform_null_equals = on;

SELECT plan(9);

SELECT lives_ok($$ SELECT quantmesh.set_market('parse/1', 'BTC-USDT', tick_size => 0.01, step_size => 0.001) $$, 'a market');
SELECT lives_ok($$ SELECT quantmesh.set_limits('parse/1', max_open_orders => 5) $$, 'limits');
SELECT is((SELECT outcome FROM quantmesh.place_order('parse/1', 'BTC-USDT', 'buy', 100, 1)), 'placed', 'an order');
SELECT is((SELECT state FROM quantmesh.halt('parse/1', reason => 'test')), 'halted', 'the account is halted');
SELECT is((SELECT outcome FROM quantmesh.place_order('parse/1', 'BTC-USDT', 'buy', 101, 1)), 'denied', 'so nothing is placed');
SELECT is((SELECT state FROM quantmesh.resume('parse/1')), 'active', 'and resumed');
SELECT is((SELECT state FROM quantmesh.halt('parse/1', 'BTC-USDT')), 'halted', 'the market, too');
SELECT throws_ok(format('SELECT quantmesh.halt(%L)', bad), '22023', NULL, 'not a name: ' || bad) FROM unnest(ARRAY['back' || chr(92) || 'slash', 'quo' || chr(39) || 'te']) AS bad;

SELECT * FROM finish();
