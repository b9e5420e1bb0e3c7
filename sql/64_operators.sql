-- What operators set: markets, limits, trading states, trust, baselines. They run as the owner of the tables, and
-- EXECUTE alone says who may; each writes an operator_action and makes every session read the settings again.

CREATE FUNCTION quantmesh.next_id() RETURNS bigint
    LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'qm_next_id';
COMMENT ON FUNCTION quantmesh.next_id() IS 'An id from the fence counter: larger than every earlier one, also across crash, promotion and restore. Internal.';

CREATE FUNCTION quantmesh.current_tag() RETURNS text
    LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'qm_current_tag';
COMMENT ON FUNCTION quantmesh.current_tag() IS 'The origin tag of orders that are placed now. Internal.';

CREATE FUNCTION quantmesh.lock_market(account text, symbol text) RETURNS void
    LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'qm_lock_market';
COMMENT ON FUNCTION quantmesh.lock_market(text, text) IS
    'Waits until no placement in the market can still commit, and admits no new one until this transaction ends. account, symbol: the market. Internal.';

CREATE FUNCTION quantmesh.markets_changed() RETURNS void
    LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'qm_markets_changed';
COMMENT ON FUNCTION quantmesh.markets_changed() IS 'Makes every session read markets and accounts again once this transaction has committed. Internal.';

CREATE FUNCTION quantmesh.trading_rows(account text, symbol text, stop boolean,
    OUT account text, OUT symbol text, OUT state text, OUT open_orders bigint, OUT in_flight bigint)
    RETURNS SETOF record LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'qm_trading_rows';
COMMENT ON FUNCTION quantmesh.trading_rows(text, text, boolean) IS
    'State and orders of markets, as committed now. account: * for all. symbol: NULL for all. stop: whether to lock them first. Internal.';

CREATE FUNCTION quantmesh.check_name(argument text, value text, everything boolean DEFAULT false) RETURNS void
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF value IS NULL THEN
        RAISE EXCEPTION '% must not be null', argument USING ERRCODE = '22004';
    END IF;
    IF (value <> '*' OR NOT everything) AND (value !~ '^[^:*"''[:cntrl:]]+$' OR strpos(value, chr(92)) > 0 OR octet_length(value) > 64) THEN
        RAISE EXCEPTION '% "%" is not valid', argument, left(value, 80)
            USING ERRCODE = '22023', HINT = 'It has 1 to 64 bytes, without colon, asterisk, quote, backslash or control characters.';
    END IF;
END;
$$;
COMMENT ON FUNCTION quantmesh.check_name(text, text, boolean) IS
    'Refuses what is no account or symbol: 22004, 22023. argument: its name. value: the text. everything: whether * is allowed. Internal.';

CREATE FUNCTION quantmesh.check_number(argument text, value numeric, smallest numeric) RETURNS void
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF value = 'NaN' OR value IN ('Infinity', '-Infinity') OR abs(value) >= 1e18 OR scale(trim_scale(value)) > 18 THEN
        RAISE EXCEPTION '% must be below 1e18 with at most 18 decimals, not %', argument, left(value::text, 80) USING ERRCODE = '22023';
    END IF;
    IF value < smallest OR (smallest IS NULL AND value <= 0) THEN
        RAISE EXCEPTION '% must be %, not %', argument, CASE WHEN smallest IS NULL THEN 'positive' ELSE 'at least ' || smallest END, value
            USING ERRCODE = '22023';
    END IF;
END;
$$;
COMMENT ON FUNCTION quantmesh.check_number(text, numeric, numeric) IS
    'Refuses with 22023 what cannot be an amount; NULL passes. argument: its name. value: the number. smallest: that it may be; NULL: above 0. Internal.';

CREATE FUNCTION quantmesh.check_reason(reason text, required boolean) RETURNS void
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF reason IS NULL AND required THEN
        RAISE EXCEPTION 'reason must not be null' USING ERRCODE = '22004', HINT = 'Say why; it is kept in quantmesh.operator_action.';
    END IF;
    IF octet_length(reason) NOT BETWEEN 1 AND 1000 THEN
        RAISE EXCEPTION 'reason has % bytes', octet_length(reason) USING ERRCODE = '22023', DETAIL = 'It must have 1 to 1000.';
    END IF;
