# An instance is told to stop when its markets are another's by now. That they are told to while the database is gone takes over
# a minute and is left to make stress: test/fault/mesh ending.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use QuantMeshTest;
use QuantMeshDays;
use Test::More;

qm_day_ok('overtaken');
done_testing();
