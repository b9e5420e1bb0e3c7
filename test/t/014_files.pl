# The files in the data directory that fences and leases rest on: damaged, lost, or not writable. Locks are refused
# rather than granted with a fence that was given before, leases rather than granted twice, and all goes on by itself
# once the cause has gone.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use QuantMeshTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = qm_node('files', conf => "quantmesh.max_ttl = '30s'");
my $folder = $node->data_dir . '/quantmesh';

# overwrite replaces the middle of a file, or all of it, with something else.
sub overwrite
{
	my ($file, $content) = @_;

	open my $out, '>', $file or die "cannot write $file: $!";
	print $out $content;
	close $out or die "cannot write $file: $!";
	return;
}

sub lease
{
	my ($owner) = @_;
	return $node->safe_psql('postgres', "SELECT coalesce(quantmesh.try_lease('l', '$owner', '20s'), 0) > 0");
}

qm_fences_grow($node, 'than nothing');
$node->safe_psql('postgres', q{SELECT quantmesh.raise_fence('to be remembered')});
qm_fences_grow($node, 'when raised');

# More than one range of durable numbers.
my $many = q{SELECT count(*) FROM generate_series(1, 300000) AS i WHERE CASE WHEN quantmesh.try_lock('many') > 0 THEN quantmesh.unlock('many') END};
my $durable = $node->safe_psql('postgres', 'SELECT fence_counter_durable FROM quantmesh.lock_engine');
for (1 .. 8)
{
	is($node->safe_psql('postgres', $many), '300000', 'fences without end');
	last if $node->safe_psql('postgres', "SELECT fence_counter_durable > $durable FROM quantmesh.lock_engine") eq 't';
}
cmp_ok( $node->safe_psql('postgres', 'SELECT fence_counter_durable FROM quantmesh.lock_engine'),
	'>', $durable, 'more of them were made durable on the way');
is( $node->safe_psql('postgres', 'SELECT fence_counter < fence_counter_durable FROM quantmesh.lock_engine'),
	't', '... before they were used');
qm_fences_grow($node, 'beyond one range');
$node->stop('immediate');
$node->start;
ok(qm_wait_up($node), 'the server starts after an immediate stop');
qm_fences_grow($node, 'after it');

# A folder that cannot be written: the first lease of a start is refused, locks go on.
my $session = qm_session($node, 'client');
chmod 0500, $folder or die "cannot change $folder: $!";
is($session->attempt(q{SELECT quantmesh.try_lease('l', 'one', '20s')}), '57P03', 'no lease is granted that could not be noted down');
is($session->query(q{SELECT quantmesh.is_locked('l')}), 'f', '... and the key stays free');
qm_fences_grow($node, 'while the folder cannot be written');
is(qm_log_count($node, qr/could not (?:write|create|open|rename).*quantmesh/), 1, 'the log says why, once');
chmod 0700, $folder or die "cannot change $folder: $!";
ok( $node->poll_query_until('postgres', q{SELECT quantmesh.try_lease('l', 'one', '20s') IS NOT NULL}),
	'leases are granted once it can be written again');

# The leases of a clean shutdown, damaged: they are gone, so there is a grace.
$session->quit;
$node->stop;
ok(-s "$folder/leases", 'a clean shutdown saves leases');
overwrite("$folder/leases", substr(slurp_file("$folder/leases"), 0, -7) . 'garbage');
$node->start;
ok(qm_wait_up($node), 'the server starts with damaged leases');
is(lease('two'), 'f', '... and grants none at first');
is($node->safe_psql('postgres', q{SELECT quantmesh.is_locked('l')}), 'f', '... and believes none');
is( $node->safe_psql('postgres', q{SELECT lease_grace_left > '20s' FROM quantmesh.lock_engine}),
	't', '... for as long as they could have lived');
ok(!-e "$folder/leases", 'the saved leases are used once');

# A damaged mark counts as one.
$node->stop('immediate');
overwrite("$folder/lease_mark", 'garbage');
$node->start;
ok(qm_wait_up($node), 'the server starts with a damaged mark');
is(lease('two'), 'f', '... and grants no lease at first');

# A damaged fence file: the server works, locks do not.
$node->stop;
my $good = slurp_file("$folder/fence");
overwrite("$folder/fence", "garbage$good");
$node->start;
$session = qm_session($node, 'client');
is($session->attempt(q{SELECT quantmesh.try_xact_lock('k')}), '57P03', 'no lock with a damaged fence file');
is($session->attempt('CREATE TABLE unharmed (i int)'), '', '... while all else works');
is(qm_log_count($node, qr/file "quantmesh\/fence"/), 1, 'the log says why, once');
overwrite("$folder/fence", $good);
ok(qm_wait_up($node), 'locks work once it is restored');
qm_fences_grow($node, 'with the restored file');
$session->quit;

# No fence file at all: a new counter starts, above the generations of the old one.
$node->stop;
unlink "$folder/fence" or die "cannot remove $folder/fence: $!";
$node->start;
ok(qm_wait_up($node), 'the server starts without a fence file');
qm_fences_grow($node, 'without the file');
$node->restart;
ok(qm_wait_up($node), 'and restarts');
qm_fences_grow($node, 'after that');

$node->stop;
done_testing();
