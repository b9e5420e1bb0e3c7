-- Reconciliation: snapshots of the exchange, and what comes of comparing them. Tasks are given out by heartbeat.

CREATE FUNCTION quantmesh.request_snapshot(account text, symbol text) RETURNS bigint
    LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'qm_request_snapshot';
COMMENT ON FUNCTION quantmesh.request_snapshot(text, text) IS
    'Takes the task to fetch a snapshot, for those who are no registered instance. account, symbol: the market. Returns the task for submit_snapshot, or NULL while somebody else is fetching. P0002 when the market is not known. Begin to fetch after the call has returned.';

CREATE FUNCTION quantmesh.submit_snapshot(account text, symbol text, task bigint, started_at timestamptz, finished_at timestamptz,
    open_orders jsonb, trades jsonb, balances jsonb, complete boolean DEFAULT true) RETURNS bigint
    LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'qm_submit_snapshot';
COMMENT ON FUNCTION quantmesh.submit_snapshot(text, text, bigint, timestamptz, timestamptz, jsonb, jsonb, jsonb, boolean) IS
    'Answers a snapshot task with what the exchange shows; the coordinator compares it. account, symbol: the market. task: as heartbeat or request_snapshot gave it; fetching must have begun after that. started_at, finished_at: before the first and after the last request, by the caller''s clock. open_orders: array of all open orders, objects of exchange_order_id, client_order_id, side, order_type, time_in_force, price, quantity, filled_quantity. trades: array of trades since the last known one, objects of trade_id, exchange_order_id, client_order_id, side, quantity, price, commission, commission_asset, is_maker, executed_at. balances: array of the account''s balances, objects of asset, free, locked; empty if they were not fetched. Numbers may be strings. complete: false when a request failed. Returns the snapshot''s id, the same one when it is repeated. 22023 with the JSON path for what is not as it must be, P0002 for an unknown task, 55000 for one that is over.';

CREATE FUNCTION quantmesh.reconcile(account text, symbol text, dry_run boolean DEFAULT false,
    OUT code text, OUT subject text, OUT order_id bigint, OUT repair text, OUT allowed boolean, OUT outcome text,
    OUT local jsonb, OUT remote jsonb, OUT run_id bigint, OUT snapshot_id bigint) RETURNS SETOF record
    LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'qm_reconcile';
COMMENT ON FUNCTION quantmesh.reconcile(text, text, boolean) IS
    'Compares the market''s newest snapshot with what we have, now and in this transaction, and returns the differences. The coordinator does the same by itself. account, symbol: the market. dry_run: only compare, write nothing. code, subject: what was found, as in quantmesh.discrepancies. repair: what would end it. allowed: whether the market''s policy lets that be done. outcome: repaired; asked: there is a task for it; recorded; overtaken: the order has changed meanwhile. 55P03 while somebody else reconciles the market, 55000 when there is no snapshot. Operators only.';

CREATE FUNCTION quantmesh.forget_replies() RETURNS bigint
    LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'qm_forget_replies';
COMMENT ON FUNCTION quantmesh.forget_replies() IS
    'Makes orders unknown that are still submitted although a quarter of quantmesh.acceptance_window has passed since send_before. Returns how many. Internal, for the coordinator.';

CREATE FUNCTION quantmesh.reduce_market(account text, symbol text, reason text) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    UPDATE quantmesh.market AS m
        SET trading_state = 'reducing', state_reason = reduce_market.reason, state_set_by = session_user, state_set_at = clock_timestamp()
        WHERE m.account = reduce_market.account AND m.symbol = reduce_market.symbol AND m.trading_state = 'active';
    IF FOUND THEN
        PERFORM quantmesh.tell_state(account, symbol, 'reducing', reason);
        PERFORM quantmesh.record_action(account, 'reduce_market', symbol, reason, jsonb_build_object('state', 'reducing'));
        RAISE LOG 'market "%" of account "%" is reducing: %', symbol, account, reason;
    END IF;
END;
$$;
COMMENT ON FUNCTION quantmesh.reduce_market(text, text, text) IS
    'Makes an active market reducing, because what is known of it cannot be relied on. account, symbol: the market. reason: shown with the state. Internal, for the coordinator.';

CREATE FUNCTION quantmesh.watch_blind_markets() RETURNS bigint
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    market record;
    is_seen boolean;
    changed bigint := 0;
