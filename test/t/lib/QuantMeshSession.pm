# A session: one psql that is talked to statement by statement, waited for or not, and whose process and backend can
# be stopped and killed. Every session is ended when the test ends, also a stopped one.
#
#     my $holder = qm_session($node, 'holder');          application_name is 'holder'
#     my $fence = $holder->query("SELECT ...");          dies when it fails
#     is($holder->attempt("SELECT ..."), '22023', ...);  SQLSTATE, or '' when it went well
#     $holder->begin("SELECT ...");                      does not wait for the answer ...
#     my $answer = $holder->finish;                      ... and this does
package QuantMeshSession;

use strict;
use warnings;

use Carp;
use IPC::Run;
use Scalar::Util qw(weaken);
use Test::More;

my @sessions;

# new connects to the node. Options: database, user, host, port.
sub new
{
	my ($class, $node, $name, %option) = @_;
	my $connection = sprintf "host='%s' port='%s' dbname='%s' application_name='%s'%s",
	  $option{host} // $node->host, $option{port} // $node->port, $option{database} // 'postgres', $name,
	  $option{user} ? " user='$option{user}'" : '';
	my $self = bless { name => $name, in => '', out => '', err => '', turn => 0, output => '', error => '' }, $class;

	$self->{timer} = IPC::Run::timer($PostgreSQL::Test::Utils::timeout_default);
	$self->{psql} = IPC::Run::start(
		[ $node->installed_command('psql'), '-XAtq', '-v', 'VERBOSITY=verbose', '-d', $connection, '-f', '-' ],
		'<', \$self->{in}, '>', \$self->{out}, '2>', \$self->{err}, $self->{timer});
	push @sessions, $self;
	weaken $sessions[-1];
	$self->{pid} = $self->query('SELECT pg_backend_pid()');
	return $self;
}

# pid returns the backend's process id, client_pid that of psql.
sub pid { return $_[0]{pid}; }
sub client_pid { return $_[0]{psql}{KIDS}[0]{PID}; }

# output and error return what the last statement printed.
sub output { return $_[0]{output}; }
sub error { return $_[0]{error}; }

# begin sends SQL (or psql commands) and does not wait.
sub begin
{
	my ($self, $sql) = @_;

	croak "$self->{name} has not finished its last statement" if $self->{busy};
	$self->{busy} = 1;
	$self->{mark} = "-- end of turn " . ++$self->{turn} . " --";
	$self->{in} .= "$sql\n;\n\\echo '$self->{mark}'\n\\warn '$self->{mark}'\n";
	eval { $self->{psql}->pump_nb while length $self->{in} && $self->{psql}->pumpable; };
	return;
}

# settle waits for the answer, or for psql's end, and sorts it into output and error.
sub settle
{
	my ($self) = @_;
	my $mark = qr/^\Q$self->{mark}\E\n/m;

	$self->{timer}->start;
	eval {
		until ($self->{out} =~ $mark && $self->{err} =~ $mark)
		{
			last if !$self->{psql}->pumpable || $self->{timer}->is_expired;
			$self->{psql}->pump;
		}
	};
	croak "$self->{name} got no answer in time" if $self->{timer}->is_expired;
	$self->{timer}->reset;
	$self->{lost} = 1 if $self->{out} !~ $mark;

	($self->{output}, $self->{error}) = ($self->{out}, $self->{err});
	s/$mark// for $self->{output}, $self->{error};
	chomp $self->{output};
	$self->{out} = $self->{err} = '';
	$self->{busy} = 0;
	note "$self->{name}: $self->{error}" if $self->{error} ne '';
	return;
}

# answered says whether the answer to what was begun is there already.
sub answered
{
	my ($self) = @_;
	eval { $self->{psql}->pump_nb if $self->{psql}->pumpable; };
	return $self->{out} =~ /^\Q$self->{mark}\E\n/m ? 1 : 0;
}

# finish waits for what was begun and returns its output; it dies when it failed.
sub finish
{
	my ($self) = @_;
	my $sqlstate = $self->finish_attempt;

	croak "$self->{name} failed: $self->{error}" if $sqlstate ne '';
	return $self->{output};
}

# finish_attempt waits for what was begun and returns the first SQLSTATE it met, or ''.
sub finish_attempt
{
	my ($self) = @_;

	$self->settle;
	return $1 if $self->{error} =~ /(?:ERROR|FATAL|PANIC):\s+([0-9A-Z]{5}):/;
	return $self->{lost} ? 'lost' : '';
}

# query returns the output and dies on error; attempt returns the SQLSTATE, '' for none.
sub query
{
	my ($self, $sql) = @_;
	$self->begin($sql);
	return $self->finish;
}

sub attempt
{
	my ($self, $sql) = @_;
	$self->begin($sql);
	return $self->finish_attempt;
}

# is_lost says whether the connection has ended (known after a statement).
sub is_lost { return $_[0]{lost} ? 1 : 0; }

# stop_client and continue_client stop and continue psql, not its backend.
sub stop_client
{
	my ($self) = @_;
	kill 'STOP', $self->client_pid or croak "cannot stop $self->{name}";
	return;
}

sub continue_client
{
	my ($self) = @_;
	kill 'CONT', $self->client_pid or croak "cannot continue $self->{name}";
	return;
}

# quit closes the session.
sub quit
{
	my ($self) = @_;
	my $psql = delete $self->{psql} or return;

	$self->{in} .= "\\q\n";
	eval { $psql->finish; };
	return;
}

# cut ends psql at once, as a client that crashes.
sub cut
{
	my ($self) = @_;
	my $psql = delete $self->{psql} or return;

	kill 'CONT', $psql->{KIDS}[0]{PID};
	eval { $psql->kill_kill; };
	return;
}

sub DESTROY
{
	my ($self) = @_;
	local ($?, $@);
	$self->cut;
	return;
}

# Also when a test dies, nothing is left running.
END
{
	my $status = $?;
	$_->cut for grep { defined } @sessions;
	$? = $status;
}

1;
