/** The facts of a run as one screen: about thirty lines of at most 120 columns, what matters first, what to do last. */
import { assertNever } from '../../core/errors.js'
import type { Finding } from '../../core/judge/index.js'
import type { RunError } from '../../core/ports/ledger.js'
import type { Layer } from '../../core/runbook/index.js'
import type { ColumnChange, FileChanges } from '../../core/source/index.js'
import { waitedText } from '../commands/run-summary.js'
import { spendText } from '../cost-screen/cost-text.js'
import { formatFinding } from '../output/finding-text.js'
import { formatBytes, formatCount, formatMs, plural } from '../output/words.js'
import { type RejectedRows, rejectedText } from './rejected-rows.js'
import type {
  BlockFacts,
  Differences,
  Hits,
  HitView,
  IntervalFacts,
  RunDetails,
  RunFacts,
  SlaFacts,
} from './run-facts.js'
import { workText } from './work-text.js'

const widthMax = 120
const labelWidth = 11
const namesMax = 3
const columnsMax = 6
const shiftsMax = 4
/** Messages that carry a vendor's words may be pages long; `--json` has the whole. */
const messageMax = 480

export function formatRunScreen(facts: RunFacts): string {
  return [
    `${facts.view}@v${facts.version} [${facts.start}, ${facts.end}): ${headline(facts)}`,
    '',
    ...row('broke', facts.layer ? brokeText(facts.layer, facts.details) : ''),
    ...(facts.details ? causeLines(facts.details, facts.interval, facts.run) : []),
    ...runLines(facts),
    ...lastGoodLines(facts),
    ...differenceLines(facts),
    ...(facts.details ? [...countLines(facts.details), ...removedLines(facts.details)] : []),
    '',
    ...hitLines(facts.hits),
    ...row('sla', slaText(facts.sla)),
    ...blockLines(facts.blocks, facts.interval.isEmpty ?? false),
    ...(facts.details?.temporal.ui ? [`${'temporal'.padEnd(labelWidth)}${facts.details.temporal.ui}`] : []),
    ...(facts.runbook ? [`${'runbook'.padEnd(labelWidth)}${facts.runbook}`] : []),
    '',
    ...stepLines(facts),
  ].join('\n')
}

function headline({ run, details, interval }: RunFacts): string {
  if (!details)
    return interval.committedRun === null ? 'has never run' : 'has no run; a decision made its accepted version'
  const newer = interval.latestRun
  return newer && newer.run !== run && details.outcome !== 'skipped'
    ? `${details.outcome}, and ${newer.outcome} since`
    : details.outcome
}

/** R33: a failure of its own publish is over once a publish has covered its commit, which may have been replaced before that. */
function coveredText(isAccepted: boolean): string {
  return isAccepted
    ? 'another publish has carried its commit online since'
    : 'another publish has covered its commit since; the accepted version is another one by now'
}

const layerTexts: Readonly<Record<Layer, string>> = {
  definition: 'the definition: what is applied of the feature repo',
  source: 'the source: what its producer wrote, or did not',
  compute: 'the computation: the query over the rows',
  lake: 'the store of files: the lake, or the sources’',
  ledger: 'the ledger: Postgres',
  online: 'the online store: DynamoDB',
  temporal: 'Temporal: the scheduler of runs',
  process: 'the process: the worker, its memory or its environment',
}

function brokeText(layer: Layer, details: RunDetails | null): string {
  const [below, step] = [details?.waitedFor?.view, details?.error?.step]
  if (below !== undefined) return `view ${below}, which it is built on`
  return `${layerTexts[layer]}${step ? ` (step ${step})` : ''}`
}

function triesText({ attempts, triedForMs }: RunError): string {
  if (attempts <= 1) return ''
  const over = triedForMs === undefined ? '' : ` over ${formatMs(triedForMs)}`
  return `${attempts} attempts${over}; this is what the first failed of`
}

/** R35, R37: what has become of features that its first commit left out. */
function heldText(outcome: RunDetails['outcome'], awaiting: boolean | null): string {
  if (outcome === 'accepted') return 'left out of its commit until they were accepted'
  return awaiting === false ? 'left out of its commit for good: they were rejected' : 'left out of its commit'
}

