# Behind PgBouncer in transaction mode, on fewer server connections than clients: instances register, live and work, as
# everything about them is in the tables and in shared memory, and nothing in the session.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use QuantMeshTest;
use QuantMeshPooler;
use QuantMeshInstance;
use Test::More;

my $node = qm_node('pooled_instances');
my $pooler = QuantMeshPooler->new($node, servers => 2) or plan skip_all => 'pgbouncer is not installed';
my $client = qm_session($node, 'client');
my $ttl = 3;
my @names = map { "i$_" } 1 .. 6;

$client->query(q{SELECT count(quantmesh.set_market('acc', format('M%sUSDT', n), tick_size => 0.01, step_size => 0.001, mode => 'exclusive')) FROM generate_series(1, 60) AS n});
my @instances = map { QuantMeshInstance->new($node, $_, ttl => $ttl, $pooler->address) } @names;
ok(qm_wait($client, q{SELECT count(*) = 60 AND count(DISTINCT instance) = 6 FROM quantmesh.assignments WHERE current}), 'six instances on two connections share the markets');
ok(qm_wait($client, q{SELECT NOT EXISTS (SELECT FROM quantmesh.tasks WHERE kind = 'assign' AND finished_at IS NULL)}), 'each has answered what it was told');
is(scalar(grep { $client->query("SELECT epoch FROM quantmesh.instance WHERE instance = '" . $_->name . "'") eq $_->epoch } @instances), 6, 'under the epoch that it has got');

# Snapshots are asked for by the coordinator, taken by the owner alone, and failed by it, each for good.
ok(qm_wait($client, q{SELECT count(*) >= 60 FROM quantmesh.tasks WHERE kind = 'snapshot' AND state = 'failed'}), 'work is given out and answered');
is($client->query(q{SELECT count(*) FROM quantmesh.task AS t JOIN quantmesh.assignment AS a USING (account, symbol)
	WHERE t.kind = 'snapshot' AND t.state = 'failed' AND t.taken_at BETWEEN a.since AND coalesce(a.ended_at, 'infinity')
	AND (t.instance, t.epoch) IS DISTINCT FROM (a.instance, a.epoch)}), '0', '... by the owners');

# One session after the other speaks for an instance.
my @pooled = map { qm_session($node, "pooled $_", $pooler->address) } 1 .. 3;
my $epoch = $pooled[0]->query(q{SELECT epoch FROM quantmesh.register_instance('by hand', '{acc:*}', ttl => '4 s', standby => true, life => 'l')});
is($_->query(qq{SELECT count(*) FROM quantmesh.heartbeat('by hand', $epoch)}), '0', 'a heartbeat on any connection') for @pooled;
is($pooled[1]->query(q{SELECT epoch FROM quantmesh.register_instance('by hand', '{acc:*}', ttl => '4 s', standby => true, life => 'l')}), $epoch, 'a repeated registration');
is($pooled[2]->attempt(qq{SELECT quantmesh.leave_instance('by hand', $epoch)}), '', 'leaving');
is($pooled[0]->attempt(qq{SELECT quantmesh.heartbeat('by hand', $epoch)}), 'QM002', 'which everybody knows of');

ok(!(grep { $_->ended } @instances), 'all instances live');
is($client->query(q{SELECT count(*) FROM quantmesh.assignments WHERE end_reason NOT IN ('moved')}), '0', 'none has lost a market but to one that came later');
done_testing();
