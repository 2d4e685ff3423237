/** Step 2: the schema contract, from footers alone, before any byte of data is read. */
import { Context } from '@temporalio/activity'
import type { SourceDefinition } from '../core/define/definitions.js'
import { MillcourseError } from '../core/errors.js'
import {
  checkContract,
  dimensionsOf,
  type FileSchema,
  formatDifference,
  isCommitUri,
  rowSource,
} from '../core/source/index.js'
import type { ActivityDeps } from './activity-deps.js'
import { appliedBundle } from './applied-bundle.js'
import { explainingUnreadable } from './explain-unreadable.js'
import { withPinsVerified } from './pinned-files.js'
import { pinnedRun } from './pinned-run.js'
import { readFileTypes } from './read-file-types.js'
import { sourceOfFile } from './source-of-file.js'
import type { ReadStepResult, RunRef } from './steps.js'

const filesPerQuery = 256

export function readSource(deps: ActivityDeps) {
  return async (run: RunRef): Promise<ReadStepResult> => {
    const { source } = await appliedBundle(deps, run)
    const { pins } = await pinnedRun(deps, run)
    const files = pins.files.filter(({ uri }) => !isCommitUri(uri))
    const schemas = await withPinsVerified(deps, files, () =>
      readSchemas(deps, sourceOfFile(source, files), [...new Set(files.map((file) => file.uri))]),
    )
    const results = [null, ...dimensionsOf(source)].map((dimension) => {
      const read = new Set(files.filter(({ alias }) => alias === dimension?.alias).map(({ uri }) => uri))
      return checkContract(
        dimension?.source ?? rowSource(source),
        schemas.filter(({ file }) => read.has(file)),
      )
    })
    const breaches = results.flatMap((result) => result.breaches)
    const additions = results.flatMap((result) => result.additions)
    const warnings = additions.map(formatDifference)
    if (warnings.length > 0) deps.log.warn({ run: run.runId, source: source.name, warnings }, 'undeclared columns')
    const [first] = breaches
    if (!first) return { warnings }
    throw new MillcourseError('SOURCE_SCHEMA_CHANGED', breaches.map(formatDifference).join('; '), {
      hint: `let the producer of source "${sourceOfFile(source, files)(first.file).name}" write it as declared, or change the schema and apply it; then the interval runs again`,
      facts: {
        source: sourceOfFile(source, files)(first.file).name,
        file: first.file,
        column: first.column,
        was: first.was ?? 'absent',
        is: first.is ?? 'absent',
        differences: breaches.length,
      },
    })
  }
}

async function readSchemas(
  deps: ActivityDeps,
  sourceOf: (file: string) => SourceDefinition,
  uris: readonly string[],
): Promise<FileSchema[]> {
  if (uris.length === 0) return []
  return await deps.engine.withSession(
    async (session) => {
      const schemas: FileSchema[] = []
      for (let at = 0; at < uris.length; at += filesPerQuery)
        schemas.push(
          ...(await explainingUnreadable(deps, sourceOf, session, () =>
            readFileTypes(session, uris.slice(at, at + filesPerQuery)),
          )),
        )
      return schemas
    },
    { isLight: true, signal: Context.current().cancellationSignal },
  )
}
