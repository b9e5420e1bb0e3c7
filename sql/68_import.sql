-- Taking over a history that was kept elsewhere: a SQLite file of one instance, or the export of another server. For
-- operators, who call these in one transaction: markets, orders, positions, states. What is there already stays as it is,
-- so that a history is never taken over twice.

CREATE FUNCTION quantmesh.change_exposure(account text, symbol text, orders bigint, longest numeric, shortest numeric, notional numeric) RETURNS boolean
    LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'qm_change_exposure';
COMMENT ON FUNCTION quantmesh.change_exposure(text, text, bigint, numeric, numeric, numeric) IS
    'Tells the counters behind limits what this transaction has added to a market. account, symbol: the market. orders: live ones. longest, shortest: worst-case position. notional: of live orders with a price. Internal.';

CREATE FUNCTION quantmesh.recompute_position(account text, symbol text, strategy text) RETURNS numeric
    LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'qm_recompute_position';
COMMENT ON FUNCTION quantmesh.recompute_position(text, text, text) IS
    'Computes a strategy''s ledger again from its first fill on, and returns by how much its position has changed. account, symbol, strategy: whose. Internal.';

CREATE FUNCTION quantmesh.import_market(account text, market jsonb) RETURNS boolean
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    wanted quantmesh.market := jsonb_populate_record(NULL::quantmesh.market, market);
    known  quantmesh.market;
BEGIN
    PERFORM quantmesh.check_name('account', account), quantmesh.check_name('symbol', wanted.symbol);
    SELECT m.* INTO known FROM quantmesh.market AS m WHERE m.account = import_market.account AND m.symbol = wanted.symbol;
    IF known.account IS NULL THEN
        PERFORM quantmesh.set_market(import_market.account, wanted.symbol, wanted.tick_size, wanted.step_size, wanted.min_quantity, wanted.min_notional,
                                     wanted.level_width, wanted.slot_by, NULL, wanted.base_asset, wanted.quote_asset, wanted.max_quantity);
    ELSIF (known.base_asset, known.quote_asset) <> (wanted.base_asset, wanted.quote_asset) THEN
        RAISE EXCEPTION 'market "%" of account "%" is in % and %, not in % and %', wanted.symbol, account, known.base_asset, known.quote_asset,
            wanted.base_asset, wanted.quote_asset
            USING ERRCODE = '55000', HINT = 'Import it under another account.';
    END IF;
    -- No placement meanwhile: what it finds free must stay free, and what limits count must stay true.
    PERFORM quantmesh.lock_market(import_market.account, wanted.symbol);
    RETURN known.account IS NULL;
END;
$$;
COMMENT ON FUNCTION quantmesh.import_market(text, jsonb) IS
    'Makes a market of a history known if it is not, and keeps placements out of it until this transaction ends. Returns whether it is new; one that is known keeps its filters. account: whose. market: columns of quantmesh.market. 55000 when it is known with other assets. Operators only.';

CREATE FUNCTION quantmesh.check_import(account text, orders jsonb) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    bad text;
BEGIN
    PERFORM quantmesh.check_name('account', account);
    SELECT e.value -> 'order' ->> 'order_id' INTO bad
        FROM jsonb_array_elements(orders) AS e
        JOIN quantmesh.orders AS o ON o.account = check_import.account AND o.order_id = (e.value -> 'order' ->> 'order_id')::bigint
        WHERE (o.symbol, o.created_at) <> (e.value -> 'order' ->> 'symbol', (e.value -> 'order' ->> 'created_at')::timestamptz)
        LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'account "%" has another order with the id %', account, bad
            USING ERRCODE = '23505', HINT = 'Import this history under another account.';
    END IF;
    SELECT e.value -> 'order' ->> 'order_id' INTO bad
        FROM jsonb_array_elements(orders) AS e
        WHERE (e.value -> 'order' ->> 'filled_quantity')::numeric IS DISTINCT FROM
              coalesce((SELECT sum((f.value ->> 'quantity')::numeric) FROM jsonb_array_elements(e.value -> 'fills') AS f), 0)
        LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'the fills of order % do not add up to its filled_quantity', bad USING ERRCODE = '23514';
    END IF;
    SELECT f.value ->> 'trade_id' INTO bad
        FROM jsonb_array_elements(orders) AS e, jsonb_array_elements(e.value -> 'fills') AS f, quantmesh.fill_opening AS w
        WHERE w.account = check_import.account AND w.symbol = e.value -> 'order' ->> 'symbol' AND f.value ->> 'trade_id' ~ '^[0-9]{1,18}$'
          AND CASE WHEN f.value ->> 'trade_id' ~ '^[0-9]{1,18}$' THEN (f.value ->> 'trade_id')::bigint END <= w.pruned_trade
        LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'trade % is older than what account "%" still keeps', bad, account
            USING ERRCODE = '55000', HINT = 'Import this history under another account.';
    END IF;
