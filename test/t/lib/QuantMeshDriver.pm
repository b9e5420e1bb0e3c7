# Drivers of other languages, for tests that run programs written with them.
package QuantMeshDriver;

use strict;
use warnings;

use Exporter 'import';
use File::Copy qw(copy);
use FindBin;
use IPC::Run;
use PostgreSQL::Test::Utils;
use QuantMeshTest;
use Test::More;

our @EXPORT = qw(qm_node_postgres);

# qm_node_postgres installs node-postgres, at the versions of driver/package-lock.json and from nowhere else, and returns the
# folder; or undef. A registry that cannot be reached fails the test, and soon: what is not tested is not taken for right.
sub qm_node_postgres
{
	my $folder = PostgreSQL::Test::Utils::tempdir();
	my ($out, $err) = ('', '');

	ok(qm_find('node') && qm_find('npm'), 'node and npm are installed') or diag('node-postgres is not tested: run test/prepare') or return;
	copy("$FindBin::RealBin/driver/$_", "$folder/$_") or die "copy $_: $!" for qw(package.json package-lock.json);
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

1;
