/**
 * Imports definition files, TypeScript or not, wherever the repo lies: with `millcourse` taken from the running package (a repo
 * need not have it installed, and all definitions are of one version), and as ES modules (a repo need not have a package.json).
 */
import { randomUUID } from 'node:crypto'
import { existsSync } from 'node:fs'
import nodeModule from 'node:module'
import { fileURLToPath, pathToFileURL } from 'node:url'

export interface DefinitionImporter {
  import(file: string): Promise<Readonly<Record<string, unknown>>>
}

let previous: Promise<unknown> = Promise.resolve()

/**
 * One importer sees one state of the files: each file is evaluated once in it, and anew in the next. One at a time: loader hooks
 * and the formatting of stacks belong to the whole process.
 */
export function withImporter<T>(work: (importer: DefinitionImporter) => Promise<T>): Promise<T> {
  return inTurn(() => importWith(work))
}

export function inTurn<T>(work: () => Promise<T>): Promise<T> {
  const turn = previous.then(() => withStacksAsNodeFormats(work))
  previous = turn.catch(() => undefined)
  return turn
}

/** Places are read from stacks, and Node maps them back to TypeScript only while nobody else formats them. */
async function withStacksAsNodeFormats<T>(work: () => Promise<T>): Promise<T> {
  const { prepareStackTrace } = Error
  Reflect.deleteProperty(Error, 'prepareStackTrace')
  try {
    return await work()
  } finally {
    if (prepareStackTrace) Error.prepareStackTrace = prepareStackTrace
  }
}

async function importWith<T>(work: (importer: DefinitionImporter) => Promise<T>): Promise<T> {
  const namespace = `millcourse-repo-${randomUUID()}`
  // Here: files that are read together take their turn without it, and loading it takes time.
  const { register } = await import('tsx/esm/api')
  const loader = register({ namespace })
  // Registered last, so asked first; what it leaves alone goes on to tsx.
  const hooks = await registerHooks({ marker: `tsx-namespace=${namespace}`, ...ownPackage() })
  try {
    return await work({ import: (file) => loader.import(pathToFileURL(file).href, import.meta.url) })
  } finally {
    hooks?.deregister()
    await loader.unregister()
  }
}

interface HookData {
  readonly marker: string
  readonly own: string
  readonly isCompiled: boolean
}

interface Hooks {
  initialize(data: HookData): void
  resolve(specifier: string, context: object, next: unknown): unknown
}

/** Newer than the types of the oldest Node we run on: hooks in the thread that imports. */
type ModuleWithHooks = typeof nodeModule & {
  registerHooks?(hooks: Pick<Hooks, 'resolve'>): { deregister(): void }
}

/**
 * In the importing thread where Node can (tsx does the same there, and only hooks of one kind see each other's work), else in its
 * loader thread, from where nothing is taken back: null.
 */
async function registerHooks(data: HookData): Promise<{ deregister(): void } | null> {
  const { registerHooks: registerHere } = nodeModule as ModuleWithHooks
  if (!registerHere) {
    nodeModule.register(hooksUrl, { data })
    return null
  }
  // A module of its own each time: it holds the data.
  const hooks = (await import(`${hooksUrl}//${encodeURIComponent(data.marker)}`)) as Hooks
  hooks.initialize(data)
  return registerHere({ resolve: hooks.resolve })
}

/** Compiled, `millcourse` is the very module this process already has; from source, tsx has to read it. */
export function ownPackage(): Pick<HookData, 'own' | 'isCompiled'> {
  const own = new URL('../../core/define/index.js', import.meta.url)
  return { own: own.href, isCompiled: existsSync(fileURLToPath(own)) }
}

/** Node's loader thread reads JavaScript only: hence a text, the same compiled and from source. `next` answers at once or later. */
const hooks = `
let options
export function initialize(data) { options = data }
export function resolve(specifier, context, next) {
  const isOurs = context.parentURL?.includes(options.marker)
  if (isOurs && specifier === 'millcourse') {
    if (options.isCompiled) return { url: options.own, format: 'module', shortCircuit: true }
    return next(options.own, context)
  }
  const found = next(specifier, context)
  return typeof found.then === 'function' ? found.then(asModule) : asModule(found)
}
function asModule(found) {
  if (!found.url.includes(options.marker) || found.url.includes('/node_modules/')) return found
  // In a folder that is not said to hold ES modules, tsx points to a CommonJS stand-in: a.ts%3Fnamespace=…?tsx-namespace=…&…
  const url = found.url.replace(/%3F[^?]*/, '').replace(/&tsx-commonjs[^&]*/g, '')
  return /\\.[tj]s\\?/.test(url) ? { ...found, url, format: 'module' } : found
}`
const hooksUrl = `data:text/javascript,${encodeURIComponent(hooks)}`
