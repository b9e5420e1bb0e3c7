/*
 * What quantmesh status asks for: one statement a section. What counts as a
 * problem is decided here, beside what it is seen by; docs/program.md lists it.
 *
 * Workers, tasks and trust are no matter of a standby: it has none.
 */
#include "status_sections.h"

#define NO_COLUMN                \
    {                            \
        NULL, NULL, QM_CELL_TEXT \
    }
#define SECTION(title, text)                                                      \
    {                                                                             \
        .name = "quantmesh status, " title, .sql = text, .repeat = QM_REPEAT_READ \
    }

static const QmColumn server_columns[] = {
    {"database", NULL, QM_CELL_TEXT},
    {"role", NULL, QM_CELL_TEXT},
    {"server_version", NULL, QM_CELL_TEXT},
    {"extension_version", NULL, QM_CELL_TEXT},
    {"library_version", NULL, QM_CELL_TEXT},
    {"started_at", NULL, QM_CELL_TIME},
    {"connections", NULL, QM_CELL_COUNT},
    {"connections_max", NULL, QM_CELL_COUNT},
    {"lease_grace_left_ms", NULL, QM_CELL_SPAN},
    NO_COLUMN,
};

static const char server_sql[] =
    "SELECT s.*, CASE WHEN s.role = 'standby' THEN 'this server is a standby: nothing can be placed here'"
    " WHEN s.library_version <> s.extension_version THEN 'the extension is ' || s.extension_version || ',"
    " the library that the server has loaded ' || s.library_version"
    " WHEN s.connections >= s.connections_max * 9 / 10 THEN s.connections || ' of ' || s.connections_max || '"
    " connections are in use' WHEN s.lease_grace_left_ms IS NOT NULL THEN 'no lease is granted for another '"
    " || s.lease_grace_left_ms / 1000 || ' s, after a crash or promotion' END AS problem, CASE"
    " WHEN s.role = 'standby' THEN 'Name the primary; with several hosts,"
    " target_session_attrs=read-write finds it.'"
    " WHEN s.library_version <> s.extension_version THEN 'ALTER EXTENSION quantmesh UPDATE,"
    " or restart the server with the library that belongs to it.'"
    " WHEN s.connections >= s.connections_max * 9 / 10 THEN 'Use a pooler with leases,"
    " or raise max_connections.' WHEN s.lease_grace_left_ms IS NOT NULL THEN 'It ends by itself.' END AS"
    " advice FROM (SELECT pg_catalog.current_database() AS database, CASE"
    " WHEN pg_catalog.pg_is_in_recovery() THEN 'standby'"
    " ELSE 'primary' END AS role, pg_catalog.current_setting('server_version') AS server_version,"
    " (SELECT x.extversion FROM pg_catalog.pg_extension AS x"
    " WHERE x.extname = 'quantmesh') AS extension_version, e.library_version,"
    " pg_catalog.to_char(pg_catalog.pg_postmaster_start_time()" QM_TIME_END " AS started_at, (SELECT"
    " pg_catalog.sum(d.numbackends)::bigint"
    " FROM pg_catalog.pg_stat_database AS d) AS connections,"
    " pg_catalog.current_setting('max_connections')::bigint AS connections_max,"
    " pg_catalog.round(extract(epoch FROM e.lease_grace_left" QM_SPAN_END " AS lease_grace_left_ms"
    " FROM quantmesh.lock_engine AS e) AS s";

static const QmColumn workers_columns[] = {
    {"kind", "WORKER", QM_CELL_TEXT},
    {"state", "STATE", QM_CELL_TEXT},
    {"lag_ms", "LAST PASS", QM_CELL_SPAN},
    {"errors", "ERRORS", QM_CELL_COUNT},
    {"restarts", "RESTARTS", QM_CELL_COUNT},
    {"last_error_at", "LAST ERROR", QM_CELL_TIME},
    {"last_error", "WHAT", QM_CELL_TEXT},
    {"pid", NULL, QM_CELL_COUNT},
    {"since", NULL, QM_CELL_TIME},
    {"next_start", NULL, QM_CELL_TIME},
    NO_COLUMN,
};

