-- The two rows that place_order stores, in one statement, from a client that has thought of everything itself; times are
-- the cheapest there are.
\set n :n + 1
\if :n = 0
SELECT CASE :client_id % 2 WHEN 0 THEN 'buy' ELSE 'sell' END AS side \gset
\endif
\set price ((:client_id / 2 + 4 * (:client_id % 2) + 1) * 1000000 + :n) / 100.0
\set request :run * 1000000000 + :client_id * 100000000 + :n
\set order (:client_id + 1) * 1000000000 + :n
\set client_order 10000000000000000 + :order
\if :requests
WITH live AS (INSERT INTO quantmesh.live_order (account, order_id, symbol, side, price, slot)
    VALUES (:account, :order, :symbol, :side, :price, :price) ON CONFLICT DO NOTHING)
INSERT INTO quantmesh.orders (account, order_id, symbol, side, order_type, time_in_force, price, quantity, post_only, reduce_only, slot,
    strategy, owner, request_id, client_order_id, state, live, holds_slot, exposed, fence, send_before, created_at, submitted_at, updated_at)
    VALUES (:account, :order, :symbol, :side, 'limit', 'gtc', :price, :quantity, false, false, :price,
    '', 'trader', :request, :client_order, 'submitted', true, true, true, :order, now() + '5 s', now(), now(), now())
    ON CONFLICT DO NOTHING;
\else
WITH live AS (INSERT INTO quantmesh.live_order (account, order_id, symbol, side, price, slot)
    VALUES (:account, :order, :symbol, :side, :price, :price) ON CONFLICT DO NOTHING)
INSERT INTO quantmesh.orders (account, order_id, symbol, side, order_type, time_in_force, price, quantity, post_only, reduce_only, slot,
    strategy, owner, client_order_id, state, live, holds_slot, exposed, fence, send_before, created_at, submitted_at, updated_at)
    VALUES (:account, :order, :symbol, :side, 'limit', 'gtc', :price, :quantity, false, false, :price,
    '', 'trader', :client_order, 'submitted', true, true, true, :order, now() + '5 s', now(), now(), now())
    ON CONFLICT DO NOTHING;
\endif
