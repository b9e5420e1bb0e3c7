# Dump and restore into a new cluster, and pg_upgrade: everything that is known of orders is kept. Afterwards order ids,
# client order ids, tags and fences do not repeat, while the original goes on beside the restored server; and that one
# places nothing before an operator has said that its orders are known.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/lib";
use QuantMeshTest;
use QuantMeshOrders;
use PostgreSQL::Test::Utils;
use Test::More;

my $old = qm_node('old', conf => "quantmesh.databases = ''"); # nothing moves by itself
my $original = qm_session($old, 'original');

# Orders of every kind, in two markets and two accounts.
qm_market($original, 'BTCUSDT', max_open_orders => 50, max_position => '1.5', max_notional => 1_000_000);
qm_market($original, 'ETHUSDT');
qm_market($original, 'LTCUSDT', max_order_rate => 1000);
$original->query(q{SELECT quantmesh.set_market('binance/hedge', 'BTC-USDT', tick_size => 0.1, step_size => 0.0001, slot_by => 'level', level_width => 10)});
$original->query(q{SELECT quantmesh.set_limits('binance', NULL, max_open_orders => 100)});
$original->query(q{SELECT quantmesh.set_trading_state('binance', 'ETHUSDT', 'reducing', 'a ''quoted'' reason with a \\ in it')});
$original->query(q{SELECT quantmesh.set_baseline('binance', 'BTC', 0.25, 'deposit')});

# placed places an order that must be placed.
sub placed
{
	my ($session, %argument) = @_;
	my $placement = qm_place($session, %argument);
	local $Test::Builder::Level = $Test::Builder::Level + 1;

	is($placement->{outcome}, 'placed', 'placed') or diag explain $placement;
	return $placement;
}

my %order = (
	submitted => placed($original, price => 60000, request_id => 'submitted', strategy => 'grid', instance => undef),
	intent    => placed($original, price => 60100, request_id => 'intent', submit => 'f', valid_until => '2100-01-01'),
	unknown   => placed($original, price => 60200, request_id => 'unknown'),
	open      => placed($original, price => 60300, request_id => 'open'),
	partial   => placed($original, price => 60400, request_id => 'partial', quantity => '0.030'),
	filled    => placed($original, price => 60500, request_id => 'filled', strategy => 'grid'),
	canceled  => placed($original, price => 60600, request_id => 'canceled'),
	rejected  => placed($original, price => 60700, request_id => 'rejected'),
	aborted   => placed($original, price => 60800, request_id => 'aborted'),
	lost      => placed($original, price => 60900, request_id => 'lost'),
	parked    => placed($original, price => 61000, request_id => 'parked'),
	named     => placed($original, price => 61100, request_id => 'named', slot => 'hedge'),
	sell      => placed($original, price => 70000, request_id => 'sell', side => 'sell'),
	replaced  => placed($original, price => 61200, request_id => 'replaced'),
	elsewhere => placed($original, price => '60123.4', request_id => 'submitted', account => 'binance/hedge', symbol => 'BTC-USDT'));

# resolve says what became of a submission, report what the exchange says of an order.
sub resolve
{
	my ($name, $outcome, @more) = @_;
	return qm_call($original, 'resolve_submission', account => 'binance', order_id => $order{$name}{order_id},
		fence => $order{$name}{fence}, outcome => $outcome, @more);
}

sub report
{
	my ($name, %argument) = @_;
	return qm_report($original, client_order_id => $order{$name}{client_order_id}, exchange_order_id => "x-$name", %argument);
}

resolve('unknown', 'unknown');
resolve('rejected', 'rejected', code => '-2010', message => 'Account has insufficient balance for requested action.');
resolve('aborted', 'not_sent');
resolve('lost', 'unknown');
qm_call($original, 'settle_order', account => 'binance', order_id => $order{lost}{order_id}, state => 'lost', reason => 'nobody knows');
report('open', state => 'open', detail => '{"i": "12345678901234567890", "s": "BTCUSDT"}');
report('partial', state => 'partially_filled', trade_id => 't1', last_quantity => '0.012', last_price => '60399.99', cumulative_quantity => '0.012',
	commission => '0.000012', commission_asset => 'BTC', is_maker => 't', event_time => '2026-01-02 03:04:05.678+00');
