-- What is shared out among instances, and reconciliation. Keys begin with the account here, too; instances are of the
-- server. Written only by the functions of this extension and its coordinator.

CREATE TABLE quantmesh.instance_market (
    instance            text COLLATE "C" NOT NULL REFERENCES quantmesh.instance ON DELETE CASCADE,
    account             text COLLATE "C" NOT NULL,
    symbol              text COLLATE "C" NOT NULL CHECK (symbol <> ''),
    PRIMARY KEY (instance, account, symbol)
);
COMMENT ON TABLE quantmesh.instance_market IS 'Which markets an instance has registered for.';
COMMENT ON COLUMN quantmesh.instance_market.instance IS 'The instance.';
COMMENT ON COLUMN quantmesh.instance_market.account IS 'The account.';
COMMENT ON COLUMN quantmesh.instance_market.symbol IS 'The symbol; * for every market of the account.';

CREATE TABLE quantmesh.fixed_assignment (
    account             text COLLATE "C" NOT NULL,
    symbol              text COLLATE "C" NOT NULL,
    instance            text COLLATE "C" NOT NULL,
    reason              text NOT NULL,
    set_by              name NOT NULL DEFAULT SESSION_USER,
    set_at              timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
    PRIMARY KEY (account, symbol)
);
COMMENT ON TABLE quantmesh.fixed_assignment IS 'Markets that an operator has given to an instance by name: it has them while it lives. Written by assign_market.';
COMMENT ON COLUMN quantmesh.fixed_assignment.account IS 'The account.';
COMMENT ON COLUMN quantmesh.fixed_assignment.symbol IS 'The symbol.';
COMMENT ON COLUMN quantmesh.fixed_assignment.instance IS 'The instance.';
COMMENT ON COLUMN quantmesh.fixed_assignment.reason IS 'Why, as the operator gave it.';
COMMENT ON COLUMN quantmesh.fixed_assignment.set_by IS 'Who set it.';
COMMENT ON COLUMN quantmesh.fixed_assignment.set_at IS 'When it was set.';

CREATE TABLE quantmesh.assignment (
    account             text COLLATE "C" NOT NULL,
    symbol              text COLLATE "C" NOT NULL,
    assignment_id       bigint NOT NULL,
    instance            text COLLATE "C" NOT NULL,
    epoch               bigint NOT NULL,
    reason              text COLLATE "C" NOT NULL,
    since               timestamptz NOT NULL,
    ended_at            timestamptz CHECK (ended_at >= since),
    end_reason          text COLLATE "C",
    PRIMARY KEY (account, symbol, assignment_id),
    CHECK ((ended_at IS NULL) = (end_reason IS NULL))
);
CREATE UNIQUE INDEX assignment_current ON quantmesh.assignment (account, symbol) WHERE ended_at IS NULL;
COMMENT ON TABLE quantmesh.assignment IS 'Who has each market, and who had it: the owner fetches its snapshots and takes its tasks, and in exclusive markets only the owner places.';
COMMENT ON COLUMN quantmesh.assignment.account IS 'The account.';
COMMENT ON COLUMN quantmesh.assignment.symbol IS 'The symbol.';
COMMENT ON COLUMN quantmesh.assignment.assignment_id IS 'Its id: grows with time.';
COMMENT ON COLUMN quantmesh.assignment.instance IS 'The owner ...';
COMMENT ON COLUMN quantmesh.assignment.epoch IS '... in this life of it.';
COMMENT ON COLUMN quantmesh.assignment.reason IS 'fixed, hashed or standby.';
COMMENT ON COLUMN quantmesh.assignment.since IS 'Since when. The moment in which the one before it ended, if it was taken over.';
COMMENT ON COLUMN quantmesh.assignment.ended_at IS 'Until when; NULL for the owner of today.';
COMMENT ON COLUMN quantmesh.assignment.end_reason IS 'Why it ended: dead, left, replaced, moved or unregistered.';
COMMENT ON INDEX quantmesh.assignment_current IS 'A market has one owner.';

