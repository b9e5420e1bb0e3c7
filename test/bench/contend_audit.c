/*
 * The audit: what a contender's users lose while holders are stopped for three
 * times their TTL, in the middle of what the lock guards.
 *
 * Sections: for each key several clients add their name to a shared set, once
 * each: they read it under the lock, and write it back as a whole. The first one
 * of each key to get there stops itself (SIGSTOP) between the two, and is
 * continued later, as a process that was swapped out or a virtual machine that
 * was moved. A name that its client believes to be in the set and that is not
 * there is a lost update.
 *
 * Orders: for each slot the same clients want to have one order at the exchange,
 * which takes all that it is sent. They look under the lock whether there is one,
 * record theirs and send it; the first one stops after it has looked, or, where
 * a statement looks and records at once, before it sends. Every order for a slot
 * after the first is a duplicate.
 */
#include "contend.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define TTL_MS 200
#define PAUSE_TTLS 3
#define TAKE_NS_MAX 60000000000LL
#define STOPS_MAX 1024
#define SET_SIZE 8192

typedef struct Client
{
    bool done;       /* it believes that its name is in the set, or that its order was sent */
    bool told;       /* it was stopped, and knows that its section or order did not count */
    int64_t wait_ns; /* until it had the lock, or was told that it need not have it */
    pid_t pid;
    int64_t continue_ns; /* 0: it is not stopped */
} Client;

typedef struct Share
{
    int keys;
    int clients;
    int first_key;
    int ttl_ms;
    bool orders;
    atomic_bool go;
    atomic_int ready;
    atomic_bool stopped[STOPS_MAX]; /* of each key: its first client has been stopped */
    atomic_int stops;
    Client client[STOPS_MAX]; /* those of key k from k * clients on */
} Share;

static Share *share;
static PGconn *exchange; /* of this process */
static bool was_stopped;

void
exchange_send(Worker *worker)
{
    const char *values[] = {worker->key, worker->owner};
    PGresult *result =
        PQexecParams(exchange, "INSERT INTO bench.exchange VALUES ($1, $2)", 2, NULL, values, NULL, NULL, 0);

    if (PQresultStatus(result) != PGRES_COMMAND_OK)
        fail("the exchange: %s", PQerrorMessage(exchange));
    PQclear(result);
}

/* pause_first stops this process if it is the first one of its key to get here. */
static void
pause_first(Worker *worker)
{
    bool expected = false;

    if (!atomic_compare_exchange_strong(&share->stopped[worker->number / share->clients], &expected, true))
        return;
    was_stopped = true;
    atomic_fetch_add(&share->stops, 1);
    raise(SIGSTOP);
}

/* change_of makes a change under the lock in the contender's way. */
static bool
change_of(Worker *worker, const Contender *lock, const char *statement, const char *value)
{
    if (lock->change)
        return lock->change(worker, statement, value);
    return sql_try(worker, statement, 2, (const char *const[]){worker->key, value}) == 1;
}

/* add_name adds the worker's name to its key's set, and says whether it believes that it did. */
static bool
add_name(Worker *worker, const Contender *lock)
{
    char members[SET_SIZE];
    bool written, kept;
    int64_t begin = now_ns();

    take(worker, begin + TAKE_NS_MAX);
    share->client[worker->number].wait_ns = now_ns() - begin;
    sql_run(worker, "read", 1, (const char *const[]){worker->key});
    snprintf(members, sizeof members, "%s %s", sql_value(worker), worker->owner);
    worker->pause(worker);
    written = change_of(worker, lock, "write", members);
    kept = lock->give(worker);
    return written && kept;
}

/* place_guarded places an order whose guard is the lock, and says whether it was sent. */
static bool
place_guarded(Worker *worker, const Contender *lock)
{
    bool recorded, free_slot;
    int64_t begin = now_ns();

    take(worker, begin + TAKE_NS_MAX);
    share->client[worker->number].wait_ns = now_ns() - begin;
    free_slot = sql_run(worker, "look", 1, (const char *const[]){worker->key}) == 0;
    if (!free_slot)
    {
        lock->give(worker);
        return false;
    }
    worker->pause(worker);
    recorded = change_of(worker, lock, "record", worker->owner);
    if (lock->gives_by_commit)
        recorded = lock->give(worker) && recorded; /* nothing is sent that is not recorded */
    if (recorded)
        exchange_send(worker);
    if (!lock->gives_by_commit)
        lock->give(worker);
    return recorded;
}

