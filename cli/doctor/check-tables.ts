/** The project's online tables: are they as the product makes them? */
import type { SettingDifference } from '../../core/ports/online-store.js'
import { onlineTablePrefix } from '../../core/publish/online-table-name.js'
import type { CliContext } from '../context.js'
import { plural } from '../output/words.js'

const atOnce = 8

/** Retired versions' too: they are read for as long as they are there. */
export async function checkTables({ project, online }: Pick<CliContext, 'project' | 'online'>) {
  const store = await online()
  const prefix = onlineTablePrefix(project)
  const tables = (await store.limits()).tables.filter((table) => table.startsWith(prefix)).toSorted()
  if (tables.length === 0)
    return { state: 'absent' as const, found: 'none yet: the first publish of a view makes its table', advice: null }
  const differing = new Map<string, readonly SettingDifference[]>()
  for (let from = 0; from < tables.length; from += atOnce)
    await Promise.all(
      tables.slice(from, from + atOnce).map(async (table) => {
        const found = await store.settingDifferences(table)
        if (found !== null && found.length > 0) differing.set(table, found)
      }),
    )
  const counted = plural(tables.length, 'table')
  if (differing.size === 0) return `${counted}, as they are made`
  const found = `${counted}; ${tables.flatMap((table) => words(table, differing.get(table) ?? [])).join('; ')}`
  // The mode of billing and the key of an older table may be somebody's choice: told, and nothing to mend.
  const isLacking = [...differing.values()].flat().some(({ setting }) => setting === 'expiry' || setting === 'recovery')
  if (!isLacking) return found
  return {
    state: 'wrong' as const,
    found,
    advice: 'a worker sets expiry and recovery with its first publish; else its log says what to grant',
  }
}

function words(table: string, differences: readonly SettingDifference[]): string[] {
  if (differences.length === 0) return []
  return [`${table}: ${differences.map(({ setting, found }) => `${names[setting]} ${found}`).join(', ')}`]
}

const names: Readonly<Record<SettingDifference['setting'], string>> = {
  expiry: 'expiry',
  recovery: 'point-in-time recovery',
  billing: 'billing',
  encryption: 'encrypted with',
}
