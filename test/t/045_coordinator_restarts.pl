# A coordinator that ends is started again, at once or ever later; the launcher's own end changes nothing for it; a kill
# with signal 9 is a crash restart of the server, after which it is there again. Without a worker slot the log says so
# once. Whatever the launcher cannot look up, it ends holders that overrun in time. Runs alone.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use QuantMeshTest;
use Test::More;
use Time::HiRes qw(time);

my $node = qm_node('restarts', conf => "quantmesh.worker_naptime = '50ms'\nrestart_after_crash = on");
my $session = qm_session($node, 'session');

sub worker { return "SELECT $_[0] FROM quantmesh.workers WHERE database = 'postgres'"; }

# end_it ends the coordinator and waits until the launcher knows.
sub end_it
{
	my ($restarts) = @_;
	my $pid = $session->query(worker('pid'));

	$session->query("SELECT pg_terminate_backend($pid)");
	ok(qm_wait_gone($pid), 'terminated, a coordinator ends');
	return;
}

# It had worked for a while: the next one is there at once.
ok(qm_wait($session, worker(q{state = 'running' AND passes > 1 AND clock_timestamp() - since > '10.5 s'})), 'a coordinator works for a while');
my $passes = $session->query(worker('passes'));
my $since = time;
end_it();
ok(qm_wait($session, worker("restarts = 1 AND state = 'running' AND passes > $passes")), '... and the next one goes on');
cmp_ok(time - $since, '<', 1, '... at once');
is(qm_log_count($node, qr/has ended early/), 0, '... which nobody needs to know');

# It had not: the delays double.
my @delay;
for my $round (1 .. 3)
{
	ok(qm_wait($session, worker(q{pid IS NOT NULL})), 'it runs');
	end_it();
	ok(qm_wait($session, worker(q{state = 'backoff' AND next_start IS NOT NULL AND pid IS NULL})), '... and is not started again at once');
	push @delay, $session->query(worker(q{round(extract(epoch FROM next_start - since)::numeric, 1)}));
}
is("@delay", '1.0 2.0 4.0', 'the delays double');
is(qm_log_count($node, qr/has ended early/), 3, 'each time the state changes, the log says so once');
ok(qm_wait($session, worker(q{restarts = 4 AND state = 'running'})), 'it is back');

# The launcher ends: the coordinator works on, and the next launcher finds it.
my $pid = $session->query(worker('pid'));
my $launcher = $session->query('SELECT launcher_pid FROM quantmesh.lock_engine');
$session->query("SELECT pg_terminate_backend($launcher)");
ok(qm_wait($session, "SELECT count(*) FROM quantmesh.lock_engine WHERE launcher_pid <> $launcher", '1'), 'a launcher ends, and another one comes');
$passes = $session->query(worker('passes'));
ok(qm_wait($session, worker("pid = $pid AND restarts = 4 AND state = 'running' AND passes > $passes")), '... the coordinator is the same');
is($session->query(q{SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'quantmesh coordinator'}), '1', '... and the only one');
$node->append_conf('postgresql.conf', q{quantmesh.databases = ''});
$node->reload;
ok(qm_wait($session, 'SELECT count(*) FROM quantmesh.workers', '1'), 'the new launcher can stop it');
ok(qm_wait_gone($pid), '... really');
$node->append_conf('postgresql.conf', q{quantmesh.databases = 'postgres'});
$node->reload;
ok(qm_wait($session, worker(q{state}), 'running'), '... and start another');

# A launcher that cannot read pg_database does not wait for it: a holder that overruns is ended in time.
isnt($session->query(q{SELECT quantmesh.try_xact_lock('first')}), '', 'a first lock, for which a worker writes the fence generation');
my $blocker = qm_session($node, 'blocker');
$blocker->query('BEGIN; LOCK TABLE pg_database IN ACCESS EXCLUSIVE MODE');
$pid = $session->query(worker('pid'));
$session->query("SELECT pg_terminate_backend($pid)");
ok(qm_wait($session, worker(q{state}), 'database busy'), 'pg_database is locked: the coordinator has to wait');
$blocker->query(q{SELECT quantmesh.try_xact_lock('k', '1s')});
$since = time;
ok(qm_wait($session, q{SELECT NOT quantmesh.is_locked('k')}), 'the session that locks it overruns a TTL, and is ended');
cmp_ok(time - $since, '<', 2, '... in time');
isnt($blocker->attempt('COMMIT'), '', '... it knows');
ok(qm_wait($session, worker(q{state}), 'running'), 'now there is a coordinator');

# Signal 9 is a crash of the whole server.
$pid = $session->query(worker('pid'));
kill 'KILL', $pid;
ok($node->poll_query_until('postgres', q{SELECT count(*) = 1 FROM quantmesh.workers WHERE state = 'running' AND database = 'postgres' AND restarts = 0}),
	'killed with signal 9, it takes the server through a crash restart, and is there again');
is(qm_log_count($node, qr/background worker "quantmesh coordinator" \(PID $pid\) was terminated by signal 9/), 1, '... as the log says');
$session = qm_session($node, 'session');
isnt($session->query(worker('pid')), $pid, '... another process');

# No room: the server's own launcher of logical replication has one slot, ours the other.
$session->quit;
$node->append_conf('postgresql.conf', 'max_worker_processes = 2');
$node->stop;
my $offset = -s $node->logfile;
$node->start;
$session = qm_session($node, 'session');
ok(qm_wait($session, worker(q{state = 'no worker slot' AND pid IS NULL})), 'without a free worker slot there is no coordinator');
ok(qm_wait($session, worker(q{state = 'no worker slot' AND clock_timestamp() - since > '6 s' AND next_start > clock_timestamp()})), '... and it is tried again and again');
is(qm_log_count($node, qr/no coordinator for database "postgres": all worker slots are in use/, $offset), 1, '... which the log says once');
is(qm_log_count($node, qr/HINT:.*max_worker_processes/, $offset), 1, '... with a hint');

$session->quit;
$node->stop;
done_testing();
