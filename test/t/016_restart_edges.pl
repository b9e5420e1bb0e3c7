# What could be forgotten when something starts again: a launcher that comes back goes on enforcing TTLs even when it
# cannot read its file, and a lease that was renewed for longer than any before is remembered over a crash.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use QuantMeshTest;
use Test::More;

my $node = qm_node('edges', conf => "quantmesh.max_ttl = '10s'\nrestart_after_crash = on");
my $fence_file = $node->data_dir . '/quantmesh/fence';

# The launcher is ended while its file is damaged.
qm_fences_grow($node, 'at first');
rename $fence_file, "$fence_file.kept" or die "cannot rename $fence_file: $!";
open my $out, '>', $fence_file or die "cannot write $fence_file: $!";
print $out 'damaged';
close $out or die "cannot write $fence_file: $!";
my $launcher = $node->safe_psql('postgres', 'SELECT launcher_pid FROM quantmesh.lock_engine');
$node->safe_psql('postgres', "SELECT pg_terminate_backend($launcher)");
ok($node->poll_query_until('postgres', "SELECT launcher_pid <> $launcher FROM quantmesh.lock_engine"), 'the launcher is back');
qm_fences_grow($node, 'after its return');
my $holder = qm_session($node, 'holder');
$holder->query(q{SELECT quantmesh.try_lock('k', '100ms')});
ok($node->poll_query_until('postgres', q{SELECT NOT quantmesh.is_locked('k')}), '... and enforces TTLs');
rename "$fence_file.kept", $fence_file or die "cannot rename $fence_file.kept: $!";

# A lease is granted under a short max_ttl and renewed under a longer one; then the server crashes.
my $fence = $node->safe_psql('postgres', q{SELECT quantmesh.try_lease('l', 'me', '10s')});
$node->append_conf('postgresql.conf', "quantmesh.max_ttl = '1min'");
$node->reload;
my $client = qm_session($node, 'client');
ok(qm_wait($client, 'SHOW quantmesh.max_ttl', '1min'), 'the longer max_ttl is in force');
is($client->query(qq{SELECT quantmesh.renew_lease('l', 'me', $fence, '1min')}), 't', 'the lease is renewed for longer than any before');
$node->stop('immediate');
$node->start;
is($node->safe_psql('postgres', q{SELECT lease_grace_left > '30 s' FROM quantmesh.lock_engine}), 't', 'the grace after the crash is as long as that');
is($node->safe_psql('postgres', q{SELECT quantmesh.try_lease('l', 'you', '1s') IS NULL}), 't', '... and nobody else gets it');
$node->stop;
done_testing();
