/** A training set on this machine: a file that gets its name by a link, or a folder that gets it by a rename. */
import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import { copyFile, lstat, rename, rm, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import {
  alreadyThere,
  draftFor,
  namingOutput,
  outputFile,
  outputFolder,
  publishDraft,
  realOf,
  refuseOthers,
  removeAbandonedDrafts,
  unwritable,
} from './output-file.js'
import { type TakeBack, takingBack } from './taking-back.js'
import {
  type AskedOutput,
  isPartName,
  manifestOf,
  outOfSpineCopy,
  partName,
  spineCopyIn,
  spineCopyOf,
  type TrainingOutput,
} from './training-output.js'

/** @throws MillcourseError USAGE, TRAINING_OUT_UNWRITABLE */
export async function outputHere(asked: AskedOutput, spine: string | null): Promise<TrainingOutput> {
  const { partRows, overwrite = false } = asked
  const out = partRows === null ? outputFile(asked, spine) : outputFolder(asked, spine, isPartName)
  await removeAbandonedDrafts(out, removeNamedRows)
  const draft = draftFor(out)
  const drafts = { manifest: manifestOf(draft), oldManifest: `${draft}.old`, spine: `${draft}.spine.parquet` }
  const manifestFile = manifestOf(out)
  if (!overwrite && existsSync(manifestFile)) throw alreadyThere(manifestFile)
  // Said before the minutes of work: what is replaced must be readable.
  textOf(manifestFile)
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
    spineCopy: { name: (sha256) => spineCopyOf(out, sha256), draft: drafts.spine },
    async publish(manifest, { keptSpine }) {
      await namingOutput(draft, () => writeFile(drafts.manifest, manifest, { flush: true }))
      const oldCopy = overwrite ? spineCopyIn(textOf(manifestFile), out) : null
      let aside: string | null = null
      const spineCopy = async (copy: string, given: TakeBack[]) => {
        const isThere = existsSync(copy)
        await publishDraft(drafts.spine, copy, isThere)
        if (!isThere) given.push(() => removeUnnamed(copy))
      }
      const nameManifest = async (given: TakeBack[]) => {
        const isThere = overwrite && (await copyOf(manifestFile, drafts.oldManifest))
        await publishDraft(drafts.manifest, manifestFile, overwrite)
        given.push(async () => {
          // Else it is somebody else's by now.
          if (textOf(manifestFile) !== manifest) return
          if (isThere) await rename(drafts.oldManifest, manifestFile)
          else await rm(manifestFile, { force: true })
        })
      }
      const nameFile = () => publishDraft(draft, out, overwrite)
      const nameFolder = async (given: TakeBack[]) => {
        aside = overwrite ? await setAside(asked.out, out) : null
        const old = aside
        if (old !== null) given.push(async () => void (!existsSync(out) && (await rename(old, out))))
        await publishFolder(draft, out)
        given.push(() => rename(out, draft))
      }
      const removeUnnamed = async (copy: string) => {
        const isRead = spine !== null && realOf(spine) === realOf(copy)
        if (!isRead && spineCopyIn(textOf(manifestFile), out) !== copy) await rm(copy, { force: true })
      }
      await takingBack(async (given) => {
        if (keptSpine !== null) await spineCopy(spineCopyOf(out, keptSpine), given)
        // Of two that replace one folder at once the one whose rename fails has not named its manifest yet.
        const isFolderFirst = partRows !== null && overwrite
        if (isFolderFirst) await nameFolder(given)
        await nameManifest(given)
        if (partRows === null) await nameFile()
        else if (!isFolderFirst) await nameFolder(given)
      })
      if (aside !== null) await rm(aside, { recursive: true, force: true })
      if (oldCopy !== null) await removeUnnamed(oldCopy)
    },
    async discard() {
      for (const left of [draft, ...Object.values(drafts)]) await rm(left, { recursive: true, force: true })
    },
  }
}

/**
 * A process that is killed between the names that it gives leaves the rows of its spine under theirs, which is a link to its draft. What was there
 * before has another set; a manifest that names them was given its name.
 */
async function removeNamedRows(draft: string, beside: readonly string[]): Promise<void> {
  const left = await lstat(draft).catch(() => null)
  if (left === null || !left.isFile() || left.nlink < 2) return
  for (const place of beside) {
    const out = outOfSpineCopy(place)
    const found = out === null || place === draft ? null : await lstat(place).catch(() => null)
    if (found === null || found.ino !== left.ino || found.dev !== left.dev) continue
    if (!isNamed(manifestOf(out!), basename(place))) await rm(place, { force: true })
  }
}

/** A manifest that cannot be read may name them. */
function isNamed(manifest: string, copy: string): boolean {
  try {
    return textOf(manifest)?.includes(copy) ?? false
  } catch {
    return true
  }
}

/** Null: there is none. @throws MillcourseError TRAINING_OUT_UNWRITABLE: what is there is no file, or may not be read */
function textOf(file: string): string | null {
  try {
    return existsSync(file) ? readFileSync(file, 'utf8') : null
  } catch (error) {
    throw unwritable(file, error)
  }
}

/** @returns whether there was something to copy */
async function copyOf(file: string, to: string): Promise<boolean> {
  try {
    await copyFile(file, to)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false
    throw unwritable(file, error)
  }
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
  const aside = freeNameFor(`${out}.replaced-${process.pid}`)
  await rename(out, aside).catch((error: unknown) => Promise.reject(unwritable(out, error)))
  try {
    refuseOthers(asked, aside, isPartName)
  } catch (error) {
    await rename(aside, out)
    throw error
  }
  return aside
}

/** What a process of the same id has left, as in a container that is started again, stays. */
function freeNameFor(wanted: string): string {
  for (let number = 1; ; number++) {
    const name = number === 1 ? wanted : `${wanted}-${number}`
    if (!existsSync(name)) return name
  }
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
