# Clients that are stopped at bad moments. Between the answer of place_order and the sending: when it goes on, the
# server's clock says that send_before has passed. In a transaction of its own, for longer than the TTL of the level's
# lock: the session is ended, its order is gone, and its limits are free again, while others are placed.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use QuantMeshTest;
use QuantMeshOrders;
use Test::More;

my $node = qm_node('stopped', conf => "quantmesh.send_window = '2s'");
my $other = qm_session($node, 'other');
qm_market($other, 'BTCUSDT', max_open_orders => 3, max_position => '0.03');

# Stopped between the reply and sending.
my $sender = qm_session($node, 'sender');
my $placed = qm_place($sender, request_id => 'r1', price => 60000, instance => undef);
is("$placed->{outcome} $placed->{state} $placed->{committed}", 'placed submitted t', 'an order is placed');
is( $other->query("SELECT '$placed->{send_before}'::timestamptz - submitted_at BETWEEN '1.9s' AND '2.1s' FROM quantmesh.orders WHERE order_id = $placed->{order_id}"),
	't', 'it may be sent for as long as send_window says');
is($sender->query("SELECT clock_timestamp() < '$placed->{send_before}'::timestamptz"), 't', 'it may be sent now');
$sender->stop_client;
ok(qm_wait($other, "SELECT clock_timestamp() > '$placed->{send_before}'::timestamptz"), 'the sender is stopped until it may not');
is( $other->query("SELECT state, live FROM quantmesh.orders WHERE order_id = $placed->{order_id}"),
	'submitted|t', 'the order is still taken for sent');
is(qm_place($other, price => 60000)->{reason}, 'SLOT_TAKEN', '... and keeps its slot');
$sender->continue_client;
is($sender->query("SELECT clock_timestamp() < '$placed->{send_before}'::timestamptz"), 'f', 'the sender goes on and sees that it must not send');
my $again = qm_place($sender, request_id => 'r1', price => 60000);
is("$again->{replayed} $again->{send_before}", "t $placed->{send_before}", 'a repeated call gives no later send_before');
qm_end($sender, $placed);
my $next = qm_place($sender, request_id => 'r2', price => 60000);
is($next->{outcome}, 'placed', '... the slot is free again');
cmp_ok($next->{fence}, '>', $placed->{fence}, '... under a larger fence');
is($other->query("SELECT '$next->{send_before}'::timestamptz > '$placed->{send_before}'::timestamptz"), 't', '... and a later send_before');

# A second sender claims an intent that went back; the first wakes up with a fence that is no longer the order's.
my $resent = qm_call($sender, 'resolve_submission', account => 'binance', order_id => $next->{order_id}, fence => $next->{fence}, outcome => 'not_processed');
is($resent->{state}, 'intent', 'an order that was not processed can be sent again');
my $claimed = qm_row($other, q{SELECT * FROM quantmesh.claim_orders('binance')});
is($claimed->{order_id}, $next->{order_id}, '... by whoever claims it');
cmp_ok($claimed->{fence}, '>', $next->{fence}, '... under a larger fence');
isnt($claimed->{client_order_id}, $next->{client_order_id}, '... and another client order id');
my $late = qm_call($sender, 'resolve_submission', account => 'binance', order_id => $next->{order_id}, fence => $next->{fence}, outcome => 'not_sent');
is("$late->{applied} $late->{state}", 'f submitted', 'what the first sender says of it is too late');
qm_end($other, { %$claimed });

# valid_until comes before send_before.
$placed = qm_row($other, qm_place_sql(price => 60000, valid_until => \q{clock_timestamp() + '1s'}));
is( $other->query("SELECT send_before = valid_until FROM quantmesh.orders WHERE order_id = $placed->{order_id}"),
	't', 'an order is not to be sent after it has ceased to be valid');
qm_end($other, $placed);

# Stopped in the middle of its transaction, beyond the lock's TTL.
for my $how ('a client', 'a backend')
{
	my $session = qm_session($node, 'overdue');
	my $log_before = -s $node->logfile;
	$session->query(q{SET quantmesh.default_ttl_order = '2s'; BEGIN});
	is(join(' ', map { qm_place($session, price => 61000 + $_, request_id => "$how $_")->{outcome} } 1 .. 3),
		'placed placed placed', 'a session has placed orders in its transaction');
	is(qm_place($other, price => 50000)->{reason}, 'MAX_OPEN_ORDERS', '... whose limits are reserved');
	is(qm_place($other, price => 61001)->{outcome}, 'skipped', '... and whose level is busy');
	if ($how eq 'a client') { $session->stop_client; }
	else { kill 'STOP', $session->pid or die; }

	if ($how eq 'a backend')
	{
		# It has to be ended, and cannot end: nobody gets its locks before it is gone.
		ok(qm_wait($other, q{SELECT count(*) > 0 FROM quantmesh.locks WHERE state = 'overrun'}), 'a stopped backend is told to end');
		is(qm_place($other, price => 50000)->{reason}, 'MAX_OPEN_ORDERS', '... and while it cannot, its limits are reserved');
		is(qm_place($other, price => 61001)->{outcome}, 'skipped', '... and its level is busy');
		kill 'CONT', $session->pid or die;
	}
	ok(qm_wait_gone($session->pid), "$how that is stopped beyond the TTL: its session is ended");
	is(qm_room($other, 4, price => 61000), 'placed placed placed denied/MAX_OPEN_ORDERS', '... its slots and limits are free');
	is($other->query("SELECT count(*) FROM quantmesh.orders WHERE request_id LIKE '$how%'"), '0', '... its orders are gone');
	cmp_ok(qm_log_count($node, qr/beyond its TTL/, $log_before), '>', 0, '... and the log tells of it');
	$session->continue_client if $how eq 'a client';
	is($session->attempt('COMMIT'), '57P01', '... and its commit fails');
	$session->cut;
	my $placement = qm_place($other, price => 61001, request_id => "$how 1");
	is("$placement->{outcome} $placement->{replayed}", 'placed f', '... so that its request can be placed');
	qm_end($other, $placement);
}

$_->quit for $sender, $other;
$node->stop;
done_testing();
