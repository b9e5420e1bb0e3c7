-- A hundred orders on a hundred levels of the client's own. The text is made once; each call puts new decimals into it,
-- which is counted against place_orders.
\set n :n + 1
\if :n = 0
SELECT json_agg(json_build_object('symbol', 'ETHUSDT', 'side', 'buy', 'price', (10000 * (:client_id + 1) + 10 * i)::text || '.@', 'quantity', '0.01'))::text AS orders
    FROM generate_series(0, 99) AS i \gset
\endif
\set decimals 100000 + :n
SELECT * FROM quantmesh.place_orders(:account, replace(:orders::text, '@', :decimals::text)::jsonb, submit => true);
