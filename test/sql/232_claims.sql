-- Shows what claim_orders hands out and stores: intents of the account, oldest first, each with a fence and a send_before of its
-- own; what it leaves (other markets than the one asked for, halted markets, intents that wait for an order that they replace, an
-- instance with an old epoch), what it ends (out of time), and which arguments it refuses.
\set ON_ERROR_ROLLBACK off
SET client_min_messages = warning;

-- Roles belong to the whole cluster: start without leftovers of a run that was cut short.
DROP ROLE IF EXISTS qm_test_claimer;
CREATE ROLE qm_test_claimer;

SELECT plan(156);

SELECT quantmesh.set_market('acc', 'BTCUSDT', tick_size => 0.01, step_size => 0.001) \gset
SELECT quantmesh.set_market('acc', 'ETHUSDT', tick_size => 0.01, step_size => 0.001) \gset
SELECT quantmesh.set_market('acc', 'XRPUSDT', tick_size => 0.01, step_size => 0.001) \gset
SELECT quantmesh.set_market('acc/2', 'BTCUSDT', tick_size => 0.01, step_size => 0.001) \gset
INSERT INTO quantmesh.instance (instance, epoch) VALUES ('i1', 7), ('i2', 1);

-- id(name) is the order that was placed under that request id; stored(name) is what is stored of it.
CREATE FUNCTION pg_temp.id(name text) RETURNS bigint LANGUAGE sql AS $$ SELECT order_id FROM quantmesh.orders WHERE request_id = $1 $$;
CREATE FUNCTION pg_temp.stored(name text) RETURNS text LANGUAGE sql AS $$
    SELECT concat_ws(' ', state, attempt, instance, epoch, CASE WHEN submitted_at IS NOT NULL THEN 'submitted' END, CASE WHEN send_before IS NOT NULL THEN 'until' END)
    FROM quantmesh.orders WHERE request_id = $1
$$;
-- Records intents without slots.
CREATE FUNCTION pg_temp.intend(VARIADIC names text[]) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    name text;
    outcomes text := '';
BEGIN
    FOREACH name IN ARRAY names LOOP
        outcomes := outcomes || (quantmesh.place_order('acc', CASE WHEN name LIKE 'eth%' THEN 'ETHUSDT' WHEN name LIKE 'xrp%' THEN 'XRPUSDT' ELSE 'BTCUSDT' END, 'buy', 100, 1,
                                                       slot => '', request_id => name, submit => false)).outcome || ' ';
    END LOOP;
    RETURN rtrim(outcomes);
END $$;
-- Claims, and answers the names in the order in which they came.
CREATE FUNCTION pg_temp.claim(max integer DEFAULT 10, instance text DEFAULT NULL, epoch bigint DEFAULT NULL) RETURNS text LANGUAGE sql AS $$
    SELECT coalesce(string_agg(o.request_id, ' ' ORDER BY c.ordinality), '-')
    FROM quantmesh.claim_orders('acc', $2, $3, $1) WITH ORDINALITY AS c JOIN quantmesh.orders AS o USING (order_id)
$$;
CREATE FUNCTION pg_temp.report(name text, state text) RETURNS text LANGUAGE sql AS $$
    SELECT r.state FROM quantmesh.orders AS o, quantmesh.apply_report(o.account, o.symbol, o.client_order_id, 'x-' || $1, $2) AS r WHERE o.request_id = $1
$$;

-- Nothing to do.
SELECT is(pg_temp.claim(), '-', 'without intents there is nothing to claim');
SELECT is(pg_temp.claim(max => 1000), '-', 'however many are asked for');

-- One intent.
SELECT outcome, order_id, client_order_id, fence FROM quantmesh.place_order('acc', 'BTCUSDT', 'SELL', 200.50, 1.50, request_id => 'one', post_only => true, reduce_only => false, submit => false) \gset one_
SELECT is(pg_temp.stored('one'), 'intent 0', 'an intent');
SELECT * FROM quantmesh.claim_orders('acc') \gset got_
SELECT is(concat_ws(' ', :'got_order_id', :'got_client_order_id', :'got_symbol', :'got_side', :'got_order_type', :'got_time_in_force', :got_price, :got_quantity, :'got_post_only', :'got_reduce_only', :'got_committed'),
          concat_ws(' ', :'one_order_id', :'one_client_order_id', 'BTCUSDT sell limit gtc 200.5 1.5 t f t'), 'is handed out as it was recorded, under the same client order id');
