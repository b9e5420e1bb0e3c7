/*
 * Followers of the paper exchange: instances that the next step of data waits for.
 * A follower is bound to the connection by which it spoke last; when that goes, it
 * has left, so that one that was killed stops nobody.
 */
#include "paper_server_inside.h"

#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "error.h"

static void gone(void *context, uint32_t events);
static void leave(QmPaperServer *server, const char *name);
static QmPaperAsked *asked_of(QmPaperServer *server, const char *name);

/* qm_paper_bond_new makes the bond of a connection of the admin port, at which nobody is yet. NULL: no memory. */
QmPaperBond *
qm_paper_bond_new(QmPaperServer *server, int fd)
{
    QmPaperBond *bond = calloc(1, sizeof(*bond));

    if (bond == NULL)
        return NULL;
    bond->server = server;
    bond->watch = (QmPaperWatch){.fd = fd, .events = EPOLLRDHUP, .ready = gone, .context = bond};
    bond->next = server->bonds;
    server->bonds = bond;
    return bond;
}

/* qm_paper_bond_end ends a bond: its connection is closed after this. It is freed at the end of the turn. */
void
qm_paper_bond_end(QmPaperBond *bond)
{
    gone(bond, 0);
    bond->is_dead = true;
}

/* qm_paper_bonds_sweep frees bonds that have ended. */
void
qm_paper_bonds_sweep(QmPaperServer *server)
{
    QmPaperBond **place = &server->bonds;

    while (*place != NULL)
    {
        QmPaperBond *bond = *place;

        if (!bond->is_dead)
        {
            place = &bond->next;
            continue;
        }
        *place = bond->next;
        free(bond);
    }
}

/* gone notes that a follower's connection has gone, or is about to. */
static void
gone(void *context, uint32_t events)
{
    QmPaperBond *bond = context;
    char name[QM_PAPER_NAME_SIZE];

    (void) events;
    if (bond->is_dead || bond->name[0] == '\0')
        return;
    qm_paper_watch_remove(&bond->server->loop, &bond->watch);
    qm_text_copy(name, sizeof(name), bond->name);
    bond->name[0] = '\0';
    leave(bond->server, name);
}

/* join makes whoever calls a follower, bound to its connection. False, and the call has its error. */
static bool
join(QmPaperCall *call, const char *name)
{
    QmPaperServer *server = call->server;

    if (call->bond == NULL || strlen(name) >= QM_PAPER_NAME_SIZE || !qm_paper_world_follow(server->world, name))
    {
        qm_paper_call_error(call, 400, -1003, "Too many followers, or too long a name.");
        return false;
    }
    if (strcmp(call->bond->name, name) == 0)
        return true;
    for (QmPaperBond *other = server->bonds; other != NULL; other = other->next)
        if (!other->is_dead && strcmp(other->name, name) == 0)
        {
            qm_paper_watch_remove(&server->loop, &other->watch);
            other->name[0] = '\0';
        }
    gone(call->bond, 0);
    if (!qm_paper_watch_add(&server->loop, &call->bond->watch))
    {
        leave(server, name);
        qm_paper_call_body(call, NULL);
        return false;
    }
    qm_text_copy(call->bond->name, sizeof(call->bond->name), name);
    return true;
}

/* qm_paper_admin_follow makes whoever calls a follower. */
void
qm_paper_admin_follow(QmPaperCall *call)
{
    const char *name = qm_paper_need(call, "name");

    if (name != NULL && join(call, name))
        qm_paper_admin_state(call);
}

/* asked_of finds what a follower has asked for; a free place where there is nothing. There are as many places as followers. */
static QmPaperAsked *
asked_of(QmPaperServer *server, const char *name)
{
    QmPaperAsked *place = NULL;

    for (int i = 0; i < QM_PAPER_FOLLOWERS_MAX; i++)
    {
        QmPaperAsked *asked = &server->asked[i];

        if (asked->call != NULL && strcmp(asked->name, name) == 0)
            return asked;
        if (asked->call == NULL && place == NULL)
            place = asked;
    }
    return place;
}

/* answer_asked answers what a follower has asked for with how things stand. */
static void
answer_asked(QmPaperAsked *asked)
{
    QmPaperCall *call = asked->call;

    asked->call = NULL;
    qm_paper_admin_state(call);
    qm_paper_call_answer(call);
}

/* qm_paper_admin_step asks for the next step of data, and waits for it. Who asks again while waiting lets the first question be answered. */
void
qm_paper_admin_step(QmPaperCall *call)
{
    QmPaperServer *server = call->server;
    const char *name = qm_paper_need(call, "name");
    QmPaperAsked *asked;
    int64_t seen;

    if (name == NULL || !qm_paper_whole(call, "seen", qm_paper_world_step(server->world), &seen) || !join(call, name))
        return;
    asked = asked_of(server, name);
    if (asked == NULL)
    {
        qm_paper_call_error(call, 400, -1003, "Too many followers, or too long a name.");
        return;
    }
    if (asked->call != NULL)
        answer_asked(asked);
    qm_text_copy(asked->name, sizeof(asked->name), name);
    asked->call = call;
    asked->seen_step = seen;
    call->is_waiting = true;
    qm_paper_world_ready(server->world, name, seen);
}

/* qm_paper_admin_leave lets the exchange go on without a follower. */
void
qm_paper_admin_leave(QmPaperCall *call)
{
    const char *name = qm_paper_need(call, "name");

    if (name == NULL)
        return;
    leave(call->server, name);
    qm_paper_admin_state(call);
}

/* leave lets the exchange go on without a follower, and answers what it still waits for. */
static void
leave(QmPaperServer *server, const char *name)
{
    QmPaperAsked *asked = asked_of(server, name);

    qm_paper_world_leave(server->world, name);
    if (asked != NULL && asked->call != NULL)
        answer_asked(asked);
}

/* qm_paper_admin_steps answers those whose step has been done and who can know all that it brought. */
void
qm_paper_admin_steps(QmPaperServer *server)
{
    int64_t now_step = qm_paper_world_step(server->world);
    bool ended = qm_paper_world_has_ended(server->world);
    bool drained = qm_paper_sockets_drained(server);

    server->has_undrained_step = false;
    for (int i = 0; i < QM_PAPER_FOLLOWERS_MAX; i++)
    {
        QmPaperAsked *asked = &server->asked[i];

        if (asked->call == NULL || (asked->seen_step >= now_step && !ended))
            continue;
        if (drained)
            answer_asked(asked);
        else
            server->has_undrained_step = true;
    }
}

/* qm_paper_follow_close forgets what followers wait for: their connections are about to be closed. */
void
qm_paper_follow_close(QmPaperServer *server)
{
    for (int i = 0; i < QM_PAPER_FOLLOWERS_MAX; i++)
        server->asked[i].call = NULL;
}
