-- The view order_transitions shows the whole table of order states, and what design and documentation promise of it.
SELECT plan(12);

SELECT is(count(*), 12 * 13::bigint, 'a row for every state and event') FROM quantmesh.order_transitions;
SELECT is(count(*), count(DISTINCT (from_state, event)), '... each once') FROM quantmesh.order_transitions;
SELECT set_eq('SELECT DISTINCT from_state FROM quantmesh.order_transitions WHERE from_live',
    ARRAY['intent', 'submitted', 'unknown', 'open', 'partially_filled', 'lost'], 'live states hold the slot');
SELECT is_empty($$SELECT * FROM quantmesh.order_transitions WHERE (effect IN ('moves', 'flagged')) <> (from_state <> to_state)$$,
    'what moves, changes the state, and nothing else does');
SELECT is_empty($$SELECT * FROM quantmesh.order_transitions WHERE effect = 'refused'
                   AND event IN ('opened', 'part_filled', 'filled', 'canceled', 'expired')$$,
    'what the exchange says of an order is never refused');
SELECT results_eq($$SELECT to_state, effect FROM quantmesh.order_transitions WHERE from_state = 'submitted' AND event = 'reply_lost'$$,
    $$VALUES ('unknown', 'moves')$$, 'a lost reply is unknown, not failed');
SELECT results_eq($$SELECT from_state, event FROM quantmesh.order_transitions WHERE to_state = 'intent' AND effect = 'moves' ORDER BY 1$$,
    $$VALUES ('lost', 'not_processed'), ('submitted', 'not_processed'), ('unknown', 'not_processed')$$, 'only what the exchange did not process goes back to intent');
SELECT results_eq($$SELECT from_state FROM quantmesh.order_transitions WHERE to_state = 'never_accepted' AND effect = 'moves' ORDER BY 1$$,
    $$VALUES ('lost'), ('unknown')$$, 'only what is in doubt can be proved absent');
SELECT is_empty($$SELECT * FROM quantmesh.order_transitions WHERE from_state IN ('filled', 'canceled', 'expired') AND to_state <> from_state$$,
    'an end that the exchange gave is final');
SELECT set_eq($$SELECT DISTINCT from_state FROM quantmesh.order_transitions WHERE effect = 'flagged'$$,
    ARRAY['intent', 'rejected', 'aborted', 'never_accepted'], 'an order that we had given up and that turns up is flagged');
SELECT set_eq($$SELECT DISTINCT from_state FROM quantmesh.order_transitions WHERE to_rank < from_rank$$,
    ARRAY['submitted', 'unknown', 'lost', 'rejected', 'aborted', 'never_accepted'], 'ranks fall only where nothing was processed or a conclusion is overturned');
SELECT is_empty($$SELECT * FROM quantmesh.order_transitions WHERE effect = 'recorded' AND to_state <> from_state$$, 'a contradiction changes nothing');

SELECT * FROM finish();