END;
$$;
COMMENT ON FUNCTION quantmesh.check_reason(text, boolean) IS
    'Refuses what is no reason: 22004, 22023. reason: the text. required: whether there must be one. Internal.';

CREATE FUNCTION quantmesh.derive_assets(symbol text, OUT base_asset text, OUT quote_asset text) RETURNS record
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    quotes constant text := 'FDUSD|USDT|USDC|TUSD|BUSD|USDP|DAI|USD|EUR|GBP|JPY|TRY|BRL|AUD|BTC|ETH|BNB';
    parts text[] := regexp_match(symbol, '^([^-/_]+)[-/_]([A-Za-z][A-Za-z0-9]*)$');
BEGIN
    -- A pair in one word before a separator is a contract on that pair, BTCUSDT-PERP, and no base asset.
    IF parts IS NULL THEN
        parts := regexp_match(symbol, '^([^-/_]+?)(' || quotes || ')$', 'i');
    ELSIF parts[2] !~* ('^(' || quotes || ')$') AND parts[1] ~* ('.(' || quotes || ')$') THEN
        parts := NULL;
    END IF;
    base_asset := parts[1];
    quote_asset := parts[2];
END;
$$;
COMMENT ON FUNCTION quantmesh.derive_assets(text) IS
    'Base and quote asset of a symbol like BTCUSDT, BTC-USDT, BTC/USDT or BTC_USDT; NULLs where it is not clear. symbol: the symbol. Internal.';

CREATE FUNCTION quantmesh.record_action(account text, action text, symbol text, reason text, detail jsonb) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO quantmesh.operator_action (account, action_id, at, operator, action, symbol, reason, detail)
        VALUES (record_action.account, quantmesh.next_id(), clock_timestamp(), session_user, record_action.action,
                record_action.symbol, record_action.reason, record_action.detail);
    PERFORM quantmesh.markets_changed();
END;
$$;
COMMENT ON FUNCTION quantmesh.record_action(text, text, text, text, jsonb) IS
    'Writes what an operator does to operator_action, and makes every session read the settings again. account, action, symbol, reason, detail: the columns. Internal.';

CREATE FUNCTION quantmesh.refuse_unknown(account text, symbol text) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF symbol IS NULL THEN
        RAISE EXCEPTION 'account "%" is not known', account
            USING ERRCODE = 'P0002', HINT = 'quantmesh.set_market() makes an account known with its first market.';
    END IF;
    RAISE EXCEPTION 'market "%" of account "%" is not known', symbol, account
        USING ERRCODE = 'P0002', HINT = 'quantmesh.set_market() makes a market known.';
END;
$$;
COMMENT ON FUNCTION quantmesh.refuse_unknown(text, text) IS 'Errors with P0002. account: the account. symbol: the symbol, or NULL when the account is unknown. Internal.';

CREATE FUNCTION quantmesh.add_market(wanted quantmesh.market) RETURNS boolean
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF wanted.tick_size IS NULL OR wanted.step_size IS NULL THEN
        RAISE EXCEPTION '% must not be null', CASE WHEN wanted.tick_size IS NULL THEN 'tick_size' ELSE 'step_size' END
            USING ERRCODE = '22004', DETAIL = format('Market "%s" of account "%s" is new.', wanted.symbol, wanted.account);
    END IF;
    IF wanted.base_asset IS NULL OR wanted.quote_asset IS NULL THEN
        RAISE EXCEPTION 'symbol "%" does not say its assets', wanted.symbol
            USING ERRCODE = '22023', HINT = 'Pass base_asset and quote_asset.';
    END IF;
    -- A halt of everything, or of the account, locks these rows FOR UPDATE: no market appears behind its back.
    INSERT INTO quantmesh.account (account) VALUES ('*') ON CONFLICT DO NOTHING;
    PERFORM FROM quantmesh.account AS a WHERE a.account = '*' FOR KEY SHARE;
    INSERT INTO quantmesh.account (account) VALUES (wanted.account) ON CONFLICT DO NOTHING;
    INSERT INTO quantmesh.market (account, symbol, base_asset, quote_asset, tick_size, step_size, min_quantity, max_quantity,
                                  min_notional, level_width, slot_by, mode, trusted_tag)
        VALUES (wanted.account, wanted.symbol, wanted.base_asset, wanted.quote_asset, wanted.tick_size, wanted.step_size, wanted.min_quantity,
                wanted.max_quantity, wanted.min_notional, wanted.level_width, coalesce(wanted.slot_by, 'price'), coalesce(wanted.mode, 'shared'),
                quantmesh.current_tag())
        ON CONFLICT DO NOTHING;
    RETURN FOUND;
