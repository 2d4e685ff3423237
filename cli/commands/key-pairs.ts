import { MillcourseError } from '../../core/errors.js'

/** A key as it is typed, `origin=ATL`. @throws MillcourseError USAGE */
export function parsePairs(pairs: readonly string[]): Record<string, string> {
  const entries = pairs.map((pair): [string, string] => {
    const at = pair.indexOf('=')
    if (at < 1) throw new MillcourseError('USAGE', `"${pair}" is not key=value`, { hint: 'such as origin=ATL' })
    return [pair.slice(0, at), pair.slice(at + 1)]
  })
  const twice = entries.find(([name], index) => entries.findIndex(([first]) => first === name) !== index)
  if (twice)
    throw new MillcourseError('USAGE', `key "${twice[0]}" is given twice`, {
      hint: 'one value each; ask once per entity',
    })
  return Object.fromEntries(entries)
}
