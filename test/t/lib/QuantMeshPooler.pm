# A PgBouncer in transaction mode before a node, for every database of it. It is ended when the test ends.
#
#     my $pooler = QuantMeshPooler->new($node);       undef when PgBouncer is not installed
#     my $session = qm_session($node, 'pooled', $pooler->address);
#     $pooler->stop;
package QuantMeshPooler;

use strict;
use warnings;

use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use QuantMeshTest;
use Time::HiRes qw(sleep);

my @poolers;

# new starts it and returns when it accepts connections. Options: servers, the connections per database.
sub new
{
	my ($class, $node, %option) = @_;
	my $program = qm_find('pgbouncer') or return;
	my $folder = PostgreSQL::Test::Utils::tempdir_short();
	my $port = PostgreSQL::Test::Cluster::get_free_port();
	my $user = $node->safe_psql('postgres', 'SELECT current_user');
	my $servers = $option{servers} // 4;

	append_to_file("$folder/users.txt", qq{"$user" ""\n});
	append_to_file("$folder/pgbouncer.ini", <<"INI");
[databases]
* = host=@{[ $node->host ]} port=@{[ $node->port ]} user=$user
[pgbouncer]
listen_port = $port
unix_socket_dir = $folder
auth_type = trust
auth_file = $folder/users.txt
pool_mode = transaction
default_pool_size = $servers
max_client_conn = 400
ignore_startup_parameters = extra_float_digits
logfile = $folder/pgbouncer.log
INI
	# Its output goes to a file: into a pipe that nobody reads it would stop.
	my $run = IPC::Run::start([ $program, '-q', "$folder/pgbouncer.ini" ], '<', '/dev/null', '>&', "$folder/pgbouncer.out");
	my $self = bless { folder => $folder, port => $port, user => $user, run => $run }, $class;
	push @poolers, $self;

	my $until = time + $PostgreSQL::Test::Utils::timeout_default;
	my @ping = ('psql', '-XAtq', '-h', $folder, '-p', $port, '-c', 'SELECT 1', 'postgres');
	until (IPC::Run::run(\@ping, '>', \my $out, '2>', \my $err))
	{
		die "pgbouncer does not answer: $err" if time > $until;
		sleep 0.05;
	}
	return $self;
}

# address returns host and port, as qm_session takes them.
sub address { return (host => $_[0]{folder}, port => $_[0]{port}); }

# stop ends it.
sub stop
{
	my ($self) = @_;
	my $run = delete $self->{run} or return;

	$run->signal('TERM');
	eval { $run->finish; };
	return;
}

END
{
	my $status = $?;
	eval { $_->{run}->kill_kill if $_->{run}; } for @poolers;
	$? = $status;
}

1;
