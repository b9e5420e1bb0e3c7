-- The same rows of a hundred orders, made by the server from two numbers.
\set n :n + 1
\set decimals (100000 + :n) / 1000000.0
\set order (:client_id + 1) * 1000000000 + 100 * :n
\set client_order 10000000000000000 + :order
WITH o AS (SELECT i, 10000 * (:client_id + 1) + 10 * i + :decimals::numeric AS price FROM generate_series(0, 99) AS i),
live AS (INSERT INTO quantmesh.live_order (account, order_id, symbol, side, price, slot)
    SELECT :account::text, :order::bigint + i, 'ETHUSDT', 'buy', price, price::text FROM o ON CONFLICT DO NOTHING)
INSERT INTO quantmesh.orders (account, order_id, symbol, side, order_type, time_in_force, price, quantity, post_only, reduce_only, slot,
    strategy, owner, client_order_id, state, live, holds_slot, exposed, fence, send_before, created_at, submitted_at, updated_at)
    SELECT :account::text, :order::bigint + i, 'ETHUSDT', 'buy', 'limit', 'gtc', price, :quantity::numeric, false, false, price::text,
    '', 'trader', (:client_order::bigint + i)::text, 'submitted', true, true, true, :order::bigint + i, now() + '5 s', now(), now(), now()
    FROM o ON CONFLICT DO NOTHING;
