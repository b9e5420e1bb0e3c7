# Crashes while an order is placed. Before the commit: no trace of it is left, nor any limit reserved, whether a backend
# is ended, killed, or the whole server stops at once. After the commit: the order is there, submitted, and the repeated
# call finds it. Limits after a restart are those before it: they are counted again from the tables, with orders that are
# partly filled and orders that have ended with fills missing. The order rate holds across a crash.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use QuantMeshTest;
use QuantMeshOrders;
use PostgreSQL::Test::Utils;
use Test::More;

# Locks must last for as long as this test holds sessions up.
my $node = qm_node(
	'crash',
	init => [ allows_streaming => 1 ],
	conf => "restart_after_crash = on\nquantmesh.default_ttl_order = '2min'");
my $witness = qm_session($node, 'witness');
$witness->query('CREATE TABLE own (what text)');
qm_market($witness, 'BTCUSDT', max_open_orders => 3, max_position => '0.05', max_notional => 3000);

# Ways to end a session, or the server with it. Each returns when the server works again.
my %way = (
	'pg_terminate_backend' => sub {
		my ($session) = @_;
		$witness->query('SELECT pg_terminate_backend(' . $session->pid . ')');
		ok(qm_wait_gone($session->pid), '... ends it');
	},
	'a client that dies' => sub {
		my ($session) = @_;
		$session->cut;
		ok(qm_wait_gone($session->pid), '... ends it');
	},
	'SIGKILL' => sub {
		my ($session) = @_;
		ok(kill(9, $session->pid), '... is sent');
		ok(qm_wait_gone($session->pid, $witness->pid), '... and ends every backend');
		$witness->cut;
		$witness = undef;
	},
	'an immediate stop' => sub {
		$witness->cut;
		$witness = undef;
		$node->stop('immediate');
		$node->start;
	});

# Points between the call and its commit at which a session can be held up. Each returns sessions: the one that places,
# and whoever is in its way.
my $other_price = 62000;
my %point = (
	'while it waits for its level' => sub {
		my ($sql) = @_;
		my $holder = qm_session($node, 'holder');
		my $session = qm_session($node, 'placing');
		$holder->query(q{BEGIN; SELECT quantmesh.xact_lock(quantmesh.order_key('binance', 'BTCUSDT', 65000), '0')});
		$session->begin($sql =~ s/\)$/, wait => '1min')/r);
		ok(qm_wait($witness, q{SELECT count(*) FROM quantmesh.lock_waits}, '1'), 'a session waits for its level');
		return ($session, $holder);
	},
	'before it writes' => sub {
		my ($sql) = @_;
		my $holder = qm_session($node, 'holder');
		my $session = qm_session($node, 'placing');
		$holder->query(q{BEGIN; LOCK TABLE quantmesh.orders IN SHARE MODE});
		$session->begin($sql);
		ok( qm_wait($witness, 'SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = \'quantmesh.orders\'::regclass AND pid = ' . $session->pid, '1'),
			'a session waits to write its order');
		is($witness->query(q{SELECT quantmesh.is_locked(quantmesh.order_key('binance', 'BTCUSDT', 65000))}), 't', '... and has locked its level');
		return ($session, $holder);
	},
	'before it commits' => sub {
		my ($sql) = @_;
		my $session = qm_session($node, 'placing');
		$session->query("BEGIN; INSERT INTO own VALUES ('before')");
		is(qm_row($session, $sql)->{committed}, 'f', 'a session has placed an order in its transaction');
		$session->query(q{INSERT INTO own VALUES ('after')});
		return $session;
	},
	'in a savepoint before it commits' => sub {
		my ($sql) = @_;
		my $session = qm_session($node, 'placing');
		$session->query('BEGIN; SAVEPOINT one');
		is(qm_row($session, $sql)->{outcome}, 'placed', 'a session has placed an order in a savepoint');
		$session->query('RELEASE one; SAVEPOINT two');
		is(qm_row($session, qm_place_sql(price => 61000))->{outcome}, 'placed', '... and another in the next, which is open');
		return $session;
	});

# work_again makes sure that there is a witness.
sub work_again
{
	ok(qm_wait_up($node), '... and the server works') if !$witness;
	$witness //= qm_session($node, 'witness');
	return;
}

# all_free_ok checks that nothing is left of the request, nor of any other.
sub all_free_ok
{
	my ($request) = @_;

	is($witness->query("SELECT count(*) FROM quantmesh.orders WHERE request_id = '$request'"), '0', '... there is no order');
	is($witness->query(q{SELECT count(*) FROM own}), '0', '... nor anything else of its transaction');
	is($witness->query(q{SELECT count(*) FROM quantmesh.locks}), '0', '... nor any lock');
	is(qm_room($witness, 4), 'placed placed placed denied/MAX_OPEN_ORDERS', '... all open orders are to be had');
	is(qm_room($witness, 1, quantity => '0.05'), 'placed', '... all of the position');
	is(qm_room($witness, 1, quantity => '0.051'), 'denied/MAX_POSITION', '... no more');
	is(qm_room($witness, 1, quantity => '0.05', price => 59999), 'placed', '... all of the notional');
	is(qm_room($witness, 1, quantity => '0.05', price => 60000), 'denied/MAX_NOTIONAL', '... no more');
	return;
}

