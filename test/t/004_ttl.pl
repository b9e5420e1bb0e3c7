# A holder that overruns its TTL is ended and its work rolled back, and only then is the key free: idle, busy, or with
# a stopped client. Who extends in time is left alone; with ttl_action = report everybody is. A lease that ends makes
# guarded transactions fail at COMMIT. Runs alone.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use QuantMeshTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $rounds = 20;
my $limit_ms = 250;

my $node = qm_node('ttl');
my $other = qm_session($node, 'other');
$other->query('CREATE TABLE written (what text)');

# hold takes a lock and returns the time just before it was granted.
sub hold
{
	my ($holder, $lock) = @_;

	return (split /\|/, $holder->query("SELECT clock_timestamp(), quantmesh.$lock"))[0];
}

# late_ms takes the key as soon as it is free and returns by how many ms the TTL since then had passed.
sub late_ms
{
	my ($key, $since, $ttl_ms) = @_;

	return $other->query(
		"BEGIN; SELECT CASE WHEN quantmesh.xact_lock('$key', '0', '20s') IS NOT NULL"
		  . " THEN round(extract(epoch FROM clock_timestamp() - '$since'::timestamptz) * 1000 - $ttl_ms, 1) END; COMMIT");
}

sub median
{
	my @sorted = sort { $a <=> $b } @_;
	return $sorted[ @sorted / 2 ];
}

