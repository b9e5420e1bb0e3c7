# One coordinator per database of quantmesh.databases: it starts with the server, idles without the extension, notices
# CREATE EXTENSION, DROP EXTENSION and a version that is not the library's, comes and goes with the list of databases,
# and is started again when it ends: at once when it had worked for a while, ever later when it had not.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use QuantMeshTest;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

my $node = qm_node('coordinators', extension => 0, conf => q{quantmesh.worker_naptime = '50ms'});
my $session = qm_session($node, 'session');
my $mark = 0;

# worker returns an expression over the row of quantmesh.workers of a database; the view is in the database where the
# extension is, and so this reads the function's rows from wherever it can.
my $reader = $session;
sub worker
{
	my ($expression, $database) = @_;
	$database //= 'postgres';
	return "SELECT $expression FROM quantmesh.workers WHERE kind = 'coordinator' AND database = '$database'";
}

# logged returns how many new lines of the log match, since the last call of seen.
sub seen { $mark = -s $node->logfile; return; }
sub logged { return qm_log_count($node, $_[0], $mark); }

# Without the extension.
ok(qm_wait($session, q{SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'quantmesh coordinator' AND datname = 'postgres' AND state = 'idle'}, '1'),
	'a coordinator runs before there is an extension');
is( $session->query(q{SELECT application_name FROM pg_stat_activity WHERE backend_type = 'quantmesh coordinator'}),
	'quantmesh coordinator', '... and has a name');
ok(qm_wait_log($node, qr/coordinator of database "postgres" is idle: there is no extension/), '... says that it idles');
my $pid = $session->query(q{SELECT pid FROM pg_stat_activity WHERE backend_type = 'quantmesh coordinator'});
is($session->attempt('CREATE EXTENSION quantmesh'), '', 'CREATE EXTENSION');
is($session->error, '', '... has nothing to say where a coordinator works');
ok(qm_wait($session, worker(q{state = 'running' AND passes > 3})), 'CREATE EXTENSION is noticed');
is($session->query(worker('pid')), $pid, '... by the same coordinator');
is( $session->query(worker(q{last_pass_ms >= 0 AND lag < '30 s' AND errors = 0 AND last_error IS NULL AND restarts = 0 AND next_start IS NULL})),
	't', 'the view tells of its passes');
is($session->query(q{SELECT kind, pid = launcher_pid, database IS NULL, state FROM quantmesh.workers, quantmesh.lock_engine WHERE kind = 'launcher'}),
	'launcher|t|t|running', '... and of the launcher');
is(logged(qr/there is no extension/), 1, 'it said once that it idled');
is(logged(qr/coordinator of database "postgres" is at work/), 1, '... and once that it works');

# While it sleeps it holds nothing.
ok(qm_wait($session, qq{SELECT backend_xmin IS NULL AND backend_xid IS NULL AND state = 'idle' AND NOT EXISTS (SELECT FROM pg_locks AS l WHERE l.pid = a.pid)
	FROM pg_stat_activity AS a WHERE pid = $pid}), 'between passes it has no snapshot and no lock');

# DROP EXTENSION and CREATE EXTENSION again.
for my $round (1 .. 3)
{
	$session->query('DROP EXTENSION quantmesh');
	ok(qm_wait_log($node, qr/there is no extension/, $round + 1), "DROP EXTENSION is noticed, round $round");
	$session->query('CREATE EXTENSION quantmesh');
	my $before = $session->query(worker('passes'));
	ok(qm_wait($session, worker("state = 'running' AND passes > $before AND errors = 0 AND pid = $pid")), '... and CREATE EXTENSION');
}
my $passes;
for my $round (1 .. 10)
{
	my $done = $session->query(worker('passes'));
	$session->query('BEGIN; DROP EXTENSION quantmesh; CREATE EXTENSION quantmesh; COMMIT');
	$session->query(worker("pg_sleep(CASE WHEN passes > $done THEN 0.02 ELSE 0.01 END)"));
}
$passes = $session->query(worker('passes'));
ok(qm_wait($session, worker("passes > $passes")), 'both in one transaction, again and again');
is($session->query(worker('errors || coalesce(last_error, \'\')')), '0', '... are no error');

# Another version.
seen();
$session->query(q{UPDATE pg_extension SET extversion = '0.0' WHERE extname = 'quantmesh'});
ok(qm_wait($session, worker(q{state = 'version mismatch'})), 'a version that is not the library\'s');
$passes = $session->query(worker('passes'));
is(logged(qr/is idle: the extension has version 0\.0, the library [0-9.]+/), 1, '... is said once');
$session->query(q{SELECT pg_sleep(0.3)});
is($session->query(worker('passes')), $passes, '... and nothing is done meanwhile');
$session->query(q{UPDATE pg_extension SET extversion = quantmesh.version() WHERE extname = 'quantmesh'});
ok(qm_wait($session, worker(qq{state = 'running' AND passes > $passes})), '... until the versions fit');

