-- Shows that operators can make markets known and change them, set states, halt and resume, trust and set baselines; that
-- bad arguments are refused by name and change nothing; and that every deed is in operator_action.

SELECT plan(147);

-- What a query returns, one row a line. (results_eq cannot compare columns of collation "C" with literals.)
CREATE FUNCTION pg_temp.rows(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE answer text;
BEGIN
    EXECUTE format('SELECT string_agg(x::text, E''\n'') FROM (%s) AS x', query) INTO answer;
    RETURN answer;
END $$;
-- Reads one market.
CREATE FUNCTION pg_temp.m(account text, symbol text) RETURNS SETOF quantmesh.market LANGUAGE sql AS
    $$ SELECT * FROM quantmesh.market AS x WHERE x.account = m.account AND x.symbol = m.symbol $$;
CREATE FUNCTION pg_temp.outcome(account text, symbol text, side text, price numeric, quantity numeric) RETURNS text LANGUAGE sql AS
    $$ SELECT concat_ws(' ', p.outcome, p.reason) FROM quantmesh.place_order(outcome.account, outcome.symbol, outcome.side, outcome.price, outcome.quantity) AS p $$;

-- A new market.
SELECT lives_ok($$ SELECT quantmesh.set_market('binance', 'BTCUSDT', tick_size => 0.01, step_size => 0.00001, min_notional => 5) $$, 'README''s first market');
SELECT is(pg_temp.rows($$ SELECT base_asset, quote_asset, tick_size, step_size, min_quantity, max_quantity, min_notional, level_width, slot_by, mode,
                                 max_open_orders, max_position, max_notional, max_order_rate, trading_state, state_reason FROM pg_temp.m('binance', 'BTCUSDT') $$),
          '(BTC,USDT,0.01,0.00001,,,5,,price,shared,,,,,active,)', 'its row, with what was derived and by default');
SELECT is(trusted_tag, quantmesh.current_tag(), 'it is trusted from the start') FROM pg_temp.m('binance', 'BTCUSDT');
SELECT is(trusted_tag, (SELECT tag FROM quantmesh.fence_floor), '... under the tag that is recorded') FROM pg_temp.m('binance', 'BTCUSDT');
SELECT is(pg_temp.rows($$ SELECT account FROM quantmesh.account ORDER BY account $$), E'(*)\n(binance)', 'the account and the row for everything are there');
SELECT is(pg_temp.outcome('binance', 'BTCUSDT', 'buy', 65000, 0.01), 'placed', 'and orders can be placed');

-- What is NULL stays.
SELECT lives_ok($$ SELECT quantmesh.set_market('binance', 'BTCUSDT', min_quantity => 0.0001, max_quantity => 9, mode => 'Exclusive', level_width => 50) $$, 'a change');
SELECT is(pg_temp.rows($$ SELECT base_asset, tick_size, step_size, min_quantity, max_quantity, min_notional, level_width, slot_by, mode FROM pg_temp.m('binance', 'BTCUSDT') $$),
          '(BTC,0.01,0.00001,0.0001,9,5,50,price,exclusive)', 'keeps what it does not name');
SELECT lives_ok($$ SELECT quantmesh.set_market('binance', 'BTCUSDT', mode => 'shared') $$, 'another change');
SELECT is(pg_temp.outcome('binance', 'BTCUSDT', 'buy', 64000, 0.00009), 'denied QUANTITY_BELOW_MINIMUM', 'this session knows the new filter at once');
SELECT lives_ok($$ SELECT quantmesh.set_market('binance', 'BTCUSDT') $$, 'a call that changes nothing is allowed');
SELECT lives_ok($$ SELECT quantmesh.set_market('binance', 'BTCUSDT', tick_size => 0.1, step_size => 0.001) $$, 'tick and step can change');
SELECT is(pg_temp.outcome('binance', 'BTCUSDT', 'buy', 64000.01, 0.01), 'denied PRICE_OFF_TICK', '... and count');

-- Assets of a symbol.
SELECT is((base_asset, quote_asset)::text, want, format('assets of %s', symbol))
FROM (VALUES ('BTCUSDT', '(BTC,USDT)'), ('BTC-USDT', '(BTC,USDT)'), ('BTC_USDT', '(BTC,USDT)'), ('BTC/USDT', '(BTC,USDT)'), ('ETHBTC', '(ETH,BTC)'),
             ('1INCHUSDT', '(1INCH,USDT)'), ('WBTC-USDT', '(WBTC,USDT)'), ('btcfdusd', '(btc,fdusd)'), ('ETH-XYZ', '(ETH,XYZ)'), ('BTCUSD', '(BTC,USD)'),
             ('BTCUSDT-PERP', '(,)'), ('BTC-USDT-SWAP', '(,)'), ('BTCUSDT_240927', '(,)'), ('USDT', '(,)'), ('XYZ', '(,)'), ('BTC-', '(,)'), ('-USDT', '(,)'))
     AS s (symbol, want), quantmesh.derive_assets(symbol);
SELECT throws_ok($$ SELECT quantmesh.set_market('binance', 'BTCUSDT-PERP', 0.01, 0.01) $$, '22023', 'symbol "BTCUSDT-PERP" does not say its assets', 'what is not clear must be given');
SELECT lives_ok($$ SELECT quantmesh.set_market('binance', 'BTCUSDT-PERP', 0.01, 0.01, base_asset => 'BTC', quote_asset => 'USDT') $$, '... and may be');
SELECT lives_ok($$ SELECT quantmesh.set_market('binance', 'BTCUSDT-PERP', base_asset => 'XBT') $$, 'assets can change while there are no orders and fills');
SELECT throws_ok($$ SELECT quantmesh.set_market('binance', 'BTCUSDT', base_asset => 'XBT') $$, '55000', NULL, 'and not when there are');
SELECT throws_ok($$ SELECT quantmesh.set_market('binance', 'ETHUSDT', 1, 1, base_asset => 'USDT') $$, '22023', 'base_asset and quote_asset are both "USDT"', 'not the same ones');

-- Names of slots do not change under live orders.
SELECT throws_ok($$ SELECT quantmesh.set_market('binance', 'BTCUSDT', slot_by => 'level') $$, '55000', NULL, 'slots are not named anew while orders live');
SELECT is((SELECT slot_by FROM pg_temp.m('binance', 'BTCUSDT')), 'price', '... and nothing was changed');
SELECT is((SELECT (quantmesh.cancel_order('binance', order_id)).outcome FROM quantmesh.open_orders), 'requested', 'cancel it');
SELECT is((SELECT (quantmesh.apply_report('binance', 'BTCUSDT', client_order_id => client_order_id, state => 'canceled')).state FROM quantmesh.open_orders), 'canceled', '... and it has ended');
SELECT lives_ok($$ SELECT quantmesh.set_market('binance', 'BTCUSDT', slot_by => 'LEVEL') $$, 'then they can be');
SELECT is(pg_temp.outcome('binance', 'BTCUSDT', 'buy', 64010, 0.01), 'placed', 'a level');
SELECT is(pg_temp.outcome('binance', 'BTCUSDT', 'buy', 64020, 0.01), 'duplicate SLOT_TAKEN', '... is one slot');
SELECT throws_ok($$ SELECT quantmesh.set_market('binance', 'BTCUSDT', level_width => 10) $$, '55000', NULL, 'then the width of levels stays, too');
SELECT lives_ok($$ SELECT quantmesh.set_market('binance', 'BTCUSDT', level_width => 50, min_notional => 1) $$, 'the same width is no change');

-- Bad arguments: of set_market.
CREATE TEMP TABLE before AS SELECT (SELECT count(*) FROM quantmesh.operator_action) AS actions, (SELECT count(*) FROM quantmesh.market) AS markets, (SELECT count(*) FROM quantmesh.account) AS accounts;
SELECT throws_ok(format('SELECT quantmesh.set_market(%s)', arguments), code, message, format('set_market(%s)', left(arguments, 70)))
FROM (VALUES
    ('NULL, ''X-Y'', 1, 1', '22004', 'account must not be null'),
    ('''a'', NULL, 1, 1', '22004', 'symbol must not be null'),
    ('''a'', ''X-Y'', NULL, 1', '22004', 'tick_size must not be null'),
    ('''a'', ''X-Y'', 1', '22004', 'step_size must not be null'),
    ('''*'', ''X-Y'', 1, 1', '22023', NULL), ('''a*'', ''X-Y'', 1, 1', '22023', NULL), ('''a:b'', ''X-Y'', 1, 1', '22023', NULL),
    (''''', ''X-Y'', 1, 1', '22023', NULL), ('E''a\nb'', ''X-Y'', 1, 1', '22023', NULL), ('''a"b'', ''X-Y'', 1, 1', '22023', NULL),
    ('repeat(''a'', 65), ''X-Y'', 1, 1', '22023', NULL), ('''a'', repeat(''Ü'', 33), 1, 1', '22023', NULL), ('''a'', E''X\tY'', 1, 1', '22023', NULL),
    ('''a'', ''*'', 1, 1', '22023', NULL), ('''a'', ''X:Y'', 1, 1', '22023', NULL), ('''a'', ''X''''Y'', 1, 1', '22023', NULL), ('''a'', E''X\\Y'', 1, 1', '22023', NULL),
    ('''a'', ''X-Y'', 0, 1', '22023', 'tick_size must be positive, not 0'), ('''a'', ''X-Y'', -1, 1', '22023', 'tick_size must be positive, not -1'),
    ('''a'', ''X-Y'', 1, ''NaN''', '22023', 'step_size must be below 1e18 with at most 18 decimals, not NaN'),
    ('''a'', ''X-Y'', 1, ''Infinity''', '22023', NULL), ('''a'', ''X-Y'', ''-Infinity'', 1', '22023', NULL),
    ('''a'', ''X-Y'', 1e18, 1', '22023', NULL), ('''a'', ''X-Y'', 0.0000000000000000001, 1', '22023', NULL),
    ('''a'', ''X-Y'', 1, 1, min_quantity => -1', '22023', 'min_quantity must be at least 0, not -1'), ('''a'', ''X-Y'', 1, 1, max_quantity => 0', '22023', 'max_quantity must be positive, not 0'),
    ('''a'', ''X-Y'', 1, 1, min_notional => ''NaN''', '22023', NULL), ('''a'', ''X-Y'', 1, 1, level_width => 0', '22023', 'level_width must be positive, not 0'),
    ('''a'', ''X-Y'', 1, 1, min_quantity => 2, max_quantity => 1', '22023', 'min_quantity 2 is above max_quantity 1'),
    ('''a'', ''X-Y'', 1, 1, slot_by => ''name''', '22023', 'slot_by must be price or level, not "name"'), ('''a'', ''X-Y'', 1, 1, mode => ''''', '22023', 'mode must be shared or exclusive, not ""'),
    ('''a'', ''X-Y'', 1, 1, base_asset => ''''', '22023', NULL), ('''a'', ''X-Y'', 1, 1, quote_asset => repeat(''A'', 33)', '22023', NULL),
    ('''binance'', ''BTCUSDT'', max_quantity => 0.00001', '22023', 'min_quantity 0.0001 is above max_quantity 0.00001')
) AS t (arguments, code, message);
SELECT lives_ok($$ SELECT quantmesh.set_market('a', 'X-Y', 0.000000000000000001, 1.00000000000000000000000) $$, '18 decimals, and any number of zeroes behind them');
SELECT lives_ok($$ SELECT quantmesh.set_market(repeat('a', 64), repeat('S', 60) || '-USD', 1, 1) $$, 'names of 64 bytes');
SELECT lives_ok($$ SELECT quantmesh.set_market('binance/Ünï', '币安人生USDT', 1, 1, base_asset => '币安人生') $$, 'and in any script');

-- States.
SELECT is(pg_temp.rows($$ SELECT * FROM quantmesh.halt('binance', 'BTCUSDT', 'fat finger') $$), '(binance,BTCUSDT,halted,1,1)', 'halt one market');
SELECT is(pg_temp.rows($$ SELECT trading_state, state_reason, state_set_by FROM pg_temp.m('binance', 'BTCUSDT') $$), format('(halted,"fat finger",%s)', session_user), '... who did it and why');
SELECT is(pg_temp.outcome('binance', 'BTCUSDT', 'buy', 60000, 0.01), 'denied HALTED', 'nothing is placed there');
SELECT is(pg_temp.outcome('binance', 'BTCUSDT-PERP', 'buy', 60000, 0.01), 'placed', 'elsewhere it is');
SELECT ok((SELECT bool_and(outcome <> 'denied') FROM quantmesh.cancel_orders('binance', 'BTCUSDT')), 'cancels pass');
SELECT is(pg_temp.rows($$ SELECT * FROM quantmesh.halt('binance') $$), E'(binance,BTCUSDT,halted,1,1)\n(binance,BTCUSDT-PERP,halted,1,1)', 'halt the account');
SELECT is(pg_temp.outcome('binance', 'BTCUSDT-PERP', 'buy', 50000, 0.01), 'denied HALTED', 'nothing is placed there');
SELECT is(pg_temp.rows($$ SELECT symbol, state FROM quantmesh.resume('binance', reason => 'over') $$), E'(BTCUSDT,halted)\n(BTCUSDT-PERP,active)',
              'resume the account: its market that was halted stays so, and resume says it');
SELECT is(pg_temp.outcome('binance', 'BTCUSDT-PERP', 'buy', 50000, 0.01), 'placed', 'the other one goes on');
SELECT is(pg_temp.rows($$ SELECT symbol, state FROM quantmesh.resume('binance', 'BTCUSDT') $$), '(BTCUSDT,active)', 'resume the market');
SELECT is((SELECT state_reason FROM pg_temp.m('binance', 'BTCUSDT')), NULL, 'its old reason is gone');
SELECT is((SELECT count(*) FROM quantmesh.halt(reason => 'all of it') WHERE state = 'halted'), 5::bigint, 'halt everything');
SELECT is(pg_temp.outcome('a', 'X-Y', 'buy', 1, 1), 'denied HALTED', 'then nothing is placed anywhere');
SELECT lives_ok($$ SELECT quantmesh.set_market('late', 'X-Y', 1, 1) $$, 'a market that comes later');
SELECT is(pg_temp.outcome('late', 'X-Y', 'buy', 1, 1), 'denied HALTED', '... is halted, too');
SELECT is((SELECT count(*) FROM quantmesh.resume() WHERE state = 'active'), 6::bigint, 'resume everything');
SELECT is(pg_temp.rows($$ SELECT account, state FROM quantmesh.set_trading_state(symbol => 'X-Y', state => 'REDUCING', reason => 'why not') $$), E'(a,reducing)\n(late,reducing)', 'a symbol of every account');
SELECT is(pg_temp.outcome('a', 'X-Y', 'buy', 1, 1), 'denied REDUCING', 'reducing refuses what increases');
SELECT lives_ok($$ SELECT quantmesh.set_trading_state('late', NULL, 'halted', 'x'); SELECT quantmesh.set_trading_state('*', NULL, 'reducing', 'y') $$, 'several levels');
SELECT is(pg_temp.rows($$ SELECT account, trading_state, global_state, account_state, market_state FROM quantmesh.markets WHERE symbol = 'X-Y' ORDER BY account $$),
          E'(a,reducing,reducing,active,reducing)\n(late,halted,reducing,halted,reducing)', 'the strictest counts');
SELECT is((SELECT count(*) FROM quantmesh.set_trading_state(state => 'active', reason => 'over')), 6::bigint, 'everything active');
SELECT is((SELECT count(*) FROM quantmesh.set_trading_state('late', state => 'active', reason => 'over')), 1::bigint, 'the account active');
BEGIN;
SELECT is((SELECT count(*) FROM quantmesh.halt('binance')), 2::bigint, 'in a transaction block');
ROLLBACK;
SELECT is(pg_temp.outcome('binance', 'BTCUSDT-PERP', 'buy', 40000, 0.01), 'placed', 'a halt that is rolled back was none');
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT is((SELECT sum(open_orders) FROM quantmesh.halt('binance', 'BTCUSDT-PERP')), 3::numeric, 'in repeatable read');
COMMIT;
SELECT is(pg_temp.outcome('binance', 'BTCUSDT-PERP', 'buy', 30000, 0.01), 'denied HALTED', '... it holds');
SELECT throws_ok(format('SELECT quantmesh.%s', call), code, message, format('%s is %s', left(call, 80), code))
FROM (VALUES
    ('set_trading_state(''binance'', NULL, NULL, ''x'')', '22004', 'state must not be null'),
    ('set_trading_state(''binance'', NULL, ''stopped'', ''x'')', '22023', 'state must be active, reducing or halted, not "stopped"'),
    ('set_trading_state(''binance'', NULL, ''halted'')', '22004', 'reason must not be null'),
    ('set_trading_state(NULL, NULL, ''halted'', ''x'')', '22004', 'account must not be null'),
    ('set_trading_state(''binance'', NULL, ''halted'', '''')', '22023', 'reason has 0 bytes'),
    ('halt(''nobody'')', 'P0002', 'account "nobody" is not known'), ('halt(''binance'', ''nothing'')', 'P0002', 'market "nothing" of account "binance" is not known'),
    ('halt(''*'', ''nothing'')', 'P0002', NULL), ('halt(NULL)', '22004', 'account must not be null'), ('halt(''binance'', '''')', '22023', NULL),
    ('halt(''binance'', reason => repeat(''x'', 1001))', '22023', 'reason has 1001 bytes'), ('resume(''nobody'')', 'P0002', NULL)
) AS t (call, code, message);

-- Trust.
UPDATE quantmesh.market SET trusted_tag = 'old0' WHERE account = 'binance';
SELECT quantmesh.markets_changed() \gset
SELECT is((SELECT trust FROM quantmesh.markets WHERE symbol = 'BTCUSDT'), 'RECONCILE_PENDING', 'as after a promotion: the market waits');
SELECT is(pg_temp.outcome('binance', 'BTCUSDT', 'buy', 40000, 0.01), 'denied RECONCILE_PENDING', '... and nothing is placed');
SELECT throws_ok($$ SELECT quantmesh.trust_market('binance') $$, '22004', 'reason must not be null', 'trusting needs a reason');
SELECT throws_ok($$ SELECT quantmesh.trust_market('nobody', reason => 'x') $$, 'P0002', NULL, '... and a known account');
SELECT throws_ok($$ SELECT quantmesh.trust_market('binance', 'nothing', 'x') $$, 'P0002', NULL, '... and a known market');
SELECT throws_ok($$ SELECT quantmesh.trust_market(NULL, reason => 'x') $$, '22004', NULL, '... not NULL');
SELECT is(quantmesh.trust_market('binance', 'BTCUSDT', 'looked'), 1::bigint, 'one market');
SELECT is(pg_temp.outcome('binance', 'BTCUSDT', 'buy', 40000, 0.01), 'placed', '... can be traded again');
SELECT is(quantmesh.trust_market(reason => 'looked at all'), 1::bigint, 'the rest');
SELECT is(quantmesh.trust_market(reason => 'again'), 0::bigint, 'nothing is left');
SELECT set_eq($$ SELECT DISTINCT trust FROM quantmesh.markets $$, $$ VALUES ('trusted') $$, 'all are trusted');

-- Baselines.
SELECT lives_ok($$ SELECT quantmesh.set_baseline('binance', 'BTC', 1.5, 'deposit') $$, 'a baseline');
SELECT lives_ok($$ SELECT quantmesh.set_baseline('binance', 'BTC', -0.25, 'taken out') $$, 'is replaced');
SELECT is(pg_temp.rows($$ SELECT account, asset, amount, reason, set_by FROM quantmesh.balance_baseline $$), format('(binance,BTC,-0.25,"taken out",%s)', session_user), 'there is one per asset');
SELECT throws_ok(format('SELECT quantmesh.set_baseline(%s)', arguments), code, NULL, format('set_baseline(%s) is %s', arguments, code))
FROM (VALUES ('''binance'', NULL, 1, ''x''', '22004'), ('''binance'', ''BTC'', NULL, ''x''', '22004'), ('''binance'', ''BTC'', 1, NULL', '22004'), ('NULL, ''BTC'', 1, ''x''', '22004'),
             ('''binance'', ''BTC'', ''NaN'', ''x''', '22023'), ('''binance'', ''BTC'', ''Infinity'', ''x''', '22023'), ('''binance'', '''', 1, ''x''', '22023'),
             ('''nobody'', ''BTC'', 1, ''x''', 'P0002'), ('''*'', ''BTC'', 1, ''x''', '22023')) AS t (arguments, code);

-- What was done is recorded; what failed is not.
SELECT is(pg_temp.rows($$ SELECT action, count(*) FROM quantmesh.operator_action GROUP BY action ORDER BY action $$),
          E'(halt,4)\n(resume,3)\n(set_baseline,2)\n(set_market,13)\n(set_trading_state,5)\n(trust_market,3)', 'every deed has a row, and no failure has');
SELECT is(pg_temp.rows($$ SELECT account, operator, action, symbol, reason, detail->>'step_size' FROM quantmesh.operator_action ORDER BY action_id LIMIT 1 $$),
          format('(binance,%s,set_market,BTCUSDT,,0.00001)', session_user), 'with what was set');
SELECT is(pg_temp.rows($$ SELECT account, symbol, reason, detail->>'state' FROM quantmesh.operator_action WHERE action = 'halt' ORDER BY action_id LIMIT 1 $$),
          '(binance,BTCUSDT,"fat finger",halted)', 'and why');
SELECT is_empty($$ SELECT action_id FROM (SELECT action_id, at, lag(at) OVER (ORDER BY action_id) AS before FROM quantmesh.operator_action) AS x WHERE at < before $$, 'in the order of their ids');
SELECT ok(quantmesh.next_id() > (SELECT max(action_id) FROM quantmesh.operator_action), 'ids grow');

SELECT * FROM finish();
