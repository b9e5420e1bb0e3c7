-- Shows that quantmesh_compat has the earlier system's orders, trades and reconciliation_history: columns, words, and
-- round trips that pair sells with buys first in, first out.

SELECT plan(38);

-- What a query returns, one row a line.
CREATE FUNCTION pg_temp.rows(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE answer text;
BEGIN
    EXECUTE format('SELECT string_agg(x::text, E''\n'') FROM (%s) AS x', query) INTO answer;
    RETURN answer;
END $$;
CREATE FUNCTION pg_temp.columns_of(relation regclass) RETURNS text LANGUAGE sql AS
    $$ SELECT string_agg(attname, ', ' ORDER BY attnum) FROM pg_attribute WHERE attrelid = relation AND attnum > 0 $$;
-- Places an order and fills it at once, at a time in seconds.
CREATE FUNCTION pg_temp.trade(trade_id text, symbol text, side text, price numeric, quantity numeric, seconds integer, strategy text DEFAULT '') RETURNS text LANGUAGE sql AS $$
    SELECT r.state FROM quantmesh.place_order('c', trade.symbol, trade.side, trade.price, trade.quantity, slot => '', strategy => trade.strategy) AS p,
           quantmesh.apply_report('c', trade.symbol, client_order_id => p.client_order_id, exchange_order_id => 'of ' || trade.trade_id, state => 'filled', trade_id => trade.trade_id,
                                  last_quantity => trade.quantity, last_price => trade.price, event_time => to_timestamp(seconds)) AS r
$$;

-- Shapes.
SELECT is(pg_temp.columns_of('quantmesh_compat.orders'), 'id, order_id, client_order_id, symbol, side, price, quantity, status, created_at, updated_at', 'columns of orders, in their order');
SELECT is(pg_temp.columns_of('quantmesh_compat.trades'), 'id, buy_order_id, sell_order_id, exchange, symbol, buy_price, sell_price, quantity, pnl, created_at', 'columns of trades');
SELECT is(pg_temp.columns_of('quantmesh_compat.reconciliation_history'),
          'id, symbol, reconcile_time, local_position, exchange_position, position_diff, active_buy_orders, active_sell_orders, pending_sell_qty, total_buy_qty, total_sell_qty, '
          'estimated_profit, actual_profit, created_at', 'columns of reconciliation_history');
SELECT is_empty(format('SELECT * FROM quantmesh_compat.%I', v), format('%s begins empty', v)) FROM unnest(ARRAY['orders', 'trades', 'reconciliation_history']) AS v;

-- Orders, with a word for every state.
SELECT lives_ok($$ SELECT quantmesh.set_market('c', 'BTCUSDT', 1, 0.1) $$, 'a market');
SELECT is((quantmesh.place_order('c', 'BTCUSDT', 'sell', 500, 2)).outcome, 'placed', 'an order');
SELECT is(pg_temp.rows($$ SELECT id = (SELECT order_id FROM quantmesh.open_orders), order_id, client_order_id = (SELECT client_order_id FROM quantmesh.open_orders), symbol, side, price, quantity, status,
                                 created_at = updated_at FROM quantmesh_compat.orders $$), '(t,,t,BTCUSDT,SELL,500,2,NEW,t)', 'its row');
SELECT is((SELECT (quantmesh.apply_report('c', 'BTCUSDT', client_order_id => client_order_id, exchange_order_id => '4711', state => 'new', trade_id => 'p', last_quantity => 0.5, last_price => 500)).state
           FROM quantmesh.open_orders), 'partially_filled', 'the exchange has it');
SELECT is(pg_temp.rows('SELECT order_id, status FROM quantmesh_compat.orders'), '(4711,PARTIALLY_FILLED)', 'under its id');
CREATE FUNCTION pg_temp.reconcile(symbol text) RETURNS bigint LANGUAGE plpgsql AS $$
BEGIN
    PERFORM quantmesh.submit_snapshot('c', symbol, quantmesh.request_snapshot('c', symbol), now(), now(), '[]', '[]', '[{"asset": "USDT", "free": 1}]');
    RETURN (SELECT count(*) FROM quantmesh.reconcile('c', symbol));
END $$;
SELECT is(pg_temp.reconcile('BTCUSDT'), 0::bigint, 'a comparison with the exchange');
SELECT is(pg_temp.rows('SELECT symbol, local_position, exchange_position, position_diff, active_buy_orders, active_sell_orders, pending_sell_qty, total_buy_qty, total_sell_qty, estimated_profit, actual_profit,
                               reconcile_time = created_at FROM quantmesh_compat.reconciliation_history'),
          '(BTCUSDT,-0.5,,,0,1,1.5,,,,0,t)', 'what we know of the market');
BEGIN;
DO $$
DECLARE s record;
BEGIN
    CREATE TEMP TABLE word (state text, filled numeric, status text);
    FOR s IN SELECT state, filled FROM unnest(ARRAY['intent', 'submitted', 'unknown', 'open', 'partially_filled', 'lost', 'filled', 'canceled', 'expired', 'rejected', 'aborted', 'never_accepted']) AS state,
                    unnest(ARRAY[0, 0.5]) AS filled LOOP
        UPDATE quantmesh.orders AS o SET state = s.state, filled_quantity = s.filled, holds_slot = false, live = s.state IN ('intent', 'submitted', 'unknown', 'open', 'partially_filled', 'lost'),
            reported_quantity = s.filled, exposed = s.state IN ('intent', 'submitted', 'unknown', 'open', 'partially_filled', 'lost');
        INSERT INTO word SELECT s.state, s.filled, c.status FROM quantmesh_compat.orders AS c;
    END LOOP;
END $$;
SELECT is(pg_temp.rows('SELECT status, string_agg(state, '' '' ORDER BY state) FROM word WHERE filled = 0 GROUP BY status ORDER BY status'),
          E'(CANCELED,"aborted canceled")\n(EXPIRED,expired)\n(FILLED,filled)\n(NEW,"intent lost open submitted unknown")\n(PARTIALLY_FILLED,partially_filled)\n(REJECTED,"never_accepted rejected")',
          'a word for every state');
SELECT is(pg_temp.rows('SELECT status, string_agg(state, '' '' ORDER BY state) FROM word WHERE filled > 0 GROUP BY status ORDER BY status'),
          E'(CANCELED,"aborted canceled")\n(EXPIRED,expired)\n(FILLED,filled)\n(PARTIALLY_FILLED,"intent lost open partially_filled submitted unknown")\n(REJECTED,"never_accepted rejected")',
          '... and with fills');
ROLLBACK;

-- Round trips: one to one, one to many, across prices.
SELECT lives_ok($$ SELECT quantmesh.set_market('c', 'A-USD', 1, 0.1), quantmesh.set_market('c', 'B-USD', 1, 0.1) $$, 'two more markets');
SELECT is(pg_temp.trade('b1', 'A-USD', 'buy', 100, 1, 1), 'filled', 'buy 1 at 100');
SELECT is(pg_temp.trade('b2', 'A-USD', 'buy', 90, 2, 2), 'filled', 'buy 2 at 90');
SELECT is_empty($$ SELECT * FROM quantmesh_compat.trades $$, 'nothing is sold: no round trip');
SELECT is(pg_temp.trade('s1', 'A-USD', 'sell', 110, 1, 3), 'filled', 'sell 1 at 110');
SELECT is(pg_temp.rows($$ SELECT buy_order_id, sell_order_id, exchange, symbol, buy_price, sell_price, quantity, pnl, extract(epoch FROM created_at)::int FROM quantmesh_compat.trades $$),
          '("of b1","of s1",c,A-USD,100,110,1,10,3)', 'belongs to the first bought');
SELECT is(pg_temp.trade('s2', 'A-USD', 'sell', 120, 0.5, 4), 'filled', 'sell 0.5 at 120');
SELECT is(pg_temp.trade('b3', 'A-USD', 'buy', 80, 1, 5), 'filled', 'buy 1 at 80');
SELECT is(pg_temp.trade('s3', 'A-USD', 'sell', 130, 2.5, 6), 'filled', 'sell 2.5 at 130');
SELECT is(pg_temp.rows($$ SELECT id, buy_order_id, sell_order_id, quantity, pnl FROM quantmesh_compat.trades ORDER BY id $$),
          E'(1,"of b1","of s1",1,10)\n(2,"of b2","of s2",0.5,15)\n(3,"of b2","of s3",1.5,60)\n(4,"of b3","of s3",1,50)', 'a sell that meets several buys makes several rows');
SELECT is((SELECT sum(pnl) FROM quantmesh_compat.trades), (SELECT realized_profit FROM quantmesh.positions WHERE symbol = 'A-USD'), 'flat: the same profit as by average cost');

-- Strategies and markets are apart; what was sold short is paired later; what was taken back is left out.
SELECT is(pg_temp.trade('x1', 'B-USD', 'sell', 50, 1, 1, 'one') || pg_temp.trade('x2', 'B-USD', 'buy', 40, 1, 2, 'two'), 'filledfilled', 'two strategies');
SELECT is_empty($$ SELECT * FROM quantmesh_compat.trades WHERE symbol = 'B-USD' $$, 'are not paired');
SELECT is(pg_temp.trade('x3', 'B-USD', 'buy', 45, 3, 3, 'one'), 'filled', 'the one that sold short buys');
SELECT is(pg_temp.rows($$ SELECT buy_order_id, sell_order_id, quantity, pnl, extract(epoch FROM created_at)::int FROM quantmesh_compat.trades WHERE symbol = 'B-USD' $$),
          '("of x3","of x1",1,5,3)', 'a short round trip');
SELECT is((SELECT (quantmesh.apply_report('c', 'B-USD', client_order_id => client_order_id, state => 'busted', trade_id => 'x1', last_quantity => 1, last_price => 50)).state
           FROM quantmesh.orders WHERE exchange_order_id = 'of x1'), 'filled', 'the sell is taken back');
SELECT is_empty($$ SELECT * FROM quantmesh_compat.trades WHERE symbol = 'B-USD' $$, 'and its round trip is gone');

-- Against a slow and simple pairing of units, on random trades.
CREATE FUNCTION pg_temp.slow_pairs(symbol text) RETURNS numeric LANGUAGE plpgsql AS $$
DECLARE
    buys numeric[] := '{}';
    sells numeric[] := '{}';
    f record;
    total numeric := 0;
BEGIN
    FOR f IN SELECT * FROM quantmesh.fill AS x WHERE x.symbol = slow_pairs.symbol ORDER BY x.executed_at, x.trade_id LOOP
        FOR i IN 1 .. (f.quantity * 10)::int LOOP
            IF f.side = 'buy' THEN buys := buys || f.price; ELSE sells := sells || f.price; END IF;
        END LOOP;
    END LOOP;
    FOR i IN 1 .. least(cardinality(buys), cardinality(sells)) LOOP total := total + (sells[i] - buys[i]) / 10; END LOOP;
    RETURN total;
END $$;
SELECT quantmesh.set_market('c', 'R-USD', 1, 0.1) \gset
SELECT setseed(0.4711) \gset
SELECT is(count(*), 200::bigint, '200 random trades') FROM (
    SELECT pg_temp.trade('r' || i, 'R-USD', CASE WHEN random() < 0.5 THEN 'buy' ELSE 'sell' END, (50 + floor(random() * 100))::numeric, (1 + floor(random() * 30))::numeric / 10, i + (random() * 4)::int) AS state
    FROM generate_series(1, 200) AS i) AS t WHERE state = 'filled';
SELECT is(sum(pnl), pg_temp.slow_pairs('R-USD'), 'their profit is that of pairing unit by unit') FROM quantmesh_compat.trades WHERE symbol = 'R-USD';
SELECT is(sum(quantity), (SELECT least(sum(quantity) FILTER (WHERE side = 'buy'), sum(quantity) FILTER (WHERE side = 'sell')) FROM quantmesh.fill WHERE symbol = 'R-USD'),
          'everything that can be paired is') FROM quantmesh_compat.trades WHERE symbol = 'R-USD';
SELECT is_empty($$ SELECT id FROM quantmesh_compat.trades WHERE quantity <= 0 OR buy_order_id IS NULL OR sell_order_id IS NULL $$, 'no piece is empty');
SELECT is((SELECT count(DISTINCT id) FROM quantmesh_compat.trades), (SELECT count(*) FROM quantmesh_compat.trades), 'ids are unique');
SELECT count(pg_temp.reconcile(symbol)) FROM quantmesh.market \gset
SELECT is(pg_temp.rows($$ SELECT symbol, local_position = (SELECT sum(quantity) FROM quantmesh.positions AS p WHERE p.symbol = r.symbol),
                                 actual_profit = (SELECT sum(realized_profit) FROM quantmesh.positions AS p WHERE p.symbol = r.symbol)
                          FROM quantmesh_compat.reconciliation_history AS r WHERE id IN (SELECT max(id) FROM quantmesh_compat.reconciliation_history GROUP BY symbol) ORDER BY symbol $$),
          E'(A-USD,t,t)\n(B-USD,t,t)\n(BTCUSDT,t,t)\n(R-USD,t,t)', 'every comparison is a row, with position and profit then');

SELECT * FROM finish();
