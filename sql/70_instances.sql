-- Instances: who is alive, who has which market, and what there is to do. Clients call four functions, each in one round
-- trip and without any state of the session, so that every pooler will do.

CREATE TYPE quantmesh.task_item AS (
    account             text,
    task_id             bigint,
    kind                text,
    symbol              text,
    order_id            bigint,
    client_order_id     text,
    exchange_order_id   text,
    owned_until         timestamptz,
    detail              jsonb
);
COMMENT ON TYPE quantmesh.task_item IS 'A task as heartbeat gives it out.';
COMMENT ON COLUMN quantmesh.task_item.account IS 'The account.';
COMMENT ON COLUMN quantmesh.task_item.task_id IS 'Its id, for finish_task.';
COMMENT ON COLUMN quantmesh.task_item.kind IS 'What to do: assign, unassign, halt, snapshot, query_order, cancel_order or submit_order.';
COMMENT ON COLUMN quantmesh.task_item.symbol IS 'The symbol; * for the account as a whole.';
COMMENT ON COLUMN quantmesh.task_item.order_id IS 'Our id of the order; NULL where it is about none of ours.';
COMMENT ON COLUMN quantmesh.task_item.client_order_id IS 'The id to ask or to cancel by.';
COMMENT ON COLUMN quantmesh.task_item.exchange_order_id IS 'The exchange''s id, where it is known.';
COMMENT ON COLUMN quantmesh.task_item.owned_until IS 'Until then nobody else gets it; NULL where it is for this instance alone.';
COMMENT ON COLUMN quantmesh.task_item.detail IS 'What else there is to know.';

CREATE FUNCTION quantmesh.register_instance(instance text, markets text[], standby boolean DEFAULT false, weight integer DEFAULT 1,
    ttl interval DEFAULT NULL, life text DEFAULT NULL, detail jsonb DEFAULT NULL,
    OUT instance text, OUT epoch bigint, OUT ttl interval, OUT heartbeat_every interval)
    RETURNS record LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'qm_register_instance';
COMMENT ON FUNCTION quantmesh.register_instance(text, text[], boolean, integer, interval, text, jsonb) IS
    'Registers an instance, which lives as long as it calls heartbeat within its ttl, and returns its epoch, a number larger than every earlier one. instance: its name. markets: that it can trade, as <account>:<symbol> or <account>:*. standby: gets markets only where no other instance is alive. weight: 1 to 1000, its share of markets against others. ttl: NULL is quantmesh.default_ttl_lease, at most quantmesh.max_ttl. life: names this start of the process; the same one again is a repetition, gets the same epoch, and may change everything else. detail: an object for people to read. 55006 while another process of that name is alive, 55000 while leases are closed after a crash or promotion, 42501 where the caller may not trade an account.';

CREATE FUNCTION quantmesh.heartbeat(instance text, epoch bigint) RETURNS SETOF quantmesh.task_item
    LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'qm_heartbeat';
COMMENT ON FUNCTION quantmesh.heartbeat(text, bigint) IS
    'Lets the instance live for another ttl, and returns what there is to do, up to 100 tasks for it alone and 100 of its markets: each is repeated by every call until it is answered, or for 30 s. instance, epoch: as register_instance answered. QM002 when that life is over: register again. 42501 for anybody but the session user that registered it.';

CREATE FUNCTION quantmesh.finish_task(account text, task_id bigint, instance text, epoch bigint, outcome text, message text DEFAULT NULL) RETURNS text
    LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'qm_finish_task';
COMMENT ON FUNCTION quantmesh.finish_task(text, bigint, text, bigint, text, text) IS
    'Answers a task, and returns its state; one that has ended stays as it is, so a repetition changes nothing. account, task_id: the task. instance, epoch: who answers. outcome: done; absent: the exchange does not know the order; failed: to be given out again after 1 s to 60 s, up to ten times. message: why it failed. 55006 while it is another instance''s, 55000 when it was never given out, QM002 when the instance''s life is over, P0002 when there is no such task.';

CREATE FUNCTION quantmesh.leave_instance(instance text, epoch bigint) RETURNS void
    LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'qm_leave_instance';
