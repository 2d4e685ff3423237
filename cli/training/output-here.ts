/** A training set on this machine: a file that gets its name by a link, or a folder that gets it by a rename. */
import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import { readdir, rename, rm, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { isMillcourseError } from '../../core/errors.js'
import {
  alreadyThere,
  draftFor,
  namingOutput,
  outputFile,
  outputFolder,
  publishDraft,
  realOf,
  refuseOtherCopy,
  refuseOthers,
  removeAbandonedDrafts,
  unwritable,
} from './output-file.js'
import {
  type AskedOutput,
  isCopyOf,
  isPartName,
  manifestOf,
  partName,
  spineCopyOf,
  type TrainingOutput,
} from './training-output.js'

/** @throws MillcourseError USAGE, TRAINING_OUT_UNWRITABLE */
export async function outputHere(asked: AskedOutput, spine: string | null): Promise<TrainingOutput> {
  const { partRows, overwrite = false } = asked
  const out = partRows === null ? outputFile(asked, spine) : outputFolder(asked, spine, isPartName)
  await removeAbandonedDrafts(out)
  const draft = draftFor(out)
  const [manifestDraft, spineDraft] = [manifestOf(draft), spineCopyOf(draft)]
  const beside = [manifestOf(out), spineCopyOf(out)] as const
  for (const taken of overwrite ? [] : beside) if (existsSync(taken)) throw alreadyThere(taken)
  const copy = spineCopyOf(out)
  const hasOldCopy = overwrite && isCopyOf(textOf(manifestOf(out)), copy)
  const isRead = spine !== null && realOf(spine) === realOf(copy)
  if (overwrite && spine === null && existsSync(copy) && !hasOldCopy) refuseOtherCopy(copy)
  let isMade = partRows === null
  return {
    name: partRows === null ? out : `${out}/`,
    partRows,
    draft(part) {
      if (!isMade) makeFolder(draft)
      isMade = true
      return partRows === null ? draft : join(draft, partName(part))
    },
    partName: (part) => (partRows === null ? basename(out) : partName(part)),
    spineCopy: { name: copy, draft: spineDraft },
    async publish(manifest, { hasSpineCopy }) {
      if (partRows !== null && overwrite && existsSync(out)) refuseOthers(asked.out, out, isPartName)
      await namingOutput(draft, () => writeFile(manifestDraft, manifest, { flush: true }))
      const named: string[] = []
      try {
        if (hasSpineCopy) named.push(await publishDraft(spineDraft, copy, hasOldCopy))
        named.push(await publishDraft(manifestDraft, manifestOf(out), overwrite))
        if (partRows === null) await publishDraft(draft, out, overwrite)
        else await publishFolder(draft, out, overwrite, asked.out)
      } catch (error) {
        // What is there now is somebody else's: these are not of it.
        if (!overwrite) for (const name of named) await rm(name, { force: true })
        throw error
      }
      // Of the set that was replaced, where this one is not made of it.
      if (hasOldCopy && !hasSpineCopy && !isRead) await rm(copy, { force: true })
    },
    async discard() {
      for (const left of [draft, manifestDraft, spineDraft]) await rm(left, { recursive: true, force: true })
    },
  }
}

/** Null: there is none. */
function textOf(file: string): string | null {
  return existsSync(file) ? readFileSync(file, 'utf8') : null
}

function makeFolder(draft: string): void {
  try {
    mkdirSync(draft)
  } catch (error) {
    throw unwritable(draft, error)
  }
}

/** A rename takes the place of nothing but an empty folder. What is to be replaced goes aside first, under a name that can be found. */
async function publishFolder(draft: string, out: string, overwrite: boolean, asked: string): Promise<void> {
  const isReplaced = overwrite && existsSync(out) && (await readdir(out)).length > 0
  const aside = `${out}.replaced-${process.pid}`
  try {
    if (isReplaced) await rename(out, aside)
    // Under that name nobody adds to it any more.
    if (isReplaced) refuseOthers(asked, aside, isPartName)
    await rename(draft, out)
  } catch (error) {
    if (isReplaced && existsSync(aside) && !existsSync(out)) await rename(aside, out)
    if (isMillcourseError(error)) throw error
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOTEMPTY' || code === 'EEXIST' || code === 'ENOTDIR') throw alreadyThere(out)
    throw unwritable(out, error)
  }
  if (isReplaced) await rm(aside, { recursive: true, force: true })
}
