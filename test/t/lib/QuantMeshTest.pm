# What every TAP test of QuantMesh stands on: PostgreSQL's own test modules, found through pg_config, clusters with
# the library preloaded, and short words for what the tests do all the time.
#
# To be loaded before any other module of a test:
#
#     use FindBin;
#     use lib "$FindBin::RealBin/lib";
#     use QuantMeshTest;
#     use Test::More;
#
# Environment: PG_CONFIG (default pg_config), TESTDIR (where clusters and logs go; default the current folder).
package QuantMeshTest;

use strict;
use warnings;

use Cwd ();

BEGIN
{
	my $pg_config = $ENV{PG_CONFIG} || 'pg_config';
	my $ask = sub {
		my $answer = qx("$pg_config" $_[0]);
		die "$pg_config $_[0] failed\n" if $? != 0;
		chomp $answer;
		return $answer;
	};
	my $pgxs_top = $ask->('--pgxs') =~ s{/src/makefiles/[^/]+$}{}r;

	unshift @INC, "$pgxs_top/src/test/perl";
	$ENV{PATH} = join ':', $ask->('--bindir'), $ENV{PATH}, '/usr/sbin', '/sbin';
	$ENV{PG_REGRESS} ||= "$pgxs_top/src/test/regress/pg_regress";

	# Absolute, so that a test may change its folder.
	$ENV{TESTDIR} = Cwd::abs_path($ENV{TESTDIR} // '.');
	$ENV{TESTDATADIR} //= "$ENV{TESTDIR}/tmp_check";
	$ENV{TESTLOGDIR} //= "$ENV{TESTDIR}/tmp_check/log";

	# A test waits for conditions only, so this is the limit for a machine that is stuck, not a pace.
	$ENV{PG_TEST_TIMEOUT_DEFAULT} ||= 60;
}

use Exporter 'import';
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use QuantMeshSession;
use Test::More;
use Time::HiRes qw(sleep time);

our @EXPORT = qw(
  qm_node qm_session qm_wait qm_wait_up qm_wait_gone qm_sql_errors_ok
  qm_set_standby qm_fence qm_fences_grow qm_log_count qm_wait_log qm_restart_killed qm_pgbench qm_find
);

# qm_node returns a started cluster with the library preloaded and the extension in database postgres. Options: conf
# (more lines of postgresql.conf), init (arguments of init), extension => 0 or preload => 0 to go without.
sub qm_node
{
	my ($name, %option) = @_;
	my $node = PostgreSQL::Test::Cluster->new($name);
	my $preload = $option{preload} // 'quantmesh';

	$node->init(@{ $option{init} // [] });
	$node->append_conf('postgresql.conf', "shared_preload_libraries = '$preload'") if $preload;
	$node->append_conf('postgresql.conf', "log_statement = none\nautovacuum = off\nshared_buffers = 8MB");
	$node->append_conf('postgresql.conf', $option{conf}) if $option{conf};
	$node->start;
	$node->safe_psql('postgres', 'CREATE EXTENSION quantmesh') if $option{extension} // 1;
	return $node;
}

# qm_session opens a session on the node: see QuantMeshSession.
sub qm_session
{
	my ($node, $name, %option) = @_;
	return QuantMeshSession->new($node, $name, %option);
}

# qm_wait returns true as soon as the session's query answers what is expected ('t'), false when it never does.
sub qm_wait
{
	my ($session, $sql, $expected) = @_;
	my $until = time + $PostgreSQL::Test::Utils::timeout_default;
	my $answer = '';

	$expected //= 't';
	while (time < $until)
	{
		$answer = $session->query($sql);
		return 1 if $answer eq $expected;
		sleep 0.01;
	}
	diag "waited in vain for '$expected', last answer '$answer': $sql";
	return 0;
}

# qm_set_standby makes every COMMIT but the session's own wait for a standby of that name, or for nobody (''). What counts is
# the setting as the checkpointer has it, which reads it in its own time: only a session that commits can tell.
sub qm_set_standby
{
	my ($node, $session, $name) = @_;
	$session->query("SET synchronous_commit = local; ALTER SYSTEM SET synchronous_standby_names = '$name'; SELECT pg_reload_conf()");
	ok(qm_wait($session, 'SHOW synchronous_standby_names', $name), "synchronous_standby_names is '$name'");
	return if $name eq '';

	my $probe = qm_session($node, 'probe');
	my $waits = "SELECT coalesce(wait_event, '') = 'SyncRep' FROM pg_stat_activity WHERE pid = " . $probe->pid;
	my $until = time + $PostgreSQL::Test::Utils::timeout_default;
	my $waiting = '';

	while ($waiting ne 't' && time < $until)
	{
		$probe->begin(q{SELECT pg_logical_emit_message(true, 'probe', '')});
		$waiting = $session->query($waits) until $probe->answered || $waiting eq 't';
		$session->query('SELECT pg_cancel_backend(' . $probe->pid . ')') if $waiting eq 't';
		$probe->finish_attempt;
	}
	is($waiting, 't', 'COMMIT waits for the standby from now on');
	$probe->quit;
	return;
}

# qm_wait_up returns once the node accepts connections and its launcher works.
sub qm_wait_up
{
	my ($node) = @_;
	return $node->poll_query_until('postgres', 'SELECT launcher_pid IS NOT NULL AND quantmesh.try_xact_lock(\'up?\') IS NOT NULL FROM quantmesh.lock_engine');
}

# alive says whether the process exists and is more than an entry that nobody has collected.
sub alive
{
	my ($pid) = @_;

	return 0 if !kill 0, $pid;
	return 1 if !open my $stat, '<', "/proc/$pid/stat";
	return <$stat> !~ /\) [ZX] / ? 1 : 0;
}

# qm_wait_gone returns true once none of the processes exists any more.
sub qm_wait_gone
{
	my @pids = @_;
	my $until = time + $PostgreSQL::Test::Utils::timeout_default;

	while (time < $until)
	{
		@pids = grep { alive($_) } @pids;
		return 1 if !@pids;
		sleep 0.01;
	}
	diag "still there: @pids";
	return 0;
}

# qm_restart_killed kills the postmaster with signal 9 and starts the node again, once the server's other processes
# have noticed.
sub qm_restart_killed
{
	my ($node) = @_;
	my $server = $node->safe_psql('postgres', "SELECT string_agg(pid::text, ' ') FROM pg_stat_activity WHERE pid <> pg_backend_pid()");
	my $lock_file = $node->data_dir . '/postmaster.pid';
	my ($postmaster) = split /\n/, slurp_file($lock_file);
	local $Test::Builder::Level = $Test::Builder::Level + 1;

	$node->kill9;
	ok(qm_wait_gone($postmaster, split / /, $server), 'every process of a killed postmaster ends by itself');

	# The lock files stand in the way for as long as nobody collects the dead process; some containers never do.
	my $until = time + 5;
	sleep 0.01 while kill(0, $postmaster) && time < $until;
	unlink $lock_file, $node->host . '/.s.PGSQL.' . $node->port . '.lock' if kill 0, $postmaster;
	$node->start;
	return;
}

# qm_sql_errors_ok checks that each statement of a list fails with the SQLSTATE, and that the message is like pattern.
sub qm_sql_errors_ok
{
	my ($session, $sqlstate, $pattern, @statements) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;

	for my $statement (@statements)
	{
		is($session->attempt($statement), $sqlstate, "$sqlstate: $statement");
		like($session->error, $pattern, '... with a message that helps') if $pattern;
	}
	return;
}

# qm_fence returns a fresh fence of the database.
sub qm_fence
{
	my ($node, $database) = @_;
	return $node->safe_psql($database // 'postgres', "SELECT quantmesh.try_xact_lock('a fence, please')");
}

# qm_fences_grow takes a fence and checks that it is larger than every fence this test has seen of the database.
my %highest_fence;

sub qm_fences_grow
{
	my ($node, $when, %option) = @_;
	my $database = $option{database} // 'postgres';
	my $line = $option{line} // $database;
	my $fence = $option{fence} // qm_fence($node, $database);
	my $before = $highest_fence{$line} // 0;
	local $Test::Builder::Level = $Test::Builder::Level + 1;

	cmp_ok($fence, '>', $before, "fences are larger $when");
	$highest_fence{$line} = $fence if $fence > $before;
	return $fence;
}

# qm_log_count returns how many lines of the server's log, from the offset on, match.
sub qm_log_count
{
	my ($node, $pattern, $offset) = @_;
	my @lines = split /\n/, slurp_file($node->logfile, $offset // 0);
	return scalar grep { /$pattern/ } @lines;
}

# qm_wait_log returns true once so many lines of the server's log, at least one, from the offset on, match.
sub qm_wait_log
{
	my ($node, $pattern, $count, $offset) = @_;
	my $until = time + $PostgreSQL::Test::Utils::timeout_default;

	while (time < $until)
	{
		return 1 if qm_log_count($node, $pattern, $offset) >= ($count // 1);
		sleep 0.02;
	}
	diag "waited in vain for a line of the log: $pattern";
	return 0;
}

# qm_pgbench runs pgbench with the script and checks that no client met an error.
sub qm_pgbench
{
	my ($node, $name, $options, $script, %connection) = @_;
	my $file = $node->basedir . "/$name.pgbench";
	my ($out, $err);
	local $Test::Builder::Level = $Test::Builder::Level + 1;

	append_to_file($file, $script);
	my $done = IPC::Run::run(
		[
			'pgbench', '-n', '-h', $connection{host} // $node->host, '-p', $connection{port} // $node->port,
			@$options, '-f', $file, 'postgres'
		],
		'>', \$out, '2>', \$err, IPC::Run::timeout(2 * $PostgreSQL::Test::Utils::timeout_default));
	ok($done, "pgbench: $name") or diag $err;
	return;
}

# qm_find returns where the program is, or undef.
sub qm_find
{
	my ($program) = @_;
	for my $folder (split /:/, $ENV{PATH})
	{
		return "$folder/$program" if -x "$folder/$program";
	}
	return;
}

1;