COMMENT ON FUNCTION quantmesh.leave_instance(text, bigint) IS
    'Ends the instance''s life at once: its intents are handed over, what it has submitted becomes unknown, its markets go to others. instance, epoch: as register_instance answered. QM002 when that life is over.';

CREATE FUNCTION quantmesh.watch_instances() RETURNS bigint
    LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'qm_watch_instances';
COMMENT ON FUNCTION quantmesh.watch_instances() IS
    'Declares instances dead whose lease is gone, and returns how many: their epoch is replaced, intents are handed over, what they have submitted becomes unknown and is asked for, and their markets move. Nobody while leases are closed, and nobody for one ttl after that. Internal.';

CREATE FUNCTION quantmesh.assign_markets() RETURNS bigint
    LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'qm_assign_markets';
COMMENT ON FUNCTION quantmesh.assign_markets() IS
    'Gives every market to one of the instances that are alive and registered for it, and returns how many have changed hands: as assign_market says, otherwise by rendezvous hashing. Internal.';

CREATE FUNCTION quantmesh.instance_lease_left(instance text) RETURNS interval
    LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'qm_instance_lease_left';
COMMENT ON FUNCTION quantmesh.instance_lease_left(text) IS
    'Until when the lease of an instance lives, from now; NULL when it has none. instance: its name. For the view of instances.';

CREATE FUNCTION quantmesh.assign_market(account text, symbol text, instance text, reason text) RETURNS boolean
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM quantmesh.check_name('account', account), quantmesh.check_name('symbol', symbol), quantmesh.check_reason(reason, true);
    IF octet_length(instance) NOT BETWEEN 1 AND 128 THEN
        RAISE EXCEPTION 'instance has % bytes', octet_length(instance) USING ERRCODE = '22023', DETAIL = 'It must have 1 to 128.';
    END IF;
    PERFORM FROM quantmesh.market AS m WHERE m.account = assign_market.account AND m.symbol = assign_market.symbol FOR KEY SHARE;
    IF NOT FOUND THEN
        PERFORM quantmesh.refuse_unknown(account, symbol);
    END IF;
    IF instance IS NULL THEN
        DELETE FROM quantmesh.fixed_assignment AS f WHERE f.account = assign_market.account AND f.symbol = assign_market.symbol;
    ELSE
        INSERT INTO quantmesh.fixed_assignment AS f (account, symbol, instance, reason)
            VALUES (assign_market.account, assign_market.symbol, assign_market.instance, assign_market.reason)
            ON CONFLICT ON CONSTRAINT fixed_assignment_pkey DO UPDATE
            SET instance = excluded.instance, reason = excluded.reason, set_by = excluded.set_by, set_at = excluded.set_at;
    END IF;
    PERFORM quantmesh.record_action(account, 'assign_market', symbol, reason, jsonb_build_object('instance', instance));
    RETURN EXISTS (SELECT FROM quantmesh.instance AS i JOIN quantmesh.instance_market AS r ON r.instance = i.instance
                   WHERE i.state = 'alive' AND r.account = assign_market.account AND r.symbol IN ('*', assign_market.symbol)
                     AND (assign_market.instance IS NULL OR i.instance = assign_market.instance));
END;
$$;
COMMENT ON FUNCTION quantmesh.assign_market(text, text, text, text) IS
    'Gives a market to an instance by name: it has the market whenever it is alive and registered for it, from the next pass of the coordinator on. account, symbol: the market. instance: whom; NULL: whom hashing chooses. reason: kept in operator_action. Returns whether somebody is there now who can have it so. P0002 when the market is not known. Operators only.';

