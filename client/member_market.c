/*
 * Membership: the markets that are the member's, as far as it was told.
 *
 * Tasks bring changes. After every registration the list is read as well: the
 * same life may have had markets, and tasks that were answered are not repeated.
 */
#include "member_inside.h"

#include <stdlib.h>
#include <string.h>

#include "error.h"

/* find returns a market that is the member's, NULL when it is not. */
static QmMemberMarket *
find(const QmMember *member, const char *account, const char *symbol)
{
    for (size_t i = 0; i < member->owned_count; i++)
        if (strcmp(member->owned[i].account, account) == 0 && strcmp(member->owned[i].symbol, symbol) == 0)
            return &member->owned[i];
    return NULL;
}

/* qm_member_owns returns whether the market is the member's. */
bool
qm_member_owns(const QmMember *member, const char *account, const char *symbol)
{
    return find(member, account, symbol) != NULL;
}

/* qm_member_list gains what the server's list has for this life; false when it could not be read. */
bool
qm_member_list(QmMember *member)
{
    QmAssignment *list;
    size_t count;
    bool kept = true;
    QmCode code = qm_list_assignments(member->client, NULL, member->name, &list, &count);

    if (!qm_member_answered(member, code, member->epoch))
        return false;
    if (code != QM_OK)
    {
        if (!member->unlisted_said)
            qm_member_log(member,
                          QM_MEMBER_ERROR,
                          "%s cannot read which markets it has: %s",
                          member->name,
                          qm_client_error(member->client)->message);
        member->unlisted_said = true;
        return false;
    }
    for (size_t i = 0; i < count; i++)
        if (list[i].epoch == member->epoch)
            kept = qm_member_gain(member, list[i].account, list[i].symbol, list[i].mode) && kept;
    qm_free(list);
    return kept;
}

/* qm_member_gain gains a market, once; false when there is no memory for it. */
bool
qm_member_gain(QmMember *member, const char *account, const char *symbol, const char *mode)
{
    QmMemberMarket *market;

    if (find(member, account, symbol) != NULL)
        return true;
    if (member->owned_count == member->owned_room)
    {
        size_t room = member->owned_room == 0 ? 8 : member->owned_room * 2;
        QmMemberMarket *owned = realloc(member->owned, room * sizeof(*owned));

        if (owned == NULL)
            return false;
        member->owned = owned;
        member->owned_room = room;
    }
    market = &member->owned[member->owned_count++];
    qm_text_copy(market->account, sizeof(market->account), account);
    qm_text_copy(market->symbol, sizeof(market->symbol), symbol);
    qm_member_log(member, QM_MEMBER_INFO, "%s:%s is ours, %s", account, symbol, mode);
    if (member->functions.gained != NULL)
        member->functions.gained(member->argument, account, symbol, mode);
    return true;
}

/* qm_member_lose loses a market, if it was gained. */
void
qm_member_lose(QmMember *member, const char *account, const char *symbol, const char *why)
{
    QmMemberMarket *market = find(member, account, symbol);

    if (market == NULL)
        return;
    *market = member->owned[--member->owned_count];
    qm_member_log(member, QM_MEMBER_INFO, "%s:%s is ours no more: %s", account, symbol, why);
    if (member->functions.lost != NULL)
        member->functions.lost(member->argument, account, symbol, why);
}
