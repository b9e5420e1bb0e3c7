-- Shows how limits count: what live orders and positions can come to is reserved when an order is placed, and given back
-- when the order ends, is filled, or its transaction or savepoint is rolled back.
\set ON_ERROR_ROLLBACK off
\ir rows_eq.psql

SELECT plan(145);

CREATE FUNCTION pg_temp.place(symbol text, side text, price numeric, quantity numeric) RETURNS text LANGUAGE sql AS $$
    SELECT concat_ws(' ', outcome, reason) FROM quantmesh.place_order('lim', $1, $2, $3, $4, CASE WHEN $3 IS NULL THEN 'market' ELSE 'limit' END, slot => '')
$$;
-- Reports to the last live order at a price.
CREATE FUNCTION pg_temp.report(symbol text, price numeric, state text, trade_id text DEFAULT NULL, quantity numeric DEFAULT NULL, cumulative numeric DEFAULT NULL) RETURNS text
    LANGUAGE sql AS $$
    SELECT (quantmesh.apply_report('lim', o.symbol, o.client_order_id, state => $3, trade_id => $4, last_quantity => $5,
                                   last_price => CASE WHEN $4 IS NOT NULL THEN coalesce($2, 100) END, cumulative_quantity => $6)).state
    FROM (SELECT * FROM quantmesh.orders AS o WHERE o.account = 'lim' AND o.symbol = $1 AND o.price IS NOT DISTINCT FROM $2 ORDER BY order_id DESC LIMIT 1) AS o
$$;
CREATE FUNCTION pg_temp.market(symbol text, max_open_orders int DEFAULT NULL, max_position numeric DEFAULT NULL, max_notional numeric DEFAULT NULL, max_order_rate int DEFAULT NULL)
    RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM quantmesh.set_market('lim', $1, tick_size => 0.01, step_size => 0.001);
    PERFORM quantmesh.set_limits('lim', $1, $2, $3, $4, $5);
END $$;

