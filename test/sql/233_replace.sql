-- Shows what replace_order does to both orders: the old one is asked to be canceled and gives up its slot if the new one wants it,
-- the new one is an intent of the same terms; that a refusal changes nothing, that a request id is replayed, that limits count
-- both, and which arguments it refuses.
\set ON_ERROR_ROLLBACK off
SET client_min_messages = warning;

-- Roles belong to the whole cluster: start without leftovers of a run that was cut short.
DROP ROLE IF EXISTS qm_test_replacer;
CREATE ROLE qm_test_replacer;

SELECT plan(296);

SELECT quantmesh.set_market('acc', 'BTCUSDT', tick_size => 0.01, step_size => 0.001) \gset
SELECT quantmesh.set_market('acc', 'ETHUSDT', tick_size => 0.01, step_size => 0.001, slot_by => 'level', level_width => 10) \gset
SELECT quantmesh.set_market('acc', 'XRPUSDT', tick_size => 0.01, step_size => 0.001, min_notional => 10) \gset
INSERT INTO quantmesh.instance (instance, epoch) VALUES ('i1', 7);

-- id(name) is the order that was placed under that request id; stored(name) is what is stored of it.
CREATE FUNCTION pg_temp.id(name text) RETURNS bigint LANGUAGE sql AS $$ SELECT order_id FROM quantmesh.orders WHERE request_id = $1 $$;
CREATE FUNCTION pg_temp.stored(name text) RETURNS text LANGUAGE sql AS $$
    SELECT concat_ws(' ', state, cancel_state, CASE WHEN holds_slot THEN 'holds ' || slot END) FROM quantmesh.orders WHERE request_id = $1
$$;
CREATE FUNCTION pg_temp.events(name text) RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(event, ' ' ORDER BY event_id) FROM quantmesh.order_event WHERE order_id = pg_temp.id($1) AND source = 'call'
$$;
CREATE FUNCTION pg_temp.report(name text, state text, VARIADIC fill text[] DEFAULT ARRAY[]::text[]) RETURNS text LANGUAGE sql AS $$
    SELECT r.state FROM quantmesh.orders AS o, quantmesh.apply_report(o.account, o.symbol, o.client_order_id, 'x-' || $1, $2, $3[1], $3[2]::numeric, CASE WHEN $3[1] IS NOT NULL THEN 100 END) AS r WHERE o.request_id = $1
$$;
-- Places a buy order of quantity 1 and brings it into a state.
CREATE FUNCTION pg_temp.make(name text, state text, price numeric, symbol text DEFAULT 'BTCUSDT', slot text DEFAULT NULL) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    p quantmesh.placement := quantmesh.place_order('acc', symbol, 'buy', price, 1, slot => slot, request_id => name, submit => state NOT IN ('intent', 'aborted'));
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
-- Replaces and answers what became of it.
CREATE FUNCTION pg_temp.replace(name text, price numeric, by text DEFAULT NULL, quantity numeric DEFAULT 1) RETURNS text LANGUAGE sql AS $$
    SELECT concat_ws(' ', outcome, state, CASE WHEN replayed THEN 'replayed' END, reason) FROM quantmesh.replace_order('acc', pg_temp.id($1), price, quantity, request_id => by)
$$;

-- At the same price the new order takes the slot over.
SELECT is(pg_temp.make('a', 'open', 100), 'open', 'an open order');
SELECT is(pg_temp.stored('a'), 'open none holds 100', 'holds its slot');
CREATE TEMP TABLE got AS SELECT * FROM quantmesh.replace_order('acc', pg_temp.id('a'), 100.00, 2.50, request_id => 'a2');
SELECT is(concat_ws(' ', outcome, replayed, state, owner, committed, reason, detail, send_before), 'placed f intent ' || current_user || ' t', 'is replaced by an intent') FROM got;
SELECT is(concat_ws(' ', o.order_id, o.client_order_id, o.fence), concat_ws(' ', got.order_id, got.client_order_id, got.fence), 'which the answer names') FROM got, quantmesh.orders AS o WHERE o.request_id = 'a2';
SELECT is(pg_temp.stored('a'), 'open sent', 'the old one has no slot any more and is to be canceled');
SELECT is(pg_temp.events('a'), 'cancel_requested', 'which is one event');
SELECT is(pg_temp.stored('a2'), 'intent none holds 100', 'the new one has it');
SELECT is(concat_ws(' ', symbol, side, order_type, time_in_force, price, quantity, post_only, reduce_only, strategy = '', replaces = pg_temp.id('a'), submitted_at), 'BTCUSDT buy limit gtc 100.00 2.50 f f t t', 'its terms are the old one''s, but for price and quantity')
    FROM quantmesh.orders WHERE request_id = 'a2';
