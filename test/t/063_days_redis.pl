# Orders under locks of a Redis, which is gone for a while: test/fault/mesh.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use QuantMeshTest;
use QuantMeshDays;
use Test::More;

qm_day_ok('redis');
done_testing();
