/** A source under the names that listings and the ledger's index of footers know it by. */
import type { SourceDefinition } from '../define/definitions.js'

/** What decides how a footer is read is part of the name: a source declared otherwise is indexed anew. */
export function indexName(source: SourceDefinition): string {
  return JSON.stringify([source.name, source.eventTime, source.timezone])
}

/** A folder's lake takes absolute paths as they are, letter by letter: nothing is unescaped. */
export function listedPath(source: SourceDefinition): string {
  return source.path.startsWith('file:///') ? source.path.slice('file://'.length) : source.path
}
