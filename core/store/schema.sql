-- The results database, schema 1. results/README.md explains it to its readers.
--
-- Rules: names are singular; times are UTC, ISO 8601 with Z; durations are seconds,
-- sizes bytes; a number that is not finite is NULL with non_finite = 1; paths are
-- relative to the database. Final metrics and time series are separate, so that
-- listing runs never reads a series. Views use SQLite's own functions only.

CREATE TABLE schema_migration(
  version INTEGER PRIMARY KEY,
  applied TEXT NOT NULL                       -- when
) STRICT;

CREATE TABLE environment(                     -- what a run ran on
  id INTEGER PRIMARY KEY,
  version TEXT NOT NULL,                      -- of quantbench
  git_commit TEXT NOT NULL,
  cpu TEXT NOT NULL,
  simd TEXT NOT NULL,                         -- level of the kernels in force
  blas TEXT NOT NULL,
  threads INTEGER NOT NULL CHECK (threads > 0),
  UNIQUE (version, git_commit, cpu, simd, blas, threads)
) STRICT;

CREATE TABLE spec(                            -- specs as they were run
  id INTEGER PRIMARY KEY,
  sha256 TEXT NOT NULL UNIQUE,                -- of source and resolved
  source TEXT NOT NULL,                       -- the file
  resolved TEXT NOT NULL                      -- every value, key=value lines
) STRICT;

CREATE TABLE experiment(
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL,
  kind TEXT NOT NULL,
  objective TEXT NOT NULL DEFAULT 'accuracy', -- what v_pareto compares
  cost_metric TEXT NOT NULL DEFAULT 'bits_per_weight',
  UNIQUE (name, kind)
) STRICT;

CREATE TABLE sweep(
  id INTEGER PRIMARY KEY,
  experiment INTEGER NOT NULL REFERENCES experiment,
  axes TEXT NOT NULL,                         -- JSON
  compare_metric TEXT NOT NULL DEFAULT 'accuracy',
  used TEXT NOT NULL,                         -- when it was last started
  UNIQUE (experiment, axes)
) STRICT;

CREATE TABLE sweep_point(                     -- as of its last start; runs of it may be older
  sweep INTEGER NOT NULL REFERENCES sweep ON DELETE CASCADE,
  config_key TEXT NOT NULL,
  position INTEGER NOT NULL,                  -- baselines first, then in the order of the axes
  label TEXT NOT NULL,                        -- "int bits=4"
  baseline_key TEXT,                          -- config_key of its float twin
  PRIMARY KEY (sweep, config_key)
) STRICT, WITHOUT ROWID;

CREATE TABLE run(
  id INTEGER PRIMARY KEY,
  uid TEXT NOT NULL UNIQUE,
  experiment INTEGER NOT NULL REFERENCES experiment,
  spec INTEGER REFERENCES spec,
  sweep INTEGER REFERENCES sweep,
  environment INTEGER NOT NULL REFERENCES environment,
  config_key TEXT NOT NULL,                   -- groups repeats: all settings but the seed
  cache_key TEXT NOT NULL,                    -- config_key, seed, plugins, numeric version
  baseline_key TEXT,                          -- config_key of the float twin of this point
  parent INTEGER REFERENCES run,              -- whose weights or assignment it starts from
  label TEXT NOT NULL DEFAULT '',             -- of this point among those of its sweep: "int bits=4"
  replica INTEGER CHECK (replica >= 0),       -- of the done runs of a cache_key; statistics read 0
  seed INTEGER NOT NULL,                      -- as a signed 64-bit number
  status TEXT NOT NULL CHECK (status IN ('running', 'done', 'failed', 'interrupted')),
  attempt INTEGER NOT NULL DEFAULT 1 CHECK (attempt > 0), -- of its cache_key: those that failed, and it
  started TEXT NOT NULL,
  seconds REAL,
  cpu_seconds REAL,
  peak_bytes INTEGER,                         -- of memory
  command TEXT,                               -- that was typed, NULL where there was none
  error TEXT,
  CHECK ((status = 'done') = (replica IS NOT NULL))
) STRICT;
CREATE UNIQUE INDEX run_cache ON run(cache_key, replica) WHERE status = 'done';
CREATE INDEX run_config ON run(config_key, seed);
CREATE INDEX run_experiment ON run(experiment);