BEGIN
    FOR market IN
        SELECT m.account, m.symbol, m.trading_state, m.state_reason, m.state_set_at, m.blind_after,
               coalesce(c.finished_at, m.created_at) AS seen_at
        FROM quantmesh.market AS m
        LEFT JOIN LATERAL (
            SELECT r.finished_at FROM quantmesh.reconcile_run AS r
            WHERE r.account = m.account AND r.symbol = m.symbol
              AND (r.status IN ('clean', 'deferred') OR (r.status = 'findings' AND r.findings = r.repaired))
            ORDER BY r.run_id DESC LIMIT 1) AS c ON true
        WHERE m.blind_after IS NOT NULL AND m.trading_state <> 'halted'
    LOOP
        -- Neither longer ago nor further ahead: a clock that was set back must not make anybody believe for hours that all was seen.
        is_seen := market.seen_at BETWEEN clock_timestamp() - market.blind_after AND clock_timestamp() + market.blind_after;
        IF market.trading_state = 'active' AND NOT is_seen THEN
            PERFORM quantmesh.reduce_market(market.account, market.symbol, 'blind: no clean reconciliation since ' || market.seen_at);
            changed := changed + 1;
        ELSIF market.trading_state = 'reducing' AND market.state_reason LIKE 'blind: %' AND is_seen
              AND (market.seen_at > market.state_set_at OR market.state_set_at > clock_timestamp()) THEN
            -- An operator may have halted it since its row was read.
            UPDATE quantmesh.market AS m SET trading_state = 'active', state_reason = NULL, state_set_by = NULL, state_set_at = NULL
                WHERE m.account = market.account AND m.symbol = market.symbol AND m.trading_state = 'reducing' AND m.state_reason LIKE 'blind: %';
            IF FOUND THEN
                PERFORM quantmesh.tell_state(market.account, market.symbol, 'active', NULL);
                PERFORM quantmesh.record_action(market.account, 'reduce_market', market.symbol, 'reconciled again', jsonb_build_object('state', 'active'));
                RAISE LOG 'market "%" of account "%" is active again: it was reconciled', market.symbol, market.account;
                changed := changed + 1;
            END IF;
        END IF;
    END LOOP;
    RETURN changed;
END;
$$;
COMMENT ON FUNCTION quantmesh.watch_blind_markets() IS
    'Makes markets reducing that had no clean pass for their blind_after, and active again after one. Returns how many changed. Internal, for the coordinator.';

CREATE FUNCTION quantmesh.seen_snapshot(account text, symbol text) RETURNS bigint
    LANGUAGE sql STABLE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT s.snapshot_id FROM quantmesh.snapshot AS s
    WHERE s.account = seen_snapshot.account AND s.symbol = seen_snapshot.symbol AND s.state = 'reconciled'
      AND (NOT s.leaves_trades OR s.asked_at < clock_timestamp() - interval '10 min')
    ORDER BY s.snapshot_id DESC LIMIT 1
$$;
COMMENT ON FUNCTION quantmesh.seen_snapshot(text, text) IS
    'The newest snapshot of a market whose trades need not be shown again: all that belong into the ledger are there, or it was tried for ten minutes. account, symbol: the market. NULL when there is none. Internal.';

CREATE FUNCTION quantmesh.make_tasks() RETURNS bigint
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    acceptance constant interval := current_setting('quantmesh.acceptance_window')::interval;
    made bigint;
    more bigint;
