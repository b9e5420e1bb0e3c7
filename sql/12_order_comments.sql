-- What the tables of orders mean, and that dumps keep them. pg_dump puts accounts before what refers to them.

COMMENT ON TABLE quantmesh.account IS
    'Accounts: limits and trading state of each as a whole. The row * holds the state for everything. Written by set_market, set_limits, set_trading_state, halt and resume.';
COMMENT ON COLUMN quantmesh.account.account IS 'The account, <exchange> or <exchange>/<label>; * for everything.';
COMMENT ON COLUMN quantmesh.account.max_open_orders IS 'How many live orders the account may have; NULL: no such limit.';
COMMENT ON COLUMN quantmesh.account.max_notional IS 'What live orders that have a price may come to together, in the quote asset; NULL: no such limit.';
COMMENT ON COLUMN quantmesh.account.max_order_rate IS 'How many orders may be placed in any one second; NULL: no such limit.';
COMMENT ON COLUMN quantmesh.account.trading_state IS 'active, reducing (only towards flat) or halted. The strictest of everything, account and market counts.';
COMMENT ON COLUMN quantmesh.account.state_reason IS 'Why, as the operator gave it.';
COMMENT ON COLUMN quantmesh.account.state_set_by IS 'Who set the state; NULL: nobody yet.';
COMMENT ON COLUMN quantmesh.account.state_set_at IS 'When it was set.';
COMMENT ON COLUMN quantmesh.account.created_at IS 'When the account became known.';

COMMENT ON TABLE quantmesh.market IS
    'Markets of accounts: filters, limits, trading state. An order needs one. Written by set_market, set_limits, set_trading_state, halt, resume and trust_market.';
COMMENT ON COLUMN quantmesh.market.account IS 'The account.';
COMMENT ON COLUMN quantmesh.market.symbol IS 'The symbol, as the exchange writes it.';
COMMENT ON COLUMN quantmesh.market.base_asset IS 'What is bought and sold; quantities and positions are in it.';
COMMENT ON COLUMN quantmesh.market.quote_asset IS 'What prices, notional and profit are in.';
COMMENT ON COLUMN quantmesh.market.tick_size IS 'Prices are multiples of it.';
COMMENT ON COLUMN quantmesh.market.step_size IS 'Quantities are multiples of it.';
COMMENT ON COLUMN quantmesh.market.min_quantity IS 'Smallest quantity of an order; NULL: none.';
COMMENT ON COLUMN quantmesh.market.max_quantity IS 'Largest quantity of an order; NULL: none.';
COMMENT ON COLUMN quantmesh.market.min_notional IS 'Smallest price x quantity of an order; NULL: none.';
COMMENT ON COLUMN quantmesh.market.level_width IS 'Width of the price levels that are locked; NULL: four significant digits.';
COMMENT ON COLUMN quantmesh.market.slot_by IS 'What names the slot of an order that names none: price, or level.';
COMMENT ON COLUMN quantmesh.market.mode IS 'shared: several instances may trade it; exclusive: one at a time.';
COMMENT ON COLUMN quantmesh.market.max_open_orders IS 'How many live orders the market may have; NULL: no such limit.';
COMMENT ON COLUMN quantmesh.market.max_position IS 'How far from flat all live orders of one side may bring the position; NULL: no such limit.';
COMMENT ON COLUMN quantmesh.market.max_notional IS 'What live orders that have a price may come to together; NULL: no such limit.';
COMMENT ON COLUMN quantmesh.market.max_order_rate IS 'How many orders may be placed in any one second; NULL: no such limit.';
COMMENT ON COLUMN quantmesh.market.trading_state IS 'active, reducing (only towards flat) or halted. The strictest of everything, account and market counts.';
COMMENT ON COLUMN quantmesh.market.state_reason IS 'Why, as the operator gave it.';
COMMENT ON COLUMN quantmesh.market.state_set_by IS 'Who set the state; NULL: nobody yet.';
COMMENT ON COLUMN quantmesh.market.state_set_at IS 'When it was set.';
COMMENT ON COLUMN quantmesh.market.trusted_tag IS
    'Origin tag under which the market''s orders are known to be complete. Where it is not the current one, after a promotion, restore or copy, placing is denied as RECONCILE_PENDING.';
