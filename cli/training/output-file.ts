/** The file that a training set is written to: it appears whole or not at all, and no file is replaced that nobody said to replace. */
import { existsSync, readdirSync, realpathSync, statSync } from 'node:fs'
import { link, readdir, rename, rm } from 'node:fs/promises'
import { hostname } from 'node:os'
import { dirname, extname, join, resolve } from 'node:path'
import { isMillcourseError, MillcourseError } from '../../core/errors.js'

interface AskedOutput {
  readonly out: string
  readonly overwrite?: boolean
}

/** Said before the minutes of work that end in it, and never the spine itself, which would be lost. @throws MillcourseError USAGE */
export function outputFile({ out: file, overwrite = false }: AskedOutput, spine: string | null): string {
  if (extname(file).toLowerCase() !== '.parquet')
    throw refusal(
      file,
      'a training set is Parquet',
      'give it a name that ends in .parquet, or in / for a folder of parts',
    )
  const out = placeOf(file)
  const existing = statSync(out, { throwIfNoEntry: false })
  if (existing?.isDirectory())
    throw refusal(file, 'this is a folder', 'name a file in it; a name that ends in / is a folder of parts')
  if (existing && spine !== null && realpathSync(out) === realOf(spine))
    throw refusal(file, 'this is the spine, which would be lost', 'name another file')
  if (existing && !overwrite) throw alreadyThere(file)
  return out
}

/** The same of a folder of parts. @returns without its slash @throws MillcourseError USAGE */
export function outputFolder(
  { out: folder, overwrite = false }: AskedOutput,
  spine: string | null,
  isPart: (name: string) => boolean,
): string {
  const out = placeOf(folder)
  const existing = statSync(out, { throwIfNoEntry: false })
  if (!existing) return out
  if (!existing.isDirectory()) throw refusal(folder, 'this is a file', 'name a folder that is not there yet')
  if (spine !== null && dirname(realOf(spine)) === realpathSync(out))
    throw refusal(folder, 'the spine lies there, and would be lost', 'name another folder')
  if (!overwrite && readdirSync(out).length > 0) throw alreadyThere(folder)
  refuseOthers(folder, out, isPart)
  return out
}

/** @param folder as it was asked for @param place where it lies now @throws MillcourseError USAGE where it holds what is no part */
export function refuseOthers(folder: string, place: string, isPart: (name: string) => boolean): void {
  const other = readdirSync(place, { withFileTypes: true }).find((entry) => !entry.isFile() || !isPart(entry.name))
  if (other !== undefined)
    throw refusal(folder, `"${other.name}" is no part of a training set, and would be lost`, 'name another folder')
}

function placeOf(asked: string): string {
  const out = resolve(asked)
  if (statSync(dirname(out), { throwIfNoEntry: false })?.isDirectory()) return out
  throw refusal(asked, `there is no folder ${dirname(out)}`, 'make it first, or name another')
}

/** Itself where it does not lie here. */
export function realOf(file: string): string {
  return existsSync(file) ? realpathSync(file) : file
}

export function refusal(file: string, message: string, hint: string): MillcourseError {
  return new MillcourseError('USAGE', `--out ${file}: ${message}`, { hint, facts: { file } })
}

/** Beside it, so that one rename is enough. */
export function draftFor(out: string): string {
  return join(dirname(out), draftName('draft'))
}

let drafts = 0

/** The host's name is part of it: elsewhere a process id says nothing. @param end null: with what all of this machine's begin */
export function draftName(end: string | null): string {
  const prefix = `.training-set-${hostname()}-`
  return end === null ? prefix : `${prefix}${process.pid}-${drafts++}.${end}`
}

/**
 * What processes of this machine left beside `out` that were killed in the middle.
 * @param removeNamed of a draft that has been given a name beside its own: removes that name, where no set has it
 */
export async function removeAbandonedDrafts(
  out: string,
  removeNamed: (draft: string, beside: readonly string[]) => Promise<void> = async () => {},
): Promise<void> {
  const folder = dirname(out)
  const beside = await readdir(folder).catch(() => [])
  const places = beside.map((name) => join(folder, name))
  for (const [index, name] of beside.entries()) {
    if (!isAbandonedDraft(name)) continue
    await removeNamed(places[index]!, places)
    await rm(places[index]!, { recursive: true, force: true })
  }
}

/** A draft of a process of this machine that is no more. */
export function isAbandonedDraft(name: string): boolean {
  const prefix = draftName(null)
  if (!name.startsWith(prefix)) return false
  // Behind the prefix of host `vm` also stand the names of host `vm-4000`.
  const [, pid, number] = /^(\d+)-(\d+)\.draft/.exec(name.slice(prefix.length)) ?? []
  if (pid === undefined) return false
  // A container that is started again has its processes under the same ids: a number that is not given yet is of the one before.
  return Number(pid) === process.pid ? Number(number) >= drafts : !isAlive(Number(pid))
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
    const hasNoLinks = code === 'EPERM' || code === 'ENOTSUP' || code === 'EOPNOTSUPP'
    if (!hasNoLinks || overwrite) throw unwritable(out, error)
    await rename(draft, out).catch((again: unknown) => Promise.reject(unwritable(out, again)))
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

export function alreadyThere(file: string, more = ''): MillcourseError {
  return new MillcourseError('USAGE', `--out ${file}: this file exists${more === '' ? '' : ` ${more}`}`, {
    hint: 'name another, or replace it with --overwrite',
    facts: { file },
  })
}

export function unwritable(file: string, error: unknown): MillcourseError {
  const why = error instanceof Error ? error.message.split('\n')[0] : String(error)
  return new MillcourseError('TRAINING_OUT_UNWRITABLE', `the training set cannot be written to ${file}: ${why}`, {
    cause: error,
    hint: 'give this user the right to write there, make room, or name another folder; nothing was written',
    facts: { file },
  })
}
