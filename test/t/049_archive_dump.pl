# The partitions of the archive are made at run time, by the owner of the extension: they are dumped, restored, upgraded with
# pg_upgrade, and dropped with the extension.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use QuantMeshTest;
use QuantMeshOrders;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = qm_node('archived', conf => "quantmesh.databases = ''");
my $session = qm_session($node, 'session');
qm_market($session, 'BTCUSDT');
for my $price (100 .. 109)
{
	my $placement = qm_place($session, price => $price, request_id => "r$price");
	qm_report($session, client_order_id => $placement->{client_order_id}, exchange_order_id => "x$price", state => 'filled', trade_id => $price,
		last_quantity => '0.01', last_price => $price, event_time => '2026-01-01 00:00+00')
	  if $price < 107;
}
$session->query(q{UPDATE quantmesh.orders SET ended_at = '2025-12-31 23:59:59.999999+00' WHERE price < 103});
is($session->query(q{SELECT rows FROM quantmesh.housekeep('orders', clock_timestamp(), 1000)}), '7', 'orders are archived');
is($session->query(q{SELECT rows > 0 FROM quantmesh.housekeep('order_events', clock_timestamp(), 1000)}), 't', '... events pruned');
is($session->query(q{SELECT rows FROM quantmesh.housekeep('fills', clock_timestamp(), 1000)}), '6', '... fills, too');

my $contents = qm_contents($session, 'fence_floor');
is(scalar(grep { /^order_archive_/ } keys %$contents), 3, 'there are partitions, one ahead');
like($contents->{$_}, qr/^[1-9]/, "there are rows in $_") for qw(order_archive order_archive_2025_12 housekeeping_progress fill_opening fill_sum);

# usable_ok checks that a copy goes on where the original was.
sub usable_ok
{
	my ($copy, $how) = @_;

	is_deeply(qm_contents($copy, 'fence_floor'), $contents, "$how: every table has what it had");
	is($copy->query(q{SELECT count(*) FROM pg_inherits WHERE inhparent = 'quantmesh.order_archive'::regclass}), '3', '... partitions are partitions');
	is($copy->query(q{SELECT count(*) FROM pg_index AS i JOIN pg_inherits AS h ON h.inhrelid = i.indrelid WHERE h.inhparent = 'quantmesh.order_archive'::regclass}), '6', '... with their indexes');
	$copy->query(q{SELECT quantmesh.trust_market(reason => 'compared')});
	my $repeated = qm_report($copy, exchange_order_id => 'x100', state => 'filled', trade_id => 100, last_quantity => '0.01', last_price => 100);
	is("$repeated->{state} $repeated->{applied}", 'filled f', '... a repeated report finds the archived order, and is no news');
	is($copy->query(q{SELECT rows FROM quantmesh.housekeep('orders', clock_timestamp(), 1000)}), '1', '... which is archived again');
	is($copy->attempt(q{SELECT quantmesh.make_archive_partition(now() + interval '1 year')}), '', '... and months can be added');
	return;
}

my $dump = $node->basedir . '/dump';
$node->command_ok([ 'pg_dump', '-f', "$dump.sql", 'postgres' ], 'pg_dump');
$node->command_ok([ 'pg_dump', '-Fc', '-f', "$dump.custom", 'postgres' ], 'pg_dump -Fc');
my $new = qm_node('restored', extension => 0, conf => "quantmesh.databases = ''");
$new->command_ok([ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-f', "$dump.sql", 'postgres' ], 'restore');
my $restored = qm_session($new, 'restored');
usable_ok($restored, 'restore');
$new->safe_psql('postgres', 'CREATE DATABASE other');
$new->command_ok([ 'pg_restore', '--exit-on-error', '-d', 'other', "$dump.custom" ], 'pg_restore');
my $other = qm_session($new, 'other', database => 'other');
usable_ok($other, 'pg_restore');

# DROP EXTENSION takes them along.
is($restored->attempt(q{SET quantmesh.allow_drop = on; DROP EXTENSION quantmesh}), '', 'DROP EXTENSION');
is($restored->query(q{SELECT count(*) FROM pg_class WHERE relname ~ '^order_archive'}), '0', '... drops the partitions');
is($restored->attempt('CREATE EXTENSION quantmesh'), '', 'CREATE EXTENSION');
$_->quit for $restored, $other, $session;
$_->stop for $new, $node;

# pg_upgrade, to the same version.
my $bindir = $node->config_data('--bindir');
my $upgraded = qm_node('upgraded', extension => 0, conf => "quantmesh.databases = ''");
$upgraded->stop;
chdir PostgreSQL::Test::Utils::tempdir();
command_ok([
	'pg_upgrade', '--no-sync', '-b', $bindir, '-B', $bindir, '-d', $node->data_dir, '-D', $upgraded->data_dir,
	'-s', $upgraded->host, '-p', $node->port, '-P', $upgraded->port ], 'pg_upgrade');
$upgraded->start;
ok(qm_wait_up($upgraded), 'the upgraded server works');
$session = qm_session($upgraded, 'upgraded');
usable_ok($session, 'pg_upgrade');
is($session->attempt(q{SET quantmesh.allow_drop = on; DROP EXTENSION quantmesh}), '', 'DROP EXTENSION after pg_upgrade');
is($session->query(q{SELECT count(*) FROM pg_class WHERE relname ~ '^order_archive'}), '0', '... drops the partitions');
$session->quit;
$upgraded->stop;
done_testing();
