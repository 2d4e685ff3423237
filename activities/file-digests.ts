/** What files of the lake hold: another etag does not say that it is anything else, where somebody copied or touched them. */
import { isMillcourseError } from '../core/errors.js'
import type { Lake } from '../core/ports/lake.js'
import { digestInParts } from '../core/quality/index.js'
import { inParallel } from './in-parallel.js'

const filesAtOnce = 4
const partBytes = 8 * 1024 * 1024

/** SHA-256 by URI; null: it is gone. */
export async function fileDigests(lake: Lake, uris: readonly string[]): Promise<ReadonlyMap<string, string | null>> {
  const files = [...new Set(uris)]
  const digests = await inParallel(files, filesAtOnce, (uri) => digestOf(lake, uri))
  return new Map(files.map((uri, index) => [uri, digests[index]!]))
}

async function digestOf(lake: Lake, uri: string): Promise<string | null> {
  const hash = digestInParts()
  try {
    for (let at = 0; ; at += partBytes) {
      const bytes = await lake.readRange(uri, at, partBytes)
      hash.update(bytes)
      if (bytes.length < partBytes) return hash.finish()
    }
  } catch (error) {
    if (isMillcourseError(error) && error.code === 'LAKE_FILE_MISSING') return null
    throw error
  }
}
