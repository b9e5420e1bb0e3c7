-- Shows resolve_submission under current and older fences, a second attempt after a request that was not processed, and
-- settle_order, which is an operator's last word on a live order.
\set ON_ERROR_ROLLBACK off
\ir rows_eq.psql
SET client_min_messages = warning;

SELECT plan(148);

SELECT quantmesh.set_market('set', 'BTCUSDT', tick_size => 0.01, step_size => 0.001) \gset
CREATE FUNCTION pg_temp.place(name text, submit boolean DEFAULT true) RETURNS text LANGUAGE sql AS $$
    SELECT outcome FROM quantmesh.place_order('set', 'BTCUSDT', 'buy', 100, 1, slot => 's-' || $1, request_id => $1, submit => $2)
$$;
CREATE FUNCTION pg_temp.resolve(name text, outcome text, fence_of bigint DEFAULT NULL) RETURNS text LANGUAGE sql AS $$
    SELECT concat_ws(' ', r.state, r.applied, r.discrepancy)
    FROM quantmesh.orders AS o, quantmesh.resolve_submission('set', o.order_id, coalesce($3, o.fence), $2, 'E-1', 'said the exchange') AS r WHERE o.request_id = $1
$$;
CREATE FUNCTION pg_temp.settle(name text, state text) RETURNS text LANGUAGE sql AS $$
    SELECT concat_ws(' ', r.state, r.applied, r.discrepancy) FROM quantmesh.orders AS o, quantmesh.settle_order('set', o.order_id, $2, 'because of ' || $2) AS r WHERE o.request_id = $1
$$;

-- Each outcome.
SELECT is(pg_temp.place('accepted'), 'placed', 'an order');
SELECT is(pg_temp.resolve('accepted', 'accepted'), 'open t', 'accepted: open');
SELECT is(pg_temp.resolve('accepted', 'accepted'), 'open f', 'once');
SELECT is(pg_temp.resolve('accepted', 'unknown'), 'open f', 'a reply that was lost after that says nothing');
SELECT is(pg_temp.place('rejected'), 'placed', 'an order');
SELECT is(pg_temp.resolve('rejected', 'REJECTED'), 'rejected t', 'rejected, in any case');
SELECT pg_temp.rows_eq($$ SELECT live, holds_slot, ended_at IS NOT NULL, error_code, error_message FROM quantmesh.orders WHERE request_id = 'rejected' $$,
                  $$ VALUES (false, false, true, 'E-1', 'said the exchange') $$, 'it has ended, with the exchange''s reason');
SELECT is(pg_temp.place('unsent'), 'placed', 'an order');
SELECT is(pg_temp.resolve('unsent', 'not_sent'), 'aborted t', 'not_sent: aborted');
SELECT is(pg_temp.resolve('unsent', 'not_sent'), 'aborted f', 'once');
SELECT is(pg_temp.place('unknown'), 'placed', 'an order');
SELECT is(pg_temp.resolve('unknown', 'unknown'), 'unknown t', 'unknown: unknown');
SELECT pg_temp.rows_eq($$ SELECT live, holds_slot, ended_at FROM quantmesh.orders WHERE request_id = 'unknown' $$, 'VALUES (true, true, NULL::timestamptz)', 'it lives and holds its slot');
SELECT is(pg_temp.resolve('unknown', 'unknown'), 'unknown f', 'once');
SELECT is(pg_temp.resolve('unknown', 'accepted'), 'open t', 'then accepted after all');

-- Absence can be proved of an order in doubt, by whoever has its fence, once its sender may not send it any more.
CREATE FUNCTION pg_temp.pass_send_before(name text) RETURNS void LANGUAGE sql AS $$
    UPDATE quantmesh.orders SET send_before = clock_timestamp() - interval '1 us' WHERE request_id = $1
