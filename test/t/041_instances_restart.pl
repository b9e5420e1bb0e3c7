# Crash, clean restart and promotion: leases are lost, closed or kept, instances go on under their epochs, and nobody is
# declared dead before one full ttl from the moment on at which leases are granted again; who is gone is declared dead then. Runs alone.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use QuantMeshTest;
use QuantMeshInstance;
use PostgreSQL::Test::Cluster;
use Test::More;
use Time::HiRes qw(sleep time);

my $ttl = 3;
my $max_ttl = 4;
my $node = qm_node('restarts', init => [ allows_streaming => 1 ], conf => "restart_after_crash = on\nquantmesh.max_ttl = '${max_ttl}s'");
my $client = qm_session($node, 'client');
my %instance;

# session opens another session, on the node that counts now.
sub session
{
	$client = qm_session($node, 'client');
	return;
}

# state returns an instance's state and epoch, as the tables say.
sub state
{
	my ($name) = @_;
	return $client->query("SELECT concat_ws(' ', state, CASE WHEN state = 'alive' THEN epoch END) FROM quantmesh.instance WHERE instance = '$name'");
}

# all_alive checks that each is alive under the epoch that it got first.
sub all_alive
{
	my ($when, @names) = @_;
	is(main::state($_), 'alive ' . $instance{$_}->epoch, "$_ is alive $when") for @names;
	return;
}

# opens_at returns when leases are granted again, by the server's clock.
sub opens_at
{
	return $client->query('SELECT clock_timestamp() + lease_grace_left FROM quantmesh.lock_engine');
}

# dies_after waits for an instance's death, and checks that it came one ttl after a time, and not much later.
sub dies_after
{
	my ($name, $since, $what) = @_;
	ok(qm_wait($client, "SELECT state = 'dead' FROM quantmesh.instance WHERE instance = '$name'"), "$name is dead");
	my $after = $client->query("SELECT extract(epoch FROM ended_at - '$since') FROM quantmesh.instance WHERE instance = '$name'");
	diag sprintf '%s died %.3f s after %s; its ttl is %s s', $name, $after, $what, $ttl;
	cmp_ok($after, '>=', $ttl - 0.01, "... one ttl after $what, not sooner");
	cmp_ok($after, '<=', $ttl + 5, '... and not much later');
	return;
}

# moved_from says whose markets have been taken away, and why.
sub moved_from
{
	return $client->query(q{SELECT coalesce(string_agg(DISTINCT instance || ' ' || end_reason, ', '), '-') FROM quantmesh.assignment WHERE end_reason <> 'moved'});
}

$client->query(q{SELECT count(quantmesh.set_market('acc', format('M%sUSDT', n), tick_size => 0.01, step_size => 0.001)) FROM generate_series(1, 12) AS n});
$client->query(q{SELECT count(quantmesh.set_reconcile('acc', symbol, every => '0')) FROM quantmesh.market});
$instance{$_} = QuantMeshInstance->new($node, $_, ttl => $ttl) for qw(alpha beta gamma delta);
ok(qm_wait($client, q{SELECT count(DISTINCT instance) = 4 FROM quantmesh.assignments WHERE current}), 'four instances have markets');
$node->backup('base');

# A crash. One instance dies just before.
$instance{gamma}->kill9;
my $backend = qm_session($node, 'backend');
ok(kill(9, $backend->pid), 'kill -9 of a backend');
ok(qm_wait_gone($client->pid), '... ends every session');
$client->attempt('SELECT 1');
ok(qm_wait_up($node), '... and the server comes back');
session();
my $opens_at = opens_at();
isnt($opens_at, '', 'leases are closed for a while');
all_alive('after the crash', qw(alpha beta gamma delta));
is($client->query(q{SELECT count(*) FROM quantmesh.instances WHERE lease_left IS NOT NULL}), '0', 'nobody has a lease');
is($client->attempt(q{SELECT * FROM quantmesh.register_instance('epsilon', '{acc:*}', ttl => '1 s')}), '55000', 'nobody can register yet');
like($client->error, qr/no lease is granted until 20.*Try again then/s, '... and is told until when');
is($client->attempt(q{SELECT * FROM quantmesh.register_instance('alpha', '{acc:*}', ttl => '1 s', life => 'other')}), '55000', '... nor take over');
is($client->query(sprintf "SELECT epoch FROM quantmesh.register_instance('alpha', '{acc:*}', ttl => '%s s', life => '%s')", $ttl, $instance{alpha}->life),
	$instance{alpha}->epoch, 'but the same life gets its epoch');