SELECT is(outcome || ' ' || order_id, 'duplicate ' || pg_temp.id('a2'), 'a third order there is a duplicate of it') FROM quantmesh.place_order('acc', 'BTCUSDT', 'buy', 100, 1);
SELECT is(outcome, 'skipped', 'a further cancel is under way') FROM quantmesh.cancel_order('acc', pg_temp.id('a'));
SELECT is(pg_temp.report('a', NULL, 't-a', '1'), 'filled', 'the old one may fill still');
SELECT is(pg_temp.stored('a') || ', ' || pg_temp.stored('a2'), 'filled sent, intent none holds 100', 'without touching the new one');

-- At another price each has its own slot until the old one has ended.
SELECT is(pg_temp.make('b', 'open', 101), 'open', 'an open order');
SELECT is(pg_temp.replace('b', 102, 'b2'), 'placed intent', 'is replaced at another price');
SELECT is(pg_temp.stored('b') || ', ' || pg_temp.stored('b2'), 'open sent holds 101, intent none holds 102', 'both hold their slots');
SELECT is(outcome || ' ' || order_id, 'duplicate ' || pg_temp.id('b'), 'so that nobody gets the old one') FROM quantmesh.place_order('acc', 'BTCUSDT', 'buy', 101, 1);
SELECT is((quantmesh.resolve_cancel('acc', pg_temp.id('b'), 'done')).state, 'canceled', 'before the old order has ended');
SELECT is(outcome, 'placed', 'then it is free') FROM quantmesh.place_order('acc', 'BTCUSDT', 'buy', 101, 1);

-- Every state: what is live is replaced, what has ended is not.
CREATE TEMP TABLE expected (state text, outcome text, same_slot text, other_slot text, event text);
INSERT INTO expected VALUES
    ('intent', 'placed intent', 'aborted none', 'aborted none', 'withdrawn'),
    ('submitted', 'placed intent', 'submitted requested', 'submitted requested holds', 'cancel_requested'),
    ('unknown', 'placed intent', 'unknown requested', 'unknown requested holds', 'cancel_requested'),
    ('lost', 'placed intent', 'lost requested', 'lost requested holds', 'cancel_requested'),
    ('open', 'placed intent', 'open sent', 'open sent holds', 'cancel_requested'),
    ('partially_filled', 'placed intent', 'partially_filled sent', 'partially_filled sent holds', 'cancel_requested');
INSERT INTO expected SELECT s, 'denied ORDER_NOT_LIVE', s || ' none', s || ' none', CASE s WHEN 'aborted' THEN 'withdrawn' END
    FROM unnest(ARRAY['filled', 'canceled', 'expired', 'rejected', 'aborted', 'never_accepted']) AS s;
SELECT set_eq('SELECT state FROM expected', 'SELECT DISTINCT from_state FROM quantmesh.order_transitions', 'every state is tried');
CREATE TEMP TABLE attempt AS
    SELECT e.*, same, concat_ws(' ', state, CASE WHEN same THEN 'same' ELSE 'other' END) AS name, 200 + 2 * row_number() OVER (ORDER BY state, same) AS price
    FROM expected AS e, unnest(ARRAY[true, false]) AS same;