# A cancel finds no statement, a reload is read.
$session->query("SELECT pg_cancel_backend($pid)");
$node->append_conf('postgresql.conf', q{quantmesh.worker_naptime = '60s'});
$node->reload;
ok(qm_wait($session, worker(q{lag > '0.5 s'})), 'a longer naptime is read');
$node->append_conf('postgresql.conf', q{quantmesh.worker_naptime = '50ms'});
$node->reload;
ok(qm_wait($session, worker(q{lag < '0.5 s'})), '... and a shorter one, at once');
is($session->query(worker('pid')), $pid, 'neither that nor a cancel ended it');

# It wakes when the lease of an instance ends, and for no other lease.
$node->append_conf('postgresql.conf', q{quantmesh.worker_naptime = '60s'});
$node->reload;
ok(qm_wait($session, worker(q{lag > '0.5 s'})), 'it sleeps');
$passes = $session->query(worker('passes'));
$session->query(q{SELECT quantmesh.try_lease('instanceless', 'me', '100ms')});
ok(qm_wait($session, q{SELECT NOT quantmesh.is_locked('instanceless')}), 'a lease ends');
is($session->query(worker('passes')), $passes, '... which is none of its business');
$session->query(q{SELECT quantmesh.try_lease('instance:one', 'one', '2s')});
$node->reload; # it was asleep already
ok(qm_wait($session, worker("passes = $passes + 1")), 'it looks around when it is told to reload');
ok(qm_wait($session, worker("passes = $passes + 2")), '... and when the lease of an instance ends');
is($session->query(worker(q{lag < '1 s'}) . q{ AND NOT quantmesh.is_locked('instance:one')}), 't', '... not earlier, and not when the nap is over');
$node->append_conf('postgresql.conf', q{quantmesh.worker_naptime = '50ms'});
$node->reload;

# The list of databases.
seen();
$session->query('CREATE DATABASE second');
$session->query('CREATE DATABASE "Third"');
my $second = qm_session($node, 'second', database => 'second');
is($second->attempt('CREATE EXTENSION quantmesh'), '', 'the extension in a database without coordinator');
like($second->error, qr/NOTICE:.*no quantmesh coordinator works in database "second".*HINT:.*quantmesh\.databases/s, '... says what to set');
$node->append_conf('postgresql.conf', q{quantmesh.databases = 'postgres, second, "Third", missing, second'});
$node->reload;
ok(qm_wait($session, worker(q{state}, 'second'), 'running'), 'a listed database gets a coordinator');
ok(qm_wait($session, worker(q{state}, 'Third'), 'no extension'), '... also one with capital letters');
ok(qm_wait($session, worker(q{state || ' ' || (pid IS NULL) || ' ' || (next_start IS NOT NULL)}, 'missing'), 'no database true true'), '... and one that does not exist is waited for');
is($session->query(q{SELECT count(*) FROM quantmesh.workers}), '5', 'each name counts once');
is($session->query(worker('pid')), $pid, 'the others go on');
is($second->query(q{SELECT count(*) FROM regexp_matches(quantmesh.prometheus(), '^quantmesh_worker_up\{database="second"\} 1$', 'n')}), '1', 'each database has metrics of its own coordinator');
$session->query('CREATE DATABASE missing');
ok(qm_wait($session, worker(q{state}, 'missing'), 'no extension'), 'a database that is created later gets its coordinator');
is(logged(qr/no coordinator for database "missing", which does not exist/), 1, '... which the log had said once');

# A database that allows no connections.
$node->append_conf('postgresql.conf', q{quantmesh.databases = 'postgres, second'});
$node->reload;
ok(qm_wait($session, q{SELECT count(*) FROM quantmesh.workers}, '3'), 'what leaves the list loses its coordinator');
ok(qm_wait($session, q{SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'quantmesh coordinator'}, '2'), '... really');
$session->query('ALTER DATABASE missing ALLOW_CONNECTIONS false');
seen();
$node->append_conf('postgresql.conf', q{quantmesh.databases = 'postgres, missing'});
$node->reload;
ok(qm_wait($session, worker(q{state}, 'missing'), 'database closed'), 'a database that allows no connections');
is(logged(qr/no coordinator for database "missing", which allows no connections/), 1, '... is named once');
$session->query('ALTER DATABASE missing ALLOW_CONNECTIONS true');
ok(qm_wait($session, worker(q{state}, 'missing'), 'no extension'), '... and looked at again');

# Lists that are none.
for my $list ('a,,b', 'a b', join(',', map { "d$_" } 1 .. 33))
{
	my ($ret, $out, $err) = $node->psql('postgres', "ALTER SYSTEM SET quantmesh.databases = '$list'");
	like($err, qr/invalid value for parameter "quantmesh.databases"/, "refused: $list");
}
$node->append_conf('postgresql.conf', q{quantmesh.databases = ''});
$node->reload;
ok(qm_wait($session, q{SELECT count(*) FROM quantmesh.workers}, '1'), 'an empty list means no coordinator');
$node->append_conf('postgresql.conf', q{quantmesh.databases = 'postgres'});
$node->reload;
ok(qm_wait($session, worker(q{state}), 'running'), '... and there is one again');

$_->quit for $session, $second;
$node->stop;
is(qm_log_count($node, qr/PANIC|TRAP|crash|stack trace/), 0, 'no crash in all this');
done_testing();