report('filled', trade_id => 't2', last_quantity => '0.004', last_price => 60500, commission => '0.1', commission_asset => 'USDT');
report('filled', trade_id => 't3', last_quantity => '0.006', last_price => 60501, commission => '0.0003', commission_asset => 'BNB', state => 'filled');
report('filled', trade_id => 't2', last_quantity => '0.004', last_price => 60500, state => 'busted');
report('canceled', state => 'canceled', cumulative_quantity => '0.002');
report('open', state => 'what is this');
qm_call($original, 'cancel_order', account => 'binance', order_id => $order{parked}{order_id});
report('sell', state => 'open');
qm_call($original, 'cancel_order', account => 'binance', order_id => $order{sell}{order_id});
$order{replacing} = qm_call($original, 'replace_order',
	account => 'binance', order_id => $order{replaced}{order_id}, price => 61200, quantity => '0.011', request_id => 'replacing');
is($order{replacing}{outcome}, 'placed', 'an order is replaced');
report('canceled', trade_id => 'late', last_quantity => '0.003', last_price => 60600);

is( $original->query(q{SELECT string_agg(DISTINCT state, ' ' ORDER BY state) FROM quantmesh.orders}),
	'aborted canceled filled intent lost open partially_filled rejected submitted unknown', 'there are orders in nearly every state');
cmp_ok($original->query('SELECT count(*) FROM quantmesh.discrepancy'), '>', 2, 'there are discrepancies');
my $before = qm_contents($original);
like($before->{$_}, qr/^[1-9]/, "there are rows in $_")
  for qw(account market orders live_order order_event exchange_order fill position balance_baseline discrepancy operator_action fence_floor);
my %views = map { $_ => $original->query("SELECT count(*) || coalesce(md5(string_agg(v::text, ' ' ORDER BY v::text)), '') FROM quantmesh.$_ AS v") }
  qw(open_orders order_history positions commissions discrepancies);
my $last_order = $original->query('SELECT max(order_id) FROM quantmesh.orders');
my $floors = $original->query('SELECT generation, tag FROM quantmesh.fence_floor ORDER BY generation');

my $dump = $old->basedir . '/dump.sql';
my $archive = $old->basedir . '/dump.custom';
$old->command_ok([ 'pg_dump', '-f', $dump, 'postgres' ], 'pg_dump');
$old->command_ok([ 'pg_dump', '-Fc', '-f', $archive, 'postgres' ], 'pg_dump -Fc');

