/*
 * Refuses to drop the extension while orders are live.
 *
 * An object access hook, not an event trigger: at its start a command has only
 * a tag and a text, so a trigger cannot tell what DROP OWNED or CASCADE will
 * reach, and once the drop has happened the table cannot be read any more. The
 * hook is called for quantmesh.orders itself, whatever the command was, when the
 * table is still there and locked against everybody else.
 *
 * Scripts of ALTER EXTENSION UPDATE may rebuild the table. DROP DATABASE is not
 * covered, and nothing is where the library is not preloaded: orders cannot be
 * placed there, either.
 */
#include "postgres.h"

#include "drop_guard.h"

#include "access/table.h"
#include "access/tableam.h"
#include "catalog/dependency.h"
#include "catalog/objectaccess.h"
#include "catalog/pg_class.h"
#include "commands/extension.h"
#include "compat.h"
#include "executor/tuptable.h"
#include "settings.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

static object_access_hook_type previous_hook = NULL;

static void on_access(ObjectAccessType access, Oid class_id, Oid object_id, int sub_id, void *arg);
static bool is_orders(Oid relid);
static uint64 count_live(Oid relid);

/* qm_drop_guard_install begins to watch what is dropped, once per process. */
void
qm_drop_guard_install(void)
{
    previous_hook = object_access_hook;
    object_access_hook = on_access;
}

/* on_access errors with 55006 when the table of orders is about to be dropped with live ones in it. */
static void
on_access(ObjectAccessType access, Oid class_id, Oid object_id, int sub_id, void *arg)
{
    uint64 live;

    if (previous_hook != NULL)
        previous_hook(access, class_id, object_id, sub_id, arg);
    if (access != OAT_DROP || class_id != RelationRelationId || sub_id != 0 || qm_allow_drop || creating_extension ||
        !is_orders(object_id))
        return;
    live = count_live(object_id);
    if (live > 0)
        ereport(ERROR,
                (errcode(ERRCODE_OBJECT_IN_USE),
                 errmsg("cannot drop extension quantmesh while orders are live"),
                 errdetail("Live orders: " UINT64_FORMAT ". Nobody would know of them any more.", live),
                 errhint("See quantmesh.open_orders. Cancel them, or end them with quantmesh.settle_order(); a "
                         "superuser can SET quantmesh.allow_drop = on.")));
}

/* is_orders says whether the relation is quantmesh.orders of the extension. */
static bool
is_orders(Oid relid)
{
    const char *name = get_rel_name(relid);
    const char *namespace_name;
    Oid extension;

    if (name == NULL || strcmp(name, "orders") != 0)
        return false;
    namespace_name = get_namespace_name(get_rel_namespace(relid));
    if (namespace_name == NULL || strcmp(namespace_name, "quantmesh") != 0)
        return false;
    extension = getExtensionOfObject(RelationRelationId, relid);
    return OidIsValid(extension) && extension == get_extension_oid("quantmesh", true);
}

/* count_live counts live orders by reading the whole table, since its indexes may be gone already. */
static uint64
count_live(Oid relid)
{
    Relation relation = table_open(relid, AccessShareLock);
    AttrNumber column = get_attnum(relid, "live");
    Snapshot snapshot = RegisterSnapshot(GetLatestSnapshot());
    TableScanDesc scan = table_beginscan(relation, snapshot, 0, NULL);
    TupleTableSlot *slot = table_slot_create(relation, NULL);
    uint64 live = 0;

    while (table_scan_getnextslot(scan, ForwardScanDirection, slot))
    {
        bool isnull;

        live += DatumGetBool(slot_getattr(slot, column, &isnull));
    }
    ExecDropSingleTupleTableSlot(slot);
    table_endscan(scan);
    UnregisterSnapshot(snapshot);
    table_close(relation, AccessShareLock);
    return live;
}
