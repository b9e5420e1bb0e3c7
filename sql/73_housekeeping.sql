-- Housekeeping: what is old is pruned, finished orders are moved to order_archive. The coordinator calls housekeep() for one
-- job after the other, a batch at a time; quantmesh.keep_<job> says how old is old. Everything runs as the owner of the
-- tables. Rows that somebody else has locked are left for the next time.

CREATE FUNCTION quantmesh.make_archive_partition(at timestamptz) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    month constant timestamp := date_trunc('month', at AT TIME ZONE 'UTC');
    name constant text := 'order_archive_' || to_char(month, 'YYYY_MM');
BEGIN
    IF EXISTS (SELECT FROM pg_inherits AS i JOIN pg_class AS c ON c.oid = i.inhrelid
               WHERE i.inhparent = 'quantmesh.order_archive'::regclass AND c.relname = name) THEN
        RETURN;
    END IF;
    -- Attached once it is made: CREATE TABLE ... PARTITION OF would wait for everybody who reads the archive.
    EXECUTE format('CREATE TABLE quantmesh.%I (LIKE quantmesh.order_archive INCLUDING COMMENTS INCLUDING CONSTRAINTS)', name);
    EXECUTE format('ALTER TABLE quantmesh.%I ADD CONSTRAINT %I PRIMARY KEY (account, order_id)', name, name || '_pkey');
    EXECUTE format('CREATE INDEX %I ON quantmesh.%I (account, updated_at)', name || '_updated', name);
    EXECUTE format('COMMENT ON TABLE quantmesh.%I IS %L', name, 'Orders that ended in ' || to_char(month, 'YYYY-MM') || '.');
    EXECUTE format('ALTER TABLE quantmesh.order_archive ATTACH PARTITION quantmesh.%I FOR VALUES FROM (%L) TO (%L)',
                   name, month AT TIME ZONE 'UTC', (month + interval '1 month') AT TIME ZONE 'UTC');
END;
$$;
COMMENT ON FUNCTION quantmesh.make_archive_partition(timestamptz) IS 'Makes the partition of order_archive for a month, if there is none. at: a time in that month. Internal.';

CREATE FUNCTION quantmesh.archive_orders(account text, before timestamptz, max_rows integer, OUT rows bigint, OUT more boolean) RETURNS record
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
    SET enable_seqscan = off SET enable_bitmapscan = off SET enable_sort = off AS $$
DECLARE
    look_at constant integer := 1000; -- orders at a time, in the order of their ids: the oldest first
    seen bigint := 0;
    seen_to bigint;
    scanned integer;
    old integer;
    found_here bigint[];
    ids bigint[] := '{}';
    latest timestamptz;
BEGIN
    LOOP
        SELECT array_agg(w.order_id) FILTER (WHERE w.movable), max(w.order_id), count(*), count(*) FILTER (WHERE w.old)
            INTO found_here, seen_to, scanned, old
            FROM (SELECT o.order_id, o.created_at < before AS old, NOT o.exposed AND o.updated_at < before AND o.ended_at IS NOT NULL AS movable
                  FROM quantmesh.orders AS o WHERE o.account = archive_orders.account AND o.order_id > seen
                  ORDER BY o.account, o.order_id LIMIT look_at) AS w;
        ids := ids || coalesce(found_here, '{}');
        seen := seen_to;
        EXIT WHEN cardinality(ids) >= max_rows OR scanned < look_at OR old = 0;
    END LOOP;
    more := cardinality(ids) >= max_rows;
    ids := ids[1:max_rows];

    -- The rows stay locked until they have moved, in the order in which everybody locks several orders.
    SELECT array_agg(l.order_id), max(l.ended_at) INTO found_here, latest
        FROM (SELECT o.order_id, o.ended_at FROM quantmesh.orders AS o
              WHERE o.account = archive_orders.account AND o.order_id = ANY (ids) AND NOT o.exposed AND o.updated_at < before
              ORDER BY o.order_id FOR UPDATE SKIP LOCKED) AS l;
    PERFORM quantmesh.make_archive_partition(m.month)
        FROM (SELECT DISTINCT date_trunc('month', o.ended_at AT TIME ZONE 'UTC') AT TIME ZONE 'UTC' AS month FROM quantmesh.orders AS o
              WHERE o.account = archive_orders.account AND o.order_id = ANY (found_here)) AS m;
    IF latest IS NOT NULL THEN
        PERFORM quantmesh.make_archive_partition(latest + interval '1 month');
    END IF;
    WITH gone AS (
        DELETE FROM quantmesh.orders AS o WHERE o.account = archive_orders.account AND o.order_id = ANY (found_here) RETURNING o.*)
    INSERT INTO quantmesh.order_archive SELECT gone.* FROM gone;
    GET DIAGNOSTICS rows = ROW_COUNT;
    -- What somebody has locked is still to be moved: then this is not the end, but neither is there more to do now.
    IF NOT more AND rows < cardinality(ids) THEN
        more := NULL;
    END IF;
