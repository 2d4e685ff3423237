import type { SourceLocation } from './definitions.js'

/**
 * Where the function that called our caller was called from: a builder asks for the line in the feature repo. Reads the text of
 * a stack (V8's format), in which source maps are already applied; null where there is none.
 */
export function callerLocation(): SourceLocation | null {
  // "Error", callerLocation, the builder, the definition file.
  const frame = new Error('where').stack?.split('\n')[3]
  const match = frame && /\(?((?:file:\/\/|\/|[A-Za-z]:[\\/])[^()]*?):(\d+):\d+\)?$/.exec(frame.trim())
  if (!match?.[1]) return null
  return { file: withoutScheme(match[1].replace(/\?[^?]*$/, '')), line: Number(match[2]) }
}

function withoutScheme(file: string): string {
  if (!file.startsWith('file://')) return file
  return decodeURIComponent(file.slice('file://'.length)).replace(/^\/(?=[A-Za-z]:)/, '')
}
