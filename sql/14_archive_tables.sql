-- What housekeeping moves out of the way, and what it leaves in place of what it prunes. Written by the coordinator, and by
-- reports about archived orders.

-- Keys and indexes are the partitions' own (make_archive_partition): those of a parent that an extension has made would be
-- there twice when a dump is restored.
CREATE TABLE quantmesh.order_archive (
    LIKE quantmesh.orders INCLUDING COMMENTS INCLUDING CONSTRAINTS,
    CHECK (NOT exposed)
) PARTITION BY RANGE (ended_at);
COMMENT ON TABLE quantmesh.order_archive IS
    'Orders that have ended, and of which nothing was heard for quantmesh.keep_orders: partitioned by the month in which they ended, in UTC. The columns are those of orders. A report about one of them brings it back.';

CREATE TABLE quantmesh.housekeeping_progress (
    account             text COLLATE "C" NOT NULL,
    job                 text COLLATE "C" NOT NULL,
    rows                bigint NOT NULL CHECK (rows >= 0),
    last_rows           bigint NOT NULL CHECK (last_rows >= 0),
    last_at             timestamptz NOT NULL,
    done_until          timestamptz NOT NULL,
    PRIMARY KEY (account, job)
) WITH (fillfactor = 50);
COMMENT ON TABLE quantmesh.housekeeping_progress IS 'How far housekeeping has come.';
COMMENT ON COLUMN quantmesh.housekeeping_progress.account IS 'The account; * for what belongs to none.';
COMMENT ON COLUMN quantmesh.housekeeping_progress.job IS 'What it prunes or moves: quantmesh.keep_<job> says after how long.';
COMMENT ON COLUMN quantmesh.housekeeping_progress.rows IS 'Rows that were pruned or moved so far.';
COMMENT ON COLUMN quantmesh.housekeeping_progress.last_rows IS 'Rows of the last transaction that had any.';
COMMENT ON COLUMN quantmesh.housekeeping_progress.last_at IS 'When that was.';
COMMENT ON COLUMN quantmesh.housekeeping_progress.done_until IS 'Nothing that is older is left to be pruned or moved.';

CREATE TABLE quantmesh.fill_opening (
    account             text COLLATE "C" NOT NULL,
    symbol              text COLLATE "C" NOT NULL,
    strategy            text COLLATE "C" NOT NULL,
    pruned_trade        bigint NOT NULL CHECK (pruned_trade >= 0),
    executed_at         timestamptz NOT NULL,
    trade_id            text COLLATE "C" NOT NULL,
    side                text COLLATE "C" NOT NULL CHECK (side IN ('buy', 'sell')),
    kind                text COLLATE "C" NOT NULL CHECK (kind IN ('trade', 'bust')),
    position_after      numeric NOT NULL,
    cost_after          numeric NOT NULL,
    profit_after        numeric NOT NULL,
    PRIMARY KEY (account, symbol, strategy)
);
COMMENT ON TABLE quantmesh.fill_opening IS
    'With what the ledger of a strategy opens where its oldest fills were pruned. Trades of a market up to the largest pruned_trade of it are ignored if the ledger does not have them: they may be pruned ones.';
COMMENT ON COLUMN quantmesh.fill_opening.account IS 'The account.';
COMMENT ON COLUMN quantmesh.fill_opening.symbol IS 'The symbol.';
COMMENT ON COLUMN quantmesh.fill_opening.strategy IS 'The strategy.';
COMMENT ON COLUMN quantmesh.fill_opening.pruned_trade IS 'Largest trade id that was pruned; only ids that are numbers are.';
COMMENT ON COLUMN quantmesh.fill_opening.executed_at IS 'When the last pruned fill, in the order of the ledger, was traded.';
COMMENT ON COLUMN quantmesh.fill_opening.trade_id IS 'Its trade id ...';
COMMENT ON COLUMN quantmesh.fill_opening.side IS '... its side ...';
COMMENT ON COLUMN quantmesh.fill_opening.kind IS '... and whether it was a trade or a bust.';
COMMENT ON COLUMN quantmesh.fill_opening.position_after IS 'Position of the strategy after it.';
COMMENT ON COLUMN quantmesh.fill_opening.cost_after IS 'What that position cost.';
COMMENT ON COLUMN quantmesh.fill_opening.profit_after IS 'Profit that the strategy had realized by then.';

CREATE TABLE quantmesh.fill_sum (
    account             text COLLATE "C" NOT NULL,
    symbol              text COLLATE "C" NOT NULL,
    strategy            text COLLATE "C" NOT NULL,
    side                text COLLATE "C" NOT NULL CHECK (side IN ('buy', 'sell')),
    commission_asset    text COLLATE "C" NOT NULL,
    fills               bigint NOT NULL CHECK (fills >= 0),
    charged             bigint NOT NULL CHECK (charged BETWEEN 0 AND fills),
    quantity            numeric NOT NULL,
    commission          numeric NOT NULL,
    PRIMARY KEY (account, symbol, strategy, side, commission_asset)
);
COMMENT ON TABLE quantmesh.fill_sum IS 'What pruned fills come to, so that sums stay what they were.';
COMMENT ON COLUMN quantmesh.fill_sum.account IS 'The account.';
COMMENT ON COLUMN quantmesh.fill_sum.symbol IS 'The symbol.';
COMMENT ON COLUMN quantmesh.fill_sum.strategy IS 'The strategy.';
COMMENT ON COLUMN quantmesh.fill_sum.side IS 'buy or sell.';
COMMENT ON COLUMN quantmesh.fill_sum.commission_asset IS 'The asset of the commissions; empty where there were none.';
COMMENT ON COLUMN quantmesh.fill_sum.fills IS 'How many fills, busts among them.';
COMMENT ON COLUMN quantmesh.fill_sum.charged IS 'How many of them had a commission.';
COMMENT ON COLUMN quantmesh.fill_sum.quantity IS 'Sum of their quantities, net of busts.';
COMMENT ON COLUMN quantmesh.fill_sum.commission IS 'Sum of their commissions.';

SELECT pg_catalog.pg_extension_config_dump('quantmesh.housekeeping_progress', '');
SELECT pg_catalog.pg_extension_config_dump('quantmesh.fill_opening', '');
SELECT pg_catalog.pg_extension_config_dump('quantmesh.fill_sum', '');

-- What is pruned by age is found by age.
CREATE INDEX reconcile_run_finished ON quantmesh.reconcile_run (account, finished_at);
COMMENT ON INDEX quantmesh.reconcile_run_finished IS 'Runs by age, for housekeeping.';
CREATE INDEX discrepancy_resolved ON quantmesh.discrepancy (account, resolved_at) WHERE resolved_at IS NOT NULL;
COMMENT ON INDEX quantmesh.discrepancy_resolved IS 'Resolved discrepancies by age, for housekeeping.';
CREATE INDEX task_finished ON quantmesh.task (account, finished_at) WHERE finished_at IS NOT NULL;
COMMENT ON INDEX quantmesh.task_finished IS 'Finished tasks by age, for housekeeping.';
CREATE INDEX snapshot_received ON quantmesh.snapshot (account, received_at);
COMMENT ON INDEX quantmesh.snapshot_received IS 'Snapshots by age, for housekeeping.';
CREATE INDEX assignment_ended ON quantmesh.assignment (account, ended_at) WHERE ended_at IS NOT NULL;
COMMENT ON INDEX quantmesh.assignment_ended IS 'Ended assignments by age, for housekeeping.';
