# Three instances share 40 markets. One is killed: its markets are the others' within its ttl and a second, its intents are
# claimed by the new owners, what it had submitted is unknown. It returns under a new epoch, gets its markets back, and its old
# epoch can do nothing. A second process under a living name is refused. All the while every market has one owner: a sampler
# looks, and a checker reads the history. Runs alone.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use QuantMeshTest;
use QuantMeshInstance;
use PostgreSQL::Test::Utils;
use IPC::Run;
use Test::More;
use Time::HiRes qw(sleep time);

my $ttl = 2;
my $markets = 40;
my $node = qm_node('instances');
my $client = qm_session($node, 'client');

$client->query(qq{SELECT count(quantmesh.set_market('acc', format('M%sUSDT', to_char(n, 'FM00')), tick_size => 0.01, step_size => 0.001,
	mode => CASE n % 2 WHEN 0 THEN 'exclusive' ELSE 'shared' END)) FROM generate_series(1, $markets) AS n});
$client->query(q{SELECT count(quantmesh.set_reconcile('acc', symbol, every => '0')) FROM quantmesh.market});
$client->query('CREATE TABLE sample (at timestamptz, owners bigint, markets bigint)');

# owners prints who has what, and returns how many markets each has.
sub owners
{
	my ($when) = @_;
	diag $when;
	diag "  $_" for split /\n/, $client->query(
		q{SELECT rpad(instance, 6) || to_char(count(*), '99') || ': ' || string_agg(substr(symbol, 2, 2), ' ' ORDER BY symbol) FROM quantmesh.assignments WHERE current GROUP BY instance ORDER BY instance});
	return { map { split /\|/ } split /\n/, $client->query('SELECT instance, count(*) FROM quantmesh.assignments WHERE current GROUP BY instance') };
}

# settled waits until the instances have all markets between them and have answered what they were told.
sub settled
{
	my (@names) = @_;
	my $list = join ',', sort @names;
	return qm_wait($client, qq{SELECT count(*) = $markets AND string_agg(DISTINCT instance::text, ',' ORDER BY instance::text) = '$list'
		AND NOT EXISTS (SELECT FROM quantmesh.tasks WHERE kind IN ('assign', 'unassign') AND finished_at IS NULL) FROM quantmesh.assignments WHERE current});
}

# place returns outcome and reason of a placement by an instance.
sub place
{
	my ($instance, $epoch, $symbol, $price, $submit) = @_;
	return $client->query(qq{SELECT concat_ws(' ', outcome, reason) FROM quantmesh.place_order('acc', '$symbol', 'buy', $price, 1, instance => '$instance', epoch => $epoch, submit => $submit)});
}

# Three instances.
my %instance = map { $_ => QuantMeshInstance->new($node, $_, ttl => $ttl) } qw(alpha beta gamma);
ok(settled(keys %instance), 'three instances have all markets between them');
my $before = owners('three instances:');
is(scalar(grep { $_ >= 5 } values %$before), 3, 'each has a good part');
my $sampling = PostgreSQL::Test::Utils::tempdir() . '/sample.sql';
append_to_file($sampling, "INSERT INTO sample SELECT clock_timestamp(), count(*), count(DISTINCT symbol) FROM quantmesh.assignment WHERE ended_at IS NULL \\watch 0.02\n");
my $sampler = IPC::Run::start([ 'psql', '-XAtq', '-h', $node->host, '-p', $node->port, '-f', $sampling, 'postgres' ],
	'<', '/dev/null', '>', '/dev/null', '2>', '/dev/null');

# A second process under a living name.
my $second = QuantMeshInstance->new($node, 'beta', ttl => $ttl, may_fail => 1);
ok($second->ended, 'a second process under the name of a living one gives up');
like($second->errors, qr/instance "beta" is alive/, '... because it is told so');

# Orders of the one that is about to die: in each of its markets an intent and a submitted order.
my $victim = $instance{beta};
my $epoch = $victim->epoch;
my @its = split /\n/, $client->query(q{SELECT symbol FROM quantmesh.assignments WHERE current AND instance = 'beta' ORDER BY symbol});
is(place('beta', $epoch, $_, 100, 'true') . place('beta', $epoch, $_, 99, 'false'), 'placedplaced', "beta places in $_") for @its;
my ($exclusive) = grep { /M\d[02468]USDT/ } @its;
is(place('alpha', $instance{alpha}->epoch, $exclusive, 98, 'true'), 'denied NOT_ASSIGNED', "alpha does not place in beta's exclusive market");

# kill -9. Its last heartbeat is what its lease says last.
$victim->kill9;
my $killed_at = $client->query('SELECT clock_timestamp()');
my $last_heartbeat;
my $until = time + 30;
while (time < $until)
{
	my $seen = $client->query(q{SELECT coalesce(last_heartbeat::text, state) FROM quantmesh.instances WHERE instance = 'beta'});
	last if $seen eq 'dead';
	$last_heartbeat = $seen if $seen =~ /\d/;
	sleep 0.02;
}
ok(settled(qw(alpha gamma)), 'the others have its markets');
my $after = owners("beta was killed at $killed_at, its last heartbeat was at $last_heartbeat:");
my ($moved, $took, $alive) = split /\|/, $client->query(qq{SELECT count(*), max(extract(epoch FROM ended_at - '$last_heartbeat')), min(extract(epoch FROM ended_at - '$last_heartbeat'))
	FROM quantmesh.assignments WHERE instance = 'beta' AND end_reason = 'dead'});
