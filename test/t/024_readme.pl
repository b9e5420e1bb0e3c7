# The README's example, verbatim: from psql and from node-postgres, directly and through PgBouncer in transaction mode.
# Then what a driver does beside it: parameters as texts, exact numbers, its own transactions, calls that are repeated.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use QuantMeshTest;
use QuantMeshDriver;
use QuantMeshPooler;
use PostgreSQL::Test::Utils;
use File::Copy qw(copy);
use IPC::Run;
use JSON::PP ();
use Test::More;

my $here = $FindBin::RealBin;

# The first block of SQL in the README that places an order is the example.
my ($example) = grep { /quantmesh\.place_order\(/ } slurp_file("$here/../../README.md") =~ /^```sql\n(.*?)^```$/msg;
ok($example, 'the README has an example') or BAIL_OUT('no example in README.md');
my @lines = grep { /\S/ } split /\n/, $example;
is(scalar(grep { /^(CREATE EXTENSION|SELECT) .*;\s*(--.*)?$/ } @lines), 11, '... of eleven lines');
is(scalar(@lines), 11, '... each of which is a statement');

my $node = qm_node('readme', extension => 0);
my $pooler = QuantMeshPooler->new($node);

# answers_ok checks what the lines answered: a list of rows per line, each with its fields joined by bars.
sub answers_ok
{
	my ($how, @answers) = @_;
	my @rows = map { my $rows = $_; ref $rows ? [@$rows] : [ split /\n/, $rows ] } @answers;
	my @first = map { $_->[0] // '' } @rows;

	is(scalar(@rows), 11, "$how: every line has been answered") or return;
	like($first[3], qr/^placed\|f\|\d+\|q[0-9a-z]{4}[0-9a-z]+a0\|submitted\|[^|]+\|\d+\|[^|]+\|t\|\|/, "$how: placed");
	my (undef, undef, $id, $client_id, undef, $owner, $fence) = split /\|/, $first[3];
	like($first[4], qr/^placed\|t\|$id\|$client_id\|submitted\|\Q$owner\E\|$fence\|[^|]+\|t\|\|/, "$how: the same, replayed");
	like($first[5], qr/^duplicate\|f\|$id\|[^|]*\|submitted\|\Q$owner\E\|.*\|SLOT_TAKEN\|./, "$how: a duplicate, with the live order's id and owner");
	is($first[6], "($id,open,t,)", "$how: reported open");
	is($first[7], "(requested,$id,open,sent,BTCUSDT,$client_id,9,t)", "$how: a cancel is requested");
	is($first[8], "($id,canceled,t,)", "$how: canceled");
	is_deeply($rows[9], ['binance|BTCUSDT|halted|0|0'], "$how: halted, with nothing open or in flight");
	is_deeply($rows[10], [], "$how: no order is open");
	return;
}

# fresh_database makes a database for one run.
sub fresh_database
{
	my ($database) = @_;
	$node->safe_psql('postgres', "CREATE DATABASE $database");
	return $database;
}

my %ways = (directly => { host => $node->host, port => $node->port });
$ways{pooled} = { $pooler->address } if $pooler;
ok($pooler, 'PgBouncer is installed') or diag 'not tested through a pooler';

for my $way (sort keys %ways)
{
	my $session = qm_session($node, 'readme', database => fresh_database("psql_$way"), %{ $ways{$way} });
	answers_ok("psql, $way", map { $session->query($_) } @lines);
	$session->quit;
}

if (my $folder = qm_node_postgres())
{
	append_to_file("$folder/example.sql", join '', map { "$_\n" } @lines);
	copy("$here/readme.js", "$folder/readme.js") or die "copy readme.js: $!"; # beside its node_modules

	for my $way (sort keys %ways)
	{
		local %ENV = (
			%ENV,
			PGHOST => $ways{$way}{host},
			PGPORT => $ways{$way}{port},
			PGUSER => $node->safe_psql('postgres', 'SELECT current_user'),
			PGDATABASE => fresh_database("node_$way"));
		my $done = IPC::Run::run(
			[ 'node', "$folder/readme.js", "$folder/example.sql" ],
			'<', '/dev/null', '>', \my $out, '2>', \my $err, IPC::Run::timeout(2 * $PostgreSQL::Test::Utils::timeout_default));
		ok($done, "node-postgres, $way: everything was as its program expects") or diag $err;
		answers_ok("node-postgres, $way", map { JSON::PP::decode_json($_) } grep { /^\[/ } split /\n/, $out);
		note join "\n", grep { !/^\[/ } split /\n/, $out;
	}
}

$pooler->stop if $pooler;
$node->stop;
done_testing();