END;
$$;
COMMENT ON FUNCTION quantmesh.archive_orders(text, timestamptz, integer) IS
    'Moves orders to order_archive that have ended and have not changed since. account: whose. before: since when. max_rows: at most so many. Returns how many, and whether there are more; NULL if others have locked some. Internal.';

CREATE FUNCTION quantmesh.unarchive_order(account text, order_id bigint) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    archived quantmesh.orders;
BEGIN
    DELETE FROM quantmesh.order_archive AS a
        WHERE a.account = unarchive_order.account AND a.order_id = unarchive_order.order_id
        RETURNING a.* INTO archived;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    -- Its request may have been made anew meanwhile.
    IF EXISTS (SELECT FROM quantmesh.orders AS o WHERE o.account = archived.account AND o.request_id = archived.request_id) THEN
        archived.request_id := NULL;
    END IF;
    INSERT INTO quantmesh.orders VALUES (archived.*);
END;
$$;
COMMENT ON FUNCTION quantmesh.unarchive_order(text, bigint) IS
    'Brings an order back from order_archive, if it is there, since something is said about it. account, order_id: the order. Internal.';

CREATE FUNCTION quantmesh.prune_order_events(account text, before timestamptz, max_rows integer, OUT rows bigint, OUT more boolean) RETURNS record
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
    SET enable_seqscan = off SET enable_bitmapscan = off AS $$
DECLARE
    since timestamptz;
    until timestamptz;
    ids bigint[];
    latest timestamptz;
BEGIN
    SELECT min(p.done_until) FILTER (WHERE p.job = 'order_events'), min(p.done_until) FILTER (WHERE p.job = 'orders')
        INTO since, until
        FROM quantmesh.housekeeping_progress AS p WHERE p.account = prune_order_events.account AND p.job IN ('orders', 'order_events');
    rows := 0;
    more := false;
    -- As long as not all older orders are in the archive, some could come behind us.
    IF until IS NULL THEN
        RETURN;
    END IF;
    until := least(until, before);
    SELECT array_agg(a.order_id), max(a.updated_at) INTO ids, latest
        FROM (SELECT o.order_id, o.updated_at FROM quantmesh.order_archive AS o
              WHERE o.account = prune_order_events.account AND o.updated_at >= coalesce(since, '-infinity') AND o.updated_at < until
              ORDER BY o.updated_at FETCH FIRST max_rows ROWS WITH TIES) AS a;
    DELETE FROM quantmesh.order_event AS e WHERE e.account = prune_order_events.account AND e.order_id = ANY (ids);
    GET DIAGNOSTICS rows = ROW_COUNT;
    more := cardinality(ids) >= max_rows;
    PERFORM quantmesh.note_progress(account, 'order_events', rows, CASE WHEN more THEN latest + interval '1 us' ELSE until END, ids IS NOT NULL);