-- Open orders.
SELECT pg_temp.market('OUSDT', max_open_orders => 2) \gset
SELECT is(pg_temp.place('OUSDT', 'buy', 10, 1), 'placed', 'the first of two');
SELECT is(pg_temp.place('OUSDT', 'sell', 20, 1), 'placed', 'the second of two');
SELECT is(pg_temp.place('OUSDT', 'buy', 11, 1), 'denied MAX_OPEN_ORDERS', 'the third is denied');
SELECT is(pg_temp.report('OUSDT', 20, 'open'), 'open', 'opening one');
SELECT is(pg_temp.place('OUSDT', 'buy', 11, 1), 'denied MAX_OPEN_ORDERS', 'changes nothing');
SELECT is(pg_temp.report('OUSDT', 20, 'canceled'), 'canceled', 'when one ends');
SELECT is(pg_temp.place('OUSDT', 'buy', 11, 1), 'placed', 'there is room for one');
SELECT is(pg_temp.place('OUSDT', 'buy', 12, 1), 'denied MAX_OPEN_ORDERS', 'and one only');
SELECT is(pg_temp.report('OUSDT', 11, 'canceled'), 'canceled', 'once more');
SELECT is(pg_temp.report('OUSDT', 11, 'canceled'), 'canceled', 'and the same report again');
SELECT is(pg_temp.place('OUSDT', 'buy', 12, 1), 'placed', 'is one order that has ended');
SELECT is(pg_temp.place('OUSDT', 'buy', 13, 1), 'denied MAX_OPEN_ORDERS', 'not two');
-- Each of the ways to end.
SELECT is((quantmesh.resolve_submission('lim', order_id, fence, 'unknown')).state, 'unknown', 'unknown') FROM quantmesh.orders WHERE symbol = 'OUSDT' AND price = 12;
SELECT is((quantmesh.settle_order('lim', order_id, 'never_accepted', 'test')).state, 'never_accepted', 'settled') FROM quantmesh.orders WHERE symbol = 'OUSDT' AND price = 12;
SELECT is(pg_temp.place('OUSDT', 'buy', 13, 1), 'placed', 'after an order that never arrived there is room');
SELECT is((quantmesh.resolve_submission('lim', order_id, fence, 'rejected')).state, 'rejected', 'rejected') FROM quantmesh.orders WHERE symbol = 'OUSDT' AND price = 13;
SELECT is((SELECT outcome FROM quantmesh.place_order('lim', 'OUSDT', 'buy', 14, 1, submit => false, slot => '')), 'placed', 'an intent after a rejected one');
SELECT is(pg_temp.place('OUSDT', 'buy', 15, 1), 'denied MAX_OPEN_ORDERS', 'counts as an open order');
SELECT is((quantmesh.cancel_order('lim', order_id)).outcome, 'aborted', 'aborted') FROM quantmesh.orders WHERE symbol = 'OUSDT' AND price = 14;
SELECT is(pg_temp.place('OUSDT', 'buy', 15, 1), 'placed', 'after an aborted one there is room');
SELECT is(pg_temp.report('OUSDT', 15, 'filled', 'o1', 1), 'filled', 'filled');
SELECT is(pg_temp.place('OUSDT', 'buy', 16, 1), 'placed', 'after a filled one too');
SELECT is((quantmesh.resolve_submission('lim', order_id, fence, 'unknown')).state, 'unknown', 'unknown') FROM quantmesh.orders WHERE symbol = 'OUSDT' AND price = 16;
SELECT is(pg_temp.place('OUSDT', 'buy', 17, 1), 'denied MAX_OPEN_ORDERS', 'an order whose fate is unknown counts');
SELECT is((quantmesh.settle_order('lim', order_id, 'lost', 'test')).state, 'lost', 'lost') FROM quantmesh.orders WHERE symbol = 'OUSDT' AND price = 16;
SELECT is(pg_temp.place('OUSDT', 'buy', 17, 1), 'denied MAX_OPEN_ORDERS', 'and a lost one');
-- Limits change.
SELECT quantmesh.set_limits('lim', 'OUSDT', max_open_orders => 1) \gset
SELECT is(pg_temp.report('OUSDT', 16, 'canceled'), 'canceled', 'a limit lowered below what is open');
SELECT is(pg_temp.place('OUSDT', 'buy', 17, 1), 'denied MAX_OPEN_ORDERS', 'denies until there is room');
SELECT quantmesh.set_limits('lim', 'OUSDT', max_open_orders => 0) \gset
SELECT is(pg_temp.report('OUSDT', 10, 'canceled'), 'canceled', 'a limit of 0');
SELECT is(pg_temp.place('OUSDT', 'buy', 17, 1), 'denied MAX_OPEN_ORDERS', 'denies every order');
SELECT quantmesh.set_limits('lim', 'OUSDT') \gset
SELECT is(pg_temp.place('OUSDT', 'buy', 17 + i, 1), 'placed', format('without limits all are allowed: %s', i)) FROM generate_series(1, 3) AS i;
SELECT quantmesh.set_limits('lim', 'OUSDT', max_open_orders => 4) \gset
SELECT is(pg_temp.place('OUSDT', 'buy', 25, 1), 'placed', 'what was placed without a limit');
SELECT is(pg_temp.place('OUSDT', 'buy', 26, 1), 'denied MAX_OPEN_ORDERS', 'counts when there is one again');
-- What did not become an order leaves nothing reserved.
SELECT pg_temp.market('PUSDT', max_open_orders => 1, max_position => 5) \gset
SELECT is(pg_temp.place('PUSDT', 'buy', 10, 6), 'denied MAX_POSITION', 'denied for another limit, ' || i) FROM generate_series(1, 3) AS i;
SELECT is(pg_temp.place('PUSDT', 'buy', 10.001, 1), 'denied PRICE_OFF_TICK', 'or for a filter');
SELECT quantmesh.try_lease('order:lim:PUSDT:10', 'another', '20 s') AS lease \gset
SELECT is((quantmesh.place_order('lim', 'PUSDT', 'buy', 10, 1)).outcome, 'skipped', 'or skipped');
SELECT quantmesh.release_lease('order:lim:PUSDT:10', 'another', :lease) \gset
SELECT is((quantmesh.place_order('lim', 'PUSDT', 'buy', 10, 1)).outcome, 'placed', 'takes no room');
SELECT is((quantmesh.place_order('lim', 'PUSDT', 'buy', 10, 1)).outcome, 'duplicate', 'nor does a duplicate');
SELECT is(pg_temp.report('PUSDT', 10, 'canceled'), 'canceled', 'ended');
SELECT is((quantmesh.place_order('lim', 'PUSDT', 'buy', 10, 1)).outcome, 'placed', 'so there is room for one');

