/** What a command is given: the ports, opened when first asked for, and how to talk to the person at the terminal. */
import type { Routing } from '../core/alert/index.js'
import type { FeatureRepo } from '../core/define/definitions.js'
import type { MillcourseError } from '../core/errors.js'
import type { Prices } from '../core/plan/index.js'
import type { AlertChannel } from '../core/ports/alert-channel.js'
import type { Clock } from '../core/ports/clock.js'
import type { Lake } from '../core/ports/lake.js'
import type { LedgerWriter } from '../core/ports/ledger.js'
import type { LedgerArchive } from '../core/ports/ledger-archive.js'
import type { OnlineStore } from '../core/ports/online-store.js'
import type { QueryEngine } from '../core/ports/query-engine.js'
import type { RegistryWriter } from '../core/ports/registry.js'
import type { RunControl } from '../core/ports/run-control.js'
import type { SchemaState } from '../core/ports/schema-state.js'
import type { IsoInstant } from '../core/time/instant.js'
import type { Incident } from '../core/watch/index.js'
import type { Progress } from './output/progress.js'

export interface CliContext {
  /** Absolute; the nearest folder upward with a millcourse.json, or the one named by `--repo`. */
  readonly repoDir: string
  /** `MILLCOURSE_PROJECT`, else the feature repo's. */
  readonly project: string
  /** The package's own. */
  readonly version: string
  readonly isJson: boolean
  /** The global options as they were given, quoted for a shell, to end a suggested command with: ` --repo shop`; else empty. */
  readonly givenOptions: string
  readonly clock: Clock
  /** `--now`; null: the real clock. */
  readonly pretendedNow: IsoInstant | null
  readonly progress: Progress
  /** Aborted by Ctrl-C. */
  readonly signal: AbortSignal
  /** Who acts, for the audit. */
  readonly actor: string

  /** All definitions, and every problem of them as a value. @throws MillcourseError REPO_NOT_FOUND, CONFIG_INVALID */
  readRepo(): Promise<{ readonly repo: FeatureRepo; readonly problems: readonly MillcourseError[] }>
  /**
   * Brings the database's schema up to date; `isCheck`: only says what would be done.
   * @throws MillcourseError STACK_NOT_RUNNING, LEDGER_UNREACHABLE, LEDGER_ACCESS_DENIED, LEDGER_CONFLICT, LEDGER_SCHEMA_OUTDATED
   */
  migrate(options?: { readonly isCheck: boolean }): Promise<SchemaState>
  /** Where the stack's parts are; for people. @throws MillcourseError STACK_NOT_RUNNING */
  addresses(): Promise<StackAddresses>
  /** Each throws STACK_NOT_RUNNING where neither the environment nor a local stack says where it is. */
  ledger(): Promise<LedgerWriter>
  registry(): Promise<RegistryWriter>
  runControl(): Promise<RunControl>
  online(): Promise<OnlineStore>
  lake(): Promise<Lake>
  /** Registry and ledger as a whole, for backup and restore. */
  ledgerArchive(): Promise<LedgerArchive>
  /** Another place than the project's own: a folder, `file:///…` or `s3://bucket/prefix`. */
  lakeAt(root: string): Promise<Lake>
  /** The next two need no stack. */
  sources(): Promise<Lake>
  engine(): Promise<QueryEngine>
  /** The routes of alerts; need no stack. @throws MillcourseError CONFIG_INVALID with file, line and path of each fault */
  alerts(): Promise<ConfiguredAlerts>
  /** `MILLCOURSE_PRICES` as it is here; null: nobody said. Needs no stack. @throws MillcourseError CONFIG_INVALID */
  prices(): Promise<Prices | null>
  /** Programs that `millcourse dev` needs: where each is, and what happens if it is nowhere. */
  localTools(): Promise<readonly { readonly name: string; readonly path: string | null; readonly otherwise: string }[]>
  /** Works until `signal` is aborted. */
  runProcess(name: 'worker' | 'watcher' | 'server'): Promise<void>
  close(): Promise<void>
}

export interface StackAddresses {
  /** Where the addresses come from: the environment, or a local stack. */
  readonly from: string
  readonly temporal: string
  readonly temporalUi: string | null
  readonly temporalNamespace: string
  /** Where the runbooks are read; null: they are named by their path in the repository. */
  readonly runbooksUrl: string | null
  /** Where the processes of a local stack answer `/readyz`, by their names; elsewhere whoever started them knows. */
  readonly processes: Readonly<Record<string, string>>
}

export interface ConfiguredAlerts {
  /** The routes' file, or the variable that holds them; null: alerts go to the log alone. */
  readonly from: string | null
  readonly routing: Routing
  /** Secrets that are not set here, each with the place that names it. */
  readonly unset: readonly string[]
  channelsFor(incident: Incident): readonly string[]
  /** @throws MillcourseError CONFIG_INVALID for a name that no channel has, a secret that is not set, or one that cannot be used */
  open(name: string): Promise<AlertChannel>
}

/**
 * What a command ends with. `data` is the whole of `--json`'s output; `text` is for a person. `partly`: what was asked for was
 * done for some of it.
 */
export interface Report {
  readonly outcome: 'done' | 'partly' | 'failed'
  readonly data: unknown
  readonly text: string
  /** Why it failed, where the report itself is worth printing: goes to stderr and gives the exit code. */
  readonly error?: MillcourseError
}
