import { join, relative, sep } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type ErrorCode, isErrorCode, MillcourseError } from '../../core/errors.js'

export interface LoadFailure {
  /** Relative to the repo: the file at fault, which may be one that the imported file imports. */
  readonly file: string
  readonly error: MillcourseError
}

/** A syntax error, a missing import or a throw in a definition file, as REPO_LOAD_FAILED with where it is. */
export function loadFailure(error: unknown, importedFile: string, root: string): LoadFailure {
  const { message, stack } = describe(error)
  const place = placeInRepo(`${message}\n${stack}`, root) ?? { file: relative(root, importedFile) }
  const facts = { ...place }
  const known = codeOf(error)
  return {
    file: place.file,
    error: new MillcourseError(known ?? 'REPO_LOAD_FAILED', `${formatPlace(place)}: ${reason(message, root)}`, {
      // esbuild's own words are all in the message.
      ...(isSyntaxError(message) ? {} : { cause: error }),
      hint: hintFor(message),
      facts,
    }),
  }
}

interface Place {
  readonly file: string
  readonly line?: number
  readonly column?: number
}

function describe(error: unknown): { readonly message: string; readonly stack: string } {
  if (!(error instanceof Error)) return { message: `threw ${String(error)}`, stack: '' }
  return { message: error.message, stack: error.stack ?? '' }
}

/** A builder's own error keeps its code; `instanceof` would miss one from another copy of the package. */
function codeOf(error: unknown): ErrorCode | null {
  if (!(error instanceof Error) || error.name !== 'MillcourseError') return null
  const { code } = error as { readonly code?: unknown }
  return typeof code === 'string' && isErrorCode(code) ? code : null
}

/** The first place inside the repo that the text names: `/repo/views/a.ts:3:7`, or a URL of it. */
function placeInRepo(text: string, root: string): Place | null {
  for (const match of text.matchAll(/((?:file:\/\/)?\/[^\s()'"?]+\.m?[tj]s)(?:\?[^\s():]*)?(?::(\d+)(?::(\d+))?)?/g)) {
    const file = match[1]!.startsWith('file://') ? fileURLToPath(match[1]!) : match[1]!
    if (!file.startsWith(join(root, sep)) || match[2] === undefined) continue
    return { file: relative(root, file), line: Number(match[2]), ...(match[3] ? { column: Number(match[3]) } : {}) }
  }
  return null
}

function formatPlace({ file, line, column }: Place): string {
  return [file, line, column].filter((part) => part !== undefined).join(':')
}

/** The sentence without what formatPlace says already: esbuild's headline, places and absolute paths. */
function reason(message: string, root: string): string {
  const lines = message.split('\n').map((line) => line.replaceAll(join(root, sep), ''))
  const syntax = lines.find((line) => line.includes(': ERROR: '))
  return syntax
    ? syntax.slice(syntax.indexOf(': ERROR: ') + ': ERROR: '.length)
    : lines[0]!.replace(/\?tsx-namespace=[^\s']*/g, '')
}

function isSyntaxError(message: string): boolean {
  return message.includes(': ERROR: ')
}

function hintFor(message: string): string {
  if (/Cannot find (module|package)/.test(message))
    return 'relative imports end in .js; packages are installed in the feature repo with npm'
  if (/does not provide an export named/.test(message)) return 'export it there, or correct the name'
  return 'correct the file; `millcourse plan` loads it again'
}