CREATE TABLE quantmesh.task (
    account             text COLLATE "C" NOT NULL,
    task_id             bigint NOT NULL,
    kind                text COLLATE "C" NOT NULL
                        CHECK (kind IN ('assign', 'unassign', 'snapshot', 'query_order', 'cancel_order', 'submit_order', 'halt')),
    symbol              text COLLATE "C" NOT NULL,
    subject             text COLLATE "C" NOT NULL DEFAULT '',
    order_id            bigint,
    client_order_id     text COLLATE "C",
    exchange_order_id   text COLLATE "C",
    addressee           text COLLATE "C",
    state               text COLLATE "C" NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'taken', 'done', 'absent', 'failed', 'expired', 'withdrawn')),
    instance            text COLLATE "C",
    epoch               bigint,
    attempts            integer NOT NULL DEFAULT 0,
    created_at          timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
    taken_at            timestamptz,
    owned_until         timestamptz,
    finished_at         timestamptz,
    not_before          timestamptz,
    watermark           pg_snapshot,
    tag                 text COLLATE "C",
    detail              jsonb,
    message             text,
    PRIMARY KEY (account, task_id),
    CHECK ((state IN ('open', 'taken')) = (finished_at IS NULL)),
    CHECK ((state <> 'taken') OR (taken_at IS NOT NULL AND owned_until IS NOT NULL))
);
CREATE UNIQUE INDEX task_unfinished ON quantmesh.task (account, symbol, kind, subject) WHERE finished_at IS NULL;
CREATE INDEX task_of_order ON quantmesh.task (account, order_id, finished_at) WHERE order_id IS NOT NULL;
CREATE INDEX task_snapshot ON quantmesh.task (account, symbol, finished_at) WHERE kind = 'snapshot' AND finished_at IS NOT NULL;
CREATE INDEX task_absent ON quantmesh.task (account, symbol) WHERE state = 'absent';
COMMENT ON TABLE quantmesh.task IS 'Work that the coordinator gives to instances, until it is answered.';
COMMENT ON COLUMN quantmesh.task.account IS 'The account.';
COMMENT ON COLUMN quantmesh.task.task_id IS 'Its id: grows with time.';
COMMENT ON COLUMN quantmesh.task.kind IS
    'assign: start with the market; unassign: stop; snapshot: fetch one and submit_snapshot; query_order: ask the exchange for the order and its trades and apply_report; cancel_order: send the cancel and resolve_cancel; submit_order: the market has intents, claim_orders with its symbol; halt: the trading state has changed.';
COMMENT ON COLUMN quantmesh.task.symbol IS 'The symbol; * where it is for the account as a whole.';
COMMENT ON COLUMN quantmesh.task.subject IS 'What it is about: unique among the unfinished ones of a market and kind.';
COMMENT ON COLUMN quantmesh.task.order_id IS 'The order; NULL if it is of none of ours.';
COMMENT ON COLUMN quantmesh.task.client_order_id IS 'The id to ask by, or to cancel by.';
COMMENT ON COLUMN quantmesh.task.exchange_order_id IS 'The exchange''s id, where it is known.';
COMMENT ON COLUMN quantmesh.task.addressee IS 'The only instance that it is for; NULL: for the owner of the market.';
COMMENT ON COLUMN quantmesh.task.state IS 'open, taken; done, absent (the exchange does not know the order), failed, expired (nobody answered in time), withdrawn (no longer needed).';
COMMENT ON COLUMN quantmesh.task.instance IS 'Who has taken it ...';
COMMENT ON COLUMN quantmesh.task.epoch IS '... in which life.';
COMMENT ON COLUMN quantmesh.task.attempts IS 'How often it was given out.';
COMMENT ON COLUMN quantmesh.task.created_at IS 'When it was made.';
COMMENT ON COLUMN quantmesh.task.taken_at IS 'When it was given out last.';
COMMENT ON COLUMN quantmesh.task.owned_until IS 'Until when it is the taker''s alone.';
COMMENT ON COLUMN quantmesh.task.finished_at IS 'When it was answered or ended.';
COMMENT ON COLUMN quantmesh.task.not_before IS 'Not to be given out earlier; NULL: at once.';
COMMENT ON COLUMN quantmesh.task.watermark IS 'Of a snapshot: which transactions were visible when it was given out. Only what they left is compared.';
COMMENT ON COLUMN quantmesh.task.tag IS 'Of a snapshot: the origin tag then. After a promotion or restore only later snapshots make a market trusted.';
COMMENT ON COLUMN quantmesh.task.detail IS 'What else there is to know.';
COMMENT ON COLUMN quantmesh.task.message IS 'What the instance said when it failed.';
COMMENT ON INDEX quantmesh.task_unfinished IS 'The same work is given out once.';
COMMENT ON INDEX quantmesh.task_of_order IS 'Answers about an order.';
COMMENT ON INDEX quantmesh.task_snapshot IS 'When a market''s last snapshot was fetched.';
COMMENT ON INDEX quantmesh.task_absent IS 'Answers that count in the market''s next pass.';

