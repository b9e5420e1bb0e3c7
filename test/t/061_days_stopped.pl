# An instance is stopped for longer than its lease, and continued: test/fault/mesh.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use QuantMeshTest;
use QuantMeshDays;
use Test::More;

qm_day_ok('stopped');
done_testing();