CREATE TABLE run_param(                       -- settings that were given or are not the default
  run INTEGER NOT NULL REFERENCES run ON DELETE CASCADE,
  key TEXT NOT NULL,
  given TEXT,                                 -- as written, NULL where the default stood
  used TEXT NOT NULL,
  swept INTEGER NOT NULL DEFAULT 0 CHECK (swept IN (0, 1)),
  PRIMARY KEY (run, key)
) STRICT, WITHOUT ROWID;

CREATE TABLE plugin(
  id INTEGER PRIMARY KEY,
  kind TEXT NOT NULL CHECK (kind IN ('scheme', 'packer', 'ste')),
  name TEXT NOT NULL,
  version TEXT NOT NULL,
  abi TEXT NOT NULL,
  sha256 TEXT NOT NULL,                       -- of the file
  UNIQUE (kind, name, version, sha256)
) STRICT;

CREATE TABLE run_plugin(
  run INTEGER NOT NULL REFERENCES run ON DELETE CASCADE,
  plugin INTEGER NOT NULL REFERENCES plugin,
  PRIMARY KEY (run, plugin)
) STRICT, WITHOUT ROWID;

CREATE TABLE run_input(                       -- data and weights by content
  run INTEGER NOT NULL REFERENCES run ON DELETE CASCADE,
  role TEXT NOT NULL,                         -- train, test, weights, source (of tensors)
  hash TEXT NOT NULL,
  path TEXT NOT NULL,
  PRIMARY KEY (run, role)
) STRICT, WITHOUT ROWID;