END;
$$;
COMMENT ON FUNCTION quantmesh.prune_order_events(text, timestamptz, integer) IS
    'Deletes events of archived orders that have not changed since. account: whose. before: since when. max_rows: of about so many orders. Returns how many events, and whether there are more. Internal.';

CREATE FUNCTION quantmesh.prune_fills(account text, before timestamptz, max_rows integer, OUT rows bigint, OUT more boolean) RETURNS record
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
    SET enable_seqscan = off SET enable_bitmapscan = off AS $$
DECLARE
    of quantmesh.position;
    pruned bigint;
    last quantmesh.fill;
    largest bigint;
    keys text[];
    sides text[];
    kinds text[];
    sure boolean := true;
BEGIN
    rows := 0;
    FOR of IN SELECT p.* FROM quantmesh.position AS p WHERE p.account = prune_fills.account ORDER BY p.symbol, p.strategy LOOP
        EXIT WHEN rows >= max_rows;
        CONTINUE WHEN NOT EXISTS (
            SELECT FROM (SELECT l.executed_at FROM quantmesh.fill AS l WHERE l.account = of.account AND l.symbol = of.symbol AND l.strategy = of.strategy
                         ORDER BY l.executed_at LIMIT 1) AS first WHERE first.executed_at < before);
        -- As every booking does: the ledger of a strategy belongs to whoever has its position's row.
        SELECT p.* INTO of FROM quantmesh.position AS p
            WHERE p.account = of.account AND p.symbol = of.symbol AND p.strategy = of.strategy FOR NO KEY UPDATE SKIP LOCKED;
        IF NOT FOUND THEN
            sure := false;
            CONTINUE;
        END IF;
        -- From the beginning of the ledger, as far as every fill may go. The last fill of all stays: it has what the position is.
        SELECT array_agg(w.trade_id ORDER BY w.n), array_agg(w.side ORDER BY w.n), array_agg(w.kind ORDER BY w.n), max(w.trade_id::bigint), count(*)
            INTO keys, sides, kinds, largest, pruned
            FROM (SELECT f.*, row_number() OVER o AS n,
                         bool_and(f.executed_at < before AND f.trade_id ~ '^[0-9]{1,18}$'
                                  AND (f.executed_at, f.trade_id, f.side, f.kind) <> (of.last_executed_at, of.last_trade_id, of.last_side, of.last_kind)
                                  AND NOT EXISTS (SELECT FROM quantmesh.orders AS x WHERE x.account = f.account AND x.order_id = f.order_id)) OVER o AS old
                  FROM (SELECT l.* FROM quantmesh.fill AS l WHERE l.account = of.account AND l.symbol = of.symbol AND l.strategy = of.strategy
                        ORDER BY l.executed_at, l.trade_id, l.side, l.kind DESC LIMIT max_rows - rows) AS f
                  WINDOW o AS (ORDER BY f.executed_at, f.trade_id, f.side, f.kind DESC ROWS UNBOUNDED PRECEDING)) AS w
            WHERE w.old;
        CONTINUE WHEN pruned = 0;
        SELECT f.* INTO STRICT last FROM quantmesh.fill AS f
            WHERE f.account = of.account AND f.symbol = of.symbol AND f.trade_id = keys[pruned] AND f.side = sides[pruned] AND f.kind = kinds[pruned];
        WITH gone AS (
            DELETE FROM quantmesh.fill AS f USING unnest(keys, sides, kinds) AS k (trade_id, side, kind)
                WHERE f.account = of.account AND f.symbol = of.symbol AND f.trade_id = k.trade_id AND f.side = k.side AND f.kind = k.kind RETURNING f.*)
        INSERT INTO quantmesh.fill_sum AS s (account, symbol, strategy, side, commission_asset, fills, charged, quantity, commission)
            SELECT g.account, g.symbol, g.strategy, g.side, coalesce(g.commission_asset, ''), count(*), count(*) FILTER (WHERE g.commission <> 0),
                   sum(g.quantity), sum(g.commission)
            FROM gone AS g GROUP BY g.account, g.symbol, g.strategy, g.side, coalesce(g.commission_asset, '')
            ON CONFLICT ON CONSTRAINT fill_sum_pkey DO UPDATE
            SET fills = s.fills + excluded.fills, charged = s.charged + excluded.charged,
                quantity = s.quantity + excluded.quantity, commission = s.commission + excluded.commission;
        INSERT INTO quantmesh.fill_opening AS o (account, symbol, strategy, pruned_trade, executed_at, trade_id, side, kind, position_after, cost_after, profit_after)
            VALUES (of.account, of.symbol, of.strategy, largest, last.executed_at, last.trade_id, last.side, last.kind, last.position_after, last.cost_after, last.profit_after)
            ON CONFLICT ON CONSTRAINT fill_opening_pkey DO UPDATE
            SET pruned_trade = greatest(o.pruned_trade, excluded.pruned_trade), executed_at = excluded.executed_at, trade_id = excluded.trade_id,
                side = excluded.side, kind = excluded.kind, position_after = excluded.position_after, cost_after = excluded.cost_after, profit_after = excluded.profit_after;
        rows := rows + pruned;
    END LOOP;
    more := CASE WHEN rows >= max_rows THEN true WHEN sure THEN false END;