COMMENT ON COLUMN quantmesh.market.created_at IS 'When the market became known.';
COMMENT ON COLUMN quantmesh.market.policy IS 'What reconciliation may do: report, repair or enforce.';
COMMENT ON COLUMN quantmesh.market.reconcile_every IS 'How often a snapshot is asked for; 0: only when somebody asks.';
COMMENT ON COLUMN quantmesh.market.grace IS 'How long ago an order must have changed last to be compared.';
COMMENT ON COLUMN quantmesh.market.blind_after IS 'How long the market may go without a clean pass before it is reducing; NULL: for ever.';

COMMENT ON TABLE quantmesh.instance IS 'Registered instances with their current epochs: calls with an older one are denied. Written by register_instance, heartbeat and the coordinator.';
COMMENT ON COLUMN quantmesh.instance.instance IS 'Name of the instance.';
COMMENT ON COLUMN quantmesh.instance.epoch IS 'Number of its current life; a new life has a larger one, and so has its end.';
COMMENT ON COLUMN quantmesh.instance.registered_at IS 'When that life was registered.';
COMMENT ON COLUMN quantmesh.instance.state IS 'alive; left: it said goodbye; dead: its lease ended.';
COMMENT ON COLUMN quantmesh.instance.life IS 'The process''s own id of its life: registering again under it is a repetition.';
COMMENT ON COLUMN quantmesh.instance.lease_fence IS 'Fence of its lease on instance:<name>; another one than the epoch after a crash of the server.';
COMMENT ON COLUMN quantmesh.instance.ttl IS 'How long it lives without a heartbeat.';
COMMENT ON COLUMN quantmesh.instance.standby IS 'Whether it gets markets only when no other live instance can have them.';
COMMENT ON COLUMN quantmesh.instance.weight IS 'Its share of markets against other instances.';
COMMENT ON COLUMN quantmesh.instance.registered_by IS 'The session user that registered it: only that one may speak for it.';
COMMENT ON COLUMN quantmesh.instance.detail IS 'What it says of itself: host, pid, version.';
COMMENT ON COLUMN quantmesh.instance.ended_at IS 'When it left or was declared dead; NULL while alive.';

COMMENT ON TABLE quantmesh.orders IS
    'Every order that was placed, one row each, committed before anything is sent. Written by the order functions; what became of it before is in order_event.';
