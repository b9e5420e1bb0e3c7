# The README's example, verbatim: from psql and from node-postgres, directly and through PgBouncer in transaction mode.
# Then what a driver does beside it: parameters as texts, exact numbers, its own transactions, calls that are repeated.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use QuantMeshTest;
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

# install_driver installs the driver, at the versions of driver/package-lock.json and from nowhere else, and returns the
# folder; or undef. A registry that cannot be reached fails the test, and soon: what is not tested is not taken for right.
sub install_driver
{
	my $folder = PostgreSQL::Test::Utils::tempdir();
	my ($out, $err) = ('', '');

	ok(qm_find('node') && qm_find('npm'), 'node and npm are installed') or diag('node-postgres is not tested: run test/prepare') or return;
	copy("$here/driver/$_", "$folder/$_") or die "copy $_: $!" for qw(package.json package-lock.json);
	my $npm = IPC::Run::start(
		[ qw(npm ci --ignore-scripts --omit=optional --no-audit --no-fund --no-update-notifier --loglevel=error --prefer-offline
			  --fetch-retries=1 --fetch-retry-mintimeout=500 --fetch-retry-maxtimeout=500 --fetch-timeout=8000) ],
		init => sub { chdir $folder or die "chdir: $!" },
		'<', '/dev/null', '>', \$out, '2>', \$err, IPC::Run::timeout(20));
	my $installed = eval { $npm->finish };
	$err .= $@;
	$npm->kill_kill(grace => 1) if $@;
	ok($installed, 'npm installs node-postgres')
	  or diag("node-postgres is not tested: npm cannot install it from its registry (@{[ registry() ]})\n$err") or return;
	return $folder;
}

# registry returns where npm would get packages from.
sub registry
{
	IPC::Run::run([ qw(npm config get registry) ], '<', '/dev/null', '>', \my $registry, '2>', '/dev/null') or return 'unknown';
	chomp $registry;
	return $registry;
}

if (my $folder = install_driver())
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
