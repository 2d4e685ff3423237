import { MillcourseError } from '../errors.js'

/** DynamoDB's limit. */
const nameMax = 255

/**
 * One table per view version: retiring is a drop, two versions live side by side. This is its plain name; a first load into a table of
 * its own is told by the ledger, `versionTableName`. @throws MillcourseError CONFIG_INVALID
 */
export function onlineTableName(project: string, view: string, version: number): string {
  // The dot separates: names hold none.
  const name = `${onlineTablePrefix(project)}${view}.v${version}`
  if (!/^[A-Za-z0-9_-]+$/.test(project) || !/^[A-Za-z0-9_-]+$/.test(view) || name.length > nameMax)
    throw new MillcourseError('CONFIG_INVALID', `"${name}" is not a name for an online table`, {
      hint: 'projects and views are named with letters, digits, - and _, 255 in all',
      facts: { project, view },
    })
  return name
}

/** What the names of all tables of a project begin with, and of no other project's. */
export function onlineTablePrefix(project: string): string {
  return `millcourse.${project}.`
}

/** The table that counts for readers. @param named by the ledger, `LedgerReader.onlineTable`; null: none is, the plain name holds */
export function versionTableName(
  project: string,
  view: { readonly name: string; readonly version: number },
  named: string | null,
): string {
  return named ?? onlineTableName(project, view.name, view.version)
}

/** Of one attempt at a version's first load; a sequence is never drawn twice. Null: too long, there is none. */
export function firstLoadTableName(plain: string, sequence: bigint): string | null {
  const name = `${plain}.s${sequence}`
  return name.length > nameMax ? null : name
}

/** Whether a table may hold what the version with this plain name has published. */
export function isTableOfVersion(table: string, plain: string): boolean {
  return table === plain || sequenceOfTable(table, plain) !== null
}

/** Of the first load that made the table. Null: it is none of that version's; no ledger ever counts to nineteen digits. */
export function sequenceOfTable(table: string, plain: string): bigint | null {
  const digits = table.startsWith(`${plain}.s`) ? table.slice(plain.length + 2) : ''
  return /^\d{1,18}$/.test(digits) ? BigInt(digits) : null
}