COMMENT ON COLUMN quantmesh.orders.account IS 'The account.';
COMMENT ON COLUMN quantmesh.orders.order_id IS 'Our id, from the fence counter: larger than every earlier one, and never given twice.';
COMMENT ON COLUMN quantmesh.orders.symbol IS 'The symbol.';
COMMENT ON COLUMN quantmesh.orders.side IS 'buy or sell.';
COMMENT ON COLUMN quantmesh.orders.order_type IS 'limit or market.';
COMMENT ON COLUMN quantmesh.orders.time_in_force IS 'gtc, ioc or fok.';
COMMENT ON COLUMN quantmesh.orders.price IS 'Limit price, in the quote asset; NULL for market orders.';
COMMENT ON COLUMN quantmesh.orders.quantity IS 'Ordered quantity, in the base asset.';
COMMENT ON COLUMN quantmesh.orders.post_only IS 'Whether it must never take.';
COMMENT ON COLUMN quantmesh.orders.reduce_only IS 'Whether it may only bring the position towards flat.';
COMMENT ON COLUMN quantmesh.orders.slot IS 'The slot that it asked for: its price, its level, or a name; NULL for none.';
COMMENT ON COLUMN quantmesh.orders.strategy IS 'Whose position it changes; empty where nobody said.';
COMMENT ON COLUMN quantmesh.orders.instance IS 'The registered instance that placed or claimed it; NULL if none.';
COMMENT ON COLUMN quantmesh.orders.epoch IS 'The epoch of that instance then.';
COMMENT ON COLUMN quantmesh.orders.owner IS 'Who placed it: the instance, or the role.';
COMMENT ON COLUMN quantmesh.orders.request_id IS 'The caller''s id of the request, unique per account; NULL if none was given.';
COMMENT ON COLUMN quantmesh.orders.origin IS 'own: placed here; adopted: ours, found at the exchange; external: somebody else''s on the same account.';
COMMENT ON COLUMN quantmesh.orders.replaces IS 'The order that it replaces: it can be sent once that one has ended.';
COMMENT ON COLUMN quantmesh.orders.client_order_id IS 'The id that the exchange de-duplicates by: q, origin tag, order_id in base 36, a, attempt.';
COMMENT ON COLUMN quantmesh.orders.attempt IS 'How often it went back to intent because the exchange had not processed it.';
COMMENT ON COLUMN quantmesh.orders.exchange_order_id IS 'The exchange''s own id, the last one that it gave; NULL while unknown.';
COMMENT ON COLUMN quantmesh.orders.state IS 'intent, submitted, unknown, open, partially_filled or lost; filled, canceled, expired, rejected, aborted or never_accepted. See order_transitions.';
COMMENT ON COLUMN quantmesh.orders.cancel_state IS 'What became of the wish to cancel: none, requested, sent, done, rejected or unknown.';
COMMENT ON COLUMN quantmesh.orders.live IS 'Whether the state is one of the first six.';
COMMENT ON COLUMN quantmesh.orders.holds_slot IS 'Whether it has its slot: false once it has ended, and for one that came back to find the slot taken.';
COMMENT ON COLUMN quantmesh.orders.exposed IS 'Whether it can still change the position: live, or the exchange has said that more was filled than we have booked.';
COMMENT ON COLUMN quantmesh.orders.fence IS 'Fence of the placing, or of the last submission; NULL after the exchange did not process it.';
COMMENT ON COLUMN quantmesh.orders.filled_quantity IS 'Filled, net of busts: the sum of its fills.';
COMMENT ON COLUMN quantmesh.orders.busted_quantity IS 'Taken back by the exchange.';
COMMENT ON COLUMN quantmesh.orders.filled_quote IS 'Sum of price x quantity of its fills, net of busts.';
COMMENT ON COLUMN quantmesh.orders.reported_quantity IS 'The most that the exchange has said was filled; above what is booked, fills are missing.';
COMMENT ON COLUMN quantmesh.orders.send_before IS 'The request must not leave after this.';
COMMENT ON COLUMN quantmesh.orders.valid_until IS 'Not to be sent later, as the caller asked; NULL: no such wish.';
COMMENT ON COLUMN quantmesh.orders.created_at IS 'When it was placed.';
COMMENT ON COLUMN quantmesh.orders.submitted_at IS 'When it was last given to a sender.';
COMMENT ON COLUMN quantmesh.orders.opened_at IS 'When we first heard that the exchange has it.';
COMMENT ON COLUMN quantmesh.orders.cancel_requested_at IS 'When somebody last asked to cancel it.';
COMMENT ON COLUMN quantmesh.orders.ended_at IS 'When it left the live states.';
COMMENT ON COLUMN quantmesh.orders.updated_at IS 'When the row last changed.';
COMMENT ON COLUMN quantmesh.orders.error_code IS 'Code of the exchange''s last refusal.';
COMMENT ON COLUMN quantmesh.orders.error_message IS 'Message of it.';
COMMENT ON INDEX quantmesh.orders_request IS 'A request is placed once.';

COMMENT ON TABLE quantmesh.live_order IS
    'A row for each order that is exposed, written with it and deleted when it is so no more: slots, limits, self-crossing and views read no history. Everything else about it is in orders.';
