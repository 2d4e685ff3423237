/** A view's durations: defaults, and which must divide which (R9). */
import { isMillcourseError } from '../errors.js'
import { formatDuration, parseDuration } from '../time/duration.js'
import { floorTo, formatInstant, type Instant, parseInstant } from '../time/instant.js'
import type { Problem } from './declare.js'
import type { Feature, FeatureViewDefinition, WindowFeature } from './definitions.js'
import { readDuration } from './duration-option.js'
import type { GivenView } from './given-view.js'

type ViewTimes = Pick<FeatureViewDefinition, 'since' | 'every' | 'tile' | 'coarseTile' | 'lookback' | 'ttl' | 'lag'>

const dayNs = parseDuration('1d')

export function readViewTimes(
  view: string,
  viewKind: 'lookup' | 'window',
  features: readonly Feature[],
  given: GivenView,
  problems: Problem[],
): ViewTimes {
  const who = `view '${view}'`
  const optional = (name: 'lookback' | 'ttl', because?: string) =>
    given[name] === undefined || given[name] === null
      ? null
      : (readDuration(`${who}: ${name}`, given[name], problems, because ? { because } : {})?.text ?? null)
  const every = readDuration(`${who}: every`, given.every, problems)
  const tile = given.tile === undefined ? every : readDuration(`${who}: tile`, given.tile, problems)
  const since = readSince(who, given.since, problems)
  const times = {
    since: since === null ? String(given.since) : formatInstant(since),
    every: every?.text ?? String(given.every),
    lookback: optional('lookback'),
    ttl: optional('ttl', 'R2: leave it out for a value that never expires'),
    lag: readDuration(`${who}: lag`, given.lag ?? '0s', problems, { mayBeZero: true })?.text ?? '0s',
  }
  if (viewKind === 'lookup') return { ...times, tile: null, coarseTile: null }
  if (every === null || tile === null || since === null) return { ...times, tile: tile?.text ?? null, coarseTile: null }
  const grid = { sinceNs: since, everyNs: every.ns, tileNs: tile.ns }
  const windows = features.filter((feature) => feature.kind === 'window')
  problems.push(...tileProblems(view, grid, windows))
  return { ...times, tile: tile.text, coarseTile: readCoarseTile(who, given, grid, windows, problems) }
}

interface Grid {
  readonly sinceNs: Instant
  readonly everyNs: bigint
  readonly tileNs: bigint
}

function readSince(who: string, text: string, problems: Problem[]): Instant | null {
  try {
    return parseInstant(String(text))
  } catch (error) {
    if (!isMillcourseError(error)) throw error
    problems.push({ code: 'DEFINE_INVALID', message: `${who}: since: ${error.message}`, hint: error.detail.hint ?? '' })
    return null
  }
}

/** R9: a tile lies in one interval, and a window is a whole number of tiles. */
function tileProblems(view: string, grid: Grid, windows: readonly WindowFeature[]): Problem[] {
  const tile = formatDuration(grid.tileNs)
  const problems: Problem[] = []
  const refuse = (message: string, hint: string, facts: Record<string, string> = {}) =>
    problems.push({
      code: 'DEFINE_INVALID',
      message: `view '${view}': ${message} (R9)`,
      hint,
      facts: { view, ...facts },
    })
  if (grid.everyNs % grid.tileNs !== 0n)
    refuse(
      `every ${formatDuration(grid.everyNs)} is not a multiple of its tile ${tile}`,
      'choose a tile that divides every',
    )
  else if (floorTo(grid.sinceNs, grid.tileNs) !== grid.sinceNs)
    refuse(
      `since ${formatInstant(grid.sinceNs)} is not the start of a tile of ${tile}; tiles are aligned to 1970-01-01T00:00:00Z`,
      `since: '${formatInstant(floorTo(grid.sinceNs, grid.tileNs))}'`,
    )
  for (const feature of windows)
    if (feature.over !== 'lifetime' && parseDuration(feature.over) % grid.tileNs !== 0n)
      refuse(
        `feature '${feature.name}' is over ${feature.over}, which is not a multiple of the tile ${tile}`,
        'give the view a tile that divides every window',
        { feature: feature.name },
      )
  return problems
}

/** The default is a day where a window is longer than two, and thirty beside it where one is longer than sixty, as far as they fit. */
function readCoarseTile(
  who: string,
  given: GivenView,
  grid: Grid,
  windows: readonly WindowFeature[],
  problems: Problem[],
): FeatureViewDefinition['coarseTile'] {
  const { coarseTile } = given
  if (coarseTile === null) return null
  if (coarseTile === undefined) {
    const isLonger = (ns: bigint) => windows.some((one) => one.over === 'lifetime' || parseDuration(one.over) > ns)
    const fits = (ns: bigint) => grid.tileNs < ns && coarseFits(ns, grid)
    return oneOrMore([
      ...(isLonger(2n * dayNs) && fits(dayNs) ? ['1d'] : []),
      ...(isLonger(60n * dayNs) && fits(30n * dayNs) ? ['30d'] : []),
    ])
  }
  const texts = typeof coarseTile === 'string' ? [coarseTile] : coarseTile
  const tiles = texts.flatMap((text) => readDuration(`${who}: coarseTile`, text, problems) ?? [])
  for (const [at, coarse] of tiles.entries()) {
    const before = tiles[at - 1]
    if (coarse.ns <= grid.tileNs || !coarseFits(coarse.ns, grid))
      problems.push({
        code: 'DEFINE_INVALID',
        message: `${who}: coarseTile ${coarse.text} is not made of whole intervals of ${formatDuration(grid.everyNs)} from ${formatInstant(grid.sinceNs)}`,
        hint: 'a multiple of every, longer than tile, with since at the start of one of the intervals it holds; or null for none',
      })
    else if (before && (coarse.ns <= before.ns || coarse.ns % before.ns !== 0n))
      problems.push({
        code: 'DEFINE_INVALID',
        message: `${who}: coarseTile ${coarse.text} is not made of whole ones of ${before.text}, the one before it`,
        hint: "the shortest first, each a multiple of the one before: ['1d', '30d']",
      })
  }
  return oneOrMore(tiles.map(({ text }) => text))
}

/** One stands alone, as definitions had it when there was no other. */
function oneOrMore(tiles: readonly string[]): FeatureViewDefinition['coarseTile'] {
  return tiles.length > 1 ? tiles : (tiles[0] ?? null)
}

function coarseFits(coarseNs: bigint, grid: Grid): boolean {
  return coarseNs % grid.everyNs === 0n && floorTo(grid.sinceNs, grid.everyNs) === grid.sinceNs
}
