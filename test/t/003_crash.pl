# Crashes of every kind: fences afterwards are larger than all before, locks are free, the launcher is back, and no
# lease is granted for max_ttl when leases were out; that grace survives a second crash. A clean restart keeps leases.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use QuantMeshTest;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

my $max_ttl = 3;
my $node = qm_node('crash', conf => "restart_after_crash = on\nquantmesh.max_ttl = '${max_ttl}s'");
my $grace_log = qr/LOG: .*lease.*granted/;

# crash kills one process of the server with signal 9 and returns once the server is up again.
sub crash
{
	my ($what, $pid) = @_;
	my $witness = qm_session($node, 'witness');

	ok(kill(9, $pid), "kill -9 of $what");
	ok(qm_wait_gone($witness->pid, $pid), '... ends every backend');
	$witness->attempt('SELECT 1');
	ok(qm_wait_up($node), '... and the server and its launcher come back');
	return;
}

# hold_everything opens a session with a transaction and a session lock, in a transaction that wrote something.
sub hold_everything
{
	my $holder = qm_session($node, 'holder');
	$holder->query('BEGIN; INSERT INTO written VALUES (1)');
	for my $lock (q{quantmesh.xact_lock('x', '0')}, q{quantmesh.lock('s', '0')})
	{
		qm_fences_grow($node, 'from grant to grant', fence => $holder->query("SELECT $lock"));
	}
	return $holder;
}

# all_free checks what must hold after every crash.
sub all_free
{
	my ($after) = @_;

	is($node->safe_psql('postgres', 'SELECT count(*) FROM quantmesh.locks'), '0', "nothing is held after $after");
	is($node->safe_psql('postgres', 'SELECT locks_reserved FROM quantmesh.lock_engine'), '0', '... nothing is reserved');
	is($node->safe_psql('postgres', q{SELECT quantmesh.try_xact_lock_many('{x,s,l}') IS NOT NULL}), 't', '... every key can be had');
	is($node->safe_psql('postgres', 'SELECT count(*) FROM written'), '0', '... nothing of the holder is stored');
	qm_fences_grow($node, "after $after");
	return;
}

sub grace_left
{
	return $node->safe_psql('postgres', 'SELECT coalesce(extract(epoch FROM lease_grace_left), 0) FROM quantmesh.lock_engine');
}

sub lease_granted
{
	my ($owner) = @_;
	return $node->safe_psql('postgres', "SELECT quantmesh.try_lease('l', '$owner', '1s') IS NOT NULL");
}

$node->safe_psql('postgres', 'CREATE TABLE written (i int)');
is(grace_left(), 0, 'a fresh server has no grace');

# No lease was ever granted: nothing to wait for.
my $holder = hold_everything();
crash('a holder', $holder->pid);
all_free('a crash');
is(grace_left(), 0, 'without a lease ever granted there is no grace');
my $log_before = -s $node->logfile;
is(lease_granted('one'), 't', 'leases are granted at once');

# Now one is out.
$holder = hold_everything();
my $crashed_at = time;
crash('a backend', $holder->pid);
my $grace = grace_left();
cmp_ok($grace, '>', 0, 'with a lease out before the crash there is a grace');
cmp_ok($grace, '<=', $max_ttl, '... of at most max_ttl');
is(lease_granted('two'), 'f', '... in which no lease is granted');
is(lease_granted('one'), 'f', '... not to the old owner either');
is(qm_log_count($node, $grace_log, $log_before), 1, 'the log says once why');
all_free('a crash with a lease out');

# A second crash within the grace, by way of the launcher.
crash('the launcher', $node->safe_psql('postgres', 'SELECT launcher_pid FROM quantmesh.lock_engine'));
is(lease_granted('two'), 'f', 'the grace survives a second crash');
all_free('a crash of the launcher');
ok($node->poll_query_until('postgres', q{SELECT quantmesh.try_lease('l', 'two', '1s') IS NOT NULL}), 'then leases are granted');
cmp_ok(time - $crashed_at, '>=', $max_ttl, '... not before max_ttl had passed');
is($node->safe_psql('postgres', q{SELECT owner FROM quantmesh.lock_holder('l')}), 'two', 'the lease is the new owner\'s');