-- Transactions, savepoints and exception blocks.
SELECT pg_temp.market('TUSDT', max_open_orders => 2, max_position => 2, max_notional => 20) \gset
BEGIN;
SELECT is(pg_temp.place('TUSDT', 'buy', 10, 1), 'placed', 'in a transaction: ' || i) FROM generate_series(1, 2) AS i;
SELECT matches(pg_temp.place('TUSDT', 'buy', 10, 1), 'denied', 'what it has placed itself counts');
ROLLBACK;
SELECT is(pg_temp.place('TUSDT', 'buy', 10, 1), 'placed', 'ROLLBACK gives it back');
BEGIN;
SAVEPOINT a;
SELECT is(pg_temp.place('TUSDT', 'buy', 10, 1), 'placed', 'below a savepoint');
SELECT matches(pg_temp.place('TUSDT', 'buy', 10, 1), 'denied', 'it counts');
ROLLBACK TO a;
SELECT is(pg_temp.place('TUSDT', 'buy', 10, 1), 'placed', 'ROLLBACK TO gives it back');
SAVEPOINT b;
SELECT matches(pg_temp.place('TUSDT', 'buy', 10, 1), 'denied', 'once');
RELEASE b;
ROLLBACK TO a;
SAVEPOINT c;
SELECT is(pg_temp.place('TUSDT', 'buy', 10, 1), 'placed', 'placed below a second savepoint');
RELEASE c;
SELECT matches(pg_temp.place('TUSDT', 'buy', 10, 1), 'denied', 'RELEASE keeps it');
ROLLBACK TO a;
SELECT is(pg_temp.place('TUSDT', 'buy', 10, 1), 'placed', 'until the outer savepoint is rolled back');
ROLLBACK;
CREATE FUNCTION pg_temp.tries(OUT first text, OUT second text, OUT third text, OUT fourth text) LANGUAGE plpgsql AS $$
BEGIN
    BEGIN
        first := pg_temp.place('TUSDT', 'buy', 10, 1);
        RAISE EXCEPTION 'taken back';
    EXCEPTION WHEN raise_exception THEN NULL;
    END;
    BEGIN
        BEGIN
            second := pg_temp.place('TUSDT', 'buy', 10, 1);
        EXCEPTION WHEN raise_exception THEN NULL;
        END;
        third := pg_temp.place('TUSDT', 'buy', 10, 1);
        RAISE EXCEPTION 'taken back';
    EXCEPTION WHEN raise_exception THEN NULL;
    END;
    fourth := pg_temp.place('TUSDT', 'buy', 10, 1);
END $$;
SELECT pg_temp.rows_eq('SELECT first, second, left(third, 6), fourth FROM pg_temp.tries()', $$ VALUES ('placed', 'placed', 'denied', 'placed') $$,
                  'exception blocks give back what they roll back');
SELECT matches(pg_temp.place('TUSDT', 'buy', 10, 1), 'denied', 'and keep the rest');
SELECT pg_temp.rows_eq($$ SELECT count(*) FROM quantmesh.open_orders WHERE symbol = 'TUSDT' $$, 'VALUES (2::bigint)', 'two orders are open');
DO $$
BEGIN
    FOR i IN 1 .. 50 LOOP
        BEGIN
            PERFORM quantmesh.settle_order('lim', order_id, 'canceled', 'test') FROM quantmesh.open_orders WHERE symbol = 'TUSDT';
            PERFORM pg_temp.place('TUSDT', 'buy', 10, 1);
            RAISE EXCEPTION 'taken back';
        EXCEPTION WHEN raise_exception THEN NULL;
        END;
    END LOOP;
