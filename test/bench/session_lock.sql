\if :ready
\else
SELECT :prefix::text || CASE WHEN :distinct = 1 THEN 90120 + 10 * :client_id ELSE 90120 END AS key \gset
\set ready 1
\endif
SELECT quantmesh.try_lock(:key);
SELECT quantmesh.unlock(:key);
