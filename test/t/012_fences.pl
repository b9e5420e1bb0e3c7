# Fences keep growing when an operator raises their generation, for sessions that are already open too, and when the
# extension is dropped and created again, with and without a restart in between.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use QuantMeshTest;
use Test::More;

my $node = qm_node('fences');
my @sessions = map { qm_session($node, "client $_") } 1 .. 3;
my $operator = qm_session($node, 'operator');

# all_grow takes a fence in every open session, in every mode in turn.
my $turn = 0;

sub all_grow
{
	my ($when) = @_;
	my @last;

	for my $session (@sessions)
	{
		my $lock = (q{try_xact_lock('k%d', '0')}, q{try_lock('s%d', '0')}, q{try_lease('l%d', 'me', '1s')}, q{xact_lock_many('{m%d,n}')})[ $turn++ % 4 ];
		push @last, qm_fences_grow($node, $when, fence => $session->query('SELECT quantmesh.' . sprintf $lock, $turn));
	}
	return @last;
}

all_grow('from session to session');

# raise_fence.
my $before = $operator->query('SELECT fence_generation FROM quantmesh.lock_engine');
my $raised = $operator->query(q{SELECT quantmesh.raise_fence('a second server from a snapshot')});
cmp_ok($raised, '>', $before, 'raise_fence returns a higher generation');
is($operator->query('SELECT fence_generation FROM quantmesh.lock_engine'), $raised, '... which the view shows');
is($_ >> 48, $raised, '... and is that of every later fence') for all_grow('in sessions that were open when it was raised');
is( $operator->query(q{SELECT reason FROM quantmesh.fence_floor ORDER BY generation DESC LIMIT 1}),
	'a second server from a snapshot', '... and is recorded with the reason');

# One that is rolled back must not lower anything, and while it is open it must not keep anybody from locking.
$operator->query(q{BEGIN; SELECT quantmesh.raise_fence('not meant')});
for my $session (@sessions)
{
	is( $session->attempt(q{SET statement_timeout = '5s'; SELECT quantmesh.try_xact_lock('meanwhile')}),
		'', 'locks are granted while raise_fence is not committed');
	qm_fences_grow($node, 'meanwhile', fence => $session->output) if $session->error eq '';
	$session->query('RESET statement_timeout');
}
$operator->query('ROLLBACK');
all_grow('after raise_fence was rolled back');
isnt($operator->query(q{SELECT quantmesh.raise_fence('meant')}), '', 'it can be raised again');
$operator->query('ALTER DATABASE postgres SET default_transaction_read_only = on');
is($operator->attempt(q{SELECT quantmesh.raise_fence('in a database whose sessions only read by default')}), '', '... also by a session that may write where most only read');
$operator->query('ALTER DATABASE postgres RESET default_transaction_read_only');
all_grow('after it was raised again');

# DROP EXTENSION and CREATE EXTENSION: the table of generations goes, the fences must not return.
$operator->query('DROP EXTENSION quantmesh');
is($sessions[0]->attempt(q{SELECT quantmesh.try_xact_lock('k')}), '3F000', 'without the extension there is no lock');
$operator->query('CREATE EXTENSION quantmesh');
all_grow('after DROP and CREATE EXTENSION');
$operator->query(q{SELECT quantmesh.raise_fence('after CREATE EXTENSION')});
all_grow('when they are raised there');

$operator->query('DROP EXTENSION quantmesh');
$_->quit for @sessions, $operator;
$node->restart;
$node->safe_psql('postgres', 'CREATE EXTENSION quantmesh');
qm_wait_up($node);
qm_fences_grow($node, 'after DROP, restart and CREATE EXTENSION');

# A CREATE EXTENSION that is rolled back, and one inside the transaction that takes the first fence.
$node->safe_psql('postgres', 'DROP EXTENSION quantmesh; BEGIN; CREATE EXTENSION quantmesh; ROLLBACK; CREATE EXTENSION quantmesh');
qm_fences_grow($node, 'after a CREATE EXTENSION that was rolled back');
qm_fences_grow($node, 'in the transaction that creates the extension',
	fence => $node->safe_psql('postgres', q{DROP EXTENSION quantmesh; BEGIN; CREATE EXTENSION quantmesh; SELECT quantmesh.try_xact_lock('k'); COMMIT}));
qm_fences_grow($node, 'when the transaction that took the first one rolls back',
	fence => $node->safe_psql('postgres', q{DROP EXTENSION quantmesh; CREATE EXTENSION quantmesh; BEGIN; SELECT quantmesh.try_xact_lock('k'); ROLLBACK}));
qm_fences_grow($node, 'after that');

# Many sessions that take their first fence at the same time.
$node->safe_psql('postgres', 'CREATE TABLE taken (fence bigint PRIMARY KEY)');
qm_pgbench($node, 'unique fences', [ '-c', 8, '-j', 2, '-t', 500 ], q{INSERT INTO taken SELECT quantmesh.try_xact_lock('c' || :client_id)} . ";\n");
is($node->safe_psql('postgres', 'SELECT count(*) FROM taken'), '4000', 'no fence is given twice');
qm_fences_grow($node, 'after many', fence => $node->safe_psql('postgres', 'SELECT min(fence) FROM taken'));

$node->stop;
done_testing();
