# Without the library in shared_preload_libraries, the extension can be created, dumped and restored, and nothing
# that needs shared memory pretends to work: SQLSTATE 55000 with a hint, also after LOAD and session_preload_libraries.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use QuantMeshTest;
use Test::More;

# Every C function of the extension, as a call; those that need no shared memory work everywhere.
my %needs_preload = (
	try_xact_lock      => "SELECT quantmesh.try_xact_lock('k')",
	xact_lock          => "SELECT quantmesh.xact_lock('k')",
	try_xact_lock_many => "SELECT quantmesh.try_xact_lock_many('{k,l}')",
	xact_lock_many     => "SELECT quantmesh.xact_lock_many('{k,l}')",
	try_lock           => "SELECT quantmesh.try_lock('k')",
	lock               => "SELECT quantmesh.lock('k')",
	acquire            => "CALL quantmesh.acquire('k')",
	unlock             => "SELECT quantmesh.unlock('k')",
	extend             => "SELECT quantmesh.extend('k', '1s')",
	is_locked          => "SELECT quantmesh.is_locked('k')",
	lock_holder        => "SELECT * FROM quantmesh.lock_holder('k')",
	force_unlock       => "SELECT quantmesh.force_unlock('k', 'test')",
	raise_fence        => "SELECT quantmesh.raise_fence('test')",
	try_lease          => "SELECT quantmesh.try_lease('k', 'me', '1s')",
	lease              => "SELECT quantmesh.lease('k', 'me', '1s', '1s')",
	renew_lease        => "SELECT quantmesh.renew_lease('k', 'me', 1, '1s')",
	release_lease      => "SELECT quantmesh.release_lease('k', 'me', 1)",
	guard              => "SELECT quantmesh.guard('k', 1)",
	lock_rows          => "SELECT * FROM quantmesh.locks",
	lock_wait_rows     => "SELECT * FROM quantmesh.lock_waits",
	lock_metric_rows   => "SELECT * FROM quantmesh.lock_metrics",
	lock_conflict_rows => "SELECT * FROM quantmesh.lock_conflicts",
	engine_row         => "SELECT * FROM quantmesh.lock_engine",
	reset_metrics      => "SELECT quantmesh.reset_metrics()",
	prometheus         => "SELECT quantmesh.prometheus()",
	place_order        => "SELECT quantmesh.place_order('a', 'S', 'buy', 1, 1)",
	place_orders       => "SELECT * FROM quantmesh.place_orders('a', '[]')",
	claim_orders       => "SELECT * FROM quantmesh.claim_orders('a')",
	replace_order      => "SELECT quantmesh.replace_order('a', 1, 1, 1)",
	apply_report       => "SELECT quantmesh.apply_report('a', 'S', 'q', state => 'open')",
	resolve_submission => "SELECT quantmesh.resolve_submission('a', 1, 1, 'accepted')",
	settle_order       => "SELECT quantmesh.settle_order('a', 1, 'lost', 'r')",
	cancel_order       => "SELECT quantmesh.cancel_order('a', 1)",
	cancel_exchange_order => "SELECT quantmesh.cancel_exchange_order('a', 'S', '9')",
	cancel_orders      => "SELECT * FROM quantmesh.cancel_orders('a')",
	resolve_cancel     => "SELECT quantmesh.resolve_cancel('a', 1, 'done')",
	order_metric_rows  => "SELECT * FROM quantmesh.order_metrics",
	order_denial_rows  => "SELECT * FROM quantmesh.order_denials",
	next_id            => "SELECT quantmesh.next_id()",
	current_tag        => "SELECT quantmesh.current_tag()",
	lock_market        => "SELECT quantmesh.lock_market('a', 'S')",
	trading_rows       => "SELECT * FROM quantmesh.trading_rows('a', 'S', true)",
	register_instance  => "SELECT quantmesh.register_instance('i', '{}')",
	leave_instance     => "SELECT quantmesh.leave_instance('i', 1)",
	heartbeat          => "SELECT * FROM quantmesh.heartbeat('i', 1)",
	finish_task        => "SELECT quantmesh.finish_task('a', 1, 'i', 1, 'done')",
	watch_instances    => "SELECT quantmesh.watch_instances()",
	assign_markets     => "SELECT quantmesh.assign_markets()",
	request_snapshot   => "SELECT quantmesh.request_snapshot('a', 'S')",
	submit_snapshot    => "SELECT quantmesh.submit_snapshot('a', 'S', 1, now(), now(), '[]', '[]', '[]')",
	reconcile          => "SELECT * FROM quantmesh.reconcile('a', 'S')",
	forget_replies     => "SELECT quantmesh.forget_replies()",
	worker_rows        => "SELECT * FROM quantmesh.workers",
	save_strategy_state => "SELECT quantmesh.save_strategy_state('a', 'S', 'grid', '{}', 0)",
	take_budget        => "SELECT * FROM quantmesh.take_budget('a', 1)",
	note_budget        => "SELECT quantmesh.note_budget('a', 'weight', 1)",
	block_budget       => "SELECT quantmesh.block_budget('a', '1 s')",
	set_budget_limit   => "SELECT quantmesh.set_budget_limit('a', 'weight', 1)",
	change_exposure    => "SELECT quantmesh.change_exposure('a', 'S', 0, 0, 0, 0)",
	recompute_position => "SELECT quantmesh.recompute_position('a', 'S', 'grid')",
);
my @works_everywhere = qw(account_is_visible instance_lease_left load_strategy_state market_is_trusted markets_changed order_commission order_key order_transition_rows rights_changed version worker_notice);

