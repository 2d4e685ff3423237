/** Names of definitions and features, and what column names may be (R23). */
import type { Problem } from './declare.js'

const namePattern = /^[a-z][a-z0-9_]{0,62}$/

/** Names become table, folder and output column names: one plain spelling everywhere. */
export function checkName(what: string, name: unknown): Problem[] {
  if (typeof name === 'string' && namePattern.test(name)) return []
  return [
    {
      code: 'DEFINE_INVALID',
      message: `${what} ${JSON.stringify(name)} is not a valid name`,
      hint: 'names are lower-case letters, digits and _, start with a letter and have at most 63 characters',
      facts: { name: String(name) },
    },
  ]
}

/** R23: a column may be called anything but what the product's own columns are; two that differ only by case are refused. */
export function checkColumnNames(owner: string, names: readonly string[]): Problem[] {
  const problems: Problem[] = []
  const seen = new Map<string, string>()
  for (const name of names) {
    const other = seen.get(name.toLowerCase())
    if (name === '' || name.includes('\0'))
      problems.push({
        code: 'DEFINE_INVALID',
        message: `${owner} has a column without a name`,
        facts: { column: name },
      })
    else if (name.startsWith('__'))
      problems.push({
        code: 'DEFINE_INVALID',
        message: `${owner}: column '${name}' begins with __`,
        hint: 'such names are taken; leave it out of the schema, or have it written under another name',
        facts: { column: name },
      })
    else if (other !== undefined)
      problems.push({
        code: 'DEFINE_DUPLICATE_NAME',
        message: `${owner} has the columns '${other}' and '${name}', which differ only by case (R23)`,
        hint: 'rename one of them where the files are written, or leave one out of the schema',
        facts: { column: name },
      })
    seen.set(name.toLowerCase(), name)
  }
  return problems
}

/** What the ledger holds as a version: 32 bits. */
export const versionMax = 2 ** 31 - 1

/** @param who begins the message: `view 'x'` */
export function checkVersion(who: string, version: unknown): Problem[] {
  if (Number.isInteger(version) && Number(version) >= 1 && Number(version) <= versionMax) return []
  const most = Number(version) > versionMax ? ` up to ${versionMax}` : ''
  return [{ code: 'DEFINE_INVALID', message: `${who}: version ${version} is not 1, 2, 3, …${most}` }]
}

export function isPlainObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