END $$;
SELECT matches(pg_temp.place('TUSDT', 'buy', 10, 1), 'denied', 'ends that are rolled back give no room');
BEGIN;
SELECT quantmesh.settle_order('lim', order_id, 'canceled', 'test') FROM quantmesh.open_orders WHERE symbol = 'TUSDT' LIMIT 1 \gset
COMMIT;
SELECT is(pg_temp.place('TUSDT', 'buy', 10, 1), 'placed', 'an end gives room when it is committed');
SELECT throws_ok($$ SELECT pg_temp.place('TUSDT', 'buy', 10, 1), 1 / (random() * 0)::int $$, '22012', NULL, 'a statement that fails');
SELECT matches(pg_temp.place('TUSDT', 'buy', 10, 1), 'denied', 'changes nothing');

-- Positions, long and short: the worst that live orders can come to.
SELECT pg_temp.market('QUSDT', max_position => 0.5) \gset
SELECT is(pg_temp.place('QUSDT', 'buy', 100, 0.501), 'denied MAX_POSITION', 'long beyond the limit');
SELECT is(pg_temp.place('QUSDT', 'sell', 200, 0.501), 'denied MAX_POSITION', 'short beyond the limit');
SELECT is(pg_temp.place('QUSDT', 'buy', 100, 0.3), 'placed', 'a buy');
SELECT is(pg_temp.place('QUSDT', 'buy', 99, 0.201), 'denied MAX_POSITION', 'and another one together');
SELECT is(pg_temp.place('QUSDT', 'buy', NULL, 0.201), 'denied MAX_POSITION', 'or a market order');
SELECT is(pg_temp.place('QUSDT', 'sell', 200, 0.5), 'placed', 'a sell of the whole limit: it may fill alone');
SELECT is(pg_temp.place('QUSDT', 'sell', 201, 0.001), 'denied MAX_POSITION', 'and no more');
SELECT is(pg_temp.place('QUSDT', 'buy', 99, 0.2), 'placed', 'exactly the limit is allowed');
-- Live: buys 0.3 and 0.2, sell 0.5. Filling moves what is reserved into the position.
SELECT is(pg_temp.report('QUSDT', 100, 'filled', 'q1', 0.3), 'filled', 'the first buy fills');
SELECT is(pg_temp.place('QUSDT', 'buy', 98, 0.001), 'denied MAX_POSITION', 'long: 0.3 held and 0.2 to come');
SELECT is(pg_temp.place('QUSDT', 'sell', 202, 0.301), 'denied MAX_POSITION', 'short: 0.3 held, 0.5 to go');
SELECT is(pg_temp.place('QUSDT', 'sell', 202, 0.3), 'placed', 'so 0.3 more to sell');
SELECT is(pg_temp.report('QUSDT', 202, 'partially_filled', 'q2', 0.1), 'partially_filled', 'a part of it fills');
SELECT is(pg_temp.place('QUSDT', 'buy', 98, 0.101), 'denied MAX_POSITION', '0.2 held, 0.2 to come');
SELECT is(pg_temp.report('QUSDT', 202, 'canceled'), 'canceled', 'the rest is canceled');
SELECT is(pg_temp.place('QUSDT', 'sell', 203, 0.201), 'denied MAX_POSITION', '0.2 held, 0.5 to go');
SELECT is(pg_temp.place('QUSDT', 'sell', 203, 0.2), 'placed', 'the canceled rest gives room');
SELECT is(pg_temp.place('QUSDT', 'buy', 98, 0.1), 'placed', 'on the other side too');
-- All that is live fills: buys 0.2 and 0.1, sells 0.5 and 0.2. In any order the position stays inside.
SELECT is(pg_temp.report('QUSDT', 200, 'filled', 'q3', 0.5), 'filled', 'sells fill first');
SELECT is(pg_temp.report('QUSDT', 203, 'filled', 'q4', 0.2), 'filled', 'all of them');
SELECT is((SELECT quantity FROM quantmesh.positions WHERE account = 'lim' AND symbol = 'QUSDT'), -0.5, 'the position is at the limit, not beyond');
SELECT is(pg_temp.report('QUSDT', 99, 'filled', 'q5', 0.2), 'filled', 'then buys');
SELECT is(pg_temp.report('QUSDT', 98, 'filled', 'q6', 0.1), 'filled', 'all of them');
SELECT is((SELECT quantity FROM quantmesh.positions WHERE account = 'lim' AND symbol = 'QUSDT'), -0.2, 'short by 0.2');
SELECT is(pg_temp.place('QUSDT', 'buy', 100, 0.701), 'denied MAX_POSITION', 'from there to the other limit');
SELECT is(pg_temp.place('QUSDT', 'buy', 100, 0.7), 'placed', 'it is 0.7');
SELECT is(pg_temp.place('QUSDT', 'sell', 200, 0.301), 'denied MAX_POSITION', 'and to this one');
SELECT is(pg_temp.place('QUSDT', 'sell', 200, 0.3), 'placed', 'it is 0.3');
-- An order that ended with more filled than we have booked still counts for what is missing.
SELECT pg_temp.market('RUSDT', max_position => 1) \gset
SELECT is(pg_temp.place('RUSDT', 'buy', 100, 1), 'placed', 'an order of the whole limit');
SELECT is(pg_temp.report('RUSDT', 100, 'canceled', cumulative => 0.4), 'canceled', 'is canceled, with 0.4 filled that we have not seen');
SELECT is(pg_temp.place('RUSDT', 'buy', 99, 0.601), 'denied MAX_POSITION', 'which count');
SELECT is(pg_temp.place('RUSDT', 'buy', 99, 0.6), 'placed', 'and nothing else');
SELECT is(pg_temp.report('RUSDT', 100, NULL, 'r1', 0.4), 'canceled', 'when they are booked');
SELECT is(pg_temp.place('RUSDT', 'buy', 98, 0.001), 'denied MAX_POSITION', 'they count once');
SELECT is(pg_temp.report('RUSDT', 99, 'canceled'), 'canceled', 'the other order ends');
SELECT is(pg_temp.place('RUSDT', 'buy', 98, 0.601), 'denied MAX_POSITION', '0.4 are held');
SELECT is(pg_temp.place('RUSDT', 'buy', 98, 0.6), 'placed', '0.6 may come');
-- A bust gives room, commission in the base asset changes what is held, an overfill takes what it takes.
SELECT pg_temp.market('UUSDT', max_position => 1) \gset
SELECT is(pg_temp.place('UUSDT', 'buy', 100, 1), 'placed', 'an order of the whole limit');
SELECT is(pg_temp.report('UUSDT', 100, 'filled', 'u1', 1), 'filled', 'filled');
SELECT is(pg_temp.report('UUSDT', 100, 'busted', 'u1', 1), 'filled', 'and busted');
SELECT is(pg_temp.place('UUSDT', 'buy', 99, 1), 'placed', 'leaves room for the whole limit');
SELECT is((quantmesh.apply_report('lim', 'UUSDT', client_order_id, trade_id => 'u2', last_quantity => 1, last_price => 99, commission => 0.001, commission_asset => 'U')).state, 'filled', 'filled, less a commission')
    FROM quantmesh.open_orders WHERE symbol = 'UUSDT';
