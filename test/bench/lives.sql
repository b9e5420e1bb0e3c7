-- One step in the life of one of the client's orders.
\set place random(0, :places - 1)
SELECT bench.step(:client_id, :place, :brief = 1);