CREATE TABLE quantmesh.snapshot (
    account             text COLLATE "C" NOT NULL,
    snapshot_id         bigint NOT NULL,
    symbol              text COLLATE "C" NOT NULL,
    task_id             bigint NOT NULL,
    instance            text COLLATE "C",
    state               text COLLATE "C" NOT NULL DEFAULT 'new' CHECK (state IN ('new', 'reconciled', 'discarded')),
    asked_at            timestamptz NOT NULL,
    started_at          timestamptz NOT NULL,
    finished_at         timestamptz NOT NULL CHECK (finished_at >= started_at),
    received_at         timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
    complete            boolean NOT NULL,
    watermark           pg_snapshot NOT NULL,
    tag                 text COLLATE "C" NOT NULL,
    open_orders         jsonb NOT NULL,
    trades              jsonb NOT NULL,
    balances            jsonb NOT NULL,
    leaves_trades       boolean NOT NULL DEFAULT false,
    PRIMARY KEY (account, symbol, snapshot_id)
);
CREATE INDEX snapshot_new ON quantmesh.snapshot (account, symbol) WHERE state = 'new';
COMMENT ON TABLE quantmesh.snapshot IS 'What instances saw at the exchange: open orders and trades of a market, and balances of the account. Written by submit_snapshot.';
COMMENT ON COLUMN quantmesh.snapshot.account IS 'The account.';
COMMENT ON COLUMN quantmesh.snapshot.snapshot_id IS 'Its id: grows with time.';
COMMENT ON COLUMN quantmesh.snapshot.symbol IS 'The symbol.';
COMMENT ON COLUMN quantmesh.snapshot.task_id IS 'The task that it answers.';
COMMENT ON COLUMN quantmesh.snapshot.instance IS 'Who fetched it; NULL if no instance did.';
COMMENT ON COLUMN quantmesh.snapshot.state IS 'new, reconciled or discarded.';
COMMENT ON COLUMN quantmesh.snapshot.asked_at IS 'When the task was given out, by the server''s clock.';
COMMENT ON COLUMN quantmesh.snapshot.started_at IS 'When fetching began, by the instance''s clock.';
COMMENT ON COLUMN quantmesh.snapshot.finished_at IS 'When it ended, by the same.';
COMMENT ON COLUMN quantmesh.snapshot.received_at IS 'When it came, by the server''s clock.';
COMMENT ON COLUMN quantmesh.snapshot.complete IS 'Whether everything was fetched.';
COMMENT ON COLUMN quantmesh.snapshot.watermark IS 'Of the task.';
COMMENT ON COLUMN quantmesh.snapshot.tag IS 'Of the task.';
COMMENT ON COLUMN quantmesh.snapshot.open_orders IS 'Open orders of the market, as submit_snapshot took them.';
COMMENT ON COLUMN quantmesh.snapshot.trades IS 'Trades of the market since the cursor of the task.';
COMMENT ON COLUMN quantmesh.snapshot.balances IS 'Balances of the account.';
COMMENT ON COLUMN quantmesh.snapshot.leaves_trades IS 'After the comparison: some of the trades are not in the ledger and may belong there.';
COMMENT ON INDEX quantmesh.snapshot_new IS 'Snapshots that wait for the coordinator.';

