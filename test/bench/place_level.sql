-- One order of those that place_orders.sql places: a hundred levels of the client's own in turn, at a price of its own.
\set n :n + 1
\set price ((10000 * (:client_id + 1) + 10 * (:n % 100)) * 1000000 + 100000 + :n / 100) / 1000000.0
SELECT * FROM quantmesh.place_order(:account, 'ETHUSDT', 'buy', :price, :quantity);