/* place_own places an order in the contender's own way. */
static bool
place_own(Worker *worker)
{
    int64_t begin = now_ns();
    bool sent = worker->contender->desk(worker);

    if (!was_stopped)
        share->client[worker->number].wait_ns = now_ns() - begin;
    return sent;
}

/* run_client is one client, in a process of its own. */
static void
run_client(const Contender *contender, int number)
{
    const Contender *lock = contender->guard ? contender->guard : contender;
    Worker worker;
    Client *self = &share->client[number];

    worker_open(&worker, contender, number, share->first_key + number / share->clients);
    worker.ttl_ms = share->ttl_ms;
    worker.expires = true;
    worker.pause = pause_first;
    if (worker.pg)
    {
        sql_prepare(&worker, "read", "SELECT members FROM bench.shared_set WHERE key = $1");
        sql_prepare(&worker, "write", "UPDATE bench.shared_set SET members = $2 WHERE key = $1");
        sql_prepare(&worker, "look", "SELECT FROM bench.desk WHERE slot = $1");
        sql_prepare(&worker, "record", "INSERT INTO bench.desk (slot, owner) VALUES ($1, $2)");
    }
    exchange = PQconnectdb("");
    if (PQstatus(exchange) != CONNECTION_OK)
        fail("the exchange: %s", PQerrorMessage(exchange));
    atomic_fetch_add(&share->ready, 1);
    while (!atomic_load(&share->go))
        usleep(100);

    if (!share->orders)
        self->done = add_name(&worker, lock);
    else if (contender->desk)
        self->done = place_own(&worker);
    else
        self->done = place_guarded(&worker, lock);
    self->told = was_stopped && !self->done;
}

/* continue_stopped waits for all clients, and continues those that have been stopped for long enough. */
static void
continue_stopped(int count)
{
    int left = count;

    while (left > 0)
    {
        int status;
        pid_t pid = waitpid(-1, &status, WUNTRACED | WNOHANG);

        for (int number = 0; number < count; number++)
        {
            Client *client = &share->client[number];

            if (pid > 0 && client->pid == pid && WIFSTOPPED(status))
                client->continue_ns = now_ns() + (int64_t) share->ttl_ms * PAUSE_TTLS * 1000000;
            if (client->continue_ns > 0 && now_ns() >= client->continue_ns)
            {
                client->continue_ns = 0;
                kill(client->pid, SIGCONT);
            }
        }
        if (pid > 0 && !WIFSTOPPED(status))
        {
            if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
                fail("a client of the audit failed");
            left--;
        }
        if (pid <= 0)
            usleep(500);
    }
}

/* ask runs a statement on the auditor's connection and returns its first value, to be freed. */
static char *
ask(PGconn *auditor, const char *statement, const char *value)
{
    PGresult *result = PQexecParams(auditor, statement, value != NULL, NULL, &value, NULL, NULL, 0);
    char *answer;

    if (PQresultStatus(result) != PGRES_TUPLES_OK && PQresultStatus(result) != PGRES_COMMAND_OK)
        fail("the auditor: %s", PQerrorMessage(auditor));
    answer = strdup(PQntuples(result) > 0 ? PQgetvalue(result, 0, 0) : "");
    PQclear(result);
    if (!answer)
        fail("no memory");
    return answer;
}

/* is_member says whether a name is in a set. */
static bool
is_member(const char *members, const char *name)
{
    size_t length = strlen(name);

    for (const char *found = members; (found = strstr(found, name)); found += length)
        if (found > members && found[-1] == ' ' && (found[length] == ' ' || found[length] == '\0'))
            return true;
    return false;
}