function causeLines(
  details: RunDetails,
  { committedRun, heldFeatures: awaited }: IntervalFacts,
  run: string | null,
): string[] {
  const isAccepted = committedRun === run
  // Of a commit that another took the place of nobody can say.
  const awaiting = isAccepted ? awaited !== undefined : null
  const { error, findings, heldFeatures, outcome, waitedFor } = details
  if (error) {
    const message = cut(error.message, messageMax)
    const told = Object.entries(error.facts).filter(([, value]) => !message.includes(String(value)))
    return [
      ...row('cause', `${error.code}: ${message}`),
      ...row('', told.map(([name, value]) => `${name} ${cut(String(value), widthMax)}`).join('; ')),
      ...row('', triesText(error)),
      ...row('', outcome === 'done' ? coveredText(isAccepted) : ''),
    ]
  }
  if (outcome === 'running' && waitedFor) return row('waits for', waitedText(waitedFor))
  if (outcome === 'not-ready')
    return row('cause', waitedFor ? waitedText(waitedFor) : 'its input was not complete by the deadline')
  if (outcome === 'skipped')
    return row('cause', 'neither its files nor its definition had changed since the run before')
  const isHeld = outcome === 'held' || heldFeatures !== undefined
  const holds = (severity: Finding['severity']) => severity === 'hold' || (isHeld && severity === 'hold-feature')
  return [
    ...row('held alone', heldFeatures ? `${heldFeatures.join(', ')}: ${heldText(outcome, awaiting)}` : ''),
    ...findings.flatMap((finding) => row(holds(finding.severity) ? 'held by' : 'warning', formatFinding(finding))),
  ]
}

function runLines({ run, details }: RunFacts): string[] {
  if (!details) return []
  const { kind, startedAt, endedAt, tookMs, work } = details
  const number = details.number === null ? '' : `, number ${details.number}`
  const took = endedAt === null ? `under way for ${formatMs(tookMs)}` : `took ${formatMs(tookMs)}`
  return [
    ...row('run', `${run} (${kind}${number}); started ${second(startedAt)}, ${took}`),
    ...row('step', work ? cut(workText(work), messageMax) : ''),
  ]
}

function lastGoodLines({ lastGoodRun: good, start }: RunFacts): string[] {
  if (!good) return row('last good', 'none of this interval or an earlier one')
  const where = good.start === start ? 'this interval, before' : `[${good.start}, ${good.end})`
  return row('last good', `${where}: ${good.run}, ${good.outcome}${good.endedAt ? ` ${second(good.endedAt)}` : ''}`)
}

// ── what differs ────────────────────────────────────────────────────────────────────────────────────────────────────────

function differenceLines({ differences, details, lastGoodRun }: RunFacts): string[] {
  if (!differences) return []
  const { rows, schema, profile, files } = differences
  const isBaseRemoved = details?.detailsRemovedAt === undefined && lastGoodRun?.detailsRemovedAt !== undefined
  const shifted = profile?.filter(({ isShifted }) => isShifted) ?? []
  return [
    'since the last good run',
    ...row('  inputs', inputsText(files, differences.isSameInterval)),
    ...(rows ? row('  rows', `${formatCount(rows.is)} kept, were ${formatCount(rows.was)}${percent(rows)}`) : []),
    ...row('  schema', schemaText(schema)),
    ...shifted
      .slice(0, shiftsMax)
      .flatMap(({ column, features, nullRate, mean, deviations }) =>
        row(
          '  values',
          `${column}: null rate ${rate(nullRate.is)} (was ${rate(nullRate.was)}), mean ${short(mean.is)} (was ${short(mean.was)}${
            deviations === null ? '' : `, ${short(deviations)} standard deviations away`
          }); in ${some(features, 'more')}`,
        ),
      ),
    ...row('', shifted.length > shiftsMax ? `and ${plural(shifted.length - shiftsMax, 'more column')} (--json)` : ''),
    ...(profile && shifted.length === 0 ? row('  values', 'no column moved much (null rate, mean)') : []),
    ...(isBaseRemoved ? row('  values', 'not compared: the last good run’s profile was removed') : []),
    ...(differences.isDefinitionChanged ? row('  definition', 'changed: the view is not computed as it was') : []),
  ]
}

function inputsText({ was, is, names }: FileChanges, isSameInterval: boolean): string {
  const sizes = `${plural(is.files, 'file')}, ${formatBytes(is.bytes)}; were ${plural(was.files, 'file')}, ${formatBytes(was.bytes)}`
  if (!names) return sizes
  const told = [
    named('missing', names.removed),
    named('new', names.added),
    named('changed', names.changed),
    isSameInterval && names.removed.length + names.added.length + names.changed.length === 0 ? ['the same files'] : [],
  ].flat()
  return [sizes, ...told].join('; ')
}

