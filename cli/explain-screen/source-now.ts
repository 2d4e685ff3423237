/** What a source's partitions hold now, and known files that lie elsewhere. */
import type { SourceDefinition } from '../../core/define/definitions.js'
import type { Lake, LakeFile } from '../../core/ports/lake.js'
import type { LedgerReader } from '../../core/ports/ledger.js'
import { compareBytes, globPattern, globPrefix, indexName, listedPath, partitionsOf } from '../../core/source/index.js'
import type { Interval } from '../../core/time/interval.js'

/** So many partitions are worth one listing of all that lies between the first and the last. */
const prefixesWorthAListing = 8

export interface FileNow {
  readonly uri: string
  readonly etag: string
  readonly sizeBytes: number
}

/** By URI: files of the partitions of `spans`, and of `known` those that are still there. */
export async function readSourceNow(
  ports: { readonly sources: Lake; readonly ledger: LedgerReader },
  source: SourceDefinition,
  spans: readonly Interval[],
  known: readonly string[],
): Promise<Map<string, FileNow>> {
  const { sources, ledger } = ports
  const globs = [...new Set(spans.flatMap((span) => partitionsOf(listedPath(source), span).map(({ glob }) => glob)))]
  const patterns = globs.map(globPattern)
  const found = new Map<string, FileNow>()
  const add = ({ path, etag, sizeBytes }: LakeFile): void => {
    const uri = sources.uri(path)
    found.set(uri, { uri, etag, sizeBytes })
  }
  const byPrefix = new Map<string, RegExp[]>()
  for (const [index, glob] of globs.entries()) {
    const prefix = globPrefix(glob)
    byPrefix.set(prefix, [...(byPrefix.get(prefix) ?? []), patterns[index]!])
  }
  await listAll(sources, [...byPrefix.keys()], (file, prefix) => {
    if (byPrefix.get(prefix)!.some((pattern) => pattern.test(file.path))) add(file)
  })
  const indexed = await Promise.all(spans.map((span) => ledger.indexedFiles(indexName(source), span)))
  const elsewhere = new Set([...known, ...indexed.flat().map(({ uri }) => uri)].filter((uri) => !found.has(uri)))
  const heads = await Promise.all([...elsewhere].map(async (uri) => ({ uri, file: await sources.head(uri) })))
  for (const { uri, file } of heads) if (file) found.set(uri, { uri, etag: file.etag, sizeBytes: file.sizeBytes })
  return found
}

async function listAll(
  sources: Lake,
  prefixes: readonly string[],
  see: (file: LakeFile, prefix: string) => void,
): Promise<void> {
  const sorted = [...prefixes].sort(compareBytes)
  const folder = sorted.length < prefixesWorthAListing ? '' : sharedFolder(sorted[0]!, sorted.at(-1)!)
  if (folder === '') {
    await Promise.all(
      sorted.map(async (prefix) => {
        for await (const file of sources.list(prefix)) see(file, prefix)
      }),
    )
    return
  }
  const lengths = [...new Set(sorted.map((prefix) => prefix.length))]
  const isAsked = new Set(sorted)
  for await (const file of sources.list(folder, { from: sorted[0]!, below: `${sorted.at(-1)}\u{10ffff}` }))
    for (const length of lengths) {
      const prefix = file.path.slice(0, length)
      if (isAsked.has(prefix)) see(file, prefix)
    }
}

/** What both begin with, cut after a `/`; empty: of two buckets, or roots. */
function sharedFolder(first: string, last: string): string {
  let length = 0
  while (length < first.length && first[length] === last[length]) length++
  const folder = first.slice(0, first.lastIndexOf('/', length - 1) + 1)
  return /^([a-z][a-z0-9+.-]*:)?\/*$/i.test(folder) ? '' : folder
}