END;
$$;
COMMENT ON FUNCTION quantmesh.prune_fills(text, timestamptz, integer) IS
    'Deletes fills of archived orders from the beginning of each strategy''s ledger, and keeps what they come to. account: whose. before: traded earlier. max_rows: at most so many. Returns how many, and whether there are more; NULL if others have locked some. Internal.';

CREATE FUNCTION quantmesh.prune_rows(job text, account text, before timestamptz, max_rows integer) RETURNS bigint
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
    SET enable_seqscan = off SET enable_bitmapscan = off AS $$
DECLARE
    snapshots_kept constant integer := 3; -- of each market, however old they are
    rows bigint;
BEGIN
    CASE job
    WHEN 'reconcile_runs' THEN
        -- The last one of a market stays, and the last one that saw it clean: blind_after counts from there.
        DELETE FROM quantmesh.reconcile_run AS t USING (
            SELECT r.account, r.symbol, r.run_id FROM quantmesh.reconcile_run AS r
            WHERE r.account = prune_rows.account AND r.finished_at < before
              AND EXISTS (SELECT FROM quantmesh.reconcile_run AS n WHERE n.account = r.account AND n.symbol = r.symbol AND n.run_id > r.run_id)
              AND (r.status NOT IN ('clean', 'deferred') AND (r.status <> 'findings' OR r.findings <> r.repaired)
                   OR EXISTS (SELECT FROM quantmesh.reconcile_run AS n WHERE n.account = r.account AND n.symbol = r.symbol AND n.run_id > r.run_id
                              AND (n.status IN ('clean', 'deferred') OR (n.status = 'findings' AND n.findings = n.repaired))))
            ORDER BY r.finished_at LIMIT max_rows FOR UPDATE SKIP LOCKED) AS old
        WHERE t.account = old.account AND t.symbol = old.symbol AND t.run_id = old.run_id;
    WHEN 'discrepancies' THEN
        DELETE FROM quantmesh.discrepancy AS t USING (
            SELECT d.account, d.discrepancy_id FROM quantmesh.discrepancy AS d
            WHERE d.account = prune_rows.account AND d.resolved_at < before
            ORDER BY d.resolved_at LIMIT max_rows FOR UPDATE SKIP LOCKED) AS old
        WHERE t.account = old.account AND t.discrepancy_id = old.discrepancy_id;
    WHEN 'tasks' THEN
        -- Answers about an order count for as long as it lives.
        DELETE FROM quantmesh.task AS t USING (
            SELECT k.account, k.task_id FROM quantmesh.task AS k
            WHERE k.account = prune_rows.account AND k.finished_at < before
              AND NOT EXISTS (SELECT FROM quantmesh.orders AS o WHERE o.account = k.account AND o.order_id = k.order_id AND o.live)
            ORDER BY k.finished_at LIMIT max_rows FOR UPDATE SKIP LOCKED) AS old
        WHERE t.account = old.account AND t.task_id = old.task_id;
    WHEN 'snapshots' THEN
        DELETE FROM quantmesh.snapshot AS t USING (
            SELECT s.account, s.symbol, s.snapshot_id FROM quantmesh.snapshot AS s
            WHERE s.account = prune_rows.account AND s.received_at < before AND s.state <> 'new'
              AND s.snapshot_id < (SELECT n.snapshot_id FROM quantmesh.snapshot AS n WHERE n.account = s.account AND n.symbol = s.symbol
                                   ORDER BY n.snapshot_id DESC OFFSET snapshots_kept - 1 LIMIT 1)
              -- The next snapshot begins where the seen one ended; what was discarded says nothing.
              AND (s.state = 'discarded' OR s.snapshot_id < quantmesh.seen_snapshot(s.account, s.symbol))
            ORDER BY s.received_at LIMIT max_rows FOR UPDATE SKIP LOCKED) AS old
        WHERE t.account = old.account AND t.symbol = old.symbol AND t.snapshot_id = old.snapshot_id;
    WHEN 'assignments' THEN
        DELETE FROM quantmesh.assignment AS t USING (
            SELECT a.account, a.symbol, a.assignment_id FROM quantmesh.assignment AS a
            WHERE a.account = prune_rows.account AND a.ended_at < before
            ORDER BY a.ended_at LIMIT max_rows FOR UPDATE SKIP LOCKED) AS old
        WHERE t.account = old.account AND t.symbol = old.symbol AND t.assignment_id = old.assignment_id;
    WHEN 'operator_actions' THEN
        DELETE FROM quantmesh.operator_action AS t USING (
            SELECT a.account, a.action_id FROM quantmesh.operator_action AS a
            WHERE a.account = prune_rows.account AND a.at < before
            ORDER BY a.action_id LIMIT max_rows FOR UPDATE SKIP LOCKED) AS old
        WHERE t.account = old.account AND t.action_id = old.action_id;
    WHEN 'force_unlock_log' THEN
        DELETE FROM quantmesh.force_unlock_log AS t WHERE prune_rows.account = '*' AND t.ctid = ANY (ARRAY(
            SELECT l.ctid FROM quantmesh.force_unlock_log AS l WHERE l.at < before LIMIT max_rows FOR UPDATE SKIP LOCKED));
    END CASE;
    GET DIAGNOSTICS rows = ROW_COUNT;
    RETURN rows;