is($client->attempt("SELECT count(*) FROM quantmesh.heartbeat('alpha', " . $instance{alpha}->epoch . ')'), '', 'heartbeats pass');
is($client->query(sprintf q{SELECT outcome FROM quantmesh.place_order('acc', 'M1USDT', 'buy', 100, 1, instance => 'alpha', epoch => %s)}, $instance{alpha}->epoch), 'placed',
	'and so do placements');

# Leases are granted again: for one ttl, who has not come back yet counts as alive.
ok(qm_wait($client, 'SELECT lease_grace_left IS NULL FROM quantmesh.lock_engine'), 'leases are open');
is($client->attempt(q{SELECT * FROM quantmesh.register_instance('gamma', '{acc:*}', ttl => '1 s', life => 'other')}), '55006', 'a name that may be alive cannot be taken over');
ok(qm_wait($client, q{SELECT count(*) = 3 FROM quantmesh.instances WHERE lease_left IS NOT NULL}), 'those that live take new leases');
dies_after('gamma', $opens_at, 'leases were open');
all_alive('still', qw(alpha beta delta));
is(moved_from(), 'gamma dead', 'only markets of the dead have moved');
is(qm_log_count($node, qr/LOG: .*is dead/), 1, 'one line in the log');

# A clean restart: leases are kept. One instance is gone by then, and the server is down for longer than its ttl.
$instance{delta}->kill9;
$node->stop;
sleep $ttl + 0.5;
$node->start;
ok(qm_wait_up($node), 'the server is up again');
session();
dies_after('delta', $client->query('SELECT pg_postmaster_start_time()'), 'the start');
ok(qm_wait($client, q{SELECT count(*) = 2 FROM quantmesh.instances WHERE state = 'alive' AND last_heartbeat > pg_postmaster_start_time()}), 'the others go on');
all_alive('after the restart', qw(alpha beta));
is(moved_from(), 'delta dead, gamma dead', 'only markets of the dead have moved');

# A promotion, of a standby that has seen it all. beta does not come along.
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($node, 'base', has_streaming => 1);
$standby->append_conf('postgresql.conf', "quantmesh.after_promotion = 'trust'");
$standby->start;
$node->wait_for_catchup($standby);
my $reader = qm_session($standby, 'reader');
is($reader->query(q{SELECT string_agg(instance || ' ' || state || ' ' || (lease_left IS NULL), ', ' ORDER BY instance) FROM quantmesh.instances}),
	'alpha alive true, beta alive true, delta dead true, gamma dead true', 'a standby shows the instances');
my $alpha = $instance{alpha}->epoch;
qm_sql_errors_ok($reader, '25006', qr/standby|recovery|read-only/i,
	q{SELECT quantmesh.register_instance('x', '{acc:*}')}, "SELECT quantmesh.heartbeat('alpha', $alpha)", "SELECT quantmesh.leave_instance('alpha', $alpha)",
	"SELECT quantmesh.finish_task('acc', 1, 'alpha', $alpha, 'done')", 'SELECT quantmesh.watch_instances()', 'SELECT quantmesh.assign_markets()');
$reader->quit;
$instance{$_}->kill9 for qw(alpha beta);
$node->stop('immediate');
$standby->promote;
ok(qm_wait_up($standby), 'a standby is promoted');
$node = $standby;
session();
$opens_at = opens_at();
isnt($opens_at, '', 'leases are closed');
my $life = $instance{alpha}->life;
$instance{alpha} = QuantMeshInstance->new($node, 'alpha', ttl => $ttl, life => $life);
is($instance{alpha}->epoch, $alpha, 'an instance that repeats its registration there has the same epoch');
all_alive('after the promotion', qw(alpha beta));
dies_after('beta', $opens_at, 'leases were open');
all_alive('still', 'alpha');
ok(qm_wait($client, q{SELECT count(*) = 12 FROM quantmesh.assignments WHERE current AND instance = 'alpha'}), 'which has all markets now');
ok(!$instance{alpha}->ended, 'and goes on');

done_testing();