# The postmaster itself.
$holder = hold_everything();
qm_restart_killed($node);
ok(qm_wait_up($node), 'the server starts after kill -9 of the postmaster');
is(lease_granted('three'), 'f', 'no lease at first');
cmp_ok(grace_left(), '>', 0, '... because of the grace');
all_free('kill -9 of the postmaster');

# An immediate stop is a crash, too.
$holder = hold_everything();
$node->stop('immediate');
$node->start;
ok(qm_wait_up($node), 'the server starts after an immediate stop');
is(lease_granted('three'), 'f', 'the grace survives an immediate stop');
all_free('an immediate stop');

# A clean restart keeps leases. The configuration now allows longer ones.
ok($node->poll_query_until('postgres', 'SELECT lease_grace_left IS NULL FROM quantmesh.lock_engine'), 'the grace ends');
$node->append_conf('postgresql.conf', "quantmesh.max_ttl = '60s'");
$node->restart;
ok(qm_wait_up($node), 'the server restarts');
my $session = qm_session($node, 'client');
my $kept = $session->query(q{SELECT quantmesh.try_lease('kept', 'keeper', '40s')});
my $short = $session->query(q{SELECT quantmesh.try_lease('short', 'sprinter', '50ms')});
my $undone = $session->query(q{SELECT quantmesh.try_lease('undone', 'keeper', '40s')});
is($session->query("SELECT quantmesh.release_lease('undone', 'keeper', $undone)"), 't', 'one lease is given back');
ok(qm_wait($session, q{SELECT NOT quantmesh.is_locked('short')}), 'one lease has ended');
my $ends_at = $session->query(q{SELECT clock_timestamp() + ttl_left FROM quantmesh.lock_holder('kept')});
$session->quit;
$node->restart;
ok(qm_wait_up($node), 'the server restarts');
$session = qm_session($node, 'client');
is( $session->query(q{SELECT mode, owner, fence FROM quantmesh.lock_holder('kept')}),
	"lease|keeper|$kept", 'the lease is kept with owner and fence');
is( $session->query(qq{SELECT clock_timestamp() + ttl_left > '$ends_at'::timestamptz - '1s'::interval, ttl_left < '40s' FROM quantmesh.lock_holder('kept')}),
	't|t', '... and the rest of its TTL');
is($session->query(q{SELECT quantmesh.try_lease('kept', 'thief', '1s') IS NULL}), 't', '... and excludes others');
is($session->query(q{SELECT quantmesh.try_xact_lock('kept') IS NULL}), 't', '... in every mode');
is($session->query("SELECT quantmesh.renew_lease('kept', 'keeper', $kept, '41s')"), 't', '... and can be renewed under the same fence');
is($session->query("BEGIN; SELECT quantmesh.guard('kept', $kept); COMMIT"), '', '... and guards transactions');
is($session->query(q{SELECT quantmesh.is_locked('short')}), 'f', 'a lease that had ended does not return');
is($session->query(q{SELECT quantmesh.is_locked('undone')}), 'f', 'a lease that was given back does not return');
is($session->query('SELECT lease_grace_left IS NULL FROM quantmesh.lock_engine'), 't', 'a clean restart has no grace');
qm_fences_grow($node, 'after a clean restart');

# What the clean restart had kept must not come back after a crash; and the grace is that of the longest lease out,
# even when max_ttl has been lowered since.
$session->quit;
$node->stop('immediate');
$node->append_conf('postgresql.conf', "quantmesh.max_ttl = '${max_ttl}s'");
$node->start;
ok(qm_wait_up($node), 'the server starts');
cmp_ok(grace_left(), '>', 30, 'the grace is of the max_ttl that was in force when the leases were granted');
all_free('a crash after a clean restart');
$node->stop;

# Stopped cleanly within the grace, it still holds.
$node->start;
ok(qm_wait_up($node), 'the server starts');
cmp_ok(grace_left(), '>', 20, 'the grace survives a clean restart within it');
is(lease_granted('four'), 'f', '... and no lease is granted');
$node->stop;

done_testing();