END;
$$;
COMMENT ON FUNCTION quantmesh.check_import(text, jsonb) IS
    'Refuses what cannot be taken over: ids of other orders (23505), fills that do not add up (23514), fills that may be pruned ones (55000). account, orders: as import_orders has them. Internal.';

CREATE FUNCTION quantmesh.import_orders(account text, orders jsonb) RETURNS bigint
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    added bigint;
BEGIN
    PERFORM quantmesh.check_import(account, orders);
    WITH element AS MATERIALIZED (
        SELECT e.value AS e, jsonb_build_object('account', import_orders.account, 'order_id', e.value -> 'order' -> 'order_id',
                                                'symbol', e.value -> 'order' -> 'symbol') AS own
        FROM jsonb_array_elements(orders) AS e
        WHERE NOT EXISTS (SELECT FROM quantmesh.orders AS k
                          WHERE k.account = import_orders.account AND k.order_id = (e.value -> 'order' ->> 'order_id')::bigint)
          AND NOT EXISTS (SELECT FROM quantmesh.order_archive AS k
                          WHERE k.account = import_orders.account AND k.order_id = (e.value -> 'order' ->> 'order_id')::bigint)
    ), new_order AS (
        INSERT INTO quantmesh.orders SELECT r.* FROM element, jsonb_populate_record(NULL::quantmesh.orders, element.e -> 'order' || element.own) AS r
        RETURNING *
    ), new_live AS (
        INSERT INTO quantmesh.live_order (account, order_id, symbol, side, price, slot)
            SELECT o.account, o.order_id, o.symbol, o.side, o.price, CASE WHEN o.holds_slot THEN o.slot ELSE '#' || o.order_id END
            FROM new_order AS o WHERE o.exposed
    ), new_id AS (
        INSERT INTO quantmesh.exchange_order
            SELECT r.* FROM element, jsonb_array_elements(element.e -> 'ids') AS x, jsonb_populate_record(NULL::quantmesh.exchange_order, x.value || element.own) AS r
    ), new_event AS (
        INSERT INTO quantmesh.order_event
            SELECT r.* FROM element, jsonb_array_elements(element.e -> 'events') AS x, jsonb_populate_record(NULL::quantmesh.order_event, x.value || element.own) AS r
    ), new_fill AS (
        INSERT INTO quantmesh.fill
            SELECT r.* FROM element, jsonb_array_elements(element.e -> 'fills') AS x,
                jsonb_populate_record(NULL::quantmesh.fill, x.value || element.own
                    || jsonb_build_object('strategy', element.e -> 'order' -> 'strategy', 'side', element.e -> 'order' -> 'side')) AS r
        RETURNING *
    ), paid AS (
        INSERT INTO quantmesh.other_commission AS c (account, symbol, strategy, asset, amount)
            SELECT f.account, f.symbol, f.strategy, f.commission_asset, sum(f.commission)
            FROM new_fill AS f LEFT JOIN quantmesh.market AS m ON m.account = f.account AND m.symbol = f.symbol
            WHERE f.commission <> 0 AND f.commission_asset IS NOT NULL
              AND coalesce(f.commission_asset NOT IN (m.base_asset, m.quote_asset), true)
            GROUP BY f.account, f.symbol, f.strategy, f.commission_asset
            ON CONFLICT ON CONSTRAINT other_commission_pkey DO UPDATE SET amount = c.amount + excluded.amount
    ), pending AS (
        SELECT o.symbol, o.side, o.price, o.live,
               greatest(0, CASE WHEN o.live THEN o.quantity ELSE o.reported_quantity END - o.filled_quantity - o.busted_quantity) AS quantity
        FROM new_order AS o WHERE o.exposed
    ), exposed AS (
        SELECT quantmesh.change_exposure(import_orders.account, p.symbol, count(*) FILTER (WHERE p.live),
                   coalesce(sum(p.quantity) FILTER (WHERE p.side = 'buy'), 0), coalesce(sum(p.quantity) FILTER (WHERE p.side = 'sell'), 0),
                   coalesce(sum(p.price * p.quantity) FILTER (WHERE p.live AND p.price IS NOT NULL), 0)) AS told
        FROM pending AS p GROUP BY p.symbol
    )
    SELECT (SELECT count(*) FROM new_order) + (SELECT count(*) FROM exposed AS x WHERE NOT x.told) INTO added;
    RETURN added;
