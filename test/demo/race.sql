-- One instance wants the next ticket of a price level. Whoever has the level's lock reads the last ticket, thinks, and
-- writes the next one; whoever finds it taken goes on with something else.
\set level 90000 + 10 * random(1, 5)
BEGIN;
SELECT coalesce(quantmesh.try_xact_lock(:prefix::text || :level), 0) AS fence \gset
\if :fence > 0
SELECT coalesce(max(ticket), 0) + 1 AS ticket FROM demo.ticket WHERE level = :level \gset
\sleep 1 ms
INSERT INTO demo.ticket (level, ticket, fence, instance) VALUES (:level, :ticket, :fence, :client_id);
\endif
COMMIT;
