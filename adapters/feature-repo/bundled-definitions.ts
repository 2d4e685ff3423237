/**
 * Hundreds of definition files in one go: esbuild puts them together, and Node evaluates one module, where importing them one by one takes
 * several times as long. Only where nobody could tell the difference: what has a fault, or depends on where its file lies, is left to the
 * importer, which names the file.
 */
import { existsSync } from 'node:fs'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { builtinModules } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { BuildOptions, Metafile, Plugin } from 'esbuild'

const target = `node${process.versions.node}`

/** Below, esbuild's own start costs more than it saves. */
export const bundledFilesMin = 30

/** What a file may ask of its own place, or of modules that are known when it runs only; and CommonJS. */
const ownPlace =
  /\bimport\s*\.\s*meta\b|\b__dirname\b|\b__filename\b|\brequire\b|\bimport\s*\(|\bmodule\s*\.\s*exports\b|\bexports\s*[.[]/
/** A module as a value: of a bundle it would be an ordinary object, its names in another order. */
const moduleAsValue = /\b(?:import|export)\b[^'"`;]*\*\s*as\b/
/**
 * What is not there to be exported again may have been a type, and is left out. Compiled alone first, as the importer does it, it is a fault;
 * but that costs as much again as the bundle.
 */
const exportedAgain = /\bexport\s*\{/
/** What `asDeclared` would take for a declaration of the bundle if it stands within a string. */
const varInFront = /^var\b/m

/**
 * Values that the files export, in no order. Null: they have to be imported one by one.
 * @param own the module that is `millcourse` to them, compiled
 */
export async function importBundled(
  files: readonly string[],
  own: string,
): Promise<readonly Readonly<Record<string, unknown>>[] | null> {
  const folder = await mkdtemp(join(tmpdir(), 'millcourse-repo-')).catch(() => null)
  if (folder === null) return null
  try {
    const bundle = join(folder, 'definitions.mjs')
    const code = await bundled(files, own, bundle)
    if (code === null) return null
    await writeFile(bundle, code)
    return Object.values(await evaluated(bundle))
  } catch {
    // A fault of a definition file: whoever imports it alone says where it is.
    return null
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** Places of definitions are read from stacks: of the few frames that it takes, each is mapped back. */
async function evaluated(bundle: string): Promise<Readonly<Record<string, Readonly<Record<string, unknown>>>>> {
  process.setSourceMapsEnabled(true)
  const { stackTraceLimit } = Error
  Error.stackTraceLimit = 4
  try {
    return await import(pathToFileURL(bundle).href)
  } finally {
    Error.stackTraceLimit = stackTraceLimit
  }
}

/** Null: a file is read otherwise when it is imported alone. */
async function bundled(files: readonly string[], own: string, outfile: string): Promise<string | null> {
  const seen = await readAll(files)
  if (seen === null) return null
  const { build, stop, transform } = await import('esbuild')
  const options: BuildOptions & { readonly write: false; readonly metafile: true } = {
    stdin: {
      contents: files.map((file, index) => `export * as file${index} from ${JSON.stringify(file)}`).join('\n'),
      resolveDir: '/',
    },
    ...{ outfile, write: false, metafile: true, absWorkingDir: '/' },
    ...{ bundle: true, format: 'esm', platform: 'node', target },
    // A package of the team's own is resolved by Node, with its conditions.
    ...{ alias: { millcourse: own }, external: [own], packages: 'external' },
    // Two files may have functions and classes of one name: renamed, they still say it.
    keepNames: true,
    // As they are imported one by one: nothing is left out because nothing seems to use it.
    ...{ treeShaking: false, ignoreAnnotations: true },
    ...{ sourcemap: 'inline', sourcesContent: false, logLevel: 'silent' },
  }
  const toJavaScript = async (path: string) =>
    (await transform(seen.get(path)!, { ...alone, sourcefile: path, tsconfigRaw: {} })).code
  try {
    for (;;) {
      const { outputFiles, metafile } = await build({ ...options, plugins: compiledAlone(seen, toJavaScript) })
      const paths = Object.keys(metafile.inputs).filter((path) => path !== '<stdin>')
      if (hasCycle(metafile) || !Object.values(metafile.inputs).every((one) => isPlain(one, own))) return null
      const others = await readAll(paths.map((path) => join('/', path)).filter((path) => !seen.has(path)))
      if (others === null) return null
      for (const [path, contents] of others) seen.set(path, contents)
      if (![...others].some(isExportedAgain)) return asDeclared(outputFiles[0]!.text)
    }
  } finally {
    await stop()
  }
}

const alone = { loader: 'ts', target, sourcemap: 'inline', sourcesContent: false } as const

/** Null: one of them is not to be bundled. */
async function readAll(paths: readonly string[]): Promise<Map<string, string> | null> {
  const found = await Promise.all(
    paths.map(async (path) => {
      if (!/\.m?[tj]s$/.test(path) || path.includes('/node_modules/') || hasTypeScriptBeside(path)) return null
      const contents = await readFile(path, 'utf8')
      const isRefused = [ownPlace, moduleAsValue, varInFront].some((one) => one.test(contents))
      return isRefused ? null : ([path, contents] as const)
    }),
  )
  const read = found.filter((one) => one !== null)
  return read.length === found.length ? new Map(read) : null
}

function isPlain({ imports }: Metafile['inputs'][string], own: string): boolean {
  return imports.every(
    ({ path, external }) =>
      !external || path === own || path === '<runtime>' || path.startsWith('node:') || builtinModules.includes(path),
  )
}

function isExportedAgain([path, contents]: readonly [string, string]): boolean {
  return /ts$/.test(path) && exportedAgain.test(contents)
}

/** Of the files that need it: to be asked for each file costs as much as the rest. */
function compiledAlone(seen: ReadonlyMap<string, string>, toJavaScript: (path: string) => Promise<string>): Plugin[] {
  const paths = [...seen].filter(isExportedAgain).map(([path]) => path.replaceAll(/[^\w/-]/g, '\\$&'))
  if (paths.length === 0) return []
  const filter = new RegExp(`^(?:${paths.join('|')})$`)
  return [
    {
      name: 'millcourse',
      setup(build) {
        build.onLoad({ filter }, async ({ path }) => ({ contents: await toJavaScript(path), loader: 'js' }))
      },
    },
  ]
}

/** esbuild declares all of a bundle with `var`, which may be used too early; what then throws is left to the importer, too. */
function asDeclared(bundle: string): string {
  return bundle.replaceAll(/^var\b/gm, 'let')
}

/** Whether two files wait for each other: what one then sees of the other is the importer's to say. */
function hasCycle({ inputs }: Metafile): boolean {
  const done = new Set<string>()
  const open = new Set<string>()
  const reachesItself = (path: string): boolean => {
    if (open.has(path)) return true
    if (done.has(path)) return false
    open.add(path)
    const found = (inputs[path]?.imports ?? []).some((one) => reachesItself(one.path))
    open.delete(path)
    done.add(path)
    return found
  }
  return Object.keys(inputs).some(reachesItself)
}

/** The importer reads `a.ts` where `./a.js` is imported, esbuild `a.js` where both are there. */
function hasTypeScriptBeside(path: string): boolean {
  return /js$/.test(path) && ['ts', 'tsx'].some((ending) => existsSync(path.replace(/js$/, ending)))
}
