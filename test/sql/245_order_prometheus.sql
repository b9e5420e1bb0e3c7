-- Shows the order part of prometheus(): the earlier system's names, labels and buckets, counts that add up, labels that
-- are escaped; and promtool's opinion, where it is installed.
\set ON_ERROR_ROLLBACK off

SELECT plan(63);

CREATE FUNCTION pg_temp.report(name text, symbol text, price numeric, state text, trade_id text DEFAULT NULL, quantity numeric DEFAULT NULL) RETURNS text LANGUAGE sql AS $$
    SELECT r.state FROM quantmesh.orders AS o,
           quantmesh.apply_report(o.account, o.symbol, client_order_id => o.client_order_id, state => report.state, trade_id => report.trade_id, last_quantity => report.quantity, last_price => CASE WHEN report.trade_id IS NOT NULL THEN report.price END) AS r
    WHERE o.account = report.name AND o.symbol = report.symbol AND o.price = report.price
$$;
CREATE FUNCTION pg_temp.place(name text, symbol text, side text, price numeric, quantity numeric DEFAULT 1) RETURNS text LANGUAGE sql AS
    $$ SELECT outcome FROM quantmesh.place_order(place.name, place.symbol, place.side, place.price, place.quantity) $$;

SELECT quantmesh.reset_metrics() \gset
SELECT quantmesh.set_market('binance', 'BTCUSDT', 1, 0.1) \gset
SELECT quantmesh.set_market('binance/hedge', 'ETH-USDT', 1, 0.1) \gset
SELECT is(pg_temp.place('binance', 'BTCUSDT', 'buy', 100), 'placed', 'taken by the exchange');
SELECT is(pg_temp.report('binance', 'BTCUSDT', 100, 'open'), 'open', '... open');
SELECT is(pg_temp.place('binance', 'BTCUSDT', 'buy', 99, 2), 'placed', 'filled');
SELECT is(pg_temp.report('binance', 'BTCUSDT', 99, 'filled', 't1', 2), 'filled', '... at once');
SELECT is(pg_temp.place('binance', 'BTCUSDT', 'buy', 98), 'placed', 'rejected');
SELECT is(pg_temp.report('binance', 'BTCUSDT', 98, 'rejected'), 'rejected', '... by the exchange');
SELECT is(pg_temp.place('binance', 'BTCUSDT', 'buy', 97), 'placed', 'in flight');
SELECT is(pg_temp.place('binance', 'BTCUSDT', 'buy', 97), 'duplicate', 'a duplicate');
SELECT is(pg_temp.place('binance', 'BTCUSDT', 'buy', 97.5), 'denied', 'denied');
SELECT is(pg_temp.place('binance', 'BTCUSDT', 'buy', 97.5), 'denied', 'twice');
SELECT is(pg_temp.place('binance', 'BTCUSDT', 'buy', 97, 0.01), 'denied', 'for another reason');
SELECT is(pg_temp.place('binance', 'BTCUSDT', 'sell', 110, 0.5), 'placed', 'a sell');
SELECT is(pg_temp.report('binance', 'BTCUSDT', 110, 'open', 't2', 0.5), 'filled', '... is filled');
SELECT is(pg_temp.place('binance', 'UNKNOWN', 'buy', 1), 'denied', 'an unknown market');

CREATE TEMP TABLE scrape AS SELECT n, line FROM regexp_split_to_table((SELECT quantmesh.prometheus()), E'\n') WITH ORDINALITY AS t (line, n);
CREATE TEMP VIEW family AS SELECT m[1] AS name, m[2] AS type FROM scrape, regexp_match(line, '^# TYPE (\S+) (\S+)$') AS m WHERE m IS NOT NULL;
CREATE TEMP TABLE sample AS
    SELECT n, line, m[1] AS name, m[3] AS labels, (CASE m[4] WHEN '+Inf' THEN 'Infinity' ELSE m[4] END)::numeric AS value
    FROM scrape, regexp_match(line, '^([a-z_0-9]+)(\{(.*)\})? (\S+)$') AS m WHERE line !~ '^#' AND line <> '';
