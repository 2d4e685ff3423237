/** A session's own files in the spill folder; they go with it. */
import { mkdir, open, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { MillcourseError } from '../../core/errors.js'

let folders = 0

export class KeptFiles {
  readonly #folder: string
  #isMade = false

  constructor(spillFolder: string) {
    this.#folder = join(spillFolder, `kept-${folders++}`)
  }

  /** @throws MillcourseError COMPUTE_SPILL_FULL; what `parts` or `check`, which is called before each part, throws */
  async write(name: string, parts: AsyncIterable<Uint8Array>, check: () => void): Promise<string> {
    const path = await this.place(name)
    const file = await open(path, 'wx')
    try {
      for await (const part of parts) {
        check()
        await file.writeFile(part).catch((error: unknown) => Promise.reject(spillError(error, path)))
      }
    } finally {
      await file.close()
    }
    return path
  }

  /** For a file that somebody else writes. */
  async place(name: string): Promise<string> {
    await mkdir(this.#folder, { recursive: true })
    this.#isMade = true
    return join(this.#folder, name)
  }

  async remove(): Promise<void> {
    if (this.#isMade) await rm(this.#folder, { recursive: true, force: true })
  }
}

function spillError(error: unknown, path: string): unknown {
  const { code } = error as NodeJS.ErrnoException
  if (code !== 'ENOSPC' && code !== 'EDQUOT') return error
  return new MillcourseError(
    'COMPUTE_SPILL_FULL',
    `the disk of the spill folder is full: ${path} could not be written`,
    {
      cause: error,
      hint: 'make room there, or let MILLCOURSE_SPILL_DIR name a folder on a larger disk',
      facts: { file: path },
    },
  )
}