SELECT is(pg_temp.make(name, state, price), state, format('there is an order: %s', name)) FROM attempt;
SELECT is(pg_temp.replace(name, CASE WHEN same THEN price ELSE price + 1 END, name || ' 2'), outcome, format('replacing it: %s', name)) FROM attempt;
SELECT is(pg_temp.stored(name), CASE WHEN same THEN same_slot WHEN other_slot LIKE '% holds' THEN other_slot || ' ' || price ELSE other_slot END, format('the old one: %s', name)) FROM attempt;
SELECT is(pg_temp.events(name), event, format('with the event: %s', name)) FROM attempt;
SELECT is(pg_temp.stored(name || ' 2'), CASE WHEN outcome LIKE 'placed%' THEN 'intent none holds ' || CASE WHEN same THEN price ELSE price + 1 END END, format('the new one: %s', name)) FROM attempt;
SELECT is(detail, format('order %s has ended', pg_temp.id('filled same')), 'a denial says which order has ended') FROM quantmesh.replace_order('acc', pg_temp.id('filled same'), 1, 1);

-- Terms are kept: side, strategy, flags, a named slot, no slot, time in force, market orders.
CREATE FUNCTION pg_temp.terms(name text) RETURNS text LANGUAGE sql AS $$
    SELECT concat_ws(' ', symbol, side, order_type, time_in_force, coalesce(price::text, '-'), quantity, post_only, reduce_only, strategy, coalesce('slot ' || slot, 'no slot'), coalesce(instance, '-'), holds_slot)
    FROM quantmesh.orders WHERE request_id = $1
$$;
SELECT is(outcome, 'placed', 'an order of many terms') FROM quantmesh.place_order('acc', 'BTCUSDT', 'sell', 900, 1, post_only => true, strategy => 'grid', slot => 'g7', instance => 'i1', epoch => 7, request_id => 'terms');
SELECT is(pg_temp.replace('terms', 901, 'terms 2'), 'placed intent', 'is replaced');
SELECT is(pg_temp.terms('terms 2'), 'BTCUSDT sell limit gtc 901 1 t f grid slot g7 - t', 'by one of the same terms, in the same named slot, of this caller');
SELECT is(pg_temp.stored('terms'), 'submitted requested', 'which the old one gave up');
SELECT is(outcome, 'placed', 'an order without a slot') FROM quantmesh.place_order('acc', 'BTCUSDT', 'buy', 50, 1, slot => '', request_id => 'slotless');
SELECT is(pg_temp.replace('slotless', 51, 'slotless 2'), 'placed intent', 'is replaced');
SELECT is(pg_temp.terms('slotless 2'), 'BTCUSDT buy limit gtc 51 1 f f  no slot - f', 'by one without');
SELECT is(outcome, 'placed', 'an ioc order') FROM quantmesh.place_order('acc', 'BTCUSDT', 'buy', 50, 1, time_in_force => 'ioc', request_id => 'ioc');
SELECT is(outcome, 'placed', 'a fok order') FROM quantmesh.place_order('acc', 'BTCUSDT', 'buy', 50, 1, time_in_force => 'fok', request_id => 'fok');
SELECT is(pg_temp.replace(f, 51, f || ' 2'), 'placed intent', 'is replaced') FROM unnest(ARRAY['ioc', 'fok']) AS f;
SELECT is(pg_temp.terms(f || ' 2'), format('BTCUSDT buy limit %s 51 1 f f  no slot - f', f), 'by one of its kind') FROM unnest(ARRAY['ioc', 'fok']) AS f;
SELECT is(outcome, 'placed', 'a market order') FROM quantmesh.place_order('acc', 'ETHUSDT', 'buy', NULL, 1, order_type => 'market', request_id => 'market');
SELECT is(pg_temp.replace('market', NULL, 'market 2', 3), 'placed intent', 'is replaced without a price');
SELECT is(pg_temp.terms('market 2'), 'ETHUSDT buy market gtc - 3 f f  no slot - f', 'by a market order');
SELECT is(outcome, 'placed', 'a sell order') FROM quantmesh.place_order('acc', 'XRPUSDT', 'sell', 500, 1, request_id => 'sell');
SELECT is(pg_temp.replace('sell', 499, 'sell 2'), 'placed intent', 'its replacement');
SELECT is(pg_temp.terms('sell 2'), 'XRPUSDT sell limit gtc 499 1 f f  slot 499 - t', 'sells');

