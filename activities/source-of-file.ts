import type { SourceDefinition } from '../core/define/definitions.js'
import type { PinnedFile } from '../core/plan/index.js'
import { dimensionsOf, rowSource } from '../core/source/index.js'

/** Whose file it is, and so who has to mend it: that of the rows, or of a dimension. */
export function sourceOfFile(
  source: SourceDefinition,
  pins: readonly PinnedFile[],
): (file: string) => SourceDefinition {
  return (file) => {
    const alias = pins.find(({ uri }) => uri === file)?.alias
    return dimensionsOf(source).find((one) => one.alias === alias)?.source ?? rowSource(source)
  }
}