$$;
SELECT is(pg_temp.place('absent'), 'placed', 'an order');
SELECT throws_ok($$ SELECT pg_temp.resolve('absent', 'absent') $$, 'QM004', NULL, 'that was just sent may still be sent');
SELECT is(pg_temp.resolve('absent', 'unknown'), 'unknown t', 'it is in doubt');
SELECT throws_like($$ SELECT pg_temp.resolve('absent', 'absent') $$, 'order % of account "set" may still be sent until %', 'and may still be sent');
SELECT is(pg_temp.resolve('absent', 'absent', 1), 'unknown f', 'an older fence proves nothing');
SELECT pg_temp.pass_send_before('absent') \gset
SELECT is(pg_temp.resolve('absent', 'absent'), 'never_accepted t', 'absent: never accepted');
SELECT is(pg_temp.resolve('absent', 'absent'), 'never_accepted f', 'once');
SELECT is(pg_temp.place('submitted'), 'placed', 'an order');
SELECT pg_temp.pass_send_before('submitted') \gset
SELECT throws_ok($$ SELECT pg_temp.resolve('submitted', 'absent') $$, '55000', NULL, 'whose reply does not count as lost is not absent');

-- What counts is when it was claimed, not when it was recorded.
SELECT is(pg_temp.place('claimed late', false), 'placed', 'an intent');
UPDATE quantmesh.orders SET created_at = created_at - interval '1 hour' WHERE request_id = 'claimed late';
SELECT is((SELECT count(*) FROM quantmesh.claim_orders('set')), 1::bigint, 'that is claimed an hour later');
SELECT is(pg_temp.resolve('claimed late', 'unknown'), 'unknown t', 'and is in doubt');
SELECT throws_ok($$ SELECT pg_temp.resolve('claimed late', 'absent') $$, 'QM004', NULL, 'may still be sent');
SELECT pg_temp.rows_eq($$ SELECT live, holds_slot, ended_at IS NOT NULL FROM quantmesh.orders WHERE request_id = 'absent' $$, 'VALUES (false, false, true)', 'and its slot is free');

-- A request that was not processed may be sent again, under another client order id.
SELECT is(pg_temp.place('again'), 'placed', 'an order');
SELECT order_id, client_order_id AS first_id, fence AS first_fence FROM quantmesh.orders WHERE request_id = 'again' \gset
SELECT is(pg_temp.resolve('again', 'not_processed'), 'intent t', 'not_processed: an intent again');
SELECT pg_temp.rows_eq($$ SELECT attempt, live, holds_slot, send_before FROM quantmesh.orders WHERE request_id = 'again' $$, 'VALUES (1, true, true, NULL::timestamptz)', 'of a second attempt, which may not be sent yet');
SELECT ok(client_order_id <> :'first_id' AND client_order_id = left(:'first_id', -1) || '1', 'with another client order id') FROM quantmesh.orders WHERE request_id = 'again';
SELECT is(pg_temp.resolve('again', 'rejected', :first_fence), 'intent f', 'the old fence says nothing any more');
SELECT pg_temp.rows_eq($$ SELECT c.order_id, c.client_order_id FROM quantmesh.claim_orders('set') AS c $$, $$ SELECT order_id, client_order_id::text FROM quantmesh.orders WHERE request_id = 'again' $$, 'it is claimed');
SELECT ok(fence > :first_fence AND state = 'submitted' AND send_before > clock_timestamp() - interval '1 minute', 'under a new fence') FROM quantmesh.orders WHERE request_id = 'again';
SELECT is(pg_temp.resolve('again', outcome, :first_fence), 'submitted f', format('under the old fence %s changes nothing', outcome)) FROM unnest(ARRAY['rejected', 'not_processed', 'not_sent', 'unknown']) AS outcome;
SELECT is(pg_temp.resolve('again', 'rejected', :first_fence + 1000000), 'submitted f', 'nor does a fence that was never given');
SELECT is(pg_temp.resolve('again', 'accepted', :first_fence), 'open t REVIVED', 'but accepted is a fact, whichever attempt it was: flagged, since the second may be on its way');
SELECT is(pg_temp.place('both'), 'placed', 'an order');
SELECT fence AS both_fence FROM quantmesh.orders WHERE request_id = 'both' \gset
SELECT is(pg_temp.resolve('both', 'not_processed'), 'intent t', 'not processed');
SELECT is(pg_temp.resolve('both', 'accepted', :both_fence), 'open t REVIVED', 'and accepted after all, while it is an intent: flagged');
SELECT is_empty($$ SELECT * FROM quantmesh.claim_orders('set') $$, 'so that it is not sent again');

