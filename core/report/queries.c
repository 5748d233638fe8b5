/*
 * The parameters of a query are the names in its SQL: :a and :b, or :run, are runs
 * (its words); :experiment, :metric, :method and :bucket are options
 * (report/query.c). NULL is what was not given.
 */
#include "report/queries.h"

/* The value of a key in the key=value lines of spec.resolved, NULL if it is not there:
 * what stands where a setting has no row in run_param. */
#define AS_LINES(text) "(char(10) || " text " || char(10))"
#define AS_KEY(key) "(char(10) || " key " || '=')"
#define FROM_KEY(text, key)                                                                        \
    "substr(" AS_LINES(text) ", instr(" AS_LINES(text) ", " AS_KEY(key) ") + length(" AS_KEY(      \
        key) "))"
#define RESOLVED(text, key)                                                                        \
    "CASE WHEN instr(" AS_LINES(text) ", " AS_KEY(key) ") > 0 THEN substr(" FROM_KEY(              \
        text, key) ", 1, instr(" FROM_KEY(text, key) ", char(10)) - 1) END"

/* A setting of the run itself: it neither names it nor says what it is one of. */
#define IS_SETTING(key)                                                                            \
    "(" key " NOT IN ('name', 'description', 'seed', 'repeats', 'extends', 'tags') AND " key       \
    " NOT LIKE 'sweep.%' AND " key " NOT LIKE 'compare.%' AND " key " NOT LIKE 'verify.%')"

/* Of `config`, whose column `run` has the newest run of each configuration: the tables
 * value(ord, key, used), NULL where a setting has no meaning, and differ(key). */
#define SETTINGS_THAT_DIFFER                                                                       \
    "key AS (\n"                                                                                   \
    "  SELECT DISTINCT p.key FROM config c JOIN run_param p ON p.run = c.run\n"                    \
    "  WHERE " IS_SETTING(                                                                         \
        "p.key") "),\n"                                                                            \
                 "value AS (\n"                                                                    \
                 "  SELECT c.ord, key.key, coalesce(p.used, " RESOLVED(                            \
                     "s.resolved",                                                                 \
                     "key.key") ") AS used\n"                                                      \
                                "  FROM config c JOIN key JOIN run r ON r.id = c.run\n"            \
                                "  LEFT JOIN run_param p ON p.run = c.run AND p.key = key.key\n"   \
                                "  LEFT JOIN spec s ON s.id = r.spec),\n"                          \
                                "differ AS (\n"                                                    \
                                "  SELECT key FROM value GROUP BY key\n"                           \
                                "  HAVING count(DISTINCT used) + (count(used) < count(*)) > 1)"

static const char best_per_bits[] =
    "WITH point AS (\n"
    "  SELECT s.config_key, s.mean, s.sd, s.n, b.mean AS bits_per_weight,\n"
    "         coalesce(d.higher_is_better, 1) AS up,\n"
    "         CASE WHEN :bucket > 0 THEN round(round(b.mean / :bucket) * :bucket, 9)\n"
    "              ELSE b.mean END AS bits\n"
    "  FROM v_stat s\n"
    "  JOIN v_stat b ON b.config_key = s.config_key AND b.name = 'bits_per_weight'\n"
    "               AND b.split = 'model' AND b.at = 'last'\n"
    "  JOIN metric_def d ON d.name = s.name\n"
    "  WHERE s.name = :metric AND s.split IN ('test', 'model') AND s.at = 'last'\n"
    "    AND s.mean IS NOT NULL AND b.mean IS NOT NULL\n"
    "    AND (:experiment IS NULL OR s.config_key IN (\n"
    "      SELECT r.config_key FROM run r JOIN experiment e ON e.id = r.experiment\n"
    "      WHERE e.name = :experiment\n"
    "      UNION SELECT config_key FROM v_sweep_point WHERE experiment = :experiment AND last))),\n"
    "ranked AS (\n"
    "  SELECT *, count(*) OVER (PARTITION BY bits) AS configurations,\n"
    "         row_number() OVER (PARTITION BY bits ORDER BY CASE WHEN up THEN -mean ELSE mean END,\n"
    "                            bits_per_weight, config_key) AS place\n"
    "  FROM point)\n"
    "SELECT k.bits, e.name AS experiment,\n"
    "       coalesce((SELECT label FROM v_sweep_point p WHERE p.config_key = k.config_key AND last\n"
    "                 AND experiment = :experiment), r.label) AS label, k.mean, k.sd, k.n, k.bits_per_weight,\n"
    "       k.configurations, r.uid AS run\n"
    "FROM ranked k\n"
    "JOIN run r ON r.id = (SELECT max(run) FROM v_done x WHERE x.config_key = k.config_key)\n"
    "JOIN experiment e ON e.id = r.experiment\n"
    "WHERE k.place = 1 ORDER BY k.bits\n";

