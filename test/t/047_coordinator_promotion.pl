# On a standby there is no coordinator; it starts at promotion and works in what the primary has left.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use QuantMeshTest;
use PostgreSQL::Test::Cluster;
use Test::More;

my $primary = qm_node('primary', init => [ allows_streaming => 1 ], conf => q{quantmesh.worker_naptime = '100ms'});
$primary->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($primary, 'base', has_streaming => 1);
$standby->start;
$primary->wait_for_catchup($standby);

my $session = qm_session($standby, 'reader');
is($session->query(q{SELECT count(*) FROM pg_stat_activity WHERE backend_type ~ '^quantmesh'}), '0', 'no worker of ours runs on a standby');
is($session->query(q{SELECT string_agg(kind || ' ' || state, ', ') FROM quantmesh.workers}), 'launcher not running', '... as the view says');
is($session->query(q{SELECT count(*) FROM regexp_matches(quantmesh.prometheus(), '^quantmesh_worker_up\{database="postgres"\} 0$', 'n')}), '1', '... and the metrics');

$primary->stop('immediate');
$standby->promote;
ok(qm_wait($session, q{SELECT count(*) FROM quantmesh.workers WHERE database = 'postgres' AND state = 'running' AND passes > 2 AND errors = 0}, '1'),
	'promoted, it has a coordinator at work');
is($session->query(q{SELECT count(*) FROM regexp_matches(quantmesh.prometheus(), '^quantmesh_worker_up\{database="postgres"\} 1$', 'n')}), '1', '... which the metrics know');
$session->quit;
$standby->stop;
done_testing();