my $number = 0;
for my $point (sort keys %point)
{
	for my $way (sort keys %way)
	{
		# A client that waits for an answer notices nothing; and a stop and a kill are the same to what is not written.
		next if $way eq 'a client that dies' && $point !~ /commits/;
		next if $way eq 'an immediate stop' && $point ne 'before it commits';

		my $request = 'request ' . ++$number;
		my ($session, $holder) = $point{$point}->(qm_place_sql(request_id => $request, price => 65000));
		note "$way, $point";
		$way{$way}->($session);
		$_->cut for grep { defined } $session, $holder;
		work_again();
		ok(qm_wait($witness, q{SELECT count(*) FROM pg_stat_activity WHERE application_name IN ('placing', 'holder')}, '0'), "$way $point: all are gone");
		all_free_ok($request);
		my $placed = qm_place($witness, request_id => $request, price => 65000);
		is("$placed->{outcome} $placed->{replayed}", 'placed f', '... and the request can be placed');
		qm_end($witness, $placed);
	}
}

# After the commit: the client waits for a synchronous standby that never comes, so it has no answer. No trader could
# know whether there is an order; the repeated call says.
for my $way (sort keys %way)
{
	next if $way eq 'a client that dies';
	my $request = 'request ' . ++$number;
	my $session = qm_session($node, 'placing');
	my $sql = qm_place_sql(request_id => $request, price => 65000);

	$session->query('SELECT 1');
	qm_set_standby($node, $witness, 'nobody');
	$session->begin($sql);
	ok(qm_wait($witness, q{SELECT wait_event = 'SyncRep' FROM pg_stat_activity WHERE pid = } . $session->pid), "$way of a session that is committing");
	$way{$way}->($session);
	$session->cut;
	$node->start if $node->psql('postgres', 'SELECT 1') != 0 && !$node->poll_query_until('postgres', 'SELECT true');
	$witness //= qm_session($node, 'witness');
	qm_set_standby($node, $witness, '');
	ok(qm_wait_up($node), '... and the server works');

	my $row = qm_row($witness, "SELECT * FROM quantmesh.orders WHERE request_id = '$request'");
	is($row->{state}, 'submitted', '... its order is there');
	my $again = qm_row($witness, $sql);
	is("$again->{outcome} $again->{replayed} $again->{state}", 'placed t submitted', '... the repeated call finds it');
	is($again->{$_}, $row->{$_}, "... with its $_") for qw(order_id client_order_id fence send_before owner);
	is($witness->query("SELECT count(*) FROM quantmesh.orders WHERE request_id = '$request'"), '1', '... and places nothing');
	is(qm_place($witness, price => 65000)->{order_id}, $row->{order_id}, '... its slot is taken');
	is(qm_room($witness, 3), 'placed placed denied/MAX_OPEN_ORDERS', '... it counts as an open order');
	is(qm_room($witness, 1, quantity => '0.041'), 'denied/MAX_POSITION', '... and for the position');
	is(qm_room($witness, 1, quantity => '0.04'), 'placed', '... as it should');
	qm_end($witness, $again);
	all_free_ok('none');
}

# Limits after a restart. Orders of one market, with all that can be:
qm_market($witness, 'ETHUSDT');
my %order;
for my $order (
	[ 'part', 'buy', 2000 ],    # open, 0.004 of 0.010 filled: 0.006 can still fill
	[ 'missing', 'buy', 1990 ], # canceled, 0.005 filled by the exchange's word, 0.002 booked: 0.003 are missing
	[ 'sell', 'sell', 3000 ],   # open
	[ 'whole', 'buy', 2010 ],   # filled
	[ 'refused', 'buy', 2020 ], # rejected
	[ 'gone', 'sell', 2990 ],   # canceled, nothing filled
	[ 'busted', 'buy', 2030 ])  # filled, then 0.001 of it was taken back
{
	my ($name, $side, $price) = @$order;
	$order{$name} = qm_place($witness, symbol => 'ETHUSDT', side => $side, price => $price, quantity => '0.010');
	is($order{$name}{outcome}, 'placed', "$name is placed");
}

sub report
{
	my ($name, %argument) = @_;
	my $answer = qm_report($witness, symbol => 'ETHUSDT', client_order_id => $order{$name}{client_order_id}, %argument);
	is($answer->{applied}, 't', "$name is reported");
	return $answer;
}
report('part', trade_id => 1, last_quantity => '0.004', last_price => 2000);
report('missing', trade_id => 2, last_quantity => '0.002', last_price => 1990);
report('missing', state => 'canceled', cumulative_quantity => '0.005');
report('sell', state => 'open');
report('whole', trade_id => 3, last_quantity => '0.010', last_price => 2010, state => 'filled');
report('refused', state => 'rejected');
report('gone', state => 'canceled');
report('busted', trade_id => 4, last_quantity => '0.001', last_price => 2030);
report('busted', trade_id => 5, last_quantity => '0.009', last_price => 2030);
report('busted', trade_id => 4, last_quantity => '0.001', last_price => 2030, state => 'busted');
is($witness->query(q{SELECT quantity FROM quantmesh.position WHERE symbol = 'ETHUSDT'})+ 0, 0.025, 'the position is 0.004 + 0.002 + 0.010 + 0.009');