END;
$$;
COMMENT ON FUNCTION quantmesh.add_market(quantmesh.market) IS
    'Adds a market, and its account when that is new. Returns false when somebody else has just added it. wanted: its settings. Internal.';

CREATE FUNCTION quantmesh.change_market(known quantmesh.market, wanted quantmesh.market) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF (known.base_asset, known.quote_asset) <> (wanted.base_asset, wanted.quote_asset)
       AND (EXISTS (SELECT FROM quantmesh.fill AS f WHERE f.account = known.account AND f.symbol = known.symbol)
            OR EXISTS (SELECT FROM quantmesh.live_order AS l WHERE l.account = known.account AND l.symbol = known.symbol)) THEN
        RAISE EXCEPTION 'market "%" of account "%" has orders or fills: its assets stay % and %', known.symbol, known.account, known.base_asset, known.quote_asset
            USING ERRCODE = '55000';
    END IF;
    -- Placements and revivals lock a price's level: under two widths they would not see one another, and meet in the unique index.
    -- And once a market is exclusive, nobody else's placement may still commit.
    IF known.level_width IS DISTINCT FROM wanted.level_width OR known.mode <> wanted.mode THEN
        PERFORM quantmesh.lock_market(known.account, known.symbol);
    END IF;
    -- What names a slot must not change under orders that hold one: a second order could take it under its new name.
    IF (known.slot_by <> wanted.slot_by OR wanted.slot_by = 'level' AND known.level_width IS DISTINCT FROM wanted.level_width)
       AND EXISTS (SELECT FROM quantmesh.trading_rows(known.account, known.symbol, true) AS t WHERE t.open_orders > 0) THEN
        RAISE EXCEPTION 'market "%" of account "%" has live orders: its slots cannot be named in another way', known.symbol, known.account
            USING ERRCODE = '55000', HINT = 'Cancel them first: quantmesh.cancel_orders().';
    END IF;
    UPDATE quantmesh.market AS m
        SET base_asset = wanted.base_asset, quote_asset = wanted.quote_asset, tick_size = wanted.tick_size, step_size = wanted.step_size,
            min_quantity = wanted.min_quantity, max_quantity = wanted.max_quantity, min_notional = wanted.min_notional,
            level_width = wanted.level_width, slot_by = wanted.slot_by, mode = wanted.mode
        WHERE m.account = known.account AND m.symbol = known.symbol;
END;
$$;
COMMENT ON FUNCTION quantmesh.change_market(quantmesh.market, quantmesh.market) IS
    'Changes a market; 55000 where its orders forbid it. known: its row, locked. wanted: its new settings. Internal.';

CREATE FUNCTION quantmesh.set_market(account text, symbol text, tick_size numeric DEFAULT NULL, step_size numeric DEFAULT NULL,
    min_quantity numeric DEFAULT NULL, min_notional numeric DEFAULT NULL, level_width numeric DEFAULT NULL, slot_by text DEFAULT NULL,
    mode text DEFAULT NULL, base_asset text DEFAULT NULL, quote_asset text DEFAULT NULL, max_quantity numeric DEFAULT NULL) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    known  quantmesh.market;
    wanted quantmesh.market;
