-- Shows what watch_instances does when a lease is gone: the instance is dead under an epoch that nobody has, its intents are
-- handed over, what it had submitted is unknown and asked for, its tasks go to others, its markets move at the same moment; that
-- a placement that commits later is found; and that leaving does the same at once.
\set ON_ERROR_ROLLBACK off
SET client_min_messages = warning;
\ir rows_eq.psql
\ir wait.psql

SELECT plan(63);

SELECT count(quantmesh.set_market(a, 'XUSDT', tick_size => 0.01, step_size => 0.001)) FROM unnest('{acc,other}'::text[]) AS a \gset
CREATE FUNCTION pg_temp.epoch(name text) RETURNS bigint LANGUAGE sql AS $$ SELECT epoch FROM quantmesh.instance WHERE instance = $1 $$;
CREATE FUNCTION pg_temp.place(request text, name text, epoch bigint, price numeric, submit boolean DEFAULT true, account text DEFAULT 'acc') RETURNS text LANGUAGE sql AS $$
    SELECT concat_ws(' ', outcome, state, reason) FROM quantmesh.place_order(account, 'XUSDT', 'buy', price, 1, request_id => request, instance => name, epoch => epoch, submit => submit)
$$;
CREATE FUNCTION pg_temp.stored(request text) RETURNS text LANGUAGE sql AS $$
    SELECT concat_ws(' ', state, instance, epoch, owner) FROM quantmesh.orders WHERE request_id = $1
$$;
CREATE FUNCTION pg_temp.gone(name text) RETURNS boolean LANGUAGE sql AS $$ SELECT pg_temp.wait_for(format('SELECT quantmesh.instance_lease_left(%L) IS NULL', $1)) $$;

-- Everybody lives.
SELECT epoch AS a FROM quantmesh.register_instance('a', '{acc:*,other:*}', ttl => '3 s') \gset
SELECT is(quantmesh.watch_instances(), 0::bigint, 'nobody is dead');
SELECT is(quantmesh.assign_markets(), 2::bigint, 'its markets');
SELECT epoch AS b FROM quantmesh.register_instance('b', '{acc:*,other:*}', ttl => '20 s', standby => true) \gset
SELECT is(quantmesh.assign_markets(), 0::bigint, 'a standby gets none');
SELECT is(pg_temp.place('intent', 'a', :a, 100, false), 'placed intent', 'an intent');
SELECT is(pg_temp.place('sent', 'a', :a, 101), 'placed submitted', 'a submitted order');
SELECT is(pg_temp.place('open', 'a', :a, 102), 'placed submitted', 'an order');
SELECT is(r.state, 'open', 'that is open') FROM quantmesh.orders AS o, quantmesh.resolve_submission('acc', o.order_id, o.fence, 'accepted') AS r WHERE request_id = 'open';
SELECT is(pg_temp.place('alien', NULL, NULL, 103), 'placed submitted', 'an order of nobody who is registered');
SELECT is(pg_temp.place('another', 'b', :b, 104, false), 'placed intent', 'an intent of somebody else');
SELECT is((SELECT outcome FROM quantmesh.place_order('acc', 'XUSDT', 'buy', 105, 1, request_id => 'named', instance => 'a')), 'placed', 'an order under its name, but no epoch');
INSERT INTO quantmesh.task (account, task_id, kind, symbol, subject) VALUES ('acc', quantmesh.next_id(), 'query_order', 'XUSDT', 'q'), ('other', quantmesh.next_id(), 'snapshot', 'XUSDT', '');
SELECT is((SELECT count(*) FROM quantmesh.heartbeat('a', :a)), 4::bigint, 'four tasks, two of them taken');

-- Its lease ends.
SELECT ok(pg_temp.gone('a'), 'no heartbeat for a ttl');
SELECT is(concat_ws(' ', state, epoch), 'alive ' || :a, 'nothing happens before somebody looks') FROM quantmesh.instance WHERE instance = 'a';
SELECT is(quantmesh.watch_instances(), 1::bigint, 'one is dead');
SELECT is(concat_ws(' ', state, epoch > :a, ended_at > registered_at), 'dead t t', 'under an epoch that nobody has') FROM quantmesh.instance WHERE instance = 'a';
SELECT is(quantmesh.watch_instances(), 0::bigint, 'it dies once');
SELECT is(pg_temp.place('late', 'a', :a, 99), 'denied STALE_INSTANCE', 'its epoch places nothing any more');
SELECT throws_ok(format('SELECT quantmesh.%s(''a'', %s)', f, :a), 'QM002', NULL, f || ' is refused') FROM unnest('{heartbeat,leave_instance}'::text[]) AS f;
SELECT is((SELECT count(*) FROM quantmesh.claim_orders('acc', 'a', :a)), 0::bigint, 'and nothing is claimed');

