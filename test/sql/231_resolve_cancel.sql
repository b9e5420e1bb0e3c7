-- Shows what resolve_cancel does with each outcome for orders in every state, with and without a cancel under way, that a
-- repeated outcome writes nothing and done stays done, what is kept of the exchange's words, and which arguments it refuses.
\set ON_ERROR_ROLLBACK off
SET client_min_messages = warning;

-- Roles belong to the whole cluster: start without leftovers of a run that was cut short.
DROP ROLE IF EXISTS qm_test_resolver;
CREATE ROLE qm_test_resolver;

SELECT plan(465);

SELECT quantmesh.set_market('acc', 'BTCUSDT', tick_size => 0.01, step_size => 0.001) \gset
SELECT quantmesh.set_limits('acc', 'BTCUSDT', max_open_orders => 1000) \gset

-- id(name) is the order that was placed under that request id; stored(name) is what is stored of it.
CREATE FUNCTION pg_temp.id(name text) RETURNS bigint LANGUAGE sql AS $$ SELECT order_id FROM quantmesh.orders WHERE request_id = $1 $$;
CREATE FUNCTION pg_temp.stored(name text) RETURNS text LANGUAGE sql AS $$
    SELECT concat_ws(' ', o.state, o.cancel_state, CASE WHEN o.live THEN 'live' ELSE 'ended' END, CASE WHEN o.ended_at IS NULL THEN 'open' ELSE 'closed' END)
    FROM quantmesh.orders AS o WHERE request_id = $1
$$;
CREATE FUNCTION pg_temp.events(name text) RETURNS bigint LANGUAGE sql AS $$ SELECT count(*) FROM quantmesh.order_event WHERE order_id = pg_temp.id($1) $$;
CREATE FUNCTION pg_temp.report(name text, state text, VARIADIC fill text[] DEFAULT ARRAY[]::text[]) RETURNS text LANGUAGE sql AS $$
    SELECT r.state FROM quantmesh.orders AS o, quantmesh.apply_report(o.account, o.symbol, o.client_order_id, 'x-' || $1, $2, $3[1], $3[2]::numeric, CASE WHEN $3[1] IS NOT NULL THEN 100 END) AS r WHERE o.request_id = $1
$$;
-- Places an order without a slot, brings it into a state, and has it cancelled on the way if asked to.
CREATE FUNCTION pg_temp.make(name text, state text, cancel boolean) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    p quantmesh.placement := quantmesh.place_order('acc', 'BTCUSDT', 'buy', 100, 1, slot => '', request_id => name, submit => state NOT IN ('intent', 'aborted'));
BEGIN
    IF cancel THEN
        IF state IN ('open', 'partially_filled') THEN
            PERFORM pg_temp.report(name, 'open');
        END IF;
        PERFORM quantmesh.cancel_order('acc', p.order_id);
    END IF;
    IF state IN ('unknown', 'lost', 'never_accepted') THEN
        PERFORM quantmesh.resolve_submission('acc', p.order_id, p.fence, 'unknown');
    END IF;
    IF state IN ('lost', 'never_accepted') THEN
        PERFORM quantmesh.settle_order('acc', p.order_id, state, 'test');
    ELSIF state = 'aborted' AND NOT cancel THEN
        PERFORM quantmesh.cancel_order('acc', p.order_id);
    ELSIF state = 'partially_filled' THEN
        PERFORM pg_temp.report(name, NULL, 't-' || name, '0.4');
    ELSIF state = 'filled' THEN
        PERFORM pg_temp.report(name, NULL, 't-' || name, '1');
    ELSIF state IN ('open', 'canceled', 'expired', 'rejected') THEN
        PERFORM pg_temp.report(name, state);
    END IF;
    RETURN concat_ws(' ', o.state, o.cancel_state) FROM quantmesh.orders AS o WHERE o.request_id = name;
