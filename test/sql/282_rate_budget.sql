-- Shows rate limits that are shared: all or nothing of what a request needs, a part that is left to urgent requests, chunks
-- that are taken ahead, what the exchange has counted, blocks, limits, windows of the server's clock, and rights.
\set ON_ERROR_ROLLBACK off
\ir rows_eq.psql
SET client_min_messages = warning;

DROP ROLE IF EXISTS qm_budget_trader, qm_budget_reader;
CREATE ROLE qm_budget_trader;
CREATE ROLE qm_budget_reader;
SELECT quantmesh.grant_trader('qm_budget_trader', 'budget'), quantmesh.grant_reader('qm_budget_reader') \gset

-- Waits until so much of a window of that length is left.
CREATE PROCEDURE pg_temp.room(length integer, wanted integer) LANGUAGE plpgsql AS $$
DECLARE
    into_window numeric := extract(epoch FROM clock_timestamp()) % length;
BEGIN
    IF length - into_window < wanted THEN
        PERFORM pg_sleep(length - into_window + 0.01);
    END IF;
END $$;
CREATE FUNCTION pg_temp.taken(account text, weight integer, orders_10s integer DEFAULT 0, orders_day integer DEFAULT 0, urgent boolean DEFAULT false,
    ahead boolean DEFAULT false, address text DEFAULT NULL) RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(t.kind || ' ' || t.taken || CASE WHEN t.wait_ms > 0 THEN ' wait' ELSE '' END, ', ')
    FROM quantmesh.take_budget(account, weight, orders_10s, orders_day, urgent, ahead, address) AS t
$$;

SELECT plan(65);

-- No window of a minute or a day ends on the way.
CALL pg_temp.room(86400, 30);
CALL pg_temp.room(60, 30);
SELECT is(pg_temp.taken('budget', 1), 'weight 1', 'weight is taken');
SELECT pg_temp.rows_eq($$ SELECT kind, allowed, used, reported, window_end - clock_timestamp() BETWEEN '0' AND interval '1 min', blocked_until FROM quantmesh.rate_budgets WHERE account = 'budget' $$,
    $$ VALUES ('weight', 6000, 1, NULL::bigint, true, NULL::timestamptz) $$, 'the view shows it, with the limit until another is known');
SELECT pg_temp.rows_eq($$ SELECT kind, taken, wait_ms, window_left_ms BETWEEN 0 AND 60000, window_left_ms + window_age_ms BETWEEN 59998 AND 60000, used, allowed FROM quantmesh.take_budget('budget', 5) $$,
    $$ VALUES ('weight', 5, 0, true, true, 6, 6000) $$, 'the answer says how the window stands');
SELECT is(pg_temp.taken('budget', 0), 'weight 0', 'nothing can be taken to see whether the account is open');
SELECT is((SELECT used FROM quantmesh.rate_budgets WHERE account = 'budget' AND kind = 'weight'), 6::bigint, '... which counts nothing');
SELECT is(pg_temp.taken('budget', 1, 1, 1), 'weight 1, orders_10s 1, orders_day 1', 'an order needs all three');

-- Limits.
SELECT is(quantmesh.set_budget_limit('budget', 'weight', 100), true, 'a limit is set');
SELECT is(quantmesh.set_budget_limit('budget', 'WEIGHT', 100), false, 'it is known now');
SELECT quantmesh.set_budget_limit('budget', 'orders_day', 10) \gset
SELECT is(pg_temp.taken('budget', 83), 'weight 83', 'up to nine tenths for everybody: 90');
SELECT is(pg_temp.taken('budget', 1), 'weight 0 wait', '... and no more');
SELECT is(pg_temp.taken('budget', 1, 0, 0, true), 'weight 1', 'the last tenth is for urgent requests');
SELECT is(pg_temp.taken('budget', 10, 0, 0, true), 'weight 0 wait', '... but not more than there is');
SELECT is(pg_temp.taken('budget', 9, 0, 0, true, true), 'weight 9', '... nor is a chunk made of it');
SELECT is((SELECT wait_ms BETWEEN 1 AND window_left_ms + 2 FROM quantmesh.take_budget('budget', 1, 0, 0, true)), true, 'the wait is to the end of the window');
SELECT is((SELECT used FROM quantmesh.rate_budgets WHERE account = 'budget' AND kind = 'weight'), 100::bigint, 'all is used');
SELECT quantmesh.set_budget_limit('budget', 'weight', 1000) \gset
SELECT is(pg_temp.taken('budget', 1, 1, 9), 'weight 0, orders_10s 0, orders_day 0 wait', 'all or nothing');
SELECT is((SELECT used FROM quantmesh.rate_budgets WHERE account = 'budget' AND kind = 'weight'), 100::bigint, '... also in what is counted');
SELECT is(pg_temp.taken('budget', 1, 1, 8), 'weight 1, orders_10s 1, orders_day 8', 'what fits is had');
SELECT is(pg_temp.taken('budget', 1), 'weight 1', 'orders that are used up leave the rest alone');

