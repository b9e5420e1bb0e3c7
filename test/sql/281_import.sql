-- Shows taking over a history by SQL: once, added up, under rights, and refused as a whole where it does not fit.
\set ON_ERROR_ROLLBACK off
SET client_min_messages = warning;

DROP ROLE IF EXISTS qm_import_trader, qm_import_operator;
CREATE ROLE qm_import_trader;
CREATE ROLE qm_import_operator;

SELECT plan(19);

SELECT quantmesh.set_market('imp', 'BTCUSDT', tick_size => 0.01, step_size => 0.001) \gset
SELECT quantmesh.grant_trader('qm_import_trader', 'imp'), quantmesh.grant_operator('qm_import_operator') \gset

-- One order with a fill, as import_orders takes it.
CREATE FUNCTION pg_temp.history(order_id bigint, slot text, state text, filled numeric, fill numeric) RETURNS jsonb LANGUAGE sql AS $$
    SELECT jsonb_build_array(jsonb_build_object(
        'order', jsonb_build_object('order_id', $1, 'symbol', 'BTCUSDT', 'side', 'buy', 'order_type', 'limit', 'time_in_force', 'gtc', 'price', '100.0',
            'quantity', '2', 'post_only', false, 'reduce_only', false, 'slot', $2, 'strategy', 'grid', 'owner', 'file', 'origin', 'own',
            'client_order_id', 'c' || $1, 'attempt', 0, 'state', $3, 'cancel_state', 'none', 'live', $3 = 'partially_filled',
            'holds_slot', $3 = 'partially_filled', 'exposed', $3 = 'partially_filled', 'filled_quantity', $4, 'busted_quantity', 0,
            'filled_quote', $4 * 100, 'reported_quantity', $4, 'created_at', '2024-01-01 00:00:00+00', 'updated_at', '2024-01-01 00:00:01+00'),
        'events', '[]'::jsonb, 'ids', jsonb_build_array(jsonb_build_object('exchange_order_id', 'x' || $1, 'attempt', 0)),
        'fills', jsonb_build_array(jsonb_build_object('trade_id', 't' || $1, 'kind', 'trade', 'quantity', $5, 'price', 100, 'commission', '0.5',
            'commission_asset', 'BNB', 'executed_at', '2024-01-01 00:00:01+00', 'time_known', true, 'booked_at', '2024-01-01 00:00:01+00',
            'source', 'stream', 'position_after', 0, 'cost_after', 0, 'profit_after', 0))))
$$;
CREATE FUNCTION pg_temp.positions() RETURNS jsonb LANGUAGE sql AS $$
    SELECT '[{"symbol": "BTCUSDT", "strategy": "grid", "quantity": "99", "cost": "1", "realized_profit": "0", "updated_at": "2024-01-01 00:00:01+00"}]'::jsonb
$$;

SELECT is(quantmesh.import_market('imp', '{"symbol": "BTCUSDT", "base_asset": "BTC", "quote_asset": "USDT"}'), false, 'the market is known');
SELECT throws_ok($$ SELECT quantmesh.import_market('imp', '{"symbol": "BTCUSDT", "base_asset": "XBT", "quote_asset": "USDT"}') $$, '55000', NULL, 'with other assets it is another one');
SELECT is(quantmesh.import_orders('imp', pg_temp.history(1, '100', 'partially_filled', 1, 1)), 1::bigint, 'an order is new');
SELECT is(quantmesh.import_orders('imp', pg_temp.history(1, '100', 'partially_filled', 1, 1)), 0::bigint, '... once');
SELECT quantmesh.import_positions('imp', pg_temp.positions()) \gset
SELECT is((SELECT concat_ws(' ', trim_scale(quantity), trim_scale(cost), consistent) FROM quantmesh.positions WHERE account = 'imp'), '1 100 t',
    'the position is what the fills come to, whatever was said');
SELECT is((SELECT concat_ws(' ', position_after, cost_after) FROM quantmesh.fill WHERE account = 'imp'), '1 100', 'so are the running values');
SELECT is((SELECT concat_ws(' ', asset, amount) FROM quantmesh.other_commission WHERE account = 'imp'), 'BNB 0.5', 'a third asset''s commission is added up, once');
SELECT is((quantmesh.place_order('imp', 'BTCUSDT', 'buy', 100, 1)).outcome, 'duplicate', 'its slot is held');
SELECT is((SELECT open_orders FROM quantmesh.markets WHERE account = 'imp'), 1::bigint, 'limits count it');
SELECT is((quantmesh.place_order('imp', 'BTCUSDT', 'sell', 200, 1.001, reduce_only => true)).outcome, 'denied', '... and its position');
SELECT is((quantmesh.place_order('imp', 'BTCUSDT', 'sell', 200, 1, reduce_only => true)).outcome, 'placed', '... to the last step');
SELECT throws_ok($$ SELECT quantmesh.import_orders('imp', pg_temp.history(2, '100', 'partially_filled', 1, 1)) $$, '23505', NULL, 'another order for the slot is refused');
SELECT throws_ok($$ SELECT quantmesh.import_orders('imp', pg_temp.history(2, NULL, 'filled', 2, 1)) $$, '23514', NULL, 'so is one whose fills do not add up');
SELECT throws_ok($$ SELECT quantmesh.import_orders('imp', jsonb_set(pg_temp.history(1, '100', 'partially_filled', 1, 1), '{0,order,created_at}', '"2025-01-01 00:00:00+00"')) $$,
    '23505', NULL, 'so is another order with a known id');
SELECT throws_ok($$ SELECT quantmesh.import_orders('imp', jsonb_set(pg_temp.history(3, NULL, 'filled', 1, 1), '{0,fills,0,trade_id}', '"t1"')) $$,
    '23505', NULL, 'so is a trade that another order has');
SELECT is((SELECT count(*) FROM quantmesh.orders WHERE account = 'imp'), 2::bigint, 'nothing of these is left');

-- Rights.
SET ROLE qm_import_trader;
SELECT throws_ok($$ SELECT quantmesh.import_orders('imp', '[]') $$, '42501', NULL, 'a trader takes nothing over');
SET ROLE qm_import_operator;
SELECT is(quantmesh.import_orders('imp', '[]'), 0::bigint, 'an operator may');
SELECT throws_ok($$ SELECT quantmesh.recompute_position('imp', 'BTCUSDT', 'grid') $$, '42501', NULL, 'what it is made of stays internal');
RESET ROLE;

SELECT * FROM finish();
SELECT quantmesh.revoke_trader('qm_import_trader', 'imp'), quantmesh.revoke_operator('qm_import_operator') \gset
DROP ROLE qm_import_trader, qm_import_operator;
