/** The file that a training set is written to: it appears whole or not at all, and no file is replaced that nobody said to replace. */
import { realpathSync, statSync } from 'node:fs'
import { link, readdir, rename, rm } from 'node:fs/promises'
import { hostname } from 'node:os'
import { dirname, extname, join, resolve } from 'node:path'
import { isMillcourseError, MillcourseError } from '../../core/errors.js'

interface AskedOutput {
  readonly out: string
  readonly overwrite?: boolean
}

/** Said before the minutes of work that end in it, and never the spine itself, which would be lost. @throws MillcourseError USAGE */
export function outputFile({ out: file, overwrite = false }: AskedOutput, spine: string): string {
  const refuse = (message: string, hint: string) =>
    new MillcourseError('USAGE', `--out ${file}: ${message}`, { hint, facts: { file } })
  if (extname(file).toLowerCase() !== '.parquet')
    throw refuse('a training set is Parquet', 'give it a name that ends in .parquet')
  const out = resolve(file)
  if (!statSync(dirname(out), { throwIfNoEntry: false })?.isDirectory())
    throw refuse(`there is no folder ${dirname(out)}`, 'make it first, or name another')
  const existing = statSync(out, { throwIfNoEntry: false })
  if (existing?.isDirectory()) throw refuse('this is a folder', 'name a file in it')
  if (existing && realpathSync(out) === realpathSync(spine))
    throw refuse('this is the spine, which would be lost', 'name another file')
  if (existing && !overwrite) throw alreadyThere(file)
  return out
}

/** Beside it, so that one rename is enough. The host's name is part of it: elsewhere a process id says nothing. */
export function draftFor(out: string): string {
  return join(dirname(out), `${draftPrefix()}${process.pid}-${drafts++}.draft`)
}

let drafts = 0
const draftPrefix = (): string => `.training-set-${hostname()}-`

/** What processes of this machine left beside `out` that were killed in the middle. */
export async function removeAbandonedDrafts(out: string): Promise<void> {
  const folder = dirname(out)
  for (const name of await readdir(folder).catch(() => [])) {
    if (!name.startsWith(draftPrefix())) continue
    const pid = Number(name.slice(draftPrefix().length).split('-')[0])
    if (Number.isInteger(pid) && !isAlive(pid)) await rm(join(folder, name), { recursive: true, force: true })
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    // EPERM: it lives, as another user's.
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

/** Gives the finished draft its name. @throws MillcourseError USAGE, TRAINING_OUT_UNWRITABLE */
export async function publishDraft(draft: string, out: string, overwrite: boolean): Promise<void> {
  try {
    // A link never replaces a file that appeared meanwhile. The draft's own name is removed by the caller.
    if (overwrite) await rename(draft, out)
    else await link(draft, out)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'EEXIST') throw alreadyThere(out)
    // No links here: what is left is the look before.
    if (code === 'EPERM' || code === 'ENOTSUP' || code === 'EOPNOTSUPP') return await rename(draft, out)
    throw unwritable(out, error)
  }
}

/** The engine calls whatever it writes the lake. @throws MillcourseError TRAINING_OUT_UNWRITABLE, and what else `write` throws */
export async function namingOutput<T>(draft: string, write: () => Promise<T>): Promise<T> {
  try {
    return await write()
  } catch (error) {
    if (isMillcourseError(error) && messages(error).includes(draft)) throw unwritable(dirname(draft), error)
    throw error
  }
}

function messages(error: Error): string {
  return `${error.message} ${error.cause instanceof Error ? error.cause.message : ''}`
}

export function alreadyThere(file: string): MillcourseError {
  return new MillcourseError('USAGE', `--out ${file}: this file exists`, {
    hint: 'name another, or replace it with --overwrite',
    facts: { file },
  })
}

function unwritable(file: string, error: unknown): MillcourseError {
  const why = error instanceof Error ? error.message.split('\n')[0] : String(error)
  return new MillcourseError('TRAINING_OUT_UNWRITABLE', `the training set cannot be written to ${file}: ${why}`, {
    cause: error,
    hint: 'give this user the right to write there, make room, or name another folder; nothing was written',
    facts: { file },
  })
}
