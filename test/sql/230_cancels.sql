-- Shows what cancel_order, cancel_exchange_order and cancel_orders answer and store for orders in every state, that a second
-- request within 3 s is skipped and a busy order too, that cancels pass in every trading state and for any number of orders,
-- and which arguments they refuse.
\set ON_ERROR_ROLLBACK off
SET client_min_messages = warning;

-- Roles belong to the whole cluster: start without leftovers of a run that was cut short.
DROP ROLE IF EXISTS qm_test_canceller;
CREATE ROLE qm_test_canceller;

SELECT plan(251);

SELECT quantmesh.set_market('acc', 'BTCUSDT', tick_size => 0.01, step_size => 0.001) \gset
SELECT quantmesh.set_market('acc', 'ETHUSDT', tick_size => 0.01, step_size => 0.001) \gset
SELECT quantmesh.set_market('acc/2', 'BTCUSDT', tick_size => 0.01, step_size => 0.001) \gset

-- id(name) is the order that was placed under that request id; was(name) is what is stored of it.
CREATE FUNCTION pg_temp.id(name text) RETURNS bigint LANGUAGE sql AS $$ SELECT order_id FROM quantmesh.orders WHERE request_id = $1 $$;
CREATE FUNCTION pg_temp.was(name text) RETURNS text LANGUAGE sql AS $$
    SELECT concat_ws(' ', o.state, o.cancel_state, (SELECT count(*) FROM quantmesh.order_event AS e WHERE e.order_id = o.order_id AND e.event LIKE 'cancel\_%') || ' events')
    FROM quantmesh.orders AS o WHERE request_id = $1
$$;
-- Makes all requests to cancel that old.
CREATE FUNCTION pg_temp.asked(ago interval) RETURNS void LANGUAGE sql AS $$
    UPDATE quantmesh.orders SET cancel_requested_at = clock_timestamp() - $1 WHERE cancel_requested_at IS NOT NULL
$$;
CREATE FUNCTION pg_temp.report(name text, state text, VARIADIC fill text[] DEFAULT ARRAY[]::text[]) RETURNS text LANGUAGE sql AS $$
    SELECT r.state FROM quantmesh.orders AS o, quantmesh.apply_report(o.account, o.symbol, o.client_order_id, 'x-' || $1, $2, $3[1], $3[2]::numeric, CASE WHEN $3[1] IS NOT NULL THEN 100 END) AS r WHERE o.request_id = $1
