# The launcher: terminated, it comes back and enforces the TTLs of holds that began meanwhile; stopped, leases still end
# and locks are still granted; where it cannot start, lock functions say so. Dropping a database does not wait for it.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use QuantMeshTest;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

my $node = qm_node('launcher');
my $other = qm_session($node, 'other');
my $pid = $other->query('SELECT launcher_pid FROM quantmesh.lock_engine');

is($other->query("SELECT count(*) FROM pg_stat_activity WHERE pid = $pid AND datname IS NULL"), '1', 'the launcher runs, in no database');

# Terminated.
my $since = time;
my $holder = qm_session($node, 'holder');
$other->query("SELECT pg_terminate_backend($pid)");
$holder->query(q{BEGIN; SELECT quantmesh.try_xact_lock('meanwhile', '300ms')});
is($other->query(q{SELECT quantmesh.try_xact_lock('granted') IS NOT NULL}), 't', 'locks are granted without it');
ok(qm_wait($other, "SELECT count(*) FROM quantmesh.lock_engine WHERE launcher_pid <> $pid", '1'), 'a terminated launcher comes back');
my $took = time - $since;
diag sprintf 'launcher: back %.1f s after it was terminated', $took;
cmp_ok($took, '<', 5, '... in less than 5 s');
ok(qm_wait($other, q{SELECT NOT quantmesh.is_locked('meanwhile')}), '... and ends a holder that overran meanwhile');
isnt($holder->attempt('COMMIT'), '', '... whose COMMIT fails');
ok(qm_log_count($node, qr/crash|PANIC/i) == 0, '... without a crash');

# Stopped: nobody is ended, but a lease ends by the clock alone, and so does what it guards. The first lease of a start
# needs the launcher, which notes down that leases are out.
$pid = $other->query('SELECT launcher_pid FROM quantmesh.lock_engine');
my $worker = qm_session($node, 'worker');
isnt( $worker->query(q{SELECT quantmesh.try_lease('first of this start', 'worker', '1s')}),
	'', 'a first lease, which the launcher notes down');
$holder = qm_session($node, 'holder');
kill 'STOP', $pid;
my $fence = $worker->query(q{SELECT quantmesh.try_lease('lease', 'worker', '1s')});
$worker->query("BEGIN; CREATE TABLE guarded (i int); SELECT quantmesh.guard('lease', $fence)");
$holder->query(q{BEGIN; SELECT quantmesh.try_xact_lock('overrun', '200ms')});
ok(qm_wait($other, q{SELECT quantmesh.try_lease('lease', 'other', '10s') IS NOT NULL}), 'with a stopped launcher, a lease ends by itself');
is($worker->attempt('COMMIT'), 'QM001', '... and guarded transactions of its old owner fail');
is( $other->query(q{SELECT quantmesh.is_locked('overrun'), ttl_left < '0' FROM quantmesh.lock_holder('overrun')}),
	't|t', 'a holder that overran is not ended yet');
is( $other->query(q{SELECT count(*) FROM generate_series(1, 1000) AS i WHERE CASE WHEN quantmesh.try_lock('many') > 0 THEN quantmesh.unlock('many') END}),
	'1000', 'locks are granted');
kill 'CONT', $pid;
ok(qm_wait($other, q{SELECT NOT quantmesh.is_locked('overrun')}), 'continued, it ends the holder');
isnt($holder->attempt('COMMIT'), '', '... whose COMMIT fails');

# Databases come and go under the launcher.
$other->query('CREATE DATABASE gone');
my $guest = qm_session($node, 'guest', database => 'gone');
$guest->query('CREATE EXTENSION quantmesh');
isnt($guest->query(q{SELECT quantmesh.try_lease('lease', 'guest', '1s')}), '', 'a lease in another database');
isnt($guest->query(q{SELECT quantmesh.try_lock('lock', '0')}), '', 'a lock in another database');
is($other->query(q{SELECT quantmesh.is_locked('lock')}), 'f', '... is none here');
is($other->query(q{SELECT count(*) FROM quantmesh.locks WHERE key = 'lock'}), '0', '... and is not seen here');
$guest->quit;
is($other->attempt(q{SET statement_timeout = '10s'; DROP DATABASE gone}), '', 'DROP DATABASE does not wait for the launcher');
is($other->attempt(q{CREATE DATABASE gone}), '', '... nor does CREATE DATABASE');
$guest = qm_session($node, 'guest', database => 'gone');
$guest->query('CREATE EXTENSION quantmesh');
is( $guest->query(q{SELECT quantmesh.try_lease('lease', 'another', '1s') IS NOT NULL}),
	't', 'a new database of the same name knows nothing of the old leases');
$guest->quit;
ok(qm_wait($other, 'SELECT leases <= 1 FROM quantmesh.lock_engine'), 'leases of a dropped database do not stay');
is($other->attempt(q{DROP DATABASE gone}), '', 'DROP DATABASE again');
$_->quit for $other, $worker;

# No room for the launcher: the server starts, and nothing pretends to work.
$node->append_conf('postgresql.conf', 'max_worker_processes = 0');
$node->restart;
$other = qm_session($node, 'other');
my @late = (
	q{SELECT quantmesh.try_xact_lock('k')},
	q{SELECT quantmesh.xact_lock('k')},
	q{SELECT quantmesh.try_lock('k')},
	q{CALL quantmesh.acquire('k')},
	q{SELECT quantmesh.try_lease('k', 'me', '1s')});
my @clients = map { qm_session($node, 'client') } @late;
# All at once: each has some patience with a launcher that is late.
$clients[$_]->begin($late[$_]) for 0 .. $#late;
for my $i (0 .. $#late)
{
	is($clients[$i]->finish_attempt, '57P03', "without a launcher: $late[$i]");
	like($clients[$i]->error, qr/HINT:.*max_worker_processes/s, '... with a hint');
}
is($other->query('SELECT launcher_pid IS NULL FROM quantmesh.lock_engine'), 't', 'the view shows that there is no launcher');
is($other->attempt('CREATE TABLE unharmed (i int)'), '', 'all else works');
$_->quit for $other, @clients;

$node->stop;
done_testing();