function named(what: string, files: readonly string[]): string[] {
  return files.length === 0 ? [] : [`${what} ${some(files.map(tail), `of ${files.length}`)}`]
}

function schemaText(schema: Differences['schema']): string {
  if (!schema || schema.read.is === 0 || (schema.read.was === 0 && schema.comparedWith === 'last-good-run')) {
    const [first] = schema?.unread ?? []
    return first ? `not compared: ${tail(first.file)}: ${first.why}` : 'not compared: one of the two read no file'
  }
  const isDeclared = schema.comparedWith === 'declaration'
  const than = `${isDeclared ? ' as declared (the last good run’s files are gone)' : ''}${lookedAtText(schema)}`
  if (schema.changes.length === 0) return `the same columns and types${than}`
  const told = schema.changes.slice(0, columnsMax)
  const places = [...new Set(told.map(placeText))].map((place) => {
    const there = told.filter((change) => placeText(change) === place)
    return `${there.map(columnText).join(', ')} in ${place}`
  })
  const more = schema.changes.length - told.length
  return `${places.join('; ')}${more > 0 ? `; and ${more} more (--json)` : ''}${than}`
}

/** Empty: all of both were. */
function lookedAtText({ read, files, comparedWith }: NonNullable<Differences['schema']>): string {
  const before =
    comparedWith === 'declaration' || read.was === files.was ? '' : ` and ${read.was} of ${files.was} before`
  if (read.is === files.is && before === '') return ''
  return `; looked at ${read.is} of ${plural(files.is, 'file')}${before}`
}

function columnText({ column, was, is }: ColumnChange): string {
  if (was === null) return `${column} added (${is})`
  return is === null ? `${column} missing (was ${was})` : `${column} ${was} -> ${is}`
}

function placeText({ file, filesMore }: ColumnChange): string {
  return `${tail(file)}${filesMore > 0 ? ` and ${filesMore} more` : ''}`
}

/** R28, as the run's own sums. */
function countLines({ counts, rejectedRows, keyCounts, spend }: RunDetails): string[] {
  const rejected = counts ? Object.values(counts.rejected).reduce((sum, count) => sum + count, 0) : 0
  return [
    ...(counts
      ? row(
          'rows',
          `read ${formatCount(counts.read)} = kept ${formatCount(counts.kept)} + rejected ${formatCount(rejected)}${counts.filtered === undefined ? '' : ` + filtered by the query ${formatCount(counts.filtered)}`}`,
        )
      : []),
    ...(rejectedRows ? rejectedLines(rejectedRows) : []),
    ...(keyCounts
      ? row(
          'keys',
          `touched ${formatCount(keyCounts.touched)} = published ${formatCount(keyCounts.published)} + unchanged ${formatCount(keyCounts.unchanged)} + superseded ${formatCount(keyCounts.superseded)}; taken back ${formatCount(keyCounts.takenBack)}`,
        )
      : []),
    ...(spend ? row('cost', spendText(spend)) : []),
  ]
}

function rejectedLines(rejected: RejectedRows): string[] {
  const { text, place } = rejectedText(rejected)
  return [...row('rejected', text), ...(place === null ? [] : [copied(place)])]
}

/** What is not said above is not known any more, which is not the same as that it never was. */
function removedLines({ detailsRemovedAt }: RunDetails): string[] {
  if (detailsRemovedAt === undefined) return []
  const what = 'profile, sketches and its own cost, as far as it had them'
  return row('details', `removed ${second(detailsRemovedAt)} (MILLCOURSE_KEEP_RUN_DETAILS): ${what}`)
}

// ── whom it hits ────────────────────────────────────────────────────────────────────────────────────────────────────────

function hitLines({ services, builtOn, views, owners }: Hits): string[] {
  const taken = services.map(({ service, features, through }) =>
    features.length > 0 ? `${service} (${some(features, 'more')})` : `${service} (through ${some(through, 'more')})`,
  )
  const [alike, others] = [views.filter((view) => view.isSameCause), views.filter((view) => !view.isSameCause)]
  return [
    ...row('services', taken.length > 0 ? some(taken, 'more', 6) : 'none takes a feature of it'),
    ...row(
      'same cause',
      alike.length > 0
        ? `also fails ${some(
            alike.map(({ view, version }) => `${view}@v${version}`),
            'more',
            6,
          )}`
        : '',
    ),
    ...row('built on it', builtOn.map(({ view, version }) => `${view}@v${version}`).join(', ')),
    ...row('source', others.length > 0 ? `also read by ${some(others.map(viewText), 'more', 6)}` : ''),
    ...row('owners', owners.map(({ owner, of }) => `${owner} (${some(of, 'more', 6)})`).join(', ')),
  ]
}

