/**
 * Every metric that a process of millcourse shows under `/metrics`, in one table: the code that measures is typed by it, and the tests
 * hold docs/observability.md, the dashboard and the alert rules to it.
 *
 * Names follow Prometheus: base units, the unit last, `_total` on counters. Labels are bounded by what is declared (views, features)
 * or by a list in the code (outcomes, codes, steps); never ids, keys or times. `version` is the view's. Each series has the label `project`,
 * too: one Prometheus may hold several.
 */

export type MetricKind = 'counter' | 'gauge' | 'histogram'
export type ProcessName = 'worker' | 'watcher' | 'server'

export interface Metric {
  readonly kind: MetricKind
  readonly unit: 'seconds' | 'bytes' | 'ratio' | 'capacity units' | '1' | 'as the feature'
  readonly labels: readonly string[]
  /** The processes that show it. */
  readonly from: readonly ProcessName[]
  readonly help: string
  /** Upper bounds of a histogram's buckets. */
  readonly buckets?: readonly number[]
}

const view = ['view', 'version'] as const
const worker = ['worker'] as const
const watcher = ['watcher'] as const
const server = ['server'] as const
const every = ['worker', 'watcher', 'server'] as const
/** Fractions of a second up to hours: a light step and a backfill lie in one histogram. */
const work = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600] as const
const call = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 30] as const