SELECT ok(:got_fence > :one_fence, 'with a fence of its own');
SELECT ok(:'got_send_before'::timestamptz BETWEEN clock_timestamp() - interval '1 minute' AND clock_timestamp() + current_setting('quantmesh.send_window')::interval, 'and a send_before');
SELECT is(pg_temp.stored('one'), 'submitted 0 submitted until', 'it is submitted now');
SELECT is(fence || ' ' || send_before::text, :'got_fence' || ' ' || :'got_send_before', 'under that fence until then') FROM quantmesh.orders WHERE request_id = 'one';
SELECT is(string_agg(concat_ws(' ', event, from_state, to_state, cancel_state, source, discrepancy, detail), ', '), 'claimed intent submitted none call', 'which is one event')
    FROM quantmesh.order_event WHERE order_id = pg_temp.id('one');
SELECT is(pg_temp.claim(), '-', 'nobody gets it twice');
SELECT is(replayed || ' ' || state || ' ' || fence, 'true submitted ' || :'got_fence', 'a repetition of the placement answers the fence of the submission')
    FROM quantmesh.place_order('acc', 'BTCUSDT', 'SELL', 200.50, 1.50, request_id => 'one', post_only => true, submit => false);

-- Other terms come through.
SELECT outcome FROM quantmesh.place_order('acc', 'ETHUSDT', 'buy', NULL, 2, order_type => 'market', request_id => 'market', submit => false) \gset
SELECT outcome FROM quantmesh.place_order('acc', 'BTCUSDT', 'buy', 50, 2, time_in_force => 'IOC', request_id => 'ioc', submit => false) \gset
SELECT is(string_agg(concat_ws(' ', side, order_type, time_in_force, coalesce(price::text, 'no price'), quantity, post_only, reduce_only), ', ' ORDER BY order_id),
          'buy market gtc no price 2 f f, buy limit ioc 50 2 f f', 'a market order has no price, and time_in_force is told') FROM quantmesh.claim_orders('acc');

-- Several: oldest first, as many as asked for, each under a fence of its own; only intents, and only of this account.
SELECT is(pg_temp.intend('a', 'eth b', 'c', 'd', 'e'), 'placed placed placed placed placed', 'five intents');
SELECT outcome FROM quantmesh.place_order('acc/2', 'BTCUSDT', 'buy', 100, 1, request_id => 'other account', submit => false) \gset
SELECT outcome FROM quantmesh.place_order('acc', 'BTCUSDT', 'buy', 90, 1, request_id => 'submitted') \gset
SELECT is(pg_temp.claim(max => 2), 'a eth b', 'two of them, the oldest');
SELECT is(pg_temp.claim(), 'c d e', 'then the others, of whichever market');
SELECT is(count(DISTINCT fence), 5::bigint, 'each has its own fence') FROM quantmesh.orders WHERE request_id IN ('a', 'eth b', 'c', 'd', 'e');
SELECT is(pg_temp.stored('other account'), 'intent 0', 'those of other accounts are left');
SELECT is(count(*), 10::bigint, 'by default it is up to ten')
    FROM (SELECT pg_temp.intend(VARIADIC array_agg('ten ' || lpad(i::text, 3, '0') ORDER BY i)) FROM generate_series(1, 12) AS i) AS t, quantmesh.claim_orders('acc');
SELECT is(pg_temp.claim(max => 1), 'ten 011', 'one');
SELECT is(pg_temp.claim(max => 1000), 'ten 012', 'a thousand at most');

-- Of one market: the others are left alone, with their intents that are out of time.
CREATE FUNCTION pg_temp.claim_of(symbol text, max integer DEFAULT 10, instance text DEFAULT NULL, epoch bigint DEFAULT NULL) RETURNS text LANGUAGE sql AS $$
    SELECT coalesce(string_agg(o.request_id, ' ' ORDER BY c.ordinality), '-')
    FROM quantmesh.claim_orders('acc', $3, $4, $2, symbol => $1) WITH ORDINALITY AS c JOIN quantmesh.orders AS o USING (order_id)
