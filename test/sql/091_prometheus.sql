-- Shows that prometheus() is the text format: every family described and typed once, every line well formed,
-- histograms cumulative, labels escaped and bounded, and the three metrics of the earlier system under their names.
\set ON_ERROR_ROLLBACK off

SELECT plan(28);

SELECT quantmesh.reset_metrics() \gset
SELECT quantmesh.try_xact_lock('order:px:AAA:1') \gset
SELECT quantmesh.try_xact_lock('order:px:AAA:2') \gset
SELECT quantmesh.try_lease('order:px:AAA:3', 'one', '20 s') AS f \gset
SELECT quantmesh.try_xact_lock('order:px:AAA:3') \gset
SELECT quantmesh.xact_lock('order:px:AAA:3', NULL, '10 ms') \gset
SELECT quantmesh.release_lease('order:px:AAA:3', 'one', :f) \gset
SELECT quantmesh.try_xact_lock(E'order:px:q"b\\s\nn:1') \gset
SELECT quantmesh.try_xact_lock('order:px:Ünïcode:1') \gset
SELECT quantmesh.try_xact_lock('custom key') \gset

CREATE TEMP TABLE scrape AS
    SELECT n, line FROM regexp_split_to_table((SELECT quantmesh.prometheus()), E'\n') WITH ORDINALITY AS t (line, n);

-- The text.
SELECT is((SELECT line FROM scrape ORDER BY n DESC LIMIT 1), '', 'the text ends with a newline');
SELECT is_empty(
    $$ SELECT line FROM scrape WHERE line <> ''
         AND line !~ '^# HELP [a-z_]+ \S.*$' AND line !~ '^# TYPE [a-z_]+ (counter|gauge|histogram|summary|untyped)$'
         AND line !~ '^[a-z_][a-z0-9_]*(\{([a-z_]+="([^"\\]|\\["\\n])*"(,[a-z_]+="([^"\\]|\\["\\n])*")*)?\})? ([-+]?[0-9.]+(e[-+]?[0-9]+)?|\+Inf|NaN)$' $$,
    'every line is a HELP, a TYPE or a sample');
CREATE TEMP VIEW family AS SELECT (regexp_match(line, '^# TYPE (\S+) (\S+)$'))[1] AS name, (regexp_match(line, '^# TYPE (\S+) (\S+)$'))[2] AS type, n FROM scrape WHERE line LIKE '# TYPE %';
CREATE TEMP VIEW help AS SELECT (regexp_match(line, '^# HELP (\S+) '))[1] AS name, n FROM scrape WHERE line LIKE '# HELP %';
CREATE TEMP VIEW sample AS
    SELECT n, line, m[1] AS name, m[3] AS labels, (CASE m[4] WHEN '+Inf' THEN 'Infinity' ELSE m[4] END)::float8 AS value,
           (regexp_match(m[3], 'key="(([^"\\]|\\.)*)"'))[1] AS key, (regexp_match(m[3], 'le="([^"]*)"'))[1] AS le, (regexp_match(m[3], 'status="([^"]*)"'))[1] AS status
    FROM scrape, regexp_match(line, '^([a-z_0-9]+)(\{(.*)\})? (\S+)$') AS m WHERE line !~ '^#' AND line <> '';
SELECT ok(count(*) > 3, 'there are families') FROM family;
SELECT is_empty('SELECT name FROM family GROUP BY name HAVING count(*) <> 1', 'no family is typed twice');
SELECT set_eq('SELECT name FROM family', 'SELECT name FROM help', 'what is typed is described, and the other way round');
SELECT is_empty('SELECT name FROM help GROUP BY name HAVING count(*) <> 1', 'no family is described twice');
SELECT is_empty($$ SELECT name FROM family WHERE name !~ '^quantmesh_' $$, 'every name begins with quantmesh_');
SELECT is_empty($$ SELECT name FROM family WHERE (type = 'counter') <> (name ~ '_total$') $$, 'counters, and only they, end in _total');
SELECT is_empty(
    $$ SELECT s.line FROM sample AS s
       WHERE NOT EXISTS (SELECT FROM family AS f WHERE s.name = f.name AND f.type <> 'histogram' OR f.type = 'histogram' AND s.name IN (f.name || '_bucket', f.name || '_sum', f.name || '_count')) $$,
    'every sample belongs to a family');
SELECT is_empty(
    $$ SELECT s.line FROM sample AS s JOIN family AS f ON s.name = f.name OR f.type = 'histogram' AND s.name IN (f.name || '_bucket', f.name || '_sum', f.name || '_count')
       WHERE s.n < f.n OR EXISTS (SELECT FROM family AS later WHERE later.n > f.n AND later.n < s.n) $$,
    'and stands with it');