BEGIN
    -- Times that lie ahead are those of a clock that was set back since, and hold nothing up here.

    -- A snapshot that comes too late would be compared with what has moved on: it is asked for anew. A task that somebody is
    -- just answering is his.
    UPDATE quantmesh.task AS t SET state = 'expired', finished_at = clock_timestamp()
        FROM (SELECT k.account, k.task_id FROM quantmesh.task AS k
              WHERE k.finished_at IS NULL AND k.kind = 'snapshot' AND k.state = 'taken'
                AND NOT k.owned_until BETWEEN clock_timestamp() AND clock_timestamp() + interval '30 s'
              FOR UPDATE SKIP LOCKED) AS late
        WHERE t.account = late.account AND t.task_id = late.task_id;

    -- Orders whose fate nobody knows are asked for until somebody does, or the exchange has not known them often enough.
    INSERT INTO quantmesh.task (account, task_id, kind, symbol, subject, order_id, client_order_id, exchange_order_id)
        SELECT o.account, quantmesh.next_id(), 'query_order', o.symbol, o.order_id::text, o.order_id, o.client_order_id, o.exchange_order_id
        FROM quantmesh.live_order AS l
        CROSS JOIN LATERAL (SELECT a.* FROM quantmesh.orders AS a WHERE a.account = l.account AND a.order_id = l.order_id OFFSET 0) AS o
        JOIN quantmesh.market AS m ON m.account = o.account AND m.symbol = o.symbol AND m.policy <> 'report'
        WHERE o.state = 'unknown'
          AND NOT EXISTS (SELECT FROM quantmesh.task AS t WHERE t.account = o.account AND t.order_id = o.order_id
                          AND (t.finished_at IS NULL OR t.finished_at BETWEEN clock_timestamp() - interval '2 s' AND clock_timestamp()))
          AND (SELECT count(*) FROM quantmesh.task AS t WHERE t.account = o.account AND t.order_id = o.order_id AND t.state = 'absent'
               AND t.taken_at > o.updated_at AND t.taken_at > o.send_before + acceptance) < 3
        ON CONFLICT (account, symbol, kind, subject) WHERE finished_at IS NULL DO NOTHING;
    GET DIAGNOSTICS made = ROW_COUNT;

    -- Trades are asked for behind the newest that was booked well before the last comparison that left none: that one had all
    -- older ones, although what an exchange shows can be old. Behind the newest of all there may be one whose report was lost.
    INSERT INTO quantmesh.task (account, task_id, kind, symbol, detail)
        SELECT m.account, quantmesh.next_id(), 'snapshot', m.symbol,
               jsonb_strip_nulls(jsonb_build_object('last_trade_id', p.trade_id, 'last_executed_at', p.executed_at))
        FROM quantmesh.market AS m
        LEFT JOIN LATERAL (
            SELECT t.finished_at FROM quantmesh.task AS t
            WHERE t.account = m.account AND t.symbol = m.symbol AND t.kind = 'snapshot' AND t.finished_at <= clock_timestamp()
            ORDER BY t.finished_at DESC LIMIT 1) AS last ON true
        LEFT JOIN LATERAL (
            SELECT f.trade_id, f.executed_at
            FROM (SELECT s.asked_at FROM quantmesh.snapshot AS s
                  WHERE s.account = m.account AND s.symbol = m.symbol AND s.snapshot_id = quantmesh.seen_snapshot(m.account, m.symbol)) AS seen,
                 quantmesh.position AS q,
                 LATERAL (SELECT x.trade_id, x.executed_at FROM quantmesh.fill AS x
                          WHERE x.account = q.account AND x.symbol = q.symbol AND x.strategy = q.strategy AND x.booked_at < seen.asked_at - acceptance
                          ORDER BY x.executed_at DESC, x.trade_id DESC LIMIT 1) AS f
            WHERE q.account = m.account AND q.symbol = m.symbol ORDER BY f.executed_at DESC, f.trade_id DESC LIMIT 1) AS p ON true
        WHERE m.reconcile_every > '0'
          AND EXISTS (SELECT FROM quantmesh.assignment AS a WHERE a.account = m.account AND a.symbol = m.symbol AND a.ended_at IS NULL)
          AND NOT EXISTS (SELECT FROM quantmesh.task AS t WHERE t.account = m.account AND t.symbol = m.symbol AND t.kind = 'snapshot'
                          AND t.subject = '' AND t.finished_at IS NULL)
          AND NOT EXISTS (SELECT FROM quantmesh.snapshot AS s WHERE s.account = m.account AND s.symbol = m.symbol AND s.state = 'new')
          AND (last.finished_at IS NULL OR last.finished_at + m.reconcile_every < clock_timestamp()
               OR (last.finished_at < clock_timestamp() - interval '1 s'
                   AND (NOT quantmesh.market_is_trusted(m.trusted_tag) OR EXISTS (
                        SELECT FROM quantmesh.live_order AS l
                        CROSS JOIN LATERAL (SELECT a.* FROM quantmesh.orders AS a WHERE a.account = l.account AND a.order_id = l.order_id OFFSET 0) AS o
                        WHERE l.account = m.account AND l.symbol = m.symbol AND o.state = 'unknown'
                          AND (SELECT count(*) FROM quantmesh.task AS t
                               WHERE t.account = o.account AND t.order_id = o.order_id AND t.state = 'absent'
                                 AND t.taken_at > o.updated_at AND t.taken_at > o.send_before + acceptance) >= 3))))
        ON CONFLICT (account, symbol, kind, subject) WHERE finished_at IS NULL DO NOTHING;
    GET DIAGNOSTICS more = ROW_COUNT;
    RETURN made + more;
