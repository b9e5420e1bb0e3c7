# A batch draws no number that a crash would give out again: when the launcher does not make more of them durable, the
# batch ends with an error, whole, and goes through when the launcher works again.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use QuantMeshTest;
use QuantMeshOrders;
use Test::More;

my $node = qm_node('batch');
my $session = qm_session($node, 'session');
qm_market($session, 'BTCUSDT');
my $batch = q{SELECT count(*) FILTER (WHERE outcome = 'placed') FROM quantmesh.place_orders('binance', (
	SELECT jsonb_agg(jsonb_build_object('symbol', 'BTCUSDT', 'side', 'buy', 'price', 60000, 'quantity', '0.01', 'slot', '')) FROM generate_series(1, 1000)))};

# Orders without a slot draw two numbers each; fewer than that are left.
my $launcher = $session->query('SELECT launcher_pid FROM quantmesh.lock_engine');
kill 'STOP', $launcher;
$session->query('SELECT count(quantmesh.next_id()) FROM quantmesh.lock_engine, generate_series(1, fence_counter_durable - fence_counter - 1500)');
is($session->attempt($batch), '57P03', 'without a launcher, a batch that needs more numbers than are durable fails');
is($session->query('SELECT fence_counter <= fence_counter_durable FROM quantmesh.lock_engine'), 't', '... and has drawn none of the others');
kill 'CONT', $launcher;
is($session->query('SELECT count(*) FROM quantmesh.orders'), '0', '... and has placed nothing');
ok(qm_wait($session, 'SELECT fence_counter + 3000 < fence_counter_durable FROM quantmesh.lock_engine'), 'the launcher goes on');
is($session->query($batch), '1000', '... and so do batches');
ok(qm_log_count($node, qr/crash|PANIC/i) == 0, '... without a crash');

$session->quit;
$node->stop;
done_testing();
