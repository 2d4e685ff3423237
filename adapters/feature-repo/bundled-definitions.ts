/**
 * Hundreds of definition files in one go: esbuild puts them together, and Node evaluates one module, where importing them one by one takes
 * several times as long. Only where nobody could tell the difference: what has a fault, or depends on where its file lies, is left to the
 * importer, which names the file.
 */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { builtinModules } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Plugin } from 'esbuild'

/** Below, esbuild's own start costs more than it saves. */
export const bundledFilesMin = 30

/** What a file may ask of its own place, or of modules that are known when it runs only; and CommonJS. */
const ownPlace =
  /\bimport\s*\.\s*meta\b|\b__dirname\b|\b__filename\b|\brequire\b|\bimport\s*\(|\bmodule\s*\.\s*exports\b|\bexports\s*[.[]/

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

async function bundled(files: readonly string[], own: string, outfile: string): Promise<Uint8Array | null> {
  const { build, stop } = await import('esbuild')
  const refused = new RefusedInput()
  try {
    const { outputFiles } = await build({
      stdin: {
        contents: files.map((file, index) => `export * as file${index} from ${JSON.stringify(file)}`).join('\n'),
        resolveDir: '/',
      },
      ...{
        outfile,
        write: false,
        bundle: true,
        format: 'esm',
        platform: 'node',
        target: `node${process.versions.node}`,
      },
      // As they are imported one by one: nothing is left out because nothing seems to use it.
      ...{ treeShaking: false, ignoreAnnotations: true },
      ...{ sourcemap: 'inline', sourcesContent: false, logLevel: 'silent' },
      plugins: [onlyPlainFiles(own, refused)],
    })
    return refused.isAny ? null : outputFiles[0]!.contents
  } finally {
    await stop()
  }
}

class RefusedInput {
  isAny = false
}

function onlyPlainFiles(own: string, refused: RefusedInput): Plugin {
  const refuse = () => {
    refused.isAny = true
    return { errors: [{ text: 'is left to the importer' }] }
  }
  return {
    name: 'millcourse',
    setup(build) {
      build.onResolve({ filter: /^millcourse$/ }, () => ({ path: own, external: true }))
      // A package of the team's own is resolved by Node, with its conditions.
      build.onResolve({ filter: /^[^./]/ }, ({ path }) =>
        path.startsWith('node:') || builtinModules.includes(path) ? { path, external: true } : refuse(),
      )
      build.onLoad({ filter: /.*/ }, async ({ path }) => {
        if (!/\.m?[tj]s$/.test(path) || path.includes('/node_modules/')) return refuse()
        const contents = await readFile(path, 'utf8')
        if (ownPlace.test(contents)) return refuse()
        return { contents, loader: /ts$/.test(path) ? 'ts' : 'js' }
      })
    },
  }
}