COMMENT ON COLUMN quantmesh.live_order.account IS 'The account.';
COMMENT ON COLUMN quantmesh.live_order.order_id IS 'The order.';
COMMENT ON COLUMN quantmesh.live_order.symbol IS 'Its symbol.';
COMMENT ON COLUMN quantmesh.live_order.side IS 'Its side.';
COMMENT ON COLUMN quantmesh.live_order.price IS 'Its price; NULL for market orders.';
COMMENT ON COLUMN quantmesh.live_order.slot IS 'The slot that it holds; # and its order_id where it holds none.';
COMMENT ON INDEX quantmesh.live_order_pkey IS 'One live order per slot.';
COMMENT ON INDEX quantmesh.live_order_price IS 'Orders that can still change the position, by price, for self-crossing.';

COMMENT ON TABLE quantmesh.exchange_order IS 'Which order an id of the exchange belongs to. Append-only; written when the exchange first names it.';
COMMENT ON COLUMN quantmesh.exchange_order.account IS 'The account.';
COMMENT ON COLUMN quantmesh.exchange_order.symbol IS 'The symbol: exchanges count per symbol.';
COMMENT ON COLUMN quantmesh.exchange_order.exchange_order_id IS 'The exchange''s id.';
COMMENT ON COLUMN quantmesh.exchange_order.order_id IS 'Our order.';
COMMENT ON COLUMN quantmesh.exchange_order.attempt IS 'Which attempt of it the exchange has given this id.';

COMMENT ON TABLE quantmesh.order_event IS
    'What happened to each order after it was placed, append-only. The first event, placing, is implied by the row of the order.';
COMMENT ON COLUMN quantmesh.order_event.account IS 'The account.';
COMMENT ON COLUMN quantmesh.order_event.order_id IS 'The order.';
COMMENT ON COLUMN quantmesh.order_event.event_id IS 'Number of the event: grows from event to event of an order.';
COMMENT ON COLUMN quantmesh.order_event.at IS 'When we wrote it.';
COMMENT ON COLUMN quantmesh.order_event.event IS 'What happened: an event of order_transitions, fill, bust, or what became of a cancel.';
COMMENT ON COLUMN quantmesh.order_event.from_state IS 'State before.';
COMMENT ON COLUMN quantmesh.order_event.to_state IS 'State afterwards.';
COMMENT ON COLUMN quantmesh.order_event.cancel_state IS 'State of the cancel afterwards.';
COMMENT ON COLUMN quantmesh.order_event.source IS 'Who said so: call, reply, stream, query, trade, reconcile or operator.';
COMMENT ON COLUMN quantmesh.order_event.trade_id IS 'The trade that was booked or taken back; NULL if none.';
COMMENT ON COLUMN quantmesh.order_event.event_time IS 'When it happened by the exchange''s clock; NULL if it did not say.';
COMMENT ON COLUMN quantmesh.order_event.discrepancy IS 'Code of the discrepancy that it was; NULL if none.';
COMMENT ON COLUMN quantmesh.order_event.detail IS 'What was reported, as it came.';

COMMENT ON TABLE quantmesh.fill IS
    'The ledger: every trade of every order, once, and a row of its own for a trade that the exchange took back. A trade between two of our orders has a row on each side. Profit is defined on fills in the order of executed_at, trade_id, buy before sell, trade before bust.';
