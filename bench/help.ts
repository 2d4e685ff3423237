/** `millcourse --help` under 0.4 s: what a person waits for at every typing mistake. The peer is Node itself, which waits for nothing. */
import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { BenchResult } from './bench-result.js'

const rounds = 15
const goalMs = 400
const cli = fileURLToPath(new URL('../dist/cli/main.js', import.meta.url))

export async function help(): Promise<BenchResult> {
  const commands = { help: [cli, '--help'], node: ['-e', ''] } as const
  const times: Record<keyof typeof commands, number[]> = { help: [], node: [] }
  // In turn, so that a busy moment hits both.
  for (let round = 0; round < rounds; round++)
    for (const name of ['help', 'node'] as const) times[name].push(timeMs(commands[name]))
  const helpMs = median(times.help)
  const nodeMs = median(times.node)
  const figures = {
    helpMs,
    nodeMs,
    helpMaxMs: Math.round(Math.max(...times.help)),
    ratio: Math.round((helpMs / nodeMs) * 100) / 100,
  }
  return { name: 'help', figures, goal: `median of millcourse --help under ${goalMs} ms`, met: helpMs < goalMs }
}

function timeMs(args: readonly string[]): number {
  const startedMs = performance.now()
  execFileSync(process.execPath, args, { stdio: 'ignore' })
  return performance.now() - startedMs
}

function median(values: readonly number[]): number {
  return Math.round(values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!)
}
