# DROP DATABASE, CREATE DATABASE ... TEMPLATE and ALTER DATABASE ... RENAME of a database that has a coordinator. An idle
# one makes way. For a busy one plain DROP DATABASE fails with the server's own error after its five seconds, and the
# view names the worker; WITH (FORCE) ends it at once. Nothing is started over and over again meanwhile.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use QuantMeshTest;
use Test::More;
use Time::HiRes qw(time);

my $node = qm_node('databases', conf => "quantmesh.worker_naptime = '1s'");
my $session = qm_session($node, 'session');

sub worker { return "SELECT $_[0] FROM quantmesh.workers WHERE database = 'guest'"; }

# list sets the databases that have coordinators.
sub list
{
	$node->append_conf('postgresql.conf', "quantmesh.databases = '$_[0]'");
	$node->reload;
	return;
}

# guest makes database guest with the extension and waits for its coordinator.
sub guest
{
	local $Test::Builder::Level = $Test::Builder::Level + 1;

	$session->query('CREATE DATABASE guest');
	$node->safe_psql('guest', 'CREATE EXTENSION quantmesh; CREATE TABLE t (i int)');
	# Its first pass may let a worker connect to the database, for which DROP DATABASE would keep it waiting.
	my $passes = $session->query(worker('passes')) || 0;
	ok(qm_wait($session, worker("state = 'running' AND passes > $passes + 1")), 'database guest has a coordinator');
	return;
}

# busy locks a table so that the coordinator's housekeeping waits for it, and returns the session that does so.
sub busy
{
	my $blocker = qm_session($node, 'blocker', database => 'guest');
	local $Test::Builder::Level = $Test::Builder::Level + 1;

	$blocker->query(q{BEGIN; LOCK TABLE pg_extension IN ACCESS EXCLUSIVE MODE});
	ok(qm_wait($session, q{SELECT wait_event_type || '/' || wait_event FROM pg_stat_activity WHERE datname = 'guest' AND backend_type = 'quantmesh coordinator'},
		'Lock/relation'), 'the coordinator is busy');
	return $blocker;
}

# Idle.
list('postgres, guest');
guest();
my $pid = $session->query(worker('pid'));
my $since = time;
is($session->attempt('DROP DATABASE guest'), '', 'plain DROP DATABASE passes where the coordinator is idle');
cmp_ok(time - $since, '<', 5, '... before the server gives up');
ok(qm_wait_gone($pid), '... the coordinator is gone');
is(qm_log_count($node, qr/coordinator leaves database "guest", which somebody waits to drop/), 1, '... and has said why');
ok(qm_wait($session, worker('state'), 'no database'), '... and the launcher knows');
is(qm_log_count($node, qr/FATAL:.*database "guest" does not exist|It seems to have just been dropped/), 0, 'nobody tried to connect to it');

# As a template, and renamed.
guest();
is($session->attempt('CREATE DATABASE copy TEMPLATE guest'), '', 'it can be copied');
ok(qm_wait($session, worker('state'), 'running'), '... and has its coordinator again');
is($session->attempt('ALTER DATABASE guest RENAME TO former'), '', 'it can be renamed');
ok(qm_wait($session, worker('state'), 'no database'), '... which is noticed');
is($session->attempt('ALTER DATABASE former RENAME TO guest'), '', '... and back');
ok(qm_wait($session, worker('state'), 'running'), '... which is noticed, too');

# Busy: in the middle of a transaction.
my $blocker = busy();
$pid = $session->query(worker('pid'));
$blocker->begin(q{SELECT pg_sleep(60)});
$since = time;
# The session that blocks it is connected as well; it is the coordinator's transaction that is of interest here.
is($session->attempt('DROP DATABASE guest'), '55006', 'plain DROP DATABASE fails where the coordinator is busy');
like($session->error, qr/database "guest" is being accessed by other users/, '... with the server\'s own error');
cmp_ok(time - $since, '<', 10, '... after its five seconds');
is($session->query(worker(q{pid})), $pid, 'the view names the worker');
$since = time;
is($session->attempt('DROP DATABASE guest WITH (FORCE)'), '', 'DROP DATABASE WITH (FORCE) passes');
cmp_ok(time - $since, '<', 5, '... at once');
ok(qm_wait($session, worker('state'), 'no database'), '... and the launcher knows');
$blocker->cut;
my $restarts = $session->query(worker('restarts'));
ok(qm_wait($session, worker(q{state = 'no database' AND clock_timestamp() - since > '3 s'})), 'after a while');
is($session->query(worker('restarts')), $restarts, '... nothing was started for it');
is(qm_log_count($node, qr/FATAL:.*database "guest" does not exist|It seems to have just been dropped/), 0, '... nobody tried to connect to it');

# Out of the list, a busy coordinator ends, and plain DROP DATABASE passes.
guest();
$blocker = busy();
$pid = $session->query(worker('pid'));
list('postgres');
ok(qm_wait_gone($pid), 'out of the list, a busy coordinator ends');
$blocker->query('ROLLBACK');
$blocker->quit;
is($session->attempt('DROP DATABASE guest'), '', '... and the database can be dropped');

# What the coordinator holds up in no way: another database.
list('postgres, guest');
guest();
$blocker = busy();
is($session->attempt(q{SET statement_timeout = '5s'; CREATE DATABASE another; DROP DATABASE another}), '', 'other databases come and go beside a busy coordinator');
$blocker->query('ROLLBACK');
$_->quit for $blocker, $session;
$node->stop;
done_testing();