SELECT is_empty('SELECT name, labels FROM sample GROUP BY name, labels HAVING count(*) > 1', 'no sample is there twice');
SELECT is_empty($$ SELECT s.line FROM sample AS s WHERE s.name LIKE '%_total' AND (s.value < 0 OR s.value <> floor(s.value)) $$, 'counters are whole and not negative');

-- The three metrics of the earlier system.
SELECT is((SELECT type FROM family WHERE name = 'quantmesh_lock_acquire_total'), 'counter', 'quantmesh_lock_acquire_total is a counter');
SELECT is((SELECT type FROM family WHERE name = 'quantmesh_lock_conflict_total'), 'counter', 'quantmesh_lock_conflict_total is a counter');
SELECT is((SELECT type FROM family WHERE name = 'quantmesh_lock_hold_duration_seconds'), 'histogram', 'quantmesh_lock_hold_duration_seconds is a histogram');
SELECT set_eq($$ SELECT status, value FROM sample WHERE name = 'quantmesh_lock_acquire_total' AND key = 'order:px:AAA' $$,
              $$ VALUES ('success', 3::float8), ('skipped', 1), ('failed', 1) $$, 'attempts by status');
SELECT set_eq($$ SELECT value FROM sample WHERE name = 'quantmesh_lock_conflict_total' AND key = 'order:px:AAA' $$, $$ VALUES (2::float8) $$, 'conflicts');
SELECT set_eq($$ SELECT value FROM sample WHERE name = 'quantmesh_lock_hold_duration_seconds_count' AND key = 'order:px:AAA' $$, $$ VALUES (3::float8) $$, 'holds');
SELECT is_empty($$ SELECT line FROM sample WHERE name = 'quantmesh_lock_acquire_total' AND regexp_replace(labels, '"([^"\\]|\\.)*"', '', 'g') NOT IN ('key=,status=', 'status=,key=') $$,
                'its labels are key and status');
SELECT is_empty($$ SELECT line FROM sample WHERE name = 'quantmesh_lock_conflict_total' AND regexp_replace(labels, '"([^"\\]|\\.)*"', '', 'g') <> 'key=' $$, 'its label is key');

-- Histograms.
SELECT is_empty(
    $$ SELECT b.line FROM (SELECT s.*, lag(value) OVER w AS before, lag(CASE le WHEN '+Inf' THEN 'Infinity' ELSE le END::float8) OVER w AS le_before
                           FROM sample AS s WHERE name LIKE '%\_bucket' WINDOW w AS (PARTITION BY name, regexp_replace(labels, ',?le="[^"]*"', '') ORDER BY n)) AS b
       WHERE b.value < b.before OR CASE b.le WHEN '+Inf' THEN 'Infinity' ELSE b.le END::float8 <= b.le_before $$,
    'buckets are in order and cumulative');
SELECT is_empty(
    $$ SELECT c.line FROM sample AS c
       WHERE c.name LIKE '%\_count' AND c.value IS DISTINCT FROM
             (SELECT i.value FROM sample AS i WHERE i.name = regexp_replace(c.name, '_count$', '_bucket') AND i.le = '+Inf'
                                                AND regexp_replace(i.labels, ',?le="[^"]*"', '') IS NOT DISTINCT FROM coalesce(c.labels, '')) $$,
    'the bucket +Inf is the count');
SELECT is_empty(
    $$ SELECT c.line FROM sample AS c WHERE c.name LIKE '%\_count'
         AND NOT EXISTS (SELECT FROM sample AS s WHERE s.name = regexp_replace(c.name, '_count$', '_sum') AND s.labels IS NOT DISTINCT FROM c.labels AND s.value >= 0) $$,
    'and beside it is the sum');
SELECT set_has($$ SELECT le::numeric FROM sample WHERE name = 'quantmesh_lock_hold_duration_seconds_bucket' AND key = 'order:px:AAA' AND le <> '+Inf' $$,
               $$ VALUES (0.001::numeric), (0.005), (0.01), (0.05), (0.1), (0.5), (1), (5), (10), (30) $$, 'hold times have the buckets of the earlier system');

-- Labels.
SELECT is((SELECT value FROM sample WHERE name = 'quantmesh_lock_acquire_total' AND key = 'order:px:q\"b\\s\nn' AND status = 'success'), 1::float8,
          'quote, backslash and newline are escaped');
SELECT is((SELECT value FROM sample WHERE name = 'quantmesh_lock_acquire_total' AND key = 'order:px:Ünïcode' AND status = 'success'), 1::float8, 'other letters stay');
SELECT ok(EXISTS (SELECT FROM sample WHERE name = 'quantmesh_lock_acquire_total' AND key = 'custom'), 'custom keys share a label');
SELECT is_empty($$ SELECT line FROM sample WHERE line LIKE '%custom key%' OR line LIKE '%:AAA:1%' $$, 'no whole key is a label');

SELECT * FROM finish();
