# Three instances trade while the database is gone for ten seconds, and one while it crashes and forgets reports: test/fault/mesh.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use QuantMeshTest;
use QuantMeshDays;
use Test::More;

qm_day_ok('database');
qm_day_ok('crash');
done_testing();