CREATE TABLE quantmesh.reconcile_run (
    account             text COLLATE "C" NOT NULL,
    run_id              bigint NOT NULL,
    symbol              text COLLATE "C" NOT NULL,
    snapshot_id         bigint,
    status              text COLLATE "C" NOT NULL CHECK (status IN ('clean', 'findings', 'deferred', 'discarded', 'skipped', 'failed')),
    policy              text COLLATE "C" NOT NULL CHECK (policy IN ('report', 'repair', 'enforce')),
    started_at          timestamptz NOT NULL,
    finished_at         timestamptz NOT NULL,
    orders              bigint NOT NULL,
    remote_orders       bigint NOT NULL,
    trades              bigint NOT NULL,
    matched             bigint NOT NULL,
    deferred            bigint NOT NULL,
    findings            bigint NOT NULL,
    repaired            bigint NOT NULL,
    asked               bigint NOT NULL,
    resolved            bigint NOT NULL,
    counts              jsonb NOT NULL,
    local_position      numeric,
    exchange_position   numeric,
    realized_profit     numeric,
    open_buys           bigint,
    open_sells          bigint,
    pending_sell        numeric,
    message             text,
    PRIMARY KEY (account, symbol, run_id)
);
COMMENT ON TABLE quantmesh.reconcile_run IS 'Every comparison with the exchange, and what came of it.';
COMMENT ON COLUMN quantmesh.reconcile_run.account IS 'The account.';
COMMENT ON COLUMN quantmesh.reconcile_run.run_id IS 'Its id: grows with time.';
COMMENT ON COLUMN quantmesh.reconcile_run.symbol IS 'The symbol.';
COMMENT ON COLUMN quantmesh.reconcile_run.snapshot_id IS 'The snapshot; NULL if there was none.';
COMMENT ON COLUMN quantmesh.reconcile_run.status IS
    'clean: everything agrees; findings: something does not; deferred: what was compared agrees, the rest was still moving; discarded: the snapshot could not be used; skipped: another run had the market; failed: see message.';
COMMENT ON COLUMN quantmesh.reconcile_run.policy IS 'Policy of the market then.';
COMMENT ON COLUMN quantmesh.reconcile_run.started_at IS 'When it began.';
COMMENT ON COLUMN quantmesh.reconcile_run.finished_at IS 'When it ended.';
COMMENT ON COLUMN quantmesh.reconcile_run.orders IS 'Orders of ours that were looked at.';
COMMENT ON COLUMN quantmesh.reconcile_run.remote_orders IS 'Open orders in the snapshot.';
COMMENT ON COLUMN quantmesh.reconcile_run.trades IS 'Trades in the snapshot.';
COMMENT ON COLUMN quantmesh.reconcile_run.matched IS 'Orders that agree.';
COMMENT ON COLUMN quantmesh.reconcile_run.deferred IS 'Orders that were still moving.';
COMMENT ON COLUMN quantmesh.reconcile_run.findings IS 'Differences.';
COMMENT ON COLUMN quantmesh.reconcile_run.repaired IS 'Differences that were repaired.';
COMMENT ON COLUMN quantmesh.reconcile_run.asked IS 'Tasks that were made.';
COMMENT ON COLUMN quantmesh.reconcile_run.resolved IS 'Earlier discrepancies that a clean pass did not find any more.';
COMMENT ON COLUMN quantmesh.reconcile_run.counts IS 'Findings by code.';
COMMENT ON COLUMN quantmesh.reconcile_run.local_position IS 'Position of the market afterwards, by its fills, all strategies together.';
COMMENT ON COLUMN quantmesh.reconcile_run.exchange_position IS 'What the exchange''s balance of the base asset makes of it, baseline and other markets taken off; NULL where it was not judged.';
COMMENT ON COLUMN quantmesh.reconcile_run.realized_profit IS 'Realized profit of the market afterwards.';
COMMENT ON COLUMN quantmesh.reconcile_run.open_buys IS 'Live buys afterwards.';
COMMENT ON COLUMN quantmesh.reconcile_run.open_sells IS 'Live sells afterwards.';
COMMENT ON COLUMN quantmesh.reconcile_run.pending_sell IS 'What live sells can still sell.';
COMMENT ON COLUMN quantmesh.reconcile_run.message IS 'Why it was discarded, skipped or failed, or the first finding whose repair failed.';

SELECT pg_catalog.pg_extension_config_dump('quantmesh.instance_market', '');
SELECT pg_catalog.pg_extension_config_dump('quantmesh.fixed_assignment', '');
SELECT pg_catalog.pg_extension_config_dump('quantmesh.assignment', '');
SELECT pg_catalog.pg_extension_config_dump('quantmesh.task', '');
SELECT pg_catalog.pg_extension_config_dump('quantmesh.snapshot', '');
SELECT pg_catalog.pg_extension_config_dump('quantmesh.reconcile_run', '');