# Restored while the original lives on.
my $new = qm_node('restored', extension => 0, conf => "quantmesh.databases = ''");
$new->command_ok([ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-f', $dump, 'postgres' ], 'restore');
my $restored = qm_session($new, 'restored');
my $after = qm_contents($restored);
is_deeply([ sort keys %$after ], [ sort keys %$before ], 'the same tables');
is($after->{$_}, $before->{$_}, "rows of $_ are kept") for grep { $_ ne 'fence_floor' } sort keys %$before;
qm_agree_ok($restored, 'restored');
like($restored->query('SELECT generation, tag FROM quantmesh.fence_floor ORDER BY generation'), qr/^\Q$floors\E/, 'fence generations are kept');
is($restored->query("SELECT count(*) || coalesce(md5(string_agg(v::text, ' ' ORDER BY v::text)), '') FROM quantmesh.$_ AS v"), $views{$_}, "view $_ is the same")
  for sort keys %views;

# pending_ok checks what a server does whose orders nobody has confirmed.
sub pending_ok
{
	my ($session, $how) = @_;
	my $denied = qm_place($session, price => 50000, request_id => 'too early');

	is("$denied->{outcome} " . ($denied->{reason} // ''), 'denied RECONCILE_PENDING', "$how: placing waits for a reconciliation");
	is($denied->{order_id}, undef, '... there is no order');
	isnt($denied->{detail}, undef, '... and the detail says more');
	is(qm_place($session, account => 'binance/hedge', symbol => 'BTC-USDT')->{reason}, 'RECONCILE_PENDING', "$how: in every market");
	is($session->query(q{SELECT count(*) FROM quantmesh.claim_orders('binance')}), '0', "$how: intents are not given out");
	my $again = qm_place($session, price => 60000, request_id => 'submitted', strategy => 'grid');
	is( "$again->{outcome} $again->{replayed} $again->{client_order_id}",
		"placed t $order{submitted}{client_order_id}",
		"$how: a repeated request has its placement");
	return;
}
pending_ok($restored, 'dump and restore');

# What is known can be cancelled and reported on.
is(qm_call($restored, 'cancel_order', account => 'binance', order_id => $order{open}{order_id})->{outcome}, 'requested', 'cancels pass');
my $fill = qm_report($restored, client_order_id => $order{partial}{client_order_id}, trade_id => 't9', last_quantity => '0.001', last_price => 60400);
is("$fill->{order_id} $fill->{applied}", "$order{partial}{order_id} t", 'reports on restored orders are applied');
$fill = qm_report($restored, client_order_id => $order{partial}{client_order_id}, trade_id => 't1', last_quantity => '0.012',
	last_price => '60399.99', commission => '0.000012', commission_asset => 'BTC');
is($fill->{applied}, 'f', '... once');

# An order that the original has placed since is not this server's.
my $since = placed($original, price => 50500, request_id => 'since');
my $foreign = qm_report($restored, client_order_id => $since->{client_order_id}, state => 'filled', exchange_order_id => 'x-since',
	trade_id => 't10', last_quantity => '0.01', last_price => 50500);
is($foreign->{order_id}, undef, 'an order of the original is none of the restored server');
like($foreign->{discrepancy}, qr/^(EXTERNAL_ORDER|ORPHAN_OURS)$/, '... but a discrepancy');
is($restored->query(q{SELECT count(*) FROM quantmesh.fill WHERE trade_id = 't10'}), '0', '... and nothing is booked');

# An operator confirms one market, then everything.
$restored->query(q{SELECT quantmesh.trust_market('binance', 'BTCUSDT', reason => 'compared with the exchange')});
is(qm_place($restored, price => 50000, request_id => 'too early')->{outcome}, 'placed', 'a confirmed market can be traded');
is(qm_place($restored, account => 'binance/hedge', symbol => 'BTC-USDT')->{reason}, 'RECONCILE_PENDING', '... and no other');
$restored->query(q{SELECT quantmesh.trust_market(reason => 'all compared')});
is(qm_place($restored, account => 'binance/hedge', symbol => 'BTC-USDT')->{outcome}, 'placed', 'all markets can be confirmed at once');
cmp_ok($restored->query(q{SELECT count(*) FROM quantmesh.operator_action WHERE reason IN ('compared with the exchange', 'all compared')}),
	'>=', 2, '... which is recorded');

# Both live on. New ids are new: on either server, between them, and with regard to all that was dumped.
my %seen = map { $_ => 1 } split /\n/, $original->query('SELECT client_order_id FROM quantmesh.orders');
my @tags;
for my $session ($original, $restored)
{
	my @placements = map { placed($session, price => 40000 + 100 * $_, request_id => "new $_") } 1 .. 8;
	my @ids = map { $_->{client_order_id} } @placements;

	is(scalar(grep { $seen{$_}++ } @ids), 0, 'client order ids do not repeat');
	is(scalar(grep { $_->{order_id} <= $last_order } @placements), 0, '... order ids are larger than all in the dump');
	is(scalar(grep { $_->{fence} <= $last_order } @placements), 0, '... and so are fences');
	my %tag = map { substr($_, 1, 4) => 1 } @ids;
	is(scalar(keys %tag), 1, '... all have one tag');
	push @tags, keys %tag;
}
isnt($tags[1], $tags[0], 'the restored server has a tag of its own');
unlike($floors, qr/\b$tags[1]\b/, '... that the original has never had');
is(qm_place($restored, price => 60300, request_id => undef)->{order_id}, $order{open}{order_id}, 'restored orders hold their slots');

# Limits count what was restored.
my $live = $restored->query(q{SELECT count(*) FROM quantmesh.orders WHERE live AND symbol = 'BTCUSDT' AND account = 'binance'});
qm_limits($restored, 'BTCUSDT', max_open_orders => $live + 2);
is(qm_room($restored, 3), 'placed placed denied/MAX_OPEN_ORDERS', 'restored orders count for the limits');

# Also where a coordinator had looked at the tables while they were empty.
my $watched = qm_node('watched', conf => "quantmesh.databases = ''");
$watched->safe_psql('postgres', 'SELECT quantmesh.watch_instances()');
$watched->command_ok([ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-f', $dump, 'postgres' ], 'restore into a database that a coordinator has seen');
my $watching = qm_session($watched, 'watching');
$live = $watching->query(q{SELECT count(*) FROM quantmesh.orders WHERE live AND symbol = 'BTCUSDT' AND account = 'binance'});
$watching->query(q{SELECT quantmesh.trust_market(reason => 'compared')});
qm_limits($watching, 'BTCUSDT', max_open_orders => $live + 2);
is(qm_room($watching, 3), 'placed placed denied/MAX_OPEN_ORDERS', '... they count there, too');
$watching->quit;
$watched->stop;

# A restore of an archive beside it, on a server that is told to trust what it has.
$new->safe_psql('postgres', 'CREATE DATABASE third');
$new->command_ok([ 'pg_restore', '--exit-on-error', '-d', 'third', $archive ], 'pg_restore into another database');
my $third = qm_session($new, 'third', database => 'third');
pending_ok($third, 'pg_restore');
$_->quit for $third, $restored;
$new->append_conf('postgresql.conf', "quantmesh.after_promotion = 'trust'");
$new->restart;
ok(qm_wait_up($new), 'the restored server restarts');
$third = qm_session($new, 'third', database => 'third');
my $trusted = placed($third, price => 50000, request_id => 'too early');
unlike($floors . " @tags", qr/\b@{[ substr $trusted->{client_order_id}, 1, 4 ]}\b/, 'a second restored database has its own tag, too');
cmp_ok($trusted->{order_id}, '>', $last_order, '... and larger ids');

# pg_upgrade, to the same version: a copy of the files, beside which the original may live on.
$before = qm_contents($original, 'fence_floor');
my $last = $original->query('SELECT max(order_id) FROM quantmesh.orders');
$_->quit for $original, $third;
$_->stop for $old, $new;
my $bindir = $old->config_data('--bindir');
my $upgraded = qm_node('upgraded', extension => 0, conf => "quantmesh.databases = ''");
$upgraded->stop;
chdir PostgreSQL::Test::Utils::tempdir();
command_ok([
	'pg_upgrade', '--no-sync', '-b', $bindir, '-B', $bindir, '-d', $old->data_dir, '-D', $upgraded->data_dir,
	'-s', $upgraded->host, '-p', $old->port, '-P', $upgraded->port ], 'pg_upgrade');
$upgraded->start;
ok(qm_wait_up($upgraded), 'the upgraded server works');
my $session = qm_session($upgraded, 'upgraded');
is_deeply(qm_contents($session, 'fence_floor'), $before, 'rows of all tables are kept');
pending_ok($session, 'pg_upgrade');
$session->query(q{SELECT quantmesh.trust_market(reason => 'nothing was lost')});
my $next = placed($session, price => 50000, request_id => 'too early');
cmp_ok($next->{order_id}, '>', $last, 'order ids are larger than before');
isnt(substr($next->{client_order_id}, 1, 4), $tags[0], '... and the tag is another');

$session->quit;
$upgraded->stop;
done_testing();
