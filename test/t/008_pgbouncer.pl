# Behind PgBouncer in transaction mode, 200 clients on 10 server connections: transaction locks and leases exclude, no
# update is lost. Session locks do not belong there: one stays on its server connection after its client has left.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use QuantMeshTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use IPC::Run;
use Test::More;

my $clients = 200;
my $servers = 10;
my $program = qm_find('pgbouncer') or plan skip_all => 'pgbouncer is not installed';

my $node = qm_node('pooled');
my $direct = qm_session($node, 'direct');
$direct->query('CREATE TABLE counter (k int PRIMARY KEY, n int NOT NULL DEFAULT 0, last_fence bigint NOT NULL DEFAULT 0)');
$direct->query('CREATE UNLOGGED TABLE done (kind text, got boolean)');

# PgBouncer refuses to run as root, as PostgreSQL does.
my $folder = PostgreSQL::Test::Utils::tempdir_short();
my $port = PostgreSQL::Test::Cluster::get_free_port();
my $user = $direct->query('SELECT current_user');
append_to_file("$folder/users.txt", qq{"$user" ""\n});
append_to_file("$folder/pgbouncer.ini", <<"INI");
[databases]
postgres = host=@{[ $node->host ]} port=@{[ $node->port ]} dbname=postgres user=$user
[pgbouncer]
listen_port = $port
unix_socket_dir = $folder
auth_type = trust
auth_file = $folder/users.txt
pool_mode = transaction
default_pool_size = $servers
max_client_conn = 400
logfile = $folder/pgbouncer.log
INI
# Its output goes to a file: into a pipe that nobody reads it would stop.
my $bouncer = IPC::Run::start([ $program, '-q', "$folder/pgbouncer.ini" ], '<', '/dev/null', '>&', "$folder/pgbouncer.out");

END
{
	if ($bouncer)
	{
		my $status = $?;
		eval { $bouncer->kill_kill; };
		$? = $status;
	}
}

my %pooled = (host => $folder, port => $port);
my @ping = ('psql', '-XAtq', '-h', $folder, '-p', $port, '-c', 'SELECT 1', 'postgres');
for (1 .. 600)
{
	last if IPC::Run::run(\@ping, '>', \my $out, '2>', \my $err);
	Time::HiRes::sleep(0.05);
}

# lost compares what was counted under the lock with how often it was had.
sub lost_ok
{
	my ($kind) = @_;
	my ($had, $not_had) = split /\|/, $direct->query("SELECT count(*) FILTER (WHERE got), count(*) FILTER (WHERE NOT got) FROM done WHERE kind = '$kind'");

	diag "$kind: $had times had, $not_had times busy, $clients clients on $servers connections";
	cmp_ok($had, '>', 0, "$kind: had");
	is($direct->query('SELECT sum(n) FROM counter'), $had, "$kind: no update is lost");
	is($direct->query('SELECT count(*) FROM quantmesh.locks'), '0', "$kind: nothing is left");
	cmp_ok( $direct->query(q{SELECT count(*) FROM pg_stat_activity WHERE application_name NOT IN ('direct') AND backend_type = 'client backend'}),
		'<=', $servers, "$kind: through $servers connections");
	return;
}

# The section reads, and writes what it read plus one, so that two holders at once lose an update.
$direct->query('INSERT INTO counter (k) SELECT generate_series(1, 50)');
qm_pgbench($node, 'transaction locks', [ '-c', $clients, '-j', 2, '-t', 8, '-M', 'simple' ], <<'SQL', %pooled);
\set k random(1, 8)
BEGIN;
SELECT coalesce(quantmesh.xact_lock('order:pool:' || :k || ':1', '0', '20s'), 0) AS fence \gset
\if :fence > 0
SELECT n, 1 / (last_fence < :fence)::int AS grows FROM counter WHERE k = :k \gset
UPDATE counter SET n = :n + 1, last_fence = :fence WHERE k = :k;
\endif
INSERT INTO done VALUES ('transaction locks', :fence > 0);
COMMIT;
SQL
lost_ok('transaction locks');
is($direct->query(q{SELECT count(*) FROM done WHERE NOT got}), '0', 'transaction locks: every wait ended in a grant');

# Leases span transactions, and so server connections.
$direct->query('UPDATE counter SET n = 0, last_fence = 0');
qm_pgbench($node, 'leases', [ '-c', $clients, '-j', 2, '-t', 8, '-M', 'simple' ], <<'SQL', %pooled);
\set k random(1, 50)
SELECT coalesce(quantmesh.try_lease('order:pool:' || :k || ':1', 'client ' || :client_id, '25s'), 0) AS fence \gset
\if :fence > 0
SELECT n, 1 / (last_fence < :fence)::int AS grows FROM counter WHERE k = :k \gset
SELECT 1 / quantmesh.renew_lease('order:pool:' || :k || ':1', 'client ' || :client_id, :fence, '26s')::int;
BEGIN;
UPDATE counter SET n = :n + 1, last_fence = :fence WHERE k = :k;
SELECT quantmesh.guard('order:pool:' || :k || ':1', :fence);
COMMIT;
SELECT 1 / quantmesh.release_lease('order:pool:' || :k || ':1', 'client ' || :client_id, :fence)::int;
\endif
INSERT INTO done VALUES ('leases', :fence > 0);
SQL
lost_ok('leases');

# The danger: a session lock belongs to the server connection, not to the client that asked for it.
my $first = qm_session($node, 'first', %pooled);
isnt($first->query(q{SELECT quantmesh.try_lock('danger', '0')}), '', 'a session lock through the pooler');
$first->quit;
is($direct->query(q{SELECT mode FROM quantmesh.lock_holder('danger')}), 'session', 'the lock stays after its client has left');
is($direct->query(q{SELECT quantmesh.try_lock('danger') IS NULL}), 't', '... and nobody else can have it');
my $second = qm_session($node, 'second', %pooled);
my ($pid, $free) = split /\|/, $second->query(q{SELECT pg_backend_pid(), quantmesh.try_xact_lock('danger', '0') IS NOT NULL});
is( $free,
	$pid == $direct->query(q{SELECT pid FROM quantmesh.lock_holder('danger')}) ? 't' : 'f', '... but who comes by on the same server connection');
is($direct->query(q{SELECT quantmesh.force_unlock('danger', 'client of a pooler has left')}), 't', 'an operator can take it away');
is($direct->query(q{SELECT quantmesh.is_locked('danger')}), 'f', '... then it is free');
$_->quit for $second, $direct;

$bouncer->signal('TERM');
eval { $bouncer->finish; };
undef $bouncer;
$node->stop;
done_testing();
