# A session with synchronous_commit = off loses what it committed last when the server crashes, but not its orders: what
# may be sent is on disk. Only a superuser can give that up, with quantmesh.allow_async_commit.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use QuantMeshTest;
use QuantMeshOrders;
use Test::More;

# Nobody writes WAL out but who commits: the WAL writer is stopped, and others have no reason to. Nor is there any from others:
# without standbys the background writer does not log, every 15 s, which transactions are running.
my $node = qm_node(
	'durable',
	conf => "wal_level = minimal\nmax_wal_senders = 0\nrestart_after_crash = on\nbgwriter_lru_maxpages = 0\ncheckpoint_timeout = '1h'\nquantmesh.default_ttl_order = '2min'");
my ($session, $writer);

# start_unsafe opens a session with asynchronous commit and stops the WAL writer.
sub start_unsafe
{
	$session = qm_session($node, 'client');
	$session->query('SET synchronous_commit = off');
	$writer = $session->query(q{SELECT pid FROM pg_stat_activity WHERE backend_type = 'walwriter'});
	ok(kill('STOP', $writer), 'the WAL writer stands still');
	return;
}

# crash kills the stopped WAL writer, and with it the server, which comes back.
sub crash
{
	ok(kill(9, $writer), 'a crash');
	ok(qm_wait_gone($session->pid, $writer), '... ends every process');
	$writer = undef;
	$session->cut;
	ok(qm_wait_up($node), '... and the server comes back');
	return;
}

# unflushed returns how many bytes of WAL are in memory alone. At a page's edge a header counts that nobody has written.
sub unflushed
{
	my $bytes = $session->query('SELECT pg_current_wal_insert_lsn() - pg_current_wal_flush_lsn()');
	return $bytes <= 40 ? 0 : $bytes;
}

# written_ok and lost_ok commit something harmless first, so that there is something to be written.
sub written_ok
{
	my ($what, $sql) = @_;
	$session->query(q{INSERT INTO own VALUES ('before')});
	my $answer = $session->query($sql);
	is(unflushed(), 0, "$what is on disk");
	return $answer;
}

END
{
	kill 'CONT', $writer if $writer;
}

start_unsafe();
$session->query('CREATE TABLE own (what text)');
qm_market($session, 'BTCUSDT');
$session->query('CREATE ROLE trader LOGIN');
$session->query(q{SELECT quantmesh.grant_trader('trader', 'binance')});
$session->query('SET synchronous_commit = on; CREATE TABLE synced (); SET synchronous_commit = off');

# What crashes lose: the control of this test.
$session->query(q{INSERT INTO own VALUES ('control')});
cmp_ok(unflushed(), '>', 0, 'a commit of this session is in memory alone');

# Everything that lets an order leave.
written_ok('a placed order', qm_place_sql(request_id => 'single', price => 60000));
written_ok('an order in the caller\'s own transaction',
	q{BEGIN; INSERT INTO own VALUES ('beside the order'); } . qm_place_sql(request_id => 'own', price => 60100) . '; COMMIT');
written_ok('an order in a savepoint', 'BEGIN; SAVEPOINT s; ' . qm_place_sql(request_id => 'savepoint', price => 60200) . '; RELEASE s; COMMIT');
written_ok('an order placed by a function',
	q{DO $$ BEGIN PERFORM quantmesh.place_order('binance', 'BTCUSDT', 'buy', 60300, 0.01, request_id => 'function'); EXCEPTION WHEN division_by_zero THEN NULL; END $$});
written_ok('several orders',
	q{SELECT count(*) FROM quantmesh.place_orders('binance', '[{"symbol": "BTCUSDT", "side": "buy", "price": "60400", "quantity": "0.01", "request_id": "many 1"},
	  {"symbol": "BTCUSDT", "side": "buy", "price": "60500", "quantity": "0.01", "request_id": "many 2"}]', submit => true)});
$session->query(qm_place_sql(request_id => 'claimed', price => 60600, submit => 'f'));
is(written_ok('a claimed order', q{SELECT count(*) FROM quantmesh.claim_orders('binance')}), '1', '... of which there is one');
my $replaced = $session->query(q{SELECT order_id FROM quantmesh.orders WHERE request_id = 'single'});
written_ok('a replacement', "SELECT quantmesh.replace_order('binance', $replaced, 60000, 0.02, request_id => 'replacement')");

# It is the transaction that is written out at once, not the session.
$session->query(q{INSERT INTO own VALUES ('afterwards')});
cmp_ok(unflushed(), '>', 0, 'later commits of the session are in memory again');
crash();

start_unsafe();
is( $session->query(q{SELECT string_agg(request_id || ' ' || state, ', ' ORDER BY request_id COLLATE "C") FROM quantmesh.orders}),
	'claimed submitted, function submitted, many 1 submitted, many 2 submitted, own submitted, replacement intent, savepoint submitted, single submitted',
	'every order survives');
is($session->query(q{SELECT count(*) FILTER (WHERE what = 'beside the order'), count(*) FILTER (WHERE what = 'afterwards') FROM own}),
	'1|0', 'with what was committed together with one, without what was committed afterwards');
is(qm_place($session, request_id => 'own', price => 60100)->{replayed}, 't', 'a repeated call finds its order');

# The same when the whole server stops at once.
my $placed = qm_place($session, request_id => 'stopped', price => 61000);
$session->query(q{INSERT INTO own VALUES ('afterwards')});
kill 'KILL', $writer; # or the postmaster would wait for it, in vain
$node->stop('immediate', fail_ok => 1);
$writer = undef;
$session->cut;
$node->start;
ok(qm_wait_up($node), 'the server starts after an immediate stop');
is( $node->safe_psql('postgres', q{SELECT client_order_id FROM quantmesh.orders WHERE request_id = 'stopped'}),
	$placed->{client_order_id}, 'the order is there');

# Who may give it up, and what that means.
my $trader = qm_session($node, 'trader', user => 'trader');
qm_sql_errors_ok($trader, '42501', qr/permission denied/, 'SET quantmesh.allow_async_commit = on');
is($trader->query('SHOW quantmesh.allow_async_commit'), 'off', 'it is off');
$trader->query('SET synchronous_commit = off');
is(qm_place($trader, request_id => 'trader', price => 61100)->{outcome}, 'placed', 'a trader places as ever');
$trader->quit;
start_unsafe();
$session->query('SET quantmesh.allow_async_commit = on');
is(qm_place($session, request_id => 'gambled', price => 61200)->{outcome}, 'placed', 'a superuser places without waiting for the disk');
cmp_ok(unflushed(), '>', 0, '... which is in memory alone');
crash();
is($node->safe_psql('postgres', q{SELECT count(*) FILTER (WHERE request_id = 'trader'), count(*) FILTER (WHERE request_id = 'gambled') FROM quantmesh.orders}),
	'1|0', '... and is lost in a crash, where others are not');

$node->stop;
done_testing();
