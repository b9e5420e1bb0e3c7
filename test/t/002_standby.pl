# A hot standby grants nothing. A standby that lagged and is promoted gives only fences above all that the old primary
# gave, and no lease before max_ttl has passed, since it cannot know which leases are out. Likewise a point-in-time
# recovery.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use QuantMeshTest;
use PostgreSQL::Test::Cluster;
use Test::More;
use Time::HiRes qw(time);

my $max_ttl = 2;
my $primary = qm_node(
	'primary',
	init => [ allows_streaming => 1 ],
	conf => "quantmesh.max_ttl = '${max_ttl}s'");

# Three databases whose fences go different ways: one is just used, one gets a higher generation from an operator, one
# comes out of a dump of a server whose fences were far ahead. The standby will not have seen the last two use theirs.
for my $database (qw(raised restored))
{
	$primary->safe_psql('postgres', "CREATE DATABASE $database");
	$primary->safe_psql($database, 'CREATE EXTENSION quantmesh');
}
qm_fences_grow($primary, 'than nothing');
qm_fences_grow($primary, 'than nothing', database => 'raised');
$primary->safe_psql('restored', q{INSERT INTO quantmesh.fence_floor (counter_id, floor, generation, tag, database, reason) VALUES (1, 4, 7, 'old0', 1, 'dumped')});
$primary->backup('base');

my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($primary, 'base', has_streaming => 1);
$standby->start;
$primary->wait_for_catchup($standby);

# The standby refuses everything that would grant or change something.
my $reader = qm_session($standby, 'reader');
qm_sql_errors_ok($reader, '25006', qr/standby|recovery/i,
	"SELECT quantmesh.try_xact_lock('k')",
	"SELECT quantmesh.xact_lock('k')",
	"SELECT quantmesh.try_xact_lock_many('{k,l}')",
	"SELECT quantmesh.xact_lock_many('{k,l}')",
	"SELECT quantmesh.try_lock('k')",
	"SELECT quantmesh.lock('k')",
	"CALL quantmesh.acquire('k')",
	"SELECT quantmesh.try_lease('k', 'me', '1s')",
	"SELECT quantmesh.lease('k', 'me', '1s', '1s')",
	"SELECT quantmesh.renew_lease('k', 'me', 1, '1s')",
	"SELECT quantmesh.release_lease('k', 'me', 1)",
	"SELECT quantmesh.raise_fence('test')");
is($reader->query('SELECT count(*) FROM pg_locks WHERE objsubid = 20813'), '0', 'no lock was taken on the standby');
$reader->quit;

# The standby stops listening, and the primary goes on for a while.
$standby->stop;
my $used = q{
	SELECT max(f)
	FROM (SELECT quantmesh.try_lock(k) AS f, quantmesh.unlock(k)
		  FROM (SELECT 'k' || i AS k FROM generate_series(1, 20000) AS i) AS keys) AS fences};
my %primary_fence;
for my $database (qw(postgres raised restored))
{
	$primary->safe_psql($database, q{SELECT quantmesh.raise_fence('storage snapshot')}) if $database eq 'raised';
	$primary_fence{$database} = qm_fences_grow($primary, "one after the other in $database",
		database => $database, fence => $primary->safe_psql($database, $used));
}
isnt($primary->safe_psql('postgres', q{SELECT quantmesh.try_lease('leader', 'one', '2s')}), '', 'a lease is out');
$primary->stop('immediate');

$standby->start;
my $promoted_at = time;
$standby->promote;
ok( $standby->poll_query_until('postgres', 'SELECT launcher_pid IS NOT NULL FROM quantmesh.lock_engine'),
	'the launcher works after promotion');

my $session = qm_session($standby, 'client');
isnt($session->query(q{SELECT quantmesh.xact_lock('k')}), '', 'transaction locks are there at once');
is($session->query(q{SELECT quantmesh.try_lease('leader', 'two', '1s') IS NULL}), 't', 'no lease is granted yet');
is( $session->query(qq{SELECT lease_grace_left > '0' AND lease_grace_left <= '${max_ttl}s' FROM quantmesh.lock_engine}),
	't', 'lease_grace_left says how long');

# Somebody who waits for a lease gets it when the grace is over.
my $waiter = qm_session($standby, 'waiter');
$waiter->begin(q{SELECT quantmesh.lease('reader', 'three', '1s', '20s')});
ok(qm_wait($session, q{SELECT count(*) FROM quantmesh.lock_waits WHERE waits_for = 'grace'}, '1'), 'a waiter waits for the grace to end');

for my $database (qw(postgres raised restored))
{
	qm_fences_grow($standby, "after promotion in $database", database => $database);
}
isnt($waiter->finish, '', 'the waiter got its lease');
cmp_ok(time - $promoted_at, '>=', $max_ttl, 'not before max_ttl had passed');
is($session->query('SELECT lease_grace_left IS NULL FROM quantmesh.lock_engine'), 't', 'the grace is over');
isnt($session->query(q{SELECT quantmesh.try_lease('leader', 'two', '1s')}), '', 'leases are granted');
$_->quit for $session, $waiter;
$standby->stop;

# Point-in-time recovery of the same backup: it ends before all that the old primary did after the backup.
my $recovered = PostgreSQL::Test::Cluster->new('recovered');
$recovered->init_from_backup($primary, 'base');
$recovered->append_conf('postgresql.conf', "restore_command = 'false'\nrecovery_target = 'immediate'\nrecovery_target_action = 'promote'");
$recovered->set_recovery_mode;
$recovered->start;
ok($recovered->poll_query_until('postgres', 'SELECT NOT pg_is_in_recovery()'), 'recovery ends');
ok(qm_wait_up($recovered), 'the launcher works');
is( $recovered->safe_psql('postgres', q{SELECT quantmesh.try_lease('leader', 'two', '1s') IS NULL FROM quantmesh.lock_engine WHERE lease_grace_left > '0'}),
	't', 'no lease at first after recovery');
for my $database (qw(postgres raised restored))
{
	cmp_ok(qm_fence($recovered, $database), '>', $primary_fence{$database}, "fences are larger after recovery in $database");
}
$recovered->stop;

done_testing();