static const char sensitive_layers[] =
    "SELECT method, label AS candidate, nominal_bits, rank, layer_name AS layer, site, score, "
    "stderr\n"
    "FROM v_sensitivity\n"
    "WHERE run = coalesce(:run, (SELECT max(run) FROM sensitivity))\n"
    "  AND (:method IS NULL OR method = :method)\n"
    "ORDER BY method, nominal_bits DESC, candidate, rank, v_sensitivity.layer, site\n";

static const char diff[] =
    "WITH key AS (\n"
    "  SELECT DISTINCT key FROM run_param WHERE run IN (:a, :b) AND " IS_SETTING(
        "key") "),\n"
               "fact(section, what, name, run, value) AS (\n"
               "  SELECT 0, 'run', 'uid', id, uid FROM run\n"
               "  UNION ALL SELECT 1, 'run', 'label', id, label FROM run\n"
               "  UNION ALL SELECT 1, 'run', 'seed', id, printf('%u', seed) FROM run\n"
               "  UNION ALL SELECT 1, 'run', 'experiment', r.id, e.name\n"
               "    FROM run r JOIN experiment e ON e.id = r.experiment\n"
               "  UNION ALL SELECT 2, 'setting', key.key, r.id, coalesce(p.used, " RESOLVED(
                   "s.resolved",
                   "key.key") ")\n"
                              "    FROM run r JOIN key LEFT JOIN run_param p ON p.run = r.id AND p.key = key.key\n"
                              "    LEFT JOIN spec s ON s.id = r.spec WHERE r.id IN (:a, :b)\n"
                              "  UNION ALL SELECT 3, 'data', role, run, hash FROM run_input\n"
                              "  UNION ALL SELECT 4, 'plugin', p.kind || ' ' || p.name, r.run, p.version || ' ' || p.sha256\n"
                              "    FROM run_plugin r JOIN plugin p ON p.id = r.plugin\n"
                              "  UNION ALL SELECT 5, 'environment', 'version', r.id, v.version || ' ' || v.git_commit\n"
                              "    FROM run r JOIN environment v ON v.id = r.environment\n"
                              "  UNION ALL SELECT 5, 'environment', 'cpu', r.id, v.cpu || ', ' || v.simd\n"
                              "    FROM run r JOIN environment v ON v.id = r.environment\n"
                              "  UNION ALL SELECT 5, 'environment', 'blas', r.id, v.blas\n"
                              "    FROM run r JOIN environment v ON v.id = r.environment\n"
                              "  UNION ALL SELECT 6, 'metric', name || ' ' || split, run, value FROM metric\n"
                              "    WHERE at = 'last'),\n"
                              "side AS (\n"
                              "  SELECT section, what, name, max(CASE WHEN run = :a THEN value END) AS a,\n"
                              "         max(CASE WHEN run = :b THEN value END) AS b\n"
                              "  FROM fact WHERE run IN (:a, :b) GROUP BY section, what, name)\n"
                              "SELECT what, name, a, b, CASE WHEN what = 'metric' THEN b - a END AS difference\n"
                              "FROM side WHERE section IN (0, 6) OR a IS NOT b ORDER BY section, name\n";

static const char marginals[] =
    "WITH last AS (\n"
    "  SELECT w.id AS sweep FROM sweep w JOIN experiment e ON e.id = w.experiment\n"
    "  WHERE :experiment IS NULL OR e.name = :experiment\n"
    "  ORDER BY w.used DESC, w.id DESC LIMIT 1),\n"
    "config AS (\n"
    "  SELECT config_key AS ord, run FROM v_sweep_point\n"
    "  WHERE sweep = (SELECT sweep FROM last) AND config_key NOT IN (\n"
    "    SELECT baseline_key FROM sweep_point\n"
    "    WHERE sweep = (SELECT sweep FROM last) AND baseline_key IS NOT NULL)),\n" SETTINGS_THAT_DIFFER
    ",\n"
    "point AS (\n"
    "  SELECT p.config_key, avg(m.value) AS mean, count(m.value) AS n\n"
    "  FROM v_sweep_point p JOIN v_done x ON x.config_key = p.config_key\n"
    "  JOIN metric m ON m.run = x.run AND m.name = :metric AND m.split IN ('test', 'model')\n"
    "               AND m.at = 'last'\n"
    "  WHERE p.sweep = (SELECT sweep FROM last) GROUP BY p.config_key)\n"
    "SELECT q.key AS setting, q.used AS value, avg(point.mean) AS mean,\n"
    "       stddev_samp(point.mean) AS sd, median(point.mean) AS median,\n"
    "       min(point.mean) AS min, max(point.mean) AS max,\n"
    "       count(point.mean) AS configurations, sum(point.n) AS runs\n"
    "FROM point JOIN value q ON q.ord = point.config_key AND q.used IS NOT NULL\n"
    "WHERE q.key IN (SELECT key FROM differ)\n"
    "GROUP BY q.key, q.used ORDER BY q.key, mean DESC, q.used\n";

static const char failed[] =
    "SELECT uid, experiment, label, seed, status, attempt, started, seconds, error FROM v_failed\n"
    "WHERE :experiment IS NULL OR experiment = :experiment ORDER BY run\n";

