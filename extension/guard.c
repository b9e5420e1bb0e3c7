/*
 * Guards and releases: what a transaction's end does to leases.
 *
 * Both lists are private to the backend and live as long as the transaction.
 * A guard pins its lease at PRE_COMMIT, or fails the transaction there, and
 * unpins it after the transaction has become visible; it survives ROLLBACK TO,
 * for what was done under a lost lease before the savepoint must not commit
 * either. A release takes effect when the transaction commits, and is dropped
 * with the subtransaction that asked for it.
 */
#include "guard.h"

#include "access/xact.h"
#include "lease.h"
#include "utils/memutils.h"

#define ITEMS_INITIAL 16
#define ITEMS_MAX 10000

typedef struct Item
{
    QmKey key;
    int64 fence;
    SubTransactionId sub; /* of a release */
    bool pinned;          /* of a guard */
} Item;

typedef struct ItemList
{
    const char *what;
    Item *items;
    int count;
    int room;
} ItemList;

static ItemList guards = {.what = "guards"};
static ItemList releases = {.what = "lease releases"};

/* list_add appends an item, in memory that outlives the transaction. 53400 beyond the limit. */
static Item *
list_add(ItemList *list, const QmKey *key, int64 fence)
{
    if (list->count == ITEMS_MAX)
        ereport(ERROR,
                (errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
                 errmsg("transaction has %d %s, the limit", list->count, list->what),
                 errhint("Use more than one transaction.")));
    if (list->count == list->room)
    {
        int room = list->room == 0 ? ITEMS_INITIAL : list->room * 2;

        if (list->items == NULL)
            list->items = MemoryContextAlloc(TopMemoryContext, sizeof(Item) * (Size) room);
        else
            list->items = repalloc(list->items, sizeof(Item) * (Size) room);
        list->room = room;
    }
    list->items[list->count] = (Item){.key = *key, .fence = fence, .sub = GetCurrentSubTransactionId()};
    return &list->items[list->count++];
}

/* lost errors with QM001: the lease that the transaction depends on is not held. */
static void
lost(const QmKey *key, int64 fence)
{
    ereport(ERROR,
            (errcode(MAKE_SQLSTATE('Q', 'M', '0', '0', '1')),
             errmsg("lease \"%s\" is no longer held", key->text),
             errdetail("Under fence " INT64_FORMAT " it has expired, was released, or was taken away.", fence),
             errhint("Acquire the lease again and repeat the transaction with its new fence.")));
}

/* qm_guard_add ties the transaction to a lease that is held under that fence. QM001 when it is not. */
void
qm_guard_add(const QmKey *key, int64 fence)
{
    if (!qm_lease_is_held(key, fence))
        lost(key, fence);
    for (int i = 0; i < guards.count; i++)
    {
        if (guards.items[i].fence == fence && guards.items[i].key.hash == key->hash)
            return;
    }
    (void) list_add(&guards, key, fence);
}

/* qm_release_add lets a lease end when this transaction commits. */
void
qm_release_add(const QmKey *key, int64 fence)
{
    (void) list_add(&releases, key, fence);
}

/* qm_release_forget takes back the release of a lease that its owner has acquired again in the same transaction. */
void
qm_release_forget(const QmKey *key, int64 fence)
{
    for (int i = releases.count - 1; i >= 0; i--)
    {
        if (releases.items[i].key.hash == key->hash && releases.items[i].fence == fence)
            releases.items[i] = releases.items[--releases.count];
    }
}

/* qm_guard_any says whether the transaction has guards or releases. */
bool
qm_guard_any(void)
{
    return guards.count > 0 || releases.count > 0;
}

/* qm_guard_pre_commit pins all guarded leases, or errors with QM001. What is pinned by then is unpinned at the abort. */
void
qm_guard_pre_commit(void)
{
    for (int i = 0; i < guards.count; i++)
    {
        Item *guard = &guards.items[i];

        if (!qm_lease_pin(&guard->key, guard->fence))
            lost(&guard->key, guard->fence);
        guard->pinned = true;
    }
}

/* qm_guard_end_xact unpins, and releases what a committed transaction gave back. Cannot fail. */
void
qm_guard_end_xact(bool committed)
{
    for (int i = 0; i < guards.count; i++)
    {
        if (guards.items[i].pinned)
            qm_lease_unpin(guards.items[i].key.hash, guards.items[i].fence);
    }
    guards.count = 0;
    for (int i = 0; committed && i < releases.count; i++)
        qm_lease_release(releases.items[i].key.hash, releases.items[i].fence);
    releases.count = 0;
}

/* qm_release_commit_sub hands the subtransaction's releases to its parent. */
void
qm_release_commit_sub(SubTransactionId sub, SubTransactionId parent)
{
    for (int i = 0; i < releases.count; i++)
    {
        if (releases.items[i].sub == sub)
            releases.items[i].sub = parent;
    }
}

/* qm_release_abort_sub forgets the subtransaction's releases. */
void
qm_release_abort_sub(SubTransactionId sub)
{
    for (int i = releases.count - 1; i >= 0; i--)
    {
        if (releases.items[i].sub == sub)
            releases.items[i] = releases.items[--releases.count];
    }
}
