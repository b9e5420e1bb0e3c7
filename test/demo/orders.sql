-- One instance of many that share an account. It wants an order at one of 40 prices; what it placed is opened by the
-- exchange, and then filled, canceled, or left alone. Of an order that is in its way it hears now and then that the
-- exchange has filled it, as all others may.
\set side random(0, 1)
\set step random(1, 20)
\set price 3000 + 100 * :side + :step
\set fate random(1, 4)
SELECT outcome = 'placed' AS placed, outcome = 'duplicate' AND random() < 0.02 AS filled, coalesce(order_id, 0) AS order_id, coalesce(client_order_id, '') AS client_order_id FROM quantmesh.place_order('paper', 'ETHUSDT', CASE WHEN :side = 0 THEN 'buy' ELSE 'sell' END, :price, 0.5, strategy => 'grid', instance => 'instance-' || :client_id) \gset
\if :placed
SELECT state FROM quantmesh.apply_report('paper', 'ETHUSDT', :client_order_id::text, 'x' || :order_id::text, 'open');
\if :fate <= 2
SELECT state FROM quantmesh.apply_report('paper', 'ETHUSDT', :client_order_id::text, 'x' || :order_id::text, 'filled', 't' || :order_id::text, 0.5, :price);
\elif :fate = 3
SELECT outcome FROM quantmesh.cancel_order('paper', :order_id);
SELECT state FROM quantmesh.resolve_cancel('paper', :order_id, 'done');
\endif
\elif :filled
SELECT state FROM quantmesh.apply_report('paper', 'ETHUSDT', :client_order_id::text, 'x' || :order_id::text, 'filled', 't' || :order_id::text, 0.5, :price);
\endif