SELECT is(pg_temp.place('UUSDT', 'buy', 98, 0.002), 'denied MAX_POSITION', 'leaves 0.001');
SELECT is(pg_temp.place('UUSDT', 'buy', 98, 0.001), 'placed', 'to buy');
SELECT is(pg_temp.report('UUSDT', 98, NULL, 'u3', 0.5), 'filled', 'which overfills');
SELECT is(pg_temp.place('UUSDT', 'buy', 98, 0.001), 'denied MAX_POSITION', 'beyond the limit nothing more is bought');
SELECT is(pg_temp.place('UUSDT', 'sell', 200, 1), 'placed', 'but sold');

-- Notional: price x what can still fill.
SELECT pg_temp.market('NUSDT', max_notional => 1000) \gset
SELECT is(pg_temp.place('NUSDT', 'buy', 100, 5), 'placed', 'a notional of 500');
SELECT is(pg_temp.place('NUSDT', 'sell', 200, 2), 'placed', 'and of 400, of the other side');
SELECT is(pg_temp.place('NUSDT', 'buy', 50, 2.001), 'denied MAX_NOTIONAL', 'and of 100.05');
SELECT is(pg_temp.place('NUSDT', 'buy', 50, 2), 'placed', 'and of 100');
SELECT is(pg_temp.place('NUSDT', 'buy', 0.01, 0.001), 'denied MAX_NOTIONAL', 'the smallest order is too much then');
SELECT is(pg_temp.report('NUSDT', 100, NULL, 'n1', 2), 'partially_filled', 'a fill of 2');
SELECT is(pg_temp.place('NUSDT', 'buy', 50, 4.001), 'denied MAX_NOTIONAL', 'gives room for 200');
SELECT is(pg_temp.place('NUSDT', 'buy', 50, 4), 'placed', 'and no more');
SELECT is(pg_temp.report('NUSDT', 100, 'canceled'), 'canceled', 'the end of the order');
SELECT is(pg_temp.place('NUSDT', 'buy', 50, 6.001), 'denied MAX_NOTIONAL', 'gives room for 300');
SELECT is(pg_temp.place('NUSDT', 'buy', 50, 6), 'placed', 'and no more');

