/** `npm run bench -- NAME [--json]`: one benchmark per goal, each against its peer in the same run. Exit code 0 unless it could not run, or a promise is broken. */
import { backfillInterference } from './backfill-interference.js'
import type { BenchResult } from './bench-result.js'
import { compaction } from './compaction.js'
import { help } from './help.js'
import { hour } from './hour.js'
import { manyViews } from './many-views.js'
import { memory } from './memory.js'
import { overhead } from './overhead.js'
import { pit } from './pit.js'
import { pitScale } from './pit-scale.js'
import { publish } from './publish.js'
import { soak } from './soak.js'
import { windows } from './windows.js'

const benchmarks: Readonly<Record<string, (args: readonly string[]) => Promise<BenchResult>>> = {
  'backfill-interference': backfillInterference,
  compaction,
  help,
  hour,
  'many-views': manyViews,
  memory,
  overhead,
  pit,
  'pit-scale': pitScale,
  publish,
  soak,
  windows,
}

const [name = '', ...flags] = process.argv.slice(2)
const benchmark = benchmarks[name]
if (!benchmark) {
  process.stderr.write(`usage: npm run bench -- NAME [--json]; NAME is one of: ${Object.keys(benchmarks).join(', ')}\n`)
  process.exit(64)
}
const result = await benchmark(flags.filter((flag) => flag !== '--json'))
if (!flags.includes('--json')) {
  for (const [figure, value] of Object.entries(result.figures)) process.stdout.write(`${figure.padEnd(24)} ${value}\n`)
  process.stdout.write(`goal: ${result.goal}: ${result.met ? 'met' : 'missed'}\n`)
}
const { broken = [] } = result
for (const promise of broken) process.stderr.write(`BROKEN  ${promise}\n`)
if (broken.length > 0) process.exitCode = 1
// The last line is for programs, with or without --json.
process.stdout.write(`${JSON.stringify(result)}\n`)
