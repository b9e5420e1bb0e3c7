# The programs of docs/examples for psycopg and node-postgres, verbatim: directly, through PgBouncer in transaction mode, and
# where the server ends the connection between the commit of a placement and its answer.
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
use Test::More;

my $examples = "$FindBin::RealBin/../../docs/examples";
my $whole = qr/^placed  \nsending (q\w+)\nthe order is open\ncancelling \1\nthe order is canceled\nlocked, under a fence: yes\nworking\n\z/;

my $node = qm_node('examples', init => [ allows_streaming => 1 ]);
my $watch = qm_session($node, 'watch');
my $orders = 0;
my %programs;

# The Python that Debian installs psycopg for, whichever is first in PATH.
my $python = '/usr/bin/python3';
my $why;
ok(IPC::Run::run([ $python, '-c', 'import psycopg' ], '2>', \$why), 'psycopg is installed') or diag "run test/prepare: $why";
$programs{psycopg} = [ $python, "$examples/place.py" ];
if (my $folder = qm_node_postgres())
{
	copy("$examples/place.js", "$folder/place.js") or die "copy place.js: $!"; # beside its node_modules
	$programs{'node-postgres'} = [ 'node', "$folder/place.js" ];
}

my $pooler = QuantMeshPooler->new($node);
ok($pooler, 'PgBouncer is installed') or diag 'not tested through a pooler';
my %ways = (directly => { host => $node->host, port => $node->port }, $pooler ? (pooled => { $pooler->address }) : ());

# start starts a program that connects in this way, with its output and its errors in two texts.
sub start
{
	my ($driver, $way, $out, $err) = @_;
	local %ENV = (
		%ENV,
		PGHOST => $ways{$way}{host},
		PGPORT => $ways{$way}{port},
		PGUSER => $watch->query('SELECT current_user'),
		PGDATABASE => 'postgres');

	return IPC::Run::start($programs{$driver}, '<', '/dev/null', '>', $out, '2>', $err,
		IPC::Run::timeout(2 * $PostgreSQL::Test::Utils::timeout_default));
}

# ended_ok checks what a program has printed, and that it has placed one order.
sub ended_ok
{
	my ($program, $out, $err, $what) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;

	ok($program->finish, "$what: the program succeeds") or diag $$err;
	like($$out, $whole, '... and does what it is to show');
	is($watch->query('SELECT count(*) FROM quantmesh.orders'), ++$orders, '... with one order');
	return;
}

for my $driver (sort keys %programs)
{
	my ($out, $err);
	my $program = start($driver, 'directly', \$out, \$err);
	ok($program->finish && $out =~ /^denied UNKNOWN_MARKET/, "$driver: a market that nobody has made is denied") or diag "$out$err";
}
$watch->query(q{SELECT quantmesh.set_market('binance', 'BTCUSDT', tick_size => 0.01, step_size => 0.00001)});
for my $driver (sort keys %programs)
{
	for my $way (sort keys %ways)
	{
		my ($out, $err);
		ended_ok(start($driver, $way, \$out, \$err), \$out, \$err, "$driver, $way");
	}
}

# A COMMIT that waits for a standby has been done, and its client does not know: the connection ends there. What the program
# does then must find its own order.
my $waits = q{FROM pg_stat_activity WHERE wait_event = 'SyncRep' AND query LIKE '%place_order%'};
for my $driver (sort keys %programs)
{
	my ($out, $err);
	qm_set_standby($node, $watch, 'nobody');
	my $program = start($driver, 'directly', \$out, \$err);
	ok(qm_wait($watch, "SELECT count(*) = 1 $waits"), "$driver: a placement waits for its commit");
	is($watch->query("SELECT pg_terminate_backend(pid, 60000) $waits"), 't', '... and loses its connection');
	is($watch->query('SELECT count(*) FROM quantmesh.orders'), $orders + 1, '... but not its order');
	qm_set_standby($node, $watch, '');
	ended_ok($program, \$out, \$err, "$driver, connection lost");
}

$watch->quit;
$pooler->stop if $pooler;
$node->stop;
done_testing();