-- Rate: orders in any one second. A statement of few orders takes less than that.
-- A server that has just started does not know the last second's.
SELECT pg_temp.market('VUSDT', max_order_rate => 3), pg_sleep(1.2) \gset
BEGIN;
SELECT pg_temp.rows_eq($$ SELECT pg_temp.place('VUSDT', 'buy', 10 + i, 1) FROM generate_series(1, 5) AS i $$,
                  $$ VALUES ('placed'), ('placed'), ('placed'), ('denied MAX_ORDER_RATE'), ('denied MAX_ORDER_RATE') $$, 'three in one second, no more');
ROLLBACK;
SELECT pg_temp.rows_eq($$ SELECT pg_temp.place('VUSDT', 'buy', 10 + i, 1) FROM generate_series(1, 5) AS i $$,
                  $$ VALUES ('placed'), ('placed'), ('placed'), ('denied MAX_ORDER_RATE'), ('denied MAX_ORDER_RATE') $$, 'and what was rolled back was none');
-- Tries until it is placed, and says how long that took.
CREATE FUNCTION pg_temp.placed_after(symbol text) RETURNS interval LANGUAGE plpgsql AS $$
DECLARE since timestamptz := clock_timestamp();
BEGIN
    FOR i IN 1 .. 500 LOOP
        IF pg_temp.place(symbol, 'buy', 20, 1) = 'placed' THEN
            RETURN clock_timestamp() - since;
        END IF;
        PERFORM pg_sleep(0.02);
    END LOOP;
    RETURN NULL;
END $$;
SELECT ok(pg_temp.placed_after('VUSDT') < '5 s', 'a second later there is room');
SELECT quantmesh.set_limits('lim', 'VUSDT', max_order_rate => 1000) \gset
SELECT is(pg_temp.place('VUSDT', 'buy', 21, 1), 'placed', 'a higher limit counts at once');

-- Of the account as a whole, beside those of its markets.
SELECT throws_ok($$ SELECT quantmesh.set_limits('acc', NULL, max_position => 1) $$, NULL, NULL, 'an account has no position');
SELECT quantmesh.set_market('acc', symbol, tick_size => 0.01, step_size => 0.001) FROM (VALUES ('AUSDT')) AS s (symbol) \gset
SELECT quantmesh.set_market('acc', symbol, tick_size => 0.01, step_size => 0.001) FROM (VALUES ('BUSDT')) AS s (symbol) \gset
SELECT quantmesh.set_market('acc/2', symbol, tick_size => 0.01, step_size => 0.001) FROM (VALUES ('AUSDT')) AS s (symbol) \gset
SELECT quantmesh.set_limits('acc', NULL, max_open_orders => 3, max_notional => 1000) \gset
SELECT quantmesh.set_limits('acc', 'AUSDT', max_open_orders => 2) \gset
CREATE FUNCTION pg_temp.place_in(account text, symbol text, price numeric, quantity numeric) RETURNS text LANGUAGE sql AS $$
    SELECT concat_ws(' ', outcome, reason) FROM quantmesh.place_order($1, $2, 'buy', $3, $4, slot => '')