static const char workers_sql[] =
    "SELECT k.kind, coalesce(w.state, 'absent') AS state, pg_catalog.round(extract(epoch FROM w.lag" QM_SPAN_END
    " AS lag_ms, w.errors, w.restarts, pg_catalog.to_char(w.last_error_at" QM_TIME_END " AS last_error_at,"
    " w.last_error, w.pid, pg_catalog.to_char(w.since" QM_TIME_END " AS since,"
    " pg_catalog.to_char(w.next_start" QM_TIME_END " AS next_start, CASE"
    " WHEN pg_catalog.pg_is_in_recovery() THEN NULL"
    " WHEN w.kind IS NULL AND k.kind = 'coordinator' THEN 'no coordinator works in this database'"
    " WHEN w.kind IS NULL THEN 'the launcher is not running'"
    " WHEN w.state IN ('starting', 'connecting') AND w.since > pg_catalog.clock_timestamp() - interval '10 s'"
    " THEN NULL WHEN w.state <> 'running' THEN 'the ' || k.kind || ' is not running: ' || w.state ||"
    " coalesce(', ' || w.last_error, '') WHEN w.lag > interval '30 s' THEN 'the coordinator has made no pass"
    " for ' || pg_catalog.date_trunc('second', w.lag)"
    " WHEN w.last_error_at > pg_catalog.clock_timestamp() - interval '10 min' THEN 'a step of the coordinator"
    " has failed: ' || w.last_error END AS problem, CASE"
    " WHEN w.kind IS NULL AND k.kind = 'coordinator' THEN 'Add the database to quantmesh.databases,"
    " and reload.' ELSE 'docs/operating.md, Workers; the server''s log.' END AS advice"
    " FROM (VALUES ('launcher'), ('coordinator')) AS k (kind)"
    " LEFT JOIN quantmesh.workers AS w ON w.kind = k.kind AND (w.database IS NULL OR w.database ="
    " pg_catalog.current_database()) ORDER BY k.kind DESC";

static const QmColumn instances_columns[] = {
    {"instance", "INSTANCE", QM_CELL_TEXT},
    {"state", "STATE", QM_CELL_TEXT},
    {"standby", "STANDBY", QM_CELL_FLAG},
    {"markets", "MARKETS", QM_CELL_COUNT},
    {"heartbeat_ms", "HEARTBEAT", QM_CELL_SPAN},
    {"lease_left_ms", "LEASE LEFT", QM_CELL_SPAN},
    {"ended_at", "ENDED", QM_CELL_TIME},
    {"registered_at", NULL, QM_CELL_TIME},
    {"registered_by", NULL, QM_CELL_TEXT},
    {"epoch", NULL, QM_CELL_AMOUNT},
    NO_COLUMN,
};

/* Instances whose names are made up at every start stay dead for ever: what is older than a day is not shown. */
static const char instances_sql[] =
    "SELECT i.instance, i.state, i.standby, i.markets, pg_catalog.round(extract(epoch"
    " FROM pg_catalog.clock_timestamp() - i.last_heartbeat" QM_SPAN_END " AS heartbeat_ms,"
    " pg_catalog.round(extract(epoch FROM i.lease_left" QM_SPAN_END " AS lease_left_ms,"
    " pg_catalog.to_char(i.ended_at" QM_TIME_END " AS ended_at, pg_catalog.to_char(i.registered_at" QM_TIME_END
    " AS registered_at, i.registered_by, i.epoch, CASE"
    " WHEN i.state = 'dead' AND i.ended_at > pg_catalog.clock_timestamp() - interval '1 h' THEN 'instance ' ||"
    " i.instance || ' has died' END AS problem, 'Its markets have gone to others; its orders are looked up at"
    " the exchange. Start it again.' AS advice FROM quantmesh.instances AS i"
    " WHERE i.state = 'alive' OR i.ended_at > pg_catalog.clock_timestamp() - interval '1 d'"
    " ORDER BY i.state, i.instance";

static const QmColumn halts_columns[] = {
    {"account", "ACCOUNT", QM_CELL_TEXT},
    {"symbol", "SYMBOL", QM_CELL_TEXT},
    {"state", "STATE", QM_CELL_TEXT},
    {"reason", "REASON", QM_CELL_TEXT},
    NO_COLUMN,
};

static const char halts_sql[] =
    "SELECT h.account, h.symbol, h.state, h.reason, CASE WHEN h.account IS NULL THEN 'everything'"
    " WHEN h.symbol IS NULL THEN 'account ' || h.account"
    " ELSE h.symbol || ' of account ' || h.account END || ' is ' || h.state || coalesce(': ' || h.reason,"
    " '') AS problem, 'quantmesh resume ' || CASE WHEN h.account IS NULL THEN '--all'"
    " WHEN h.symbol IS NULL THEN '--account ' || h.account"
    " ELSE '--account ' || h.account || ' --symbol ' || h.symbol END || ' takes it back.' AS advice"
    " FROM (SELECT DISTINCT NULL AS account, NULL AS symbol, m.global_state AS state,"
    " m.global_reason AS reason FROM quantmesh.markets AS m WHERE m.global_state <> 'active'"
    " UNION ALL SELECT DISTINCT m.account, NULL, m.account_state, m.account_reason"
    " FROM quantmesh.markets AS m WHERE m.account_state <> 'active'"
    " UNION ALL SELECT m.account, m.symbol, m.market_state, m.market_reason FROM quantmesh.markets AS m"
    " WHERE m.market_state <> 'active') AS h ORDER BY h.account NULLS FIRST, h.symbol NULLS FIRST";