$$;
SELECT is(pg_temp.intend('one 1', 'eth one', 'one 2', 'xrp one', 'one late', 'eth one late'), 'placed placed placed placed placed placed', 'intents of three markets');
UPDATE quantmesh.orders SET valid_until = clock_timestamp() - interval '1 us' WHERE request_id LIKE '%one late';
SELECT is(pg_temp.claim_of('ADAUSDT'), '-', 'a market without intents, or none at all, has nothing to be claimed');
SELECT is(pg_temp.claim_of('btcusdt'), '-', 'nor one that is spelt in another way');
SELECT is(pg_temp.claim_of('ETHUSDT'), 'eth one', 'what one market has is claimed');
SELECT is(pg_temp.stored('one 1') || ', ' || pg_temp.stored('xrp one'), 'intent 0, intent 0', 'older and younger ones of other markets are not');
SELECT is(pg_temp.stored('eth one late') || ', ' || pg_temp.stored('one late'), 'aborted 0, intent 0', 'what is out of time is aborted there alone');
SELECT is(pg_temp.claim_of('BTCUSDT', max => 1), 'one 1', 'the oldest first');
SELECT count(*) FROM quantmesh.set_trading_state('acc', 'BTCUSDT', 'halted', 'test') \gset
SELECT is(pg_temp.claim_of('BTCUSDT'), '-', 'a halted market stays halted');
SELECT count(*) FROM quantmesh.set_trading_state('acc', 'BTCUSDT', 'active', 'test') \gset
SELECT is(pg_temp.claim_of('BTCUSDT', instance => 'i1', epoch => 6), '-', 'an old epoch gets nothing of it');
SELECT is(pg_temp.claim_of('BTCUSDT', instance => 'i1', epoch => 7), 'one 2', 'the registered instance does');
SELECT is(pg_temp.claim_of(NULL), 'xrp one', 'NULL is the whole account');

-- Who sends: the instance is stored if one is named, and an old one gets nothing.
SELECT is(pg_temp.intend('own', 'i1'), 'placed placed', 'two intents');
SELECT outcome FROM quantmesh.place_order('acc', 'BTCUSDT', 'buy', 80, 1, request_id => 'of i2', instance => 'i2', epoch => 1, submit => false) \gset
SELECT is(pg_temp.claim(instance => 'i1', epoch => 6), '-', 'an instance with an old epoch gets nothing');
SELECT is(pg_temp.claim(instance => 'i1', epoch => 8), '-', 'nor one with an epoch that was never given');
SELECT is(pg_temp.claim(instance => 'i9', epoch => 7), '-', 'nor one that is not registered');
SELECT is(pg_temp.stored('own') || ', ' || pg_temp.stored('of i2'), 'intent 0, intent 0 i2 1', 'and nothing is changed');
SELECT is(pg_temp.claim(max => 1), 'own', 'without an instance');
SELECT is(pg_temp.stored('own'), 'submitted 0 submitted until', 'none is stored');
SELECT is(pg_temp.claim(max => 1, instance => 'i1', epoch => 7), 'i1', 'with one');
SELECT is(pg_temp.stored('i1'), 'submitted 0 i1 7 submitted until', 'it is');
SELECT is(pg_temp.claim(instance => 'i1', epoch => 7), 'of i2', 'whoever placed the order');
SELECT is(pg_temp.stored('of i2') || ' ' || owner, 'submitted 0 i1 7 submitted until i2', 'the sender is stored, and the owner stays') FROM quantmesh.orders WHERE request_id = 'of i2';
SELECT is(pg_temp.intend('named'), 'placed', 'an instance may be');
SELECT is(pg_temp.claim(instance => 'unregistered'), 'named', 'just a name');
SELECT is(pg_temp.stored('named'), 'submitted 0 unregistered submitted until', 'without an epoch');

-- What was not processed is an intent again, under a new id, and is claimed under a new fence.
SELECT is(pg_temp.intend('again'), 'placed', 'an intent');
SELECT client_order_id, fence, order_id FROM quantmesh.claim_orders('acc') \gset first_
SELECT is(state, 'intent', 'that was not processed') FROM quantmesh.resolve_submission('acc', :first_order_id, :first_fence, 'not_processed');
SELECT client_order_id, fence, order_id FROM quantmesh.claim_orders('acc') \gset second_
SELECT is(:second_order_id, :first_order_id, 'is claimed again');
SELECT ok(:second_fence > :first_fence AND :'second_client_order_id' <> :'first_client_order_id', 'under another fence and another client order id');
SELECT is(pg_temp.stored('again'), 'submitted 1 submitted until', 'the second attempt');