# ended_ok checks that the session was ended and that nothing it wrote is stored.
sub ended_ok
{
	my ($session, $what, $next) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;

	isnt($session->attempt($next // 'COMMIT'), '', "$what: its next statement fails");
	ok($session->is_lost, '... its connection has ended');
	is($other->query("SELECT count(*) FROM written WHERE what = '$what'"), '0', '... nothing that it wrote is stored');
	return;
}

# An idle holder, twenty times; a holder whose client is stopped, as many times.
for my $case ('idle in transaction', 'stopped client')
{
	my @late;
	for my $round (1 .. $rounds)
	{
		my $holder = qm_session($node, 'holder');
		$holder->query("BEGIN; INSERT INTO written VALUES ('$case')");
		my $since = hold($holder, "try_xact_lock('median', '300ms')");
		$holder->stop_client if $case eq 'stopped client';
		push @late, late_ms('median', $since, 300);
		$holder->continue_client if $case eq 'stopped client';
		ended_ok($holder, $case) if $round == $rounds;
		$holder->cut;
	}
	diag sprintf '%s: key free %s ms after the TTL (median of %d; best %s, worst %s; target 20)',
	  $case, median(@late), $rounds, (sort { $a <=> $b } @late)[ 0, -1 ];
	cmp_ok(median(@late), '<=', $limit_ms, "$case: the key is free soon after the TTL");
	cmp_ok((sort { $a <=> $b } @late)[0], '>=', 0, '... and not before it');
}

# Other kinds of holders.
my $holder = qm_session($node, 'session lock');
my $since = hold($holder, "lock('s', '300ms')");
cmp_ok(late_ms('s', $since, 300), '<=', $limit_ms, 'a session lock ends with its TTL');
ended_ok($holder, 'session lock', 'SELECT 1');

$holder = qm_session($node, 'busy');
$holder->query("BEGIN; INSERT INTO written VALUES ('busy')");
$since = hold($holder, "try_xact_lock('b', '300ms')");
$holder->begin('SELECT pg_sleep(60)');
cmp_ok(late_ms('b', $since, 300), '<=', $limit_ms, 'a busy holder is ended in its statement');
is($holder->finish_attempt, '57P01', '... which fails');
ended_ok($holder, 'busy');

$holder = qm_session($node, 'waiting');
my $blocker = qm_session($node, 'blocker');
$blocker->query("SELECT quantmesh.lock('blocked', '0')");
$holder->query("BEGIN; INSERT INTO written VALUES ('waiting')");
$since = hold($holder, "try_xact_lock('w', '300ms')");
$holder->begin("SELECT quantmesh.xact_lock('blocked', '0')");
cmp_ok(late_ms('w', $since, 300), '<=', $limit_ms, 'a holder that waits for another lock is ended');
isnt($holder->finish_attempt, '', '... its wait fails');
ended_ok($holder, 'waiting');
ok(qm_wait($other, q{SELECT waiters = 0 FROM quantmesh.locks WHERE key = 'blocked'}), '... and it no longer waits');
$blocker->quit;

# Several holds: the first TTL counts, and all of them go.
$holder = qm_session($node, 'many');
$holder->query("BEGIN; INSERT INTO written VALUES ('many'); SELECT quantmesh.try_xact_lock('m1', '1h')");
$since = hold($holder, "try_xact_lock('m2', '300ms')");
cmp_ok(late_ms('m2', $since, 300), '<=', $limit_ms, 'the shortest of several TTLs counts');
is($other->query("SELECT quantmesh.is_locked('m1')"), 'f', '... and every lock of the holder is free');
ended_ok($holder, 'many');

# Several holders: the launcher, which ends the one, must not forget when the other's TTL is over, whichever it looks at first. The
# server gives the place of the process that ended last to the next one, so that the order changes from one round to the next.
for my $round (1 .. 4)
{
	my ($early, $late) = map { qm_session($node, $_) } 'early', 'late';
	hold($early, "lock('early', '300ms')");
	my $since = hold($late, "lock('late', '400ms')");
	cmp_ok(late_ms('late', $since, 400), '<=', $limit_ms, "a holder is ended soon after its TTL, shortly after another one was, $round");
	$_->cut for $early, $late;
}

# A savepoint's lock does not count once it has been rolled back.
$holder = qm_session($node, 'savepoint');
$holder->query("BEGIN; SAVEPOINT a; SELECT quantmesh.try_xact_lock('sp', '1s'); ROLLBACK TO a; INSERT INTO written VALUES ('savepoint')");

# Extended in time, once far ahead and once step by step. A holder that does not extend shows when the TTL has passed.
my $extender = qm_session($node, 'extender');
my $stepper = qm_session($node, 'stepper');
my $canary = qm_session($node, 'canary');
$extender->query("BEGIN; INSERT INTO written VALUES ('extended'); SELECT quantmesh.try_xact_lock('e1', '1s')");
is($extender->query("SELECT quantmesh.extend('e1', '1h')"), 't', 'a lock can be extended');
is($extender->query("SELECT quantmesh.extend('e1', '10ms')"), 't', '... and extending never shortens');
is($extender->query("SELECT quantmesh.try_xact_lock('e1', '10ms') IS NOT NULL"), 't', '... nor does taking it again');
$stepper->query("SELECT quantmesh.lock('e2', '600ms')");
for my $step (1 .. 7)
{
	$stepper->query("SELECT pg_sleep(0.2), quantmesh.extend('e2', '600ms')");
}
$since = hold($canary, "lock('canary', '300ms')");
cmp_ok(late_ms('canary', $since, 300), '<=', $limit_ms, 'meanwhile another holder was ended');
is($extender->attempt('COMMIT'), '', 'a holder that extended far ahead commits');
is($other->query("SELECT count(*) FROM written WHERE what = 'extended'"), '1', '... and its work is stored');
is($stepper->attempt("SELECT quantmesh.unlock('e2')"), '', 'a holder that extends step by step lives for more than two TTLs');
is($stepper->output, 't', '... and still had its lock');
is($holder->attempt('COMMIT'), '', 'a TTL that was rolled back to a savepoint ends nobody');
is($holder->attempt("SELECT quantmesh.extend('e2', '1s')"), '', 'extending what one does not hold ...');
is($holder->output, 'f', '... returns false');
$_->quit for $holder, $extender, $stepper;

# A backend that cannot be ended is not taken its lock from; it is counted as stuck.
my $stuck_before = $other->query('SELECT stuck_holders FROM quantmesh.lock_engine');
$holder = qm_session($node, 'stuck');
$holder->query("BEGIN; INSERT INTO written VALUES ('stuck')");
$since = hold($holder, "try_xact_lock('stuck', '200ms')");
kill 'STOP', $holder->pid;
ok(qm_wait($other, 'SELECT stuck_holders FROM quantmesh.lock_engine', $stuck_before + 1), 'a stopped backend is counted as stuck');
is($other->query("SELECT state, ttl_left < '0' FROM quantmesh.locks WHERE key = 'stuck'"), 'overrun|t', '... shown as overrun');
is($other->query("SELECT quantmesh.try_xact_lock('stuck') IS NULL"), 't', '... and keeps its lock');
kill 'CONT', $holder->pid;
cmp_ok(late_ms('stuck', $since, 200), '>', 900, 'continued, it ends and the lock is free');
ended_ok($holder, 'stuck');
is(qm_log_count($node, qr/WARNING: .*"stuck"/), 1, 'the log warns of it once');

# ttl_action = report: nobody is ended.
$node->safe_psql('postgres', 'ALTER SYSTEM SET quantmesh.ttl_action = report');
$node->reload;
ok(qm_wait($other, 'SHOW quantmesh.ttl_action', 'report'), 'ttl_action is report');
my $log_before = -s $node->logfile;
$other->query('SELECT quantmesh.reset_metrics()');
$holder = qm_session($node, 'reported');
$holder->query("BEGIN; INSERT INTO written VALUES ('reported'); SELECT quantmesh.try_xact_lock('order:binance:BTCUSDT:7', '100ms')");
ok(qm_wait($other, q{SELECT overruns FROM quantmesh.lock_metrics WHERE label = 'order:binance:BTCUSDT'}, '1'), 'the overrun is counted');
is($other->query(q{SELECT ttl_left < '0' FROM quantmesh.locks WHERE key = 'order:binance:BTCUSDT:7'}), 't', 'the view shows it');
is($other->query("SELECT pg_sleep(0.3), quantmesh.try_xact_lock('order:binance:BTCUSDT:7') IS NULL"), '|t', 'the holder keeps its lock');
is($holder->attempt('COMMIT'), '', 'the holder is not ended');
is($other->query("SELECT count(*) FROM written WHERE what = 'reported'"), '1', '... and its work is stored');
is($other->query(q{SELECT overruns FROM quantmesh.lock_metrics WHERE label = 'order:binance:BTCUSDT'}), '1', 'it was counted once');
is(qm_log_count($node, qr/order:binance:BTCUSDT:7/, $log_before), 1, 'it was logged once');
$holder->quit;
$node->safe_psql('postgres', 'ALTER SYSTEM RESET quantmesh.ttl_action');
$node->reload;
ok(qm_wait($other, 'SHOW quantmesh.ttl_action', 'terminate'), 'ttl_action is terminate');

# A lease that ends.
my $worker = qm_session($node, 'worker');
my $fence = $worker->query("SELECT quantmesh.try_lease('l', 'worker', '1s')");
$worker->query("BEGIN; INSERT INTO written VALUES ('guarded'); SELECT quantmesh.guard('l', $fence)");
ok(qm_wait($other, q{SELECT NOT quantmesh.is_locked('l')}), 'the lease ends with its TTL');
is($worker->attempt('COMMIT'), 'QM001', 'COMMIT of a guarded transaction fails');
is($other->query("SELECT count(*) FROM written WHERE what = 'guarded'"), '0', '... and nothing is stored');
is($worker->attempt("SELECT quantmesh.guard('l', $fence)"), 'QM001', 'a guard of a lease that has ended fails');
is($worker->query("SELECT quantmesh.renew_lease('l', 'worker', $fence, '1s')"), 'f', 'it cannot be renewed');

my $next = $other->query("SELECT quantmesh.try_lease('l', 'other', '10s')");
cmp_ok($next, '>', $fence, 'the next owner has a larger fence');
$worker->query("BEGIN; INSERT INTO written VALUES ('zombie')");
is($worker->attempt("SELECT quantmesh.guard('l', $fence); COMMIT"), 'QM001', 'the old fence guards nothing any more');
is( $other->query("BEGIN; INSERT INTO written VALUES ('owner'); SELECT quantmesh.guard('l', $next); COMMIT; SELECT count(*) FROM written WHERE what = 'owner'"),
	"\n1", 'the new one does');
is($other->query("SELECT count(*) FROM written WHERE what = 'zombie'"), '0', 'nothing of the old owner is stored');

# A lease ends while its owner waits for nobody: who waits for it has it soon after.
$since = hold($worker, "try_lease('l2', 'worker', '300ms')");
my $late = $other->query(
	"SELECT CASE WHEN quantmesh.lease('l2', 'other', '1s', '20s') IS NOT NULL"
	  . " THEN round(extract(epoch FROM clock_timestamp() - '$since'::timestamptz) * 1000 - 300, 1) END");
diag "lease: had by a waiter $late ms after its TTL";
cmp_ok($late, '>=', 0, 'a waiter has a lease not before it has ended');
cmp_ok($late, '<=', $limit_ms, '... and soon after');

$_->quit for $worker, $other;
$node->stop;
done_testing();