-- Its orders.
SELECT is(pg_temp.stored('intent'), 'intent a', 'its intent is nobody''s, though it still says who placed it');
SELECT is(pg_temp.stored('sent'), 'unknown a ' || :a || ' a', 'what it had submitted is unknown');
SELECT is(pg_temp.stored('open'), 'open a ' || :a || ' a', 'what is open stays');
SELECT is(pg_temp.stored('alien'), 'submitted ' || session_user, 'orders of others stay');
SELECT is(pg_temp.stored('another'), 'intent b ' || :b || ' b', 'all of them');
SELECT is(pg_temp.stored('named'), 'submitted a a', 'a name without an epoch is only a name');
SELECT pg_temp.rows_eq($$ SELECT o.request_id::text, e.event::text, e.from_state::text, e.to_state::text, e.source::text, e.detail->>'instance', (e.detail->>'epoch')::bigint
                          FROM quantmesh.order_event AS e JOIN quantmesh.orders AS o USING (account, order_id) WHERE e.source = 'reconcile' ORDER BY 1 $$,
    format($$ VALUES ('intent', 'handed_over', 'intent', 'intent', 'reconcile', 'a', %s::bigint), ('sent', 'reply_lost', 'submitted', 'unknown', 'reconcile', 'a', %1$s) $$, :a), 'each is an event');

-- Tasks and markets.
SELECT pg_temp.rows_eq($$ SELECT account::text, kind::text, state::text, addressee::text, attempts, finished_at IS NOT NULL, owned_until IS NULL FROM quantmesh.task ORDER BY task_id $$,
    $$ VALUES ('acc', 'assign', 'withdrawn', 'a', 0, true, true), ('other', 'assign', 'withdrawn', 'a', 0, true, true), ('acc', 'query_order', 'open', NULL, 1, false, true),
              ('other', 'snapshot', 'expired', NULL, 1, true, true), ('acc', 'submit_order', 'open', NULL, 0, false, true), ('acc', 'query_order', 'open', NULL, 0, false, true),
              ('acc', 'assign', 'open', 'b', 0, false, true), ('other', 'assign', 'open', 'b', 0, false, true) $$,
    'tasks: what it had taken is free, its snapshot is of no use, what was for it is over; there is an intent, an order to ask for, and a new owner to tell');
SELECT is(t.order_id = o.order_id AND t.client_order_id = o.client_order_id, true, 'the order to ask for is the right one') FROM quantmesh.task AS t, quantmesh.orders AS o WHERE t.order_id IS NOT NULL AND o.request_id = 'sent';
SELECT pg_temp.rows_eq($$ SELECT account::text, instance::text, epoch, reason::text, end_reason::text FROM quantmesh.assignment ORDER BY account, assignment_id $$,
    format($$ VALUES ('acc', 'a', %s::bigint, 'hashed', 'dead'), ('acc', 'b', %s, 'standby', NULL), ('other', 'a', %1$s, 'hashed', 'dead'), ('other', 'b', %2$s, 'standby', NULL) $$, :a, :b), 'the standby has its markets');
SELECT is(count(DISTINCT at), 1::bigint, 'from the moment on at which they ended') FROM (SELECT coalesce(ended_at, since) AS at FROM quantmesh.assignment) AS x;
SELECT is((SELECT string_agg(kind || '/' || coalesce(client_order_id IS NOT NULL, false), ' ' ORDER BY task_id) FROM quantmesh.heartbeat('b', :b)),
    'query_order/false submit_order/false query_order/true assign/false assign/false', 'which gets all there is to do');
SELECT is((SELECT string_agg(o.request_id, ' ' ORDER BY order_id) FROM quantmesh.claim_orders('acc', 'b', :b) AS c JOIN quantmesh.orders AS o USING (order_id)), 'intent another', 'and can claim the intent');
SELECT is(pg_temp.stored('intent'), 'submitted b ' || :b || ' a', 'which is its own now');

-- A placement that had passed its checks before the death commits after it: the next pass finds it.
UPDATE quantmesh.instance SET state = 'alive', ended_at = NULL WHERE instance = 'a';
SELECT is(pg_temp.place('stray', 'a', pg_temp.epoch('a'), 98) || pg_temp.place('stray intent', 'a', pg_temp.epoch('a'), 97, false), 'placed submittedplaced intent', 'two orders');
UPDATE quantmesh.instance SET state = 'dead', ended_at = clock_timestamp(), epoch = quantmesh.next_id() WHERE instance = 'a';
SELECT is(quantmesh.watch_instances(), 0::bigint, 'nobody dies');
SELECT is(split_part(pg_temp.stored('stray'), ' ', 1) || ', ' || pg_temp.stored('stray intent'), 'unknown, intent a', 'they are taken care of');
DELETE FROM quantmesh.instance WHERE instance = 'a';
SELECT quantmesh.place_order('acc', 'XUSDT', 'buy', 96, 1, request_id => 'orphan', instance => 'b', epoch => :b) \gset
UPDATE quantmesh.orders SET instance = 'a' WHERE request_id = 'orphan';
SELECT is(quantmesh.watch_instances(), 0::bigint, 'also when its instance is gone altogether');
SELECT is(split_part(pg_temp.stored('orphan'), ' ', 1), 'unknown', '...');

