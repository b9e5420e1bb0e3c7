# An instance: a process of its own that registers, sends heartbeats, and answers what it is given, each by a psql of its
# own, as through a pooler. Every instance is ended when the test ends.
#
#     my $one = QuantMeshInstance->new($node, 'one', markets => 'acc:*', ttl => 2);
#     $one->epoch;                what register_instance answered
#     $one->kill9;                ends it as a crash does
#     $one->ended;                whether it has ended by itself, as it does when it is told that its life is over
#
# It says done to whatever it is given, claims intents when it is told that there are some, and fails what would need an
# exchange.
package QuantMeshInstance;

use strict;
use warnings;

use Carp;
use IPC::Run;
use PostgreSQL::Test::Utils;
use Time::HiRes qw(sleep time);

my @instances;

# new starts the process and returns once it has registered.
sub new
{
	my ($class, $node, $name, %option) = @_;
	my $ttl = $option{ttl} // 2;
	my $life = $option{life} // "$name $$ " . time;
	my $markets = $option{markets} // 'acc:*';
	my $folder = PostgreSQL::Test::Utils::tempdir();
	my $connection = sprintf "host=%s port=%s dbname=postgres application_name=%s", $option{host} // $node->host,
	  $option{port} // $node->port, $name;
	my $script = <<'SCRIPT';
ask() { psql -XAtq -d "$connection" -c "$1" 2>>"$folder/errors"; }
until epoch=$(ask "SELECT epoch FROM quantmesh.register_instance('$name', '{$markets}', ttl => '$ttl s', life => '$life')"); do
    grep -q ERROR "$folder/errors" && exit 1
    sleep 0.1
done
echo "$epoch" >"$folder/epoch.new" && mv "$folder/epoch.new" "$folder/epoch"
while :; do
    ask "WITH task AS MATERIALIZED (SELECT * FROM quantmesh.heartbeat('$name', $epoch)),
         claimed AS MATERIALIZED (SELECT count(*) FROM task AS t, quantmesh.claim_orders(t.account, '$name', $epoch) WHERE t.kind = 'submit_order')
         SELECT count(quantmesh.finish_task(t.account, t.task_id, '$name', $epoch,
                CASE WHEN t.kind IN ('snapshot', 'query_order', 'cancel_order') THEN 'failed' ELSE 'done' END)) FROM task AS t, claimed"
    # 1 is an SQL error; 2, no connection, may pass.
    if [ $? = 1 ] && ! tail -n 3 "$folder/errors" | grep -qE 'shutting down|starting up|terminat|recovery'; then exit 1; fi
    sleep "$pause"
done >/dev/null
SCRIPT
	local %ENV = (
		%ENV,
		connection => $connection,
		name => $name,
		markets => $markets,
		ttl => $ttl,
		life => $life,
		folder => $folder,
		pause => $ttl / 6);
	my $self = bless { name => $name, folder => $folder, life => $life }, $class;

	$self->{run} = IPC::Run::start([ 'bash', '-c', $script ], '<', '/dev/null', '>', '/dev/null', '2>', '/dev/null');
	push @instances, $self;
	my $until = time + $PostgreSQL::Test::Utils::timeout_default;
	sleep 0.01 until -e "$folder/epoch" || $self->ended || time > $until;
	croak "$name has not registered: " . $self->errors if !-e "$folder/epoch" && !$option{may_fail};
	return $self;
}

# epoch returns the epoch, name and life what it is registered under, errors what psql said.
sub epoch { my $epoch = slurp_file("$_[0]{folder}/epoch"); chomp $epoch; return $epoch; }
sub name { return $_[0]{name}; }
sub life { return $_[0]{life}; }
sub errors { return -e "$_[0]{folder}/errors" ? slurp_file("$_[0]{folder}/errors") : ''; }

# ended says whether the process has ended. It has no pipes to be pumped.
sub ended
{
	my ($self) = @_;
	$self->{run}->reap_nb;
	return !$self->{run}->_running_kids;
}

# kill9 ends the process at once.
sub kill9
{
	my ($self) = @_;
	kill 9, $self->{run}{KIDS}[0]{PID};
	eval { $self->{run}->finish; };
	return;
}

END
{
	my $status = $?;
	$_->kill9 for grep { !$_->ended } @instances;
	$? = $status;
}

1;
