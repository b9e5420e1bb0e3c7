# The coordinator reconciles by itself. A crash in the middle of its repairs leaves nothing half done, and it goes on
# afterwards; a market that somebody else reconciles is passed over and said so; one that cannot be reconciled fails
# alone, once and with one line in the log; a snapshot of 100,000 orders is compared; after a crash no order of a lost
# commit is forgotten, and a market without clean passes is reducing until it is seen again.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use QuantMeshTest;
use QuantMeshOrders;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = qm_node('reconcile', conf => "restart_after_crash = on\nquantmesh.worker_naptime = '50ms'\nmax_wal_size = '1GB'");
my $session = qm_session($node, 'reconcile');

# market makes a market that is reconciled without a grace, with open orders at the prices 1 to $orders.
sub market
{
	my ($symbol, $orders) = @_;
	$session->query("SELECT quantmesh.set_market('x', '$symbol', tick_size => 1, step_size => 0.001, base_asset => 'B', quote_asset => 'Q')");
	$session->query("SELECT quantmesh.set_reconcile('x', '$symbol', grace => '0')");
	$session->query(<<"SQL") if $orders;
DO \$\$
DECLARE placed quantmesh.placement;
BEGIN
	FOR price IN 1..$orders LOOP
		placed := quantmesh.place_order('x', '$symbol', 'buy', price, 1, slot => 's' || price);
		PERFORM quantmesh.apply_report('x', '$symbol', placed.client_order_id, '$symbol' || price, 'open');
		IF price % 100 = 0 THEN COMMIT; END IF;
	END LOOP;
END \$\$
SQL
}

# snapshot submits what the exchange shows: all open orders of ours with the SQL change, and the SQL array of trades.
sub snapshot
{
	my ($symbol, %option) = @_;
	my $change = $option{change} // "'{}'";
	my $trades = $option{trades} // "'[]'";
	return $session->query(<<"SQL");
SELECT quantmesh.submit_snapshot('x', '$symbol', quantmesh.request_snapshot('x', '$symbol'), now(), now(),
	coalesce((SELECT jsonb_agg(jsonb_build_object('client_order_id', client_order_id, 'exchange_order_id', exchange_order_id, 'side', side,
	                                              'price', price, 'quantity', quantity) || $change)
	          FROM quantmesh.open_orders AS o WHERE account = 'x' AND symbol = '$symbol'), '[]'),
	$trades, '[{"asset": "Z", "free": 0}]')
SQL
}

# runs returns a condition: the market's runs, oldest first, have these words for columns.
sub runs
{
	my ($symbol, $columns) = @_;
	return "SELECT string_agg(concat_ws(' ', $columns), ', ' ORDER BY run_id) FROM quantmesh.reconcile_runs WHERE symbol = '$symbol'";
}

market('PLAIN', 3);
snapshot('PLAIN');
ok(qm_wait($session, runs('PLAIN', 'status, orders, matched'), 'clean 3 3'), 'a snapshot is reconciled by itself');
snapshot('PLAIN', change => q{'{"filled_quantity": "0.5"}'});
ok(qm_wait($session, runs('PLAIN', 'status, findings, repaired, asked'), 'clean 0 0 0, findings 6 3 3'), 'and what it finds is repaired');
is(qm_log_count($node, qr/reconciliation of market "PLAIN" of account "x": findings/), 1, 'one line in the log says so');

# A crash in the middle: a lock on the row of one order holds the repairs up among many.
my $fills = 'SELECT count(*) FROM quantmesh.fill';
my $whole = q{SELECT count(*) FROM quantmesh.orders AS o WHERE filled_quantity <> (SELECT coalesce(sum(quantity), 0) FROM quantmesh.fill AS f WHERE f.account = o.account AND f.order_id = o.order_id)};
my $sums = q{SELECT count(*) FROM quantmesh.position_sums AS s FULL JOIN quantmesh.positions AS p USING (account, symbol, strategy) WHERE s.quantity IS DISTINCT FROM p.quantity};
market('CRASH', 200);
my $holder = qm_session($node, 'holder');
$holder->query(q{BEGIN; SELECT FROM quantmesh.orders WHERE symbol = 'CRASH' AND price = 120 FOR UPDATE});
snapshot('CRASH', change => q{'{"filled_quantity": "0.25"}'},
	trades => q{(SELECT jsonb_agg(jsonb_build_object('trade_id', 't' || price, 'exchange_order_id', exchange_order_id, 'side', 'buy', 'price', price,
	                                                 'quantity', '0.25', 'executed_at', '2026-01-01T00:00:00Z')) FROM quantmesh.open_orders WHERE symbol = 'CRASH')});
ok(qm_wait($session, q{SELECT count(*) > 0 FROM pg_stat_activity WHERE backend_type = 'quantmesh coordinator' AND wait_event_type = 'Lock'}), 'its repairs wait for the row of an order');
my $coordinator = $session->query('SELECT pid FROM quantmesh.workers WHERE kind = \'coordinator\'');
my $backend = $session->pid;
ok(kill(9, $coordinator), 'a coordinator is killed in the middle of them');
ok(qm_wait_gone($coordinator, $backend), 'and the server restarts');
$_->cut for $holder, $session;
$session = undef;
ok($node->poll_query_until('postgres', 'SELECT true'), 'it is back');
qm_wait_up($node);
$session = qm_session($node, 'again');
is($session->query($whole), 0, 'every order has just its fills');
is($session->query($sums), 0, 'every position is the sum of its fills');
ok(qm_wait($session, runs('CRASH', 'status'), 'findings'), 'the new coordinator repairs the rest');
is($session->query("$fills WHERE symbol = 'CRASH'"), 200, 'every trade is booked once');
is($session->query($whole), 0, 'every order has just its fills');
is($session->query($sums), 0, 'every position is the sum of its fills');
is($session->query(q{SELECT count(*) FROM quantmesh.orders WHERE symbol = 'CRASH' AND state <> 'partially_filled'}), 0, 'and its state');