-- The reply was given up before the sender has said what it knows.
SELECT is(pg_temp.place('late'), 'placed', 'an order');
SELECT is(pg_temp.resolve('late', 'unknown'), 'unknown t', 'whose reply counts as lost');
SELECT is(pg_temp.resolve('late', 'not_processed'), 'intent t', 'goes back to intent when its sender says, late, that it was not processed');
SELECT is(pg_temp.place('later'), 'placed', 'another');
SELECT is(pg_temp.resolve('later', 'unknown'), 'unknown t', 'whose reply counts as lost');
SELECT is(pg_temp.resolve('later', 'not_sent'), 'aborted t', 'is aborted when nothing had left');

-- Reports come before the reply.
SELECT is(pg_temp.place('raced'), 'placed', 'an order');
SELECT is((quantmesh.apply_report('set', 'BTCUSDT', client_order_id, trade_id => 'r1', last_quantity => 1, last_price => 100)).state, 'filled', 'is filled before its reply') FROM quantmesh.orders WHERE request_id = 'raced';
SELECT is(pg_temp.resolve('raced', 'accepted'), 'filled f', 'accepted is old news then');
SELECT is(pg_temp.resolve('raced', 'unknown'), 'filled f', 'and so is a lost reply');
SELECT is(pg_temp.resolve('raced', 'rejected'), 'filled f STATE_DRIFT', 'rejected is a contradiction');
SELECT throws_ok($$ SELECT pg_temp.resolve('raced', 'not_processed') $$, '55000', NULL, 'not_processed cannot be');
SELECT throws_ok($$ SELECT pg_temp.resolve('raced', 'not_sent') $$, '55000', NULL, 'nor not_sent');