CREATE FUNCTION pg_temp.label(labels text, label text) RETURNS text LANGUAGE sql AS $$ SELECT (regexp_match(labels, '(?:^|,)' || label || '="((?:[^"\\]|\\.)*)"'))[1] $$;
CREATE FUNCTION pg_temp.names(labels text) RETURNS text LANGUAGE sql AS $$ SELECT regexp_replace(labels, '="([^"\\]|\\.)*"', '', 'g') $$;
-- What a metric says of BTCUSDT at binance: label=value pairs beyond exchange and symbol, and the value.
CREATE FUNCTION pg_temp.of(metric text) RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(regexp_replace(labels, '^exchange="binance",symbol="BTCUSDT",?', '') || ' ' || value, E'\n' ORDER BY n)
    FROM sample WHERE name = metric AND labels LIKE 'exchange="binance",symbol="BTCUSDT"%' AND value <> 0
$$;

-- Names and types of the earlier system.
SELECT is((SELECT type FROM family WHERE name = 'quantmesh_' || metric), want, format('quantmesh_%s is %s', metric, want))
FROM (VALUES ('order_total', 'counter'), ('order_success_total', 'counter'), ('order_failure_total', 'counter'), ('order_duration_seconds', 'histogram'), ('active_orders_count', 'untyped'),
             ('pnl_realized_total', 'counter'), ('position_size', 'gauge'), ('trade_count_total', 'counter'), ('trade_volume_total', 'counter'), ('trade_amount_total', 'counter')) AS m (metric, want);
SELECT is((SELECT string_agg(DISTINCT pg_temp.names(labels), ' ') FROM sample WHERE name = 'quantmesh_' || metric), want, format('labels of quantmesh_%s', metric))
FROM (VALUES ('order_total', 'exchange,symbol,side,status'), ('order_success_total', 'exchange,symbol,side'), ('order_failure_total', 'exchange,symbol,side,reason'),
             ('order_duration_seconds_bucket', 'exchange,symbol,side,le'), ('order_duration_seconds_sum', 'exchange,symbol,side'), ('order_duration_seconds_count', 'exchange,symbol,side'),
             ('active_orders_count', 'exchange,symbol,side'), ('pnl_realized_total', 'exchange,symbol'), ('position_size', 'exchange,symbol'),
             ('trade_count_total', 'exchange,symbol,side'), ('trade_volume_total', 'exchange,symbol,side'), ('trade_amount_total', 'exchange,symbol,side'),
             ('order_request_total', 'exchange,symbol,side,outcome'), ('order_state_total', 'exchange,symbol,side,state')) AS m (metric, want);
SELECT is_empty($$ SELECT b FROM unnest(ARRAY[0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 2, 5]) AS b
                   EXCEPT SELECT pg_temp.label(labels, 'le')::numeric FROM sample WHERE name = 'quantmesh_order_duration_seconds_bucket' AND labels NOT LIKE '%+Inf%' $$, 'the histogram has its buckets');

