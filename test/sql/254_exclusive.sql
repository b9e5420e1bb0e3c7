-- Shows that in an exclusive market only its owner's life places, replaces and claims, that cancels and reports are everybody's as
-- before, that shared markets are as they were, and that nothing of an old owner's is under way when a market changes hands.
\set ON_ERROR_ROLLBACK off
SET client_min_messages = warning;
\ir rows_eq.psql

SELECT plan(41);

SELECT quantmesh.set_market('acc', 'EUSDT', tick_size => 0.01, step_size => 0.001, mode => 'exclusive'), quantmesh.set_market('acc', 'SUSDT', tick_size => 0.01, step_size => 0.001) \gset
CREATE FUNCTION pg_temp.place(name text, epoch bigint, price numeric, market text DEFAULT 'EUSDT', submit boolean DEFAULT true) RETURNS text LANGUAGE sql AS $$
    SELECT concat_ws(' ', outcome, reason) FROM quantmesh.place_order('acc', market, 'buy', price, 1, instance => name, epoch => epoch, submit => submit)
$$;
CREATE FUNCTION pg_temp.detail(name text, epoch bigint) RETURNS text LANGUAGE sql AS $$ SELECT detail FROM quantmesh.place_order('acc', 'EUSDT', 'buy', 1, 1, instance => name, epoch => epoch) $$;
CREATE FUNCTION pg_temp.claimed(name text, epoch bigint) RETURNS text LANGUAGE sql AS $$
    SELECT coalesce(string_agg(symbol || ' ' || price, ', ' ORDER BY order_id), '-') FROM quantmesh.claim_orders('acc', name, epoch, 100)
$$;

-- Nobody has it.
SELECT is(pg_temp.place(NULL, NULL, 100), 'denied NOT_ASSIGNED', 'nobody has the market: nobody places');
SELECT is(pg_temp.detail(NULL, NULL), 'market EUSDT of acc is exclusive, and assigned to nobody yet', 'and is told why');
SELECT is(pg_temp.place(NULL, NULL, 100, 'SUSDT'), 'placed', 'a shared market is open to all');
SELECT epoch AS a FROM quantmesh.register_instance('a', '{acc:*}', ttl => '29 s') \gset
SELECT is(pg_temp.place('a', :a, 100), 'denied NOT_ASSIGNED', 'to be registered is not enough');
SELECT quantmesh.assign_markets() \gset

