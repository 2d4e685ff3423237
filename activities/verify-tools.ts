/** What keys are computed again with: a session of the engine, and the ranges of source files. */
import type { QuerySession } from '../core/ports/query-engine.js'
import type { ActivityDeps } from './activity-deps.js'

/** @param sizes of source files in bytes, by URI */
export function verifyTools({ sources }: ActivityDeps, session: QuerySession, sizes: ReadonlyMap<string, number>) {
  return {
    execute: (query: { readonly sql: string }) => session.execute(query),
    all: (query: { readonly sql: string }) => session.all(query),
    keepFile: (name: string, parts: AsyncIterable<Uint8Array>) => session.keepFile(name, parts),
    open: (file: string) => ({
      sizeBytes: sizes.get(file) ?? 0,
      read: (start: number, length: number) => sources.readRange(file, start, length),
    }),
  }
}
