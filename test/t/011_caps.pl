# Caps: one session that takes as many locks as it can gets our own 53400, of the backend's cap or the server's, and
# never the server's "out of shared memory"; other sessions and new connections go on unharmed, and afterwards all can
# be used again.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use QuantMeshTest;
use Test::More;

my $backend_cap = 40;
my $node = qm_node('caps', conf => <<"CONF");
max_locks_per_transaction = 20
max_connections = 12
max_worker_processes = 4
autovacuum_max_workers = 1
quantmesh.max_locks_per_backend = $backend_cap
CONF
my $other = qm_session($node, 'other');

# take_all takes keys until it may not any more and returns how many it had and the SQLSTATE.
$other->query(<<'SQL');
CREATE FUNCTION take_all(prefix text, kind text, up_to int DEFAULT 100000, OUT taken int, OUT sqlstate text) LANGUAGE plpgsql AS $$
BEGIN
    taken := 0;
    FOR i IN 1 .. up_to LOOP
        EXECUTE format('SELECT quantmesh.%I(%L, ''0'')', kind, prefix || i);
        taken := i;
    END LOOP;
EXCEPTION WHEN OTHERS THEN
    take_all.sqlstate := SQLSTATE;
END
$$;
SQL
my $cap = $other->query('SELECT locks_max FROM quantmesh.lock_engine');
cmp_ok($cap, '>', $backend_cap, "the server's cap is $cap, above the backend's");
cmp_ok($cap, '<', 8 * $backend_cap, '... and can be reached by a few sessions');
is($other->query('SELECT locks_reserved FROM quantmesh.lock_engine'), '0', 'nothing is reserved');

# One backend.
my $first = qm_session($node, 'holder 1');
is($first->query(q{SELECT * FROM take_all('a', 'try_lock')}), "$backend_cap|53400", 'a backend can take session locks up to its cap');
is($first->attempt(q{SELECT quantmesh.try_lock('one more', '0')}), '53400', '... then it gets 53400');
like($first->error, qr/HINT:.*quantmesh\.max_locks_per_backend/s, '... with a hint that names the setting');
is($first->attempt(q{SELECT quantmesh.try_xact_lock('one more', '0')}), '53400', '... for transaction locks, too');
is($first->attempt(q{SELECT quantmesh.try_xact_lock_many('{a1,one,more}', '0')}), '53400', '... and for several');
is($first->query(q{SELECT quantmesh.try_lock('a1', '0') IS NOT NULL}), 't', 'what it holds it can take again');
is($first->query(q{SELECT quantmesh.unlock('a1')}), 't', '... and give back');
is($other->query('SELECT locks_reserved FROM quantmesh.lock_engine'), $backend_cap, 'what was refused reserves nothing');

# As many as it takes to reach the server's cap.
my @holders = ($first);
while ($other->query("SELECT locks_max - locks_reserved > $backend_cap FROM quantmesh.lock_engine") eq 't')
{
	push @holders, qm_session($node, 'holder ' . (@holders + 1));
	is( $holders[-1]->query(sprintf q{SELECT * FROM take_all('%s', 'try_lock', %d)}, 'b' . @holders, $backend_cap),
		"$backend_cap|", 'holder ' . @holders . ' takes its share');
}
push @holders, qm_session($node, 'last holder');
like($holders[-1]->query(q{SELECT * FROM take_all('c', 'try_lock')}), qr/\|53400$/, 'the last holder meets a cap');
is($other->query('SELECT locks_max - locks_reserved FROM quantmesh.lock_engine'), '0', "the server's cap is reached");
is($other->query('SELECT count(*) FROM quantmesh.locks'), $cap, '... and the view shows as many');

# Now nobody gets more; everything else works.
qm_sql_errors_ok($other, '53400', undef,
	q{SELECT quantmesh.try_xact_lock('x', '0')},
	q{SELECT quantmesh.try_lock('x', '0')},
	q{SELECT quantmesh.xact_lock('a1', '0', '1s')},
	q{SELECT quantmesh.try_xact_lock_many('{x,y}', '0')},
	q{CALL quantmesh.acquire('x', '0', '1s', NULL)});
is( $other->attempt('SELECT count(*) FROM pg_attribute AS a JOIN pg_class AS c ON c.oid = a.attrelid'
		  . ' JOIN pg_type AS t ON t.oid = a.atttypid JOIN pg_namespace AS n ON n.oid = c.relnamespace'),
	'', 'another session can query');
is( $other->attempt('CREATE TABLE t1 (i int PRIMARY KEY, j int UNIQUE); CREATE TABLE t2 (i int REFERENCES t1);'
		  . ' INSERT INTO t1 VALUES (1, 1); INSERT INTO t2 VALUES (1); DROP TABLE t2; DROP TABLE t1'),
	'', '... and create and drop tables');
my $new = qm_session($node, 'newcomer');
is($new->attempt('SELECT count(*) FROM pg_stat_activity, pg_locks'), '', 'a new connection works');
is($new->attempt('SELECT pg_advisory_lock(1), pg_advisory_lock(2)'), '', "... and takes the server's own advisory locks");
is($holders[-1]->attempt('SELECT count(*) FROM pg_class'), '', 'the holder that met the cap goes on');
is(qm_log_count($node, qr/out of shared memory/), 0, 'nobody met "out of shared memory"');

# One lock is given back, and one can be had.
is($first->query(q{SELECT quantmesh.unlock('a2')}), 't', 'a lock is given back');
is($other->query(q{SELECT quantmesh.try_lock('x', '0') IS NOT NULL}), 't', '... and another can be had');
is($other->attempt(q{SELECT quantmesh.try_lock('y', '0')}), '53400', '... but not two');
is($other->query(q{SELECT quantmesh.unlock('x')}), 't', 'given back');

# All of it.
$_->quit for @holders;
ok(qm_wait($other, 'SELECT locks_reserved FROM quantmesh.lock_engine', '0'), 'what ended sessions had is free');
is($other->query('SELECT count(*) FROM quantmesh.locks'), '0', '... and the view is empty');
is($other->query(q{SELECT * FROM take_all('a', 'try_xact_lock')}), "$backend_cap|53400", 'all can be used again');
is($other->query('SELECT locks_reserved FROM quantmesh.lock_engine'), '0', '... and a rollback gives back all');
is( $other->query(q{SELECT quantmesh.try_xact_lock_many(array(SELECT 'm' || i FROM generate_series(1, 40) AS i), '0') IS NOT NULL}),
	't', 'many at once, up to the cap');
is( $other->attempt(q{SELECT quantmesh.try_xact_lock_many(array(SELECT 'm' || i FROM generate_series(1, 41) AS i), '0')}),
	'53400', '... and not beyond');
is($other->query('SELECT locks_reserved FROM quantmesh.lock_engine'), '0', '... which reserves nothing');

$_->quit for $new, $other;
$node->stop;
done_testing();
