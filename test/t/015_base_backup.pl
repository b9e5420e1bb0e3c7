# A server that is restored from a base backup alone, without recovery to a later point, is on the timeline of the old
# one and has its fence file, which does not know the numbers that were used since. Its fences are larger all the same,
# also when its first start is without the library, and no lease is granted for max_ttl.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use QuantMeshTest;
use Test::More;

my $old = qm_node('old', init => [ allows_streaming => 1 ], conf => 'quantmesh.max_ttl = 2s');
qm_fences_grow($old, 'before the backup');
isnt($old->safe_psql('postgres', q{SELECT quantmesh.try_lease('l', 'me', '2s')}), '', 'a lease is out');
$old->backup('backup');

# Each of these skips a range, so that the counter is far beyond what the backup's file allows for.
for my $crash (1 .. 3)
{
	$old->stop('immediate');
	$old->start;
	qm_fences_grow($old, "after crash $crash");
}
my $last = $old->safe_psql('postgres', q{SELECT quantmesh.try_xact_lock('k')});
$old->stop;

my $restored = PostgreSQL::Test::Cluster->new('restored');
$restored->init_from_backup($old, 'backup');
$restored->append_conf('postgresql.conf', "shared_preload_libraries = ''");
$restored->start;
$restored->stop('immediate');
$restored->append_conf('postgresql.conf', "shared_preload_libraries = 'quantmesh'");
$restored->start;
is($restored->safe_psql('postgres', 'SELECT timeline_id FROM pg_control_checkpoint()'), '1', 'the timeline is the old one');
is($restored->safe_psql('postgres', q{SELECT quantmesh.try_lease('l', 'me', '1s') IS NULL AND lease_grace_left > '0 s' FROM quantmesh.lock_engine}),
	't', 'no lease is granted at first');
cmp_ok($restored->safe_psql('postgres', q{SELECT quantmesh.try_xact_lock('k')}), '>', $last, 'a fence is larger than all of the old server');
is($restored->safe_psql('postgres', q{SELECT quantmesh.lease('l', 'me', '1s', '20s') IS NOT NULL}), 't', 'leases are granted after the grace');
my $fence = $restored->safe_psql('postgres', q{SELECT quantmesh.try_xact_lock('k')});
$restored->restart;
is($restored->safe_psql('postgres', q{SELECT quantmesh.try_xact_lock('k') >> 48}), $fence >> 48, 'its next start is an ordinary one');
$restored->stop;
done_testing();
