-- Orders and what belongs to them. Every key begins with the account, so that an account can live on a server of its
-- own. Written only by the functions of this extension; no triggers, no sequences: ids come from the fence counter,
-- which a promotion or a restore never sets back.

CREATE TABLE quantmesh.account (
    account             text COLLATE "C" PRIMARY KEY
                        CHECK (account = '*' OR (account ~ '^[^:*[:cntrl:]]+$' AND pg_catalog.octet_length(account) <= 64)),
    max_open_orders     integer CHECK (max_open_orders >= 0),
    max_notional        numeric CHECK (max_notional >= 0 AND max_notional < 1e18),
    max_order_rate      integer CHECK (max_order_rate BETWEEN 0 AND 1000000),
    trading_state       text COLLATE "C" NOT NULL DEFAULT 'active' CHECK (trading_state IN ('active', 'reducing', 'halted')),
    state_reason        text,
    state_set_by        name,
    state_set_at        timestamptz,
    created_at          timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp()
);

CREATE TABLE quantmesh.market (
    account             text COLLATE "C" NOT NULL REFERENCES quantmesh.account,
    symbol              text COLLATE "C" NOT NULL CHECK (symbol ~ '^[^:*[:cntrl:]]+$' AND pg_catalog.octet_length(symbol) <= 64),
    base_asset          text COLLATE "C" NOT NULL CHECK (base_asset <> ''),
    quote_asset         text COLLATE "C" NOT NULL CHECK (quote_asset <> '' AND quote_asset <> base_asset),
    tick_size           numeric NOT NULL CHECK (tick_size > 0 AND tick_size < 1e18),
    step_size           numeric NOT NULL CHECK (step_size > 0 AND step_size < 1e18),
    min_quantity        numeric CHECK (min_quantity >= 0 AND min_quantity < 1e18),
    max_quantity        numeric CHECK (max_quantity > 0 AND max_quantity < 1e18),
    min_notional        numeric CHECK (min_notional >= 0 AND min_notional < 1e18),
    level_width         numeric CHECK (level_width > 0 AND level_width < 1e18),
    slot_by             text COLLATE "C" NOT NULL CHECK (slot_by IN ('price', 'level')),
    mode                text COLLATE "C" NOT NULL CHECK (mode IN ('shared', 'exclusive')),
    max_open_orders     integer CHECK (max_open_orders >= 0),
    max_position        numeric CHECK (max_position >= 0 AND max_position < 1e18),
    max_notional        numeric CHECK (max_notional >= 0 AND max_notional < 1e18),
    max_order_rate      integer CHECK (max_order_rate BETWEEN 0 AND 1000000),
    trading_state       text COLLATE "C" NOT NULL DEFAULT 'active' CHECK (trading_state IN ('active', 'reducing', 'halted')),
    state_reason        text,
    state_set_by        name,
    state_set_at        timestamptz,
    trusted_tag         text COLLATE "C" NOT NULL CHECK (trusted_tag ~ '^[0-9a-z]{4}$'),
    created_at          timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
    policy              text COLLATE "C" NOT NULL DEFAULT 'repair' CHECK (policy IN ('report', 'repair', 'enforce')),
    reconcile_every     interval NOT NULL DEFAULT '60 s' CHECK (reconcile_every >= '0'),
    grace               interval NOT NULL DEFAULT '5 s' CHECK (grace >= '0'),
    blind_after         interval CHECK (blind_after > '0'),
    PRIMARY KEY (account, symbol)
);

CREATE TABLE quantmesh.instance (
    instance            text COLLATE "C" PRIMARY KEY CHECK (pg_catalog.octet_length(instance) BETWEEN 1 AND 128),
    epoch               bigint NOT NULL CHECK (epoch > 0),
    registered_at       timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
    state               text COLLATE "C" NOT NULL DEFAULT 'alive' CHECK (state IN ('alive', 'left', 'dead')),
    life                text COLLATE "C" NOT NULL DEFAULT '' CHECK (pg_catalog.octet_length(life) <= 128),
    lease_fence         bigint,
    ttl                 interval NOT NULL DEFAULT '5 s' CHECK (ttl > '0'),
    standby             boolean NOT NULL DEFAULT false,
    weight              integer NOT NULL DEFAULT 1 CHECK (weight BETWEEN 1 AND 1000),
    registered_by       name NOT NULL DEFAULT SESSION_USER,
    detail              jsonb,
    ended_at            timestamptz,
    CHECK ((state = 'alive') = (ended_at IS NULL))
);