END;
$$;
COMMENT ON FUNCTION quantmesh.make_tasks() IS
    'Makes the tasks that are due: snapshots of markets that somebody has, and queries of orders whose fate is not known; ends snapshot tasks that were not answered in time. Returns how many were made. Internal, for the coordinator.';

CREATE FUNCTION quantmesh.set_reconcile(account text, symbol text, policy text DEFAULT NULL, every interval DEFAULT NULL,
    grace interval DEFAULT NULL, blind_after interval DEFAULT NULL) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM quantmesh.check_name('account', account);
    PERFORM quantmesh.check_name('symbol', symbol);
    policy := lower(policy);
    IF policy NOT IN ('report', 'repair', 'enforce') THEN
        RAISE EXCEPTION 'policy must be report, repair or enforce, not "%"', left(policy, 80) USING ERRCODE = '22023';
    END IF;
    IF every < '0' OR every > '1 day' THEN
        RAISE EXCEPTION 'every must be from 0 to 1 day, not %', every USING ERRCODE = '22023', HINT = '0 asks for no snapshots by itself.';
    END IF;
    IF grace < '0' OR grace > '1 hour' THEN
        RAISE EXCEPTION 'grace must be from 0 to 1 hour, not %', grace USING ERRCODE = '22023';
    END IF;
    IF blind_after < '0' THEN
        RAISE EXCEPTION 'blind_after must not be negative' USING ERRCODE = '22023', HINT = '0 means never.';
    END IF;
    UPDATE quantmesh.market AS m
        SET policy = coalesce(set_reconcile.policy, m.policy), reconcile_every = coalesce(set_reconcile.every, m.reconcile_every),
            grace = coalesce(set_reconcile.grace, m.grace),
            blind_after = CASE WHEN set_reconcile.blind_after IS NULL THEN m.blind_after ELSE nullif(set_reconcile.blind_after, '0') END
        WHERE m.account = set_reconcile.account AND m.symbol = set_reconcile.symbol;
    IF NOT FOUND THEN
        PERFORM quantmesh.refuse_unknown(account, symbol);
    END IF;
    PERFORM quantmesh.record_action(account, 'set_reconcile', symbol, NULL,
        jsonb_strip_nulls(jsonb_build_object('policy', policy, 'every', every::text, 'grace', grace::text, 'blind_after', blind_after::text)));
END;
$$;
COMMENT ON FUNCTION quantmesh.set_reconcile(text, text, text, interval, interval, interval) IS
    'Says how a market is reconciled; NULL keeps what is there. account, symbol: the market. policy: report (only record), repair (default: apply what the exchange says, ask for what it does not) or enforce (also cancel orphans and duplicates that carry an id of ours). every: how often a snapshot is asked for, default 60 s; 0: only by hand. grace: how long an order must not have changed to be compared, default 5 s. blind_after: without a clean pass for so long the market is reducing; 0: never, the default. Operators only.';

CREATE FUNCTION quantmesh.resolve_discrepancy(account text, discrepancy_id bigint, resolution text) RETURNS boolean
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    found_symbol text;
    found_code text;
BEGIN
    PERFORM quantmesh.check_name('account', account);
    PERFORM quantmesh.check_reason(resolution, true);
    UPDATE quantmesh.discrepancy AS d SET resolved_at = clock_timestamp(), resolution = resolve_discrepancy.resolution
        WHERE d.account = resolve_discrepancy.account AND d.discrepancy_id = resolve_discrepancy.discrepancy_id AND d.resolved_at IS NULL
        RETURNING d.symbol, d.code INTO found_symbol, found_code;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    PERFORM quantmesh.record_action(account, 'resolve_discrepancy', found_symbol, resolution,
        jsonb_build_object('discrepancy_id', discrepancy_id::text, 'code', found_code));
    RETURN true;