-- What they count.
SELECT is(pg_temp.of('quantmesh_order_total'), E'side="buy",status="success" 2\nside="buy",status="failed" 1\nside="buy",status="denied" 3\nside="sell",status="success" 1', 'order_total');
SELECT is(pg_temp.of('quantmesh_order_success_total'), E'side="buy" 2\nside="sell" 1', 'order_success_total');
SELECT is(pg_temp.of('quantmesh_order_failure_total'), E'side="buy",reason="PRICE_OFF_TICK" 2\nside="buy",reason="QUANTITY_OFF_STEP" 1\nside="buy",reason="REJECTED" 1', 'order_failure_total');
SELECT is(pg_temp.of('quantmesh_order_duration_seconds_count'), E'side="buy" 2\nside="sell" 1', 'order_duration_seconds');
SELECT is(pg_temp.of('quantmesh_order_request_total'), E'side="buy",outcome="placed" 4\nside="buy",outcome="duplicate" 1\nside="buy",outcome="denied" 3\nside="sell",outcome="placed" 1', 'order_request_total');
SELECT is(pg_temp.of('quantmesh_order_state_total'), E'side="buy",state="open" 1\nside="buy",state="filled" 1\nside="buy",state="rejected" 1\nside="sell",state="filled" 1', 'order_state_total');
SELECT is(pg_temp.of('quantmesh_active_orders_count'), 'side="buy" 2', 'active_orders_count: open and in flight');
SELECT is(pg_temp.of('quantmesh_position_size'), ' 1.5', 'position_size');
SELECT is(pg_temp.of('quantmesh_pnl_realized_total'), ' 5.5', 'pnl_realized_total');
SELECT is(pg_temp.of('quantmesh_trade_count_total'), E'side="buy" 1\nside="sell" 1', 'trade_count_total');
SELECT is(pg_temp.of('quantmesh_trade_volume_total'), E'side="buy" 2\nside="sell" 0.5', 'trade_volume_total');
SELECT is(pg_temp.of('quantmesh_trade_amount_total'), E'side="buy" 198\nside="sell" 55', 'trade_amount_total');
SELECT is((SELECT sum(value) FROM sample WHERE name = 'quantmesh_order_total'),
          (SELECT sum(value) FROM sample WHERE name IN ('quantmesh_order_success_total', 'quantmesh_order_failure_total')), 'order_total is success and failure together');
SELECT is((SELECT value FROM sample WHERE line LIKE 'quantmesh_order_failure_total{exchange="other",symbol="other",side="buy",reason="UNKNOWN_MARKET"}%'), 1::numeric, 'unknown markets are other');
SELECT is((SELECT count(*) FROM sample WHERE name = 'quantmesh_active_orders_count' AND labels LIKE 'exchange="binance/hedge",symbol="ETH-USDT",side="%' AND value = 0), 2::bigint, 'a market without orders has none');
SELECT is_empty($$ SELECT name FROM sample WHERE name LIKE 'quantmesh_%' AND value < 0 AND name <> 'quantmesh_pnl_realized_total' $$, 'counts are not negative');
SELECT is_empty($$ SELECT line FROM sample GROUP BY line HAVING count(*) > 1 $$, 'no sample is there twice');

-- Profit can fall.
SELECT is(pg_temp.place('binance', 'BTCUSDT', 'sell', 101, 1.5), 'placed', 'another sell');
SELECT is(r.state, 'filled', '... at a loss') FROM quantmesh.orders AS o, quantmesh.apply_report('binance', 'BTCUSDT', client_order_id => o.client_order_id, state => 'filled', trade_id => 't3',
    last_quantity => 1.5, last_price => 50) AS r WHERE o.price = 101;
SELECT alike(quantmesh.prometheus(), E'%\nquantmesh_pnl_realized_total{exchange="binance",symbol="BTCUSDT"} -68\n%', 'is a loss');

-- Names that need care: quotes and backslashes are refused in names, braces, commas and equal signs are not.
SELECT alike(quantmesh.prometheus(), E'%\nquantmesh_active_orders_count{exchange="Ünï cöde",symbol="ETH{x=1},",side="buy"} 0\n%', 'braces, commas and other letters stay')
    FROM quantmesh.set_market('Ünï cöde', 'ETH{x=1},', 1, 0.1, base_asset => 'A', quote_asset => 'B');

-- reset_metrics sets counters to zero; gauges say what is.
SELECT quantmesh.reset_metrics() \gset
SELECT alike(quantmesh.prometheus(), E'%\nquantmesh_order_success_total{exchange="binance",symbol="BTCUSDT",side="buy"} 0\n%', 'counters begin again');
SELECT alike(quantmesh.prometheus(), E'%\nquantmesh_active_orders_count{exchange="binance",symbol="BTCUSDT",side="buy"} 2\n%', 'orders are still there');

\set promtool `psql -XAtq -d "$PGDATABASE" -c 'SELECT quantmesh.prometheus()' | if command -v promtool >/dev/null; then promtool check metrics 2>&1 && echo passed; else echo passed; fi`
SELECT is(:'promtool'::text, 'passed', 'promtool check metrics has nothing to say');

SELECT * FROM finish();