/* count_lost counts the clients of one round whose name should be in their set and is not. */
static int
count_lost(PGconn *auditor)
{
    int lost = 0;

    for (int number = 0; number < share->keys * share->clients; number++)
    {
        const Client *client = &share->client[number];
        char key[KEY_SIZE], name[KEY_SIZE], *members;

        if (!client->done)
            continue;
        snprintf(key, sizeof key, WORKER_KEY, share->first_key + number / share->clients);
        snprintf(name, sizeof name, WORKER_OWNER, (int) client->pid, number);
        members = ask(auditor, "SELECT members FROM bench.shared_set WHERE key = $1", key);
        lost += !is_member(members, name);
        free(members);
    }
    return lost;
}

typedef struct Findings
{
    int cases; /* sections done, or slots */
    int stops;
    int told;
    int wrong; /* lost updates, or duplicate orders */
    int64_t wait_ns_max;
} Findings;

/* audit_round lets all clients do one section or order each, and adds what was found. */
static void
audit_round(const Contender *contender, PGconn *auditor, Findings *findings)
{
    int count = share->keys * share->clients;

    free(ask(auditor, "TRUNCATE bench.shared_set, bench.desk, bench.desk_unique, bench.exchange", NULL));
    for (int key = 0; key < share->keys; key++)
    {
        char name[KEY_SIZE];

        snprintf(name, sizeof name, WORKER_KEY, share->first_key + key);
        free(ask(auditor, "INSERT INTO bench.shared_set VALUES ($1, '')", name));
        atomic_store(&share->stopped[key], false);
    }
    atomic_store(&share->ready, 0);
    atomic_store(&share->go, false);
    atomic_store(&share->stops, 0);
    memset(share->client, 0, sizeof share->client);
    for (int number = 0; number < count; number++)
    {
        pid_t pid = worker_fork();

        if (pid == 0)
        {
            run_client(contender, number);
            _exit(0);
        }
        share->client[number].pid = pid;
    }
    workers_ready(&share->ready, count);
    atomic_store(&share->go, true);
    continue_stopped(count);

    findings->stops += atomic_load(&share->stops);
    for (int number = 0; number < count; number++)
    {
        const Client *client = &share->client[number];

        findings->told += client->told;
        findings->cases += share->orders ? 0 : client->done;
        if (client->wait_ns > findings->wait_ns_max)
            findings->wait_ns_max = client->wait_ns;
    }
    if (share->orders)
    {
        char *duplicates = ask(auditor, "SELECT count(*) - count(DISTINCT slot) FROM bench.exchange", NULL);

        findings->cases += share->keys;
        findings->wrong += atoi(duplicates);
        free(duplicates);
    }
    else
        findings->wrong += count_lost(auditor);
}

void
bench_audit(const Contender *contender, int keys, int clients, int rounds)
{
    const Contender *lock = contender->guard ? contender->guard : contender;
    PGconn *auditor = PQconnectdb("");
    Findings findings = {0};

    if (keys < 1 || clients < 2 || keys * clients > WORKERS_MAX || (!lock->attempt && !contender->desk))
        fail("an audit needs a lock or an order of its own, 2 clients and at most %d in all", WORKERS_MAX);
    if (PQstatus(auditor) != CONNECTION_OK)
        fail("the auditor: %s", PQerrorMessage(auditor));
    share = shared_new(sizeof *share);
    share->keys = keys;
    share->clients = clients;
    share->orders = contender->in_order;
    share->ttl_ms = lock->ttl_ms_min > TTL_MS ? lock->ttl_ms_min : TTL_MS;
    for (int round = 0; round < rounds; round++)
    {
        share->first_key = 1000 + round * keys;
        audit_round(contender, auditor, &findings);
    }
    /* An audit in which nobody was stopped has looked at nothing. */
    if (findings.stops < rounds * keys)
        fail("%s: only %d holders were stopped", contender->name, findings.stops);
    printf("cases=%d stops=%d told=%d wrong=%d wait_ms_max=%.0f ttl_ms=%d\n",
           findings.cases,
           findings.stops,
           findings.told,
           findings.wrong,
           (double) findings.wait_ns_max / 1e6,
           share->ttl_ms);
    PQfinish(auditor);
}