END;
$$;
COMMENT ON FUNCTION quantmesh.prune_rows(text, text, timestamptz, integer) IS
    'Deletes rows of one table by age. job: which, by the name of its setting. account: whose. before: how old. max_rows: at most so many. Returns how many. Internal.';

CREATE FUNCTION quantmesh.note_progress(account text, job text, rows bigint, done_until timestamptz, always boolean) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    -- Where nothing was to be done, that is written down rarely, and never for what has had nothing to do yet.
    IF always OR EXISTS (SELECT FROM quantmesh.housekeeping_progress AS p
                         WHERE p.account = note_progress.account AND p.job = note_progress.job
                           AND p.done_until < note_progress.done_until - interval '1 hour') THEN
        INSERT INTO quantmesh.housekeeping_progress AS p (account, job, rows, last_rows, last_at, done_until)
            VALUES (note_progress.account, note_progress.job, note_progress.rows, note_progress.rows, clock_timestamp(),
                    coalesce(note_progress.done_until, '-infinity'))
            ON CONFLICT ON CONSTRAINT housekeeping_progress_pkey DO UPDATE
            SET rows = p.rows + excluded.rows,
                last_rows = CASE WHEN excluded.rows > 0 THEN excluded.rows ELSE p.last_rows END,
                last_at = CASE WHEN excluded.rows > 0 THEN excluded.last_at ELSE p.last_at END,
                done_until = greatest(p.done_until, excluded.done_until);
    END IF;