# Somebody else reconciles the market. Half a minute is not waited for here: the snapshot is made older.
market('BUSY', 1);
$holder = qm_session($node, 'holder');
$holder->query(q{SELECT quantmesh.lock('reconcile:x:BUSY', ttl => '0')});
snapshot('BUSY');
market('NEXT', 1);
snapshot('NEXT');
ok(qm_wait($session, runs('NEXT', 'status'), 'clean'), 'other markets go on');
is($session->query(runs('BUSY', 'status')), '', 'while one is reconciled by somebody else');
is($session->attempt(q{SELECT * FROM quantmesh.reconcile('x', 'BUSY')}), '55P03', 'nor is it by hand');
$session->query(q{UPDATE quantmesh.snapshot SET received_at = received_at - interval '31 s' WHERE symbol = 'BUSY'});
ok(qm_wait($session, runs('BUSY', 'status, message'), 'skipped the market was locked by another reconciliation'), 'after half a minute it is skipped');
ok(qm_wait_log($node, qr/reconciliation of market "BUSY" of account "x": skipped/), 'which the log says');
$holder->query(q{SELECT quantmesh.unlock('reconcile:x:BUSY')});
snapshot('BUSY');
ok(qm_wait($session, runs('BUSY', 'status'), 'skipped, clean'), 'the next snapshot is reconciled');

# A policy that nobody knows, made by hand: the market fails, and only it.
market('AAA', 1);
$session->query(q{ALTER TABLE quantmesh.market DROP CONSTRAINT market_policy_check; UPDATE quantmesh.market SET policy = 'nonsense' WHERE symbol = 'AAA'});
snapshot('AAA');
snapshot('NEXT');
ok(qm_wait($session, runs('NEXT', 'status'), 'clean, clean'), 'other markets go on beside a broken one');
ok(qm_wait($session, runs('AAA', 'status, message'), 'failed unknown policy of market "AAA" of account "x" (XX000)'), 'whose run has failed, with the reason');
snapshot('AAA');
ok(qm_wait($session, "SELECT count(*) FROM quantmesh.reconcile_runs WHERE symbol = 'AAA'", 2), 'again, if it is tried again');
is(qm_log_count($node, qr/reconciliation of market "AAA" of account "x": failed/), 1, 'the log says so once');
is($session->query(q{SELECT count(*) FROM quantmesh.locks WHERE key = 'reconcile:x:AAA'}), 0, 'and its lock is free');
$session->query(q{UPDATE quantmesh.market SET policy = 'repair' WHERE symbol = 'AAA'});
snapshot('AAA');
ok(qm_wait($session, runs('AAA', 'status'), 'failed, failed, clean'), 'once it is mended all is well');

# 100,000 orders that nobody here knows.
market('MANY');
$session->query(q{SELECT quantmesh.set_reconcile('x', 'MANY', policy => 'report')});
$session->query(<<'SQL');
SELECT quantmesh.submit_snapshot('x', 'MANY', quantmesh.request_snapshot('x', 'MANY'), now(), now(),
	(SELECT jsonb_agg(jsonb_build_object('exchange_order_id', i, 'client_order_id', 'c' || i, 'side', 'buy', 'price', i, 'quantity', 1)) FROM generate_series(1, 100000) AS i), '[]', '[]')
SQL
ok(qm_wait($session, runs('MANY', 'status, remote_orders, findings'), 'findings 100000 100000'), 'a snapshot of 100,000 orders is compared');
note 'in ' . $session->query(q{SELECT duration_ms FROM quantmesh.reconcile_runs WHERE symbol = 'MANY'}) . ' ms, with a discrepancy for each';

# Blind: no clean pass for too long.
market('BLIND', 1);
$session->query(q{SELECT quantmesh.set_reconcile('x', 'BLIND', blind_after => '0.5 s')});
my $state = q{SELECT trading_state FROM quantmesh.market WHERE symbol = 'BLIND'};
ok(qm_wait($session, $state, 'reducing'), 'a market that nobody has seen for blind_after is reducing');
like($session->query(q{SELECT state_reason FROM quantmesh.market WHERE symbol = 'BLIND'}), qr/^blind: no clean reconciliation since /, 'and says why');
$session->query(q{SELECT quantmesh.set_reconcile('x', 'BLIND', blind_after => '1 h')});
snapshot('BLIND');
ok(qm_wait($session, $state, 'active'), 'a clean pass makes it active again');

# Overdue submissions, and what nobody has answered for, without a snapshot.
$node->append_conf('postgresql.conf', "quantmesh.acceptance_window = '400ms'");
$node->reload;
market('LATE');
my $late = qm_place($session, account => 'x', symbol => 'LATE', price => 7, quantity => 1);
is($late->{outcome}, 'placed', 'an order that nobody reports about');
$session->query(qq{UPDATE quantmesh.orders SET send_before = now() WHERE order_id = $late->{order_id}});
ok(qm_wait($session, qq{SELECT state FROM quantmesh.orders WHERE order_id = $late->{order_id}}, 'unknown'), 'becomes unknown by itself');
ok(qm_wait($session, qq{SELECT count(*) FROM quantmesh.task WHERE order_id = $late->{order_id} AND kind = 'query_order' AND state = 'open'}, 1), 'and is asked for');

is($session->query(q{SELECT errors FROM quantmesh.workers WHERE kind = 'coordinator'}), 0, 'no step has failed');
$session->quit;
$node->stop;
done_testing();
