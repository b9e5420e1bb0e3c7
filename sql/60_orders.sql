-- Orders: what can become of them.

CREATE FUNCTION quantmesh.order_transition_rows(OUT from_state text, OUT event text, OUT to_state text, OUT effect text,
    OUT from_live boolean, OUT to_live boolean, OUT from_rank integer, OUT to_rank integer)
    RETURNS SETOF record LANGUAGE C IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'qm_order_transition_rows';
COMMENT ON FUNCTION quantmesh.order_transition_rows() IS 'Rows of the view quantmesh.order_transitions.';

CREATE VIEW quantmesh.order_transitions AS SELECT * FROM quantmesh.order_transition_rows();
COMMENT ON VIEW quantmesh.order_transitions IS 'What becomes of an order in each state when each event happens to it.';
COMMENT ON COLUMN quantmesh.order_transitions.from_state IS 'State before.';
COMMENT ON COLUMN quantmesh.order_transitions.event IS 'What happens: something that we do or conclude, or something that the exchange says.';
COMMENT ON COLUMN quantmesh.order_transitions.to_state IS 'State afterwards, also where it does not change.';
COMMENT ON COLUMN quantmesh.order_transitions.effect IS
    'moves; flagged: moves against what we had concluded, and is a discrepancy; ignored: old news; recorded: contradicts the exchange''s own word, and is only a discrepancy; refused: cannot happen, the caller is wrong.';
COMMENT ON COLUMN quantmesh.order_transitions.from_live IS 'Whether an order in the state before holds its slot.';
COMMENT ON COLUMN quantmesh.order_transitions.to_live IS 'Whether an order in the state afterwards holds its slot.';
COMMENT ON COLUMN quantmesh.order_transitions.from_rank IS 'How far the state before is in the life of an order.';
COMMENT ON COLUMN quantmesh.order_transitions.to_rank IS 'How far the state afterwards is: it falls only where a request was not processed, or a conclusion of ours is overturned.';