END $$;
-- Answers as state applied discrepancy, or the SQLSTATE.
CREATE FUNCTION pg_temp.resolve(name text, outcome text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE r quantmesh.report_result;
BEGIN
    r := quantmesh.resolve_cancel('acc', pg_temp.id(name), outcome);
    IF r.order_id IS DISTINCT FROM pg_temp.id(name) THEN
        RETURN 'order ' || r.order_id;
    END IF;
    RETURN concat_ws(' ', r.state, r.applied, r.discrepancy);
EXCEPTION WHEN SQLSTATE '55000' THEN
    RETURN SQLSTATE;
END $$;

-- What each outcome makes of an order: its state is kept but for done, which cancels what is live.
CREATE TEMP TABLE example (state text, cancel boolean, before text, live boolean);
INSERT INTO example VALUES
    ('intent', false, 'intent none', true),
    ('submitted', false, 'submitted none', true), ('submitted', true, 'submitted requested', true),
    ('unknown', false, 'unknown none', true), ('unknown', true, 'unknown requested', true),
    ('lost', false, 'lost none', true), ('lost', true, 'lost requested', true),
    ('open', false, 'open none', true), ('open', true, 'open sent', true),
    ('partially_filled', false, 'partially_filled none', true), ('partially_filled', true, 'partially_filled sent', true),
    ('filled', false, 'filled none', false), ('filled', true, 'filled requested', false),
    ('canceled', false, 'canceled none', false), ('canceled', true, 'canceled done', false),
    ('expired', false, 'expired none', false), ('expired', true, 'expired requested', false),
    ('rejected', false, 'rejected none', false), ('rejected', true, 'rejected requested', false),
    ('aborted', false, 'aborted none', false),
    ('never_accepted', false, 'never_accepted none', false), ('never_accepted', true, 'never_accepted requested', false);
SELECT set_eq('SELECT state FROM example', 'SELECT DISTINCT from_state FROM quantmesh.order_transitions', 'every state is tried');
CREATE TEMP TABLE attempt AS
    SELECT concat_ws(' ', e.state, CASE WHEN e.cancel THEN 'cancelled' END, o) AS name, e.*, o AS outcome, e.before LIKE '% none' AS none, e.before LIKE '% done' AS done
    FROM example AS e, unnest(ARRAY['done', 'rejected', 'unknown']) AS o;
SELECT is(pg_temp.make(name, state, cancel), before, format('there is an order: %s', name)) FROM attempt;
CREATE TEMP TABLE events_before AS SELECT name, pg_temp.events(name) AS events FROM attempt;
SELECT is(pg_temp.resolve(name, outcome),
          CASE WHEN none AND outcome <> 'done' THEN '55000'
               WHEN done THEN state || ' f'
               WHEN outcome = 'done' AND live THEN 'canceled t' || CASE state WHEN 'intent' THEN ' REVIVED' ELSE '' END
               WHEN outcome = 'done' AND state <> 'canceled' THEN state || ' t STATE_DRIFT'
               ELSE state || ' t' END, format('%s (%s) is told %s', state, before, outcome)) FROM attempt;
CREATE TEMP TABLE after AS
    SELECT name, concat_ws(' ', s.state, CASE WHEN none AND outcome <> 'done' THEN 'none' WHEN done THEN 'done' ELSE outcome END,
                           CASE WHEN a.live AND s.state <> 'canceled' THEN 'live open' ELSE 'ended closed' END) AS stored
    FROM attempt AS a, LATERAL (SELECT CASE WHEN outcome = 'done' AND live THEN 'canceled' ELSE state END) AS s (state);
SELECT is(pg_temp.stored(name), stored, format('%s is %s then', name, stored)) FROM after;
SELECT is(pg_temp.events(name) - events, CASE WHEN (none AND outcome <> 'done') OR done THEN 0::bigint ELSE 1 END, format('with one event, if anything changed: %s', name))
    FROM attempt JOIN events_before USING (name);
CREATE TEMP TABLE row_before AS SELECT request_id, updated_at FROM quantmesh.orders;
SELECT is(pg_temp.resolve(name, outcome), CASE WHEN none AND outcome <> 'done' THEN '55000' ELSE split_part(stored, ' ', 1) || ' f' END, format('told again, it is old news: %s', name))
    FROM attempt JOIN after USING (name);
SELECT is_empty($$ SELECT o.request_id FROM quantmesh.orders AS o JOIN row_before AS b USING (request_id) WHERE o.updated_at <> b.updated_at $$, 'and nothing is written');
SELECT is(pg_temp.resolve(name, o), split_part(stored, ' ', 1) || ' f', format('done stays done, whatever comes late: %s, %s', name, o))
    FROM attempt JOIN after USING (name), unnest(ARRAY['rejected', 'unknown']) AS o WHERE outcome = 'done';
SELECT is(pg_temp.stored(name), stored, format('%s is %s still', name, stored)) FROM attempt JOIN after USING (name) WHERE outcome = 'done';
SELECT is(pg_temp.resolve(name, 'unknown') || ', ' || pg_temp.resolve(name, 'rejected') || ', ' || pg_temp.resolve(name, 'DONE'),
          format('%1$s t, %1$s t, %2$s', state, CASE WHEN live THEN 'canceled t' ELSE state || ' t STATE_DRIFT' END), format('a later word counts until then: %s', name))
    FROM attempt WHERE outcome = 'rejected' AND NOT none AND NOT done;

-- Events: what ends the order is called as the table of transitions calls it.
SELECT is(event || ' ' || from_state || ' ' || to_state || ' ' || cancel_state || ' ' || source, expected, 'the event of ' || name)
FROM (VALUES ('open cancelled done', 'canceled open canceled done reply'), ('open done', 'canceled open canceled done reply'), ('filled cancelled done', 'cancel_done filled filled done reply')) AS e (name, expected),
    LATERAL (SELECT * FROM quantmesh.order_event WHERE order_id = pg_temp.id(name) ORDER BY event_id DESC LIMIT 1) AS v;
SELECT is(string_agg(event || ' ' || cancel_state, ', ' ORDER BY event_id), 'cancel_rejected rejected, cancel_unknown unknown, cancel_rejected rejected, cancel_done done', 'and those of an order that had ended')
    FROM quantmesh.order_event WHERE order_id = pg_temp.id('expired cancelled rejected') AND event LIKE 'cancel\_%' AND event <> 'cancel_requested';
SELECT is_empty(
    $$ SELECT e.* FROM quantmesh.order_event AS e JOIN quantmesh.order_transitions AS t USING (event, from_state)
       WHERE e.to_state <> t.to_state OR t.effect NOT IN ('moves', 'flagged') AND e.from_state <> e.to_state $$, 'no event contradicts the table');

-- What contradicts what we knew is a discrepancy: an intent that turns out canceled at the exchange, an order that has ended otherwise.
SELECT is(string_agg(concat_ws(' ', code, symbol, order_id = pg_temp.id('intent done'), seen_count, resolved_at), ', '), 'REVIVED BTCUSDT t 1', 'an intent was at the exchange')
    FROM quantmesh.discrepancy WHERE account = 'acc' AND code = 'REVIVED';
SELECT set_eq($$ SELECT o.request_id FROM quantmesh.discrepancy AS d JOIN quantmesh.orders AS o USING (account, order_id) WHERE d.code = 'STATE_DRIFT' AND d.seen_count = 1 $$,
    $$ SELECT name FROM attempt WHERE NOT live AND state <> 'canceled' AND (outcome = 'done' OR outcome = 'rejected' AND NOT none) $$, 'orders that had not ended by a cancel are said to be canceled');
SELECT is(count(*), 0::bigint, 'and there is no other') FROM quantmesh.discrepancy WHERE code NOT IN ('REVIVED', 'STATE_DRIFT');
SELECT is(discrepancy || ' ' || event || ' ' || from_state || ' ' || to_state, 'REVIVED canceled intent canceled', 'which its event says') FROM quantmesh.order_event WHERE order_id = pg_temp.id('intent done');

-- What the exchange said is kept with the event, whatever it is.
SELECT pg_temp.make('words', 'open', true) \gset
SELECT is((quantmesh.resolve_cancel('acc', pg_temp.id('words'), 'unknown', '-1007', E'it''s "late"\n\tΩ')).applied, true, 'words with quotes and control characters');
SELECT is(detail, jsonb_build_object('code', '-1007', 'message', E'it''s "late"  Ω'), 'are kept, the latter as blanks') FROM quantmesh.order_event WHERE order_id = pg_temp.id('words') AND event = 'cancel_unknown';
SELECT is((quantmesh.resolve_cancel('acc', pg_temp.id('words'), 'rejected', message => repeat('Ω', 5000))).applied, true, 'a long message');
SELECT is(detail, jsonb_build_object('code', NULL, 'message', repeat('Ω', 512)), 'is cut at 1024 bytes, between characters') FROM quantmesh.order_event WHERE order_id = pg_temp.id('words') AND event = 'cancel_rejected';
SELECT is((quantmesh.resolve_cancel('acc', pg_temp.id('words'), 'unknown')).applied, true, 'no words');
SELECT ok(detail IS NULL, 'are no detail') FROM quantmesh.order_event WHERE order_id = pg_temp.id('words') AND event = 'cancel_unknown' ORDER BY event_id DESC LIMIT 1;
SELECT is(error_code || error_message, NULL, 'the order''s own error is left alone') FROM quantmesh.orders WHERE request_id = 'words';

-- A canceled order gives up its slot and its room within the limits.
SELECT quantmesh.set_limits('acc', 'BTCUSDT', max_open_orders => (SELECT count(*)::integer + 1 FROM quantmesh.open_orders)) \gset
SELECT is(outcome, 'placed', 'an order with a slot') FROM quantmesh.place_order('acc', 'BTCUSDT', 'buy', 90, 1, request_id => 'slot');
SELECT pg_temp.report('slot', 'open') \gset
SELECT is(outcome || ' ' || reason, 'duplicate SLOT_TAKEN', 'holds it') FROM quantmesh.place_order('acc', 'BTCUSDT', 'buy', 90, 1);
SELECT is(outcome || ' ' || reason, 'denied MAX_OPEN_ORDERS', 'and the last room') FROM quantmesh.place_order('acc', 'BTCUSDT', 'buy', 91, 1);
SELECT is(outcome, 'requested', 'also while it is being cancelled') FROM quantmesh.cancel_order('acc', pg_temp.id('slot'));
SELECT is(outcome, 'duplicate', 'so that no other gets it') FROM quantmesh.place_order('acc', 'BTCUSDT', 'buy', 90, 1);
SELECT is(pg_temp.resolve('slot', 'done'), 'canceled t', 'until the cancel is done');
SELECT is(outcome, 'placed', 'then both are free') FROM quantmesh.place_order('acc', 'BTCUSDT', 'buy', 90, 1);

-- In the caller's own transaction.
SELECT quantmesh.set_limits('acc', 'BTCUSDT') \gset
SELECT pg_temp.make('own', 'open', true) \gset
BEGIN;
SELECT is(pg_temp.resolve('own', 'done'), 'canceled t', 'in a transaction of the caller''s own');
ROLLBACK;
SELECT is(pg_temp.stored('own'), 'open sent live open', 'ROLLBACK takes it back');
BEGIN;
SAVEPOINT s;
SELECT is(pg_temp.resolve('own', 'done'), 'canceled t', 'and so does');
ROLLBACK TO s;
SELECT is(pg_temp.resolve('own', 'rejected'), 'open t', 'ROLLBACK TO');
COMMIT;
SELECT is(pg_temp.stored('own'), 'open rejected live open', 'COMMIT keeps what was said last');

-- Who may.
SELECT quantmesh.grant_trader('qm_test_resolver', 'acc') \gset
CREATE FUNCTION pg_temp.run_as(role text, statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE outcome text := 'ok';
BEGIN
    EXECUTE format('SET LOCAL ROLE %I', role);
    BEGIN
        EXECUTE statement;
    EXCEPTION WHEN OTHERS THEN
        outcome := SQLSTATE || ' ' || SQLERRM;
    END;
    SET LOCAL ROLE NONE;
    RETURN outcome;
END $$;
SELECT is(pg_temp.run_as('qm_test_resolver', $$ SELECT quantmesh.resolve_cancel('other', 1, 'done') $$), '42501 permission denied for account "other"', 'a trader of acc may not report of another account');
SELECT is(pg_temp.run_as('qm_test_resolver', $$ SELECT quantmesh.resolve_cancel('acc', 1, 'done') $$), 'P0002 order 1 of account "acc" does not exist', 'but of its own');
SELECT ok(quantmesh.revoke_trader('qm_test_resolver', 'acc'), 'revoked');
DROP ROLE qm_test_resolver;

-- Bad arguments.
CREATE TEMP TABLE refused (call text, sqlstate text, message text);
INSERT INTO refused VALUES
    ('NULL, 1, ''done''', '22004', 'account must not be null'),
    ('''acc'', NULL, ''done''', '22004', 'order_id must not be null'),
    ('''acc'', pg_temp.id(''own''), NULL', '22004', 'outcome must not be null'),
    ('''acc'', 1, ''done''', 'P0002', 'order 1 of account "acc" does not exist'),
    ('''acc/2'', pg_temp.id(''own''), ''done''', 'P0002', '% of account "acc/2" does not exist'),
    ('''acc'', 0, ''done''', '22023', 'order_id must be positive%'),
    ('''acc'', -7, ''done''', '22023', 'order_id must be positive%'),
    ('''acc'', pg_temp.id(''own''), ''''', '22023', '%outcome%'),
    ('''acc'', pg_temp.id(''own''), ''canceled''', '22023', '%outcome "canceled"%'),
    ('''acc'', pg_temp.id(''own''), repeat(''done'', 1000)', '22023', '%outcome "donedone%'),
    ('''a:b'', 1, ''done''', '22023', 'account %'),
    (''''', 1, ''done''', '22023', 'account %'),
    ('''acc'', pg_temp.id(''open rejected''), ''rejected''', '55000', 'no cancel of order % is under way');
SELECT throws_ok(format('SELECT quantmesh.resolve_cancel(%s)', call), sqlstate, NULL, format('resolve_cancel(%s) is %s', left(call, 100), sqlstate)) FROM refused;
SELECT throws_like(format('SELECT quantmesh.resolve_cancel(%s)', call), message, format('which says %s', message)) FROM refused;
SELECT is(pg_temp.stored('own'), 'open rejected live open', 'and nothing has changed');

SELECT * FROM finish();