# The longest position is 0.025 + 0.006 + 0.003, the shortest 0.025 - 0.010. Live orders: part and sell. Their notional is
# 2000 x 0.006 + 3000 x 0.010 = 42.
sub limits_ok
{
	my ($when, %option) = @_;
	my $shortest = $option{shortest} // '0.015';
	my $room = sub { return qm_room($witness, 1, symbol => 'ETHUSDT', price => 999, @_); };

	qm_limits($witness, 'ETHUSDT', max_position => '0.1');
	is($room->(quantity => '0.066'), 'placed', "$when: the longest position is 0.034");
	is($room->(quantity => '0.067'), 'denied/MAX_POSITION', '... and no less');
	is($room->(side => 'sell', price => 3999, quantity => '0.1' + $shortest), 'placed', "$when: the shortest position is $shortest");
	is($room->(side => 'sell', price => 3999, quantity => '0.101' + $shortest), 'denied/MAX_POSITION', '... and no more');
	qm_limits($witness, 'ETHUSDT', max_open_orders => 3);
	is(qm_room($witness, 2, symbol => 'ETHUSDT'), 'placed denied/MAX_OPEN_ORDERS', "$when: two orders are open");
	qm_limits($witness, 'ETHUSDT', max_notional => 62);
	is($room->(quantity => '0.020'), 'placed', "$when: the open notional is 42");
	is($room->(quantity => '0.021'), 'denied/MAX_NOTIONAL', '... and no less');
	qm_limits($witness, 'ETHUSDT');
	$witness->query(q{SELECT quantmesh.set_limits('binance', NULL, max_open_orders => 3)});
	is(qm_room($witness, 2), 'placed denied/MAX_OPEN_ORDERS', "$when: two orders are open in the account");
	$witness->query(q{SELECT quantmesh.set_limits('binance', NULL, max_notional => 62)});
	is(qm_room($witness, 1, quantity => '0.010', price => 1999), 'placed', "$when: the open notional of the account is 42");
	is(qm_room($witness, 1, quantity => '0.011', price => 1999), 'denied/MAX_NOTIONAL', '... and no less');
	$witness->query(q{SELECT quantmesh.set_limits('binance', NULL)});
	return;
}
limits_ok('as reported');
for my $how ('a clean restart', 'an immediate stop', 'kill -9 of the postmaster', 'kill -9 of a backend')
{
	if ($how eq 'kill -9 of a backend')
	{
		$way{SIGKILL}->(qm_session($node, 'victim'));
	}
	else
	{
		$witness->quit;
		$witness = undef;
		if ($how eq 'kill -9 of the postmaster') { qm_restart_killed($node); }
		else { $node->stop($how eq 'a clean restart' ? 'fast' : 'immediate'); $node->start; }
	}
	work_again();
	limits_ok("after $how");
}

# What was missing arrives, also after the restarts.
report('missing', trade_id => 6, last_quantity => '0.003', last_price => 1990);
limits_ok('with the missing fill booked', shortest => '0.018');
report('part', state => 'canceled', cumulative_quantity => '0.004');
qm_limits($witness, 'ETHUSDT', max_position => '0.1');
is(qm_room($witness, 1, symbol => 'ETHUSDT', quantity => '0.072'), 'placed', 'an order that ends gives its rest back');
is(qm_room($witness, 1, symbol => 'ETHUSDT', quantity => '0.073'), 'denied/MAX_POSITION', '... and no more');

# How many orders the last second had is in no table: after a crash nothing is placed until it does not matter.
sub place_soon
{
	my ($price) = @_;
	ok(qm_wait($witness, "SELECT outcome FROM quantmesh.place_order('binance', 'RATEUSDT', 'buy', $price, 1)", 'placed'),
		'a market with an order rate takes an order after a moment');
	return;
}
qm_market($witness, 'RATEUSDT', max_order_rate => 2);
place_soon($_) for 1, 2;
$way{SIGKILL}->(qm_session($node, 'victim'));
work_again();
place_soon(3);
cmp_ok(
	$witness->query(q{SELECT max(n) FROM (SELECT count(*) OVER (ORDER BY created_at RANGE BETWEEN '1s' PRECEDING AND CURRENT ROW) AS n
		FROM quantmesh.orders WHERE symbol = 'RATEUSDT') AS w}),
	'<=', 2, 'the order rate holds across a crash');

qm_agree_ok($witness, 'after all crashes');
$witness->quit;
$node->stop;
done_testing();
