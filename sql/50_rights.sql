-- Who may do what. PUBLIC may do nothing; a DBA grants one of three rights to a role.

CREATE FUNCTION quantmesh.right_objects(privilege text, OUT statement text) RETURNS SETOF text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT o.statement FROM (VALUES
        ('trader', 'USAGE ON SCHEMA quantmesh'),
        ('trader', 'EXECUTE ON FUNCTION quantmesh.version()'),
        ('trader', 'EXECUTE ON FUNCTION quantmesh.order_key(text, text, numeric, numeric)'),
        ('trader', 'EXECUTE ON FUNCTION quantmesh.try_xact_lock(text, interval)'),
        ('trader', 'EXECUTE ON FUNCTION quantmesh.xact_lock(text, interval, interval)'),
        ('trader', 'EXECUTE ON FUNCTION quantmesh.try_xact_lock_many(text[], interval)'),
        ('trader', 'EXECUTE ON FUNCTION quantmesh.xact_lock_many(text[], interval, interval)'),
        ('trader', 'EXECUTE ON FUNCTION quantmesh.try_lock(text, interval)'),
        ('trader', 'EXECUTE ON FUNCTION quantmesh.lock(text, interval, interval)'),
        ('trader', 'EXECUTE ON PROCEDURE quantmesh.acquire(text, interval, interval, bigint)'),
        ('trader', 'EXECUTE ON FUNCTION quantmesh.unlock(text)'),
        ('trader', 'EXECUTE ON FUNCTION quantmesh.extend(text, interval)'),
        ('trader', 'EXECUTE ON FUNCTION quantmesh.is_locked(text)'),
        ('trader', 'EXECUTE ON FUNCTION quantmesh.lock_holder(text)'),
        ('trader', 'EXECUTE ON FUNCTION quantmesh.try_lease(text, text, interval)'),
        ('trader', 'EXECUTE ON FUNCTION quantmesh.lease(text, text, interval, interval)'),
        ('trader', 'EXECUTE ON FUNCTION quantmesh.renew_lease(text, text, bigint, interval)'),
        ('trader', 'EXECUTE ON FUNCTION quantmesh.release_lease(text, text, bigint)'),
        ('trader', 'EXECUTE ON FUNCTION quantmesh.guard(text, bigint)'),
        ('trader', 'EXECUTE ON FUNCTION quantmesh.place_order(text, text, text, numeric, numeric, text, text, boolean, boolean, text, text, text, text, bigint, boolean, timestamptz, interval)'),
        ('trader', 'EXECUTE ON FUNCTION quantmesh.place_orders(text, jsonb, boolean)'),
        ('trader', 'EXECUTE ON FUNCTION quantmesh.claim_orders(text, text, bigint, integer, text)'),
        ('trader', 'EXECUTE ON FUNCTION quantmesh.replace_order(text, bigint, numeric, numeric, text, text, bigint, timestamptz)'),
        ('trader', 'EXECUTE ON FUNCTION quantmesh.apply_report(text, text, text, text, text, text, numeric, numeric, numeric, numeric, text, boolean, timestamptz, text, jsonb)'),
        ('trader', 'EXECUTE ON FUNCTION quantmesh.resolve_submission(text, bigint, bigint, text, text, text)'),
        ('trader', 'EXECUTE ON FUNCTION quantmesh.cancel_order(text, bigint)'),
        ('trader', 'EXECUTE ON FUNCTION quantmesh.cancel_exchange_order(text, text, text)'),
        ('trader', 'EXECUTE ON FUNCTION quantmesh.cancel_orders(text, text, text, text, text)'),
        ('trader', 'EXECUTE ON FUNCTION quantmesh.resolve_cancel(text, bigint, text, text, text)'),
        ('trader', 'EXECUTE ON FUNCTION quantmesh.save_strategy_state(text, text, text, json, bigint, text, bigint)'),
        ('trader', 'EXECUTE ON FUNCTION quantmesh.load_strategy_state(text, text, text)'),
        ('trader', 'EXECUTE ON FUNCTION quantmesh.take_budget(text, integer, integer, integer, boolean, boolean, text)'),
        ('trader', 'EXECUTE ON FUNCTION quantmesh.note_budget(text, text, bigint)'),
        ('trader', 'EXECUTE ON FUNCTION quantmesh.block_budget(text, interval)'),
        ('trader', 'EXECUTE ON FUNCTION quantmesh.set_budget_limit(text, text, bigint)'),
        ('trader', 'SELECT ON quantmesh.rate_budgets'),
        ('trader', 'EXECUTE ON FUNCTION quantmesh.request_snapshot(text, text)'),
        ('trader', 'EXECUTE ON FUNCTION quantmesh.submit_snapshot(text, text, bigint, timestamptz, timestamptz, jsonb, jsonb, jsonb, boolean)'),
        ('trader', 'USAGE ON TYPE quantmesh.placement'),
        ('trader', 'USAGE ON TYPE quantmesh.report_result'),
        ('trader', 'USAGE ON TYPE quantmesh.cancellation'),
        ('trader', 'EXECUTE ON FUNCTION quantmesh.order_transition_rows()'),
        ('trader', 'SELECT ON quantmesh.order_transitions'),
        ('trader', 'EXECUTE ON FUNCTION quantmesh.account_is_visible(text)'),
        ('trader', 'EXECUTE ON FUNCTION quantmesh.order_commission(text, bigint, text, numeric)'),
        ('trader', 'EXECUTE ON FUNCTION quantmesh.market_is_trusted(text)'),
        ('trader', 'EXECUTE ON FUNCTION quantmesh.order_metric_rows()'),
        ('trader', 'EXECUTE ON FUNCTION quantmesh.order_denial_rows()'),
        ('trader', 'SELECT ON quantmesh.open_orders'),
        ('trader', 'SELECT ON quantmesh.order_history'),
        ('trader', 'SELECT ON quantmesh.all_orders'),
        ('trader', 'SELECT ON quantmesh.positions'),
        ('trader', 'SELECT ON quantmesh.position_sums'),
        ('trader', 'SELECT ON quantmesh.fills'),
        ('trader', 'SELECT ON quantmesh.commissions'),
        ('trader', 'SELECT ON quantmesh.markets'),
        ('trader', 'SELECT ON quantmesh.discrepancies'),
        ('trader', 'SELECT ON quantmesh.reconcile_runs'),
        ('trader', 'SELECT ON quantmesh.order_metrics'),
        ('trader', 'SELECT ON quantmesh.order_denials'),
        ('trader', 'USAGE ON TYPE quantmesh.task_item'),
        ('trader', 'EXECUTE ON FUNCTION quantmesh.register_instance(text, text[], boolean, integer, interval, text, jsonb)'),
        ('trader', 'EXECUTE ON FUNCTION quantmesh.heartbeat(text, bigint)'),
        ('trader', 'EXECUTE ON FUNCTION quantmesh.finish_task(text, bigint, text, bigint, text, text)'),
        ('trader', 'EXECUTE ON FUNCTION quantmesh.leave_instance(text, bigint)'),
        ('trader', 'EXECUTE ON FUNCTION quantmesh.instance_lease_left(text)'),
        ('trader', 'SELECT ON quantmesh.instances'),
        ('trader', 'SELECT ON quantmesh.assignments'),
        ('trader', 'SELECT ON quantmesh.tasks'),
        ('reader', 'USAGE ON SCHEMA quantmesh'),
        ('reader', 'EXECUTE ON FUNCTION quantmesh.version()'),
        ('reader', 'EXECUTE ON FUNCTION quantmesh.order_key(text, text, numeric, numeric)'),
        ('reader', 'EXECUTE ON FUNCTION quantmesh.lock_rows()'),
        ('reader', 'EXECUTE ON FUNCTION quantmesh.lock_wait_rows()'),
        ('reader', 'EXECUTE ON FUNCTION quantmesh.lock_metric_rows()'),
        ('reader', 'EXECUTE ON FUNCTION quantmesh.lock_conflict_rows()'),
        ('reader', 'EXECUTE ON FUNCTION quantmesh.engine_row()'),
        ('reader', 'EXECUTE ON FUNCTION quantmesh.prometheus()'),
        ('reader', 'SELECT ON quantmesh.locks'),
        ('reader', 'SELECT ON quantmesh.lock_waits'),
        ('reader', 'SELECT ON quantmesh.lock_metrics'),
        ('reader', 'SELECT ON quantmesh.lock_conflicts'),
        ('reader', 'SELECT ON quantmesh.lock_engine'),
        ('reader', 'EXECUTE ON FUNCTION quantmesh.worker_rows()'),
        ('reader', 'SELECT ON quantmesh.workers'),
        ('reader', 'SELECT ON quantmesh.housekeeping'),
        ('reader', 'EXECUTE ON FUNCTION quantmesh.order_transition_rows()'),
        ('reader', 'SELECT ON quantmesh.order_transitions'),
        ('reader', 'EXECUTE ON FUNCTION quantmesh.account_is_visible(text)'),
        ('reader', 'EXECUTE ON FUNCTION quantmesh.order_commission(text, bigint, text, numeric)'),
        ('reader', 'EXECUTE ON FUNCTION quantmesh.market_is_trusted(text)'),
        ('reader', 'EXECUTE ON FUNCTION quantmesh.order_metric_rows()'),
        ('reader', 'EXECUTE ON FUNCTION quantmesh.order_denial_rows()'),
        ('reader', 'SELECT ON quantmesh.open_orders'),
        ('reader', 'SELECT ON quantmesh.order_history'),
        ('reader', 'SELECT ON quantmesh.all_orders'),
        ('reader', 'SELECT ON quantmesh.positions'),
        ('reader', 'SELECT ON quantmesh.position_sums'),
        ('reader', 'SELECT ON quantmesh.fills'),
        ('reader', 'SELECT ON quantmesh.commissions'),
        ('reader', 'SELECT ON quantmesh.markets'),
        ('reader', 'SELECT ON quantmesh.discrepancies'),
        ('reader', 'SELECT ON quantmesh.reconcile_runs'),
        ('reader', 'SELECT ON quantmesh.order_metrics'),
        ('reader', 'SELECT ON quantmesh.order_denials'),
        ('reader', 'SELECT ON quantmesh.rate_budgets'),
        ('reader', 'EXECUTE ON FUNCTION quantmesh.instance_lease_left(text)'),
        ('reader', 'SELECT ON quantmesh.instances'),
        ('reader', 'SELECT ON quantmesh.assignments'),
        ('reader', 'SELECT ON quantmesh.tasks'),
        ('reader', 'USAGE ON SCHEMA quantmesh_compat'),
        ('reader', 'SELECT ON quantmesh_compat.orders'),
        ('reader', 'SELECT ON quantmesh_compat.trades'),
        ('reader', 'SELECT ON quantmesh_compat.reconciliation_history'),
        ('operator', 'EXECUTE ON FUNCTION quantmesh.force_unlock(text, text)'),
        ('operator', 'EXECUTE ON FUNCTION quantmesh.raise_fence(text)'),
        ('operator', 'EXECUTE ON FUNCTION quantmesh.reset_metrics()'),
        ('operator', 'EXECUTE ON FUNCTION quantmesh.settle_order(text, bigint, text, text)'),
        ('operator', 'EXECUTE ON FUNCTION quantmesh.set_market(text, text, numeric, numeric, numeric, numeric, numeric, text, text, text, text, numeric)'),
        ('operator', 'EXECUTE ON FUNCTION quantmesh.set_limits(text, text, integer, numeric, numeric, integer)'),
        ('operator', 'EXECUTE ON FUNCTION quantmesh.set_trading_state(text, text, text, text)'),
        ('operator', 'EXECUTE ON FUNCTION quantmesh.halt(text, text, text)'),
        ('operator', 'EXECUTE ON FUNCTION quantmesh.resume(text, text, text)'),
        ('operator', 'EXECUTE ON FUNCTION quantmesh.trust_market(text, text, text)'),
        ('operator', 'EXECUTE ON FUNCTION quantmesh.set_baseline(text, text, numeric, text)'),
        ('operator', 'EXECUTE ON FUNCTION quantmesh.assign_market(text, text, text, text)'),
        ('operator', 'EXECUTE ON FUNCTION quantmesh.reconcile(text, text, boolean)'),
        ('operator', 'EXECUTE ON FUNCTION quantmesh.set_reconcile(text, text, text, interval, interval, interval)'),
        ('operator', 'EXECUTE ON FUNCTION quantmesh.resolve_discrepancy(text, bigint, text)'),
        ('operator', 'EXECUTE ON FUNCTION quantmesh.import_market(text, jsonb)'),
        ('operator', 'EXECUTE ON FUNCTION quantmesh.import_orders(text, jsonb)'),
        ('operator', 'EXECUTE ON FUNCTION quantmesh.import_positions(text, jsonb)'),
        ('operator', 'EXECUTE ON FUNCTION quantmesh.import_strategy_state(text, text, text, json, bigint, text, timestamptz)'),
        ('operator', 'SELECT ON quantmesh.account'),
        ('operator', 'SELECT ON quantmesh.market'),
        ('operator', 'SELECT ON quantmesh.instance'),
        ('operator', 'SELECT ON quantmesh.orders'),
        ('operator', 'SELECT ON quantmesh.live_order'),
        ('operator', 'SELECT ON quantmesh.exchange_order'),
        ('operator', 'SELECT ON quantmesh.order_event'),
        ('operator', 'SELECT ON quantmesh.fill'),
        ('operator', 'SELECT ON quantmesh.position'),
        ('operator', 'SELECT ON quantmesh.strategy_state'),
        ('operator', 'SELECT ON quantmesh.other_commission'),
        ('operator', 'SELECT ON quantmesh.balance_baseline'),
        ('operator', 'SELECT ON quantmesh.discrepancy'),
        ('operator', 'SELECT ON quantmesh.operator_action'),
        ('operator', 'SELECT ON quantmesh.instance_market'),
        ('operator', 'SELECT ON quantmesh.fixed_assignment'),
        ('operator', 'SELECT ON quantmesh.assignment'),
        ('operator', 'SELECT ON quantmesh.task'),
        ('operator', 'SELECT ON quantmesh.snapshot'),
        ('operator', 'SELECT ON quantmesh.reconcile_run'),
        ('operator', 'SELECT ON quantmesh.force_unlock_log'),
        ('operator', 'SELECT ON quantmesh.order_archive'),
        ('operator', 'SELECT ON quantmesh.housekeeping_progress'),
        ('operator', 'SELECT ON quantmesh.fill_opening'),
        ('operator', 'SELECT ON quantmesh.fill_sum'),
        ('operator', 'SELECT ON quantmesh.rate_budget'),
        ('operator', 'SELECT ON quantmesh.role_right'),
        ('operator', 'SELECT ON quantmesh.fence_floor')
    ) AS o (privilege, statement)
    WHERE o.privilege = right_objects.privilege
       OR right_objects.privilege = 'operator';
