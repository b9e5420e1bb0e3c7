-- Shows who may do what with orders: traders trade and see their accounts and nobody else's, readers see all and change
-- nothing, operators do all; nobody writes the tables; and functions that are only for the extension itself are closed.
\set ON_ERROR_ROLLBACK off
SET client_min_messages = warning;

-- Roles belong to the whole cluster: start without leftovers of a run that was cut short.
DROP ROLE IF EXISTS qm_rights_nobody, qm_rights_trader, qm_rights_member, qm_rights_reader, qm_rights_operator;
CREATE ROLE qm_rights_nobody;
CREATE ROLE qm_rights_trader;
CREATE ROLE qm_rights_member IN ROLE qm_rights_trader;
CREATE ROLE qm_rights_reader;
CREATE ROLE qm_rights_operator;

SELECT plan(1583);

-- Runs one statement as a role and undoes it. Returns ok or the SQLSTATE.
CREATE FUNCTION pg_temp.run_as(role text, statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE outcome text := 'ok';
BEGIN
    BEGIN
        EXECUTE format('SET LOCAL ROLE %I', role);
        EXECUTE statement;
        RAISE EXCEPTION 'undo' USING ERRCODE = 'UNDOO';
    EXCEPTION WHEN OTHERS THEN
        IF SQLSTATE <> 'UNDOO' THEN outcome := SQLSTATE; END IF;
    END;
    RETURN outcome;
END $$;
-- What a query returns to a role, one row a line.
CREATE FUNCTION pg_temp.seen_by(role text, query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE answer text;
BEGIN
    EXECUTE format('SET LOCAL ROLE %I', role);
    EXECUTE format('SELECT string_agg(x::text, E''\n'' ORDER BY x::text COLLATE "C") FROM (%s) AS x', query) INTO answer;
    RESET ROLE;
    RETURN coalesce(answer, '');
END $$;

SELECT quantmesh.set_market('mine', 'A-USD', 1, 0.1), quantmesh.set_market('other', 'A-USD', 1, 0.1) \gset
SELECT quantmesh.grant_trader('qm_rights_trader', 'mine') \gset
SELECT quantmesh.grant_reader('qm_rights_reader') \gset
SELECT quantmesh.grant_operator('qm_rights_operator') \gset

-- Something to see in each account.
SELECT is(p.outcome, 'placed', format('an order of %s', a)) FROM unnest(ARRAY['mine', 'other']) AS a, quantmesh.place_order(a, 'A-USD', 'buy', 100, 1) AS p;
SELECT is(r.state, 'filled', format('%s is filled', o.account)) FROM quantmesh.orders AS o,
    quantmesh.apply_report(o.account, 'A-USD', o.client_order_id, 'x', 'filled', 't', 1, 100, commission => 0.1, commission_asset => 'USD') AS r;
SELECT is(p.outcome, 'placed', format('another one of %s', a)) FROM unnest(ARRAY['mine', 'other']) AS a, quantmesh.place_order(a, 'A-USD', 'buy', 99, 1) AS p;
SELECT is((quantmesh.place_order(a, 'A-USD', 'buy', 99.5, 1)).outcome, 'denied', format('a denial of %s', a)) FROM unnest(ARRAY['mine', 'other']) AS a;
SELECT is((quantmesh.apply_report(a, 'A-USD', exchange_order_id => 'strange', state => 'open')).discrepancy, 'EXTERNAL_ORDER', format('a discrepancy of %s', a)) FROM unnest(ARRAY['mine', 'other']) AS a;
SELECT order_id AS mine_id FROM quantmesh.open_orders WHERE account = 'mine' \gset
SELECT order_id AS other_id FROM quantmesh.open_orders WHERE account = 'other' \gset
SELECT fence AS mine_fence FROM quantmesh.open_orders WHERE account = 'mine' \gset
SELECT fence AS other_fence FROM quantmesh.open_orders WHERE account = 'other' \gset

-- An instance of each account, registered by this session, which has each account's market; so both have tasks.
SELECT epoch AS bot_epoch FROM quantmesh.register_instance('bot', '{mine:*}') \gset
SELECT epoch AS other_bot_epoch FROM quantmesh.register_instance('other bot', '{other:*}') \gset
SELECT quantmesh.assign_markets() \gset
SELECT task_id AS bot_task FROM quantmesh.tasks WHERE account = 'mine' \gset

-- Functions that act on an account: n nobody, t trader of mine, m member of its group, r reader, o operator.
CREATE TEMP TABLE role_letter (role text, letter text);
INSERT INTO role_letter VALUES ('qm_rights_nobody', 'n'), ('qm_rights_trader', 't'), ('qm_rights_member', 'm'), ('qm_rights_reader', 'r'), ('qm_rights_operator', 'o');
CREATE TEMP TABLE deed (statement text, who text);
INSERT INTO deed VALUES
    ('SELECT quantmesh.place_order(''mine'', ''A-USD'', ''buy'', 98, 1)', 'tmo'),
    ('SELECT quantmesh.place_orders(''mine'', ''[{"symbol": "A-USD", "side": "buy", "price": "98", "quantity": "1"}]'')', 'tmo'),
    ('SELECT quantmesh.claim_orders(''mine'')', 'tmo'),
    (format('SELECT quantmesh.replace_order(''mine'', %s, 97, 1)', :mine_id), 'tmo'),
    ('SELECT quantmesh.apply_report(''mine'', ''A-USD'', exchange_order_id => ''x'', state => ''filled'')', 'tmo'),
    (format('SELECT quantmesh.resolve_submission(''mine'', %s, %s, ''unknown'')', :mine_id, :mine_fence), 'tmo'),
    (format('SELECT quantmesh.cancel_order(''mine'', %s)', :mine_id), 'tmo'),
    ('SELECT quantmesh.cancel_exchange_order(''mine'', ''A-USD'', ''x'')', 'tmo'),
    ('SELECT quantmesh.cancel_orders(''mine'')', 'tmo'),
    (format('SELECT quantmesh.resolve_cancel(''mine'', %s, ''done'')', :mine_id), 'tmo'),
    ('SELECT quantmesh.take_budget(''mine'', 1)', 'tmo'), ('SELECT quantmesh.note_budget(''mine'', ''weight'', 1)', 'tmo'),
    ('SELECT quantmesh.block_budget(''mine'', ''1 s'')', 'tmo'), ('SELECT quantmesh.set_budget_limit(''mine'', ''weight'', 1)', 'tmo');
INSERT INTO deed SELECT replace(replace(replace(statement, '''mine''', '''other'''), :'mine_id', :'other_id'), :'mine_fence', :'other_fence'), 'o' FROM deed;
INSERT INTO deed VALUES
    (format('SELECT quantmesh.settle_order(''mine'', %s, ''canceled'', ''test'')', :mine_id), 'o'),
    ('SELECT quantmesh.set_market(''new'', ''A-USD'', 1, 1)', 'o'), ('SELECT quantmesh.set_market(''mine'', ''A-USD'', 2)', 'o'),
    ('SELECT quantmesh.set_limits(''mine'', ''A-USD'', 1)', 'o'), ('SELECT quantmesh.set_trading_state(''mine'', NULL, ''halted'', ''test'')', 'o'),
    ('SELECT * FROM quantmesh.halt(''mine'')', 'o'), ('SELECT * FROM quantmesh.resume(''mine'')', 'o'), ('SELECT quantmesh.trust_market(reason => ''test'')', 'o'),
    ('SELECT quantmesh.set_baseline(''mine'', ''USD'', 1, ''test'')', 'o'),
    ('SELECT quantmesh.prometheus()', 'ro'),
    ('SELECT quantmesh.register_instance(''deed'', ''{mine:*}'')', 'tmo'), ('SELECT quantmesh.register_instance(''deed'', ''{mine:*,other:*}'')', 'o'),
    (format('SELECT quantmesh.heartbeat(''bot'', %s)', :bot_epoch), 'tmo'), (format('SELECT quantmesh.leave_instance(''bot'', %s)', :bot_epoch), 'tmo'),
    (format('SELECT quantmesh.finish_task(''mine'', %s, ''bot'', %s, ''done'')', :bot_task, :bot_epoch), 'tmo'),
    ('SELECT quantmesh.assign_market(''mine'', ''A-USD'', ''bot'', ''test'')', 'o'),
    ('SELECT quantmesh.watch_instances()', ''), ('SELECT quantmesh.assign_markets()', ''), ('SELECT quantmesh.tell_state(''mine'', NULL, ''halted'', ''x'')', ''),
    ('SELECT * FROM quantmesh.order_transitions', 'tmro'), ('SELECT quantmesh.order_commission(''mine'', 1, ''A'', 0)', 'tmro'),
    ('SELECT quantmesh.next_id()', ''), ('SELECT quantmesh.current_tag()', ''), ('SELECT quantmesh.lock_market(''mine'', ''A-USD'')', ''),
    ('SELECT quantmesh.markets_changed()', ''), ('SELECT quantmesh.trading_rows(''*'', NULL, true)', ''), ('SELECT quantmesh.record_action(''mine'', ''halt'', NULL, NULL, NULL)', ''),
    ('SELECT quantmesh.change_state(''mine'', NULL, ''active'', ''x'', false, ''x'')', ''), ('SELECT quantmesh.add_market(NULL)', ''), ('SELECT quantmesh.change_market(NULL, NULL)', ''),
    ('SELECT quantmesh.check_name(''x'', ''x'')', ''), ('SELECT quantmesh.derive_assets(''x'')', '');
INSERT INTO deed SELECT format('SELECT * FROM quantmesh.%I', v), 'tmro'
    FROM unnest(ARRAY['open_orders', 'order_history', 'all_orders', 'positions', 'position_sums', 'fills', 'commissions', 'markets', 'discrepancies', 'order_metrics', 'order_denials', 'instances', 'assignments', 'tasks', 'rate_budgets']) AS v;
INSERT INTO deed SELECT format('SELECT * FROM quantmesh_compat.%I', v), 'ro' FROM unnest(ARRAY['orders', 'trades', 'reconciliation_history']) AS v;
CREATE TEMP TABLE data_table AS SELECT c.relname AS name FROM pg_class AS c JOIN pg_extension AS e ON c.oid = ANY (e.extconfig) WHERE e.extname = 'quantmesh'
    UNION ALL VALUES ('rate_budget');
INSERT INTO deed SELECT format('SELECT * FROM quantmesh.%I', name), 'o' FROM data_table;
INSERT INTO deed SELECT format('%s quantmesh.%I', verb, name), '' FROM data_table, unnest(ARRAY['DELETE FROM', 'TRUNCATE', 'INSERT INTO quantmesh.account SELECT * FROM quantmesh.account; DELETE FROM']) AS verb;
INSERT INTO deed VALUES ('UPDATE quantmesh.orders SET state = state', ''), ('UPDATE quantmesh.discrepancies SET account = account', ''), ('LOCK quantmesh.market', ''),
    ('CREATE TABLE quantmesh_compat.mine ()', ''), ('SET quantmesh.allow_drop = on', ''), ('SET quantmesh.allow_async_commit = on', '');
SELECT is(pg_temp.run_as(r.role, d.statement) = '42501', position(r.letter IN d.who) = 0,
          format('%s %s %s', r.role, CASE WHEN position(r.letter IN d.who) = 0 THEN 'may not' ELSE 'may' END, left(d.statement, 100)))
FROM role_letter AS r, deed AS d;
SELECT is(pg_temp.run_as(r.role, d.statement), 'ok', format('%s can %s', r.role, left(d.statement, 100)))
FROM role_letter AS r, deed AS d WHERE position(r.letter IN d.who) > 0;

-- What each sees: the same views, with the rows of its accounts.
SELECT is(pg_temp.seen_by(role, format('SELECT DISTINCT account FROM quantmesh.%I WHERE account <> ''new''', v)), want, format('%s sees %s of %s', role, replace(want, E'\n', ' '), v))
FROM unnest(ARRAY['open_orders', 'order_history', 'all_orders', 'positions', 'position_sums', 'fills', 'commissions', 'markets', 'discrepancies', 'order_metrics', 'order_denials', 'assignments', 'tasks']) AS v,
     (VALUES ('qm_rights_trader', '(mine)'), ('qm_rights_member', '(mine)'), ('qm_rights_reader', E'(mine)\n(other)'), ('qm_rights_operator', E'(mine)\n(other)')) AS r (role, want);
SELECT is(pg_temp.seen_by(role, 'SELECT instance, registered_for FROM quantmesh.instances'), want, format('%s sees instances of its accounts', role))
FROM (VALUES ('qm_rights_trader', '(bot,{mine:*})'), ('qm_rights_reader', E'("other bot",{other:*})\n(bot,{mine:*})')) AS r (role, want);
SELECT is(pg_temp.seen_by('qm_rights_trader', 'SELECT account FROM quantmesh.open_orders WHERE account = ''other'''), '', 'asking for another account finds nothing');
SELECT is(pg_temp.seen_by('qm_rights_reader', 'SELECT exchange, count(*) FROM quantmesh_compat.trades GROUP BY exchange'), '', 'a reader reads quantmesh_compat');
SELECT is(pg_temp.seen_by('qm_rights_trader', 'SELECT a, quantmesh.account_is_visible(a) FROM unnest(ARRAY[''mine'', ''other'', ''*'', ''min'', ''mine2'', '''', NULL]) AS a'),
          E'("",f)\n(*,f)\n(,f)\n(min,f)\n(mine,t)\n(mine2,f)\n(other,f)', 'account_is_visible');
SELECT is(pg_temp.seen_by('qm_rights_trader', 'SELECT a, quantmesh.order_commission(a, 1, ''A'', 0) FROM unnest(ARRAY[''mine'', ''other'']) AS a'),
          E'(mine,0)\n(other,)', 'order_commission says nothing of another account');

-- A function of the trader's own does not get at rows behind the view's filter.
CREATE FUNCTION pg_temp.leak(value text) RETURNS boolean LANGUAGE plpgsql COST 0.0001 AS $$ BEGIN RAISE NOTICE 'leaked %', value; PERFORM 1 / (value = 'mine')::int; RETURN true; END $$;
SELECT is(pg_temp.run_as('qm_rights_trader', 'SELECT * FROM quantmesh.open_orders WHERE pg_temp.leak(account)'), 'ok', 'a condition is applied after the filter');
SELECT is(pg_temp.run_as('qm_rights_trader', 'SELECT * FROM quantmesh.fills WHERE 1 / (account = ''mine'')::int = 1'), 'ok', '... in every view');

-- Grants and revocations count at once, also for what was refused before.
SELECT quantmesh.grant_trader('qm_rights_trader', 'other') \gset
SELECT is(pg_temp.seen_by('qm_rights_trader', 'SELECT DISTINCT account FROM quantmesh.open_orders'), E'(mine)\n(other)', 'a second account');
SELECT is(pg_temp.run_as('qm_rights_member', 'SELECT quantmesh.place_order(''other'', ''A-USD'', ''buy'', 98, 1)'), 'ok', '... also for members of the group');
SELECT quantmesh.revoke_trader('qm_rights_trader', 'other') \gset
SELECT is(pg_temp.seen_by('qm_rights_trader', 'SELECT DISTINCT account FROM quantmesh.open_orders'), '(mine)', 'taken back');
REVOKE qm_rights_trader FROM qm_rights_member;
SELECT is(pg_temp.run_as('qm_rights_member', 'SELECT * FROM quantmesh.open_orders'), '42501', 'who has left the group sees nothing');
SELECT quantmesh.grant_trader('qm_rights_trader', '*') \gset
SELECT is(pg_temp.seen_by('qm_rights_trader', 'SELECT DISTINCT account FROM quantmesh.open_orders'), E'(mine)\n(other)', 'every account');
SELECT is(pg_temp.run_as('qm_rights_trader', 'SELECT quantmesh.halt(''mine'')'), '42501', 'is not an operator''s right');
SELECT quantmesh.revoke_trader('qm_rights_trader', '*') \gset
SELECT quantmesh.revoke_trader('qm_rights_trader', 'mine') \gset
SELECT quantmesh.revoke_reader('qm_rights_reader') \gset
SELECT quantmesh.revoke_operator('qm_rights_operator') \gset
SELECT is(pg_temp.run_as(r.role, d.statement), '42501', format('revoked: %s may not %s', r.role, left(d.statement, 100))) FROM role_letter AS r, deed AS d WHERE d.who <> '' AND r.letter <> 'n';
SELECT is_empty($$ SELECT n.nspname FROM pg_namespace AS n, aclexplode(n.nspacl) AS a WHERE a.grantee::regrole::text LIKE 'qm_rights%' $$, 'nothing is left of the grants');

DROP ROLE qm_rights_nobody, qm_rights_trader, qm_rights_member, qm_rights_reader, qm_rights_operator;

SELECT * FROM finish();
