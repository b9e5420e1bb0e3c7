# A client that hangs up before the server comes to its request, and repeats it on a new connection: what the repetition
# is told holds. The old connection's request must not be placed after it.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use QuantMeshTest;
use QuantMeshOrders;
use Test::More;

my $node = qm_node('hung_up');
my $one = qm_session($node, 'one');
my $two = qm_session($node, 'two');
qm_market($one, 'BTCUSDT');

# The request is locked by a transaction that will be rolled back, so that the server comes to it only then.
$one->query('BEGIN');
is(qm_place($one, request_id => 'r', price => 100)->{outcome}, 'placed', 'a request is placed in an open transaction');
my $lost = qm_session($node, 'lost');
my $pid = $lost->pid;
$lost->begin(qm_place_sql(request_id => 'r', price => 100));
ok(qm_wait($two, "SELECT wait_event_type = 'Lock' FROM pg_stat_activity WHERE pid = $pid"), 'its repetition waits');
$lost->cut;
$one->query('ROLLBACK');
ok(qm_wait($two, "SELECT NOT EXISTS (SELECT FROM pg_stat_activity WHERE pid = $pid)"), 'the client hangs up meanwhile, and its backend ends');
is($two->query('SELECT count(*) FROM quantmesh.orders'), '0', 'nothing is placed for it');
is(qm_log_count($node, qr/ERROR:  client has hung up/), 1, 'the log says why');
my $again = qm_place($two, request_id => 'r', price => 100);
is("$again->{outcome} $again->{replayed}", 'placed f', 'the next call places the request');
$node->stop;

done_testing();
