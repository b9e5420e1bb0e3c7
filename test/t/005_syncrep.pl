# A holder whose COMMIT waits for a synchronous standby has committed in all but name: it is never signalled, keeps its
# lock beyond its TTL until the commit has ended, and is counted. A lease that such a transaction is guarded by stays
# pinned: it neither expires nor passes to somebody else before the commit has ended.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use QuantMeshTest;
use PostgreSQL::Test::Utils;
use Test::More;

# No standby of that name will ever come.
my $node = qm_node('syncrep', init => [ allows_streaming => 1 ], conf => 'synchronous_commit = on');
my $other = qm_session($node, 'other');
$other->query('CREATE TABLE written (what text)');
qm_fence($node);

# wait_in_commit commits and returns once the session waits for the standby.
sub wait_in_commit
{
	my ($session) = @_;
	$session->begin('COMMIT');
	ok(qm_wait($other, "SELECT wait_event = 'SyncRep' FROM pg_stat_activity WHERE pid = " . $session->pid), 'COMMIT waits for the standby');
	return;
}

sub label_overruns
{
	my ($label) = @_;
	return "SELECT overruns FROM quantmesh.lock_metrics WHERE label = '$label'";
}

my $holder = qm_session($node, 'transaction');
my $session_holder = qm_session($node, 'session');
my $worker = qm_session($node, 'lease');
my $fence = $worker->query("SELECT quantmesh.try_lease('pinned', 'worker', '2s')");
my $log_before = -s $node->logfile;

qm_set_standby($node, $other, 'nobody');
$worker->query("BEGIN; INSERT INTO written VALUES ('lease'); SELECT quantmesh.guard('pinned', $fence)");
wait_in_commit($worker);
$holder->query("BEGIN; INSERT INTO written VALUES ('transaction'); SELECT quantmesh.try_xact_lock('order:binance:BTCUSDT:1', '1s')");
wait_in_commit($holder);
$session_holder->query("BEGIN; INSERT INTO written VALUES ('session'); SELECT quantmesh.lock('order:binance:ETHUSDT:1', '1s')");
wait_in_commit($session_holder);

# Their TTLs pass.
ok(qm_wait($other, label_overruns('order:binance:BTCUSDT'), '1'), 'the overrun of a transaction lock is counted');
ok(qm_wait($other, label_overruns('order:binance:ETHUSDT'), '1'), 'the overrun of a session lock is counted');
is( $other->query(q{SELECT key, mode, state, ttl_left < '0' FROM quantmesh.locks WHERE key LIKE 'order:%' ORDER BY key}),
	"order:binance:BTCUSDT:1|transaction|committing|t\norder:binance:ETHUSDT:1|session|committing|t",
	'both are shown as committing, beyond their TTL');
ok(qm_wait($other, q{SELECT ttl_left < '-200ms' FROM quantmesh.locks WHERE key = 'pinned'}), 'the guarded lease is beyond its TTL, too');

is($other->query(q{SELECT quantmesh.try_xact_lock('order:binance:BTCUSDT:1') IS NULL}), 't', 'the key of the transaction lock is not free');
is($other->query(q{SELECT quantmesh.try_lock('order:binance:ETHUSDT:1') IS NULL}), 't', 'nor is that of the session lock');
is($other->query(q{SELECT quantmesh.try_lease('pinned', 'other', '10s') IS NULL}), 't', 'the pinned lease does not pass to another owner');
is($other->query(q{SELECT quantmesh.try_xact_lock('pinned') IS NULL}), 't', '... nor to another mode');
is($other->query(q{SELECT quantmesh.is_locked('pinned')}), 't', '... and the key is locked');
is( $other->query(q{SELECT quantmesh.force_unlock('order:binance:BTCUSDT:1', 'test')}),
	'f', 'force_unlock does not touch a committing holder');
is($other->query(q{SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'}), '3', 'nobody was signalled: all still wait');
ok(!$_->answered, 'no COMMIT has been answered') for $worker, $holder, $session_holder;

# Somebody else waits for the key, and somebody for the lease.
my $waiter = qm_session($node, 'waiter');
my $lease_waiter = qm_session($node, 'lease waiter');
$waiter->begin(q{SELECT quantmesh.xact_lock('order:binance:BTCUSDT:1', '0', '30s') IS NOT NULL, (SELECT count(*) FROM written WHERE what = 'transaction')});
$lease_waiter->begin(q{SELECT quantmesh.lease('pinned', 'other', '10s', '30s')});
ok(qm_wait($other, 'SELECT count(*) FROM quantmesh.lock_waits', '2'), 'two wait');

qm_set_standby($node, $other, '');
for my $session ($holder, $worker)
{
	is($session->finish_attempt, '', 'COMMIT succeeds');
	is($session->error, '', '... and had not been disturbed');
}
# A session lock outlives the commit, so now its TTL counts: its backend may be ended before it could even answer.
like($session_holder->finish_attempt, qr/^(?:|57P01)$/, 'COMMIT of the session holder ends');
unlike($session_holder->error, qr/WARNING/, '... and its wait had not been disturbed');
is($other->query('SELECT string_agg(what, \' \' ORDER BY what) FROM written'), 'lease session transaction', 'the work of all is stored');
like($waiter->finish, qr/^t\|/, 'then the next has the key');
cmp_ok($lease_waiter->finish, '>', $fence, 'then the lease passes on, under a larger fence');
is($worker->query("SELECT quantmesh.renew_lease('pinned', 'worker', $fence, '1s')"), 'f', '... and is no longer the old owner\'s');

ok( qm_wait($other, q{SELECT NOT quantmesh.is_locked('order:binance:ETHUSDT:1')}),
	'the session lock ends with its session after the commit');
isnt($session_holder->attempt('SELECT 1'), '', '... which was ended');
is($holder->attempt('SELECT 1'), '', 'a transaction holder that has committed is left alone');
is($other->query(label_overruns('order:binance:BTCUSDT')), '1', 'the overrun was counted once');
is(qm_log_count($node, qr/order:binance:BTCUSDT:1.*beyond its TTL/, $log_before), 1, '... and logged once');

# An owner cannot take a lease away from under its own committing transaction.
qm_set_standby($node, $other, 'nobody');
$fence = $worker->query("SELECT quantmesh.try_lease('own', 'worker', '30s')");
$worker->query("BEGIN; INSERT INTO written VALUES ('own'); SELECT quantmesh.guard('own', $fence)");
wait_in_commit($worker);
$lease_waiter->begin("SELECT quantmesh.release_lease('own', 'worker', $fence)");
is( $other->query(q{SELECT quantmesh.try_lease('own', 'other', '10s') IS NULL}),
	't', 'a pinned lease is not free because its owner releases it meanwhile');
qm_set_standby($node, $other, '');
is($worker->finish_attempt, '', 'COMMIT succeeds');
is($lease_waiter->finish_attempt, '', 'the release succeeds');
ok(qm_wait($other, q{SELECT NOT quantmesh.is_locked('own')}), '... and then the lease is free');

$_->quit for $holder, $worker, $waiter, $lease_waiter, $other;
$node->stop;
done_testing();