BEGIN
    PERFORM quantmesh.check_name('account', account), quantmesh.check_name('symbol', symbol);
    PERFORM quantmesh.check_number('tick_size', tick_size, NULL), quantmesh.check_number('step_size', step_size, NULL),
            quantmesh.check_number('min_quantity', min_quantity, 0), quantmesh.check_number('max_quantity', max_quantity, NULL),
            quantmesh.check_number('min_notional', min_notional, 0), quantmesh.check_number('level_width', level_width, NULL);
    slot_by := lower(slot_by);
    mode := lower(mode);
    IF slot_by NOT IN ('price', 'level') THEN
        RAISE EXCEPTION 'slot_by must be price or level, not "%"', left(slot_by, 80) USING ERRCODE = '22023';
    END IF;
    IF mode NOT IN ('shared', 'exclusive') THEN
        RAISE EXCEPTION 'mode must be shared or exclusive, not "%"', left(mode, 80) USING ERRCODE = '22023';
    END IF;
    IF base_asset !~ '^[^[:cntrl:]]+$' OR octet_length(base_asset) > 32 OR quote_asset !~ '^[^[:cntrl:]]+$' OR octet_length(quote_asset) > 32 THEN
        RAISE EXCEPTION 'base_asset "%" or quote_asset "%" is not valid', left(base_asset, 80), left(quote_asset, 80)
            USING ERRCODE = '22023', DETAIL = 'An asset has 1 to 32 bytes, without control characters.';
    END IF;

    SELECT m.* INTO known FROM quantmesh.market AS m
        WHERE m.account = set_market.account AND m.symbol = set_market.symbol FOR NO KEY UPDATE;
    wanted := known;
    wanted.account := account;
    wanted.symbol := symbol;
    wanted.base_asset := coalesce(base_asset, known.base_asset, (SELECT d.base_asset FROM quantmesh.derive_assets(symbol) AS d));
    wanted.quote_asset := coalesce(quote_asset, known.quote_asset, (SELECT d.quote_asset FROM quantmesh.derive_assets(symbol) AS d));
    wanted.tick_size := coalesce(tick_size, known.tick_size);
    wanted.step_size := coalesce(step_size, known.step_size);
    wanted.min_quantity := coalesce(min_quantity, known.min_quantity);
    wanted.max_quantity := coalesce(max_quantity, known.max_quantity);
    wanted.min_notional := coalesce(min_notional, known.min_notional);
    wanted.level_width := coalesce(level_width, known.level_width);
    wanted.slot_by := coalesce(slot_by, known.slot_by);
    wanted.mode := coalesce(mode, known.mode);
    IF wanted.min_quantity > wanted.max_quantity THEN
        RAISE EXCEPTION 'min_quantity % is above max_quantity %', wanted.min_quantity, wanted.max_quantity USING ERRCODE = '22023';
    END IF;
    IF wanted.base_asset = wanted.quote_asset THEN
        RAISE EXCEPTION 'base_asset and quote_asset are both "%"', wanted.base_asset USING ERRCODE = '22023';
    END IF;

    IF known.account IS NOT NULL THEN
        PERFORM quantmesh.change_market(known, wanted);
    ELSIF NOT quantmesh.add_market(wanted) THEN
        -- Somebody else has just added it.
        PERFORM quantmesh.set_market(account, symbol, tick_size, step_size, min_quantity, min_notional, level_width, slot_by, mode,
                                     base_asset, quote_asset, max_quantity);
        RETURN;
    END IF;
    PERFORM quantmesh.record_action(account, 'set_market', symbol, NULL,
        jsonb_strip_nulls(jsonb_build_object('tick_size', tick_size::text, 'step_size', step_size::text, 'min_quantity', min_quantity::text,
            'max_quantity', max_quantity::text, 'min_notional', min_notional::text, 'level_width', level_width::text, 'slot_by', slot_by,
            'mode', mode, 'base_asset', base_asset, 'quote_asset', quote_asset)));