static const char provenance[] =
    "WITH r AS (\n"
    "  SELECT r.*, e.name AS experiment_name, e.kind, s.sha256 AS spec_sha256, p.uid AS parent_uid,\n"
    "         v.version, v.git_commit, v.cpu, v.simd, v.blas, v.threads\n"
    "  FROM run r JOIN experiment e ON e.id = r.experiment\n"
    "  JOIN environment v ON v.id = r.environment\n"
    "  LEFT JOIN spec s ON s.id = r.spec LEFT JOIN run p ON p.id = r.parent WHERE r.id = :run),\n"
    "fact(section, what, name, value) AS (\n"
    "  SELECT 0, 'run', 'uid', uid FROM r\n"
    "  UNION ALL SELECT 1, 'run', 'experiment', experiment_name FROM r\n"
    "  UNION ALL SELECT 2, 'run', 'kind', kind FROM r\n"
    "  UNION ALL SELECT 3, 'run', 'label', nullif(label, '') FROM r\n"
    "  UNION ALL SELECT 4, 'run', 'seed', printf('%u', seed) FROM r\n"
    "  UNION ALL SELECT 5, 'run', 'status', status FROM r\n"
    "  UNION ALL SELECT 6, 'run', 'replica', replica FROM r\n"
    "  UNION ALL SELECT 7, 'run', 'started', started FROM r\n"
    "  UNION ALL SELECT 8, 'run', 'parent', parent_uid FROM r\n"
    "  UNION ALL SELECT 9, 'key', 'config_key', config_key FROM r\n"
    "  UNION ALL SELECT 10, 'key', 'cache_key', cache_key FROM r\n"
    "  UNION ALL SELECT 11, 'key', 'baseline_key', baseline_key FROM r\n"
    "  UNION ALL SELECT 12, 'spec', 'sha256', spec_sha256 FROM r\n"
    "  UNION ALL SELECT 13, 'data', role || ' ' || path, hash FROM run_input WHERE run = :run\n"
    "  UNION ALL SELECT 14, 'plugin', p.kind || ' ' || p.name || ' ' || p.version, p.sha256\n"
    "    FROM run_plugin q JOIN plugin p ON p.id = q.plugin WHERE q.run = :run\n"
    "  UNION ALL SELECT 15, 'program', 'version', version FROM r\n"
    "  UNION ALL SELECT 16, 'program', 'git_commit', git_commit FROM r\n"
    "  UNION ALL SELECT 17, 'machine', 'cpu', cpu FROM r\n"
    "  UNION ALL SELECT 18, 'machine', 'simd', simd FROM r\n"
    "  UNION ALL SELECT 19, 'machine', 'blas', blas FROM r\n"
    "  UNION ALL SELECT 20, 'machine', 'threads', threads FROM r\n"
    "  UNION ALL SELECT 21, 'file', role || ' ' || path, sha256 FROM artifact WHERE run = :run\n"
    "  UNION ALL SELECT 22, 'command', 'made it', command FROM r\n"
    "  UNION ALL SELECT 23, 'command', 'reproduces it', command ||\n"
    "    CASE WHEN ' ' || command || ' ' LIKE '% --again %' THEN '' ELSE ' --again' END FROM r)\n"
    "SELECT what, name, value FROM fact WHERE value IS NOT NULL ORDER BY section, name\n";

const named_query named_queries[] = {
    {"best-per-bits", "", 0, 0,
     "which configuration has the best mean at each number of effective bits, with sd and n",
     best_per_bits},
    {"sensitive-layers", "[RUN]", 0, 1,
     "which layers lose most when they are quantized, by method and candidate", sensitive_layers},
    {"diff", "A B", 2, 2,
     "in which settings, data, plugins and programs two runs differ, and the metrics of both",
     diff},
    {"marginals", "", 0, 0,
     "what each setting that differs between points does on average (last sweep, no baselines)",
     marginals},
    {"failed", "", 0, 0, "which runs failed or were interrupted, and why", failed},
    {"provenance", "RUN", 1, 1,
     "what made the numbers of a run: data, plugins, program, machine, and the command",
     provenance},
};
const int n_named_queries = sizeof named_queries / sizeof *named_queries;

/* The settings in which the configurations differ, for each of them. */
const char compare_settings_sql[] =
    "WITH config AS (\n"
    "  SELECT j.key AS ord, (SELECT max(id) FROM run WHERE config_key = j.value) AS run\n"
    "  FROM json_each(:configs) j),\n" SETTINGS_THAT_DIFFER ",\n"
    "listed AS (\n"
    "  SELECT ord, group_concat(key || '=' || used, ', ') AS text FROM (\n"
    "    SELECT ord, key, used FROM value\n"
    "    WHERE used IS NOT NULL AND key IN (SELECT key FROM differ) ORDER BY ord, key)\n"
    "  GROUP BY ord)\n"
    "SELECT c.ord, l.text FROM config c LEFT JOIN listed l ON l.ord = c.ord ORDER BY c.ord\n";
