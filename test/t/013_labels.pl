# Metrics are bounded: 100,000 different symbols take no more labels than max_lock_labels and are counted under "other".
# The Prometheus text passes promtool, with quote, backslash and newline in labels.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use QuantMeshTest;
use PostgreSQL::Test::Utils;
use IPC::Run;
use Test::More;

my $labels = 100;
my $symbols = 100_000;
my $node = qm_node('labels', conf => "quantmesh.max_lock_labels = $labels");
my $session = qm_session($node, 'client');

# Awkward labels first, so that they have an entry of their own.
my $awkward = qq{order:binance/"x":S\\Y\nM:100};
$session->query("SELECT quantmesh.try_xact_lock(\$\$$awkward\$\$)");
is( $session->query(q{SELECT to_json(account), to_json(symbol), acquired FROM quantmesh.lock_metrics WHERE class = 'order'}),
	q{"binance/\"x\""|"S\\\\Y\\nM"|1}, 'a label with quote, backslash and newline is kept');
my $text = $node->safe_psql('postgres', 'SELECT quantmesh.prometheus()');
like($text, qr/key="order:binance\/\\"x\\":S\\\\Y\\nM"/, '... and escaped in the Prometheus text');

# A few of every sort: granted, skipped, waited for, overrun, a lease.
my $other = qm_session($node, 'other');
$session->query(q{SELECT quantmesh.lock('order:binance:BTCUSDT:1', '0'), quantmesh.try_lease('reconcile:binance:BTCUSDT', 'me', '20s')});
$other->query(q{
	SELECT quantmesh.try_xact_lock('order:binance:BTCUSDT:1'), quantmesh.xact_lock('order:binance:BTCUSDT:1', NULL, '20ms'),
	       quantmesh.try_xact_lock('cancel:binance:17'), quantmesh.try_xact_lock('custom')});
$session->query(q{SELECT quantmesh.unlock('order:binance:BTCUSDT:1')});

# Many symbols: by session locks in one statement, and by transaction locks in subtransactions.
my $memory = 'SELECT sum(total_bytes) FROM pg_backend_memory_contexts';
my $many = q{
	SELECT count(*)
	FROM (SELECT 'order:binance:' || '%s' || i || ':1' AS k FROM generate_series(1, %d) AS i OFFSET 0) AS keys
	WHERE CASE WHEN quantmesh.try_lock(k, '0') > 0 THEN quantmesh.unlock(k) END};
is($session->query(sprintf $many, 'A', 1000), '1000', 'a thousand symbols');
my $memory_before = $session->query($memory);
is($session->query(sprintf $many, 'B', $symbols - 6000), $symbols - 6000, 'very many symbols');
$session->query(<<'SQL');
DO $$
BEGIN
    FOR i IN 1 .. 5000 LOOP
        BEGIN
            PERFORM quantmesh.try_xact_lock('order:binance:C' || i || ':1');
            RAISE EXCEPTION 'undo';
        EXCEPTION WHEN raise_exception THEN NULL;
        END;
    END LOOP;
END
$$
SQL
my $grown = $session->query($memory) - $memory_before;
cmp_ok($grown, '<', 1_000_000, "the backend's memory does not grow ($grown bytes)");
is( $session->query("SELECT lock_labels <= lock_labels_max, lock_labels_max FROM quantmesh.lock_engine"),
	"t|$labels", 'labels stay within their limit');
cmp_ok($session->query('SELECT count(*) FROM quantmesh.lock_metrics'), '<=', $labels + 1, '... in the view, too');
is( $session->query(q{SELECT sum(acquired) >= 99000 FROM quantmesh.lock_metrics WHERE class = 'other'}),
	't', 'the rest is counted under other');
is( $session->query(q{SELECT sum(acquired) FROM quantmesh.lock_metrics WHERE class = 'other' OR symbol ~ '^[ABC]\d'}),
	$symbols, 'nothing is lost');
is($session->query(q{SELECT count(*) FROM quantmesh.locks WHERE mode <> 'lease'}), '0', 'nothing is held');

# What was known before still has its own entry.
is( $session->query(q{SELECT acquired, skipped, failed, conflicts FROM quantmesh.lock_metrics WHERE label = 'order:binance:BTCUSDT'}),
	'1|1|1|2', 'granted, skipped, failed and conflicts of a label');

# The text as a whole.
$text = $node->safe_psql('postgres', 'SELECT quantmesh.prometheus()');
like( $text,
	qr/^quantmesh_lock_acquire_total\{key="order:binance:BTCUSDT",status="$_"\} 1$/m, "quantmesh_lock_acquire_total, status $_") for qw(success failed skipped);
like($text, qr/^quantmesh_lock_conflict_total\{key="order:binance:BTCUSDT"\} 2$/m, 'quantmesh_lock_conflict_total');
like($text, qr/^quantmesh_lock_hold_duration_seconds_count\{key="order:binance:BTCUSDT"\} 1$/m, 'quantmesh_lock_hold_duration_seconds');
like($text, qr/^quantmesh_lock_hold_duration_seconds_bucket\{key="order:binance:BTCUSDT",le="\+Inf"\} 1$/m, '... a histogram');
like($text, qr/^quantmesh_lock_acquire_total\{key="other",status="success"\} \d+$/m, 'other is among them');
my %keys = map { $_ => 1 } $text =~ /^quantmesh_lock_acquire_total\{key="((?:[^"\\]|\\.)*)"/mg;
cmp_ok(scalar keys %keys, '<=', $labels + 1, 'labels of the text are bounded');
is_deeply([ grep { !/^(?:# (?:HELP|TYPE) |[a-z_]+(?:\{.*\})? [-+0-9.eInfNa]+$)/ } split /\n/, $text ], [], 'every line is a comment or a sample');
for my $metric (qw(quantmesh_lock_acquire_total quantmesh_lock_conflict_total quantmesh_lock_hold_duration_seconds))
{
	is(() = $text =~ /^# HELP \Q$metric\E /mg, 1, "$metric has one HELP");
	is(() = $text =~ /^# TYPE \Q$metric\E (?:counter|histogram)$/mg, 1, '... and one TYPE');
}

SKIP:
{
	my $promtool = qm_find('promtool') or skip 'promtool is not installed', 2;
	my $input = "$text\n";
	my $passed = IPC::Run::run([ $promtool, 'check', 'metrics' ], '<', \$input, '>', \my $out, '2>', \my $err);
	ok($passed, 'promtool check metrics passes') or diag $out, $err;
	is("$out$err", '', '... without a word');
}

$session->query('SELECT quantmesh.reset_metrics()');
is($session->query('SELECT coalesce(sum(acquired), 0) FROM quantmesh.lock_metrics'), '0', 'reset_metrics sets all to zero');

$_->quit for $session, $other;
$node->stop;
done_testing();