END;
$$;
COMMENT ON FUNCTION quantmesh.set_market(text, text, numeric, numeric, numeric, numeric, numeric, text, text, text, text, numeric) IS
    'Makes a market known, or changes it; NULL keeps what is there. account, symbol: the market. tick_size: prices are multiples of it. step_size: quantities are multiples of it; both are needed for a new market. min_quantity: of an order. min_notional: of price x quantity. level_width: of price levels, default four significant digits. slot_by: price (default) or level. mode: shared (default) or exclusive. base_asset, quote_asset: derived from symbols like BTCUSDT or BTC-USDT. max_quantity: of an order. 55000 when live orders forbid the change. Operators only.';

CREATE FUNCTION quantmesh.set_limits(account text, symbol text DEFAULT NULL, max_open_orders integer DEFAULT NULL, max_position numeric DEFAULT NULL,
    max_notional numeric DEFAULT NULL, max_order_rate integer DEFAULT NULL) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM quantmesh.check_name('account', account);
    PERFORM quantmesh.check_number('max_open_orders', max_open_orders, 0), quantmesh.check_number('max_position', max_position, 0),
            quantmesh.check_number('max_notional', max_notional, 0), quantmesh.check_number('max_order_rate', max_order_rate, 0);
    IF max_order_rate > 1000000 THEN
        RAISE EXCEPTION 'max_order_rate must be at most 1000000, not %', max_order_rate USING ERRCODE = '22023';
    END IF;
    IF symbol IS NULL THEN
        IF max_position IS NOT NULL THEN
            RAISE EXCEPTION 'max_position belongs to a market, not to an account'
                USING ERRCODE = '22023', HINT = 'Name the symbol, or leave max_position out.';
        END IF;
        UPDATE quantmesh.account AS a
            SET max_open_orders = set_limits.max_open_orders, max_notional = set_limits.max_notional, max_order_rate = set_limits.max_order_rate
            WHERE a.account = set_limits.account;
    ELSE
        PERFORM quantmesh.check_name('symbol', symbol);
        UPDATE quantmesh.market AS m
            SET max_open_orders = set_limits.max_open_orders, max_position = set_limits.max_position, max_notional = set_limits.max_notional,
                max_order_rate = set_limits.max_order_rate
            WHERE m.account = set_limits.account AND m.symbol = set_limits.symbol;
    END IF;
    IF NOT FOUND THEN
        PERFORM quantmesh.refuse_unknown(account, symbol);
    END IF;
    PERFORM quantmesh.record_action(account, 'set_limits', symbol, NULL,
        jsonb_build_object('max_open_orders', max_open_orders::text, 'max_position', max_position::text,
                           'max_notional', max_notional::text, 'max_order_rate', max_order_rate::text));
END;
$$;
COMMENT ON FUNCTION quantmesh.set_limits(text, text, integer, numeric, numeric, integer) IS
    'Sets all limits of a market or an account: what is NULL is not limited. They hold for orders placed from the commit on. account: whose. symbol: NULL is the account as a whole. max_open_orders: live orders. max_position: how far from flat live orders of one side may bring the position, not for an account. max_notional: of live orders with a price, in the quote asset. max_order_rate: orders in any one second. P0002 when it is not known. Operators only.';

CREATE FUNCTION quantmesh.change_state(account text, symbol text, state text, reason text, required boolean, action text) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM quantmesh.check_name('account', account, true);
    PERFORM quantmesh.check_reason(reason, required);
    state := lower(state);
    IF state IS NULL THEN
        RAISE EXCEPTION 'state must not be null' USING ERRCODE = '22004';
    END IF;
    IF state NOT IN ('active', 'reducing', 'halted') THEN
        RAISE EXCEPTION 'state must be active, reducing or halted, not "%"', left(state, 80) USING ERRCODE = '22023';
    END IF;
    IF symbol IS NULL THEN
        INSERT INTO quantmesh.account (account) SELECT '*' WHERE change_state.account = '*' ON CONFLICT DO NOTHING;
        -- FOR UPDATE keeps add_market from adding a market meanwhile.
        PERFORM FROM quantmesh.account AS a WHERE a.account = change_state.account FOR UPDATE;
        UPDATE quantmesh.account AS a
            SET trading_state = change_state.state, state_reason = change_state.reason, state_set_by = session_user, state_set_at = clock_timestamp()
            WHERE a.account = change_state.account;
    ELSE
        PERFORM quantmesh.check_name('symbol', symbol);
        -- Rows in one order, so that two such calls cannot deadlock.
        PERFORM FROM quantmesh.market AS m
            WHERE change_state.account IN ('*', m.account) AND m.symbol = change_state.symbol
            ORDER BY m.account FOR NO KEY UPDATE;
        UPDATE quantmesh.market AS m
            SET trading_state = change_state.state, state_reason = change_state.reason, state_set_by = session_user, state_set_at = clock_timestamp()
            WHERE change_state.account IN ('*', m.account) AND m.symbol = change_state.symbol;
    END IF;
    IF NOT FOUND THEN
        PERFORM quantmesh.refuse_unknown(account, symbol);
    END IF;
    PERFORM quantmesh.tell_state(account, symbol, state, reason);
    PERFORM quantmesh.record_action(account, action, symbol, reason, jsonb_build_object('state', state));
