# In a pipeline several statements are one transaction: behind another statement a placement does not say that it is
# committed, for what follows can still undo it.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use QuantMeshTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = qm_node('pipeline');
my $session = qm_session($node, 'pipeline');
$session->query(q{SELECT quantmesh.set_market('binance', 'BTCUSDT', 0.01, 0.001)});
$session->query('CREATE TABLE answer (price numeric, committed boolean)');

# call is one statement of a pgbench script.
sub call
{
	my ($price) = @_;
	return "INSERT INTO answer SELECT $price, committed FROM quantmesh.place_order('binance', 'BTCUSDT', 'buy', $price, 1);\n";
}

# run lets pgbench run a script once, in the extended protocol.
sub run
{
	my ($script) = @_;
	my $file = PostgreSQL::Test::Utils::tempdir() . '/script.sql';

	PostgreSQL::Test::Utils::append_to_file($file, $script);
	command_ok([ 'pgbench', '-n', '-M', 'extended', '-t', 1, '-f', $file, '-h', $node->host, '-p', $node->port, 'postgres' ], 'the script runs');
	unlink $file;
	return;
}

run(call(1) . call(2));
is($session->query('SELECT string_agg(committed::text, $$ $$ ORDER BY price) FROM answer'), 'true true', 'statements of their own are committed');
$session->query('TRUNCATE answer');
run("\\startpipeline\n" . call(3) . call(4) . call(5) . "\\endpipeline\n");
is($session->query('SELECT string_agg(committed::text, $$ $$ ORDER BY price) FROM answer WHERE price > 3'), 'false false',
	'behind another statement of a pipeline a placement is not');
is($session->query('SELECT count(*) FROM quantmesh.open_orders'), '5', 'all are placed');
$node->stop;

done_testing();
