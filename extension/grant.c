/*
 * Grants: which subtransaction took which transaction lock, and how often.
 *
 * Private to the backend. The server's lock manager keeps the same counts by
 * resource owner and gives up a subtransaction's locks when it aborts; this
 * list lets holds follow it exactly. One entry per slot and subtransaction, in
 * no particular order, in an array that is made large enough before anything
 * is locked.
 */
#include "grant.h"

#include "utils/memutils.h"

#define GRANTS_INITIAL 64

typedef struct Grant
{
    int slot;
    SubTransactionId sub;
    uint32 count;
} Grant;

static Grant *grants = NULL;
static int ngrants = 0;
static int max_grants = 0;

/* qm_grant_reserve makes room for more grants, so that qm_grant_add cannot fail. */
void
qm_grant_reserve(int more)
{
    int wanted;

    if (ngrants + more <= max_grants)
        return;
    wanted = Max(GRANTS_INITIAL, (ngrants + more) * 2);
    if (grants == NULL)
        grants = MemoryContextAlloc(TopMemoryContext, sizeof(Grant) * (Size) wanted);
    else
        grants = repalloc(grants, sizeof(Grant) * (Size) wanted);
    max_grants = wanted;
}

/* qm_grant_add counts locks of a slot's key that the subtransaction has taken. Room has been made. */
void
qm_grant_add(int slot, SubTransactionId sub, uint32 count)
{
    for (int i = ngrants - 1; i >= 0; i--)
    {
        if (grants[i].slot == slot && grants[i].sub == sub)
        {
            grants[i].count += count;
            return;
        }
    }
    Assert(ngrants < max_grants);
    grants[ngrants++] = (Grant){.slot = slot, .sub = sub, .count = count};
}

/* qm_grant_take removes one entry of the subtransaction and returns it; false when there is none left. */
bool
qm_grant_take(SubTransactionId sub, int *slot, uint32 *count)
{
    for (int i = ngrants - 1; i >= 0; i--)
    {
        if (grants[i].sub != sub)
            continue;
        *slot = grants[i].slot;
        *count = grants[i].count;
        grants[i] = grants[--ngrants];
        return true;
    }
    return false;
}

/* qm_grant_forget_slot removes all entries of a slot whose lock is gone. */
void
qm_grant_forget_slot(int slot)
{
    for (int i = ngrants - 1; i >= 0; i--)
    {
        if (grants[i].slot == slot)
            grants[i] = grants[--ngrants];
    }
}

/* qm_grant_forget_all ends the transaction's locks. */
void
qm_grant_forget_all(void)
{
    ngrants = 0;
}