END;
$$;
COMMENT ON FUNCTION quantmesh.change_state(text, text, text, text, boolean, text) IS
    'Writes a trading state. account, symbol, state, reason: as set_trading_state has them. required: whether there must be a reason. action: the function that was called. Internal.';

-- Of a deadlock with a transaction that places in several markets, that one is the victim: it looks for it sooner.
CREATE FUNCTION quantmesh.set_trading_state(account text DEFAULT '*', symbol text DEFAULT NULL, state text DEFAULT NULL, reason text DEFAULT NULL,
    OUT account text, OUT symbol text, OUT state text, OUT open_orders bigint, OUT in_flight bigint) RETURNS SETOF record
    LANGUAGE sql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET deadlock_timeout = '1min'
BEGIN ATOMIC
    SELECT quantmesh.change_state(set_trading_state.account, set_trading_state.symbol, set_trading_state.state, set_trading_state.reason, true, 'set_trading_state');
    SELECT t.account, t.symbol, t.state, t.open_orders, t.in_flight
        FROM quantmesh.trading_rows(set_trading_state.account, set_trading_state.symbol, pg_catalog.lower(set_trading_state.state) <> 'active') AS t;
END;
COMMENT ON FUNCTION quantmesh.set_trading_state(text, text, text, text) IS
    'Sets the trading state of everything, an account or a market. account: * for everything. symbol: NULL for the account as a whole. state: active, reducing (only orders towards flat) or halted (no orders); cancels always pass. reason: kept in operator_action. Returns the markets concerned as halt does, and like it waits for earlier placements unless the state is active. The strictest of everything, account and market counts. P0002 when it is not known. Operators only.';

CREATE FUNCTION quantmesh.halt(account text DEFAULT '*', symbol text DEFAULT NULL, reason text DEFAULT NULL,
    OUT account text, OUT symbol text, OUT state text, OUT open_orders bigint, OUT in_flight bigint) RETURNS SETOF record
    LANGUAGE sql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET deadlock_timeout = '1min'
BEGIN ATOMIC
    SELECT quantmesh.change_state(halt.account, halt.symbol, 'halted', halt.reason, false, 'halt');
    SELECT t.account, t.symbol, t.state, t.open_orders, t.in_flight FROM quantmesh.trading_rows(halt.account, halt.symbol, true) AS t;
END;
COMMENT ON FUNCTION quantmesh.halt(text, text, text) IS
    'Stops placing. When its transaction has committed, no earlier placement can still commit. account: * for everything. symbol: NULL for the account as a whole. reason: kept in operator_action. Returns the markets concerned: account, symbol, state (the strictest that counts), open_orders (live ones) and in_flight (those of them whose fate at the exchange is not known: submitted or unknown). Orders stay: see cancel_orders. Operators only.';

CREATE FUNCTION quantmesh.resume(account text DEFAULT '*', symbol text DEFAULT NULL, reason text DEFAULT NULL,
    OUT account text, OUT symbol text, OUT state text, OUT open_orders bigint, OUT in_flight bigint) RETURNS SETOF record
    LANGUAGE sql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT quantmesh.change_state(resume.account, resume.symbol, 'active', resume.reason, false, 'resume');
    SELECT t.account, t.symbol, t.state, t.open_orders, t.in_flight FROM quantmesh.trading_rows(resume.account, resume.symbol, false) AS t;