COMMENT ON COLUMN quantmesh.fill.account IS 'The account.';
COMMENT ON COLUMN quantmesh.fill.symbol IS 'The symbol.';
COMMENT ON COLUMN quantmesh.fill.trade_id IS 'The exchange''s id of the trade; both legs of a trade between two of our orders have the same.';
COMMENT ON COLUMN quantmesh.fill.order_id IS 'Our order.';
COMMENT ON COLUMN quantmesh.fill.strategy IS 'Whose position it changed.';
COMMENT ON COLUMN quantmesh.fill.side IS 'buy or sell: the side of the order, also for a bust.';
COMMENT ON COLUMN quantmesh.fill.kind IS 'trade, or bust: the trade was taken back.';
COMMENT ON COLUMN quantmesh.fill.quantity IS 'In the base asset; negative for a bust.';
COMMENT ON COLUMN quantmesh.fill.price IS 'In the quote asset.';
COMMENT ON COLUMN quantmesh.fill.commission IS 'What it cost; negative for a rebate, and for a bust that gives it back.';
COMMENT ON COLUMN quantmesh.fill.commission_asset IS 'The asset of the commission: base reduces the position, quote the profit, a third one is only kept here.';
COMMENT ON COLUMN quantmesh.fill.is_maker IS 'Whether our order was in the book; NULL if the exchange did not say.';
COMMENT ON COLUMN quantmesh.fill.executed_at IS 'When it was traded, by the exchange''s clock where it said so.';
COMMENT ON COLUMN quantmesh.fill.time_known IS 'Whether a report has said when; otherwise executed_at is when we first heard of it, until one does.';
COMMENT ON COLUMN quantmesh.fill.booked_at IS 'When we booked it.';
COMMENT ON COLUMN quantmesh.fill.source IS 'Who said so: reply, stream, query, trade, reconcile or operator.';
COMMENT ON COLUMN quantmesh.fill.position_after IS 'Position of the strategy after this fill.';
COMMENT ON COLUMN quantmesh.fill.cost_after IS 'What that position cost; negative for a short one.';
COMMENT ON COLUMN quantmesh.fill.profit_after IS 'Profit that the strategy had realized by then.';
COMMENT ON INDEX quantmesh.fill_in_time IS 'Fills of a position in the order that defines its profit.';
COMMENT ON INDEX quantmesh.fill_of_order IS 'Fills of an order.';

COMMENT ON TABLE quantmesh.position IS 'What each strategy has: the running values of its last fill. Written with every fill, in the same transaction.';
COMMENT ON COLUMN quantmesh.position.account IS 'The account.';
COMMENT ON COLUMN quantmesh.position.symbol IS 'The symbol.';
COMMENT ON COLUMN quantmesh.position.strategy IS 'The strategy; empty where orders named none.';
COMMENT ON COLUMN quantmesh.position.quantity IS 'In the base asset, commissions paid in it taken off; negative when short.';
COMMENT ON COLUMN quantmesh.position.cost IS 'What that quantity cost, in the quote asset; negative when short.';
COMMENT ON COLUMN quantmesh.position.realized_profit IS 'By average cost, commissions paid in the quote asset taken off.';
COMMENT ON COLUMN quantmesh.position.last_executed_at IS 'The last fill in time: when it was traded ...';
COMMENT ON COLUMN quantmesh.position.last_trade_id IS '... its trade ...';
COMMENT ON COLUMN quantmesh.position.last_side IS '... its side ...';
COMMENT ON COLUMN quantmesh.position.last_kind IS '... and whether it was a trade or a bust.';
COMMENT ON COLUMN quantmesh.position.updated_at IS 'When the row last changed.';

COMMENT ON TABLE quantmesh.other_commission IS
    'What was paid in commissions in assets that are neither base nor quote of the market, added up, for comparing balances without reading history. Written with every such fill.';
COMMENT ON COLUMN quantmesh.other_commission.account IS 'The account.';
COMMENT ON COLUMN quantmesh.other_commission.symbol IS 'The symbol.';
COMMENT ON COLUMN quantmesh.other_commission.strategy IS 'The strategy.';
COMMENT ON COLUMN quantmesh.other_commission.asset IS 'The asset.';
COMMENT ON COLUMN quantmesh.other_commission.amount IS 'The sum, net of rebates and busts.';

COMMENT ON TABLE quantmesh.balance_baseline IS 'What an account had of an asset that did not come from our fills. Written by set_baseline.';
COMMENT ON COLUMN quantmesh.balance_baseline.account IS 'The account.';
COMMENT ON COLUMN quantmesh.balance_baseline.asset IS 'The asset.';
COMMENT ON COLUMN quantmesh.balance_baseline.amount IS 'How much; negative for what was taken out.';
COMMENT ON COLUMN quantmesh.balance_baseline.reason IS 'Why, as the operator gave it.';
COMMENT ON COLUMN quantmesh.balance_baseline.set_by IS 'Who set it.';
COMMENT ON COLUMN quantmesh.balance_baseline.set_at IS 'When it was set.';

