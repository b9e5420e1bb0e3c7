# What is not placed is logged at most once a second per market and reason, without the statement, and the next line
# counts what was not logged; every request is counted. What is placed is not logged.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use QuantMeshTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = qm_node('log');
my $one = qm_session($node, 'one');
my $two = qm_session($node, 'two');
$one->query(q{SELECT quantmesh.set_market('binance', s, 1, 0.1) FROM unnest(ARRAY['BTCUSDT', 'ETHUSDT']) AS s});

# lines returns the lines about a market and a reason.
sub lines
{
	my ($symbol, $reason) = @_;
	return grep { /LOG:  buy order for "\Q$symbol\E" of account "binance" not placed: \w+, \Q$reason\E$/ } split /\n/, slurp_file($node->logfile);
}

# seconds returns the whole seconds that have passed at most since a time of the server.
sub seconds
{
	my ($since) = @_;
	return $one->query("SELECT ceil(extract(epoch FROM clock_timestamp() - '$since'))");
}

my $placed = q{SELECT (quantmesh.place_order('binance', '%s', 'buy', %s, 1)).reason};
my $started = $one->query('SELECT clock_timestamp()');
is($one->query(sprintf $placed, 'BTCUSDT', 100), '', 'an order is placed');
is(scalar lines('BTCUSDT', ''), 0, '... and not logged');

# Many refusals, of two sessions, for two reasons, in two markets.
my $many = q{SELECT count(*) FROM generate_series(1, 500) AS i, quantmesh.place_order('binance', '%s', 'buy', %s + 0 * i, 1) AS p WHERE p.reason = '%s'};
$one->begin(sprintf $many, 'BTCUSDT', 99.5, 'PRICE_OFF_TICK');
is($two->query(sprintf $many, 'BTCUSDT', 99.5, 'PRICE_OFF_TICK'), '500', '500 denials');
is($one->finish, '500', '... and 500 more of another session');
is($one->query(sprintf $many, 'BTCUSDT', 100, 'SLOT_TAKEN'), '500', '500 duplicates');
is($one->query(sprintf $many, 'ETHUSDT', 99.5, 'PRICE_OFF_TICK'), '500', '500 denials in another market');
my $seconds = seconds($started);
for (['BTCUSDT', 'SLOT_TAKEN'], ['BTCUSDT', 'PRICE_OFF_TICK'], ['ETHUSDT', 'PRICE_OFF_TICK'])
{
	my $lines = () = lines(@$_);
	cmp_ok($lines, '>=', 1, "@$_ is logged");
	cmp_ok($lines, '<=', $seconds + 1, "... at most once a second ($lines lines in $seconds s)");
}

# The next line tells how many were not logged.
my $hint = qr/HINT:  Since the last line like this one, (\d+) more were not logged\.$/m;
my $more = 0;
my $until = time + $PostgreSQL::Test::Utils::timeout_default;
$more += $one->query(sprintf $many, 'BTCUSDT', 100, 'SLOT_TAKEN') until slurp_file($node->logfile) =~ $hint || time > $until;
like(slurp_file($node->logfile), $hint, 'a later line counts those that were not logged');
my ($first) = slurp_file($node->logfile) =~ $hint;
cmp_ok($first, '>=', 1, "$first were not logged");
cmp_ok($first, '<', 500 + $more, '... which is fewer than there were');
my $lines = () = lines('BTCUSDT', 'SLOT_TAKEN');
cmp_ok($lines, '<=', seconds($started) + 1, 'still at most one a second');
like(slurp_file($node->logfile), qr/DETAIL:  slot 100 has the live order \d+ of /, 'the detail is logged');
unlike(slurp_file($node->logfile), qr/STATEMENT:.*place_order/, 'the statement is not');

# All are counted.
is( $one->query(q{SELECT placed, duplicate, denied FROM quantmesh.order_metrics WHERE symbol = 'BTCUSDT' AND side = 'buy'}),
	'1|' . (500 + $more) . '|1000', 'every request is counted');
is( $one->query(q{SELECT requests FROM quantmesh.order_denials WHERE symbol = 'ETHUSDT' AND reason = 'PRICE_OFF_TICK'}), '500', '... by market and reason');

$_->quit for $one, $two;
$node->stop;
done_testing();
