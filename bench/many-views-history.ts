/**
 * The year behind 500 views: written once, and taken again from the folder that `MILLCOURSE_BENCH_WORLD` names; without it, written for this
 * benchmark alone. Later migrations are made on what is there, as on a team's ledger.
 */
import { existsSync } from 'node:fs'
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type HistoryFigures, historySettings, writeLedgerHistory } from '../test/support/ledger-history.js'
import { readConfig } from '../workers/config.js'
import { openStackPorts } from '../workers/stack-ports.js'
import { writePatterns } from './many-views-patterns.js'
import { since, viewCount, viewName } from './many-views-repo.js'
import { type ManyViewsStack, startManyViews } from './many-views-stack.js'

export const historyProject = 'many'
export const historyLedger = `millcourse_${historyProject}`
export const historyDays = Number(process.env.MILLCOURSE_BENCH_DAYS ?? 365)
/** As the defaults of MILLCOURSE_KEEP_CANDIDATES and _QUARANTINE; MILLCOURSE_KEEP_RUN_DETAILS keeps the details of all. */
const filesKeptHours = { candidates: 14 * 24, quarantine: 90 * 24 }

/** What a folder that is taken again has to hold; written when it does. */
interface History extends HistoryFigures {
  readonly views: number
  readonly days: number
}

/** Stores with the year in them, started as on a server; written where `dir` does not hold it yet. */
export async function startWithHistory(
  dir: string,
  say: (line: string) => void,
): Promise<{ readonly stack: ManyViewsStack; readonly figures: HistoryFigures }> {
  const note = join(dir, 'history.json')
  if (!existsSync(note)) {
    await rm(dir, { recursive: true, force: true })
    await mkdir(dir, { recursive: true })
    const written = await writeHistory(dir, say)
    await writeFile(note, `${JSON.stringify({ views: viewCount, days: historyDays, ...written } satisfies History)}\n`)
  }
  const { views, days, ...figures }: History = JSON.parse(await readFile(note, 'utf8'))
  if (views !== viewCount || days !== historyDays)
    throw new Error(`${dir} holds ${days} days of ${views} views, not ${historyDays} of ${viewCount}: remove it first`)
  const stack = await startManyViews(dir)
  try {
    const ports = openStackPorts(() => readConfig(stack.environment(historyProject)))
    await ports.migrate()
    await ports.close()
  } catch (error) {
    await stack.stop()
    throw error
  }
  return { stack, figures }
}

async function writeHistory(dir: string, say: (line: string) => void): Promise<HistoryFigures> {
  const stack = await startManyViews(dir)
  try {
    await stack.restartTemporal()
    await stack.command(historyProject, ['apply'])
    const config = readConfig(stack.environment(historyProject))
    const ports = openStackPorts(() => config)
    await mkdir(config.sources, { recursive: true })
    await writePatterns({ config, ports }, [viewName(0), viewName(1)], since)
    await ports.close()
    await stack.restartPostgres(historySettings)
    return await writeLedgerHistory(
      {
        ...{ url: stack.postgresUrl(), schema: historyLedger },
        views: Array.from({ length: viewCount }, (_, index) => viewName(index)),
        patterns: { latest: viewName(0), windowed: viewName(1) },
        ...{ sinceSeconds: Date.parse(since) / 1_000, hours: historyDays * 24, filesKeptHours },
      },
      say,
    )
  } finally {
    await stack.stop()
  }
}