END;
$$;
COMMENT ON FUNCTION quantmesh.note_progress(text, text, bigint, timestamptz, boolean) IS
    'Adds to housekeeping_progress. account, job: of which row. rows: that were pruned or moved. done_until: nothing older is left; NULL if that is not known. always: also where that is hardly news. Internal.';

CREATE FUNCTION quantmesh.housekeep(job text, before timestamptz, max_rows integer, OUT rows bigint, OUT more boolean) RETURNS record
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    account text;
    here bigint;
    more_here boolean;
BEGIN
    rows := 0;
    more := false;
    FOR account IN SELECT a.account FROM quantmesh.account AS a UNION SELECT '*' ORDER BY 1 LOOP
        IF job = 'orders' THEN
            SELECT d.rows, d.more INTO here, more_here FROM quantmesh.archive_orders(account, before, max_rows) AS d;
        ELSIF job = 'order_events' THEN
            SELECT d.rows, d.more INTO here, more_here FROM quantmesh.prune_order_events(account, before, max_rows) AS d;
        ELSIF job = 'fills' THEN
            SELECT d.rows, d.more INTO here, more_here FROM quantmesh.prune_fills(account, before, max_rows) AS d;
        ELSE
            here := quantmesh.prune_rows(job, account, before, max_rows);
            more_here := here >= max_rows;
        END IF;
        IF job <> 'order_events' THEN
            PERFORM quantmesh.note_progress(account, job, here, CASE WHEN more_here = false THEN before END, here > 0);
        END IF;
        rows := rows + here;
        more := more OR coalesce(more_here, false);
        EXIT WHEN more;
    END LOOP;
END;
$$;
COMMENT ON FUNCTION quantmesh.housekeep(text, timestamptz, integer) IS
    'Does one batch of a job of housekeeping. job: by the name of its setting. before: what is older. max_rows: about so many rows. Returns how many were pruned or moved, and whether there are more. Internal, for the coordinator.';

CREATE VIEW quantmesh.housekeeping AS
    SELECT j.job, nullif(current_setting('quantmesh.keep_' || j.job, true)::interval, '0') AS keep, j.what,
           coalesce(sum(p.rows), 0)::bigint AS rows, max(p.last_at) AS last_at, min(p.done_until) AS done_until
    FROM (VALUES (1, 'orders', 'orders, moved to order_archive'), (2, 'order_events', 'order_event, of archived orders'),
                 (3, 'fills', 'fill, of archived orders'), (4, 'reconcile_runs', 'reconcile_run'), (5, 'discrepancies', 'discrepancy, resolved'),
                 (6, 'tasks', 'task, finished'), (7, 'snapshots', 'snapshot, compared'), (8, 'assignments', 'assignment, ended'),
                 (9, 'force_unlock_log', 'force_unlock_log'), (10, 'operator_actions', 'operator_action')) AS j (n, job, what)
    LEFT JOIN quantmesh.housekeeping_progress AS p ON p.job = j.job
    GROUP BY j.n, j.job, j.what ORDER BY j.n;
COMMENT ON VIEW quantmesh.housekeeping IS 'What is pruned or moved, after how long, and how far that is. The coordinator looks once a minute.';
COMMENT ON COLUMN quantmesh.housekeeping.job IS 'The job: its setting is quantmesh.keep_<job>.';
COMMENT ON COLUMN quantmesh.housekeeping.keep IS 'How long rows are kept; NULL: for ever.';
COMMENT ON COLUMN quantmesh.housekeeping.what IS 'The table.';
COMMENT ON COLUMN quantmesh.housekeeping.rows IS 'Rows that were pruned or moved so far.';
COMMENT ON COLUMN quantmesh.housekeeping.last_at IS 'When that last happened.';
COMMENT ON COLUMN quantmesh.housekeeping.done_until IS 'Nothing that is older is left, in any account that has had such rows; up to an hour behind.';
