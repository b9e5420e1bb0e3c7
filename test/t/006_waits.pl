# Waiting: a timed session wait that races with its timeout leaves no lock behind; waiters and holders that are killed
# harm nobody; CALL acquire waits without a snapshot; waiters are served in arrival order.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use QuantMeshTest;
use Test::More;

my $waiters = 16;
my $node = qm_node('waits', conf => 'restart_after_crash = on');
my $other = qm_session($node, 'other');

# Holders release after about as long as others wait. Whoever did not get the lock must not have it, neither by our
# account nor by the server's; who got it must have it by both.
$other->query(<<'SQL');
CREATE FUNCTION check_held(fence bigint) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    ours   bigint := (SELECT count(*) FROM quantmesh.locks WHERE pid = pg_backend_pid());
    theirs bigint := (SELECT count(*) FROM pg_locks WHERE pid = pg_backend_pid() AND locktype = 'advisory' AND objsubid = 20813 AND granted);
BEGIN
    IF ours <> theirs OR theirs <> (fence > 0)::int THEN
        RAISE EXCEPTION 'fence %, but % locks in quantmesh.locks and % in pg_locks', fence, ours, theirs;
    END IF;
    INSERT INTO race VALUES (fence > 0);
END
$$;
CREATE UNLOGGED TABLE race (granted boolean);
CREATE FUNCTION lock_or_null() RETURNS bigint LANGUAGE plpgsql AS $$
BEGIN
    RETURN quantmesh.lock('race', '0');
EXCEPTION
    WHEN lock_not_available THEN RETURN NULL;
END
$$;
SQL
qm_pgbench($node, 'timed waits', [ '-c', 4, '-t', 150, '--random-seed', 7 ], <<'SQL');
\set wait random(500, 4000)
\set hold random(500, 4000)
SELECT coalesce(quantmesh.lock('race', '0', make_interval(secs => :wait / 1000000.0)), 0) AS fence \gset
SELECT check_held(:fence);
\if :fence > 0
\sleep :hold us
SELECT quantmesh.unlock('race');
SELECT check_held(0);
\endif
SQL
qm_pgbench($node, 'timed procedure', [ '-c', 4, '-t', 100, '--random-seed', 8 ], <<'SQL');
\set wait random(500, 4000)
\set hold random(500, 4000)
CALL quantmesh.acquire('race', '0', make_interval(secs => :wait / 1000000.0), NULL) \gset
SELECT coalesce((SELECT fence FROM quantmesh.lock_holder('race') WHERE pid = pg_backend_pid()), 0) AS fence \gset
SELECT check_held(:fence);
\if :fence > 0
\sleep :hold us
SELECT quantmesh.unlock('race');
SELECT check_held(0);
\endif
SQL
qm_pgbench($node, 'lock_timeout', [ '-c', 4, '-t', 100, '--random-seed', 9 ], <<'SQL');
\set wait random(1, 5)
\set hold random(500, 4000)
SET lock_timeout = :wait;
SELECT coalesce(lock_or_null(), 0) AS fence \gset
RESET lock_timeout;
SELECT check_held(:fence);
\if :fence > 0
\sleep :hold us
SELECT quantmesh.unlock('race');
SELECT check_held(0);
\endif
SQL
my ($granted, $timed_out) = split /\|/, $other->query('SELECT count(*) FILTER (WHERE granted), count(*) FILTER (WHERE NOT granted) FROM race');
diag "timed waits: $granted granted, $timed_out checks of having nothing";
cmp_ok($granted, '>', 50, 'many were granted');
cmp_ok($timed_out - $granted, '>', 50, 'many timed out');
is($other->query('SELECT count(*) FROM quantmesh.locks'), '0', 'no lock is left behind in quantmesh.locks');
is($other->query(q{SELECT count(*) FROM pg_locks WHERE objsubid = 20813}), '0', '... nor in pg_locks');
is($other->query('SELECT locks_reserved FROM quantmesh.lock_engine'), '0', '... nor is any reserved');

# A timeout leaves the transaction usable, and takes about as long as it says.
$other->query(q{BEGIN; SELECT quantmesh.lock('mine', '0')});
my $session = qm_session($node, 'impatient');
is( $session->query(q{BEGIN; SELECT 1; SELECT quantmesh.xact_lock('mine', '0', '50ms') IS NULL, quantmesh.lock('mine', '0', '50ms') IS NULL; SELECT 2; COMMIT}),
	"1\nt|t\n2", 'a timeout is NULL and leaves the transaction usable');