$$;
-- Places an order without a slot and brings it into a state.
CREATE FUNCTION pg_temp.make(name text, state text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    p quantmesh.placement := quantmesh.place_order('acc', 'BTCUSDT', 'buy', 100, 1, slot => '', request_id => name, submit => state NOT IN ('intent', 'aborted'));
BEGIN
    IF state IN ('unknown', 'lost', 'never_accepted') THEN
        PERFORM quantmesh.resolve_submission('acc', p.order_id, p.fence, 'unknown');
    END IF;
    IF state IN ('lost', 'never_accepted') THEN
        PERFORM quantmesh.settle_order('acc', p.order_id, state, 'test');
    ELSIF state = 'aborted' THEN
        PERFORM quantmesh.cancel_order('acc', p.order_id);
    ELSIF state = 'partially_filled' THEN
        PERFORM pg_temp.report(name, NULL, 't-' || name, '0.4');
    ELSIF state = 'filled' THEN
        PERFORM pg_temp.report(name, NULL, 't-' || name, '1');
    ELSIF state IN ('open', 'canceled', 'expired', 'rejected') THEN
        PERFORM pg_temp.report(name, state);
    END IF;
    RETURN o.state FROM quantmesh.orders AS o WHERE o.request_id = name;
END $$;
CREATE FUNCTION pg_temp.cancel(name text) RETURNS text LANGUAGE sql AS $$
    SELECT concat_ws(' ', outcome, state, cancel_state) FROM quantmesh.cancel_order('acc', pg_temp.id($1))
$$;

-- Every state: the first request, a second one, one after 3 s.
CREATE TEMP TABLE expected (state text, first text, second text, third text);
INSERT INTO expected VALUES
    ('intent', 'aborted aborted none', 'noop aborted none', 'noop aborted none'),
    ('submitted', 'requested submitted requested', 'skipped submitted requested', 'requested submitted requested'),
    ('unknown', 'requested unknown requested', 'skipped unknown requested', 'requested unknown requested'),
    ('lost', 'requested lost requested', 'skipped lost requested', 'requested lost requested'),
    ('open', 'requested open sent', 'skipped open sent', 'requested open sent'),
    ('partially_filled', 'requested partially_filled sent', 'skipped partially_filled sent', 'requested partially_filled sent');
INSERT INTO expected
    SELECT s, e, e, e FROM unnest(ARRAY['filled', 'canceled', 'expired', 'rejected', 'aborted', 'never_accepted']) AS s, concat('noop ', s, ' none') AS e;
SELECT set_eq('SELECT state FROM expected', 'SELECT DISTINCT from_state FROM quantmesh.order_transitions', 'every state is tried');
SELECT is(pg_temp.make(state, state), state, format('there is an order in state %s', state)) FROM expected;
CREATE TEMP TABLE before AS SELECT order_id, updated_at FROM quantmesh.orders;
SELECT is(pg_temp.cancel(state), first, format('cancelling it when %s', state)) FROM expected;
SELECT is(pg_temp.cancel(state), second, format('a second time when %s', state)) FROM expected;
SELECT pg_temp.asked('1 s') \gset
SELECT is(pg_temp.cancel(state), second, format('also after a second when %s', state)) FROM expected;
SELECT pg_temp.asked('3 s') \gset
SELECT is(pg_temp.cancel(state), third, format('and after 3 s when %s', state)) FROM expected;
SELECT results_eq(
    $$ SELECT e.state, (SELECT count(*) FROM quantmesh.order_event AS v WHERE v.order_id = pg_temp.id(e.state) AND v.event = 'cancel_requested') FROM expected AS e ORDER BY 1 $$,
    $$ SELECT state, CASE split_part(first, ' ', 1) WHEN 'requested' THEN 2::bigint ELSE 0 END FROM expected ORDER BY 1 $$,
    'each request is one event, and what is skipped or noop is none');
SELECT is_empty($$ SELECT * FROM quantmesh.order_event WHERE event = 'cancel_requested' AND (from_state <> to_state OR source <> 'call') $$, 'the event changes no state');
SELECT is(string_agg(concat_ws(' ', event, from_state, to_state, cancel_state, source), ', '), 'withdrawn intent aborted none call', 'an intent is withdrawn')
    FROM quantmesh.order_event WHERE order_id = pg_temp.id('intent');
SELECT results_eq(
    $$ SELECT live, holds_slot, exposed, ended_at IS NOT NULL FROM quantmesh.orders WHERE request_id = 'intent' $$,
    $$ VALUES (false, false, false, true) $$, 'and has ended');
SELECT is_empty(
    $$ SELECT e.state FROM expected AS e JOIN quantmesh.orders AS o ON o.request_id = e.state JOIN before AS b USING (order_id)
       WHERE o.updated_at > b.updated_at AND e.first LIKE 'noop%' $$, 'what is noop writes nothing');

-- What is answered beside outcome and states.
SELECT pg_temp.make('answer', 'open') \gset
SELECT is(c::text, row('requested', o.order_id, 'open', 'sent', 'BTCUSDT', o.client_order_id, 'x-answer', true)::text, 'the answer names the order')
    FROM quantmesh.orders AS o, quantmesh.cancel_order('acc', o.order_id) AS c WHERE request_id = 'answer';
SELECT ok(cancel_requested_at BETWEEN clock_timestamp() - interval '1 minute' AND clock_timestamp() AND updated_at >= cancel_requested_at, 'when it was asked for is stored')
    FROM quantmesh.orders WHERE request_id = 'answer';
SELECT is(c::text, row('skipped', o.order_id, 'submitted', 'requested', 'BTCUSDT', o.client_order_id, NULL, true)::text, 'also when it is skipped, and before the exchange has given an id')
    FROM quantmesh.orders AS o, quantmesh.cancel_order('acc', o.order_id) AS c WHERE request_id = 'submitted';

-- A parked cancel stays requested when the order opens, until somebody sends it.
SELECT pg_temp.make('parked', 'submitted') \gset
SELECT is(pg_temp.cancel('parked'), 'requested submitted requested', 'a cancel of what may be at the exchange is parked');
SELECT is(pg_temp.report('parked', 'open'), 'open', 'when the order opens');
SELECT is(pg_temp.was('parked'), 'open requested 1 events', 'the cancel is still to be sent');
SELECT is(pg_temp.cancel('parked'), 'skipped open requested', 'for 3 s that is the business of whoever asked');
SELECT pg_temp.asked('3 s') \gset
SELECT is(pg_temp.cancel('parked'), 'requested open sent', 'then the next one sends it');
SELECT is(pg_temp.report('parked', 'canceled'), 'canceled', 'and when the exchange says canceled');
SELECT is(pg_temp.was('parked'), 'canceled done 2 events', 'the cancel is done');

-- After the exchange has refused a cancel, or its reply was lost, nobody has to wait for 3 s.
SELECT is(pg_temp.make('again ' || o, 'open'), 'open', 'an order to cancel') FROM unnest(ARRAY['rejected', 'unknown']) AS o;
SELECT is(pg_temp.cancel('again ' || o), 'requested open sent', 'a cancel that is ' || o) FROM unnest(ARRAY['rejected', 'unknown']) AS o;
SELECT is((quantmesh.resolve_cancel('acc', pg_temp.id('again ' || o), o)).applied, true, 'says so') FROM unnest(ARRAY['rejected', 'unknown']) AS o;
SELECT is(pg_temp.cancel('again ' || o), 'requested open sent', 'and may be sent again at once') FROM unnest(ARRAY['rejected', 'unknown']) AS o;

-- A clock that goes back does not block cancels.
SELECT pg_temp.make('clock', 'open') \gset
SELECT is(pg_temp.cancel('clock'), 'requested open sent', 'a cancel');
SELECT pg_temp.asked('-1 hour') \gset
SELECT is(pg_temp.cancel('clock'), 'requested open sent', 'that was asked for in the future does not count');

-- Somebody else has the cancel lock, here as a lease.
SELECT pg_temp.make('busy', 'open') \gset
SELECT quantmesh.reset_metrics() \gset
SELECT count(quantmesh.try_lease('cancel:acc:' || pg_temp.id(name), 'other', '20 s')) FROM unnest(ARRAY['busy', 'filled']) AS name \gset
SELECT is(pg_temp.cancel('busy'), 'skipped open none', 'an order whose cancel lock somebody has is skipped');
SELECT is(pg_temp.was('busy'), 'open none 0 events', 'and not changed');
SELECT is(c::text, row('skipped', o.order_id, 'open', 'none', 'BTCUSDT', o.client_order_id, 'x-busy', true)::text, 'the answer names it')
    FROM quantmesh.orders AS o, quantmesh.cancel_order('acc', o.order_id) AS c WHERE request_id = 'busy';
SELECT is(pg_temp.cancel('filled'), 'noop filled none', 'what has ended is noop even then');
SELECT results_eq($$ SELECT skipped, conflicts FROM quantmesh.lock_metrics WHERE label LIKE 'cancel:acc%' $$, $$ VALUES (3::bigint, 3::bigint) $$, 'lock metrics count it');
SELECT is(outcome, 'skipped', 'cancel_orders skips it too') FROM quantmesh.cancel_orders('acc') WHERE order_id = pg_temp.id('busy');
SELECT quantmesh.try_lease('cancel:acc:1', 'other', '20 s') \gset
SELECT throws_ok($$ SELECT quantmesh.cancel_order('acc', 1) $$, 'P0002', NULL, 'what does not exist does not exist even then');
SELECT count(quantmesh.release_lease(key, instance, fence)) FROM quantmesh.locks WHERE mode = 'lease' \gset
SELECT is(pg_temp.cancel('busy'), 'requested open sent', 'when the lock is free again the order can be cancelled');
SELECT is_empty('SELECT * FROM quantmesh.locks', 'and the lock ends with the transaction');

-- In the caller's own transaction.
SELECT pg_temp.make('own', 'open'), pg_temp.make('own intent', 'intent') \gset
BEGIN;
SELECT is(committed, false, 'inside a transaction nothing may be sent before COMMIT') FROM quantmesh.cancel_order('acc', pg_temp.id('own'));
SELECT is(quantmesh.is_locked('cancel:acc:' || pg_temp.id('own')), true, 'the cancel lock is held until then');
SELECT is(pg_temp.cancel('own'), 'skipped open sent', 'a second request in the transaction is skipped');
SELECT is(pg_temp.cancel('own intent'), 'aborted aborted none', 'an intent is aborted');
ROLLBACK;
SELECT is(pg_temp.was('own') || ', ' || pg_temp.was('own intent'), 'open none 0 events, intent none 0 events', 'ROLLBACK takes both back');
BEGIN;
SAVEPOINT s;
SELECT is(pg_temp.cancel('own'), 'requested open sent', 'behind a savepoint');
ROLLBACK TO s;
SELECT is(quantmesh.is_locked('cancel:acc:' || pg_temp.id('own')), false, 'ROLLBACK TO gives the lock back');
SELECT is(pg_temp.cancel('own'), 'requested open sent', 'and takes the request back');
COMMIT;
SELECT is(pg_temp.was('own'), 'open sent 1 events', 'COMMIT keeps it');
BEGIN;
SELECT is(bool_or(committed), false, 'cancel_orders says so, too') FROM quantmesh.cancel_orders('acc');
ROLLBACK;

-- By the exchange's id.
SELECT pg_temp.make('exchange', 'open') \gset
SELECT is(c::text, row('requested', o.order_id, 'open', 'sent', 'BTCUSDT', o.client_order_id, 'x-exchange', true)::text, 'an order can be cancelled by the id of the exchange')
    FROM quantmesh.orders AS o, quantmesh.cancel_exchange_order('acc', 'BTCUSDT', 'x-exchange') AS c WHERE request_id = 'exchange';
SELECT is(outcome, 'skipped', 'which is the same request') FROM quantmesh.cancel_order('acc', pg_temp.id('exchange'));
SELECT is(c::text, row('noop', NULL, NULL, NULL, e.symbol, NULL, e.id, true)::text, format('an id that is of no order of %s %s is noop: %s', e.account, e.symbol, e.id))
FROM (VALUES ('acc', 'BTCUSDT', 'x-none'), ('acc', 'ETHUSDT', 'x-exchange'), ('acc/2', 'BTCUSDT', 'x-exchange'), ('acc', 'BTCUSDT', 'X-EXCHANGE')) AS e (account, symbol, id),
    quantmesh.cancel_exchange_order(e.account, e.symbol, e.id) AS c;
SELECT is(outcome || ' ' || state, 'noop filled', 'an id of an order that has ended is noop with the order') FROM quantmesh.cancel_exchange_order('acc', 'BTCUSDT', 'x-filled');

-- Many orders: by symbol, side, strategy and instance, lowest id first.
SELECT count(*) FROM quantmesh.cancel_orders('acc') \gset
CREATE TEMP TABLE many (name text, account text, symbol text, side text, strategy text, instance text);
INSERT INTO many VALUES
    ('m1', 'acc', 'BTCUSDT', 'buy', '', 'i1'), ('m2', 'acc', 'BTCUSDT', 'buy', 'grid', 'i1'), ('m3', 'acc', 'ETHUSDT', 'sell', 'grid', 'i2'),
    ('m4', 'acc', 'ETHUSDT', 'buy', 'grid', NULL), ('m5', 'acc/2', 'BTCUSDT', 'buy', 'grid', 'i1');
SELECT count(quantmesh.place_order(account, symbol, side, CASE side WHEN 'buy' THEN 50 ELSE 200 END, 1, request_id => name, slot => '', strategy => strategy, instance => instance, submit => false))
    FROM (SELECT * FROM many ORDER BY name) AS m \gset
SELECT pg_temp.report('m3', 'open') \gset
CREATE TEMP TABLE filter (call text, names text);
INSERT INTO filter VALUES
    ('''acc''', 'm1 m2 m3 m4'), ('''acc/2''', 'm5'), ('''acc/3''', NULL),
    ('''acc'', ''BTCUSDT''', 'm1 m2'), ('''acc'', symbol => ''ETHUSDT''', 'm3 m4'), ('''acc'', ''XRPUSDT''', NULL),
    ('''acc'', side => ''sell''', 'm3'), ('''acc'', side => ''BUY''', 'm1 m2 m4'),
    ('''acc'', strategy => ''grid''', 'm2 m3 m4'), ('''acc'', strategy => ''''', 'm1'), ('''acc'', strategy => ''other''', NULL),
    ('''acc'', instance => ''i1''', 'm1 m2'), ('''acc'', instance => ''i3''', NULL),
    ('''acc'', ''BTCUSDT'', ''buy'', ''grid'', ''i1''', 'm2'), ('''acc'', NULL, NULL, NULL, NULL', 'm1 m2 m3 m4');
CREATE FUNCTION pg_temp.many(call text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE names text;
BEGIN
    EXECUTE format('SELECT string_agg(o.request_id, '' '' ORDER BY c.ordinality) FROM quantmesh.cancel_orders(%s) WITH ORDINALITY AS c
                    JOIN quantmesh.orders AS o USING (order_id) JOIN many ON name = request_id', call) INTO names;
    RAISE EXCEPTION USING ERRCODE = 'QM900', MESSAGE = coalesce(names, '-');
EXCEPTION WHEN SQLSTATE 'QM900' THEN
    RETURN nullif(SQLERRM, '-');
END $$;
SELECT is(pg_temp.many(call), names, format('cancel_orders(%s)', call)) FROM filter;
SELECT is(string_agg(c::text, ' '), format('(requested,%s,open,sent,ETHUSDT,%s,x-m3,t,1) (aborted,%s,aborted,none,ETHUSDT,%s,,t,2)', m3.order_id, m3.client_order_id, m4.order_id, m4.client_order_id),
          'each order is answered as cancel_order would')
    FROM quantmesh.orders AS m3, quantmesh.orders AS m4, quantmesh.cancel_orders('acc', 'ETHUSDT') WITH ORDINALITY AS c (outcome, order_id, state, cancel_state, symbol, client_order_id, exchange_order_id, committed, n)
    WHERE m3.request_id = 'm3' AND m4.request_id = 'm4' GROUP BY m3.order_id, m3.client_order_id, m4.order_id, m4.client_order_id;
SELECT results_eq($$ SELECT outcome FROM quantmesh.cancel_orders('acc', 'ETHUSDT') $$, $$ VALUES ('skipped') $$, 'again: what is requested is skipped, what has ended is not live any more');
SELECT is(count(*), 0::bigint, 'the other account is untouched') FROM quantmesh.order_event WHERE account = 'acc/2';

-- No number of orders is too many, and none takes a lock.
SELECT current_setting('quantmesh.max_locks_per_backend')::integer + 50 AS many \gset
SELECT count(quantmesh.place_order('acc/2', 'BTCUSDT', 'buy', 50, 1, slot => '')) FROM generate_series(1, :many) \gset
BEGIN;
SELECT is(count(*) FILTER (WHERE outcome = 'requested'), :many::bigint, 'more orders than a backend may hold locks are cancelled') FROM quantmesh.cancel_orders('acc/2');
SELECT is_empty($$ SELECT * FROM quantmesh.locks WHERE class = 'cancel' $$, 'without a lock for each');
COMMIT;
SELECT is(count(*), :many::bigint, 'and stored') FROM quantmesh.orders WHERE account = 'acc/2' AND cancel_state = 'requested';

-- Cancels pass whatever the trading state is, and make room within the limits.
CREATE TEMP TABLE scope (scope text, account text, symbol text);
INSERT INTO scope VALUES ('everything', '*', NULL), ('account', 'acc', NULL), ('market', 'acc', 'BTCUSDT');
SELECT is(pg_temp.make(format('%s %s %s', s, state, made), made), made, format('an order before %s is %s', s, state))
    FROM unnest(ARRAY['everything', 'account', 'market']) AS s, unnest(ARRAY['reducing', 'halted']) AS state, unnest(ARRAY['intent', 'open']) AS made;
CREATE FUNCTION pg_temp.cancel_under(scope text, state text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    s scope;
    answer text;
BEGIN
    SELECT * INTO s FROM scope AS c WHERE c.scope = $1;
    PERFORM quantmesh.set_trading_state(s.account, s.symbol, state, 'test');
    answer := pg_temp.cancel(format('%s %s intent', scope, state)) || ', ' || pg_temp.cancel(format('%s %s open', scope, state));
    PERFORM quantmesh.set_trading_state(s.account, s.symbol, 'active', 'test');
    RETURN answer;
END $$;
SELECT is(pg_temp.cancel_under(scope, state), 'aborted aborted none, requested open sent', format('cancels pass when %s is %s', scope, state))
    FROM scope, unnest(ARRAY['reducing', 'halted']) AS state;
SELECT pg_temp.make('pending', 'open') \gset
UPDATE quantmesh.market SET trusted_tag = 'old0' WHERE account = 'acc';
SELECT quantmesh.markets_changed() \gset
SELECT is(pg_temp.cancel('pending'), 'requested open sent', 'also while the market waits for a reconciliation');
UPDATE quantmesh.market SET trusted_tag = quantmesh.current_tag() WHERE account = 'acc';
SELECT quantmesh.markets_changed() \gset
SELECT quantmesh.set_limits('acc/2', 'BTCUSDT', max_open_orders => :many + 1) \gset
SELECT is(outcome, 'placed', 'the last order within max_open_orders') FROM quantmesh.place_order('acc/2', 'BTCUSDT', 'buy', 50, 1, slot => '', request_id => 'last', submit => false);
SELECT is(outcome || ' ' || reason, 'denied MAX_OPEN_ORDERS', 'one more is denied') FROM quantmesh.place_order('acc/2', 'BTCUSDT', 'buy', 50, 1, slot => '');
SELECT pg_temp.asked('3 s') \gset
SELECT is(outcome, 'requested', 'a request to cancel makes no room') FROM quantmesh.cancel_order('acc/2', (SELECT min(order_id) FROM quantmesh.orders WHERE account = 'acc/2' AND live));
SELECT is(outcome || ' ' || reason, 'denied MAX_OPEN_ORDERS', 'it is denied still') FROM quantmesh.place_order('acc/2', 'BTCUSDT', 'buy', 50, 1, slot => '');
SELECT is(outcome, 'aborted', 'an intent that is aborted does') FROM quantmesh.cancel_order('acc/2', pg_temp.id('last'));
SELECT is(outcome, 'placed', 'then it is placed') FROM quantmesh.place_order('acc/2', 'BTCUSDT', 'buy', 50, 1, slot => '');

-- Who may.
SELECT quantmesh.grant_trader('qm_test_canceller', 'acc') \gset
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
CREATE TEMP TABLE deed (call text);
INSERT INTO deed VALUES ('cancel_order(%L, 1)'), ('cancel_exchange_order(%L, ''BTCUSDT'', ''x'')'), ('cancel_orders(%L)');
SELECT is(pg_temp.run_as('qm_test_canceller', format('SELECT quantmesh.' || call, account)), format('42501 permission denied for account "%s"', account),
          format('a trader of acc may not %s', format(call, account))) FROM deed, unnest(ARRAY['acc/2', 'other', 'ac', 'ACC']) AS account;
SELECT is(pg_temp.run_as('qm_test_canceller', format('SELECT quantmesh.' || call, 'acc')),
          CASE WHEN call LIKE 'cancel_order(%' THEN 'P0002 order 1 of account "acc" does not exist' ELSE 'ok' END, format('but may %s', format(call, 'acc'))) FROM deed;
SELECT ok(quantmesh.revoke_trader('qm_test_canceller', 'acc'), 'revoked');
DROP ROLE qm_test_canceller;

-- Bad arguments.
CREATE TEMP TABLE refused (call text, sqlstate text, message text);
INSERT INTO refused VALUES
    ('cancel_order(''acc'', 1)', 'P0002', 'order 1 of account "acc" does not exist'),
    ('cancel_order(''none'', pg_temp.id(''busy''))', 'P0002', '% of account "none" does not exist'),
    ('cancel_order(NULL, 1)', '22004', 'account must not be null'),
    ('cancel_order(''acc'', NULL)', '22004', 'order_id must not be null'),
    ('cancel_order(''acc'', 0)', '22023', 'order_id must be positive%'),
    ('cancel_order(''acc'', -1)', '22023', 'order_id must be positive%'),
    ('cancel_exchange_order(NULL, ''BTCUSDT'', ''x'')', '22004', 'account must not be null'),
    ('cancel_exchange_order(''acc'', NULL, ''x'')', '22004', 'symbol must not be null'),
    ('cancel_exchange_order(''acc'', ''BTCUSDT'', NULL)', '22004', 'exchange_order_id must not be null'),
    ('cancel_exchange_order(''acc'', ''BTC:USDT'', ''x'')', '22023', 'symbol %'),
    ('cancel_exchange_order(''acc'', ''BTCUSDT'', '''')', '22023', 'exchange_order_id %'),
    ('cancel_exchange_order(''acc'', ''BTCUSDT'', repeat(''x'', 129))', '22023', 'exchange_order_id %'),
    ('cancel_exchange_order(''acc'', ''BTCUSDT'', E''x\n'')', '22023', 'exchange_order_id %'),
    ('cancel_orders(NULL)', '22004', 'account must not be null'),
    ('cancel_orders(''acc'', '''')', '22023', 'symbol %'),
    ('cancel_orders(''acc'', repeat(''x'', 65))', '22023', 'symbol %'),
    ('cancel_orders(''acc'', ''*'')', '22023', 'symbol %'),
    ('cancel_orders(''acc'', side => ''long'')', '22023', '%side%'),
    ('cancel_orders(''acc'', side => '''')', '22023', '%side%'),
    ('cancel_orders(''acc'', strategy => repeat(''x'', 129))', '22023', 'strategy %'),
    ('cancel_orders(''acc'', strategy => E''\t'')', '22023', 'strategy %'),
    ('cancel_orders(''acc'', instance => '''')', '22023', 'instance %'),
    ('cancel_orders(''acc'', instance => repeat(''x'', 129))', '22023', 'instance %');
INSERT INTO refused SELECT format(f, account), '22023', 'account %'
    FROM unnest(ARRAY['cancel_order(%L, 1)', 'cancel_exchange_order(%L, ''BTCUSDT'', ''x'')', 'cancel_orders(%L)']) AS f, unnest(ARRAY['', 'a:b', '*', 'a' || chr(10), repeat('a', 65)]) AS account;
CREATE TEMP TABLE before_refused AS SELECT count(*) AS events FROM quantmesh.order_event;
SELECT throws_ok('SELECT quantmesh.' || call, sqlstate, NULL, format('%s is %s', left(replace(call, chr(10), '\n'), 100), sqlstate)) FROM refused;
SELECT throws_like('SELECT quantmesh.' || call, message, format('which says %s', message)) FROM refused;
SELECT is((SELECT count(*) FROM quantmesh.order_event), events, 'and nothing has changed') FROM before_refused;

SELECT * FROM finish();