-- Arguments of resolve_submission.
SELECT order_id AS some, fence AS some_fence FROM quantmesh.orders WHERE request_id = 'raced' \gset
SELECT throws_ok(format('SELECT quantmesh.resolve_submission(%s)', a), c, NULL, format('%s is %s', left(a, 70), c)) FROM (VALUES
    ('NULL, 1, 1, ''unknown''', '22004'), ('''set'', NULL, 1, ''unknown''', '22004'), ('''set'', ' || :some || ', NULL, ''unknown''', '22004'), ('''set'', ' || :some || ', 1, NULL', '22004'),
    ('''set'', ' || :some || ', 1, ''perhaps''', '22023'), ('''set'', ' || :some || ', 1, ''''', '22023'), ('''set'', 0, 1, ''unknown''', '22023'), ('''set'', -1, 1, ''unknown''', '22023'),
    ('''set'', 1, 1, ''unknown''', 'P0002'), ('''other'', ' || :some || ', 1, ''unknown''', 'P0002')) AS e (a, c);
SELECT is(pg_temp.place('long message'), 'placed', 'an order');
SELECT is((quantmesh.resolve_submission('set', order_id, fence, 'rejected', repeat('1', 100000), E'\'"\n' || repeat('é', 100000))).state, 'rejected', 'what the exchange says may be long') FROM quantmesh.orders WHERE request_id = 'long message';
SELECT ok(octet_length(error_message) BETWEEN 500 AND 1024 AND error_message ~ 'é$' AND octet_length(error_code) <= 1024, 'and is cut') FROM quantmesh.orders WHERE request_id = 'long message';

-- settle_order: from every live state to every end that makes sense, as the table of transitions has it.
CREATE TEMP TABLE settled AS
    SELECT f.state AS from_state, t.state AS to_state, row_number() OVER () AS n
    FROM unnest(ARRAY['intent', 'submitted', 'unknown', 'open', 'partially_filled', 'lost']) AS f (state), unnest(ARRAY['filled', 'canceled', 'expired', 'rejected', 'aborted', 'never_accepted', 'lost']) AS t (state);
CREATE FUNCTION pg_temp.try_settle(from_state text, to_state text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    p quantmesh.placement;
    r quantmesh.report_result;
BEGIN
    p := quantmesh.place_order('set', 'BTCUSDT', 'buy', 100, 1, slot => '', submit => from_state <> 'intent', request_id => from_state || ' ' || to_state);
    IF from_state IN ('unknown', 'lost') THEN
        PERFORM quantmesh.resolve_submission('set', p.order_id, p.fence, 'unknown');
    END IF;
    IF from_state = 'lost' THEN
        PERFORM quantmesh.settle_order('set', p.order_id, 'lost', 'test');
    ELSIF from_state IN ('open', 'partially_filled') THEN
        PERFORM quantmesh.apply_report('set', 'BTCUSDT', p.client_order_id, state => from_state);
    END IF;
    r := quantmesh.settle_order('set', p.order_id, to_state, 'operator says ' || to_state);
    RETURN concat_ws(' ', r.state, r.discrepancy);
EXCEPTION WHEN object_not_in_prerequisite_state THEN
    RETURN '55000';
END $$;
SELECT is(pg_temp.try_settle(from_state, to_state), CASE
        WHEN to_state IN ('filled', 'canceled', 'expired') THEN concat_ws(' ', to_state, CASE from_state WHEN 'intent' THEN 'REVIVED' END)
        WHEN to_state = 'rejected' THEN CASE WHEN from_state IN ('submitted', 'unknown', 'lost') THEN 'rejected' ELSE '55000' END
        WHEN to_state = 'aborted' THEN CASE WHEN from_state IN ('intent', 'submitted') THEN 'aborted' ELSE '55000' END
        -- That the reply to a submission is lost, the operator says with it.
        WHEN to_state = 'never_accepted' THEN CASE WHEN from_state IN ('submitted', 'unknown', 'lost') THEN 'never_accepted' ELSE '55000' END
        WHEN to_state = 'lost' THEN CASE WHEN from_state <> 'intent' THEN 'lost' ELSE '55000' END
    END, format('%s settled as %s', from_state, to_state)) FROM settled ORDER BY n;
SELECT is_empty($$ SELECT * FROM quantmesh.orders WHERE live <> (state IN ('intent', 'submitted', 'unknown', 'open', 'partially_filled', 'lost')) $$, 'what has ended does not live');

-- It is written down who did it, and why.
SELECT is(pg_temp.place('written'), 'placed', 'an order');
SELECT is(pg_temp.settle('written', 'EXPIRED'), 'expired t', 'settled');
SELECT pg_temp.rows_eq($$ SELECT a.operator = current_user, a.symbol::text, a.reason, a.at BETWEEN o.created_at AND clock_timestamp(), a.detail::text LIKE '%expired%' OR a.action::text LIKE '%expired%'
                     FROM quantmesh.operator_action AS a JOIN quantmesh.orders AS o USING (account, order_id) WHERE o.request_id = 'written' $$,
                  $$ VALUES (true, 'BTCUSDT', 'because of EXPIRED', true, true) $$, 'in operator_action');
SELECT pg_temp.rows_eq($$ SELECT e.from_state::text, e.to_state::text, e.source::text FROM quantmesh.order_event AS e JOIN quantmesh.orders AS o USING (account, order_id) WHERE o.request_id = 'written' $$,
                  $$ VALUES ('submitted', 'expired', 'operator') $$, 'and as an event');
SELECT throws_ok($$ SELECT pg_temp.settle('written', 'canceled') $$, '55000', NULL, 'an order that has ended is settled');
SELECT is((SELECT count(*) FROM quantmesh.operator_action AS a JOIN quantmesh.orders AS o USING (account, order_id) WHERE o.request_id = 'written'), 1::bigint, 'once');
SELECT is((quantmesh.place_order('set', 'BTCUSDT', 'buy', 100, 1, slot => 's-written')).outcome, 'placed', 'its slot is free');
-- Settled as filled, what is missing is known to be missing.
SELECT is(pg_temp.place('missing'), 'placed', 'an order');
SELECT is(pg_temp.settle('missing', 'filled'), 'filled t', 'settled as filled');
SELECT pg_temp.rows_eq($$ SELECT filled_quantity, reported_quantity, exposed FROM quantmesh.orders WHERE request_id = 'missing' $$, 'VALUES (0::numeric, 1::numeric, true)', 'its fills are missing');
SELECT is((SELECT concat_ws(' ', r.state, r.applied, r.discrepancy) FROM quantmesh.orders AS o, quantmesh.apply_report('set', 'BTCUSDT', o.client_order_id, trade_id => 'miss', last_quantity => 1, last_price => 100, source => 'operator') AS r
           WHERE o.request_id = 'missing'), 'filled t', 'and are booked by a report');

-- Arguments of settle_order.
SELECT order_id AS some FROM quantmesh.orders WHERE request_id = 'accepted' \gset
SELECT throws_ok(format('SELECT quantmesh.settle_order(%s)', a), c, NULL, format('%s is %s', left(a, 70), c)) FROM (VALUES
    ('NULL, 1, ''canceled'', ''r''', '22004'), ('''set'', NULL, ''canceled'', ''r''', '22004'), ('''set'', ' || :some || ', NULL, ''r''', '22004'), ('''set'', ' || :some || ', ''canceled'', NULL', '22004'),
    ('''set'', ' || :some || ', ''canceled'', ''''', '22023'), ('''set'', ' || :some || ', ''done'', ''r''', '22023'), ('''set'', ' || :some || ', ''open'', ''r''', '22023'), ('''set'', ' || :some || ', ''intent'', ''r''', '22023'),
    ('''set'', 1, ''canceled'', ''r''', 'P0002'), ('''other'', ' || :some || ', ''canceled'', ''r''', 'P0002'), ('''set'', -1, ''canceled'', ''r''', '22023')) AS e (a, c);
SELECT is((SELECT state::text FROM quantmesh.orders WHERE request_id = 'accepted'), 'open', 'nothing of that settles anything');

-- Rights: traders resolve, operators settle.
DROP ROLE IF EXISTS qm_test_trader, qm_test_operator;
CREATE ROLE qm_test_trader;
CREATE ROLE qm_test_operator;
SELECT quantmesh.grant_trader('qm_test_trader', 'set') \gset
SELECT quantmesh.grant_operator('qm_test_operator') \gset
CREATE FUNCTION pg_temp.run_as(role text, statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE outcome text := 'ok';
BEGIN
    EXECUTE format('SET LOCAL ROLE %I', role);
    BEGIN
        EXECUTE statement;
    EXCEPTION WHEN OTHERS THEN
        outcome := SQLSTATE;
    END;
    SET LOCAL ROLE NONE;
    RETURN outcome;
END $$;
SELECT is(pg_temp.place('rights'), 'placed', 'an order');
SELECT order_id AS r, fence AS f FROM quantmesh.orders WHERE request_id = 'rights' \gset
SELECT is(pg_temp.run_as('qm_test_trader', format('SELECT quantmesh.settle_order(''set'', %s, ''canceled'', ''r'')', :r)), '42501', 'a trader does not settle');
SELECT is(pg_temp.run_as('qm_test_trader', format('SELECT quantmesh.resolve_submission(''set'', %s, %s, ''accepted'')', :r, :f)), 'ok', 'but resolves');
SELECT is(pg_temp.run_as('qm_test_trader', format('SELECT quantmesh.resolve_submission(''other'', %s, %s, ''accepted'')', :r, :f)), '42501', 'for its accounts');
SELECT is(pg_temp.run_as('qm_test_trader', 'SELECT quantmesh.apply_report(''other'', ''BTCUSDT'', ''q'', state => ''new'')'), '42501', 'reports too');
SELECT is(pg_temp.run_as('qm_test_trader', 'SELECT quantmesh.place_order(''other'', ''BTCUSDT'', ''buy'', 1, 1)'), '42501', 'and placements');
SELECT is(pg_temp.run_as('qm_test_trader', 'SELECT quantmesh.place_orders(''other'', ''[]'')'), '42501', 'of any number');
SELECT is(pg_temp.run_as('qm_test_trader', 'SELECT quantmesh.place_order(''set'', ''BTCUSDT'', ''buy'', 50, 1)'), 'ok', 'it places in its own');
SELECT is(pg_temp.run_as('qm_test_operator', format('SELECT quantmesh.settle_order(''set'', %s, ''canceled'', ''r'')', :r)), 'ok', 'an operator settles');
SELECT is((SELECT operator FROM quantmesh.operator_action WHERE order_id = :r), session_user, 'under the name of who has logged in, whatever its role');
SELECT quantmesh.revoke_trader('qm_test_trader', 'set'), quantmesh.revoke_operator('qm_test_operator') \gset
DROP ROLE qm_test_trader, qm_test_operator;

SELECT * FROM finish();