is($session->attempt(q{SET lock_timeout = '50ms'; SELECT quantmesh.lock('mine', '0')}), '55P03', 'lock_timeout still applies');
$session->quit;

# Waiters that end, in three ways.
for my $way (qw(pg_terminate_backend pg_cancel_backend cut))
{
	my $waiter = qm_session($node, 'waiter');
	$waiter->query(q{SET client_connection_check_interval = '50ms'});
	$waiter->begin(q{SELECT quantmesh.lock('mine', '0', '1h')});
	ok(qm_wait($other, q{SELECT count(*) FROM quantmesh.lock_waits WHERE key = 'mine'}, '1'), "$way of a waiter");
	is($other->query(q{SELECT waiters FROM quantmesh.locks WHERE key = 'mine'}), '1', '... which is counted with the lock');
	if ($way eq 'cut')
	{
		$waiter->cut;
	}
	else
	{
		$other->query("SELECT $way(" . $waiter->pid . ')');
		is($waiter->finish_attempt, $way eq 'pg_cancel_backend' ? '57014' : '57P01', '... ends its statement');
	}
	ok(qm_wait($other, q{SELECT count(*) FROM quantmesh.lock_waits}, '0'), '... and it waits no longer');
	ok(qm_wait($other, q{SELECT waiters FROM quantmesh.locks WHERE key = 'mine'}, '0'), '... nor is it counted');
	ok(qm_wait($other, 'SELECT locks_reserved FROM quantmesh.lock_engine', '1'), '... nor does it reserve anything');
	if ($way eq 'pg_cancel_backend')
	{
		is($waiter->query(q{SELECT quantmesh.try_xact_lock('another') IS NOT NULL}), 't', '... and a cancelled one goes on');
		is( $waiter->query(q{SELECT count(*) FROM pg_locks WHERE objsubid = 20813 AND pid = pg_backend_pid()}),
			'0', '... without anything left');
	}
}
is($other->query(q{SELECT quantmesh.unlock('mine')}), 't', 'the holder was not disturbed');
$other->query('COMMIT');

# A holder that is terminated: its waiter has the lock, and what the holder had written is gone.
my $holder = qm_session($node, 'holder');
my $waiter = qm_session($node, 'waiter');
$holder->query(q{BEGIN; CREATE TABLE unfinished (i int); SELECT quantmesh.xact_lock('passed', '0')});
$waiter->begin(q{SELECT quantmesh.lock('passed', '0', '1h') IS NOT NULL, to_regclass('unfinished') IS NULL});
ok(qm_wait($other, q{SELECT holder_pid FROM quantmesh.lock_waits WHERE key = 'passed'}, $holder->pid), 'the view says who waits for whom');
$other->query('SELECT pg_terminate_backend(' . $holder->pid . ')');
is($waiter->finish, 't|t', 'the waiter of a terminated holder has the lock');
$waiter->quit;
$holder->cut;

# CALL acquire waits without a snapshot and without a transaction id.
$other->query(q{SELECT quantmesh.lock('q', '0')});
is($other->attempt(q{BEGIN; CALL quantmesh.acquire('q')}), '2D000', 'CALL acquire in a transaction block is refused');
$other->query('ROLLBACK');
$waiter = qm_session($node, 'acquirer');
$waiter->begin(q{CALL quantmesh.acquire('q', '0', '1h', NULL)});
ok(qm_wait($other, q{SELECT count(*) FROM quantmesh.lock_waits WHERE key = 'q'}, '1'), 'CALL acquire waits');
is( $other->query('SELECT backend_xmin IS NULL, backend_xid IS NULL FROM pg_stat_activity WHERE pid = ' . $waiter->pid),
	't|t', '... with neither backend_xmin nor backend_xid');
$other->query(q{SELECT quantmesh.unlock('q')});
like($waiter->finish, qr/^\d+$/, '... and answers the fence');
is($waiter->query(q{SELECT mode, pid = pg_backend_pid() FROM quantmesh.lock_holder('q')}), 'session|t', '... of a session lock');
is($other->query(q{CALL quantmesh.acquire('q', '0', '20ms', NULL)}), '', 'a timeout of CALL acquire is NULL');
$waiter->quit;

