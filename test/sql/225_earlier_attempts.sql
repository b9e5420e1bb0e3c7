-- Shows orders that were sent twice because the exchange said that it had not processed the first attempt, and both
-- attempts turn out to be there: the order holds its slot as long as one of them may be alive, and no longer.
\set ON_ERROR_ROLLBACK off

SELECT plan(37);

SELECT quantmesh.set_market('att', 'BTCUSDT', tick_size => 0.01, step_size => 0.001) \gset

-- An order whose second attempt is under way; its first id and both fences are kept.
CREATE TEMP TABLE first_attempt (request_id text, client_order_id text);
CREATE FUNCTION pg_temp.twice(request_id text, price numeric) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    p quantmesh.placement := quantmesh.place_order('att', 'BTCUSDT', 'buy', price, 1, request_id => request_id);
BEGIN
    INSERT INTO first_attempt VALUES (request_id, p.client_order_id);
    PERFORM quantmesh.resolve_submission('att', p.order_id, p.fence, 'not_processed');
    PERFORM quantmesh.claim_orders('att');
    RETURN (SELECT state FROM quantmesh.orders AS o WHERE o.request_id = twice.request_id);
END $$;
CREATE FUNCTION pg_temp.first(request_id text, arguments text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    r quantmesh.report_result;
BEGIN
    EXECUTE format('SELECT * FROM quantmesh.apply_report(''att'', ''BTCUSDT'', %L, %s)', (SELECT client_order_id FROM first_attempt AS f WHERE f.request_id = first.request_id), arguments) INTO r;
    RETURN concat_ws(' ', r.state, r.applied, r.discrepancy);
END $$;
CREATE FUNCTION pg_temp.last(request_id text, outcome text) RETURNS text LANGUAGE sql AS $$
    SELECT concat_ws(' ', r.state, r.applied, r.discrepancy) FROM quantmesh.orders AS o, quantmesh.resolve_submission('att', o.order_id, o.fence, outcome) AS r WHERE o.request_id = $1
$$;
CREATE FUNCTION pg_temp.holds(request_id text) RETURNS text LANGUAGE sql AS $$
    SELECT concat_ws(' ', state, CASE WHEN holds_slot THEN 'holds' ELSE 'free' END, 'attempt ' || right(client_order_id, 1)) FROM quantmesh.orders AS o WHERE o.request_id = $1
$$;

-- The first attempt fills completely while the second is on its way.
SELECT is(pg_temp.twice('fill', 100), 'submitted', 'a second attempt is under way');
SELECT is(pg_temp.first('fill', $$ state => 'filled', trade_id => 'f1', last_quantity => 1, last_price => 100, cumulative_quantity => 1 $$), 'partially_filled t REVIVED', 'the first is filled: booked, but no end');
SELECT is(pg_temp.holds('fill'), 'partially_filled holds attempt 1', 'since the second may be alive, and has the slot');
SELECT is((SELECT outcome FROM quantmesh.place_order('att', 'BTCUSDT', 'buy', 100, 1)), 'duplicate', 'so that nothing else is placed there');
SELECT is(pg_temp.first('fill', $$ state => 'filled', trade_id => 'f1', last_quantity => 1, last_price => 100, cumulative_quantity => 1 $$), 'partially_filled f STATE_DRIFT', 'once more');
SELECT is(pg_temp.last('fill', 'rejected'), 'filled t STATE_DRIFT', 'the second is refused: now it is filled');
SELECT is(pg_temp.holds('fill'), 'filled free attempt 1', 'and the slot is free');
SELECT is(pg_temp.twice('overfill', 101), 'submitted', 'again');
SELECT is(pg_temp.first('overfill', $$ trade_id => 'o1', last_quantity => 1, last_price => 101 $$), 'partially_filled t REVIVED', 'the first is filled');
SELECT is(pg_temp.last('overfill', 'accepted'), 'partially_filled f', 'the second is accepted');
SELECT is((SELECT r.state FROM quantmesh.orders AS o, quantmesh.apply_report('att', 'BTCUSDT', o.client_order_id, state => 'canceled') AS r WHERE o.request_id = 'overfill'), 'canceled', 'and canceled: the end');

-- The first attempt is open, the second comes to nothing, then the first ends: in whatever way we are told.
SELECT is(pg_temp.twice(o, 110 + n), 'submitted', o || ': a second attempt is under way') FROM unnest(ARRAY['rejected', 'not_sent', 'not_processed']) WITH ORDINALITY AS u (o, n);
SELECT is(pg_temp.first(o, $$ state => 'new' $$), 'open t REVIVED', o || ': the first is open') FROM unnest(ARRAY['rejected', 'not_sent', 'not_processed']) AS o;
SELECT is(pg_temp.last(o, o), 'open t STATE_DRIFT', o || ': the second is nowhere') FROM unnest(ARRAY['rejected', 'not_sent', 'not_processed']) AS o;
SELECT is(pg_temp.last(o, o), 'open f STATE_DRIFT', o || ': said again') FROM unnest(ARRAY['rejected', 'not_sent', 'not_processed']) AS o;
SELECT is(pg_temp.first(o, $$ state => 'canceled' $$), 'canceled t', o || ': the end of the first is the end') FROM unnest(ARRAY['rejected', 'not_sent', 'not_processed']) AS o;

-- The same from the stream; the order stands for the first attempt then, which is what can be canceled.
SELECT is(pg_temp.twice('stream', 120), 'submitted', 'a second attempt is under way');
SELECT is(pg_temp.first('stream', $$ state => 'new' $$), 'open t REVIVED', 'the first is open');
SELECT is((SELECT concat_ws(' ', r.state, r.applied, r.discrepancy) FROM quantmesh.orders AS o, quantmesh.apply_report('att', 'BTCUSDT', o.client_order_id, state => 'rejected') AS r WHERE o.request_id = 'stream'), 'open t STATE_DRIFT', 'the second is rejected');
SELECT is(pg_temp.first('stream', $$ state => 'new' $$) || ', ' || pg_temp.holds('stream'), 'open t, open holds attempt 0', 'the next word of the first gives the order its id');

-- An exchange's id belongs to one attempt: what is told by it alone is of that one.
SELECT is(pg_temp.twice('ids', 130), 'submitted', 'a second attempt is under way');
SELECT is(pg_temp.first('ids', $$ 'x-first', state => 'new' $$), 'open t REVIVED', 'the first is open, with an id of the exchange');
SELECT is((SELECT concat_ws(' ', r.state, r.applied, r.discrepancy) FROM quantmesh.apply_report('att', 'BTCUSDT', exchange_order_id => 'x-first', trade_id => 'i1', last_quantity => 1, last_price => 130) AS r), 'partially_filled t', 'filled, by that id alone');
SELECT is((SELECT concat_ws(' ', r.state, r.applied, r.discrepancy) FROM quantmesh.apply_report('att', 'BTCUSDT', 'of-the-cancel', 'x-first', state => 'canceled') AS r), 'partially_filled f STATE_DRIFT', 'and canceled, with the id of the cancel');
SELECT is(pg_temp.holds('ids'), 'partially_filled holds attempt 1', 'the second may be alive');
SELECT is((SELECT r.state FROM quantmesh.orders AS o, quantmesh.apply_report('att', 'BTCUSDT', o.client_order_id, 'x-last', state => 'new') AS r WHERE o.request_id = 'ids'), 'partially_filled', 'it is, with another id');
SELECT is((SELECT r.state FROM quantmesh.apply_report('att', 'BTCUSDT', exchange_order_id => 'x-last', state => 'canceled') AS r), 'canceled', 'whose end is the end');

SELECT * FROM finish();