END;
COMMENT ON FUNCTION quantmesh.right_objects(text) IS
    'What a right consists of, as the middle of GRANT and REVOKE. An operator has what traders and readers have, and more.';

CREATE FUNCTION quantmesh.rights_changed() RETURNS void
    LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'qm_rights_changed';
COMMENT ON FUNCTION quantmesh.rights_changed() IS 'Makes every session read role_right again once this transaction has committed.';

CREATE FUNCTION quantmesh.grant_right(role name, privilege text, account text) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    grantee  regrole := quote_ident(role)::regrole;
    statement text;
BEGIN
    IF account IS NULL THEN
        RAISE EXCEPTION 'account must not be null'
            USING ERRCODE = '22004', HINT = 'Name the account, or give * for every account.';
    END IF;
    IF account <> '*' AND (account !~ '^[^:*[:cntrl:]]+$' OR octet_length(account) > 128) THEN
        RAISE EXCEPTION 'account "%" is not valid', account
            USING ERRCODE = '22023', HINT = 'An account is <exchange> or <exchange>/<label>, at most 128 bytes, without a colon; * means every account.';
    END IF;
    FOR statement IN SELECT o.statement FROM quantmesh.right_objects(privilege) AS o LOOP
        EXECUTE format('GRANT %s TO %s', statement, grantee);
    END LOOP;
    INSERT INTO quantmesh.role_right (role, privilege, account) VALUES (grantee, privilege, account)
        ON CONFLICT DO NOTHING;
    PERFORM quantmesh.rights_changed();