-- Slots by level: another price of the same level is the same slot.
SELECT is(pg_temp.make('level', 'open', 1001, 'ETHUSDT'), 'open', 'an order at a level');
SELECT is(pg_temp.replace('level', 1009, 'level 2'), 'placed intent', 'replaced within it');
SELECT is(pg_temp.stored('level') || ', ' || pg_temp.stored('level 2'), 'open sent, intent none holds 1000', 'hands the level over');
SELECT is(pg_temp.replace('level 2', 1010, 'level 3'), 'placed intent', 'replaced beyond it');
SELECT is(pg_temp.stored('level 2') || ', ' || pg_temp.stored('level 3'), 'aborted none, intent none holds 1010', 'moves on');

-- A cancel that is under way already stays as it is.
SELECT is(pg_temp.make('sent ' || i, 'open', 300 + i), 'open', 'an order') FROM generate_series(1, 2) AS i;
SELECT is(outcome, 'requested', 'that is being cancelled') FROM generate_series(1, 2) AS i, quantmesh.cancel_order('acc', pg_temp.id('sent ' || i));
CREATE TEMP TABLE asked AS SELECT request_id, cancel_requested_at FROM quantmesh.orders WHERE request_id LIKE 'sent _';
SELECT is(pg_temp.replace('sent 1', 301, 'sent 1 b') || ', ' || pg_temp.replace('sent 2', 320, 'sent 2 b'), 'placed intent, placed intent', 'can be replaced');
SELECT is(pg_temp.stored('sent 1') || ' ' || pg_temp.events('sent 1'), 'open sent cancel_requested slot_released', 'it gives its slot up');
SELECT is(pg_temp.stored('sent 2') || ' ' || pg_temp.events('sent 2'), 'open sent holds 302 cancel_requested', 'or keeps it');
SELECT is(count(*), 2::bigint, 'and is not asked again') FROM asked JOIN quantmesh.orders USING (request_id, cancel_requested_at);