-- Chunks.
SELECT is(pg_temp.taken('budget ahead', 1, 0, 0, false, true), 'weight 46', 'a chunk is a 128th of the limit');
SELECT is(pg_temp.taken('budget ahead', 100, 0, 0, false, true), 'weight 100', '... but at least what is needed');
SELECT is(pg_temp.taken('budget ahead', 0, 0, 0, false, true), 'weight 0', '... and nothing when nothing is');
SELECT is(pg_temp.taken('budget ahead', 1, 1, 1, false, true), 'weight 46, orders_10s 2, orders_day 64', '... at least two, at most 64');
SELECT is(pg_temp.taken('budget ahead', 5000), 'weight 5000', 'when less is left');
SELECT is(pg_temp.taken('budget ahead', 1, 0, 0, false, true), 'weight 13', '... it is at most a sixteenth of that');
SELECT is(pg_temp.taken('budget ahead', 180), 'weight 180', 'and at the end');
SELECT is(pg_temp.taken('budget ahead', 1, 0, 0, false, true), 'weight 1', '... they are single ones');

-- What the exchange has counted.
SELECT is(quantmesh.note_budget('budget noted', 'weight', 40), 40::bigint, 'a count is noted');
SELECT is(quantmesh.note_budget('budget noted', 'weight', 30), 40::bigint, 'a smaller one came too late');
SELECT is(pg_temp.taken('budget noted', 10), 'weight 10', 'taking goes on from there');
SELECT is(quantmesh.note_budget('budget noted', 'weight', 45), 50::bigint, 'the larger of both counts');
SELECT is((SELECT reported FROM quantmesh.rate_budgets WHERE account = 'budget noted'), 45::bigint, 'the view shows what was reported');
SELECT is(quantmesh.note_budget('budget noted', 'orders_day', 200000), 200000::bigint, 'a limit that others have used up');
SELECT is(pg_temp.taken('budget noted', 1, 1, 1), 'weight 0, orders_10s 0, orders_day 0 wait', '... is used up for us');

-- Blocks.
SELECT is(quantmesh.block_budget('budget noted', '1 h') - clock_timestamp() BETWEEN '59 min' AND '1 h', true, 'a block');
SELECT is(pg_temp.taken('budget noted', 1, 0, 0, true), 'weight 0 wait', 'stops urgent requests, too');
SELECT is(pg_temp.taken('budget noted', 0), 'weight 0 wait', '... and is seen by who asks for nothing');
SELECT is((SELECT wait_ms BETWEEN 3500000 AND 3600001 FROM quantmesh.take_budget('budget noted', 1)), true, 'the wait is to its end');
SELECT is(quantmesh.block_budget('budget noted', '1 s') - clock_timestamp() > '59 min', true, 'a shorter one does not end it');
SELECT is((SELECT blocked_until - clock_timestamp() > '59 min' FROM quantmesh.rate_budgets WHERE account = 'budget noted' AND kind = 'weight'), true, 'the view shows it');
SELECT quantmesh.block_budget('budget short', '0.2 s') \gset
SELECT is(pg_temp.taken('budget short', 1), 'weight 0 wait', 'a short block');
SELECT pg_sleep(0.25) \gset
SELECT is(pg_temp.taken('budget short', 1), 'weight 1', '... is over after its time');

-- Accounts that are used from one address.
SELECT is(pg_temp.taken('budget a', 1, 1, 1, address => 'budget z'), 'orders_10s 1, orders_day 1, weight 1', 'rows are locked in one order, ...');
SELECT is(pg_temp.taken('budget b', 1, 1, 1, address => 'budget a'), 'weight 1, orders_10s 1, orders_day 1', '... that of their accounts');
SELECT is(pg_temp.taken('budget b', 1, 1, 1, address => 'budget z'), 'orders_10s 1, orders_day 1, weight 1', 'a second account of that address');
SELECT pg_temp.rows_eq($$ SELECT account, kind, used FROM quantmesh.rate_budgets WHERE account IN ('budget b', 'budget z') ORDER BY account, kind $$,
    $$ VALUES ('budget b', 'orders_10s', 2), ('budget b', 'orders_day', 2), ('budget z', 'weight', 2) $$, 'weight is of the address, orders of the account');

