/** How commands name an incident: by its key, or by the beginning of the key of one that is open. */
import { MillcourseError } from '../../core/errors.js'
import type { IncidentReader } from '../../core/ports/incident-ledger.js'

/** The key as it is where nothing open has it: the ledger says what became of it. @throws MillcourseError USAGE */
export async function findIncidentKey(text: string, ledger: IncidentReader): Promise<string> {
  const keys = (await ledger.openIncidents()).map(({ key }) => key)
  if (keys.includes(text)) return text
  const found = keys.filter((key) => key.startsWith(text))
  if (found.length > 1)
    throw new MillcourseError('USAGE', `${found.length} open incidents begin with "${text}"`, {
      hint: `name one of them: ${found.map(quotedKey).join(', ')}`,
      facts: { key: text },
    })
  return found[0] ?? text
}

/** As a shell takes it for one word. */
export function quotedKey(key: string): string {
  return /^[\w@./:=-]+$/.test(key) ? key : `'${key.replaceAll("'", `'\\''`)}'`
}