$$;
SELECT is(pg_temp.place_in('acc', 'AUSDT', 10, 1), 'placed', 'account: ' || i) FROM generate_series(1, 2) AS i;
SELECT is(pg_temp.place_in('acc', 'AUSDT', 10, 1), 'denied MAX_OPEN_ORDERS', 'the market''s limit');
SELECT is(pg_temp.place_in('acc', 'BUSDT', 10, 1), 'placed', 'another market');
SELECT is(pg_temp.place_in('acc', 'BUSDT', 10, 1), 'denied MAX_OPEN_ORDERS', 'the account''s limit');
SELECT is(pg_temp.place_in('acc/2', 'AUSDT', 10, 1), 'placed', 'another account has its own');
SELECT quantmesh.settle_order('acc', order_id, 'canceled', 'test') FROM quantmesh.open_orders WHERE account = 'acc' AND symbol = 'BUSDT' \gset
SELECT is(pg_temp.place_in('acc', 'AUSDT', 10, 1), 'denied MAX_OPEN_ORDERS', 'room in the account is no room in the market');
SELECT is(pg_temp.place_in('acc', 'BUSDT', 10, 98.001), 'denied MAX_NOTIONAL', 'the notional of the account counts both');
SELECT is(pg_temp.place_in('acc', 'BUSDT', 10, 98), 'placed', 'up to its limit');
SELECT quantmesh.set_limits('acc', NULL, max_order_rate => 2) \gset
SELECT quantmesh.set_limits('acc', 'AUSDT') \gset
SELECT ok((SELECT count(*) FROM unnest(ARRAY['AUSDT', 'BUSDT', 'AUSDT', 'BUSDT']) AS s WHERE pg_temp.place_in('acc', s, 5, 1) = 'denied MAX_ORDER_RATE') >= 2, 'the rate of an account counts all its markets');

-- An order that is beyond everything, denied, rolled back or ended, leaves the counters of the others as they were.
SELECT quantmesh.set_market('huge', 'AUSDT', tick_size => 0.01, step_size => 0.001) \gset
SELECT quantmesh.set_limits('huge', NULL, max_notional => 1000000) \gset
SELECT is(pg_temp.place_in('huge', 'AUSDT', 100, 9), 'placed', 'an order of 900');
SELECT is(pg_temp.place_in('huge', 'AUSDT', 99999999999, 99999999999), 'denied MAX_NOTIONAL', 'a huge one breaks the limit of the account');
SELECT quantmesh.set_limits('huge', 'AUSDT', max_notional => 1000) \gset
SELECT is(pg_temp.place_in('huge', 'AUSDT', 99, 9), 'denied MAX_NOTIONAL', 'denied, it has not made room in the market');
SELECT quantmesh.set_limits('huge', 'AUSDT'), quantmesh.set_limits('huge', NULL) \gset
BEGIN;
SELECT is(pg_temp.place_in('huge', 'AUSDT', 99999999999, 99999999999), 'placed', 'without limits a huge one is placed');
ROLLBACK;
SELECT is(pg_temp.place_in('huge', 'AUSDT', 99999999998, 99999999999), 'placed', 'and another');
SELECT is(pg_temp.place_in('huge', 'AUSDT', 99999999997, 999999999999999999), 'placed', 'and one more');
SELECT count(quantmesh.settle_order('huge', order_id, 'canceled', 'test')) FROM quantmesh.open_orders WHERE account = 'huge' AND price > 1000 \gset
SELECT quantmesh.set_limits('huge', 'AUSDT', max_notional => 1000), quantmesh.set_limits('huge', NULL, max_notional => 1000) \gset
SELECT is(pg_temp.place_in('huge', 'AUSDT', 99, 9), 'denied MAX_NOTIONAL', 'rolled back and ended, they have not made room either');
SELECT is(pg_temp.place_in('huge', 'AUSDT', 10, 10.001), 'denied MAX_NOTIONAL', 'what is left');
SELECT is(pg_temp.place_in('huge', 'AUSDT', 10, 10), 'placed', 'is 100');

-- In the end the counters are what the tables say.
SELECT is_empty('SELECT * FROM quantmesh.discrepancy WHERE code <> ''OVERFILL'' AND code <> ''TRADE_BUST''', 'nothing contradicts anything');

SELECT * FROM finish();