export const metrics = {
  // ── the pipeline, as workers do it ──
  millcourse_ticks_total: {
    ...{ kind: 'counter', unit: '1', labels: ['view'], from: worker },
    help: 'Ticks that planned what a view has to run.',
  },
  millcourse_runs_total: {
    ...{ kind: 'counter', unit: '1', labels: [...view, 'kind', 'outcome'], from: worker },
    help: 'Runs that ended, by outcome.',
  },
  millcourse_run_failures_total: {
    ...{ kind: 'counter', unit: '1', labels: [...view, 'step', 'code'], from: worker },
    help: 'Runs that failed, by the step and the error code of their first cause.',
  },
  millcourse_run_duration_seconds: {
    ...{ kind: 'histogram', unit: 'seconds', labels: [...view, 'outcome'], from: worker, buckets: work },
    help: 'From the start of a run to its record, waits included.',
  },
  millcourse_step_duration_seconds: {
    ...{ kind: 'histogram', unit: 'seconds', labels: ['view', 'step'], from: worker, buckets: work },
    help: 'One attempt of one step. Decisions name no view.',
  },
  millcourse_step_failures_total: {
    ...{ kind: 'counter', unit: '1', labels: ['step', 'code', 'retried'], from: worker },
    help: 'Attempts of steps that failed; retried: whether Temporal tries the step again.',
  },
  millcourse_compactions_total: {
    ...{ kind: 'counter', unit: '1', labels: view, from: worker },
    help: 'Spans of a view whose files were written anew as few.',
  },
  millcourse_compacted_files_total: {
    ...{ kind: 'counter', unit: '1', labels: view, from: worker },
    help: 'Files that compactions stand for.',
  },
  millcourse_removed_files_total: {
    ...{ kind: 'counter', unit: '1', labels: view, from: worker },
    help: 'Files removed from the lake after their retention.',
  },
  millcourse_removed_run_details_total: {
    ...{ kind: 'counter', unit: '1', labels: view, from: worker },
    help: 'Runs whose profile, sketches and costs were removed from the ledger after their retention.',
  },
  // ── the data ──
  millcourse_rows_read_total: {
    ...{ kind: 'counter', unit: '1', labels: view, from: worker },
    help: 'Rows of the source that runs read.',
  },
  millcourse_rows_kept_total: {
    ...{ kind: 'counter', unit: '1', labels: view, from: worker },
    help: 'Rows that went into candidates.',
  },
  millcourse_rows_rejected_total: {
    ...{ kind: 'counter', unit: '1', labels: [...view, 'reason'], from: worker },
    help: 'Rows that went into quarantine.',
  },
  millcourse_input_files_total: {
    ...{ kind: 'counter', unit: '1', labels: view, from: worker },
    help: 'Files pinned by runs.',
  },
  millcourse_input_bytes_total: {
    ...{ kind: 'counter', unit: 'bytes', labels: view, from: worker },
    help: 'Size of the files pinned by runs.',
  },
  millcourse_candidate_bytes_total: {
    ...{ kind: 'counter', unit: 'bytes', labels: view, from: worker },
    help: 'Size of the candidates written.',
  },
  // ── publishing ──
  millcourse_publishes_total: {
    ...{ kind: 'counter', unit: '1', labels: [...view, 'outcome'], from: worker },
    help: 'Attempts to publish: finished, nothing (to do), busy (another holds the lease), overtaken (the lease was lost), failed.',
  },
  millcourse_publish_duration_seconds: {
    ...{ kind: 'histogram', unit: 'seconds', labels: view, from: worker, buckets: work },
    help: 'From asking for the lease to the finished publish; finished ones only.',
  },
  millcourse_publish_part_duration_seconds: {
    ...{ kind: 'histogram', unit: 'seconds', labels: ['view'], from: worker, buckets: [...call, 120] },
    help: 'Writing one part of MILLCOURSE_PUBLISH_PART_ITEMS items, retries included.',
  },
  millcourse_items_written_total: {
    ...{ kind: 'counter', unit: '1', labels: view, from: worker },
    help: 'Items that the online store took.',
  },
  millcourse_items_refused_total: {
    ...{ kind: 'counter', unit: '1', labels: view, from: worker },
    help: 'Items not written because a newer publish has been there, or because the lease ran out.',
  },
  millcourse_items_unchanged_total: {
    ...{ kind: 'counter', unit: '1', labels: view, from: worker },
    help: 'Keys of finished publishes whose value was online already.',
  },
  millcourse_online_throttles_total: {
    ...{ kind: 'counter', unit: '1', labels: ['table', 'operation'], from: ['worker', 'server'] },
    help: 'Requests that DynamoDB throttled, and items or statements that it left over for want of capacity.',
  },
  millcourse_online_requests_total: {
    ...{ kind: 'counter', unit: '1', labels: ['operation', 'outcome'], from: ['worker', 'server'] },
    help: 'Requests to DynamoDB, each attempt of its own; outcome: ok or the name of the error.',
  },
  millcourse_online_write_units_total: {
    ...{ kind: 'counter', unit: 'capacity units', labels: ['table'], from: worker },
    help: 'Write capacity consumed, as DynamoDB says it.',
  },
  // ── whether serving and training agree ──
  millcourse_quality_checks_total: {
    ...{ kind: 'counter', unit: '1', labels: [...view, 'outcome'], from: worker },
    help: 'Checks of a view that ended: agrees, faults, unsettled (keys differed each time, while publishes came and went), or failed.',
  },
  millcourse_quality_keys_checked_total: {
    ...{ kind: 'counter', unit: '1', labels: view, from: worker },
    help: 'Keys that were computed again from source rows and compared.',
  },
  // ── what workers lean on ──
  millcourse_engine_slot_wait_seconds: {
    ...{ kind: 'histogram', unit: 'seconds', labels: [], from: worker, buckets: work },
    help: 'How long heavy queries waited for their turn.',
  },
  millcourse_engine_session_seconds: {
    ...{ kind: 'histogram', unit: 'seconds', labels: ['session'], from: worker, buckets: work },
    help: 'Sessions of DuckDB without their wait: heavy (data) or light (footers, small files).',
  },
  millcourse_engine_peak_memory_bytes: {
    ...{ kind: 'gauge', unit: 'bytes', labels: [], from: worker },
    help: 'Largest memory that DuckDB held since the process started; measured after heavy queries.',
  },
  millcourse_engine_spill_bytes: {
    ...{ kind: 'gauge', unit: 'bytes', labels: [], from: worker },
    help: 'What lies in the spill folder now, of all workers that share it.',
  },
  millcourse_ledger_call_duration_seconds: {
    ...{ kind: 'histogram', unit: 'seconds', labels: ['call'], from: ['worker', 'watcher'], buckets: call },
    help: 'Calls of the ledger in Postgres.',
  },
  millcourse_ledger_errors_total: {
    ...{ kind: 'counter', unit: '1', labels: ['code'], from: ['worker', 'watcher'] },
    help: 'Calls of the ledger that failed.',
  },
  // ── the state of views, as the watcher reads it from the ledger ──
  millcourse_watcher_looks_total: {
    ...{ kind: 'counter', unit: '1', labels: ['outcome'], from: watcher },
    help: 'Looks of the watcher: ok, or failed. One that found no ledger is ok: it alerts, too.',
  },
  millcourse_watcher_last_look_timestamp_seconds: {
    ...{ kind: 'gauge', unit: 'seconds', labels: [], from: watcher },
    help: 'Unix time of the last look that succeeded. Gauges of views are as old as this; without the ledger they stand still, but for freshness.',
  },
  millcourse_ledger_up: {
    ...{ kind: 'gauge', unit: '1', labels: [], from: watcher },
    help: 'Whether the ledger answered the last look.',
  },
  millcourse_scheduler_up: {
    ...{ kind: 'gauge', unit: '1', labels: [], from: watcher },
    help: 'Whether Temporal answered the last look.',
  },
  millcourse_intervals: {
    ...{ kind: 'gauge', unit: '1', labels: [...view, 'state'], from: watcher },
    help: 'Intervals of the last 31 days, and older ones of which something is still to be done, that are missing, failed, held, not_ready, blocked (committed, but behind a gap), unpublished, running or reopened; one that is reopened, or running again, is failed or not_ready, too, while the last run that ended did so.',
  },
  millcourse_freshness_seconds: {
    ...{ kind: 'gauge', unit: 'seconds', labels: view, from: watcher },
    help: 'Now less the event time up to which the view is online (an offline view: committed), or less the moment when it was first seen while there is nothing. Goes on while the ledger is away.',
  },
  millcourse_freshness_limit_seconds: {
    ...{ kind: 'gauge', unit: 'seconds', labels: view, from: watcher },
    help: 'What the view’s SLA allows; views without one have no series, nor has one in its first backfill until it was up to date once or that time is over.',
  },
  millcourse_publish_delay_seconds: {
    ...{ kind: 'gauge', unit: 'seconds', labels: view, from: watcher },
    help: 'The last finished publish: how long after the end of its newest interval it was online.',
  },
  millcourse_quality_faults: {
    ...{ kind: 'gauge', unit: '1', labels: [...view, 'cause'], from: watcher },
    help: 'Faults that the last check of the view found, or could not judge anew: online-item, committed-file, coarse-tile, published-state, published-from.',
  },
  millcourse_quality_last_check_timestamp_seconds: {
    ...{ kind: 'gauge', unit: 'seconds', labels: view, from: watcher },
    help: 'Unix time of the last check of the view that came to an end.',
  },
  millcourse_incidents_open: {
    ...{ kind: 'gauge', unit: '1', labels: ['rule', 'severity'], from: watcher },
    help: 'Open incidents.',
  },
  millcourse_alerts_pending: {
    ...{ kind: 'gauge', unit: '1', labels: ['channel'], from: watcher },
    help: 'Messages that a channel has not taken yet.',
  },
  millcourse_alerts_total: {
    ...{ kind: 'counter', unit: '1', labels: ['channel', 'outcome'], from: watcher },
    help: 'Attempts to deliver an alert: delivered or failed; given_up: messages that are not tried any more.',
  },
  millcourse_heartbeats_total: {
    ...{ kind: 'counter', unit: '1', labels: ['outcome'], from: watcher },
    help: 'Calls of MILLCOURSE_HEARTBEAT_URL after looks that worked: ok, or failed.',
  },
  millcourse_feature_null_rate: {
    ...{ kind: 'gauge', unit: 'ratio', labels: [...view, 'feature'], from: watcher },
    help: 'Of the newest judged run: nulls of the feature’s column among its rows.',
  },
  millcourse_feature_mean: {
    ...{ kind: 'gauge', unit: 'as the feature', labels: [...view, 'feature'], from: watcher },
    help: 'Of the newest judged run: mean of the feature’s column.',
  },
  millcourse_feature_stddev: {
    ...{ kind: 'gauge', unit: 'as the feature', labels: [...view, 'feature'], from: watcher },
    help: 'Of the newest judged run: standard deviation of the feature’s column.',
  },
  millcourse_feature_quantile: {
    ...{ kind: 'gauge', unit: 'as the feature', labels: [...view, 'feature', 'quantile'], from: watcher },
    help: 'Of the newest judged run: approximate quantiles 0.01, 0.25, 0.5, 0.75 and 0.99 of the feature’s column.',
  },
  millcourse_feature_mean_shift_stddevs: {
    ...{ kind: 'gauge', unit: '1', labels: [...view, 'feature'], from: watcher },
    help: 'How many standard deviations of the last good run before it the mean has moved; held runs are compared, too.',
  },
  // ── serving ──
  millcourse_http_requests_total: {
    ...{ kind: 'counter', unit: '1', labels: ['route', 'method', 'status'], from: server },
    help: 'Requests answered, probes and scrapes left out, by the route’s pattern; none: a path that is not there.',
  },
  millcourse_http_request_duration_seconds: {
    ...{ kind: 'histogram', unit: 'seconds', labels: ['route', 'method'], from: server, buckets: call },
    help: 'From the request to its answer.',
  },
  // ── the process ──
  millcourse_part_ready: {
    ...{ kind: 'gauge', unit: '1', labels: ['process', 'part'], from: every },
    help: 'Whether the part of /readyz is well, asked at each scrape.',
  },
  millcourse_build_info: {
    ...{ kind: 'gauge', unit: '1', labels: ['process', 'release', 'node'], from: every },
    help: 'Always 1; the labels say what runs.',
  },
  process_start_time_seconds: {
    ...{ kind: 'gauge', unit: 'seconds', labels: [], from: every },
    help: 'Unix time of the start.',
  },
  process_cpu_seconds_total: {
    ...{ kind: 'counter', unit: 'seconds', labels: [], from: every },
    help: 'CPU time, user and system, of all threads.',
  },
  process_resident_memory_bytes: {
    ...{ kind: 'gauge', unit: 'bytes', labels: [], from: every },
    help: 'Resident memory, DuckDB’s included.',
  },
  nodejs_heap_used_bytes: {
    ...{ kind: 'gauge', unit: 'bytes', labels: [], from: every },
    help: 'JavaScript’s own memory.',
  },
  nodejs_eventloop_lag_p99_seconds: {
    ...{ kind: 'gauge', unit: 'seconds', labels: [], from: every },
    help: 'How late timers were since the last scrape, 99th percentile.',
  },
} as const satisfies Readonly<Record<string, Metric>>

export type MetricName = keyof typeof metrics
export type NameOf<Kind extends MetricKind> = {
  [Name in MetricName]: (typeof metrics)[Name]['kind'] extends Kind ? Name : never
}[MetricName]
export type LabelsOf<Name extends MetricName> = Readonly<Record<(typeof metrics)[Name]['labels'][number], string>>
