/*
 * Takeover: how long a market is without an owner after its owner was killed.
 *
 * Each member is a process of its own, with the member of `quantmesh run` and
 * nothing else. The parent kills the owner with SIGKILL and waits until another
 * process has been told that the market is its own; both read the same monotonic
 * clock. Nobody may be told before the killed one's own trust was over. It is
 * replaced before the next round.
 */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "member.h"

#define MEMBERS 3
#define ROUNDS_MAX 1000
#define QUIET_US 3000000     /* nobody has gained for so long: the market stays where it is */
#define PATIENCE_US 60000000 /* a takeover that takes longer has failed */

/* What a child has to say: one line of a pipe, shorter than PIPE_BUF. */
typedef struct News
{
    int64_t at_us;
    int32_t serial;
    bool gained; /* else: it is alive */
} News;

typedef struct Child
{
    pid_t pid;
    int32_t serial;
} Child;

static const char *conninfo;
static int64_t ttl_ms;
static int news[2];
static int32_t my_serial;
static Child children[MEMBERS];
static _Atomic int64_t *trusted_until_us; /* of each place, in memory that all share */
static int32_t serials;

/* die says why and ends the program, and the children with it. */
static void
die(const char *why)
{
    fprintf(stderr, "takeover: %s\n", why);
    exit(2);
}

/* tell writes news to the parent. */
static void
tell(bool gained)
{
    const News line = {.at_us = qm_member_now_us(), .serial = my_serial, .gained = gained};

    if (write(news[1], &line, sizeof(line)) != (ssize_t) sizeof(line))
        _exit(2);
}

static QmExchange *
no_exchange(void *argument, const char *account)
{
    (void) argument;
    (void) account;
    return NULL;
}

static void
gained(void *argument, const char *account, const char *symbol, const char *mode)
{
    (void) argument;
    (void) account;
    (void) symbol;
    (void) mode;
    tell(true);
}

/* live is a child: a member, until it is killed. */
static void
live(int place)
{
    const char *const markets[] = {"binance:BTCUSDT"};
    char name[32];
    QmMemberOptions options = {
        .database = {.conninfo = conninfo},
        .instance = name,
        .markets = markets,
        .market_count = 1,
        .ttl_ms = ttl_ms,
        .functions = {.exchange = no_exchange, .gained = gained},
    };
    QmMember *member;
    bool said = false;

    snprintf(name, sizeof(name), "takeover-%" PRId32, my_serial);
    if (qm_member_open(&options, &member, NULL) != QM_OK)
        _exit(2);
    for (;;)
    {
        int64_t left_us = qm_member_due_us(member) - qm_member_now_us();

        if (left_us > 0)
            (void) poll(NULL, 0, (int) (left_us / 1000) + 1);
        qm_member_run(member);
        trusted_until_us[place] = qm_member_trusted_until_us(member);
        if (!said && qm_member_epoch(member) != 0)
            tell(false);
        said = said || qm_member_epoch(member) != 0;
    }
}

/* start starts a child in a place. */
static void
start(int place)
{
    children[place].serial = ++serials;
    children[place].pid = fork();
    if (children[place].pid < 0)
        die("cannot fork");
    if (children[place].pid > 0)
        return;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    my_serial = children[place].serial;
    live(place);
}

/* hear waits for news; false when there are none for so long. */
static bool
hear(News *line, int64_t wait_us)
{
    struct pollfd fd = {.fd = news[0], .events = POLLIN};
    int64_t end_us = qm_member_now_us() + wait_us;
    int ready;

    do
    {
        int64_t left_us = end_us - qm_member_now_us();

        ready = poll(&fd, 1, left_us <= 0 ? 0 : (int) (left_us / 1000) + 1);
    } while (ready < 0 && errno == EINTR);
    return ready > 0 && read(news[0], line, sizeof(*line)) == (ssize_t) sizeof(*line);
}

/* place_of returns where a child is; -1: it was killed. */
static int
place_of(int32_t serial)
{
    for (int i = 0; i < MEMBERS; i++)
        if (children[i].serial == serial)
            return i;
    return -1;
}

/* settle waits until a child is alive, if one was started, and the market stays; returns its owner's place. */
static int
settle(int32_t awaited, int owner)
{
    int64_t end_us = qm_member_now_us() + PATIENCE_US;
    News line;

    while (qm_member_now_us() < end_us)
    {
        if (!hear(&line, QUIET_US))
        {
            if (awaited == 0 && owner >= 0)
                return owner;
            continue;
        }
        if (line.gained)
            owner = place_of(line.serial);
        else if (line.serial == awaited)
            awaited = 0;
    }
    die("the market has no owner");
    return -1;
}

static int
compare(const void *left, const void *right)
{
    int64_t a = *(const int64_t *) left, b = *(const int64_t *) right;

    return (a > b) - (a < b);
}

/* play kills the owner and returns how long it took until another had the market, and in *owner who. */
static int64_t
play(int *owner)
{
    int dead = *owner;
    int64_t killed_us = qm_member_now_us();
    News line;

    if (kill(children[dead].pid, SIGKILL) != 0 || waitpid(children[dead].pid, NULL, 0) != children[dead].pid)
        die("the owner is gone already");
    do
    {
        if (!hear(&line, PATIENCE_US))
            die("nobody has taken the market over");
    } while (!line.gained || line.serial == children[dead].serial);
    if (line.at_us < trusted_until_us[dead])
        die("the market had a second owner while the first could still trust in it");
    start(dead);
    *owner = settle(children[dead].serial, place_of(line.serial));
    return line.at_us - killed_us;
}

int
main(int argc, char **argv)
{
    int64_t took_us[ROUNDS_MAX];
    int rounds = argc == 4 ? atoi(argv[3]) : 0;
    int owner;

    if (rounds < 1 || rounds > ROUNDS_MAX)
        die("usage: takeover CONNINFO TTL_MS ROUNDS");
    conninfo = argv[1];
    ttl_ms = atol(argv[2]);
    /* cppcheck-suppress invalidFunctionArg ; memory that is of no file wants -1 */
    trusted_until_us = mmap(NULL, sizeof(int64_t[MEMBERS]), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (trusted_until_us == MAP_FAILED || pipe(news) != 0)
        die("cannot make a pipe, or memory to share");
    for (int i = 0; i < MEMBERS; i++)
        start(i);
    owner = settle(children[MEMBERS - 1].serial, -1);
    for (int i = 0; i < rounds; i++)
        took_us[i] = play(&owner);
    for (int i = 0; i < MEMBERS; i++)
        kill(children[i].pid, SIGKILL);
    qsort(took_us, (size_t) rounds, sizeof(*took_us), compare);
    printf("ttl %" PRId64 " ms, %d owners killed: another was told after %.0f ms (median), %.0f to %.0f ms\n",
           ttl_ms,
           rounds,
           (double) took_us[rounds / 2] / 1000,
           (double) took_us[0] / 1000,
           (double) took_us[rounds - 1] / 1000);
    return 0;
}