static const QmColumn markets_columns[] = {
    {"trading_state", "STATE", QM_CELL_TEXT},
    {"trust", "TRUST", QM_CELL_TEXT},
    {"markets", "MARKETS", QM_CELL_COUNT},
    {"unassigned", "WITHOUT INSTANCE", QM_CELL_COUNT},
    {"open_orders", "LIVE ORDERS", QM_CELL_COUNT},
    NO_COLUMN,
};

static const char markets_sql[] =
    "SELECT s.*, pg_catalog.concat_ws('; ', CASE"
    " WHEN s.trust <> 'trusted' THEN 'markets that wait for a reconciliation before anything is placed: '"
    " || s.markets END, CASE WHEN s.unassigned > 0 AND EXISTS (SELECT FROM quantmesh.instances AS i"
    " WHERE i.state = 'alive') THEN 'markets that have no instance: ' || s.unassigned END) AS problem,"
    " 'docs/orders.md, After a failover; docs/instances.md, Who has which market.' AS advice"
    " FROM (SELECT m.trading_state, m.trust, pg_catalog.count(*) AS markets,"
    " pg_catalog.count(*) FILTER (WHERE NOT EXISTS (SELECT FROM quantmesh.assignments AS a"
    " WHERE a.current AND a.account = m.account AND a.symbol = m.symbol)) AS unassigned,"
    " pg_catalog.sum(m.open_orders)::bigint AS open_orders"
    " FROM quantmesh.markets AS m GROUP BY m.trading_state, m.trust) AS s ORDER BY s.trading_state, s.trust";

static const QmColumn orders_columns[] = {
    {"state", "STATE", QM_CELL_TEXT},
    {"orders", "ORDERS", QM_CELL_COUNT},
    {"oldest_ms", "OLDEST", QM_CELL_SPAN},
    {"overdue", "OVERDUE", QM_CELL_COUNT},
    NO_COLUMN,
};

static const char orders_sql[] =
    "SELECT s.*, CASE WHEN s.overdue = 0 THEN NULL"
    " WHEN s.state = 'lost' THEN 'orders that are lost: ' || s.overdue"
    " WHEN s.state = 'intent' THEN 'intents that have waited for more than five minutes for a sender: ' ||"
    " s.overdue ELSE 'orders that have been ' || s.state || ' for more than a minute: ' || s.overdue END AS"
    " problem, CASE WHEN s.state = 'lost' THEN 'quantmesh.settle_order() ends them: docs/operating.md.'"
    " WHEN s.state = 'intent' THEN 'Is an instance alive that has the market?'"
    " ELSE 'They may be at the exchange: quantmesh orders --state ' || s.state || ' lists them.' END AS advice"
    " FROM (SELECT o.state, pg_catalog.count(*) AS orders, pg_catalog.round(extract(epoch"
    " FROM pg_catalog.clock_timestamp() - pg_catalog.min(o.created_at)" QM_SPAN_END " AS oldest_ms,"
    " pg_catalog.count(*) FILTER (WHERE CASE o.state WHEN 'lost' THEN true"
    " WHEN 'intent' THEN o.updated_at < pg_catalog.clock_timestamp() - interval '5 min'"
    " WHEN 'unknown' THEN o.updated_at < pg_catalog.clock_timestamp() - interval '1 min'"
    " WHEN 'submitted' THEN o.send_before < pg_catalog.clock_timestamp() - interval '1 min' END) AS overdue"
    " FROM quantmesh.open_orders AS o GROUP BY o.state) AS s ORDER BY s.state";

static const QmColumn discrepancies_columns[] = {
    {"code", "CODE", QM_CELL_TEXT},
    {"severity", "SEVERITY", QM_CELL_TEXT},
    {"open", "OPEN", QM_CELL_COUNT},
    {"oldest_ms", "OLDEST", QM_CELL_SPAN},
    {"last_seen", "LAST SEEN", QM_CELL_TIME},
    NO_COLUMN,
};

/*
 * Severe is what can mean a wrong position or an order that nobody watches; notes
 * are what others do in the account; the rest is in the course of being repaired
 * and a problem only when that does not end.
 */
