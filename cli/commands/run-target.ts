/** How commands name a run: by its id, by the beginning of its id, or as VIEW@START. */
import { MillcourseError } from '../../core/errors.js'
import type { LedgerReader, NamedRun, RunRecord, ViewKey } from '../../core/ports/ledger.js'
import type { RegistryReader } from '../../core/ports/registry.js'
import { parseDuration } from '../../core/time/duration.js'
import { formatInstant, parseInstant } from '../../core/time/instant.js'
import { formatInterval, type Interval, intervalAt } from '../../core/time/interval.js'

export interface RunTarget {
  readonly key: ViewKey
  readonly interval: Interval
  /** The newest run of the interval, or the one named by its id; null: the interval has none. */
  readonly run: RunRecord | null
}

const idPrefixMin = 4
/** A short id is looked for among so many of the newest runs. */
const runsLookedThroughMax = 5_000
const namedMax = 3

/** @throws MillcourseError LEDGER_UNKNOWN_RUN, REGISTRY_UNKNOWN_VIEW, USAGE */
export async function findRun(
  text: string,
  ports: { readonly ledger: LedgerReader; readonly registry: () => Promise<RegistryReader> },
): Promise<RunTarget> {
  if (text.includes('@')) return findByInterval(text, ports.ledger, await ports.registry())
  const run = (await ports.ledger.run(text)) ?? (await findByPrefix(text, ports.ledger))
  return { key: { view: run.view, version: run.version }, interval: run.interval, run }
}

/** `airport_delays@2001-01-01T05:00:00Z`, or `airport_delays@v2@2001-…` for a version that is not the newest. */
async function findByInterval(text: string, ledger: LedgerReader, registry: RegistryReader): Promise<RunTarget> {
  const match = /^([^@]+)@(?:v(\d+)@)?([^@]+)$/.exec(text)
  if (!match) throw new MillcourseError('USAGE', `"${text}" names no run`, { hint: 'write VIEW@START or a run id' })
  const [, name = '', version, startText = ''] = match
  const { view } = await registry.view(name, version === undefined ? undefined : Number(version))
  const start = parseInstant(startText)
  const interval = intervalAt(start, parseDuration(view.every), parseInstant(view.since))
  if (interval.start !== start)
    throw new MillcourseError('USAGE', `no interval of ${name} starts at ${startText}`, {
      hint: `the one that holds it starts at ${formatInstant(interval.start)}`,
      facts: { view: name, interval: formatInterval(interval) },
    })
  const key = { view: name, version: view.version }
  const [state] = await ledger.intervalStates(key, interval)
  const run = state?.latestRun ? await ledger.run(state.latestRun.runId) : null
  return { key, interval, run }
}

async function findByPrefix(prefix: string, ledger: LedgerReader): Promise<RunRecord> {
  const isLongEnough = prefix.length >= idPrefixMin
  const found = isLongEnough ? await ledger.runsNamed(prefix, runsLookedThroughMax) : []
  const [first, second] = found
  const only = first && !second ? await ledger.run(first.runId) : null
  if (only) return only
  if (first)
    throw new MillcourseError('LEDGER_UNKNOWN_RUN', `${found.length} runs begin with "${prefix}"`, {
      hint: `write more of the id; ${found.length > namedMax ? 'the newest are' : 'they are'} ${found.slice(0, namedMax).map(nameRun).join(', ')}`,
      facts: { run: prefix },
    })
  throw new MillcourseError('LEDGER_UNKNOWN_RUN', `no run is called or begins with "${prefix}"`, {
    hint: isLongEnough ? 'millcourse runs lists them' : `write at least ${idPrefixMin} characters of the id`,
    facts: { run: prefix },
  })
}

function nameRun({ runId, view, interval }: NamedRun): string {
  return `${runId} (${view}@${formatInstant(interval.start)})`
}
