/** A Python that has a peer: the one that a variable names, or an environment of its own that is made once. */
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)

export interface Peer {
  /** As PyPI knows it. */
  readonly name: string
  readonly version: string
  /** The environment variable that may name a Python which has it. */
  readonly variable: string
}

/** Null: neither can be had; stderr then says why, and the figures of the peer are left out. */
export async function peerPython({ name, version, variable }: Peer): Promise<string | null> {
  const given = process.env[variable]
  if (given) return given
  const folder = join(homedir(), '.cache', 'millcourse', `${name}-${version}`)
  const python = join(folder, 'bin', 'python')
  try {
    if (!existsSync(python)) await run('python3', ['-m', 'venv', folder])
    await run(python, ['-m', 'pip', 'install', '--quiet', `${name}==${version}`])
    return python
  } catch (error) {
    process.stderr.write(`${name} is left out: ${(error as Error).message}\n`)
    return null
  }
}
