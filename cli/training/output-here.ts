/** A training set on this machine: a file that gets its name by a link, or a folder that gets it by a rename. */
import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import { rename, rm, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
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
      await namingOutput(draft, () => writeFile(manifestDraft, manifest, { flush: true }))
      const aside = partRows !== null && overwrite ? await setAside(asked.out, out) : null
      const named: string[] = []
      try {
        if (hasSpineCopy) named.push(await publishDraft(spineDraft, copy, hasOldCopy))
        named.push(await publishDraft(manifestDraft, manifestOf(out), overwrite))
        if (partRows === null) await publishDraft(draft, out, overwrite)
        else await publishFolder(draft, out)
      } catch (error) {
        if (aside !== null && !existsSync(out)) await rename(aside, out)
        // What is there now is somebody else's: these are not of it.
        if (!overwrite) for (const name of named) await rm(name, { force: true })
        throw error
      }
      if (aside !== null) await rm(aside, { recursive: true, force: true })
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

/** What is to be replaced, under a name that can be found, and where nobody adds to it any more. Null: there is nothing. */
async function setAside(asked: string, out: string): Promise<string | null> {
  if (!existsSync(out)) return null
  refuseOthers(asked, out, isPartName)
  const aside = `${out}.replaced-${process.pid}`
  await rename(out, aside).catch((error: unknown) => Promise.reject(unwritable(out, error)))
  try {
    refuseOthers(asked, aside, isPartName)
  } catch (error) {
    await rename(aside, out)
    throw error
  }
  return aside
}

/** A rename takes the place of nothing but an empty folder. */
async function publishFolder(draft: string, out: string): Promise<void> {
  try {
    await rename(draft, out)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOTEMPTY' || code === 'EEXIST' || code === 'ENOTDIR') throw alreadyThere(out)
    throw unwritable(out, error)
  }
}
