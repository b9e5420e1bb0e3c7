-- One order at a price of its own. Every client has a range of prices, and so levels, to itself: buys below, sells above.
\set n :n + 1
\if :n = 0
SELECT CASE :client_id % 2 WHEN 0 THEN 'buy' ELSE 'sell' END AS side \gset
\endif
\set price ((:client_id / 2 + 4 * (:client_id % 2) + 1) * 1000000 + :n) / 100.0
\set request :run * 1000000000 + :client_id * 100000000 + :n
\if :requests = 2
\set request random(1000000000000000000, 1700000000000000000)
\endif
\if :requests
SELECT * FROM quantmesh.place_order(:account, :symbol, :side, :price, :quantity, request_id => :request);
\else
SELECT * FROM quantmesh.place_order(:account, :symbol, :side, :price, :quantity);
\endif
