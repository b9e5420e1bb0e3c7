# A standby places nothing. One that missed the last commits and is promoted answers RECONCILE_PENDING until somebody has
# confirmed what it knows, because orders that it never heard of may be at the exchange. No id comes twice, and a lost
# order's request can be placed again, under another client order id. Likewise a server restored from a base backup,
# which is on the old one's timeline.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use QuantMeshTest;
use QuantMeshOrders;
use PostgreSQL::Test::Cluster;
use Test::More;

my $primary = qm_node('primary', init => [ allows_streaming => 1 ]);
my $client = qm_session($primary, 'client');
qm_market($client, 'BTCUSDT', max_open_orders => 10);
qm_market($client, 'ETHUSDT');
my $first = qm_place($client, request_id => 'before the backup', price => 60000);
is($first->{outcome}, 'placed', 'an order before the backup');
$primary->backup('base');

# A second standby trusts what it has; a real one would be synchronous.
my %standby;
for my $name (qw(lagging trusting))
{
	$standby{$name} = PostgreSQL::Test::Cluster->new($name);
	$standby{$name}->init_from_backup($primary, 'base', has_streaming => 1);
}
$standby{trusting}->append_conf('postgresql.conf', "quantmesh.after_promotion = 'trust'");
$_->start for values %standby;

my $kept = qm_place($client, request_id => 'kept', price => 61000);
my $intent = qm_place($client, request_id => 'intent', price => 61100, submit => 'f');
$primary->wait_for_catchup($_) for values %standby;

# A hot standby refuses everything that would place, change or report.
my $reader = qm_session($standby{lagging}, 'reader');
my $detail = qq{'$kept->{client_order_id}'};
qm_sql_errors_ok($reader, '25006', qr/standby|recovery|read-only/i,
	qm_place_sql(price => 62000),
	qm_place_sql(request_id => 'kept', price => 61000),
	qm_place_sql(symbol => 'NEVERHEARDOF'),
	q{SELECT quantmesh.place_orders('binance', '[{"symbol": "BTCUSDT", "side": "buy", "price": "62000", "quantity": "0.01"}]')},
	q{SELECT quantmesh.claim_orders('binance')},
	qq{SELECT quantmesh.replace_order('binance', $kept->{order_id}, 61001, 0.01)},
	qq{SELECT quantmesh.apply_report('binance', 'BTCUSDT', $detail, state => 'open')},
	qq{SELECT quantmesh.resolve_submission('binance', $kept->{order_id}, $kept->{fence}, 'accepted')},
	qq{SELECT quantmesh.cancel_order('binance', $kept->{order_id})},
	q{SELECT quantmesh.cancel_orders('binance')},
	qq{SELECT quantmesh.resolve_cancel('binance', $kept->{order_id}, 'unknown')},
	qq{SELECT quantmesh.settle_order('binance', $kept->{order_id}, 'lost', 'why')},
	q{SELECT quantmesh.halt('binance', reason => 'why')},
	q{SELECT quantmesh.set_market('binance', 'BTCUSDT', tick_size => 0.1)});
is( $reader->query(q{SELECT count(*) FROM quantmesh.open_orders}),
	'3', 'it shows the open orders');
is($reader->query('SELECT count(*) FROM pg_locks WHERE objsubid = 20813'), '0', '... and no lock was taken');
$reader->quit;

# The standbys stop listening, and the primary goes on for a while.
$_->stop for values %standby;
my @lost = map { qm_place($client, request_id => "lost $_", price => 62000 + $_) } 1 .. 3;
is(scalar(grep { $_->{outcome} eq 'placed' } @lost), 3, 'three orders that no standby will ever hear of');
my %old_id = map { $_ => 1 } split /\n/, $client->query('SELECT client_order_id FROM quantmesh.orders');
my ($last_order, $last_fence) = split /\|/, $client->query('SELECT max(order_id), max(fence) FROM quantmesh.orders');
$client->cut;
$primary->stop('immediate');

