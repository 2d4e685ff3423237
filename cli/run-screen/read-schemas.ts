/** The columns of the files that two runs read, from footers: the ledger keeps no types. Only files that are still what the run read. */
import { buildFileTypesQuery, fileTypesFrom } from '../../core/compute/index.js'
import type { SourceDefinition } from '../../core/define/definitions.js'
import { isMillcourseError } from '../../core/errors.js'
import type { PinnedFile } from '../../core/plan/interval-state.js'
import type { Lake } from '../../core/ports/lake.js'
import type { QueryEngine } from '../../core/ports/query-engine.js'
import {
  type ColumnChange,
  type ContractResult,
  checkContract,
  compareSchemas,
  type FileSchema,
} from '../../core/source/index.js'
import type { SchemaDifference } from './run-facts.js'

export interface SchemaPorts {
  readonly sources: () => Promise<Lake>
  readonly engine: () => Promise<QueryEngine>
}

/** A screen must not wait for thousands of footers. */
const filesMax = 24

interface Footers {
  readonly schemas: readonly FileSchema[]
  readonly unread: SchemaDifference['unread']
}

/**
 * Null: one of the two read no file. Where nothing of the last good run's files is left, against what the source declares.
 * @param atFault the file that the run's error names; null: none
 */
export async function compareFileSchemas(
  ports: SchemaPorts,
  source: SourceDefinition | null,
  was: readonly PinnedFile[],
  is: readonly PinnedFile[],
  atFault: string | null,
): Promise<SchemaDifference | null> {
  if (was.length === 0 || is.length === 0) return null
  const before = await readFooters(ports, filesToRead(was, null, filesMax))
  const after = await readFooters(ports, filesToRead(is, atFault, filesMax))
  const isDeclared = before.schemas.length === 0 && source !== null
  return {
    comparedWith: isDeclared ? 'declaration' : 'last-good-run',
    changes: isDeclared
      ? contractChanges(checkContract(source, after.schemas))
      : compareSchemas(before.schemas, after.schemas),
    read: { was: before.schemas.length, is: after.schemas.length },
    files: { was: was.length, is: is.length },
    unread: [...after.unread, ...before.unread],
  }
}

function contractChanges({ breaches, additions }: ContractResult): ColumnChange[] {
  return [...breaches, ...additions].map(({ code: _code, ...change }) => change)
}

/** The one at fault first, then, in their order, a spread from the first to the last: whoever changes a schema may do so half-way. */
export function filesToRead(files: readonly PinnedFile[], atFault: string | null, max: number): PinnedFile[] {
  const named = files.filter(({ uri }) => uri === atFault)
  const others = files.filter(({ uri }) => uri !== atFault)
  const left = Math.min(max - named.length, others.length)
  const step = left > 1 ? (others.length - 1) / (left - 1) : 0
  return [...named, ...Array.from({ length: left }, (_, index) => others[Math.round(index * step)]!)]
}

async function readFooters(ports: SchemaPorts, files: readonly PinnedFile[]): Promise<Footers> {
  const [sources, engine] = [await ports.sources(), await ports.engine()]
  const schemas: FileSchema[] = []
  const unread: { file: string; why: string }[] = []
  for (const { uri, etag } of files) {
    const why = await engine
      .withSession(
        async (session) => {
          const now = await sources.head(uri)
          if (now === null) return 'it is gone'
          if (now.etag !== etag) return 'it was changed since'
          schemas.push(...fileTypesFrom(await session.all(buildFileTypesQuery([uri]))))
          return null
        },
        { isLight: true },
      )
      .catch((error: unknown) => {
        // The file may be the very thing that is broken; the run's own cause says so already.
        if (isMillcourseError(error)) return error.code
        throw error
      })
    if (why !== null) unread.push({ file: uri, why })
  }
  return { schemas, unread }
}