-- Deadlines: send_before is not later, and what is out of time is aborted, whatever its market is.
SELECT is(pg_temp.intend(VARIADIC array_agg('soon ' || i)), rtrim(repeat('placed ', 9)), 'intents') FROM generate_series(1, 9) AS i;
UPDATE quantmesh.orders SET valid_until = clock_timestamp() + current_setting('quantmesh.send_window')::interval * substr(request_id, 6)::integer / 8 WHERE request_id LIKE 'soon %';
SELECT matches(pg_temp.claim(), 'soon 9$', 'that will be out of time soon are claimed while they are not');
SELECT is(bool_and(send_before = least(valid_until, submitted_at + current_setting('quantmesh.send_window')::interval)), true, 'and must be sent before they are') FROM quantmesh.orders WHERE request_id LIKE 'soon %' AND state = 'submitted';
SELECT ok(count(*) FILTER (WHERE send_before = valid_until) > 0 AND count(*) FILTER (WHERE send_before < valid_until) > 0, 'be that soon or not') FROM quantmesh.orders WHERE request_id LIKE 'soon %' AND state = 'submitted';
SELECT is(pg_temp.intend('late 1', 'in time', 'eth late 2', 'xrp late 3'), 'placed placed placed placed', 'more intents');
UPDATE quantmesh.orders SET valid_until = clock_timestamp() - interval '1 us' WHERE request_id LIKE '%late %';
UPDATE quantmesh.orders SET valid_until = clock_timestamp() + interval '1 hour' WHERE request_id = 'in time';
SELECT count(*) FROM quantmesh.set_trading_state('acc', 'ETHUSDT', 'halted', 'test') \gset
DELETE FROM quantmesh.market WHERE symbol = 'XRPUSDT';
SELECT quantmesh.markets_changed() \gset
SELECT is(pg_temp.claim(max => 1), 'in time', 'what is out of time is not claimed');
SELECT is(string_agg(concat_ws(' ', request_id, state, live, holds_slot, exposed, ended_at IS NOT NULL), ', ' ORDER BY order_id),
          'late 1 aborted f f f t, eth late 2 aborted f f f t, xrp late 3 aborted f f f t', 'but aborted, also of a halted market and of one that is gone') FROM quantmesh.orders WHERE request_id LIKE '%late %';
SELECT is(string_agg(DISTINCT concat_ws(' ', event, from_state, to_state, source, detail), ', '), 'withdrawn intent aborted call {"reason": "valid_until passed"}', 'its event says why')
    FROM quantmesh.order_event WHERE order_id IN (SELECT order_id FROM quantmesh.orders WHERE request_id LIKE '%late %');
SELECT is(pg_temp.claim(), '-', 'once');
SELECT quantmesh.set_market('acc', 'XRPUSDT', tick_size => 0.01, step_size => 0.001) \gset
SELECT count(*) FROM quantmesh.set_trading_state('acc', 'ETHUSDT', 'active', 'test') \gset
INSERT INTO quantmesh.instance (instance, epoch) VALUES ('i3', 3);
SELECT is(pg_temp.intend('late 4'), 'placed', 'an intent that is out of time');
UPDATE quantmesh.orders SET valid_until = clock_timestamp() - interval '1 us' WHERE request_id = 'late 4';
SELECT is(pg_temp.claim(instance => 'i3', epoch => 2) || ' ' || pg_temp.stored('late 4'), '- intent 0', 'is not ended by an old instance');
SELECT is(pg_temp.claim() || ' ' || pg_temp.stored('late 4'), '- aborted 0', 'but by anybody else');

