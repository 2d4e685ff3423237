/** A Python with polars: `MILLCOURSE_BENCH_PYTHON`, or an environment of its own that is made once. Null: neither can be had. */
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)
const version = '1.35.2'

export async function polarsPython(): Promise<string | null> {
  const given = process.env.MILLCOURSE_BENCH_PYTHON
  if (given) return given
  const folder = join(homedir(), '.cache', 'millcourse', `polars-${version}`)
  const python = join(folder, 'bin', 'python')
  try {
    if (!existsSync(python)) await run('python3', ['-m', 'venv', folder])
    await run(python, ['-m', 'pip', 'install', '--quiet', `polars==${version}`])
    return python
  } catch (error) {
    process.stderr.write(`polars is left out: ${(error as Error).message}\n`)
    return null
  }
}
