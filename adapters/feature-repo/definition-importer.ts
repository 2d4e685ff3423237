/**
 * Imports definition files, TypeScript or not, wherever the repo lies: with `millcourse` taken from the running package (a repo
 * need not have it installed, and all definitions are of one version), and as ES modules (a repo need not have a package.json).
 */
import { randomUUID } from 'node:crypto'
import { existsSync } from 'node:fs'
import { register as registerHooks } from 'node:module'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { register } from 'tsx/esm/api'

export interface DefinitionImporter {
  import(file: string): Promise<Readonly<Record<string, unknown>>>
  close(): Promise<void>
}

/** One importer sees one state of the files: each file is evaluated once in it, and anew in the next. */
export function openImporter(): DefinitionImporter {
  const namespace = `millcourse-repo-${randomUUID()}`
  const loader = register({ namespace })
  // Registered last, so asked first; what it leaves alone goes on to tsx.
  registerHooks(hooksUrl, { data: { marker: `tsx-namespace=${namespace}`, ...ownPackage() } })
  return {
    import: (file) => loader.import(pathToFileURL(file).href, import.meta.url),
    close: () => loader.unregister(),
  }
}

/** Compiled, `millcourse` is the very module this process already has; from source, tsx has to read it. */
function ownPackage(): { readonly own: string; readonly isCompiled: boolean } {
  const own = new URL('../../core/define/index.js', import.meta.url)
  return { own: own.href, isCompiled: existsSync(fileURLToPath(own)) }
}

/** Runs in Node's loader thread, which reads JavaScript only: hence a text, the same compiled and from source. */
const hooks = `
let options
export function initialize(data) { options = data }
export async function resolve(specifier, context, next) {
  const isOurs = context.parentURL?.includes(options.marker)
  if (isOurs && specifier === 'millcourse') {
    if (options.isCompiled) return { url: options.own, format: 'module', shortCircuit: true }
    return next(options.own, context)
  }
  const found = await next(specifier, context)
  if (!found.url.includes(options.marker) || found.url.includes('/node_modules/')) return found
  // In a folder that is not said to hold ES modules, tsx points to a CommonJS stand-in: a.ts%3Fnamespace=…?tsx-namespace=…&…
  const url = found.url.replace(/%3F[^?]*/, '').replace(/&tsx-commonjs[^&]*/g, '')
  return /\\.[tj]s\\?/.test(url) ? { ...found, url, format: 'module' } : found
}`
const hooksUrl = `data:text/javascript,${encodeURIComponent(hooks)}`
