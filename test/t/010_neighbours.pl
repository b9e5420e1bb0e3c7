# Other extensions with shared memory and hooks of their own, preloaded before and after ours: all work.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use QuantMeshTest;
use PostgreSQL::Test::Cluster;
use Test::More;

my $probe = PostgreSQL::Test::Cluster->new('neighbours');
plan skip_all => 'pg_stat_statements is not installed' if !-e $probe->config_data('--sharedir') . '/extension/pg_stat_statements.control';
$probe->init;

for my $preload ('pg_stat_statements,quantmesh', 'quantmesh,pg_stat_statements')
{
	$probe->append_conf('postgresql.conf', "shared_preload_libraries = '$preload'\npg_stat_statements.max = 100\ncompute_query_id = on");
	$probe->start;
	my $session = qm_session($probe, 'client');
	$session->query('CREATE EXTENSION IF NOT EXISTS pg_stat_statements; CREATE EXTENSION IF NOT EXISTS quantmesh');
	$session->query('SELECT pg_stat_statements_reset()');
	for my $i (1 .. 3)
	{
		is($session->query("SELECT quantmesh.try_xact_lock('order:binance:BTCUSDT:$i') IS NOT NULL"), 't', "$preload: transaction lock $i");
	}
	is( $session->query(q{SELECT quantmesh.try_lock('s', '0') IS NOT NULL, quantmesh.try_lease('l', 'me', '50ms') IS NOT NULL}),
		't|t', '... session lock and lease');
	is( $session->query(q{SELECT calls FROM pg_stat_statements WHERE query LIKE '%try_xact_lock($1)%'}),
		'3', '... pg_stat_statements counts them');
	is($session->query(q{SELECT acquired FROM quantmesh.lock_metrics WHERE label = 'order:binance:BTCUSDT'}), '3', '... and so do we');
	my $holder = qm_session($probe, 'holder');
	$holder->query(q{BEGIN; SELECT quantmesh.try_xact_lock('o', '100ms')});
	ok(qm_wait($session, q{SELECT NOT quantmesh.is_locked('o')}), '... TTLs are enforced');
	$holder->cut;
	$session->quit;
	$probe->stop;
}

done_testing();