END;
$$;
COMMENT ON FUNCTION quantmesh.import_orders(text, jsonb) IS
    'Takes over orders with their history, and returns how many were new; those that are known stay as they are. import_market is called before, import_positions after. account: whose. orders: an array of objects with order, events, fills and ids, whose fields are the columns of the tables orders, order_event, fill and exchange_order. Their ids stay what they are. 23505 when a slot, a request, a trade or an id belongs to another order, 23514 when fills do not add up. Operators only.';

CREATE FUNCTION quantmesh.import_positions(account text, positions jsonb) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    wanted  quantmesh.position;
    changed numeric;
BEGIN
    PERFORM quantmesh.check_name('account', account);
    FOR wanted IN SELECT r.* FROM jsonb_array_elements(positions) AS x, jsonb_populate_record(NULL::quantmesh.position, x.value) AS r LOOP
        INSERT INTO quantmesh.position (account, symbol, strategy, quantity, cost, realized_profit, last_executed_at, last_trade_id, last_side, last_kind, updated_at)
            VALUES (import_positions.account, wanted.symbol, wanted.strategy, 0, 0, 0, '-infinity', '', 'buy', 'trade', clock_timestamp())
            ON CONFLICT DO NOTHING;
        changed := quantmesh.recompute_position(account, wanted.symbol, wanted.strategy);
        PERFORM quantmesh.change_exposure(account, wanted.symbol, 0, changed, -changed, 0);
        UPDATE quantmesh.position AS p SET updated_at = wanted.updated_at
            WHERE p.account = import_positions.account AND p.symbol = wanted.symbol AND p.strategy = wanted.strategy
              AND (p.quantity, p.cost, p.realized_profit) = (wanted.quantity, wanted.cost, wanted.realized_profit);
    END LOOP;
END;
$$;
COMMENT ON FUNCTION quantmesh.import_positions(text, jsonb) IS
    'Makes positions what the fills that were taken over, and those that were here, come to together. account: whose. positions: an array of objects with the columns of quantmesh.position; the numbers in them are not believed. Operators only.';

CREATE FUNCTION quantmesh.import_strategy_state(account text, symbol text, strategy text, document json, version bigint, instance text, saved_at timestamptz) RETURNS boolean
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM quantmesh.check_name('account', account), quantmesh.check_name('symbol', symbol);
    INSERT INTO quantmesh.strategy_state (account, symbol, strategy, document, version, instance, saved_at)
        VALUES (import_strategy_state.account, import_strategy_state.symbol, import_strategy_state.strategy, import_strategy_state.document,
                import_strategy_state.version, import_strategy_state.instance, import_strategy_state.saved_at)
        ON CONFLICT DO NOTHING;
    RETURN FOUND;
END;
$$;
COMMENT ON FUNCTION quantmesh.import_strategy_state(text, text, text, json, bigint, text, timestamptz) IS
    'Takes over the state of a strategy that has none here, and returns whether it did. account, symbol, strategy: whose. document, version, instance, saved_at: the columns. Operators only.';