END;
$$;
COMMENT ON FUNCTION quantmesh.grant_right(name, text, text) IS 'What grant_trader, grant_operator and grant_reader have in common.';

CREATE FUNCTION quantmesh.revoke_right(role name, privilege text, account text) RETURNS boolean
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    grantee   regrole := quote_ident(role)::regrole;
    statement text;
BEGIN
    DELETE FROM quantmesh.role_right AS r
        WHERE r.role = grantee AND r.privilege = revoke_right.privilege AND r.account = revoke_right.account;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    FOR statement IN
        SELECT o.statement FROM quantmesh.right_objects(privilege) AS o
        EXCEPT
        SELECT kept.statement FROM quantmesh.role_right AS r, quantmesh.right_objects(r.privilege) AS kept WHERE r.role = grantee
    LOOP
        EXECUTE format('REVOKE %s FROM %s', statement, grantee);
    END LOOP;
    PERFORM quantmesh.rights_changed();
    RETURN true;
END;
$$;
COMMENT ON FUNCTION quantmesh.revoke_right(name, text, text) IS 'What revoke_trader, revoke_operator and revoke_reader have in common.';

CREATE FUNCTION quantmesh.grant_trader(role name, account text) RETURNS void
    LANGUAGE sql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC SELECT quantmesh.grant_right(grant_trader.role, 'trader', grant_trader.account); END;