-- Its owner.
SELECT is(pg_temp.place('a', :a, 100), 'placed', 'the owner places');
SELECT epoch AS b FROM quantmesh.register_instance('b', '{acc:*}', ttl => '29 s', standby => true) \gset
SELECT is(pg_temp.place('b', :b, 101), 'denied NOT_ASSIGNED', 'another instance does not');
SELECT is(pg_temp.place('a', NULL, 101), 'denied NOT_ASSIGNED', 'nor does the owner''s name without its epoch');
SELECT is(pg_temp.place('a', :a - 1, 101), 'denied STALE_INSTANCE', 'an old epoch is old');
SELECT is(pg_temp.place(NULL, NULL, 101), 'denied NOT_ASSIGNED', 'and nobody who is not registered');
SELECT is(pg_temp.detail('b', :b), 'market EUSDT of acc is exclusive, and assigned to instance "a" at epoch ' || :a, 'who has it is told');
SELECT is(string_agg(outcome || coalesce(' ' || reason, ''), ', '), 'placed, denied NOT_ASSIGNED, placed', 'in place_orders each element counts')
FROM quantmesh.place_orders('acc', format('[{"symbol": "EUSDT", "side": "buy", "price": "90", "quantity": "1", "instance": "a", "epoch": %s},
    {"symbol": "EUSDT", "side": "buy", "price": "91", "quantity": "1", "instance": "b", "epoch": %s}, {"symbol": "SUSDT", "side": "buy", "price": "91", "quantity": "1", "instance": "b", "epoch": %2$s}]', :'a', :'b')::jsonb);
SELECT order_id AS id FROM quantmesh.orders WHERE symbol = 'EUSDT' AND price = 100 \gset
SELECT is(outcome || ' ' || reason, 'denied NOT_ASSIGNED', 'another instance replaces nothing') FROM quantmesh.replace_order('acc', :id, 99, 1, instance => 'b', epoch => :b);
SELECT is(cancel_state || ' ' || holds_slot, 'none true', 'and leaves the old order as it is') FROM quantmesh.orders WHERE order_id = :id;
SELECT is(outcome, 'placed', 'the owner does') FROM quantmesh.replace_order('acc', :id, 99, 1, instance => 'a', epoch => :a);
SELECT is(requests, 9::bigint, 'each denial is counted') FROM quantmesh.order_denials WHERE symbol = 'EUSDT' AND reason = 'NOT_ASSIGNED';

-- Claims.
SELECT is(pg_temp.place('b', :b, 80, 'SUSDT', false), 'placed', 'an intent in the shared market');
SELECT is(pg_temp.claimed(NULL, NULL) || ', ' || pg_temp.claimed('b', :b), 'SUSDT 91, SUSDT 80, -', 'others claim what is in shared markets');
SELECT is(pg_temp.claimed('a', :a), 'EUSDT 90', 'the owner claims the rest, but what waits for the order that it replaces');

-- Everybody cancels and reports.
SELECT is(outcome, 'skipped', 'a cancel passes the owner by: another one is under way') FROM quantmesh.cancel_order('acc', :id);
SELECT is(r.state, 'canceled', 'so does a report') FROM quantmesh.orders AS o, quantmesh.apply_report('acc', 'EUSDT', o.client_order_id, state => 'canceled') AS r (id, state, applied, d) WHERE o.order_id = :id;
SELECT is(pg_temp.claimed('b', :b) || ' ' || pg_temp.claimed('a', :a), '- EUSDT 99', 'the replacement is the owner''s');

-- The market moves.
SELECT quantmesh.assign_market('acc', 'EUSDT', 'b', 'test'), quantmesh.assign_markets() \gset
SELECT is(pg_temp.place('a', :a, 70) || ', ' || pg_temp.place('b', :b, 71), 'denied NOT_ASSIGNED, placed', 'the new owner places, the old one does not');
SELECT is(pg_temp.place('a', :a, 72, 'EUSDT', false), 'denied NOT_ASSIGNED', 'not even intents');
SELECT is(string_agg(kind || ' ' || addressee || ' ' || (detail->>'mode'), ', ' ORDER BY task_id), 'unassign a exclusive, assign b exclusive', 'both are told that it is exclusive')
    FROM quantmesh.task WHERE symbol = 'EUSDT' AND finished_at IS NULL;

-- Within one transaction: a placement under way keeps the market where it is, until there is a moment without one.
BEGIN;
SELECT is(pg_temp.place('b', :b, 60), 'placed', 'a placement is under way');
SELECT quantmesh.assign_market('acc', 'EUSDT', NULL, 'test') \gset
COMMIT;
\set inside `psql -XAtq -c "BEGIN" -c "SELECT outcome FROM quantmesh.place_order('acc', 'EUSDT', 'buy', 61, 1, instance => 'b', epoch => (SELECT epoch FROM quantmesh.instance WHERE instance = 'b'))" -c "\! psql -XAtq -c 'SELECT quantmesh.assign_markets()'" -c "SELECT instance FROM quantmesh.assignments WHERE symbol = 'EUSDT' AND current" -c "COMMIT" | tr '\n' ' '`
SELECT is(trim(:'inside'), 'placed 0 b', 'the market stays with its owner while that places');
SELECT is(quantmesh.assign_markets(), 1::bigint, 'and moves after that');
SELECT is(pg_temp.place('b', :b, 62) || ', ' || pg_temp.place('a', :a, 62), 'denied NOT_ASSIGNED, placed', '...');

-- From a dead owner it moves whatever is under way.
UPDATE quantmesh.instance SET state = 'dead', ended_at = clock_timestamp(), epoch = quantmesh.next_id() WHERE instance = 'a';
SELECT is(quantmesh.watch_instances() || ' ' || quantmesh.assign_markets(), '0 2', 'both markets of a dead instance move');
SELECT is(pg_temp.place('a', :a, 63) || ', ' || pg_temp.place('b', :b, 63), 'denied STALE_INSTANCE, placed', '...');

-- What is denied first.
SELECT count(*) FROM quantmesh.halt('acc', 'EUSDT') \gset
SELECT is(pg_temp.place(NULL, NULL, 50), 'denied NOT_ASSIGNED', 'whose market it is comes before its state');
SELECT is(pg_temp.place('b', :b, 50), 'denied HALTED', 'which the owner hears of');
SELECT count(*) FROM quantmesh.resume('acc', 'EUSDT') \gset

-- Shared and exclusive.
SELECT quantmesh.set_market('acc', 'EUSDT', mode => 'shared') \gset
SELECT is(pg_temp.place(NULL, NULL, 40), 'placed', 'made shared, it is open to all');
SELECT quantmesh.set_market('acc', 'EUSDT', mode => 'exclusive') \gset
SELECT is(pg_temp.place(NULL, NULL, 41), 'denied NOT_ASSIGNED', 'made exclusive, it is not');
SELECT is(pg_temp.place('b', :b, 41), 'placed', '... but to its owner');
SELECT is(instance || ' ' || mode, 'b exclusive', 'the view says so') FROM quantmesh.assignments WHERE symbol = 'EUSDT' AND current;

-- The market is the owner's life's: the next one of that name has to be given it.
BEGIN;
SELECT quantmesh.leave_instance('b', :b) \gset
SELECT epoch AS b FROM quantmesh.register_instance('b', '{acc:*}', ttl => '29 s', standby => true) \gset
COMMIT;
SELECT is(pg_temp.place('b', :b, 42), 'denied NOT_ASSIGNED', 'the next life of the owner has the market only when it is given it');
SELECT quantmesh.assign_markets() \gset
SELECT is(pg_temp.place('b', :b, 42), 'placed', '...');

-- A repeated request is answered whoever has the market now.
SELECT order_id AS first FROM quantmesh.place_order('acc', 'EUSDT', 'buy', 30, 1, request_id => 'r', instance => 'b', epoch => :b) \gset
SELECT quantmesh.leave_instance('b', :b) \gset
SELECT is(concat_ws(' ', outcome, replayed, order_id), 'placed t ' || :first, 'a repetition gets its placement') FROM quantmesh.place_order('acc', 'EUSDT', 'buy', 30, 1, request_id => 'r', instance => 'b', epoch => :b);
SELECT is(pg_temp.place('b', :b, 31), 'denied STALE_INSTANCE', 'who has left places nothing more');
SELECT is(pg_temp.place(NULL, NULL, 31), 'denied NOT_ASSIGNED', 'and nobody else does, since nobody has the market');

SELECT * FROM finish();