END;
$$;
COMMENT ON FUNCTION quantmesh.resolve_discrepancy(text, bigint, text) IS
    'Says that a discrepancy has been dealt with. account, discrepancy_id: as quantmesh.discrepancies shows it. resolution: how, kept with it. Returns false when there is none that is unresolved. Operators only.';

CREATE VIEW quantmesh.reconcile_runs WITH (security_barrier) AS
    SELECT r.account, r.run_id, r.symbol, r.snapshot_id, r.status, r.policy, r.started_at, r.finished_at,
           round(extract(epoch FROM r.finished_at - r.started_at) * 1000, 1) AS duration_ms, r.orders, r.remote_orders, r.trades,
           r.matched, r.deferred, r.findings, r.repaired, r.asked, r.resolved, r.counts, r.local_position, r.exchange_position, r.realized_profit, r.open_buys, r.open_sells, r.pending_sell, r.message
    FROM quantmesh.reconcile_run AS r
    WHERE quantmesh.account_is_visible(r.account);
COMMENT ON VIEW quantmesh.reconcile_runs IS 'Comparisons with the exchange, and what came of them.';
COMMENT ON COLUMN quantmesh.reconcile_runs.account IS 'The account.';
COMMENT ON COLUMN quantmesh.reconcile_runs.run_id IS 'Its id: grows with time.';
COMMENT ON COLUMN quantmesh.reconcile_runs.symbol IS 'The symbol.';
COMMENT ON COLUMN quantmesh.reconcile_runs.snapshot_id IS 'The snapshot; NULL if there was none.';
COMMENT ON COLUMN quantmesh.reconcile_runs.status IS
    'clean, findings, deferred (what was compared agrees, the rest was still moving), discarded (the snapshot could not be used), skipped (another run had the market) or failed.';
COMMENT ON COLUMN quantmesh.reconcile_runs.policy IS 'report, repair or enforce.';
COMMENT ON COLUMN quantmesh.reconcile_runs.started_at IS 'When it began.';
COMMENT ON COLUMN quantmesh.reconcile_runs.finished_at IS 'When it ended.';
COMMENT ON COLUMN quantmesh.reconcile_runs.duration_ms IS 'How long it took in ms.';
COMMENT ON COLUMN quantmesh.reconcile_runs.orders IS 'Orders of ours that were looked at.';
COMMENT ON COLUMN quantmesh.reconcile_runs.remote_orders IS 'Open orders in the snapshot.';
COMMENT ON COLUMN quantmesh.reconcile_runs.trades IS 'Trades in the snapshot.';
COMMENT ON COLUMN quantmesh.reconcile_runs.matched IS 'Orders that agree.';
COMMENT ON COLUMN quantmesh.reconcile_runs.deferred IS 'Orders that were still moving.';
COMMENT ON COLUMN quantmesh.reconcile_runs.findings IS 'Differences.';
COMMENT ON COLUMN quantmesh.reconcile_runs.repaired IS 'Differences that were repaired.';
COMMENT ON COLUMN quantmesh.reconcile_runs.asked IS 'Tasks that were made.';
COMMENT ON COLUMN quantmesh.reconcile_runs.resolved IS 'Earlier discrepancies that were not found any more.';
COMMENT ON COLUMN quantmesh.reconcile_runs.counts IS 'Findings by code.';
COMMENT ON COLUMN quantmesh.reconcile_runs.local_position IS 'Position of the market afterwards, by its fills, all strategies together.';
COMMENT ON COLUMN quantmesh.reconcile_runs.exchange_position IS 'What the exchange''s balance of the base asset makes of it, baseline and other markets taken off; NULL where it was not judged: no baseline, no balances, or something was moving.';
COMMENT ON COLUMN quantmesh.reconcile_runs.realized_profit IS 'Realized profit of the market afterwards.';
COMMENT ON COLUMN quantmesh.reconcile_runs.open_buys IS 'Live buys afterwards.';
COMMENT ON COLUMN quantmesh.reconcile_runs.open_sells IS 'Live sells afterwards.';
COMMENT ON COLUMN quantmesh.reconcile_runs.pending_sell IS 'What live sells can still sell.';
COMMENT ON COLUMN quantmesh.reconcile_runs.message IS 'Why it was discarded, skipped or failed, or the first finding whose repair failed.';