CREATE TABLE metric_def(
  name TEXT PRIMARY KEY,
  unit TEXT NOT NULL,
  higher_is_better INTEGER CHECK (higher_is_better IN (0, 1)), -- NULL: neither
  description TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE metric(                          -- final numbers of a run
  run INTEGER NOT NULL REFERENCES run ON DELETE CASCADE,
  name TEXT NOT NULL REFERENCES metric_def,
  split TEXT NOT NULL CHECK (split IN ('train', 'valid', 'test', 'model')),
  at TEXT NOT NULL DEFAULT 'last' CHECK (at IN ('last', 'best', 'ema')),
  value REAL,
  non_finite INTEGER NOT NULL DEFAULT 0 CHECK (non_finite IN (0, 1)),
  stderr REAL,
  n INTEGER,                                  -- samples behind the number
  PRIMARY KEY (run, name, split, at)
) STRICT, WITHOUT ROWID;

CREATE TABLE metric_point(                    -- time series
  run INTEGER NOT NULL REFERENCES run ON DELETE CASCADE,
  name TEXT NOT NULL REFERENCES metric_def,
  split TEXT NOT NULL,
  layer INTEGER NOT NULL,                     -- -1: the model
  site TEXT NOT NULL,                         -- '': the layer or model itself
  step INTEGER NOT NULL,
  epoch REAL NOT NULL,
  value REAL,
  non_finite INTEGER NOT NULL DEFAULT 0 CHECK (non_finite IN (0, 1)),
  PRIMARY KEY (run, name, split, layer, site, step)
) STRICT, WITHOUT ROWID;

CREATE TABLE layer(
  run INTEGER NOT NULL REFERENCES run ON DELETE CASCADE,
  idx INTEGER NOT NULL,
  name TEXT NOT NULL,
  type TEXT NOT NULL,
  shape TEXT NOT NULL,                        -- of the weights: (512, 784)
  params INTEGER NOT NULL,
  macs INTEGER NOT NULL,                      -- multiply-adds of one sample
  PRIMARY KEY (run, idx)
) STRICT, WITHOUT ROWID;

CREATE TABLE quantizer(                       -- one row for each quantized place of a layer
  run INTEGER NOT NULL,
  layer INTEGER NOT NULL,
  site TEXT NOT NULL CHECK (site IN ('weight', 'input', 'query', 'key', 'value', 'scores', 'output')),
  scheme TEXT NOT NULL,
  params TEXT NOT NULL,
  n_levels INTEGER NOT NULL,
  granularity TEXT NOT NULL,
  group_size INTEGER,
  n_groups INTEGER,
  ste TEXT,
  packer TEXT,
  packed_bytes INTEGER,                       -- codes, metadata and the packer's own
  bits_per_weight REAL,
  rule_line INTEGER,                          -- of the spec
  PRIMARY KEY (run, layer, site),
  FOREIGN KEY (run, layer) REFERENCES layer(run, idx) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

CREATE TABLE layer_metric(                    -- sqnr_db, mse, ... of a place
  run INTEGER NOT NULL,
  layer INTEGER NOT NULL,
  site TEXT NOT NULL,
  name TEXT NOT NULL REFERENCES metric_def,
  value REAL,
  non_finite INTEGER NOT NULL DEFAULT 0 CHECK (non_finite IN (0, 1)),
  PRIMARY KEY (run, layer, site, name),
  FOREIGN KEY (run, layer) REFERENCES layer(run, idx) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

CREATE TABLE candidate(                       -- what sensitivity and search try
  run INTEGER NOT NULL REFERENCES run ON DELETE CASCADE,
  id INTEGER NOT NULL,
  label TEXT NOT NULL,
  scheme TEXT NOT NULL,
  params TEXT NOT NULL,
  nominal_bits REAL NOT NULL,
  PRIMARY KEY (run, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE sensitivity(                     -- one place quantized with one candidate
  run INTEGER NOT NULL,
  layer INTEGER NOT NULL,
  site TEXT NOT NULL,                         -- weight, input
  candidate INTEGER NOT NULL,
  method TEXT NOT NULL,                       -- of metric_def
  score REAL,                                 -- NULL: infinite, nothing changed
  stderr REAL,                                -- over the samples; NULL where there is none
  PRIMARY KEY (run, layer, site, candidate, method),
  FOREIGN KEY (run, layer) REFERENCES layer(run, idx) ON DELETE CASCADE,
  FOREIGN KEY (run, candidate) REFERENCES candidate(run, id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

CREATE TABLE allocation(                      -- one row for each assignment that was tried
  run INTEGER NOT NULL REFERENCES run ON DELETE CASCADE,
  id INTEGER NOT NULL,
  target REAL,
  cost_bits INTEGER,
  predicted REAL,
  measured REAL,
  on_front INTEGER NOT NULL DEFAULT 0 CHECK (on_front IN (0, 1)),
  PRIMARY KEY (run, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE allocation_layer(
  run INTEGER NOT NULL,
  allocation INTEGER NOT NULL,
  layer INTEGER NOT NULL,
  site TEXT NOT NULL,
  candidate INTEGER NOT NULL,
  PRIMARY KEY (run, allocation, layer, site),
  FOREIGN KEY (run, allocation) REFERENCES allocation(run, id) ON DELETE CASCADE,
  FOREIGN KEY (run, layer) REFERENCES layer(run, idx) ON DELETE CASCADE,
  FOREIGN KEY (run, candidate) REFERENCES candidate(run, id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

CREATE TABLE histogram(
  run INTEGER NOT NULL,
  layer INTEGER NOT NULL,
  site TEXT NOT NULL,
  what TEXT NOT NULL CHECK (what IN ('before', 'after', 'error')),
  step INTEGER NOT NULL,
  lo REAL NOT NULL,
  hi REAL NOT NULL,
  counts BLOB NOT NULL,                       -- little-endian uint64, equal bins of [lo, hi]
  levels BLOB,                                -- little-endian float32, where all groups share them
  PRIMARY KEY (run, layer, site, what, step),
  FOREIGN KEY (run, layer) REFERENCES layer(run, idx) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

CREATE TABLE bench(
  run INTEGER NOT NULL REFERENCES run ON DELETE CASCADE,
  op TEXT NOT NULL,
  shape TEXT NOT NULL,
  isa TEXT NOT NULL,
  threads INTEGER NOT NULL,
  place TEXT NOT NULL,                        -- L2, DRAM
  median REAL NOT NULL,
  mad REAL NOT NULL,
  samples INTEGER NOT NULL,
  unit TEXT NOT NULL,
  ratio_scalar REAL,
  ceiling REAL,                               -- same unit, same run
  PRIMARY KEY (run, op, shape, isa, threads, place)
) STRICT, WITHOUT ROWID;

CREATE TABLE event(
  run INTEGER NOT NULL REFERENCES run ON DELETE CASCADE,
  step INTEGER NOT NULL,
  kind TEXT NOT NULL CHECK (kind IN ('schedule', 'phase', 'freeze', 'rollback', 'resume')),
  text TEXT NOT NULL
) STRICT;
CREATE INDEX event_run ON event(run);

CREATE TABLE artifact(                        -- files of a run
  run INTEGER NOT NULL REFERENCES run ON DELETE CASCADE,
  role TEXT NOT NULL,                         -- weights
  path TEXT NOT NULL,
  sha256 TEXT NOT NULL,
  bytes INTEGER NOT NULL,
  PRIMARY KEY (run, role, path)
) STRICT, WITHOUT ROWID;

INSERT INTO metric_def(name, unit, higher_is_better, description) VALUES
  ('accuracy', '', 1, 'share of samples whose largest logit is that of their class'),
  ('loss', 'nats', 0, 'mean cross-entropy of a sample'),
  ('accuracy_float', '', 1, 'accuracy of the same network before its quantization'),
  ('loss_float', 'nats', 0, 'loss of the same network before its quantization'),
  ('lr', '', NULL, 'learning rate of the step'),
  ('samples_per_second', '1/s', 1, 'training speed: data, quantizers and optimizer included'),
  ('bits_per_weight', 'bit', 0, 'stored codes, metadata and the packer''s own bytes, for each weight'),
  ('packed_bytes', 'B', 0, 'stored codes, metadata and the packer''s own bytes'),
  ('parity_samples', '', NULL, 'samples on which another process evaluated the packed model'),
  ('parity_differences', '', 0, 'of these, predictions that are not the run''s'),
  ('mse', '', 0, 'mean squared error of the quantized values'),
  ('mae', '', 0, 'mean absolute error of the quantized values'),
  ('max_abs_error', '', 0, 'largest absolute error of a quantized value'),
  ('sqnr_db', 'dB', 1, '10 log10 of signal power over quantization noise power'),
  ('cosine', '', 1, 'cosine between values and quantized values'),
  ('sparsity', '', NULL, 'share of quantized values that are 0'),
  ('code_entropy', 'bit', NULL, 'order-0 entropy of the codes, for each weight'),
  ('nominal_bits', 'bit', 0, 'log2 of the number of levels'),
  ('compression_vs_f32', '', 1, 'bytes as float32 over stored bytes'),
  ('compression_vs_i8', '', 1, 'bytes as int8 over stored bytes'),
  ('sqnr_out', 'dB', 1, 'sensitivity: SQNR of a layer''s output, noise is what quantizing one place changes'),
  ('kl_logits', 'nats', 0, 'sensitivity: mean Kullback-Leibler divergence of the predictions without and with one place quantized'),
  ('loss_delta', 'nats', 0, 'sensitivity: what quantizing one place adds to the mean loss'),
  ('accuracy_delta', '', 1, 'sensitivity: what quantizing one place adds to the accuracy');

-- One line for each run: what it was, what came out; swept values as 'key=value, ...'.
-- (No JSON functions in views: SQLite calls some of them unsafe where the schema is not trusted.)
CREATE VIEW v_run AS
SELECT r.id AS run, r.uid, e.name AS experiment, e.kind, r.sweep, r.label, r.config_key, r.cache_key,
       r.baseline_key, r.replica, r.seed, r.status, r.started, r.seconds,
       (SELECT group_concat(p.key || '=' || p.used, ', ') FROM run_param p WHERE p.run = r.id AND p.swept = 1) AS swept,
       (SELECT m.value FROM metric m
         WHERE m.run = r.id AND m.name = 'accuracy' AND m.split = 'test' AND m.at = 'last') AS accuracy,
       (SELECT m.value FROM metric m
         WHERE m.run = r.id AND m.name = 'loss' AND m.split = 'test' AND m.at = 'last') AS loss,
       (SELECT m.value FROM metric m
         WHERE m.run = r.id AND m.name = 'bits_per_weight' AND m.split = 'model' AND m.at = 'last') AS bits_per_weight,
       r.error
FROM run r JOIN experiment e ON e.id = r.experiment;

-- The runs that statistics read: one for each configuration and seed. Replicas are
-- left out; of runs by different plugins or numeric versions the newest counts.
CREATE VIEW v_done AS
SELECT r.id AS run, r.config_key, r.seed FROM run r
WHERE r.status = 'done' AND r.replica = 0
  AND NOT EXISTS (SELECT 1 FROM run n WHERE n.config_key = r.config_key AND n.seed = r.seed
                  AND n.status = 'done' AND n.replica = 0 AND n.id > r.id);

-- The configurations of each sweep with their newest run; last: of the sweep of its
-- experiment that was started last.
CREATE VIEW v_sweep_point AS
SELECT p.sweep, e.name AS experiment, p.position, p.config_key, p.label, p.baseline_key,
       (SELECT max(r.id) FROM run r WHERE r.config_key = p.config_key) AS run,
       p.sweep = (SELECT o.id FROM sweep o WHERE o.experiment = w.experiment
                  ORDER BY o.used DESC, o.id DESC LIMIT 1) AS last
FROM sweep_point p JOIN sweep w ON w.id = p.sweep JOIN experiment e ON e.id = w.experiment;

-- Repeats of a configuration together.
CREATE VIEW v_stat AS
SELECT config_key, name, split, at, count(value) AS n, avg(value) AS mean,
       CASE WHEN count(value) > 1
            THEN sqrt(sum((value - mean_of) * (value - mean_of)) / (count(value) - 1)) END AS sd,
       min(value) AS min, max(value) AS max
FROM (SELECT r.config_key, m.name, m.split, m.at, m.value,
             avg(m.value) OVER (PARTITION BY r.config_key, m.name, m.split, m.at) AS mean_of
      FROM metric m JOIN v_done r ON r.run = m.run)
GROUP BY config_key, name, split, at;

-- Configurations by their experiment's objective and cost; on_front: no other one
-- is as good in both and better in one.
CREATE VIEW v_pareto AS
SELECT experiment, experiment_name, config_key, objective, objective_sd, n, cost,
       coalesce(cheaper < good, 1) AND equal = good AS on_front
FROM (SELECT *, max(good) OVER (PARTITION BY experiment ORDER BY cost
                                GROUPS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS cheaper,
             max(good) OVER (PARTITION BY experiment, cost) AS equal
      FROM (SELECT e.id AS experiment, e.name AS experiment_name, s.config_key, s.mean AS objective,
                   s.sd AS objective_sd, s.n, c.mean AS cost,
                   CASE WHEN d.higher_is_better THEN s.mean ELSE -s.mean END AS good
            FROM experiment e
            JOIN metric_def d ON d.name = e.objective
            JOIN v_stat s ON s.name = e.objective AND s.split IN ('test', 'model') AND s.at = 'last'
            JOIN v_stat c ON c.config_key = s.config_key AND c.name = e.cost_metric AND c.split = 'model'
                         AND c.at = 'last'
            WHERE s.mean IS NOT NULL AND c.mean IS NOT NULL
              AND (EXISTS (SELECT 1 FROM run r WHERE r.config_key = s.config_key AND r.experiment = e.id)
                   OR EXISTS (SELECT 1 FROM sweep_point p JOIN sweep w ON w.id = p.sweep
                              WHERE p.config_key = s.config_key AND w.experiment = e.id))));

-- Layers by sensitivity, the most sensitive (worst score) first, for each method. A
-- score that is NULL is infinite: nothing changed.
CREATE VIEW v_sensitivity AS
SELECT s.run, s.layer, l.name AS layer_name, s.site, s.candidate, c.label, c.nominal_bits, s.method, s.score, s.stderr,
       rank() OVER (PARTITION BY s.run, s.site, s.candidate, s.method
                    ORDER BY s.score IS NULL, CASE WHEN coalesce(d.higher_is_better, 0) THEN s.score ELSE -s.score END) AS rank
FROM sensitivity s
JOIN layer l ON l.run = s.run AND l.idx = s.layer
JOIN candidate c ON c.run = s.run AND c.id = s.candidate
LEFT JOIN metric_def d ON d.name = s.method;

-- One line for each quantized place, its metrics beside each other.
CREATE VIEW v_layer_wide AS
SELECT q.run, q.layer, l.name AS layer_name, l.shape, q.site, q.scheme, q.params, q.granularity, q.group_size, q.ste,
       q.packer, q.n_levels, q.packed_bytes, q.bits_per_weight,
       max(CASE m.name WHEN 'sqnr_db' THEN m.value END) AS sqnr_db,
       max(CASE m.name WHEN 'mse' THEN m.value END) AS mse,
       max(CASE m.name WHEN 'cosine' THEN m.value END) AS cosine,
       max(CASE m.name WHEN 'sparsity' THEN m.value END) AS sparsity,
       max(CASE m.name WHEN 'code_entropy' THEN m.value END) AS code_entropy
FROM quantizer q
JOIN layer l ON l.run = q.run AND l.idx = q.layer
LEFT JOIN layer_metric m ON m.run = q.run AND m.layer = q.layer AND m.site = q.site
GROUP BY q.run, q.layer, q.site;

-- Each run beside the float twin of the same seed; twice where sweeps gave it two twins. A
-- run that a sweep found done already has the twin that its point has.
CREATE VIEW v_compare_baseline AS
SELECT r.id AS run, r.uid, r.config_key, r.seed, t.baseline_key, b.id AS baseline_run, b.uid AS baseline_uid, m.name, m.split,
       m.value, n.value AS baseline, m.value - n.value AS delta
FROM (SELECT config_key, baseline_key FROM run WHERE baseline_key IS NOT NULL
      UNION SELECT config_key, baseline_key FROM sweep_point WHERE baseline_key IS NOT NULL) t
JOIN v_done x ON x.config_key = t.config_key
JOIN run r ON r.id = x.run
JOIN v_done y ON y.config_key = t.baseline_key AND y.seed = r.seed
JOIN run b ON b.id = y.run
JOIN metric m ON m.run = r.id AND m.at = 'last'
JOIN metric n ON n.run = b.id AND n.name = m.name AND n.split = m.split AND n.at = 'last';

CREATE VIEW v_failed AS
SELECT r.id AS run, r.uid, e.name AS experiment, r.label, r.seed, r.status, r.attempt, r.started, r.seconds, r.error
FROM run r JOIN experiment e ON e.id = r.experiment
WHERE r.status IN ('failed', 'interrupted');

-- The fastest median of each operation, shape and place.
CREATE VIEW v_bench_best AS
SELECT op, shape, place, threads, isa, median, mad, samples, unit, ratio_scalar, ceiling, run
FROM (SELECT b.*, row_number() OVER (PARTITION BY op, shape, place, threads, unit
                                     ORDER BY CASE WHEN unit IN ('ms', 's', 'us', 'ns') THEN median ELSE -median END) AS best
      FROM bench b)
WHERE best = 1;
