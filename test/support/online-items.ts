import { versionTableName } from '../../core/publish/index.js'
import type { StackPorts } from '../../workers/stack-ports.js'

/** Of a view's version 1, by key: each item as it lies in its table, sequence and event time included. */
export async function onlineItems(ports: StackPorts, project: string, view: string): Promise<Map<string, string>> {
  const named = await (await ports.ledger()).onlineTable({ view, version: 1 })
  const table = versionTableName(project, { name: view, version: 1 }, named)
  const text = (_: string, part: unknown) => (typeof part === 'bigint' ? String(part) : part)
  const found: [string, string][] = []
  for await (const part of (await ports.online()).scan(table))
    for (const item of part) found.push([Buffer.from(item.key).toString('hex'), JSON.stringify(item, text)])
  return new Map(found.sort(([a], [b]) => (a < b ? -1 : 1)))
}