-- The dead may come back, as somebody new.
SELECT epoch AS a2 FROM quantmesh.register_instance('a', '{acc:*,other:*}', ttl => '20 s', life => 'second') \gset
SELECT ok(:a2 > :a, 'under a new epoch');
SELECT is(quantmesh.assign_markets(), 2::bigint, 'it gets its markets back');
SELECT is(string_agg(kind || ' ' || account, ', ' ORDER BY task_id), 'unassign acc, unassign other', 'from a standby that is alive, and is told') FROM quantmesh.task WHERE finished_at IS NULL AND addressee = 'b';
SELECT is(pg_temp.place('back', 'a', :a2, 95), 'placed submitted', 'and places again');

-- A name that is taken over before it was declared dead: the same.
SELECT epoch AS c FROM quantmesh.register_instance('c', '{acc:*}', ttl => '1 s', life => 'l') \gset
SELECT quantmesh.assign_market('acc', 'XUSDT', 'c', 'test') AS there, quantmesh.assign_markets() AS moved \gset
SELECT is(:'there' || :moved, 't1', 'an instance has the market');
SELECT is(pg_temp.place('c sent', 'c', :c, 90) || pg_temp.place('c intent', 'c', :c, 89, false), 'placed submittedplaced intent', 'and orders');
SELECT ok(pg_temp.gone('c'), 'its lease ends');
SELECT epoch AS c2 FROM quantmesh.register_instance('c', '{acc:*}', ttl => '20 s', life => 'm') \gset
SELECT is(pg_temp.stored('c sent') || ', ' || pg_temp.stored('c intent'), 'unknown c ' || :c || ' c, intent c', 'its orders are those of a dead instance');
SELECT pg_temp.rows_eq($$ SELECT instance::text, epoch, reason::text, end_reason::text FROM quantmesh.assignment WHERE account = 'acc' ORDER BY assignment_id DESC LIMIT 2 $$,
    format($$ VALUES ('c', %s::bigint, 'fixed', NULL), ('c', %s, 'fixed', 'replaced') $$, :c2, :c), 'the new life has the market at once');
SELECT is(string_agg(kind || ' ' || epoch, ', '), 'assign ' || :c2, 'and is told; what was for the old life is over') FROM quantmesh.task WHERE finished_at IS NULL AND addressee = 'c';

-- Leaving.
SELECT is(pg_temp.place('c2 sent', 'c', :c2, 88) || pg_temp.place('c2 intent', 'c', :c2, 87, false), 'placed submittedplaced intent', 'orders of an instance');
BEGIN;
SELECT lives_ok(format('SELECT quantmesh.leave_instance(''c'', %s)', :c2), 'it leaves');
SELECT ok(quantmesh.instance_lease_left('c') IS NOT NULL, 'its lease lives until the commit');
ROLLBACK;
SELECT is(concat_ws(' ', state, epoch), 'alive ' || :c2, 'rolled back: it has not left') FROM quantmesh.instance WHERE instance = 'c';
SELECT lives_ok(format('SELECT count(*) FROM quantmesh.heartbeat(''c'', %s)', :c2), 'and goes on');
SELECT quantmesh.leave_instance('c', :c2) \gset
SELECT is(concat_ws(' ', state, epoch > :c2, ended_at IS NOT NULL, quantmesh.instance_lease_left('c') IS NULL), 'left t t t', 'committed: it has left, and its lease is gone') FROM quantmesh.instance WHERE instance = 'c';
SELECT is(pg_temp.stored('c2 sent') || ', ' || pg_temp.stored('c2 intent'), 'unknown c ' || :c2 || ' c, intent c', 'its orders');
SELECT pg_temp.rows_eq($$ SELECT instance::text, reason::text, end_reason::text FROM quantmesh.assignment WHERE account = 'acc' ORDER BY assignment_id DESC LIMIT 2 $$,
    $$ VALUES ('a', 'hashed', NULL), ('c', 'fixed', 'left') $$, 'its market is another''s at once');
SELECT is(pg_temp.place('c gone', 'c', :c2, 86), 'denied STALE_INSTANCE', 'it places nothing more');
SELECT lives_ok($$ SELECT quantmesh.register_instance('c', '{acc:*}', ttl => '20 s') $$, 'its name is free');
BEGIN;
SELECT quantmesh.leave_instance('c', pg_temp.epoch('c')) \gset
SELECT quantmesh.register_instance('c', '{acc:*}', ttl => '20 s') \gset
COMMIT;
SELECT ok(quantmesh.instance_lease_left('c') > '0', 'leaving and registering in one transaction');
SELECT is(l.fence, i.lease_fence, '... leaves the new lease') FROM quantmesh.locks AS l, quantmesh.instance AS i WHERE l.key = 'instance:c' AND i.instance = 'c';

-- An operator can end an instance by taking its lease.
SELECT quantmesh.leave_instance('c', pg_temp.epoch('c')) \gset
SELECT quantmesh.register_instance('c', '{acc:*}', ttl => '1 s') \gset
SELECT quantmesh.force_unlock('instance:c', 'test') \gset
SELECT is(quantmesh.instance_lease_left('c'), NULL, 'its lease is taken away');
SELECT is(quantmesh.watch_instances(), 1::bigint, 'which is death');

SELECT * FROM finish();