-- Lists of words are array constants here: every INSERT and UPDATE reads the CHECKs anew, and these are read faster than IN.
CREATE TABLE quantmesh.orders (
    account             text COLLATE "C" NOT NULL,
    order_id            bigint NOT NULL CHECK (order_id > 0),
    symbol              text COLLATE "C" NOT NULL,
    side                text COLLATE "C" NOT NULL CHECK (side = ANY ('{buy, sell}')),
    order_type          text COLLATE "C" NOT NULL CHECK (order_type = ANY ('{limit, market}')),
    time_in_force       text COLLATE "C" NOT NULL CHECK (time_in_force = ANY ('{gtc, ioc, fok}')),
    price               numeric CHECK (price > 0 AND price < 1e18),
    quantity            numeric NOT NULL CHECK (quantity > 0 AND quantity < 1e18),
    post_only           boolean NOT NULL,
    reduce_only         boolean NOT NULL,
    slot                text COLLATE "C",
    strategy            text COLLATE "C" NOT NULL,
    instance            text COLLATE "C",
    epoch               bigint,
    owner               text COLLATE "C" NOT NULL,
    request_id          text COLLATE "C",
    origin              text COLLATE "C" NOT NULL DEFAULT 'own' CHECK (origin = ANY ('{own, adopted, external}')),
    replaces            bigint,
    client_order_id     text COLLATE "C" NOT NULL,
    attempt             integer NOT NULL DEFAULT 0 CHECK (attempt BETWEEN 0 AND 999),
    exchange_order_id   text COLLATE "C",
    state               text COLLATE "C" NOT NULL,
    cancel_state        text COLLATE "C" NOT NULL DEFAULT 'none'
                        CHECK (cancel_state = ANY ('{none, requested, sent, done, rejected, unknown}')),
    live                boolean NOT NULL,
    holds_slot          boolean NOT NULL,
    exposed             boolean NOT NULL,
    fence               bigint,
    filled_quantity     numeric NOT NULL DEFAULT 0,
    busted_quantity     numeric NOT NULL DEFAULT 0,
    filled_quote        numeric NOT NULL DEFAULT 0,
    reported_quantity   numeric NOT NULL DEFAULT 0,
    send_before         timestamptz,
    valid_until         timestamptz,
    created_at          timestamptz NOT NULL,
    submitted_at        timestamptz,
    opened_at           timestamptz,
    cancel_requested_at timestamptz,
    ended_at            timestamptz,
    updated_at          timestamptz NOT NULL,
    error_code          text,
    error_message       text,
    PRIMARY KEY (account, order_id),
    CHECK ((order_type = 'limit') = (price IS NOT NULL)),
    CHECK (CASE WHEN live THEN state = ANY ('{intent, submitted, unknown, open, partially_filled, lost}')
                ELSE state = ANY ('{filled, canceled, expired, rejected, aborted, never_accepted}') END),
    CHECK (NOT holds_slot OR (live AND slot IS NOT NULL)),
    CHECK (exposed = (live OR reported_quantity > filled_quantity + busted_quantity)),
    CHECK (filled_quantity > -1e20 AND filled_quantity < 1e20 AND busted_quantity >= 0 AND busted_quantity < 1e20
           AND filled_quantity + busted_quantity >= 0 AND reported_quantity >= 0 AND reported_quantity < 1e20)
) WITH (fillfactor = 80);
CREATE UNIQUE INDEX orders_request ON quantmesh.orders (account, request_id) WHERE request_id IS NOT NULL;

-- The exposed orders once more, for finding them without reading history. Here and not in indexes of orders: an index
-- whose condition an order leaves when it ends makes that update write all its index entries again, for ever in indexes
-- that grow with history. The price is a second, small row at placing, and its deletion. The slot of an order that holds
-- none is # and its id, which no order can ask for; so the key is of slots, and also finds the row again.
CREATE TABLE quantmesh.live_order (
    account             text COLLATE "C" NOT NULL,
    order_id            bigint NOT NULL,
    symbol              text COLLATE "C" NOT NULL,
    side                text COLLATE "C" NOT NULL,
    price               numeric,
    slot                text COLLATE "C" NOT NULL,
    PRIMARY KEY (account, symbol, side, slot)
);
CREATE INDEX live_order_price ON quantmesh.live_order (account, symbol, side, price);

CREATE TABLE quantmesh.exchange_order (
    account             text COLLATE "C" NOT NULL,
    symbol              text COLLATE "C" NOT NULL,
    exchange_order_id   text COLLATE "C" NOT NULL CHECK (pg_catalog.octet_length(exchange_order_id) BETWEEN 1 AND 128),
    order_id            bigint NOT NULL,
    attempt             integer NOT NULL CHECK (attempt BETWEEN 0 AND 999),
    PRIMARY KEY (account, symbol, exchange_order_id)
);

CREATE TABLE quantmesh.order_event (
    account             text COLLATE "C" NOT NULL,
    order_id            bigint NOT NULL,
    event_id            bigint NOT NULL,
    at                  timestamptz NOT NULL,
    event               text COLLATE "C" NOT NULL,
    from_state          text COLLATE "C" NOT NULL,
    to_state            text COLLATE "C" NOT NULL,
    cancel_state        text COLLATE "C" NOT NULL,
    source              text COLLATE "C" NOT NULL,
    trade_id            text COLLATE "C",
    event_time          timestamptz,
    discrepancy         text COLLATE "C",
    detail              jsonb,
    PRIMARY KEY (account, order_id, event_id)
);