COMMENT ON FUNCTION quantmesh.grant_trader(name, text) IS
    'Lets role lock and trade the account (* for every account), read what belongs to it, and lock keys that name no account. To be run by the extension''s owner.';

CREATE FUNCTION quantmesh.revoke_trader(role name, account text) RETURNS boolean
    LANGUAGE sql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC SELECT quantmesh.revoke_right(revoke_trader.role, 'trader', revoke_trader.account); END;
COMMENT ON FUNCTION quantmesh.revoke_trader(name, text) IS 'Takes back what grant_trader gave. Returns false when the role did not have it.';

CREATE FUNCTION quantmesh.grant_operator(role name) RETURNS void
    LANGUAGE sql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC SELECT quantmesh.grant_right(grant_operator.role, 'operator', '*'); END;
COMMENT ON FUNCTION quantmesh.grant_operator(name) IS
    'Lets role read everything, trade every account, set markets, limits and trading states, settle orders, take locks away, raise fences and reset metrics. To be run by the extension''s owner.';

CREATE FUNCTION quantmesh.revoke_operator(role name) RETURNS boolean
    LANGUAGE sql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC SELECT quantmesh.revoke_right(revoke_operator.role, 'operator', '*'); END;
COMMENT ON FUNCTION quantmesh.revoke_operator(name) IS 'Takes back what grant_operator gave. Returns false when the role did not have it.';

CREATE FUNCTION quantmesh.grant_reader(role name) RETURNS void
    LANGUAGE sql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC SELECT quantmesh.grant_right(grant_reader.role, 'reader', '*'); END;
COMMENT ON FUNCTION quantmesh.grant_reader(name) IS 'Lets role read the views and the metrics, and nothing else. To be run by the extension''s owner.';

CREATE FUNCTION quantmesh.revoke_reader(role name) RETURNS boolean
    LANGUAGE sql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC SELECT quantmesh.revoke_right(revoke_reader.role, 'reader', '*'); END;
COMMENT ON FUNCTION quantmesh.revoke_reader(name) IS 'Takes back what grant_reader gave. Returns false when the role did not have it.';