CREATE FUNCTION quantmesh.tell_state(account text, symbol text, state text, reason text) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    -- What somebody is about to answer is passed over, so that a halt waits for no client.
    WITH overtaken AS (
        SELECT t.account, t.task_id FROM quantmesh.task AS t
        WHERE t.finished_at IS NULL AND t.kind = 'halt' AND tell_state.account IN ('*', t.account) AND t.symbol = coalesce(tell_state.symbol, '*')
        FOR NO KEY UPDATE SKIP LOCKED)
    UPDATE quantmesh.task AS t SET state = 'withdrawn', finished_at = clock_timestamp()
        FROM overtaken AS o WHERE t.account = o.account AND t.task_id = o.task_id;
    IF state = 'active' THEN
        RETURN;
    END IF;
    INSERT INTO quantmesh.task (account, task_id, kind, symbol, subject, addressee, epoch, detail)
        SELECT n.account, n.id, 'halt', coalesce(tell_state.symbol, '*'), n.id::text, n.instance, n.epoch,
               jsonb_build_object('state', tell_state.state, 'reason', tell_state.reason)
        FROM (SELECT r.account, i.instance, i.epoch, quantmesh.next_id() AS id
              FROM (SELECT DISTINCT x.instance, x.account FROM quantmesh.instance_market AS x
                    WHERE tell_state.account IN ('*', x.account) AND (tell_state.symbol IS NULL OR x.symbol IN ('*', tell_state.symbol))) AS r
              JOIN quantmesh.instance AS i ON i.instance = r.instance AND i.state = 'alive'
              WHERE tell_state.symbol IS NULL
                 OR EXISTS (SELECT FROM quantmesh.market AS m WHERE m.account = r.account AND m.symbol = tell_state.symbol)) AS n;
END;
$$;
COMMENT ON FUNCTION quantmesh.tell_state(text, text, text, text) IS
    'Makes a task halt for each instance that is alive and registered for what is no longer active, and withdraws earlier ones. account, symbol, state, reason: as change_state has them. Internal.';

CREATE VIEW quantmesh.instances WITH (security_barrier) AS
    SELECT i.instance, i.state, CASE WHEN i.state = 'alive' THEN i.epoch END AS epoch, i.standby, i.weight,
           (SELECT count(*) FROM quantmesh.assignment AS a
            WHERE a.ended_at IS NULL AND a.instance = i.instance AND a.epoch = i.epoch) AS markets,
           (SELECT array_agg(r.account || ':' || r.symbol ORDER BY r.account, r.symbol) FROM quantmesh.instance_market AS r
            WHERE r.instance = i.instance AND quantmesh.account_is_visible(r.account)) AS registered_for,
           i.ttl, l.lease_left, clock_timestamp() + l.lease_left - i.ttl AS last_heartbeat,
           i.registered_at, i.registered_by, i.ended_at, i.detail
    FROM quantmesh.instance AS i
    CROSS JOIN LATERAL (SELECT CASE WHEN i.state = 'alive' THEN quantmesh.instance_lease_left(i.instance) END AS lease_left) AS l
    WHERE EXISTS (SELECT FROM quantmesh.instance_market AS r WHERE r.instance = i.instance AND quantmesh.account_is_visible(r.account));
COMMENT ON VIEW quantmesh.instances IS 'Instances, and how they are.';
COMMENT ON COLUMN quantmesh.instances.instance IS 'Its name.';
COMMENT ON COLUMN quantmesh.instances.state IS 'alive; left: it said so; dead: it sent no heartbeat for its ttl.';
COMMENT ON COLUMN quantmesh.instances.epoch IS 'Under which it may act; NULL when it is not alive.';
COMMENT ON COLUMN quantmesh.instances.standby IS 'Whether it gets markets only where no other instance is alive.';
COMMENT ON COLUMN quantmesh.instances.weight IS 'Its share of markets, against others.';
COMMENT ON COLUMN quantmesh.instances.markets IS 'How many markets it has now.';
COMMENT ON COLUMN quantmesh.instances.registered_for IS 'Markets that it can have, in accounts that the reader may see.';
COMMENT ON COLUMN quantmesh.instances.ttl IS 'How long it lives after a heartbeat.';
COMMENT ON COLUMN quantmesh.instances.lease_left IS 'How long it still lives without another heartbeat; NULL: it has no lease, so it is not alive or about to be declared dead, or leases are closed after a crash.';
COMMENT ON COLUMN quantmesh.instances.last_heartbeat IS 'When it sent its last heartbeat, as its lease tells.';
COMMENT ON COLUMN quantmesh.instances.registered_at IS 'When this life of it began.';
COMMENT ON COLUMN quantmesh.instances.registered_by IS 'The session user that registered it.';
COMMENT ON COLUMN quantmesh.instances.ended_at IS 'When it left or was declared dead.';
COMMENT ON COLUMN quantmesh.instances.detail IS 'What it said of itself.';