my $hint = qr/HINT:.*shared_preload_libraries.*restart/s;
my $node = qm_node('plain', preload => 0, extension => 0);
my $session = qm_session($node, 'plain');

is($session->attempt('CREATE EXTENSION quantmesh'), '', 'CREATE EXTENSION works');
like($session->error, qr/NOTICE:.*not in shared_preload_libraries.*HINT:.*"postgres" to quantmesh\.databases/s, '... and says what is missing');
is( $session->query(
		q{SELECT string_agg(DISTINCT p.proname, ' ' ORDER BY p.proname)
		  FROM pg_proc AS p JOIN pg_language AS l ON l.oid = p.prolang
		  WHERE p.pronamespace = 'quantmesh'::regnamespace AND l.lanname = 'c'}),
	join(' ', sort keys %needs_preload, @works_everywhere),
	'this test knows every C function');

qm_sql_errors_ok($session, '55000', $hint, map { $needs_preload{$_} } sort keys %needs_preload);
is($session->query(q{SELECT quantmesh.order_key('binance', 'BTCUSDT', 90123.4)}), 'order:binance:BTCUSDT:90120', 'keys can be built');
like($session->query('SELECT quantmesh.version()'), qr/^\d+\.\d+/, 'the version can be read');
$session->query('CREATE ROLE trader LOGIN');
is($session->attempt(q{SELECT quantmesh.grant_trader('trader', 'binance')}), '', 'rights can be granted');
is($session->attempt(q{SELECT quantmesh.revoke_trader('trader', 'binance')}), '', 'rights can be revoked');
is($session->attempt(q{SELECT quantmesh.grant_trader('trader', 'binance')}), '', 'rights can be granted again');

# LOAD is too late for shared memory; it must neither crash nor help.
$session->attempt(q{LOAD 'quantmesh'});
ok(!$session->is_lost, 'LOAD does not end the session');
qm_sql_errors_ok($session, '55000', $hint, $needs_preload{try_xact_lock}, $needs_preload{try_lease}, $needs_preload{lock_rows});
$session->quit;

$node->safe_psql('postgres', q{ALTER DATABASE postgres SET session_preload_libraries = 'quantmesh'});
$session = qm_session($node, 'session_preload');
qm_sql_errors_ok($session, '55000', $hint, $needs_preload{try_xact_lock}, $needs_preload{try_lease}, $needs_preload{lock_rows});
is($session->attempt('SELECT 1'), '', 'the session goes on');
$session->quit;
$node->safe_psql('postgres', 'ALTER DATABASE postgres RESET session_preload_libraries');

# Dump and restore do not need the library either.
my $dump = $node->basedir . '/plain.sql';
$node->command_ok([ 'pg_dump', '-f', $dump, 'postgres' ], 'pg_dump');
$node->safe_psql('postgres', 'CREATE DATABASE restored');
$node->command_ok([ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-d', 'restored', '-f', $dump ], 'restore');
is( $node->safe_psql('restored', 'SELECT role, privilege, account FROM quantmesh.role_right'),
	'trader|trader|binance', 'rights are restored');

# What the hint says helps.
$node->append_conf('postgresql.conf', "shared_preload_libraries = 'quantmesh'");
$node->restart;
ok(qm_wait_up($node), 'with the library preloaded and after a restart, locks work');
is($node->safe_psql('restored', q{SELECT quantmesh.try_xact_lock('k') IS NOT NULL}), 't', '... in the restored database too');

$node->stop;
done_testing();