-- Trading states: of halted markets nothing is claimed, of reducing ones what takes the position towards flat.
SELECT is(pg_temp.intend('btc 1', 'eth 1', 'xrp 1', 'btc 2'), 'placed placed placed placed', 'intents of three markets');
SELECT count(*) FROM quantmesh.set_trading_state('acc', 'ETHUSDT', 'halted', 'test') \gset
SELECT count(*) FROM quantmesh.set_trading_state('acc', 'XRPUSDT', 'reducing', 'test') \gset
SELECT is(pg_temp.claim(max => 1), 'btc 1', 'of what can be sent the oldest is');
SELECT is(pg_temp.stored('eth 1'), 'intent 0', 'its intents stay');
SELECT count(*) FROM quantmesh.set_trading_state('acc', NULL, 'halted', 'test') \gset
SELECT is(pg_temp.claim(), '-', 'when the account is halted nothing is claimed');
SELECT count(*) FROM quantmesh.set_trading_state('acc', NULL, 'active', 'test') \gset
SELECT count(*) FROM quantmesh.set_trading_state('*', NULL, 'halted', 'test') \gset
SELECT is(pg_temp.claim(), '-', 'nor when everything is');
SELECT count(*) FROM quantmesh.set_trading_state('*', NULL, 'active', 'test') \gset
SELECT is(pg_temp.claim(), 'btc 2', 'afterwards what is not of the halted market is, nor would leave flat in a reducing one');
SELECT count(*) FROM quantmesh.set_trading_state('acc', 'XRPUSDT', 'active', 'test') \gset
SELECT is(pg_temp.claim(), 'xrp 1', 'that is once the market is active');
SELECT count(*) FROM quantmesh.set_trading_state('acc', 'ETHUSDT', 'active', 'test') \gset
UPDATE quantmesh.market SET trusted_tag = 'old0' WHERE symbol = 'ETHUSDT';
SELECT quantmesh.markets_changed() \gset
SELECT is(pg_temp.claim(), '-', 'a market that waits for a reconciliation is passed over');
UPDATE quantmesh.market SET trusted_tag = quantmesh.current_tag() WHERE symbol = 'ETHUSDT';
SELECT quantmesh.markets_changed() \gset
SELECT is(pg_temp.claim(), 'eth 1', 'until that is done');

-- An intent waits for the order that it replaces, whichever way that ends; so do those that replace it in turn.
CREATE FUNCTION pg_temp.replace(name text, by text) RETURNS text LANGUAGE sql AS $$
    SELECT concat_ws(' ', outcome, reason) FROM quantmesh.replace_order('acc', pg_temp.id($1), 99, 1, request_id => $2)
$$;
CREATE TEMP TABLE ending (how text);
INSERT INTO ending VALUES ('canceled'), ('filled'), ('expired'), ('rejected');
SELECT is(outcome, 'placed', 'an order') FROM ending, quantmesh.place_order('acc', 'BTCUSDT', 'buy', 100, 1, slot => '', request_id => 'old ' || how);
SELECT is(pg_temp.replace('old ' || how, 'new ' || how), 'placed', 'replaced by an intent') FROM ending;
SELECT is(pg_temp.claim(), '-', 'which is not claimed while the order lives');
SELECT is(pg_temp.report('old ' || how, 'open'), 'open', 'nor when it is open') FROM ending WHERE how <> 'rejected';
SELECT is(pg_temp.claim(), '-', 'at the exchange');
SELECT is(pg_temp.report('old ' || how, how), how, 'once it is ' || how) FROM ending;
SELECT is(pg_temp.claim(), 'new canceled new filled new expired new rejected', 'they are claimed');
SELECT is(outcome, 'placed', 'an order') FROM quantmesh.place_order('acc', 'BTCUSDT', 'buy', 100, 1, slot => '', request_id => 'chain 0');
SELECT is(pg_temp.replace('chain ' || i, 'chain ' || i + 1), 'placed', 'replaced by an intent that is replaced') FROM generate_series(0, 2) AS i;
SELECT is(string_agg(state, ' ' ORDER BY order_id), 'submitted aborted aborted intent', 'those in between are aborted') FROM quantmesh.orders WHERE request_id LIKE 'chain%';
SELECT is(pg_temp.claim(), '-', 'the last one waits for the first');
SELECT is((quantmesh.resolve_cancel('acc', pg_temp.id('chain 0'), 'done')).state, 'canceled', 'when that has ended');
SELECT is(pg_temp.claim(), 'chain 3', 'it is claimed');
SELECT is(pg_temp.replace('chain 3', 'chain 4'), 'placed', 'and replaced in turn');
SELECT is(pg_temp.claim(), '-', 'the next one waits for it');
SELECT is(pg_temp.report('chain 3', 'canceled'), 'canceled', 'alone');
SELECT is(pg_temp.claim(), 'chain 4', 'whatever was before');
SELECT is(pg_temp.intend('intent 0'), 'placed', 'an intent');
SELECT is(pg_temp.replace('intent 0', 'intent 1'), 'placed', 'that is replaced');
SELECT is(pg_temp.claim(), 'intent 1', 'keeps nobody waiting');

