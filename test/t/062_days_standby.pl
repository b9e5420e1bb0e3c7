# A hot standby takes over from an owner that was killed, and nobody waits for one that has left: test/fault/mesh.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use QuantMeshTest;
use QuantMeshDays;
use Test::More;

qm_day_ok('standby');
qm_day_ok('leaving');
done_testing();
