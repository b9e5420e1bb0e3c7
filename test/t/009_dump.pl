# Dump and restore into a new cluster, and pg_upgrade: fence generations, rights and the log of forced unlocks are kept,
# and every fence of the new cluster is larger than every fence of the old one.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use QuantMeshTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my @tables = (
	'SELECT * FROM quantmesh.role_right WHERE role IN (SELECT oid FROM pg_roles) ORDER BY account, role::text, privilege',
	 'SELECT * FROM quantmesh.force_unlock_log ORDER BY at');
my $floors = 'SELECT counter_id, floor, generation, recorded_at, reason FROM quantmesh.fence_floor ORDER BY generation';

my $old = qm_node('old', conf => "quantmesh.databases = ''"); # nothing moves by itself
$old->safe_psql('postgres', q{
	CREATE ROLE trader LOGIN;
	CREATE ROLE watcher LOGIN;
	CREATE ROLE chief LOGIN;
	SELECT quantmesh.grant_trader('trader', 'binance/hedge');
	CREATE ROLE gone LOGIN;
	SELECT quantmesh.grant_trader('gone', 'binance');
	DROP OWNED BY gone;
	DROP ROLE gone;
	SELECT quantmesh.grant_reader('watcher');
	SELECT quantmesh.grant_operator('chief');
	SELECT quantmesh.try_lease('order:binance:BTCUSDT:1', 'somebody', '20s');
	SELECT quantmesh.force_unlock('order:binance:BTCUSDT:1', 'a reason with ''quotes'' and a \ in it');
	SELECT quantmesh.raise_fence('once');
	SELECT quantmesh.raise_fence('twice');
});
my $old_fence = qm_fence($old);
cmp_ok($old->safe_psql('postgres', 'SELECT count(*) FROM quantmesh.force_unlock_log'), '==', 1, 'a forced unlock is recorded');
my @rows = map { $old->safe_psql('postgres', $_) } $floors, @tables;

# kept_ok checks what must hold in a cluster that came from the old one, and returns one of its fences.
sub kept_ok
{
	my ($node, $how) = @_;

	is($node->safe_psql('postgres', $tables[$_]), $rows[ $_ + 1 ], "$how: rows of table $_ are kept") for 0, 1;
	my $floors_now = $node->safe_psql('postgres', $floors);
	is(substr($floors_now, 0, length $rows[0]), $rows[0], "$how: fence generations are kept");
	my $fence = qm_fence($node);
	cmp_ok($fence, '>', $old_fence, "$how: fences are larger");

	my $trader = qm_session($node, 'trader', user => 'trader');
	isnt( $trader->query(q{SELECT quantmesh.try_xact_lock('order:binance/hedge:BTCUSDT:1')}),
		'', "$how: the trader can lock keys of its account");
	is($trader->attempt(q{SELECT quantmesh.try_xact_lock('order:binance:BTCUSDT:1')}), '42501', '... and of no other');
	is($trader->attempt(q{SELECT * FROM quantmesh.role_right}), '42501', '... nor read tables');
	is($trader->attempt(q{SELECT * FROM quantmesh.locks}), '42501', '... nor views');
	my $watcher = qm_session($node, 'watcher', user => 'watcher');
	is($watcher->attempt(q{SELECT * FROM quantmesh.locks}), '', "$how: the reader can read");
	is($watcher->attempt(q{SELECT quantmesh.try_xact_lock('k')}), '42501', '... and not lock');
	my $chief = qm_session($node, 'chief', user => 'chief');
	is($chief->attempt(q{SELECT quantmesh.reset_metrics()}), '', "$how: the operator can reset metrics");
	is( $node->safe_psql('postgres', q{SELECT count(*) FROM pg_proc WHERE pronamespace = 'quantmesh'::regnamespace AND has_function_privilege('public', oid, 'EXECUTE')}),
		'0', "$how: nothing is open to PUBLIC");
	is($node->safe_psql('postgres', q{SELECT quantmesh.revoke_trader('trader', 'binance/hedge')}), 't', "$how: rights can be taken back");
	is($trader->attempt(q{SELECT quantmesh.try_xact_lock('order:binance/hedge:BTCUSDT:1')}), '42501', '... at once');
	$_->quit for $trader, $watcher, $chief;
	return $fence;
}

# Dump and restore.
my $dump = $old->basedir . '/dump.sql';
$old->command_ok([ 'pg_dumpall', '--no-sync', '-f', $dump ], 'pg_dumpall');
my $new = qm_node('restored', extension => 0, conf => "quantmesh.databases = ''");
$new->command_ok([ 'psql', '-X', '-q', '-f', $dump, 'postgres' ], 'restore');
is($new->safe_psql('postgres', q{SELECT count(*) FROM quantmesh.role_right WHERE account = 'binance'}), '0', 'what a dropped role could do is nobody\'s');
my $restored_fence = kept_ok($new, 'dump and restore');
is($new->safe_psql('postgres', 'SELECT count(DISTINCT counter_id) FROM quantmesh.fence_floor'), '2', 'the new cluster counts for itself');

# The next one is above both.
my $again = $new->basedir . '/again.sql';
$new->command_ok([ 'pg_dump', '-Fc', '-f', $again, 'postgres' ], 'pg_dump of the restored cluster');
$new->safe_psql('postgres', 'CREATE DATABASE third');
$new->command_ok([ 'pg_restore', '--exit-on-error', '-d', 'third', $again ], 'restore into another database of it');
cmp_ok(qm_fence($new, 'third'), '>', $restored_fence, 'fences of a database restored beside its origin are larger');
$new->stop;

# pg_upgrade, to the same version.
my $bindir = $old->config_data('--bindir');
my $upgraded = qm_node('upgraded', extension => 0, conf => "quantmesh.databases = ''");
$upgraded->stop;
$old->stop;
my @upgrade = (
	'pg_upgrade', '--no-sync', '-b', $bindir, '-B', $bindir, '-d', $old->data_dir, '-D', $upgraded->data_dir,
	'-s', $upgraded->host, '-p', $old->port, '-P', $upgraded->port);
chdir PostgreSQL::Test::Utils::tempdir();
command_ok([ @upgrade, '--check' ], 'pg_upgrade --check');
command_ok(\@upgrade, 'pg_upgrade');
$upgraded->start;
ok(qm_wait_up($upgraded), 'the upgraded cluster works');
kept_ok($upgraded, 'pg_upgrade');
$upgraded->stop;

done_testing();
