# Housekeeping by the coordinator: it moves a backlog in short transactions while orders are placed, tells how far it is,
# and a file that cannot grow leaves everything as it was and is said once.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use QuantMeshTest;
use QuantMeshOrders;
use Test::More;

my $node = qm_node('housekeeping', init => [ extra => ['--wal-segsize=1'] ],
	conf => "quantmesh.worker_naptime = '100ms'\nquantmesh.keep_orders = 0\nshared_buffers = 64MB");
my $session = qm_session($node, 'session');
qm_market($session, 'BTCUSDT');

sub worker { return "SELECT $_[0] FROM quantmesh.workers WHERE database = 'postgres'"; }

# setting sets a variable in the configuration file.
sub setting
{
	my ($name, $value) = @_;
	$node->append_conf('postgresql.conf', "quantmesh.$name = '$value'");
	$node->reload;
	return;
}

# plant inserts orders that ended so many days ago, as placing and reports would have left them.
sub plant
{
	my ($first, $number, $days) = @_;
	$session->query(qq{
		INSERT INTO quantmesh.orders (account, order_id, symbol, side, order_type, time_in_force, price, quantity, post_only, reduce_only, strategy, owner,
			request_id, client_order_id, state, live, holds_slot, exposed, created_at, ended_at, updated_at)
		SELECT 'binance', $first + i, 'BTCUSDT', 'buy', 'limit', 'gtc', 1000 + i, 1, false, false, '', 'postgres', 'planted ' || ($first + i), 'planted' || ($first + i),
			'canceled', false, false, false, at, at, at
		FROM generate_series(1, $number) AS i, LATERAL (SELECT now() - interval '$days days') AS t (at)});
	return;
}

# all_there checks that every planted order is in exactly one of the two tables.
sub all_there
{
	my ($number, $when) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;

	is($session->query(q{SELECT count(*) || ' ' || count(DISTINCT order_id) FROM quantmesh.order_history WHERE client_order_id LIKE 'planted%'}),
		"$number $number", "every order is there once: $when");
	return;
}

# A backlog is moved while orders are placed.
plant(0, 12000, 40);
all_there(12000, 'planted');
setting('keep_orders', '30d');
for my $i (1 .. 200)
{
	my $placement = qm_place($session, price => 50000 + $i);
	is($placement->{outcome}, 'placed', 'placed beside it') if $i % 50 == 0;
}
ok(qm_wait($session, q{SELECT count(*) FROM quantmesh.orders}, '200'), 'a backlog is moved');
all_there(12000, 'moved');
is($session->query(q{SELECT rows || ' ' || (last_at IS NOT NULL) || ' ' || (done_until < now() - interval '29 days') FROM quantmesh.housekeeping WHERE job = 'orders'}),
	'12000 true true', '... which the view knows');
is($session->query(worker('errors')), '0', '... without an error');

# It says what it is at, and waits for nobody for long.
plant(20000, 10, 40);
my $blocker = qm_session($node, 'blocker');
$blocker->query('BEGIN; LOCK TABLE quantmesh.order_archive IN ACCESS EXCLUSIVE MODE');
$node->reload;
ok(qm_wait($session, q{SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'quantmesh coordinator' AND state = 'active' AND wait_event_type = 'Lock'
	AND query ~ '^quantmesh housekeeping: orders, \d+ rows so far$'}, '1'), 'pg_stat_activity says what it is at');
ok(qm_wait($session, worker(q{errors >= 1 AND last_error ~ '^housekeeping: canceling statement due to lock timeout'})), 'it gives up what it cannot have');
my $passes = $session->query(worker('passes'));
ok(qm_wait($session, worker("passes > $passes + 3")), '... and the other steps go on');
$blocker->query('ROLLBACK');
$node->reload;
ok(qm_wait($session, q{SELECT count(*) FROM quantmesh.orders}, '200'), 'later it has what it needs');
$blocker->quit;

# A file that cannot grow, as on a full disk: the coordinator may write files up to so many bytes, and WAL has files of 1 MB.
SKIP:
{
	my $prlimit = qm_find('prlimit') or skip 'prlimit is not installed', 8;
	my $pid = $session->query(worker('pid'));
	my $errors = $session->query(worker('errors'));
	my $mark = -s $node->logfile;

	plant(30000, 12000, 40);
	$session->query('CHECKPOINT'); # so that it has nobody else's pages to write
	is(system($prlimit, '--pid', $pid, '--fsize=' . 4 * 1024 * 1024 . ':'), 0, 'the coordinator\'s files may not grow');
	$node->reload;
	ok(qm_wait($session, worker("errors > $errors AND last_error ~ 'could not extend file'")), '... which stops housekeeping') or diag $session->query(worker('last_error'));
	all_there(24010, 'when the disk is full');
	$errors = $session->query(worker('errors'));
	$node->reload;
	ok(qm_wait($session, worker("errors > $errors")), 'it tries again');
	is(qm_log_count($node, qr/ERROR:.*could not extend file/, $mark), 1, '... and says the same thing once');
	is($session->query(worker(qq{pid = $pid AND state = 'running'})), 't', '... the coordinator goes on');
	is(system($prlimit, '--pid', $pid, '--fsize=unlimited:'), 0, 'there is room again');
	$node->reload;
	ok(qm_wait($session, q{SELECT count(*) FROM quantmesh.orders}, '200'), '... and the rest is moved');
	all_there(24010, 'when there is room again');
}
my $archived = $session->query('SELECT count(*) FROM quantmesh.order_archive');

# A crash in the middle of a backlog.
plant(50000, 5000, 70);
$session->quit;
$node->append_conf('postgresql.conf', 'restart_after_crash = on');
$node->reload;
qm_restart_killed($node);
$session = qm_session($node, 'session');
ok(qm_wait($session, q{SELECT count(*) FROM quantmesh.orders}, '200'), 'after a crash the backlog is moved');
$archived += 5000;
is($session->query('SELECT count(*) FROM quantmesh.order_archive'), $archived, '... once');
is($session->query(q{SELECT count(*) FROM quantmesh.order_archive WHERE tableoid <> ('quantmesh.order_archive_' || to_char(ended_at AT TIME ZONE 'UTC', 'YYYY_MM'))::regclass}),
	'0', 'every order is in the partition of its month');

$session->quit;
$node->stop;
done_testing();
