-- The same as race.sql, without asking for the lock.
\set level 90000 + 10 * random(1, 5)
BEGIN;
SELECT coalesce(max(ticket), 0) + 1 AS ticket FROM demo.ticket WHERE level = :level \gset
\sleep 1 ms
INSERT INTO demo.ticket (level, ticket, fence, instance) VALUES (:level, :ticket, 0, :client_id);
COMMIT;