-- In the caller's own transaction.
SELECT is(pg_temp.intend('xact 1', 'xact 2'), 'placed placed', 'two intents');
BEGIN;
SELECT is(committed, false, 'inside a transaction nothing may be sent before COMMIT') FROM quantmesh.claim_orders('acc', max => 1);
SAVEPOINT s;
SELECT is(pg_temp.claim(), 'xact 2', 'a second claim gets the next');
ROLLBACK TO s;
SELECT is(pg_temp.claim(), 'xact 2', 'again after ROLLBACK TO');
ROLLBACK;
SELECT is(pg_temp.stored('xact 1') || ', ' || pg_temp.stored('xact 2'), 'intent 0, intent 0', 'ROLLBACK makes both intents again');
SELECT is(pg_temp.claim(), 'xact 1 xact 2', 'for anybody');
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT is(pg_temp.intend('repeatable'), 'placed', 'in a transaction with one snapshot');
SELECT is(pg_temp.claim(), 'repeatable', 'an intent is claimed');
COMMIT;
SELECT is(pg_temp.stored('repeatable'), 'submitted 0 submitted until', 'and stays so');

-- Who may.
SELECT quantmesh.grant_trader('qm_test_claimer', 'acc') \gset
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
SELECT is(pg_temp.intend('right'), 'placed', 'an intent');
SELECT is(pg_temp.run_as('qm_test_claimer', $$ SELECT quantmesh.claim_orders('acc/2') $$), '42501 permission denied for account "acc/2"', 'a trader of acc may not claim intents of another account');
SELECT is(pg_temp.run_as('qm_test_claimer', $$ SELECT quantmesh.claim_orders('acc') $$), 'ok', 'but those of its own');
SELECT is(pg_temp.stored('right'), 'submitted 0 submitted until', 'which it gets');
SELECT ok(quantmesh.revoke_trader('qm_test_claimer', 'acc'), 'revoked');
DROP ROLE qm_test_claimer;

-- Bad arguments.
SELECT is(pg_temp.intend('refused'), 'placed', 'an intent');
CREATE TEMP TABLE refused (call text, sqlstate text, message text);
INSERT INTO refused VALUES
    ('NULL', '22004', 'account must not be null'),
    ('''''', '22023', 'account %'),
    ('''a:b''', '22023', 'account %'),
    ('''*''', '22023', 'account %'),
    ('repeat(''a'', 65)', '22023', 'account %'),
    ('''acc'', ''''', '22023', 'instance %'),
    ('''acc'', repeat(''i'', 129)', '22023', 'instance %'),
    ('''acc'', E''i\n''', '22023', 'instance %'),
    ('''acc'', NULL, 7', '22004', 'instance must not be null%'),
    ('''acc'', ''i1'', 0', '22023', 'epoch must be positive%'),
    ('''acc'', ''i1'', -7', '22023', 'epoch must be positive%'),
    ('''acc'', max => NULL', '22004', 'max must not be null'),
    ('''acc'', max => 0', '22023', 'max must be from 1 to 1000%'),
    ('''acc'', max => -1', '22023', 'max must be from 1 to 1000%'),
    ('''acc'', max => 1001', '22023', 'max must be from 1 to 1000%'),
    ('''acc'', symbol => ''''', '22023', 'symbol %'),
    ('''acc'', symbol => ''*''', '22023', 'symbol %'),
    ('''acc'', symbol => repeat(''B'', 65)', '22023', 'symbol %');
SELECT throws_ok(format('SELECT quantmesh.claim_orders(%s)', call), sqlstate, NULL, format('claim_orders(%s) is %s', call, sqlstate)) FROM refused;
SELECT throws_like(format('SELECT quantmesh.claim_orders(%s)', call), message, format('which says %s', message)) FROM refused;
SELECT is(pg_temp.stored('refused'), 'intent 0', 'and nothing has changed');

SELECT * FROM finish();
