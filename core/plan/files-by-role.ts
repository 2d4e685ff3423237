import type { PinnedFile } from './interval-state.js'

export interface FilesByRole {
  readonly own: readonly string[]
  readonly within: readonly string[]
  /** Of a query's dimensions, by alias; those without a file too. */
  readonly dimensions: Readonly<Record<string, readonly string[]>>
}

/** URIs of pinned files, as `buildIntervalQuery` takes them. @param aliases of the source's dimensions */
export function filesByRole(files: readonly PinnedFile[], aliases: readonly string[]): FilesByRole {
  const ofRole = (role: PinnedFile['role']) => files.filter((file) => file.role === role)
  const uris = (some: readonly PinnedFile[]) => some.map(({ uri }) => uri)
  return {
    own: uris(ofRole('own')),
    within: uris(ofRole('within')),
    dimensions: Object.fromEntries(
      aliases.map((alias) => [alias, uris(ofRole('dimension').filter((file) => file.alias === alias))]),
    ),
  }
}