# Arrival order, for the lock manager's queue and for leases.
my @queue = map { qm_session($node, "waiter $_") } 1 .. $waiters;
my %waits = (
	'CALL acquire' => [ q{CALL quantmesh.acquire('q', '0', '1min', NULL); SELECT quantmesh.unlock('q')}, $waiters ],
	'xact_lock'    => [ q{SELECT quantmesh.xact_lock('q', '0', '1min')}, $waiters ],
	'mixed modes'  => [ undef, $waiters ],
	'lease'        => [ q{SELECT quantmesh.lease('q', 'waiter %d', '20s', '1min') AS f \gset} . "\n"
		. q{SELECT :f; SELECT quantmesh.release_lease('q', 'waiter %d', :f)}, 8 ],
);
for my $kind (sort keys %waits)
{
	my ($statement, $count) = @{ $waits{$kind} };
	my ($fence, @fences);

	ok(qm_wait($other, q{SELECT NOT quantmesh.is_locked('q')}), "$kind: the key is free");
	$fence = $kind eq 'lease'
	  ? $other->query(q{SELECT quantmesh.try_lease('q', 'first', '25s')})
	  : $other->query(q{SELECT quantmesh.lock('q', '0')});
	for my $i (1 .. $count)
	{
		my $sql = $statement // $waits{ (qw(xact_lock lease), 'CALL acquire')[ $i % 3 ] }[0];
		$queue[ $i - 1 ]->begin($sql =~ s/%d/$i/gr);
		qm_wait($other, q{SELECT count(*) FROM quantmesh.lock_waits WHERE key = 'q'}, $i) or fail("waiter $i waits");
	}
	$kind eq 'lease' ? $other->query("SELECT quantmesh.release_lease('q', 'first', $fence)") : $other->query(q{SELECT quantmesh.unlock('q')});
	for my $i (1 .. $count)
	{
		push @fences, (split /\n/, $queue[ $i - 1 ]->finish)[0];
	}
	is_deeply([ sort { $a <=> $b } $fence, @fences ], [ $fence, @fences ], "$kind: $count waiters were served in arrival order") or diag "@fences";
}
$_->quit for @queue;

# Who is first in the queue for a lease and is terminated does not take the queue along.
my $fence = $other->query(q{SELECT quantmesh.try_lease('q', 'first', '25s')});
my @leasers = map { qm_session($node, "leaser $_") } 1 .. 3;
for my $i (1 .. 3)
{
	$leasers[ $i - 1 ]->begin("SELECT quantmesh.lease('q', 'leaser $i', '10s', '1min')");
	ok(qm_wait($other, q{SELECT count(*) FROM quantmesh.lock_waits WHERE key = 'q'}, $i), "leaser $i waits");
}
is( $other->query(q{SELECT string_agg(waits_for, ' ' ORDER BY waiting DESC) FROM quantmesh.lock_waits}),
	'lease lock lock', 'the first waits for the lease, the others behind it');
$other->query('SELECT pg_terminate_backend(' . $leasers[0]->pid . ')');
is($leasers[0]->finish_attempt, '57P01', 'the first is terminated');
ok( qm_wait($other, q{SELECT string_agg(waits_for, ' ' ORDER BY waiting DESC) FROM quantmesh.lock_waits}, 'lease lock'),
	'... the second is first now');
is($other->query("SELECT quantmesh.release_lease('q', 'first', $fence)"), 't', 'the lease is given back');
cmp_ok($leasers[1]->finish, '>', $fence, '... and the second has it');
ok(!$leasers[2]->answered, '... and the third waits on');
$_->cut for @leasers;

# kill -9 of a waiter ends every backend of the server, as any crash; nobody holds anything afterwards.
$holder = qm_session($node, 'holder');
$holder->query(q{SELECT quantmesh.lock('killed', '0')});
$waiter = qm_session($node, 'waiter');
$waiter->begin(q{SELECT quantmesh.lock('killed', '0', '1h')});
ok(qm_wait($other, q{SELECT count(*) FROM quantmesh.lock_waits WHERE key = 'killed'}, '1'), 'one waits');
kill 'KILL', $waiter->pid;
ok(qm_wait_gone($waiter->pid, $holder->pid, $other->pid), 'kill -9 of a waiter restarts the server');
$other->cut;
ok(qm_wait_up($node), '... which comes back');
$other = qm_session($node, 'other');
is($other->query('SELECT count(*) FROM quantmesh.locks'), '0', '... with nothing held');
is($other->query(q{SELECT quantmesh.try_lock('killed') IS NOT NULL}), 't', '... and the key free');

$other->quit;
$node->stop;
done_testing();
