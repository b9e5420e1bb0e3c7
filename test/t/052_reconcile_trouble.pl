# Reconciliation in trouble: an order that cannot be repaired, or whose row somebody keeps, does not keep the others of its
# market waiting; a coordinator that is canceled leaves no lock behind; and a market that was blind does not become active
# over an operator's halt.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use QuantMeshTest;
use QuantMeshOrders;
use Test::More;

my $node = qm_node('trouble', conf => "quantmesh.worker_naptime = '50ms'");
my $session = qm_session($node, 'trouble');
my $holder = qm_session($node, 'holder');

# market makes a market that is reconciled without a grace, with open orders at the prices 1 to $orders.
sub market
{
	my ($symbol, $orders) = @_;
	$session->query("SELECT quantmesh.set_market('x', '$symbol', tick_size => 1, step_size => 0.001, base_asset => 'B', quote_asset => 'Q')");
	$session->query("SELECT quantmesh.set_reconcile('x', '$symbol', grace => '0')");
	$session->query(<<"SQL");
SELECT count((quantmesh.apply_report('x', '$symbol', (quantmesh.place_order('x', '$symbol', 'buy', price, 1, slot => 's' || price)).client_order_id, '$symbol' || price, 'open')).state)
FROM generate_series(1, $orders) AS price
SQL
}

# snapshot submits what the exchange shows: all open orders of ours, each filled in part.
sub snapshot
{
	my ($symbol) = @_;
	$session->query(<<"SQL");
SELECT quantmesh.submit_snapshot('x', '$symbol', quantmesh.request_snapshot('x', '$symbol'), now(), now(),
	(SELECT jsonb_agg(jsonb_build_object('client_order_id', client_order_id, 'exchange_order_id', exchange_order_id, 'side', 'buy', 'price', price, 'quantity', quantity, 'filled_quantity', 0.5))
	 FROM quantmesh.open_orders WHERE account = 'x' AND symbol = '$symbol'), '[]', '[]')
SQL
}

# runs returns a condition: the market's runs, oldest first, have these words for columns.
sub runs
{
	my ($symbol, $columns) = @_;
	return "SELECT string_agg(concat_ws(' ', $columns), ', ' ORDER BY run_id) FROM quantmesh.reconcile_runs WHERE symbol = '$symbol'";
}

my $filled = q{SELECT count(*) FROM quantmesh.orders WHERE state = 'partially_filled' AND symbol = };
my $waits = q{SELECT count(*) > 0 FROM pg_stat_activity WHERE backend_type = 'quantmesh coordinator' AND wait_event_type = 'Lock'};
my $locks = q{SELECT count(*) FROM quantmesh.locks WHERE key LIKE 'reconcile:%'};

# One order whose row refuses what the exchange says.
$session->query(q{ALTER TABLE quantmesh.orders ADD CONSTRAINT poison CHECK (symbol <> 'POISON' OR price <> 13 OR state <> 'partially_filled')});
market('POISON', 50);
snapshot('POISON');
ok(qm_wait($session, runs('POISON', 'status, findings > repaired'), 'findings t'), 'a repair that fails does not fail the run');
is($session->query("$filled 'POISON'"), 49, 'all other orders are repaired');
like($session->query(runs('POISON', 'message')), qr/^STATE_DRIFT of \d+ could not be repaired: new row for relation "orders" violates check constraint "poison" \(23514\)$/,
	'and the run says which one is not, and why');
is(qm_log_count($node, qr/reconciliation of market "POISON" of account "x": findings: STATE_DRIFT of \d+ could not be repaired/), 1, 'as does a line in the log');
is($session->query(q{SELECT count(*) FROM quantmesh.discrepancies AS d JOIN quantmesh.orders AS o USING (account, order_id) WHERE d.code = 'STATE_DRIFT' AND d.resolved_at IS NULL AND o.price = 13}),
	1, 'its discrepancy stays');