-- What is refused changes nothing.
SELECT is(pg_temp.make('keep', 'open', 400), 'open', 'an order to keep');
SELECT is(pg_temp.make('other', 'open', 410), 'open', 'another one');
SELECT is(pg_temp.make('xrp', 'open', 100, 'XRPUSDT'), 'open', 'one with a minimum');
CREATE TEMP TABLE kept AS SELECT order_id, updated_at FROM quantmesh.orders WHERE request_id IN ('keep', 'other', 'xrp');
CREATE TEMP TABLE events_before AS SELECT count(*) AS events FROM quantmesh.order_event;
SELECT is(pg_temp.replace('keep', 400.001), 'denied PRICE_OFF_TICK', 'a price off the tick');
SELECT is(pg_temp.replace('keep', 400, quantity => 1.0001), 'denied QUANTITY_OFF_STEP', 'a quantity off the step');
SELECT is(pg_temp.replace('xrp', 100, quantity => 0.05), 'denied NOTIONAL_BELOW_MINIMUM', 'too little');
SELECT is(pg_temp.replace('keep', 410), 'duplicate open SLOT_TAKEN', 'the slot of another order');
SELECT is(outcome || ' ' || reason, 'denied SELF_CROSS', 'a price that trades with our own order') FROM quantmesh.replace_order('acc', pg_temp.id('keep'), 901, 1);
SELECT is(outcome || ' ' || reason, 'denied VALID_UNTIL_PASSED', 'a time that is over') FROM quantmesh.replace_order('acc', pg_temp.id('keep'), 400, 1, valid_until => clock_timestamp() - interval '1 s');
SELECT is(outcome || ' ' || reason, 'denied STALE_INSTANCE', 'an old epoch') FROM quantmesh.replace_order('acc', pg_temp.id('keep'), 400, 1, instance => 'i1', epoch => 6);
SELECT is(outcome || ' ' || reason, 'denied UNKNOWN_INSTANCE', 'an unknown instance') FROM quantmesh.replace_order('acc', pg_temp.id('keep'), 400, 1, instance => 'i2', epoch => 6);
SELECT quantmesh.set_limits('acc', 'BTCUSDT', max_position => 1) \gset
SELECT is(pg_temp.replace('keep', 400), 'denied MAX_POSITION', 'a limit');
SELECT quantmesh.set_limits('acc', 'BTCUSDT') \gset
SELECT count(*) FROM quantmesh.set_trading_state('acc', 'BTCUSDT', 'halted', 'test') \gset
SELECT is(pg_temp.replace('keep', 400), 'denied HALTED', 'a halt');
SELECT count(*) FROM quantmesh.set_trading_state('acc', 'BTCUSDT', 'active', 'test') \gset
UPDATE quantmesh.market SET trusted_tag = 'old0' WHERE symbol = 'BTCUSDT';
SELECT quantmesh.markets_changed() \gset
SELECT is(pg_temp.replace('keep', 400), 'denied RECONCILE_PENDING', 'an unfinished failover');
UPDATE quantmesh.market SET trusted_tag = quantmesh.current_tag() WHERE symbol = 'BTCUSDT';
SELECT quantmesh.markets_changed() \gset
SELECT quantmesh.try_lease('order:acc:BTCUSDT:400', 'other', '20 s') AS lease \gset
SELECT is(pg_temp.replace('keep', 400), 'skipped LEVEL_BUSY', 'somebody at the level');
SELECT ok(quantmesh.release_lease('order:acc:BTCUSDT:400', 'other', :lease), 'who is gone now');
SELECT is(pg_temp.stored('keep') || ', ' || pg_temp.stored('other') || ', ' || pg_temp.stored('xrp'), 'open none holds 400, open none holds 410, open none holds 100', 'keeps the order as it is');
SELECT is(count(*), 3::bigint, 'without a write') FROM kept JOIN quantmesh.orders USING (order_id, updated_at);
SELECT is((SELECT count(*) FROM quantmesh.order_event), events, 'or an event') FROM events_before;
SELECT is(pg_temp.replace('keep', 400, 'keep 2'), 'placed intent', 'in the end it is replaced');

-- The same request gives the same placement, whatever has become of both orders.
SELECT is(pg_temp.make('r', 'open', 420), 'open', 'an order');
CREATE TEMP TABLE first AS SELECT * FROM quantmesh.replace_order('acc', pg_temp.id('r'), 421, 2, request_id => 'r2');
CREATE TEMP TABLE again AS SELECT * FROM quantmesh.replace_order('acc', pg_temp.id('r'), 421, 2, request_id => 'r2');
SELECT is(replayed, false, 'an order is replaced') FROM first;
SELECT is(again::text, replace(first::text, '(placed,f,', '(placed,t,'), 'a repeated request is answered the same, but replayed') FROM first, again;
SELECT is(pg_temp.events('r'), 'cancel_requested', 'and nothing is asked again');
SELECT is((quantmesh.resolve_cancel('acc', pg_temp.id('r'), 'done')).state, 'canceled', 'when the old order has ended');
SELECT is(pg_temp.replace('r', 421, 'r2', 2), 'placed intent replayed', 'it is replayed still');
SELECT is(count(*) FILTER (WHERE order_id = pg_temp.id('r2')), 1::bigint, 'when the new one was claimed') FROM quantmesh.claim_orders('acc', max => 1000);
SELECT is(pg_temp.replace('r', 421, 'r2', 2), 'placed submitted replayed', 'it is replayed with its state');
SELECT is(fence::text || send_before, (SELECT fence::text || send_before FROM quantmesh.orders WHERE request_id = 'r2'), 'its fence and its deadline') FROM quantmesh.replace_order('acc', pg_temp.id('r'), 421, 2, request_id => 'r2');
SELECT is(pg_temp.replace('r', 422, 'r2', 2), 'placed submitted replayed REQUEST_DIFFERS', 'other values are told');
SELECT is(pg_temp.replace('r', 421, 'r2', 3), 'placed submitted replayed REQUEST_DIFFERS', 'of quantity, too');
SELECT is(pg_temp.replace('r2', 430, 'r2', 2), 'placed submitted replayed REQUEST_DIFFERS', 'an order cannot be replaced by itself');
SELECT is(pg_temp.replace('r', 421, 'r3', 2), 'denied ORDER_NOT_LIVE', 'another request comes too late');
SELECT is(count(*), 1::bigint, 'there is one replacement') FROM quantmesh.orders WHERE replaces = pg_temp.id('r');

