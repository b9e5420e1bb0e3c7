\if :ready
\else
SELECT CASE WHEN :distinct = 1 THEN 90120 + 10 * :client_id ELSE 90120 END AS key \gset
\set ready 1
\endif
SELECT pg_try_advisory_lock(:key);
SELECT pg_advisory_unlock(:key);
