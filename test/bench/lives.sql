-- One step in the life of one of the client's orders, in one of so many markets.
\set place random(0, :places - 1)
\set market :client_id % :markets
SELECT bench.step(:client_id, :place, :brief = 1, format('MARKET%s', :market::integer));
