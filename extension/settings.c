/*
 * Configuration variables. Sizes are fixed at start; what protects others is
 * the configuration file's; only default TTLs belong to the user.
 */
#include "settings.h"

#include "clock.h"
#include "utils/guc.h"
#include "worker_settings.h"

int qm_max_locks_per_backend = QM_LOCKS_PER_BACKEND_DEFAULT;
int qm_max_leases = QM_LEASES_DEFAULT;
int qm_max_lock_labels = QM_LOCK_LABELS_DEFAULT;
int qm_conflict_history = QM_CONFLICT_HISTORY_DEFAULT;
int qm_max_ttl_ms = QM_MAX_TTL_DEFAULT_MS;
int qm_ttl_action = QM_TTL_TERMINATE;
int qm_max_markets = QM_MARKETS_DEFAULT;
int qm_send_window_ms = QM_SEND_WINDOW_DEFAULT_MS;
int qm_acceptance_window_ms = QM_ACCEPTANCE_WINDOW_DEFAULT_MS;
int qm_after_promotion = QM_PROMOTION_RECONCILE;
bool qm_allow_async_commit = false;
bool qm_allow_drop = false;

static int default_ttl_order_ms = 5000;
static int default_ttl_cancel_ms = 3000;
static int default_ttl_reconcile_ms = 30000;
static int default_ttl_lease_ms = 5000;

static const struct config_enum_entry ttl_actions[] = {{"terminate", QM_TTL_TERMINATE, false},
                                                       {"report", QM_TTL_REPORT, false},
                                                       {NULL, 0, false}};

static const struct config_enum_entry after_promotions[] = {{"reconcile", QM_PROMOTION_RECONCILE, false},
                                                            {"trust", QM_PROMOTION_TRUST, false},
                                                            {NULL, 0, false}};

static void define_sizes(void);
static void define_ttls(void);
static void define_orders(void);
static void define_reconciliation(void);

/* qm_settings_define registers all variables. Called once, while libraries are preloaded. */
void
qm_settings_define(void)
{
    define_sizes();
    define_ttls();
    define_orders();
    define_reconciliation();
    qm_worker_settings_define();
    MarkGUCPrefixReserved("quantmesh");
}

/* define_sizes registers what sizes shared memory. */
static void
define_sizes(void)
{
    DefineCustomIntVariable("quantmesh.conflict_history",
                            "How many lock conflicts the server remembers.",
                            "Each takes about 800 bytes of shared memory.",
                            &qm_conflict_history,
                            QM_CONFLICT_HISTORY_DEFAULT,
                            QM_CONFLICT_HISTORY_MIN,
                            QM_CONFLICT_HISTORY_MAX,
                            PGC_POSTMASTER,
                            0,
                            NULL,
                            NULL,
                            NULL);
    DefineCustomIntVariable("quantmesh.max_leases",
                            "How many leases the server can hold.",
                            "Each takes about 800 bytes of shared memory.",
                            &qm_max_leases,
                            QM_LEASES_DEFAULT,
                            QM_LEASES_MIN,
                            QM_LEASES_MAX,
                            PGC_POSTMASTER,
                            0,
                            NULL,
                            NULL,
                            NULL);
    DefineCustomIntVariable("quantmesh.max_lock_labels",
                            "How many class, account and symbol labels get lock metrics of their own.",
                            "Further labels are counted together under \"other\".",
                            &qm_max_lock_labels,
                            QM_LOCK_LABELS_DEFAULT,
                            QM_LOCK_LABELS_MIN,
                            QM_LOCK_LABELS_MAX,
                            PGC_POSTMASTER,
                            0,
                            NULL,
                            NULL,
                            NULL);
    DefineCustomIntVariable("quantmesh.max_locks_per_backend",
                            "How many keys one backend can hold in transaction and session locks together.",
                            "Each takes about 650 bytes of shared memory per possible backend.",
                            &qm_max_locks_per_backend,
                            QM_LOCKS_PER_BACKEND_DEFAULT,
                            QM_LOCKS_PER_BACKEND_MIN,
                            QM_LOCKS_PER_BACKEND_MAX,
                            PGC_POSTMASTER,
                            0,
                            NULL,
                            NULL,
                            NULL);
}