CREATE VIEW quantmesh.assignments WITH (security_barrier) AS
    SELECT a.account, a.symbol, m.mode, a.instance, a.epoch, a.reason, a.since, a.ended_at, a.end_reason, a.ended_at IS NULL AS current,
           a.assignment_id
    FROM quantmesh.assignment AS a LEFT JOIN quantmesh.market AS m ON m.account = a.account AND m.symbol = a.symbol
    WHERE quantmesh.account_is_visible(a.account);
COMMENT ON VIEW quantmesh.assignments IS 'Who has each market, and who had it.';
COMMENT ON COLUMN quantmesh.assignments.account IS 'The account.';
COMMENT ON COLUMN quantmesh.assignments.symbol IS 'The symbol.';
COMMENT ON COLUMN quantmesh.assignments.mode IS 'Today''s: shared; or exclusive, so that only the owner places.';
COMMENT ON COLUMN quantmesh.assignments.instance IS 'The owner ...';
COMMENT ON COLUMN quantmesh.assignments.epoch IS '... in this life of it.';
COMMENT ON COLUMN quantmesh.assignments.reason IS 'Why it got the market: fixed, hashed or standby.';
COMMENT ON COLUMN quantmesh.assignments.since IS 'Since when.';
COMMENT ON COLUMN quantmesh.assignments.ended_at IS 'Until when; NULL for the owner of today.';
COMMENT ON COLUMN quantmesh.assignments.end_reason IS 'Why it ended: dead, left, replaced (by another life of the same name), moved or unregistered.';
COMMENT ON COLUMN quantmesh.assignments.current IS 'Whether it is the owner of today.';
COMMENT ON COLUMN quantmesh.assignments.assignment_id IS 'Its id: grows with time.';

CREATE VIEW quantmesh.tasks WITH (security_barrier) AS
    SELECT t.account, t.task_id, t.kind, t.symbol, t.state, t.order_id, t.client_order_id, t.exchange_order_id, t.addressee,
           t.instance, t.attempts, t.created_at, t.not_before, t.taken_at, t.owned_until, t.finished_at, t.detail, t.message
    FROM quantmesh.task AS t
    WHERE quantmesh.account_is_visible(t.account);
COMMENT ON VIEW quantmesh.tasks IS 'Work for instances: waiting, under way and done.';
COMMENT ON COLUMN quantmesh.tasks.account IS 'The account.';
COMMENT ON COLUMN quantmesh.tasks.task_id IS 'Its id: grows with time.';
COMMENT ON COLUMN quantmesh.tasks.kind IS 'assign, unassign, halt, snapshot, query_order, cancel_order or submit_order.';
COMMENT ON COLUMN quantmesh.tasks.symbol IS 'The symbol; * for the account as a whole.';
COMMENT ON COLUMN quantmesh.tasks.state IS 'open, taken; done, absent, failed, expired or withdrawn.';
COMMENT ON COLUMN quantmesh.tasks.order_id IS 'Our id of the order that it is about.';
COMMENT ON COLUMN quantmesh.tasks.client_order_id IS 'The id to ask or to cancel by.';
COMMENT ON COLUMN quantmesh.tasks.exchange_order_id IS 'The exchange''s id, where it is known.';
COMMENT ON COLUMN quantmesh.tasks.addressee IS 'The only instance that it is for; NULL: for the owner of the market.';
COMMENT ON COLUMN quantmesh.tasks.instance IS 'Who took it last.';
COMMENT ON COLUMN quantmesh.tasks.attempts IS 'How often it was given out; of one with an addressee, how often it failed.';
COMMENT ON COLUMN quantmesh.tasks.created_at IS 'When it was made.';
COMMENT ON COLUMN quantmesh.tasks.not_before IS 'It is not given out earlier.';
COMMENT ON COLUMN quantmesh.tasks.taken_at IS 'When it was given out last.';
COMMENT ON COLUMN quantmesh.tasks.owned_until IS 'Until when it is the taker''s alone.';
COMMENT ON COLUMN quantmesh.tasks.finished_at IS 'When it was answered or ended.';
COMMENT ON COLUMN quantmesh.tasks.detail IS 'What else there is to know.';
COMMENT ON COLUMN quantmesh.tasks.message IS 'What the instance said when it failed.';