-- Deadline, sender and owner are the caller's.
SELECT is(pg_temp.make('mine', 'open', 440), 'open', 'an order');
SELECT is(outcome || ' ' || owner, 'placed i1', 'replaced by an instance') FROM quantmesh.replace_order('acc', pg_temp.id('mine'), 440, 1, 'mine 2', 'i1', 7, clock_timestamp() + interval '1 hour');
SELECT is(concat_ws(' ', owner, instance, epoch, valid_until > clock_timestamp()), 'i1 i1 7 t', 'is stored so') FROM quantmesh.orders WHERE request_id = 'mine 2';

-- Limits count both orders until the old one has ended.
SELECT quantmesh.set_market('acc', 'LTCUSDT', tick_size => 0.01, step_size => 0.001) \gset
SELECT is(pg_temp.make('limit', 'open', 100, 'LTCUSDT'), 'open', 'an order');
SELECT quantmesh.set_limits('acc', 'LTCUSDT', max_open_orders => 1) \gset
SELECT is(pg_temp.replace('limit', 100), 'denied MAX_OPEN_ORDERS', 'with the only place cannot be replaced');
SELECT quantmesh.set_limits('acc', 'LTCUSDT', max_open_orders => 2) \gset
SELECT is(pg_temp.replace('limit', 101, 'limit 2'), 'placed intent', 'with a second place it can');
SELECT is(outcome || ' ' || reason, 'denied MAX_OPEN_ORDERS', 'both are counted') FROM quantmesh.place_order('acc', 'LTCUSDT', 'buy', 90, 1);
SELECT is((quantmesh.resolve_cancel('acc', pg_temp.id('limit'), 'done')).state, 'canceled', 'until the old one has ended');
SELECT is(outcome, 'placed', 'then there is room') FROM quantmesh.place_order('acc', 'LTCUSDT', 'buy', 90, 1);
SELECT is(outcome || ' ' || reason, 'denied MAX_OPEN_ORDERS', 'for one') FROM quantmesh.place_order('acc', 'LTCUSDT', 'buy', 91, 1);

-- In the caller's own transaction.
SELECT is(pg_temp.make('own', 'open', 450), 'open', 'an order');
BEGIN;
SELECT is(outcome || ' ' || committed, 'placed false', 'replaced inside a transaction') FROM quantmesh.replace_order('acc', pg_temp.id('own'), 450, 1, 'own 2');
SELECT is(pg_temp.stored('own') || ', ' || pg_temp.stored('own 2'), 'open sent, intent none holds 450', 'is as it should be there');
ROLLBACK;
SELECT is(pg_temp.stored('own'), 'open none holds 450', 'ROLLBACK gives it back its slot');
SELECT is(pg_temp.stored('own 2'), NULL, 'and takes the new one away');
BEGIN;
SAVEPOINT s;
SELECT is(pg_temp.replace('own', 450, 'own 2'), 'placed intent', 'behind a savepoint');
ROLLBACK TO s;
SELECT is(pg_temp.replace('own', 451, 'own 3'), 'placed intent', 'again after ROLLBACK TO');
COMMIT;
SELECT is(pg_temp.stored('own') || ', ' || pg_temp.stored('own 3'), 'open sent holds 450, intent none holds 451', 'COMMIT keeps it');
SELECT is(pg_temp.replace('own 3', 450, 'own 4'), 'duplicate open SLOT_TAKEN', 'the slot of an order that was replaced elsewhere is not free before it ends');