/* define_orders registers what placing orders depends on. */
static void
define_orders(void)
{
    DefineCustomIntVariable("quantmesh.max_markets",
                            "How many markets and accounts of all databases can have orders.",
                            "Each takes about 3 kB of shared memory.",
                            &qm_max_markets,
                            QM_MARKETS_DEFAULT,
                            QM_MARKETS_MIN,
                            QM_MARKETS_MAX,
                            PGC_POSTMASTER,
                            0,
                            NULL,
                            NULL,
                            NULL);
    DefineCustomIntVariable("quantmesh.send_window",
                            "How long after an order was submitted its request may leave for the exchange.",
                            NULL,
                            &qm_send_window_ms,
                            QM_SEND_WINDOW_DEFAULT_MS,
                            QM_SEND_WINDOW_MIN_MS,
                            QM_SEND_WINDOW_MAX_MS,
                            PGC_SIGHUP,
                            GUC_UNIT_MS,
                            NULL,
                            NULL,
                            NULL);
    DefineCustomEnumVariable("quantmesh.after_promotion",
                             "What markets wait for after a promotion or restore.",
                             "reconcile denies new orders until the market was reconciled or an operator trusts it; "
                             "trust is for "
                             "synchronous standbys, which lose no commit.",
                             &qm_after_promotion,
                             QM_PROMOTION_RECONCILE,
                             after_promotions,
                             PGC_SIGHUP,
                             0,
                             NULL,
                             NULL,
                             NULL);
    DefineCustomBoolVariable("quantmesh.allow_async_commit",
                             "Lets a placed order commit without waiting for the disk, as synchronous_commit says.",
                             "A crash can then forget an order that was sent.",
                             &qm_allow_async_commit,
                             false,
                             PGC_SUSET,
                             0,
                             NULL,
                             NULL,
                             NULL);
    DefineCustomBoolVariable("quantmesh.allow_drop",
                             "Lets DROP EXTENSION quantmesh pass while orders are live.",
                             NULL,
                             &qm_allow_drop,
                             false,
                             PGC_SUSET,
                             0,
                             NULL,
                             NULL,
                             NULL);
}

/* define_reconciliation registers what judging orders depends on. */
static void
define_reconciliation(void)
{
    DefineCustomIntVariable("quantmesh.acceptance_window",
                            "How long after send_before the exchange can still accept an order.",
                            "Its receive window, ten seconds for its engine, and a margin. Before that nothing is "
                            "concluded from its not knowing the order.",
                            &qm_acceptance_window_ms,
                            QM_ACCEPTANCE_WINDOW_DEFAULT_MS,
                            QM_ACCEPTANCE_WINDOW_MIN_MS,
                            QM_ACCEPTANCE_WINDOW_MAX_MS,
                            PGC_SIGHUP,
                            GUC_UNIT_MS,
                            NULL,
                            NULL,
                            NULL);
}

/* define_default_ttl registers one default TTL, which any user may set. */
static void
define_default_ttl(const char *name, const char *description, int *variable, int min_ms)
{
    DefineCustomIntVariable(name,
                            description,
                            NULL,
                            variable,
                            *variable,
                            min_ms,
                            QM_DEFAULT_TTL_MAX_MS,
                            PGC_USERSET,
                            GUC_UNIT_MS,
                            NULL,
                            NULL,
                            NULL);
}

/* define_ttls registers TTLs and what happens when one ends. */
static void
define_ttls(void)
{
    define_default_ttl("quantmesh.default_ttl_cancel",
                       "TTL of locks on cancel keys; 0 means none.",
                       &default_ttl_cancel_ms,
                       0);
    define_default_ttl("quantmesh.default_ttl_lease", "TTL of leases.", &default_ttl_lease_ms, 1);
    define_default_ttl("quantmesh.default_ttl_order",
                       "TTL of locks on order keys; 0 means none.",
                       &default_ttl_order_ms,
                       0);
    define_default_ttl("quantmesh.default_ttl_reconcile",
                       "TTL of locks on reconcile keys; 0 means none.",
                       &default_ttl_reconcile_ms,
                       0);
    DefineCustomIntVariable("quantmesh.max_ttl",
                            "The longest TTL of a lease.",
                            "For as long no lease is granted after a promotion, or after a crash that lost leases.",
                            &qm_max_ttl_ms,
                            QM_MAX_TTL_DEFAULT_MS,
                            QM_MAX_TTL_MIN_MS,
                            QM_MAX_TTL_MAX_MS,
                            PGC_SIGHUP,
                            GUC_UNIT_MS,
                            NULL,
                            NULL,
                            NULL);
    DefineCustomEnumVariable("quantmesh.ttl_action",
                             "What happens to a backend that holds a lock beyond its TTL.",
                             "terminate ends the backend, and then its locks are free; report only logs and counts.",
                             &qm_ttl_action,
                             QM_TTL_TERMINATE,
                             ttl_actions,
                             PGC_SIGHUP,
                             0,
                             NULL,
                             NULL,
                             NULL);
}

/* qm_default_ttl_us returns the TTL of a transaction or session lock that names none; 0 means no limit. */
int64
qm_default_ttl_us(QmKeyClass class)
{
    switch (class)
    {
        case QM_KEY_ORDER:
            return default_ttl_order_ms * QM_US_PER_MS;
        case QM_KEY_CANCEL:
            return default_ttl_cancel_ms * QM_US_PER_MS;
        case QM_KEY_RECONCILE:
            return default_ttl_reconcile_ms * QM_US_PER_MS;
        case QM_KEY_CUSTOM:
            return 0;
    }
    return 0;
}

/* qm_default_ttl_lease_us returns the TTL of a lease that names none, whatever its key's class. */
int64
qm_default_ttl_lease_us(void)
{
    return default_ttl_lease_ms * QM_US_PER_MS;
}
