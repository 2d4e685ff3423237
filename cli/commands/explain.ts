import type { ViewBundle } from '../../core/define/definitions.js'
import { didYouMean } from '../../core/define/did-you-mean.js'
import { MillcourseError } from '../../core/errors.js'
import type { Question } from '../../core/explain/index.js'
import { decodeKey } from '../../core/publish/index.js'
import { parseKey } from '../../core/serve/index.js'
import { formatInstant, type Instant, parseInstant } from '../../core/time/instant.js'
import type { CliContext, Report } from '../context.js'
import { explainFactsFrom } from '../explain-screen/explain-facts-from.js'
import { formatExplainScreen } from '../explain-screen/explain-screen.js'
import { gatherEvidence } from '../explain-screen/gather-evidence.js'
import { parsePairs } from './key-pairs.js'

export interface ExplainOptions {
  readonly at: string
  readonly features?: readonly string[]
}

/** Source rows that are looked at and told in `--json`, the nearest in time first. */
const rowsMax = 500

/** Why a value is what it is: its source rows, the recomputation from them, what is online, and the cause of every difference. */
export async function explain(
  context: CliContext,
  name: string,
  pairs: readonly string[],
  options: ExplainOptions,
): Promise<Report> {
  const given = parsePairs(pairs)
  const [, view = name, version] = /^(.+)@v(\d+)$/.exec(name) ?? []
  const registry = await context.registry()
  const newest = await registry.view(view)
  const bundle = version === undefined ? newest : await registry.view(view, Number(version))
  const features = askedFeatures(bundle, options.features)
  const now = context.clock.now()
  const question: Question = { key: keyOf(bundle, given), at: askedTime(bundle, options.at, now) }
  const evidence = await gatherEvidence(context, bundle, [question], rowsMax)
  context.progress.end()
  const facts = explainFactsFrom({
    bundle,
    newestVersion: newest.view.version,
    question,
    given,
    features,
    evidence,
    now,
  })
  return { outcome: 'done', data: facts, text: formatExplainScreen(facts, context.givenOptions) }
}

function keyOf({ entity }: ViewBundle, given: Readonly<Record<string, string>>): Question['key'] {
  const key = parseKey(entity, given)
  // What is typed is never null.
  return decodeKey(entity.keys, key!)
}

function askedFeatures({ view }: ViewBundle, asked: readonly string[] | undefined): readonly string[] {
  const names = view.features.map((feature) => feature.name)
  const unknown = asked?.find((name) => !names.includes(name))
  if (unknown !== undefined)
    throw new MillcourseError('REGISTRY_UNKNOWN_FEATURE', `view ${view.name} has no feature "${unknown}"`, {
      hint: `${didYouMean(unknown, names)}its features are ${names.join(', ')}`,
      facts: { view: view.name, feature: unknown },
    })
  return asked ?? names
}

/** @throws MillcourseError PLAN_INTERVAL_INVALID: it is no instant; USAGE: nothing is known of that time */
function askedTime({ view }: ViewBundle, text: string, now: Instant): Instant {
  const at = parseInstant(text)
  if (at > now)
    throw new MillcourseError('USAGE', `--at ${text} lies in the future: it is ${formatInstant(now)}`, {
      hint: 'ask for a time that has been',
      facts: { view: view.name, at: formatInstant(at) },
    })
  if (at < parseInstant(view.since))
    throw new MillcourseError('USAGE', `--at ${text} lies before ${view.name} begins, at ${view.since}`, {
      hint: `ask for a time from ${view.since} on`,
      facts: { view: view.name, at: formatInstant(at) },
    })
  return at
}
