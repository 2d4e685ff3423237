/**
 * `<repo>/.millcourse/stack.json`: where the parts of the local stack run. Written by `millcourse dev` while it is up, read by
 * every other command that finds no addresses in its environment. It holds the password of the local database: owner only.
 */
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { isAlive, type LivingProcess } from './stack-process.js'

export type PartName = 'postgres' | 'dynamodb' | 'temporal' | 'worker' | 'watcher' | 'server'

export interface StackFile {
  /** The process that started the others and ends them. */
  readonly owner: LivingProcess
  readonly startedAt: string
  /** What the other commands read as if it were their environment; a variable that is set there wins. */
  readonly environment: Readonly<Record<string, string>>
  /**
   * Variable -> address of the parts that it was told of and did not start, by which they are known again: without a password, and
   * never taken for a variable that is not set. Absent: none.
   */
  readonly outer?: Readonly<Record<string, string>>
  /** For people: what -> where. */
  readonly addresses: Readonly<Record<string, string>>
  readonly pids: Readonly<Partial<Record<PartName, number>>>
  /** Where the processes answer `/readyz` and `/metrics`. */
  readonly http: Readonly<Partial<Record<PartName, string>>>
}

/** Everything a repo's local stack keeps: data, logs, lock, addresses. */
export function stateFolder(repoDir: string): string {
  return join(repoDir, '.millcourse')
}

/** Null: no stack runs here. A file left behind by a stack that was killed counts as none. */
export async function readStackFile(repoDir: string): Promise<StackFile | null> {
  const file = await readState<StackFile>(repoDir, 'stack.json')
  return file && isAlive(file.owner) ? file : null
}

export async function writeStackFile(repoDir: string, file: StackFile): Promise<void> {
  await writeState(repoDir, 'stack.json', file)
}

export async function removeStackFile(repoDir: string): Promise<void> {
  await rm(join(stateFolder(repoDir), 'stack.json'), { force: true })
}

/** Null: absent, or cut short by a full disk; both mean that nothing can be learnt from it. */
export async function readState<T>(repoDir: string, name: string): Promise<T | null> {
  try {
    return JSON.parse(await readFile(join(stateFolder(repoDir), name), 'utf8')) as T
  } catch {
    return null
  }
}

/** All or nothing, readable by its owner only. */
export async function writeState(repoDir: string, name: string, content: unknown): Promise<void> {
  const path = join(stateFolder(repoDir), name)
  await mkdir(stateFolder(repoDir), { recursive: true })
  const draft = `${path}.${process.pid}.draft`
  await writeFile(draft, `${JSON.stringify(content, null, 2)}\n`, { mode: 0o600 })
  await rename(draft, path)
}
