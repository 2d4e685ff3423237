import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { DrillReport } from './drill-report.js'
import { reportText } from './report-text.js'

/** `DIR/2001-01-31T13-00-00Z-throttle.md` and `.json`; their paths without the ending. */
export async function writeReport(dir: string, report: DrillReport): Promise<string> {
  await mkdir(dir, { recursive: true })
  const at = report.startedAt.replaceAll(':', '-').replace(/\.\d+/, '')
  const path = join(dir, `${at}-${report.drill}${report.isCanary ? '-canary' : ''}`)
  await writeFile(`${path}.json`, `${JSON.stringify(report, null, 2)}\n`)
  await writeFile(`${path}.md`, reportText(report))
  return path
}