# One order whose row somebody keeps.
market('BUSY', 50);
$holder->query(q{BEGIN; SELECT FROM quantmesh.orders WHERE symbol = 'BUSY' AND price = 13 FOR UPDATE});
snapshot('BUSY');
ok(qm_wait($session, "$filled 'BUSY'", 49), 'while somebody keeps the row of an order, all others are repaired');
ok(qm_wait($session, runs('BUSY', 'status, message'), 'findings'), 'and the run ends');
is($session->query($locks), 0, 'with its lock');
$holder->query('COMMIT');
snapshot('BUSY');
ok(qm_wait($session, "$filled 'BUSY'", 50), 'the next pass repairs the last one');

# An instance that dies while a pass takes long: twenty orders whose rows somebody keeps.
market('LONG', 20);
$session->query(q{SELECT quantmesh.register_instance('brief', '{x:LONG}', ttl => '1 s')});
$holder->query(q{BEGIN; SELECT FROM quantmesh.orders WHERE symbol = 'LONG' FOR UPDATE});
snapshot('LONG');
ok(qm_wait($session, $waits), 'a pass waits for rows');
ok(qm_wait($session, q{SELECT count(*) FROM quantmesh.instances WHERE instance = 'brief' AND state = 'dead'}, 1), 'an instance dies meanwhile');
is($session->query($locks) . $session->query(runs('LONG', 'status')), 1, '... which is noticed although the pass is not over');
$holder->query('COMMIT');
ok(qm_wait($session, runs('LONG', 'status, repaired < 20'), 'findings t'), '... and it ends');

# A coordinator that is canceled in the middle.
market('CANCELED', 3);
$holder->query(q{BEGIN; SELECT FROM quantmesh.orders WHERE symbol = 'CANCELED' AND price = 2 FOR UPDATE});
snapshot('CANCELED');
ok(qm_wait($session, $waits), 'a coordinator waits in a repair');
is($session->query(q{SELECT pg_cancel_backend(pid) FROM quantmesh.workers WHERE kind = 'coordinator'}), 't', 'and is canceled');
ok(qm_wait($session, q{SELECT last_error ~ 'canceling statement due to user request' FROM quantmesh.workers WHERE kind = 'coordinator'}), 'which ends the step');
$holder->query('COMMIT');
ok(qm_wait($session, "$filled 'CANCELED'", 3), 'the snapshot is compared all the same');
ok(qm_wait($session, $locks, 0), 'and no lock is left behind');
is($session->query(q{SELECT count(*) FROM quantmesh.reconcile('x', 'CANCELED')}) =~ /^\d+$/, 1, 'so that the market can be reconciled by hand');

# An operator halts a market just when it has been seen again.
market('BLIND', 1);
$session->query(q{SELECT quantmesh.set_reconcile('x', 'BLIND', blind_after => '1 ms')});
my $state = q{SELECT trading_state FROM quantmesh.market WHERE symbol = 'BLIND'};
ok(qm_wait($session, $state, 'reducing'), 'a blind market is reducing');
$session->query(q{SELECT quantmesh.set_reconcile('x', 'BLIND', blind_after => '1 h')});
$holder->query(q{BEGIN; SELECT count(*) FROM quantmesh.halt('x', 'BLIND', 'enough')});
$session->query(q{INSERT INTO quantmesh.reconcile_run (account, run_id, symbol, status, policy, started_at, finished_at, orders, remote_orders, trades, matched, deferred, findings, repaired, asked, resolved, counts)
	VALUES ('x', quantmesh.next_id(), 'BLIND', 'clean', 'repair', clock_timestamp(), clock_timestamp(), 0, 0, 0, 0, 0, 0, 0, 0, 0, '{}')});
ok(qm_wait($session, $waits), 'it has been seen again, and waits for an operator who is about to halt it');
my $passes = $session->query(q{SELECT passes FROM quantmesh.workers WHERE kind = 'coordinator'});
$holder->query('COMMIT');
ok(qm_wait($session, "SELECT passes > $passes + 1 FROM quantmesh.workers WHERE kind = 'coordinator'"), 'when he has');
is($session->query($state), 'halted', 'it stays halted');

$_->quit for $holder, $session;
$node->stop;
done_testing();
