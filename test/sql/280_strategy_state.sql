-- Shows the saved state of strategies: versions keep two writers apart, an instance whose life is over is refused, and it
-- is the account's traders who read and write it.
\set ON_ERROR_ROLLBACK off
\ir rows_eq.psql
SET client_min_messages = warning;

DROP ROLE IF EXISTS qm_state_trader, qm_state_reader, qm_state_operator;
CREATE ROLE qm_state_trader;
CREATE ROLE qm_state_reader;
CREATE ROLE qm_state_operator;

SELECT plan(29);

SELECT quantmesh.set_market('state', 'BTCUSDT', tick_size => 0.01, step_size => 0.001) \gset
SELECT quantmesh.grant_trader('qm_state_trader', 'state'), quantmesh.grant_reader('qm_state_reader'), quantmesh.grant_operator('qm_state_operator') \gset

SELECT pg_temp.rows_eq($$ SELECT version, document IS NULL, instance, saved_at FROM quantmesh.load_strategy_state('state', 'BTCUSDT', 'grid') $$,
    $$ VALUES (0::bigint, true, NULL::text, NULL::timestamptz) $$, 'nothing is saved yet');
SELECT is(quantmesh.save_strategy_state('state', 'BTCUSDT', 'grid', '{"b": 1,  "a":2}', 0), 1::bigint, 'the first version is 1');
SELECT pg_temp.rows_eq($$ SELECT version, document::text, instance, saved_at > now() - interval '1 min' FROM quantmesh.load_strategy_state('state', 'BTCUSDT', 'grid') $$,
    $$ VALUES (1::bigint, '{"b": 1,  "a":2}', NULL::text, true) $$, 'it is read as it was written');
SELECT is(quantmesh.save_strategy_state('state', 'BTCUSDT', 'grid', '{"b": 1,  "a":2}', 0), 1::bigint, 'the same once more changes nothing');
SELECT throws_ok($$ SELECT quantmesh.save_strategy_state('state', 'BTCUSDT', 'grid', '{"c": 1}', 0) $$, 'QM003', NULL, 'another document for an old version is refused');
SELECT is(quantmesh.save_strategy_state('state', 'BTCUSDT', 'grid', '{"c": 1}', 1), 2::bigint, 'behind the version that was read it is written');
SELECT throws_ok($$ SELECT quantmesh.save_strategy_state('state', 'BTCUSDT', 'grid', '{"d": 1}', 1) $$, 'QM003', NULL, 'the slower of two writers is refused');
SELECT throws_ok($$ SELECT quantmesh.save_strategy_state('state', 'BTCUSDT', 'grid', '{"d": 1}', 7) $$, 'QM003', NULL, 'a version that there was not yet, too');
SELECT is(quantmesh.save_strategy_state('state', 'BTCUSDT', '', '{}', 0), 1::bigint, 'a strategy may have no name');
SELECT is(quantmesh.save_strategy_state('state', 'ETHUSDT', 'grid', '{}', 0), 1::bigint, 'each market has a state of its own');
SELECT is((SELECT count(*) FROM quantmesh.strategy_state WHERE account = 'state'), 3::bigint, 'three states');

-- What is no state.
SELECT throws_ok($$ SELECT quantmesh.save_strategy_state('state', 'BTCUSDT', 'x', '[1]', 0) $$, '23514', NULL, 'an array is none');
SELECT throws_ok($$ SELECT quantmesh.save_strategy_state('state', 'BTCUSDT', 'x', ('{"a":"' || repeat('x', 65536) || '"}')::json, 0) $$, '23514', NULL, 'more than 64 kB is none');
SELECT throws_ok($$ SELECT quantmesh.save_strategy_state('state', 'BTCUSDT', 'x', NULL, 0) $$, '22004', NULL, 'NULL is none');
SELECT throws_ok($$ SELECT quantmesh.save_strategy_state('state', 'BTCUSDT', 'x', '{}', -1) $$, '22023', NULL, 'a version is not negative');
SELECT throws_ok($$ SELECT quantmesh.save_strategy_state('state', 'BTCUSDT', 'x', '{}', NULL) $$, '22004', NULL, '... nor NULL');
SELECT throws_ok($$ SELECT quantmesh.save_strategy_state('state', 'BTCUSDT', NULL, '{}', 0) $$, '22004', NULL, 'a strategy is not NULL');
SELECT throws_ok($$ SELECT quantmesh.save_strategy_state('state', 'BTC:USDT', 'x', '{}', 0) $$, '22023', NULL, 'a symbol has no colon');
SELECT throws_ok($$ SELECT quantmesh.save_strategy_state('state', 'BTCUSDT', 'x', '{}', 0, NULL, 5) $$, '22004', NULL, 'an epoch belongs to an instance');

-- An instance whose life is over.
SELECT epoch FROM quantmesh.register_instance('state bot', '{state:*}') \gset
SELECT is(quantmesh.save_strategy_state('state', 'BTCUSDT', 'bot', '{"n": 1}', 0, 'state bot', :epoch), 1::bigint, 'a registered instance saves');
SELECT throws_ok(format($$ SELECT quantmesh.save_strategy_state('state', 'BTCUSDT', 'bot', '{"n": 2}', 1, 'state bot', %s) $$, :epoch - 1), 'QM002', NULL, 'one of an earlier life does not');
SELECT quantmesh.leave_instance('state bot', :epoch) \gset
SELECT throws_ok(format($$ SELECT quantmesh.save_strategy_state('state', 'BTCUSDT', 'bot', '{"n": 2}', 1, 'state bot', %s) $$, :epoch), 'QM002', NULL, '... nor one that has left');
SELECT throws_ok($$ SELECT quantmesh.save_strategy_state('state', 'BTCUSDT', 'bot', '{"n": 2}', 1, 'nobody', 5) $$, 'QM002', NULL, '... nor one that never was');

-- Together with an order: both or none.
SELECT throws_ok($$ SELECT p.outcome, quantmesh.save_strategy_state('state', 'BTCUSDT', 'bot', '{"n": 9}', 8) FROM quantmesh.place_order('state', 'BTCUSDT', 'buy', 100, 1) AS p $$,
    'QM003', NULL, 'a state that is refused takes the order with it');
SELECT is((SELECT count(*) FROM quantmesh.orders WHERE account = 'state'), 0::bigint, 'there is no order');

-- Rights.
SET ROLE qm_state_trader;
SELECT is(quantmesh.save_strategy_state('state', 'BTCUSDT', 'mine', '{}', 0), 1::bigint, 'a trader saves');
SELECT throws_ok($$ SELECT quantmesh.load_strategy_state('other', 'BTCUSDT', 'mine') $$, '42501', NULL, 'but nothing of another account');
SET ROLE qm_state_reader;
SELECT throws_ok($$ SELECT quantmesh.load_strategy_state('state', 'BTCUSDT', 'mine') $$, '42501', NULL, 'a reader does not');
SET ROLE qm_state_operator;
SELECT is((SELECT version FROM quantmesh.strategy_state WHERE strategy = 'mine'), 1::bigint, 'an operator reads the table');
RESET ROLE;

SELECT * FROM finish();
SELECT quantmesh.revoke_trader('qm_state_trader', 'state'), quantmesh.revoke_reader('qm_state_reader'), quantmesh.revoke_operator('qm_state_operator') \gset
DROP ROLE qm_state_trader, qm_state_reader, qm_state_operator;