-- Windows.
UPDATE quantmesh.rate_budget SET window_start = window_start - interval '1 min', reported = 6 WHERE account = 'budget z';
SELECT pg_temp.rows_eq($$ SELECT used, reported, window_end FROM quantmesh.rate_budgets WHERE account = 'budget z' $$,
    $$ VALUES (0::bigint, NULL::bigint, NULL::timestamptz) $$, 'a window that is over counts no more');
SELECT is((SELECT used FROM quantmesh.take_budget('budget z', 3)), 3::bigint, '... and a new one begins');
SELECT is((SELECT extract(epoch FROM window_start) % 60 = 0 AND reported IS NULL FROM quantmesh.rate_budget WHERE account = 'budget z'), true, '... at a whole minute');
UPDATE quantmesh.rate_budget SET window_start = window_start + interval '1 min' WHERE account = 'budget z';
SELECT is((SELECT used FROM quantmesh.take_budget('budget z', 1)), 4::bigint, 'a clock that was set back does not give a window out twice');
UPDATE quantmesh.rate_budget SET window_start = window_start + interval '3 min' WHERE account = 'budget z';
SELECT is((SELECT used FROM quantmesh.take_budget('budget z', 1)), 1::bigint, 'one that was quite wrong does not close the account for long');

-- Counting touches no index, so that pages tidy themselves up.
DO $$ BEGIN FOR i IN 1 .. 200 LOOP PERFORM quantmesh.take_budget('budget hot', 1); COMMIT; END LOOP; END $$;
SELECT pg_stat_force_next_flush() \gset
SELECT is((SELECT n_tup_upd >= 200 AND n_tup_hot_upd >= n_tup_upd * 0.9 FROM pg_stat_user_tables WHERE relid = 'quantmesh.rate_budget'::regclass), true, 'updates are heap-only');
SELECT is(pg_relation_size('quantmesh.rate_budget') <= 16384, true, '... and the table stays small');

-- What is wrong.
SELECT throws_ok($$ SELECT quantmesh.take_budget(NULL, 1) $$, '22004', NULL, 'an account is not NULL');
SELECT throws_ok($$ SELECT quantmesh.take_budget('budget', NULL) $$, '22004', NULL, 'a weight is not NULL');
SELECT throws_ok($$ SELECT quantmesh.take_budget('budget', -1) $$, '22023', NULL, '... nor negative');
SELECT throws_ok($$ SELECT quantmesh.note_budget('budget', 'raw', 1) $$, '22023', NULL, 'there are three kinds');
SELECT throws_ok($$ SELECT quantmesh.note_budget('budget', 'weight', -1) $$, '22023', NULL, 'a count is not negative');
SELECT throws_ok($$ SELECT quantmesh.set_budget_limit('budget', 'weight', 0) $$, '22023', NULL, 'a limit is positive');
SELECT throws_ok($$ SELECT quantmesh.block_budget('budget', NULL) $$, '22004', NULL, 'a block has an end');
SELECT throws_ok($$ SELECT quantmesh.block_budget('budget', '8 days') $$, '22023', NULL, '... within a week');

-- Rights.
SET ROLE qm_budget_trader;
SELECT is((SELECT taken FROM quantmesh.take_budget('budget', 1)), 1, 'a trader takes from its account');
SELECT throws_ok($$ SELECT quantmesh.take_budget('budget', 1, address => 'budget z') $$, '42501', NULL, '... but not from another''s address');
SELECT is((SELECT string_agg(DISTINCT account, ' ') FROM quantmesh.rate_budgets), 'budget', '... and sees its own');
SET ROLE qm_budget_reader;
SELECT throws_ok($$ SELECT quantmesh.take_budget('budget', 1) $$, '42501', NULL, 'a reader takes nothing');
RESET ROLE;

SELECT * FROM finish();
SELECT quantmesh.revoke_trader('qm_budget_trader', 'budget'), quantmesh.revoke_reader('qm_budget_reader') \gset
DROP ROLE qm_budget_trader, qm_budget_reader;
