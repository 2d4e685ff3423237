import { join, relative, resolve } from 'node:path'
import { MillcourseError } from '../../core/errors.js'
import { floorTo, formatInstant, type Instant, parseInstant } from '../../core/time/instant.js'
import type { Interval } from '../../core/time/interval.js'
import { packageRoot } from '../../workers/stack-package.js'
import type { CliContext, Report } from '../context.js'
import { type Copied, copyTemplate, refuseExisting } from '../init/copy-template.js'
import { findFlightsFile, layOutFlights } from '../init/flights-layout.js'
import { layOutSample } from '../init/sample-layout.js'
import { plural } from '../output/words.js'

const hourNs = 3_600_000_000_000n
const sampleHours = 48n
/** What the views of the sample say in the template. */
const templateSince = '2025-01-01T00:00:00Z'
const flightsRange = { start: parseInstant('2001-01-01T00:00:00Z'), end: parseInstant('2001-01-03T00:00:00Z') }

/** Makes a feature repo with two days of data, and says what to do with it. */
export async function init(
  context: CliContext,
  directory: string,
  options: { readonly example: string },
): Promise<Report> {
  const target = resolve(directory)
  refuseExisting(target)
  const made =
    options.example === 'flights'
      ? await initFlights(context, target)
      : await initSample(context, target, options.example)
  const folder = relative(process.cwd(), target)
  return {
    outcome: 'done',
    data: { folder: target, example: options.example, hours: made.hours, ...made.copied, next: made.next },
    text: [
      `${plural(made.copied.written.length, 'file')} and ${made.hours} hours of data in ${target}`,
      ...made.copied.kept.map((file) => `kept as it was: ${file}`),
      '',
      'Next:',
      ...(folder === '' ? [] : [`  cd ${folder}`]),
      ...made.next.map((command) => `  ${isRunByNpx() ? 'npx ' : ''}${command}`),
    ].join('\n'),
  }
}

function isRunByNpx(): boolean {
  return process.env.npm_command === 'exec'
}

interface Made {
  readonly copied: Copied
  readonly hours: number
  readonly next: readonly string[]
}

/** The two days before now, so that the schedules go on where the sample ends. */
async function initSample(context: CliContext, target: string, example: string): Promise<Made> {
  if (example !== 'sample')
    throw new MillcourseError('USAGE', `there is no example "${example}"`, {
      hint: '--example sample or --example flights',
    })
  const end = floorTo(context.clock.now(), hourNs)
  const range = { start: end - sampleHours * hourNs, end }
  const hours = await layOut(context, range, (onHour, engine) =>
    layOutSample({ engine, dataDir: join(target, 'data'), range, onHour }),
  )
  const copied = await copyTemplate({
    from: join(packageRoot(), 'templates', 'sample'),
    to: target,
    replace: { [templateSince]: formatInstant(range.start) },
  })
  return {
    copied,
    hours,
    next: [
      'millcourse dev                          # the stack; leave it running and open another terminal',
      'millcourse apply',
      'millcourse materialize user_orders',
      'millcourse materialize last_order',
      'millcourse get next_purchase user_id=42',
    ],
  }
}

async function initFlights(context: CliContext, target: string): Promise<Made> {
  const flightsFile = findFlightsFile([target, process.cwd(), packageRoot()])
  const hours = await layOut(context, flightsRange, (onHour, engine) =>
    layOutFlights({ engine, flightsFile, dataDir: join(target, 'data'), range: flightsRange, onHour }),
  )
  const copied = await copyTemplate({ from: join(packageRoot(), 'feature_repo'), to: target, replace: {} })
  const now = `--now ${formatInstant(flightsRange.end)}`
  return {
    copied,
    hours,
    next: [
      `millcourse dev ${now}      # it is 2001 for this stack; leave it running and open another terminal`,
      `millcourse apply --paused`,
      `millcourse materialize airport_delays ${now}`,
      `millcourse get airport_delays origin=ATL ${now}`,
    ],
  }
}

async function layOut(
  context: CliContext,
  range: Interval,
  work: (onHour: (done: number) => void, engine: Awaited<ReturnType<CliContext['engine']>>) => Promise<number>,
): Promise<number> {
  const all = hoursOf(range)
  const onHour = (done: number) => context.progress.update(`laying out ${done} of ${all} hours`)
  return work(onHour, await context.engine())
}

function hoursOf({ start, end }: { readonly start: Instant; readonly end: Instant }): bigint {
  return (end - start) / hourNs
}