CREATE TABLE quantmesh.fill (
    account             text COLLATE "C" NOT NULL,
    symbol              text COLLATE "C" NOT NULL,
    trade_id            text COLLATE "C" NOT NULL CHECK (pg_catalog.octet_length(trade_id) BETWEEN 1 AND 128),
    order_id            bigint NOT NULL,
    strategy            text COLLATE "C" NOT NULL,
    side                text COLLATE "C" NOT NULL CHECK (side IN ('buy', 'sell')),
    kind                text COLLATE "C" NOT NULL CHECK (kind IN ('trade', 'bust')),
    quantity            numeric NOT NULL,
    price               numeric NOT NULL CHECK (price > 0 AND price < 1e18),
    commission          numeric NOT NULL CHECK (commission > -1e18 AND commission < 1e18),
    commission_asset    text COLLATE "C",
    is_maker            boolean,
    executed_at         timestamptz NOT NULL,
    time_known          boolean NOT NULL,
    booked_at           timestamptz NOT NULL,
    source              text COLLATE "C" NOT NULL,
    position_after      numeric NOT NULL,
    cost_after          numeric NOT NULL,
    profit_after        numeric NOT NULL,
    PRIMARY KEY (account, symbol, trade_id, side, kind),
    CHECK (CASE kind WHEN 'trade' THEN quantity > 0 AND quantity < 1e18 ELSE quantity < 0 AND quantity > -1e18 END),
    CHECK (commission = 0 OR commission_asset IS NOT NULL)
);
CREATE INDEX fill_of_order ON quantmesh.fill (account, order_id);
CREATE INDEX fill_in_time ON quantmesh.fill (account, symbol, strategy, executed_at, trade_id, side, kind DESC);

CREATE TABLE quantmesh.position (
    account             text COLLATE "C" NOT NULL,
    symbol              text COLLATE "C" NOT NULL,
    strategy            text COLLATE "C" NOT NULL,
    quantity            numeric NOT NULL,
    cost                numeric NOT NULL,
    realized_profit     numeric NOT NULL,
    last_executed_at    timestamptz NOT NULL,
    last_trade_id       text COLLATE "C" NOT NULL,
    last_side           text COLLATE "C" NOT NULL,
    last_kind           text COLLATE "C" NOT NULL,
    updated_at          timestamptz NOT NULL,
    PRIMARY KEY (account, symbol, strategy)
) WITH (fillfactor = 50);

CREATE TABLE quantmesh.other_commission (
    account             text COLLATE "C" NOT NULL,
    symbol              text COLLATE "C" NOT NULL,
    strategy            text COLLATE "C" NOT NULL,
    asset               text COLLATE "C" NOT NULL,
    amount              numeric NOT NULL,
    PRIMARY KEY (account, symbol, strategy, asset)
) WITH (fillfactor = 50);

CREATE TABLE quantmesh.balance_baseline (
    account             text COLLATE "C" NOT NULL REFERENCES quantmesh.account,
    asset               text COLLATE "C" NOT NULL CHECK (asset <> ''),
    amount              numeric NOT NULL CHECK (amount > -1e20 AND amount < 1e20),
    reason              text NOT NULL,
    set_by              name NOT NULL,
    set_at              timestamptz NOT NULL,
    PRIMARY KEY (account, asset)
);

CREATE TABLE quantmesh.discrepancy (
    account             text COLLATE "C" NOT NULL,
    discrepancy_id      bigint NOT NULL,
    code                text COLLATE "C" NOT NULL CHECK (code ~ '^[A-Z_]+$'),
    symbol              text COLLATE "C",
    order_id            bigint,
    subject             text COLLATE "C" NOT NULL,
    local               jsonb,
    remote              jsonb,
    first_seen          timestamptz NOT NULL,
    last_seen           timestamptz NOT NULL,
    seen_count          bigint NOT NULL DEFAULT 1 CHECK (seen_count > 0),
    resolved_at         timestamptz,
    resolution          text,
    PRIMARY KEY (account, discrepancy_id)
);
CREATE UNIQUE INDEX discrepancy_open ON quantmesh.discrepancy (account, code, subject) WHERE resolved_at IS NULL;

CREATE TABLE quantmesh.operator_action (
    account             text COLLATE "C" NOT NULL,
    action_id           bigint NOT NULL,
    at                  timestamptz NOT NULL,
    operator            name NOT NULL,
    action              text COLLATE "C" NOT NULL,
    symbol              text COLLATE "C",
    order_id            bigint,
    reason              text,
    detail              jsonb,
    PRIMARY KEY (account, action_id)
);
