/*
 * The part of quantmesh.prometheus about instances, their markets and tasks. All
 * of it is read from the tables as they are now: tasks that have ended are history,
 * and not counted. An instance that has died is shown as down for a day; one that
 * has left said so, and is not missed.
 */
#include "postgres.h"

#include "compat.h"
#include "prometheus.h"
#include "query.h"
#include "query_row.h"
#include "utils/builtins.h"

/* One metric: a query that returns its labels' values, and its own as the last column, all as text. */
typedef struct Gauge
{
    const char *name;
    const char *help;
    int nlabels;
    const char *labels[2];
    QmQuery query;
} Gauge;

static Gauge gauges[] = {
    {"quantmesh_instance_up",
     "Whether the instance is alive; of dead ones, those of the last day.",
     1,
     {"instance"},
     {"SELECT instance, CASE WHEN state = 'alive' THEN '1' ELSE '0' END FROM quantmesh.instance WHERE state = 'alive' "
      "OR state = 'dead' AND ended_at > pg_catalog.clock_timestamp() - interval '1 day' ORDER BY instance",
      0,
      {0}}},
    {"quantmesh_instances",
     "Instances by state; what is dead or left stays until it is cleared away.",
     1,
     {"state"},
     {"SELECT s.state, count(i.instance)::text FROM (VALUES ('alive'), ('dead'), ('left')) AS s (state) "
      "LEFT JOIN quantmesh.instance AS i ON i.state = s.state GROUP BY s.state ORDER BY s.state",
      0,
      {0}}},
    {"quantmesh_instance_markets",
     "Markets that the instance has.",
     1,
     {"instance"},
     {"SELECT i.instance, count(a.instance)::text FROM quantmesh.instance AS i LEFT JOIN quantmesh.assignment AS a "
      "ON a.instance = i.instance AND a.epoch = i.epoch AND a.ended_at IS NULL "
      "WHERE i.state = 'alive' GROUP BY i.instance ORDER BY i.instance",
      0,
      {0}}},
    {"quantmesh_markets_unassigned",
     "Markets that no living instance has.",
     0,
     {NULL},
     {"SELECT count(*)::text FROM quantmesh.market AS m WHERE NOT EXISTS ("
      "SELECT FROM quantmesh.assignment AS a JOIN quantmesh.instance AS i "
      "ON i.instance = a.instance AND i.epoch = a.epoch AND i.state = 'alive' "
      "WHERE a.account = m.account AND a.symbol = m.symbol AND a.ended_at IS NULL)",
      0,
      {0}}},
    {"quantmesh_tasks",
     "Tasks that wait or are under way, by kind and state.",
     2,
     {"kind", "state"},
     {"SELECT k.kind, s.state, count(t.task_id)::text "
      "FROM (VALUES ('assign'), ('unassign'), ('snapshot'), ('query_order'), ('cancel_order'), ('submit_order'), "
      "('halt')) AS k (kind) CROSS JOIN (VALUES ('open'), ('taken')) AS s (state) "
      "LEFT JOIN quantmesh.task AS t ON t.kind = k.kind AND t.state = s.state AND t.finished_at IS NULL "
      "GROUP BY k.kind, s.state ORDER BY k.kind, s.state",
      0,
      {0}}},
    {"quantmesh_task_age_seconds",
     "Age of the oldest task that waits or is under way, by kind; 0 without any.",
     1,
     {"kind"},
     {"SELECT k.kind, "
      "coalesce(round(extract(epoch FROM pg_catalog.clock_timestamp() - min(t.created_at)), 3), 0)::text "
      "FROM (VALUES ('assign'), ('unassign'), ('snapshot'), ('query_order'), ('cancel_order'), ('submit_order'), "
      "('halt')) AS k (kind) "
      "LEFT JOIN quantmesh.task AS t ON t.kind = k.kind AND t.finished_at IS NULL GROUP BY k.kind ORDER BY k.kind",
      0,
      {0}}},
};

static void put_sample(StringInfo out, const Gauge *gauge, uint64 row);

/* qm_instance_prometheus writes all metrics of instances, their markets and tasks. */
void
qm_instance_prometheus(StringInfo out)
{
    QmQueryScope scope;

    qm_query_begin(&scope);
    for (size_t i = 0; i < lengthof(gauges); i++)
    {
        uint64 count = qm_query_run(&gauges[i].query, NULL, NULL);

        qm_prometheus_head(out, gauges[i].name, "gauge", gauges[i].help);
        for (uint64 row = 0; row < count; row++)
            put_sample(out, &gauges[i], row);
    }
    qm_query_end(&scope);
}

/* put_sample writes one row of the last query. */
static void
put_sample(StringInfo out, const Gauge *gauge, uint64 row)
{
    appendStringInfoString(out, gauge->name);
    for (int i = 0; i < gauge->nlabels; i++)
    {
        appendStringInfoChar(out, i == 0 ? '{' : ',');
        qm_prometheus_label(out, gauge->labels[i], qm_row_text(row, i));
    }
    appendStringInfo(out, "%s %s\n", gauge->nlabels > 0 ? "}" : "", qm_row_text(row, gauge->nlabels));
}