END;
COMMENT ON FUNCTION quantmesh.resume(text, text, text) IS
    'Takes a halt, or reducing, back where it was set. account: * for everything. symbol: NULL for the account as a whole. reason: kept in operator_action. Returns the markets concerned as halt does; their state is not active while another level still says otherwise. Operators only.';

CREATE FUNCTION quantmesh.trust_market(account text DEFAULT '*', symbol text DEFAULT NULL, reason text DEFAULT NULL) RETURNS bigint
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    tag text;
    trusted bigint;
BEGIN
    PERFORM quantmesh.check_name('account', account, true);
    PERFORM quantmesh.check_reason(reason, true);
    IF symbol IS NOT NULL THEN
        PERFORM quantmesh.check_name('symbol', symbol);
    END IF;
    tag := quantmesh.current_tag();
    PERFORM FROM quantmesh.market AS m
        WHERE trust_market.account IN ('*', m.account) AND (trust_market.symbol IS NULL OR m.symbol = trust_market.symbol)
        ORDER BY m.account, m.symbol FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        PERFORM quantmesh.refuse_unknown(account, symbol);
    END IF;
    UPDATE quantmesh.market AS m SET trusted_tag = tag
        WHERE trust_market.account IN ('*', m.account) AND (trust_market.symbol IS NULL OR m.symbol = trust_market.symbol)
          AND m.trusted_tag <> tag;
    GET DIAGNOSTICS trusted = ROW_COUNT;
    PERFORM quantmesh.record_action(account, 'trust_market', symbol, reason, jsonb_build_object('tag', tag, 'markets', trusted::text));
    RETURN trusted;
END;
$$;
COMMENT ON FUNCTION quantmesh.trust_market(text, text, text) IS
    'Ends RECONCILE_PENDING after a promotion or restore: an operator has made sure that all our orders at the exchange are known here. account: * for all. symbol: NULL for all of the account. reason: kept in operator_action. Returns how many markets were waiting. Operators only.';

CREATE FUNCTION quantmesh.set_baseline(account text, asset text, amount numeric, reason text) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM quantmesh.check_name('account', account);
    PERFORM quantmesh.check_reason(reason, true);
    IF asset IS NULL OR amount IS NULL THEN
        RAISE EXCEPTION '% must not be null', CASE WHEN asset IS NULL THEN 'asset' ELSE 'amount' END USING ERRCODE = '22004';
    END IF;
    IF asset !~ '^[^[:cntrl:]]+$' OR octet_length(asset) > 32 THEN
        RAISE EXCEPTION 'asset "%" is not valid', left(asset, 80) USING ERRCODE = '22023', DETAIL = 'An asset has 1 to 32 bytes, without control characters.';
    END IF;
    PERFORM quantmesh.check_number('amount', amount, -1e18);
    PERFORM FROM quantmesh.account AS a WHERE a.account = set_baseline.account;
    IF NOT FOUND THEN
        PERFORM quantmesh.refuse_unknown(account, NULL);
    END IF;
    INSERT INTO quantmesh.balance_baseline AS b (account, asset, amount, reason, set_by, set_at)
        VALUES (set_baseline.account, set_baseline.asset, set_baseline.amount, set_baseline.reason, session_user, clock_timestamp())
        ON CONFLICT ON CONSTRAINT balance_baseline_pkey DO UPDATE
        SET amount = excluded.amount, reason = excluded.reason, set_by = excluded.set_by, set_at = excluded.set_at;
    PERFORM quantmesh.record_action(account, 'set_baseline', NULL, reason, jsonb_build_object('asset', asset, 'amount', amount::text));
END;
$$;
COMMENT ON FUNCTION quantmesh.set_baseline(text, text, numeric, text) IS
    'Says what an account has of an asset that does not come from our fills. account: whose. asset: its name. amount: how much, negative for what was taken out. reason: kept in operator_action. Operators only.';
