# Instances are told to stop when their markets are others' by now, and while the database is gone: test/fault/mesh.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use QuantMeshTest;
use QuantMeshDays;
use Test::More;

qm_day_ok('overtaken');
qm_day_ok('ending');
done_testing();
