# Short words for tests of orders: a market, a placement as a hash, and how much room limits leave.
#
#     qm_market($session, 'BTCUSDT', max_open_orders => 3);
#     my $placed = qm_place($session, price => 65000, request_id => 'r1');    $placed->{outcome}, {order_id}, ...
#     is(qm_room($session, 4), 'placed placed placed denied/MAX_OPEN_ORDERS', ...);
#
# All take a session of QuantMeshSession. Account binance, symbol BTCUSDT, side buy and quantity 0.01 unless told
# otherwise. SQL booleans are 't' and 'f', NULL is undef.
package QuantMeshOrders;

use strict;
use warnings;

use Exporter 'import';
use FindBin;
use JSON::PP ();
use PostgreSQL::Test::Utils ();
use QuantMeshTest;
use Test::More;

our @EXPORT = qw(qm_market qm_limits qm_call qm_place qm_place_sql qm_row qm_rows qm_room qm_report qm_end qm_contents
  qm_agree_ok);

# literal quotes a value for SQL; a reference to a string is SQL as it is, undef is NULL.
sub literal
{
	my ($value) = @_;

	return 'NULL' if !defined $value;
	return $$value if ref $value;
	return "'" . $value =~ s/'/''/gr . "'";
}

# arguments returns named arguments in a fixed order.
sub arguments
{
	my %argument = @_;
	return join ', ', map { "$_ => " . literal($argument{$_}) } sort keys %argument;
}

# qm_rows runs a query and returns its rows as hashes of texts. The query must be able to stand in FROM.
sub qm_rows
{
	my ($session, $query) = @_;
	my $answer = $session->query(<<"SQL");
SELECT pg_catalog.json_object_agg(field.key, CASE field.value WHEN 'true' THEN 't' WHEN 'false' THEN 'f' ELSE field.value END)
FROM (SELECT row_number() OVER () AS n, pg_catalog.to_jsonb(r) AS fields FROM ($query) AS r) AS numbered,
	 LATERAL pg_catalog.jsonb_each_text(fields) AS field
GROUP BY n ORDER BY n
SQL
	return map { JSON::PP::decode_json($_) } split /\n/, $answer;
}

# qm_row returns the one row of a query.
sub qm_row
{
	my ($session, $query) = @_;
	my @rows = qm_rows($session, $query);

	die scalar(@rows) . " rows instead of one: $query" if @rows != 1;
	return $rows[0];
}

# qm_call calls a function of schema quantmesh with named arguments and returns its one row.
sub qm_call
{
	my ($session, $function, %argument) = @_;
	return qm_row($session, "SELECT * FROM quantmesh.$function(" . arguments(%argument) . ')');
}

# qm_place_sql returns the statement of a placement, qm_place runs it and returns the placement.
sub qm_place_sql
{
	my %argument = (account => 'binance', symbol => 'BTCUSDT', side => 'buy', price => 65000, quantity => '0.01', @_);
	return 'SELECT * FROM quantmesh.place_order(' . arguments(%argument) . ')';
}

sub qm_place
{
	my ($session, %argument) = @_;
	return qm_row($session, qm_place_sql(%argument));
}

# qm_report applies a report of the exchange and returns what it did.
sub qm_report
{
	my ($session, %argument) = @_;
	return qm_call($session, 'apply_report', account => 'binance', symbol => 'BTCUSDT', %argument);
}

# qm_end ends a placement that was never sent, so that its slot and limits are free again.
sub qm_end
{
	my ($session, $placement) = @_;
	my $answer = qm_call($session, 'resolve_submission',
		account => 'binance', order_id => $placement->{order_id}, fence => $placement->{fence}, outcome => 'not_sent');
	local $Test::Builder::Level = $Test::Builder::Level + 1;

	is($answer->{state}, 'aborted', "order $placement->{order_id} was not sent");
	return;
}

# qm_market makes a market with a tick of 0.01 and a step of 0.001, and sets its limits if any are given.
sub qm_market
{
	my ($session, $symbol, %limit) = @_;

	$session->query("SELECT quantmesh.set_market('binance', '$symbol', tick_size => 0.01, step_size => 0.001)");
	qm_limits($session, $symbol, %limit) if %limit;
	return;
}

# qm_limits sets all limits of a market; those that are not named are lifted.
sub qm_limits
{
	my ($session, $symbol, %limit) = @_;

	$session->query('SELECT quantmesh.set_limits(' . arguments(account => 'binance', symbol => $symbol, %limit) . ')');
	return;
}

# qm_room tries to place so many orders, each at a price of its own, takes all of it back, and returns what became of
# them.
sub qm_room
{
	my ($session, $number, %argument) = @_;
	my %order = (account => 'binance', symbol => 'BTCUSDT', side => 'buy', quantity => '0.01', %argument);
	my $first = delete $order{price} // 1000;
	my $answer = $session->query(
		qq{
		BEGIN;
		SELECT string_agg(p.outcome || coalesce('/' || p.reason, ''), ' ' ORDER BY i)
		FROM generate_series(1, $number) AS i,
			 LATERAL quantmesh.place_order(} . arguments(%order, price => \"$first + i") . q{) AS p;
		ROLLBACK});
	return $answer;
}

# qm_contents returns, per table of the extension, how many rows it has and a digest of them. Tables named are left out.
sub qm_contents
{
	my ($session, @except) = @_;
	my %contents;

	for my $table (
		split /\n/, $session->query(q{
			SELECT relname FROM pg_class WHERE relnamespace = 'quantmesh'::regnamespace AND relkind IN ('r', 'p') ORDER BY 1}))
	{
		next if grep { $_ eq $table } @except;
		$contents{$table} = $session->query(
			qq{SELECT count(*) || ' rows ' || coalesce(md5(string_agg(t::text, E'\\n' ORDER BY t::text COLLATE "C")), '') FROM quantmesh.$table AS t});
	}
	return \%contents;
}

# qm_agree_ok tests that orders and live_order agree.
sub qm_agree_ok
{
	my ($session, $what) = @_;
	my $disagreement = PostgreSQL::Test::Utils::slurp_file("$FindBin::RealBin/../disagreement.sql");

	is($session->query($disagreement =~ s/;\s*$//r), '', "$what: orders and live_order agree");
	return;
}

1;