# promoted starts the standby, promotes it and returns a session on it.
sub promoted
{
	my ($name) = @_;

	$standby{$name}->start;
	$standby{$name}->promote;
	ok($standby{$name}->poll_query_until('postgres', 'SELECT NOT pg_is_in_recovery()'), "$name: promotion ends");
	ok(qm_wait_up($standby{$name}), '... and the server works');
	return qm_session($standby{$name}, $name);
}

# new_ids_ok checks that a placement has ids that the old primary never gave.
sub new_ids_ok
{
	my ($placement, $what) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;

	is("$placement->{outcome} $placement->{replayed}", 'placed f', "$what is placed") or diag explain $placement;
	ok(!$old_id{ $placement->{client_order_id} }++, '... under a client order id that was never used');
	ok(!(grep { substr($_->{client_order_id}, 1, 4) eq substr($placement->{client_order_id}, 1, 4) } @lost), '... with a tag of its own');
	cmp_ok($placement->{order_id}, '>', $last_order, '... a larger order id');
	cmp_ok($placement->{fence}, '>', $last_fence, '... and a larger fence');
	return;
}

my $session = promoted('lagging');
for my $symbol (qw(BTCUSDT ETHUSDT))
{
	my $denied = qm_place($session, symbol => $symbol, price => 3000, request_id => 'lost 1');
	is("$denied->{outcome} $denied->{reason}", 'denied RECONCILE_PENDING', "$symbol waits for a reconciliation");
}
is( join(' ', map { $_->{reason} } qm_rows($session, q{SELECT * FROM quantmesh.place_orders('binance', '[{"symbol": "BTCUSDT", "side": "buy", "price": "62000", "quantity": "0.01"},
		{"symbol": "ETHUSDT", "side": "sell", "price": "3000", "quantity": "1"}]', submit => true)})),
	'RECONCILE_PENDING RECONCILE_PENDING', 'so do several at once');
is(qm_place($session, price => 62001, submit => 'f')->{reason}, 'RECONCILE_PENDING', 'so do intents');
is(qm_place($session, price => 62001, time_in_force => 'ioc')->{reason}, 'RECONCILE_PENDING', 'so do orders without a slot');
is( qm_call($session, 'replace_order', account => 'binance', order_id => $kept->{order_id}, price => 61001, quantity => '0.01')->{reason},
	'RECONCILE_PENDING', 'so do replacements');
is($session->query(q{SELECT count(*) FROM quantmesh.claim_orders('binance')}), '0', 'and intents are not given out');
is( $session->query(q{SELECT count(*) FROM quantmesh.orders}), '3', 'nothing was recorded');

# What it knows it answers for.
my $again = qm_place($session, price => 61000, request_id => 'kept');
is("$again->{outcome} $again->{replayed} $again->{order_id} $again->{client_order_id}",
	"placed t $kept->{order_id} $kept->{client_order_id}", 'a repeated request has its placement');
is(qm_report($session, client_order_id => $kept->{client_order_id}, exchange_order_id => '1', state => 'open')->{state}, 'open', 'reports are applied');
is(qm_call($session, 'cancel_order', account => 'binance', order_id => $kept->{order_id})->{outcome}, 'requested', 'cancels pass');
is(qm_call($session, 'resolve_cancel', account => 'binance', order_id => $kept->{order_id}, outcome => 'done')->{state}, 'canceled', '... to their end');
is(qm_call($session, 'cancel_order', account => 'binance', order_id => $intent->{order_id})->{outcome}, 'aborted', 'intents can be withdrawn');

# A lost order turns up at the exchange.
my $orphan = qm_report($session, client_order_id => $lost[0]{client_order_id}, exchange_order_id => '2', state => 'filled',
	trade_id => '1', last_quantity => '0.01', last_price => 62001);
is($orphan->{order_id}, undef, 'a lost order that turns up is not known');
is($orphan->{discrepancy}, 'ORPHAN_OURS', '... but it is recorded as one of ours');
is($session->query('SELECT count(*) FROM quantmesh.fill'), '0', '... and nothing is booked');

# Neither time nor other changes of a market lift it; a restart does not either.
$session->query(q{SELECT quantmesh.set_market('binance', 'BTCUSDT', tick_size => 0.5)});
$session->query(q{SELECT quantmesh.halt('binance', 'BTCUSDT')});
$session->query(q{SELECT quantmesh.resume('binance', 'BTCUSDT')});
is(qm_place($session, price => 62001, request_id => 'lost 1')->{reason}, 'RECONCILE_PENDING', 'halt, resume and set_market do not lift it');
$session->quit;
$standby{lagging}->restart;
ok(qm_wait_up($standby{lagging}), 'the promoted server restarts');
$session = qm_session($standby{lagging}, 'restarted');
my $waiting = qm_session($standby{lagging}, 'waiting');
is(qm_place($_, price => 62001, request_id => 'lost 1')->{reason}, 'RECONCILE_PENDING', 'nor does a restart') for $session, $waiting;
$session->query(q{SELECT quantmesh.set_market('binance', 'NEWUSDT', tick_size => 0.01, step_size => 0.001)});
is(qm_place($session, symbol => 'NEWUSDT', price => 10, quantity => 1)->{outcome}, 'placed', 'a market made since can be traded at once');

# A confirmation that is rolled back is none.
$session->query(q{BEGIN; SELECT quantmesh.trust_market('binance', 'BTCUSDT', reason => 'hm'); ROLLBACK});
is(qm_place($_, price => 62001, request_id => 'lost 1')->{reason}, 'RECONCILE_PENDING', 'a confirmation that is rolled back is none')
  for $session, $waiting;
$session->query(q{SELECT quantmesh.trust_market('binance', 'BTCUSDT', reason => 'compared with the exchange')});
new_ids_ok(qm_place($waiting, price => 62001, request_id => 'lost 1'), 'a lost request in a session that was open');
new_ids_ok(qm_place($session, price => 62002, request_id => 'lost 2'), 'another lost request');
is(qm_place($session, symbol => 'ETHUSDT', price => 3000)->{reason}, 'RECONCILE_PENDING', 'other markets go on waiting');
$session->query(q{SELECT quantmesh.trust_market('binance', reason => 'all compared')});
new_ids_ok(qm_place($session, symbol => 'ETHUSDT', price => 3000), 'an order in the other market');
is($session->query(q{SELECT count(*) FROM quantmesh.orders WHERE live AND symbol = 'BTCUSDT'}), '3', 'three are live there');
qm_limits($session, 'BTCUSDT', max_open_orders => 5);
is(qm_room($session, 3), 'placed placed denied/MAX_OPEN_ORDERS', '... which is what the limits count');
$_->quit for $session, $waiting;
$standby{lagging}->stop;

# The standby that trusts goes on at once, with ids of its own all the same.
$session = promoted('trusting');
$again = qm_place($session, price => 61000, request_id => 'kept');
is("$again->{replayed} $again->{client_order_id}", "t $kept->{client_order_id}", 'a repeated request has its placement');
new_ids_ok(qm_place($session, price => 62003, request_id => 'lost 3'), 'a lost request on a server that trusts');
$session->quit;
$standby{trusting}->stop;

# A base backup that is started beside the original is on the same timeline, and has missed what came after it.
my $restored = PostgreSQL::Test::Cluster->new('restored');
$restored->init_from_backup($primary, 'base');
$restored->start;
ok(qm_wait_up($restored), 'a base backup starts as a server');
$session = qm_session($restored, 'restored');
is($session->query('SELECT timeline_id FROM pg_control_checkpoint()'), '1', '... on the old timeline');
is(qm_place($session, price => 61000, request_id => 'kept')->{reason}, 'RECONCILE_PENDING', 'it waits for a reconciliation');
$again = qm_place($session, price => 60000, request_id => 'before the backup');
is("$again->{outcome} $again->{replayed} $again->{client_order_id}", "placed t $first->{client_order_id}", 'a repeated request has its placement');
$session->query(q{SELECT quantmesh.trust_market(reason => 'compared')});
new_ids_ok(qm_place($session, price => 61000, request_id => 'kept'), 'a request that the backup missed');
qm_agree_ok($session, 'from a base backup');
$session->quit;
$restored->stop;
done_testing();