-- Who may.
SELECT quantmesh.grant_trader('qm_test_replacer', 'acc') \gset
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
SELECT is(pg_temp.run_as('qm_test_replacer', $$ SELECT quantmesh.replace_order('other', 1, 1, 1) $$), '42501 permission denied for account "other"', 'a trader of acc may not replace orders of another account');
SELECT is(pg_temp.run_as('qm_test_replacer', format($$ SELECT quantmesh.replace_order('acc', %s, 452, 1, 'of trader') $$, pg_temp.id('own 3'))), 'ok', 'but those of its own');
SELECT is(owner, 'qm_test_replacer', 'and owns the new one') FROM quantmesh.orders WHERE request_id = 'of trader';
SELECT ok(quantmesh.revoke_trader('qm_test_replacer', 'acc'), 'revoked');
DROP ROLE qm_test_replacer;

-- Bad arguments.
CREATE TEMP TABLE refused (call text, sqlstate text, message text);
INSERT INTO refused VALUES
    ('NULL, 1, 1, 1', '22004', 'account must not be null'),
    ('''acc'', NULL, 1, 1', '22004', 'order_id must not be null'),
    ('''acc'', pg_temp.id(''other''), NULL, 1', '22004', 'price must not be null'),
    ('''acc'', pg_temp.id(''other''), 1, NULL', '22004', 'quantity must not be null'),
    ('''acc'', pg_temp.id(''market 2''), 1, 1', '22023', 'price of a market order must be null'),
    ('''acc'', 1, 1, 1', 'P0002', 'order 1 of account "acc" does not exist'),
    ('''acc/2'', pg_temp.id(''other''), 1, 1', 'P0002', '% of account "acc/2" does not exist'),
    ('''acc'', 0, 1, 1', '22023', 'order_id must be positive%'),
    ('''a:b'', 1, 1, 1', '22023', 'account %'),
    ('''acc'', pg_temp.id(''other''), 1, 1, ''''', '22023', 'request_id %'),
    ('''acc'', pg_temp.id(''other''), 1, 1, repeat(''r'', 129)', '22023', 'request_id %'),
    ('''acc'', pg_temp.id(''other''), 1, 1, E''r\n''', '22023', 'request_id %'),
    ('''acc'', pg_temp.id(''other''), 1, 1, instance => ''''', '22023', 'instance %'),
    ('''acc'', pg_temp.id(''other''), 1, 1, epoch => 1', '22004', 'instance must not be null%'),
    ('''acc'', pg_temp.id(''other''), 1, 1, instance => ''i1'', epoch => 0', '22023', 'epoch must be positive%'),
    ('''acc'', pg_temp.id(''other''), 1, 1, valid_until => ''infinity''', '22023', 'valid_until must be finite'),
    ('''acc'', pg_temp.id(''other''), 1, 1, valid_until => ''-infinity''', '22023', 'valid_until must be finite');
INSERT INTO refused SELECT format('''acc'', pg_temp.id(''other''), %s, 1', v), '22023', 'price must be positive%' FROM unnest(ARRAY['0', '-1', '''NaN''', '''Infinity''', '''-Infinity''', '1e18', '1e-19', repeat('9', 40)]) AS v;
INSERT INTO refused SELECT format('''acc'', pg_temp.id(''other''), 1, %s', v), '22023', 'quantity must be positive%' FROM unnest(ARRAY['0', '-1', '''NaN''', '''Infinity''', '''-Infinity''', '1e18', '1e-19', repeat('9', 40)]) AS v;
CREATE TEMP TABLE events_refused AS SELECT count(*) AS events FROM quantmesh.order_event;
SELECT throws_ok(format('SELECT quantmesh.replace_order(%s)', call), sqlstate, NULL, format('replace_order(%s) is %s', left(call, 100), sqlstate)) FROM refused;
SELECT throws_like(format('SELECT quantmesh.replace_order(%s)', call), message, format('which says %s', message)) FROM refused;
SELECT is((SELECT count(*) FROM quantmesh.order_event), events, 'and nothing has changed') FROM events_refused;

SELECT * FROM finish();
