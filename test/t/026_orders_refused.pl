# What must not be done to orders: PREPARE TRANSACTION with a placed order, and DROP EXTENSION while orders live, also
# after restarts.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use QuantMeshTest;
use QuantMeshOrders;
use Test::More;

my $node = qm_node('refused', conf => 'max_prepared_transactions = 5');
my $session = qm_session($node, 'session');
my $other = qm_session($node, 'other');
qm_market($session, 'BTCUSDT', max_open_orders => 1);

# PREPARE TRANSACTION.
for my $calls (
	qm_place_sql(request_id => 'r'),
	'SAVEPOINT s; ' . qm_place_sql(request_id => 'r') . '; RELEASE s',
	q{SELECT quantmesh.place_orders('binance', '[{"symbol": "BTCUSDT", "side": "buy", "price": "62000", "quantity": "0.01", "request_id": "r"}]')})
{
	$session->query("BEGIN; $calls");
	qm_sql_errors_ok($session, '0A000', qr/cannot PREPARE a transaction/, q{PREPARE TRANSACTION 'p'});
	$session->query('ROLLBACK');
	is($other->query('SELECT count(*) FROM pg_prepared_xacts'), '0', '... nothing is prepared');
	is($other->query('SELECT count(*) FROM quantmesh.orders'), '0', '... nothing is placed');
	is(qm_room($other, 2), 'placed denied/MAX_OPEN_ORDERS', '... and no limit is reserved');
}
my $placed = qm_place($session, request_id => 'r');
is("$placed->{outcome} $placed->{replayed}", 'placed f', 'the request can be placed afterwards');
for my $calls (
	qq{SELECT quantmesh.apply_report('binance', 'BTCUSDT', '$placed->{client_order_id}', trade_id => '1', last_quantity => 0.001, last_price => 65000)},
	qq{SELECT quantmesh.cancel_order('binance', $placed->{order_id})})
{
	$session->query("BEGIN; $calls");
	my $sqlstate = $session->attempt(q{PREPARE TRANSACTION 'p'});
	is($sqlstate, '0A000', "PREPARE TRANSACTION is refused after $calls");
	$session->attempt(q{ROLLBACK PREPARED 'p'}) if $sqlstate eq '';
	$session->query('ROLLBACK') if $sqlstate ne '';
}

# What has ended with a savepoint, or was denied, leaves nothing in the session that a prepared transaction would take away
# from under it, and no lock of a market that would keep everybody from halting it.
qm_limits($session, 'BTCUSDT', max_open_orders => 2);
for my $calls (
	'SAVEPOINT s; ' . qm_place_sql(price => 61000) . '; ROLLBACK TO s',
	qm_place_sql(price => '61000.001'),
	qq{SAVEPOINT s; SELECT quantmesh.apply_report('binance', 'BTCUSDT', '$placed->{client_order_id}', trade_id => '1', last_quantity => 0.001, last_price => 65000); ROLLBACK TO s})
{
	$session->query("BEGIN; $calls");
	my $sqlstate = $session->attempt(q{PREPARE TRANSACTION 'p'});
	my $halted = $other->attempt(q{SET statement_timeout = '10 s'; SELECT quantmesh.halt('binance', 'BTCUSDT', reason => 'test'); SELECT quantmesh.resume('binance', 'BTCUSDT', reason => 'test')});
	is($halted, '', "a market can be halted after PREPARE TRANSACTION of $calls");
	$session->attempt($sqlstate eq '' ? q{ROLLBACK PREPARED 'p'} : 'ROLLBACK');
	is($other->query('SELECT count(*) FROM pg_prepared_xacts'), '0', '... and nothing stays prepared');
	my $next = qm_place($session, price => 62000);
	is($next->{outcome}, 'placed', '... and the session goes on');
	qm_end($session, $next);
}
qm_limits($session, 'BTCUSDT', max_open_orders => 1);

# DROP EXTENSION.
my @drops = ('DROP EXTENSION quantmesh', 'DROP EXTENSION quantmesh CASCADE', 'DROP EXTENSION IF EXISTS pgtap, quantmesh');

sub refused_ok
{
	my ($when, $in) = @_;
	my $dropper = $in // qm_session($node, 'dropper');

	note $when;
	qm_sql_errors_ok($dropper, '55006', qr/order/, @drops);
	is($dropper->query(q{SELECT state FROM quantmesh.orders WHERE live}), 'submitted', "$when: the order is still there");
	$dropper->quit if !$in;
	return;
}
refused_ok('at first', $session);
$session->query(q{CREATE ROLE boss SUPERUSER LOGIN; CREATE ROLE owner LOGIN});
my $boss = qm_session($node, 'boss', user => 'boss');
refused_ok('by another superuser', $boss);
$boss->quit;
$_->quit for $session, $other;

$node->restart;
refused_ok('after a restart');
$node->stop('immediate');
$node->start;
refused_ok('after a crash');
# Who insists.
$session = qm_session($node, 'session');
my $owner = qm_session($node, 'owner', user => 'owner');
is($owner->attempt('SET quantmesh.allow_drop = on'), '42501', 'an ordinary role cannot insist');
$owner->quit;
is($session->attempt('BEGIN; SET LOCAL quantmesh.allow_drop = on; DROP EXTENSION quantmesh; ROLLBACK'), '', 'a superuser can insist');
is($session->query(q{SELECT count(*) FROM quantmesh.orders WHERE live}), '1', '... and roll back');
is(qm_row($session, qm_place_sql(request_id => 'r'))->{replayed}, 't', '... and everything works as before');

# An order that has ended holds nobody up.
is($session->attempt('DROP EXTENSION quantmesh'), '55006', 'it was for that transaction alone');
qm_end($session, $placed);
is($session->attempt('DROP EXTENSION quantmesh'), '', 'without live orders the extension can be dropped');
is($session->attempt('CREATE EXTENSION quantmesh'), '', '... and created again');
is($session->query('SELECT count(*) FROM quantmesh.orders'), '0', '... empty');
qm_market($session, 'BTCUSDT', max_open_orders => 1);
is(qm_room($session, 2), 'placed denied/MAX_OPEN_ORDERS', '... and limits begin anew');
$session->quit;
$node->stop;
done_testing();
