/** The project's online tables: are they as the product makes them, and is each somebody's? */
import type { OnlineStore, SettingDifference } from '../../core/ports/online-store.js'
import { onlineTablePrefix } from '../../core/publish/online-table-name.js'
import type { CliContext } from '../context.js'
import { formatSecond, plural } from '../output/words.js'
import type { Finding } from './check.js'
import { findLeftTables, type LeftTable } from './left-tables.js'

const atOnce = 8
const leftNamedMax = 5

/** Retired versions' too: they are read for as long as they are there. */
export async function checkTables(context: Pick<CliContext, 'project' | 'online' | 'ledger' | 'registry'>) {
  const store = await context.online()
  const prefix = onlineTablePrefix(context.project)
  const all = (await store.limits()).tables.filter((table) => table.startsWith(prefix)).toSorted()
  if (all.length === 0)
    return { state: 'absent' as const, found: 'none yet: the first publish of a view makes its table', advice: null }
  const found = await findLeftTables(context, all)
  const settings = await checkSettings(store, withoutLeft(all, found?.left ?? []))
  if (found === null) return { ...settings, found: `${settings.found}; whether each is in use, only the ledger knows` }
  const { left, untold } = found
  if (left.length === 0 && untold.length === 0) return settings
  const told = [settings.found, ...(untold.length > 0 ? [untoldWords(untold)] : [])]
  const advised = [
    ...(untold.length > 0 ? [untoldAdvice] : []),
    ...(left.length > 0 ? [leftAdvice(context, left)] : []),
  ]
  return {
    state: 'wrong' as const,
    found: [...told, ...(left.length > 0 ? [leftWords(left)] : [])].join('; '),
    advice: [...advised, ...(settings.advice === null ? [] : [settings.advice])].join('; '),
  }
}

/** Never dropped by a command: whether another stack reads them, this one cannot know. */
function leftAdvice({ project }: { readonly project: string }, left: readonly LeftTable[]): string {
  return (
    `nothing drops them, they count for the quota and may hold personal data: unless another stack of project ${project} ` +
    `uses them, \`aws dynamodb delete-table --table-name ${left[0]!.table}\`${left.length > 1 ? ', and so on' : ''}`
  )
}

const untoldAdvice =
  'delete none of them: if this ledger is there because another one was lost, `millcourse restore` takes over what that one published; ' +
  'else they are told again once their views are published'

function untoldWords(untold: readonly string[]): string {
  const named = untold.slice(0, leftNamedMax).join(', ')
  const more = untold.length > leftNamedMax ? `, … ${untold.length - leftNamedMax} more` : ''
  return `${plural(untold.length, 'table')} of views that this ledger has not published: whether they are in use, it cannot tell: ${named}${more}`
}

function withoutLeft(tables: readonly string[], left: readonly LeftTable[]): string[] {
  const known = new Set(left.map(({ table }) => table))
  return tables.filter((table) => !known.has(table))
}

function leftWords(left: readonly LeftTable[]): string {
  const named = left.slice(0, leftNamedMax).map(({ table, madeAt }) => {
    const since = madeAt === null ? '' : ` (made ${formatSecond(madeAt)})`
    return `${table}${since}`
  })
  const more = left.length > leftNamedMax ? `, … ${left.length - leftNamedMax} more` : ''
  return `${plural(left.length, 'table')} that the ledger neither serves nor loads: ${named.join(', ')}${more}`
}

async function checkSettings(store: OnlineStore, tables: readonly string[]): Promise<Omit<Finding, 'part'>> {
  const differing = new Map<string, readonly SettingDifference[]>()
  for (let from = 0; from < tables.length; from += atOnce)
    await Promise.all(
      tables.slice(from, from + atOnce).map(async (table) => {
        const found = await store.settingDifferences(table)
        if (found !== null && found.length > 0) differing.set(table, found)
      }),
    )
  const counted = plural(tables.length, 'table')
  const ok = (found: string) => ({ state: 'ok' as const, found, advice: null })
  if (differing.size === 0) return ok(`${counted}, as they are made`)
  const found = `${counted}; ${tables.flatMap((table) => words(table, differing.get(table) ?? [])).join('; ')}`
  // The mode of billing and the key of an older table may be somebody's choice: told, and nothing to mend.
  const isLacking = [...differing.values()].flat().some(({ setting }) => setting === 'expiry' || setting === 'recovery')
  if (!isLacking) return ok(found)
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
