-- Lives of orders, for the parts hot and scale: what each client works on, and what its calls did to quantmesh.orders.

SET client_min_messages = warning;
DROP SCHEMA IF EXISTS bench CASCADE;
CREATE SCHEMA bench;
SELECT quantmesh.set_market('binance', 'MARKET' || i, tick_size => 0.01, step_size => 0.00001, min_quantity => 0.00001, max_quantity => 9000,
    min_notional => 5, base_asset => 'M' || i, quote_asset => 'USDT') FROM generate_series(0, 31) AS i;

CREATE UNLOGGED TABLE bench.life (
    client          integer NOT NULL,
    place           integer NOT NULL,
    lives           integer NOT NULL,
    order_id        bigint NOT NULL,
    client_order_id text NOT NULL,
    fills_left      integer NOT NULL,
    next            text NOT NULL,
    PRIMARY KEY (client, place)
) WITH (fillfactor = 50);

CREATE UNLOGGED TABLE bench.change (kind text NOT NULL, updates bigint NOT NULL, hot bigint NOT NULL);

-- bench.step takes the next step in the life of a client's order at a place, and notes what it did to quantmesh.orders.
-- A life: placed, opened, 0 to 5 partial fills, a request to cancel, and its end as canceled. A brief one: placed, opened,
-- and filled at once.
CREATE FUNCTION bench.step(my_client integer, my_place integer, brief boolean, market text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    mine    bench.life;
    orders  constant oid := 'quantmesh.orders'::regclass;
    updates bigint := pg_stat_get_xact_tuples_updated(orders);
    hot     bigint := pg_stat_get_xact_tuples_hot_updated(orders);
    placed  quantmesh.placement;
    kind    text;
    word    text;
    done    boolean;
BEGIN
    SELECT l.* INTO mine FROM bench.life AS l WHERE l.client = my_client AND l.place = my_place;
    kind := coalesce(mine.next, 'place');
    CASE kind
        WHEN 'place' THEN
            placed := quantmesh.place_order('binance', market, 'buy',
                10000 * (my_client + 1) + 10 * my_place + 0.01 * (coalesce(mine.lives, 0) % 1000), 0.08);
            done := placed.outcome = 'placed';
            INSERT INTO bench.life AS l VALUES (my_client, my_place, 1, placed.order_id, placed.client_order_id, floor(random() * 6), 'open')
                ON CONFLICT (client, place) DO UPDATE SET lives = l.lives + 1, order_id = excluded.order_id,
                    client_order_id = excluded.client_order_id, fills_left = excluded.fills_left, next = excluded.next;
        WHEN 'open' THEN
            SELECT r.applied INTO done FROM quantmesh.apply_report('binance', market, mine.client_order_id,
                exchange_order_id => mine.order_id::text, state => 'new') AS r;
        WHEN 'partial fill' THEN
            SELECT r.applied INTO done FROM quantmesh.apply_report('binance', market, mine.client_order_id,
                exchange_order_id => mine.order_id::text, state => 'partially_filled', trade_id => mine.order_id || '-' || mine.fills_left,
                last_quantity => 0.01, last_price => 10000, commission => 0.0001, commission_asset => 'BNB') AS r;
            mine.fills_left := mine.fills_left - 1;
        WHEN 'fill' THEN
            SELECT r.state = 'filled' INTO done FROM quantmesh.apply_report('binance', market, mine.client_order_id,
                exchange_order_id => mine.order_id::text, state => 'filled', trade_id => mine.order_id::text,
                last_quantity => 0.08, last_price => 10000, commission => 0.0001, commission_asset => 'BNB') AS r;
        WHEN 'cancel request' THEN
            SELECT c.outcome = 'requested' INTO done FROM quantmesh.cancel_order('binance', mine.order_id) AS c;
        WHEN 'end' THEN
            SELECT r.state = 'canceled' INTO done FROM quantmesh.resolve_cancel('binance', mine.order_id, 'done') AS r;
    END CASE;
    IF done IS NOT TRUE THEN
        RAISE EXCEPTION '% did not work for order %', kind, mine.order_id;
    END IF;
    word := CASE WHEN kind IN ('fill', 'end') THEN 'place' WHEN brief THEN 'fill' WHEN kind = 'cancel request' THEN 'end'
        WHEN mine.fills_left > 0 THEN 'partial fill' ELSE 'cancel request' END;
    IF kind <> 'place' THEN
        UPDATE bench.life AS l SET fills_left = mine.fills_left, next = word WHERE l.client = my_client AND l.place = my_place;
    END IF;
    INSERT INTO bench.change VALUES (kind, pg_stat_get_xact_tuples_updated(orders) - updates, pg_stat_get_xact_tuples_hot_updated(orders) - hot);
    RETURN kind;
END;
$$;