static const char discrepancies_sql[] =
    "SELECT s.*, CASE WHEN s.severity = 'severe' OR (s.severity = 'repair' AND s.oldest_ms > 600000) THEN"
    " 'open discrepancies ' || s.code || ': ' || s.open END AS problem,"
    " 'docs/reconciliation.md says what ' || s.code || ' means; quantmesh.discrepancies has both sides.' AS"
    " advice FROM (SELECT d.code, CASE WHEN d.code IN ('POSITION_MISMATCH', 'OVERFILL', 'FILL_MISMATCH',"
    " 'TRADE_BUST', 'REVIVED', 'DUPLICATE_LEVEL', 'LATE_FILL', 'ORPHAN_OURS', 'MISSING_AT_EXCHANGE',"
    " 'EXCHANGE_ID_MISMATCH') THEN 'severe'"
    " WHEN d.code IN ('EXTERNAL_ORDER', 'UNKNOWN_STATUS') THEN 'note'"
    " ELSE 'repair' END AS severity, pg_catalog.count(*) AS open, pg_catalog.round(extract(epoch"
    " FROM pg_catalog.clock_timestamp() - pg_catalog.min(d.first_seen)" QM_SPAN_END " AS oldest_ms,"
    " pg_catalog.to_char(pg_catalog.max(d.last_seen)" QM_TIME_END " AS last_seen FROM"
    " quantmesh.discrepancies AS d WHERE d.resolved_at IS NULL GROUP BY d.code) AS s"
    " ORDER BY s.severity = 'severe' DESC, s.severity = 'repair' DESC, s.code";

static const QmColumn tasks_columns[] = {
    {"kind", "TASK", QM_CELL_TEXT},
    {"unfinished", "UNFINISHED", QM_CELL_COUNT},
    {"overdue", "OVERDUE", QM_CELL_COUNT},
    {"oldest_ms", "OLDEST", QM_CELL_SPAN},
    NO_COLUMN,
};

static const char tasks_sql[] =
    "SELECT s.*, CASE WHEN s.overdue > 0 AND NOT pg_catalog.pg_is_in_recovery() THEN 'tasks ' || s.kind || '"
    " that have waited for more than a minute: ' || s.overdue END AS problem,"
    " 'Is the instance alive that has the market, and does it reach the exchange?' AS advice"
    " FROM (SELECT t.kind, pg_catalog.count(*) AS unfinished,"
    " pg_catalog.count(*) FILTER (WHERE greatest(t.created_at, t.not_before,"
    " t.owned_until) < pg_catalog.clock_timestamp() - interval '1 min') AS overdue,"
    " pg_catalog.round(extract(epoch FROM pg_catalog.clock_timestamp() - pg_catalog.min(t.created_at)" QM_SPAN_END
    " AS oldest_ms FROM quantmesh.tasks AS t WHERE t.finished_at IS NULL GROUP BY t.kind) AS s ORDER BY s.kind";

static const QmColumn locks_columns[] = {
    {"held", NULL, QM_CELL_COUNT},
    {"leases", NULL, QM_CELL_COUNT},
    {"waiting", NULL, QM_CELL_COUNT},
    {"longest_wait_ms", NULL, QM_CELL_SPAN},
    {"overrun", NULL, QM_CELL_COUNT},
    NO_COLUMN,
};

static const char locks_sql[] =
    "SELECT s.*, pg_catalog.concat_ws('; ', CASE"
    " WHEN s.overrun > 0 THEN 'locks of backends that were told to end and do not: ' || s.overrun END,"
    " CASE WHEN s.longest_wait_ms > 30000 THEN 'somebody has waited for a lock for ' || s.longest_wait_ms /"
    " 1000 || ' s' END) AS problem, 'quantmesh locks, quantmesh locks --waits; docs/operating.md.' AS advice"
    " FROM (SELECT pg_catalog.count(*) FILTER (WHERE l.mode <> 'lease') AS held,"
    " pg_catalog.count(*) FILTER (WHERE l.mode = 'lease') AS leases,"
    " pg_catalog.count(*) FILTER (WHERE l.state = 'overrun' AND l.ttl_left < interval '-2 s') AS overrun,"
    " (SELECT pg_catalog.count(*) FROM quantmesh.lock_waits AS w) AS waiting,"
    " (SELECT pg_catalog.round(extract(epoch FROM pg_catalog.max(w.waiting)" QM_SPAN_END
    " FROM quantmesh.lock_waits AS w) AS longest_wait_ms FROM quantmesh.locks AS l) AS s";

const QmStatusSection qm_status_sections[] = {
    {"server", true, server_columns, SECTION("server", server_sql)},
    {"halts", false, halts_columns, SECTION("halts", halts_sql)},
    {"markets", false, markets_columns, SECTION("markets", markets_sql)},
    {"orders", false, orders_columns, SECTION("orders", orders_sql)},
    {"discrepancies", false, discrepancies_columns, SECTION("discrepancies", discrepancies_sql)},
    {"instances", false, instances_columns, SECTION("instances", instances_sql)},
    {"tasks", false, tasks_columns, SECTION("tasks", tasks_sql)},
    {"workers", false, workers_columns, SECTION("workers", workers_sql)},
    {"locks", true, locks_columns, SECTION("locks", locks_sql)},
};

const int qm_status_section_count = (int) (sizeof(qm_status_sections) / sizeof(qm_status_sections[0]));
