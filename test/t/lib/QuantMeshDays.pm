# Bad days of instances that trade: cases of test/fault/mesh, each in a scratch folder of its own.
#
#     qm_day_ok('stopped');       checks that instances come out of that day, and shows the logs' ends when they do not
package QuantMeshDays;

use strict;
use warnings;

use Cwd ();
use Exporter 'import';
use Fcntl ':flock';
use FindBin;
use IPC::Run;
use PostgreSQL::Test::Utils;
use Test::More;

our @EXPORT = qw(qm_day_ok);

my $top = Cwd::abs_path("$FindBin::RealBin/../..");

# program returns the program: the client suite's, with its sanitizers, where that has run; or one that is built for all
# tests that need it.
sub program
{
	my $sanitized = ($ENV{QM_SCRATCH} // '') . '/client-sanitized/quantmesh';
	my $folder = "$ENV{TESTDATADIR}/days_client";

	return $sanitized if -x $sanitized;
	open my $lock, '>', "$folder.lock" or die "$folder.lock: $!";
	flock $lock, LOCK_EX or die "flock: $!";
	my $out = qx(make -s -j2 -C '$top/client' BUILD='$folder' '$folder/quantmesh' 2>&1);
	$? == 0 or BAIL_OUT("the program is not built: $out");
	return "$folder/quantmesh";
}

# qm_day_ok runs a case. The figures that it prints are noted.
sub qm_day_ok
{
	my ($case) = @_;
	local %ENV = (%ENV, QM_PROGRAM => program());
	my $out = '';
	local $Test::Builder::Level = $Test::Builder::Level + 1;

	delete @ENV{qw(QM_SCRATCH QM_LOG)}; # it has its own
	my $done = IPC::Run::run([ "$top/test/fault/mesh", $case ], '<', '/dev/null', '>&', \$out,
		IPC::Run::timeout(4 * $PostgreSQL::Test::Utils::timeout_default));
	ok($done, "a bad day: $case") or diag $out;
	note $out;
	return;
}

1;
