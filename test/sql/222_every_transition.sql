-- Shows that every event does to an order in every state what quantmesh.order_transitions says: all pairs are tried through
-- the functions that people call. Each of the 12 states is brought about, and each of the 13 events is expressed by the
-- function for it. What the table refuses is refused with 55000, or the function finds nothing to do.
\set ON_ERROR_ROLLBACK off
\ir rows_eq.psql

SELECT plan(632);

SELECT quantmesh.set_market('every/' || event, 'BTCUSDT', tick_size => 0.01, step_size => 0.001) FROM (SELECT DISTINCT event FROM quantmesh.order_transitions) AS e \g /dev/null
SELECT is((SELECT count(*) FROM quantmesh.order_transitions), 12 * 13::bigint, 'twelve states, thirteen events');

-- Brings an order into a state. Every event has an account of its own, so that claim_orders finds the one order.
CREATE FUNCTION pg_temp.bring(from_state text, event text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    a text := 'every/' || event;
    p quantmesh.placement;
BEGIN
    p := quantmesh.place_order(a, 'BTCUSDT', 'buy', 100, 1, slot => 'from ' || from_state, submit => from_state NOT IN ('intent', 'aborted'));
    CASE
    WHEN from_state IN ('intent', 'submitted') THEN NULL;
    WHEN from_state = 'aborted' THEN PERFORM quantmesh.cancel_order(a, p.order_id);
    WHEN from_state IN ('unknown', 'lost', 'never_accepted') THEN
        PERFORM quantmesh.resolve_submission(a, p.order_id, p.fence, 'unknown');
        IF from_state <> 'unknown' THEN
            PERFORM quantmesh.settle_order(a, p.order_id, from_state, 'test');
        END IF;
    ELSE PERFORM quantmesh.apply_report(a, 'BTCUSDT', p.client_order_id, state => from_state);
    END CASE;
    RETURN p.order_id;
END $$;

-- What an event has to come to. An operator who gives up a submitted order, or has proved it absent, says with it that the reply is lost.
CREATE TEMP VIEW expected AS
    SELECT x.from_state, x.event, y.to_state, y.effect, y.to_live, x.from_live
    FROM quantmesh.order_transitions AS x JOIN quantmesh.order_transitions AS y
         ON y.event = x.event AND y.from_state = CASE WHEN x.from_state = 'submitted' AND x.event IN ('given_up', 'proved_absent') THEN 'unknown' ELSE x.from_state END;

-- Lets an event happen to it, by the function that expresses it. Says which discrepancy was recorded, refused for 55000, or
-- nothing for a function that found nothing to do.
CREATE FUNCTION pg_temp.happen(o quantmesh.orders, event text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    r quantmesh.report_result;
    c quantmesh.cancellation;
BEGIN
    CASE event
    WHEN 'claimed' THEN
        PERFORM FROM quantmesh.claim_orders(o.account, max => 1000) AS k WHERE k.order_id = o.order_id;
        RETURN CASE WHEN FOUND THEN NULL ELSE 'nothing' END;
    WHEN 'withdrawn' THEN
        c := quantmesh.cancel_order(o.account, o.order_id);
        RETURN CASE c.outcome WHEN 'aborted' THEN NULL ELSE 'nothing' END;
    WHEN 'not_sent', 'not_processed' THEN r := quantmesh.resolve_submission(o.account, o.order_id, coalesce(o.fence, 1), event);
    WHEN 'reply_lost' THEN r := quantmesh.resolve_submission(o.account, o.order_id, coalesce(o.fence, 1), 'unknown');
    WHEN 'proved_absent' THEN r := quantmesh.settle_order(o.account, o.order_id, 'never_accepted', 'test');
    WHEN 'given_up' THEN r := quantmesh.settle_order(o.account, o.order_id, 'lost', 'test');
    WHEN 'opened' THEN r := quantmesh.apply_report(o.account, o.symbol, o.client_order_id, state => 'new');
    WHEN 'part_filled' THEN r := quantmesh.apply_report(o.account, o.symbol, o.client_order_id, state => 'partially_filled');
    ELSE r := quantmesh.apply_report(o.account, o.symbol, o.client_order_id, state => event);
    END CASE;
    RETURN coalesce(r.discrepancy, CASE WHEN NOT r.applied THEN 'nothing' END);
EXCEPTION WHEN object_not_in_prerequisite_state THEN
    RETURN 'refused';
END $$;

-- What is expected of it beside the state: what was said, and whether an event was written.
CREATE TEMP TABLE tried (from_state text, event text, order_id bigint, brought_to text, events_before bigint, said text);
SELECT format('INSERT INTO tried (from_state, event, order_id) SELECT %L, %L, pg_temp.bring(%1$L, %2$L)', from_state, event) FROM quantmesh.order_transitions ORDER BY from_rank, from_state, event \gexec
UPDATE tried AS t SET brought_to = o.state, events_before = (SELECT count(*) FROM quantmesh.order_event AS e WHERE e.order_id = o.order_id) FROM quantmesh.orders AS o WHERE o.order_id = t.order_id;
SELECT is(brought_to, from_state, format('an order is brought to %s for %s', from_state, event)) FROM tried ORDER BY order_id;
SELECT format('UPDATE tried SET said = pg_temp.happen(o, event) FROM quantmesh.orders AS o WHERE o.order_id = tried.order_id AND tried.order_id = %s', order_id) FROM tried ORDER BY order_id \gexec

SELECT is(o.state::text, x.to_state, format('%s, %s: %s, %s', x.from_state, x.event, x.effect, coalesce(t.said, 'done')))
    FROM tried AS t JOIN expected AS x USING (from_state, event) JOIN quantmesh.orders AS o USING (order_id) ORDER BY order_id;
SELECT ok(CASE x.effect
          WHEN 'moves' THEN t.said IS NULL
          WHEN 'flagged' THEN t.said = 'REVIVED'
          WHEN 'recorded' THEN t.said = 'STATE_DRIFT'
          WHEN 'ignored' THEN t.said = 'nothing' OR (t.said = 'refused' AND t.event IN ('proved_absent', 'given_up') AND NOT x.from_live)
          -- A claim or a cancel does not meet an order that it is not for; a fence that is not the order's says nothing of it.
          WHEN 'refused' THEN t.said = 'refused' OR (t.said = 'nothing' AND (t.event IN ('claimed', 'withdrawn') OR (x.from_state IN ('intent', 'aborted') AND t.event IN ('not_sent', 'not_processed', 'reply_lost'))))
          END, format('%s, %s is %s: %s', x.from_state, x.event, x.effect, coalesce(t.said, 'done')))
    FROM tried AS t JOIN expected AS x USING (from_state, event) ORDER BY order_id;
SELECT ok(o.live = x.to_live AND o.holds_slot = x.to_live AND (o.ended_at IS NULL) = x.to_live, format('%s, %s: live and its slot are as the state has it', x.from_state, x.event))
    FROM tried AS t JOIN expected AS x USING (from_state, event) JOIN quantmesh.orders AS o USING (order_id) ORDER BY order_id;

-- An event is written for what has moved, and for nothing else but a cancel that was asked for.
SELECT is_empty(
    $$ SELECT e.event, e.from_state, e.to_state FROM quantmesh.order_event AS e WHERE e.from_state <> e.to_state
       EXCEPT SELECT x.event, x.from_state, x.to_state FROM quantmesh.order_transitions AS x WHERE x.effect IN ('moves', 'flagged') $$,
    'every step in the history of an order is one of the table');
SELECT is_empty(
    $$ SELECT t.from_state, t.event, o.state, e.event, e.to_state FROM tried AS t JOIN quantmesh.orders AS o USING (order_id)
       LEFT JOIN LATERAL (SELECT * FROM quantmesh.order_event AS e WHERE e.order_id = t.order_id ORDER BY event_id DESC LIMIT 1) AS e ON true
       WHERE coalesce(e.to_state, CASE o.fence IS NULL OR o.state = 'intent' WHEN true THEN 'intent' ELSE 'submitted' END) <> o.state $$,
    'which ends with its state');
SELECT is_empty(
    $$ SELECT t.from_state, t.event, e.event, e.from_state, e.to_state
       FROM (SELECT *, lag(to_state) OVER (PARTITION BY order_id ORDER BY event_id) AS before FROM quantmesh.order_event) AS e JOIN tried AS t USING (order_id) WHERE e.before <> e.from_state $$,
    'without a gap');
SELECT is_empty(
    $$ SELECT t.from_state, t.event, e.event, e.from_state, e.to_state FROM tried AS t JOIN expected AS x USING (from_state, event)
       CROSS JOIN LATERAL (SELECT * FROM quantmesh.order_event AS e WHERE e.order_id = t.order_id ORDER BY event_id OFFSET t.events_before) AS e
       WHERE x.effect IN ('ignored', 'refused') AND (e.to_state <> e.from_state OR t.event <> 'withdrawn') $$,
    'what is ignored or refused has none');
SELECT pg_temp.rows_eq(
    $$ SELECT d.order_id, d.code::text, d.seen_count FROM quantmesh.discrepancy AS d ORDER BY order_id $$,
    $$ SELECT t.order_id, CASE x.effect WHEN 'flagged' THEN 'REVIVED' ELSE 'STATE_DRIFT' END, 1::bigint FROM tried AS t JOIN expected AS x USING (from_state, event)
       WHERE x.effect IN ('flagged', 'recorded') ORDER BY order_id $$,
    'each that is flagged or recorded is one discrepancy');
SELECT is_empty($$ SELECT account, symbol, side, slot FROM quantmesh.orders WHERE holds_slot GROUP BY 1, 2, 3, 4 HAVING count(*) > 1 $$, 'no slot has two live orders');
SELECT is((SELECT count(*) FROM quantmesh.open_orders), (SELECT count(*) FROM tried JOIN expected AS x USING (from_state, event) WHERE x.to_live), 'open_orders shows all that are live');

SELECT * FROM finish();
