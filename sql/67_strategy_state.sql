-- The state of strategies: what an instance must know to go on where another one stopped.

CREATE TABLE quantmesh.strategy_state (
    account             text COLLATE "C" NOT NULL,
    symbol              text COLLATE "C" NOT NULL CHECK (pg_catalog.octet_length(symbol) BETWEEN 1 AND 64),
    strategy            text COLLATE "C" NOT NULL CHECK (pg_catalog.octet_length(strategy) <= 128),
    document            json NOT NULL CHECK (pg_catalog.json_typeof(document) = 'object' AND pg_catalog.octet_length(document::text) <= 65536),
    version             bigint NOT NULL CHECK (version > 0),
    instance            text COLLATE "C",
    saved_at            timestamptz NOT NULL,
    PRIMARY KEY (account, symbol, strategy)
) WITH (fillfactor = 50);
COMMENT ON TABLE quantmesh.strategy_state IS
    'What strategies have saved, one document each. Written by save_strategy_state, and by import_strategy_state.';
COMMENT ON COLUMN quantmesh.strategy_state.account IS 'The account.';
COMMENT ON COLUMN quantmesh.strategy_state.symbol IS 'The market it is for.';
COMMENT ON COLUMN quantmesh.strategy_state.strategy IS 'The strategy; empty where orders name none.';
COMMENT ON COLUMN quantmesh.strategy_state.document IS 'What it has saved, as it has written it.';
COMMENT ON COLUMN quantmesh.strategy_state.version IS 'Grows by one with every change: who saves names the one that it has read.';
COMMENT ON COLUMN quantmesh.strategy_state.instance IS 'The instance that saved it last.';
COMMENT ON COLUMN quantmesh.strategy_state.saved_at IS 'When it was saved.';
SELECT pg_catalog.pg_extension_config_dump('quantmesh.strategy_state', '');

CREATE FUNCTION quantmesh.save_strategy_state(account text, symbol text, strategy text, document json, version bigint,
    instance text DEFAULT NULL, epoch bigint DEFAULT NULL) RETURNS bigint
    LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'qm_save_strategy_state';
COMMENT ON FUNCTION quantmesh.save_strategy_state(text, text, text, json, bigint, text, bigint) IS
    'Saves the state of a strategy, and returns its new version. account, symbol, strategy: whose. document: an object of at most 64 kB. version: the one that was read, 0 where there was none; QM003 when another writer has saved since. The same document under the same version again is a repetition. instance, epoch: of a registered instance; QM002 when its life is over.';

CREATE FUNCTION quantmesh.load_strategy_state(account text, symbol text, strategy text,
    OUT version bigint, OUT document json, OUT instance text, OUT saved_at timestamptz) RETURNS record
    LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'qm_load_strategy_state';
COMMENT ON FUNCTION quantmesh.load_strategy_state(text, text, text) IS
    'Reads the state of a strategy. account, symbol, strategy: whose. version: 0 where there is none, and the rest NULL.';