function viewText({ view, version, outcome, error }: HitView): string {
  return `${view}@v${version} (${outcome === null ? 'not run' : error ? `${outcome}, ${error}` : outcome})`
}

function slaText({ kind, freshness, reachedAt, until, distance }: SlaFacts): string {
  switch (kind) {
    case 'none':
      return `the view has none${reachedAt ? `; published up to ${reachedAt}` : ''}`
    case 'nothing-yet':
      return `${freshness}, and nothing is published yet`
    case 'holds':
      return `holds until ${until} (in ${distance}): published up to ${reachedAt}, may be ${freshness} old`
    case 'broken':
      return `broken since ${until} (for ${distance}): published up to ${reachedAt}, may be ${freshness} old`
    default:
      return assertNever(kind)
  }
}

function blockLines({ kind, waiting, until }: BlockFacts, isEmpty: boolean): string[] {
  const reach = until === null ? 'every later end' : `every end before ${until}`
  switch (kind) {
    case 'never':
    case 'not-yet':
      return []
    case 'accepted':
      return row('blocks', `nothing: the interval has an accepted version${isEmpty ? ', which is empty' : ''}`)
    case 'marks':
      return row('blocks', `nothing, but ${reach} is published as partial (onGap: mark)`)
    case 'blocks': {
      const [first, last] = [waiting[0], waiting.at(-1)]
      const computed =
        first && last
          ? `; computed and waiting: ${waiting.length === 1 ? first.start : `${waiting.length} from ${first.start} to ${last.start}`}`
          : '; none of them is computed yet'
      return row('blocks', `${reach}, for as long as this interval is missing${computed}`)
    }
    default:
      return assertNever(kind)
  }
}

function stepLines({ nextSteps }: RunFacts): string[] {
  return nextSteps.flatMap(({ why, command }, index) => [
    ...row(index === 0 ? 'next' : '', command === null ? why : `${why}:`),
    ...(command === null ? [] : [copied(command)]),
  ])
}

// ── words ───────────────────────────────────────────────────────────────────────────────────────────────────────────────

/** On a line of its own, whole. */
function copied(text: string): string {
  return `${' '.repeat(labelWidth)}  ${text}`
}

/** A labelled paragraph, folded at blanks; nothing for an empty text. */
function row(label: string, text: string): string[] {
  if (text === '') return []
  const lines: string[] = []
  let line = ''
  for (const word of text.replaceAll(/\s+/g, ' ').trim().split(' ')) {
    if (line !== '' && labelWidth + line.length + 1 + word.length > widthMax) {
      lines.push(line)
      line = word
    } else line = line === '' ? word : `${line} ${word}`
  }
  return [...lines, line].map(
    (part, index) =>
      `${(index === 0 ? label : '').padEnd(labelWidth)} `.slice(0, Math.max(labelWidth, label.length + 1)) + part,
  )
}

function some(texts: readonly string[], more: string, max = namesMax): string {
  const left = texts.length - max
  return `${texts.slice(0, max).join(', ')}${left > 0 ? ` and ${left} ${more}` : ''}`
}

/** Enough of a path to know the partition and the file. */
function tail(uri: string): string {
  return uri.split('/').slice(-3).join('/')
}

function cut(text: string, lengthMax: number): string {
  return text.length <= lengthMax ? text : `${text.slice(0, lengthMax - 1)}…`
}

function second(iso: string): string {
  return iso.replace(/\.\d+Z$/, 'Z')
}

function percent({ was, is }: { readonly was: number; readonly is: number }): string {
  if (was === 0 || was === is) return ''
  const change = Math.round(((is - was) / was) * 100)
  return ` (${change > 0 ? '+' : ''}${change}%)`
}

function rate(value: number | null): string {
  return value === null ? 'unknown' : `${Number((value * 100).toPrecision(3))}%`
}

function short(value: number | null): string {
  return value === null ? 'none' : String(Number(value.toPrecision(3)))
}