diag sprintf "moved %s markets %.3f to %.3f s after the last heartbeat; the ttl is %s s", $moved, $alive, $took, $ttl;
is($moved, scalar(@its), 'all of them');
cmp_ok($took, '<=', $ttl + 1, 'within its ttl and a second');
cmp_ok($alive, '>=', $ttl - 0.05, '... and not before its ttl had ended');
is($client->query(q{SELECT count(*) FROM quantmesh.assignments WHERE end_reason NOT IN ('dead', 'moved')}), '0', 'nothing else has moved');
is($client->query(qq{SELECT count(*) FROM quantmesh.assignments AS n JOIN quantmesh.assignments AS o USING (account, symbol)
	WHERE o.instance = 'beta' AND o.end_reason = 'dead' AND n.since = o.ended_at AND n.current}), $moved, '... each at the moment at which it was taken from beta');
is(qm_log_count($node, qr/LOG: .*instance "beta" is dead/), 1, 'the log says so once');

# Its orders.
is($client->query(qq{SELECT string_agg(DISTINCT state, ' ') FROM quantmesh.open_orders WHERE price = 100}), 'unknown', 'what it had submitted is unknown');
ok(qm_wait($client, q{SELECT count(*) = 0 FROM quantmesh.open_orders WHERE price = 99 AND state = 'intent'}), 'its intents are claimed');
is($client->query(q{SELECT count(*) FROM quantmesh.open_orders AS o JOIN quantmesh.market AS m USING (account, symbol) JOIN quantmesh.assignments AS a USING (account, symbol)
	WHERE o.price = 99 AND a.current AND (o.instance = a.instance OR m.mode = 'shared') AND o.instance IN ('alpha', 'gamma')}), scalar(@its), '... those of exclusive markets by the owners');
is($client->query(q{SELECT count(*) FROM quantmesh.tasks WHERE kind = 'query_order'}) >= @its, 1, 'and the exchange is asked for the others');

# The old epoch.
sub old_epoch_is_refused
{
	my ($when) = @_;
	my $exchange = "SELECT quantmesh.%s('beta', $epoch)";
	is($client->attempt(sprintf $exchange, 'heartbeat'), 'QM002', "$when: its old epoch sends no heartbeat");
	is($client->attempt(sprintf $exchange, 'leave_instance'), 'QM002', '... cannot leave');
	is($client->attempt(qq{SELECT quantmesh.finish_task('acc', max(task_id), 'beta', $epoch, 'done') FROM quantmesh.tasks}), 'QM002', '... answers no task');
	is(place('beta', $epoch, $its[0], 97, 'true'), 'denied STALE_INSTANCE', '... places nothing');
	is($client->query(qq{SELECT count(*) FROM quantmesh.claim_orders('acc', 'beta', $epoch)}), '0', '... claims nothing');
	return;
}
old_epoch_is_refused('dead');

# It returns.
$instance{beta} = QuantMeshInstance->new($node, 'beta', ttl => $ttl);
ok(settled(keys %instance), 'it is back');
my $again = owners('beta is back:');
is_deeply($again, $before, 'and everybody has as many markets as before');
cmp_ok($instance{beta}->epoch, '>', $epoch, 'under a new epoch');
old_epoch_is_refused('back');
is(place('beta', $instance{beta}->epoch, $exclusive, 96, 'true'), 'placed', 'the new one places');

# The history.
kill 15, $sampler->{KIDS}[0]{PID};
eval { $sampler->finish; };
my ($samples, $least, $most, $doubles) = split /\|/, $client->query(q{SELECT count(*), min(owners), max(owners), count(*) FILTER (WHERE owners <> markets) FROM sample});
diag "looked $samples times: from $least to $most owners of $markets markets, $doubles times more than one of a market";
cmp_ok($samples, '>', 100, 'the sampler has looked');
is("$least $most $doubles", "$markets $markets 0", 'every market had one owner at all times');
my $history = q{SELECT symbol, since, ended_at, lag(ended_at) OVER w AS before, row_number() OVER w AS n FROM quantmesh.assignment WINDOW w AS (PARTITION BY account, symbol ORDER BY assignment_id)};
is($client->query("SELECT count(*) FROM ($history) AS h WHERE n > 1 AND since IS DISTINCT FROM before"), '0', 'in the history each interval begins when the one before it ended');
is($client->query("SELECT count(*) FROM ($history) AS h WHERE n = 1"), $markets, 'for all markets');
diag 'intervals in the history: ' . $client->query('SELECT count(*) FROM quantmesh.assignment');

done_testing();
