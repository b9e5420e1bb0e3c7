# The programs of test/fault/orders, for a few seconds each: slots, limits and reports while backends are ended and the
# server crashes. At length they run in make stress; the seed is printed and can be set with QM_SEED.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use QuantMeshTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $seed = $ENV{QM_SEED} // int rand 2**31;
my $programs = "$ENV{TESTDATADIR}/order_stress";
my $node = qm_node('order_stress', conf => "wal_level = logical\nrestart_after_crash = on\nfsync = off", extension => 0);
my $conninfo = sprintf "host='%s' port='%s' dbname='postgres'", $node->host, $node->port;

# program runs one of the programs; what it prints is shown when something is wrong.
sub program
{
	my ($name, @options) = @_;
	my ($out, $err) = ('', '');
	my $done = IPC::Run::run([ "$programs/$name", '--conninfo', $conninfo, '--seed', $seed, @options ],
		'>', \$out, '2>', \$err, IPC::Run::timeout(2 * $PostgreSQL::Test::Utils::timeout_default));

	ok($done, "$name @options") or diag "seed $seed\n$out$err";
	note $out;
	return;
}

my $make = "make -s -C '$FindBin::RealBin/../fault' BUILD='$programs' 2>&1";
my $built = qx($make);
is($?, 0, 'the programs are built') or BAIL_OUT($built);

program('orderstress', '--orders', 1500, '--crashes', 1, '--selftest');
program('limitstress', '--seconds', 4, '--crashes', 1, '--selftest');
program('reportperm', '--selftest');
program('reportperm', '--cases', 400);
$node->stop;

done_testing();