COMMENT ON TABLE quantmesh.discrepancy IS 'What contradicted what we knew, until somebody has resolved it. The same finding again is counted, not added.';
COMMENT ON COLUMN quantmesh.discrepancy.account IS 'The account.';
COMMENT ON COLUMN quantmesh.discrepancy.discrepancy_id IS 'Its id.';
COMMENT ON COLUMN quantmesh.discrepancy.code IS 'What kind it is, by a stable code; see docs/orders.md.';
COMMENT ON COLUMN quantmesh.discrepancy.symbol IS 'The symbol; NULL if it is of the account.';
COMMENT ON COLUMN quantmesh.discrepancy.order_id IS 'The order; NULL if it is of none of ours.';
COMMENT ON COLUMN quantmesh.discrepancy.subject IS 'What it is about: unique among the unresolved of one code.';
COMMENT ON COLUMN quantmesh.discrepancy.local IS 'What we knew.';
COMMENT ON COLUMN quantmesh.discrepancy.remote IS 'What the exchange said.';
COMMENT ON COLUMN quantmesh.discrepancy.first_seen IS 'When it was found.';
COMMENT ON COLUMN quantmesh.discrepancy.last_seen IS 'When it was found last.';
COMMENT ON COLUMN quantmesh.discrepancy.seen_count IS 'How often.';
COMMENT ON COLUMN quantmesh.discrepancy.resolved_at IS 'When it was resolved; NULL while it is not.';
COMMENT ON COLUMN quantmesh.discrepancy.resolution IS 'How.';
COMMENT ON INDEX quantmesh.discrepancy_open IS 'A finding is unresolved once.';

COMMENT ON TABLE quantmesh.operator_action IS 'What operators did, append-only: settings, states, trust, baselines, orders settled by hand.';
COMMENT ON COLUMN quantmesh.operator_action.account IS 'The account; * for everything.';
COMMENT ON COLUMN quantmesh.operator_action.action_id IS 'Its id: grows with time.';
COMMENT ON COLUMN quantmesh.operator_action.at IS 'When.';
COMMENT ON COLUMN quantmesh.operator_action.operator IS 'The session user that did it.';
COMMENT ON COLUMN quantmesh.operator_action.action IS 'The function: set_market, set_limits, set_trading_state, halt, resume, trust_market, set_baseline or settle_order.';
COMMENT ON COLUMN quantmesh.operator_action.symbol IS 'The symbol; NULL for the account as a whole.';
COMMENT ON COLUMN quantmesh.operator_action.order_id IS 'The order; NULL if it is of none.';
COMMENT ON COLUMN quantmesh.operator_action.reason IS 'The reason that was given.';
COMMENT ON COLUMN quantmesh.operator_action.detail IS 'The values that were set; numbers as text.';

SELECT pg_catalog.pg_extension_config_dump('quantmesh.account', '');
SELECT pg_catalog.pg_extension_config_dump('quantmesh.market', '');
SELECT pg_catalog.pg_extension_config_dump('quantmesh.instance', '');
SELECT pg_catalog.pg_extension_config_dump('quantmesh.orders', '');
SELECT pg_catalog.pg_extension_config_dump('quantmesh.live_order', '');
SELECT pg_catalog.pg_extension_config_dump('quantmesh.exchange_order', '');
SELECT pg_catalog.pg_extension_config_dump('quantmesh.order_event', '');
SELECT pg_catalog.pg_extension_config_dump('quantmesh.fill', '');
SELECT pg_catalog.pg_extension_config_dump('quantmesh.position', '');
SELECT pg_catalog.pg_extension_config_dump('quantmesh.other_commission', '');
SELECT pg_catalog.pg_extension_config_dump('quantmesh.balance_baseline', '');
SELECT pg_catalog.pg_extension_config_dump('quantmesh.discrepancy', '');
SELECT pg_catalog.pg_extension_config_dump('quantmesh.operator_action', '');
