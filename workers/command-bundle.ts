/**
 * The commands that a person waits for, as few files: `dist/bundled`, beside the modules they are made of. What `cli/main.ts` starts from
 * there never meets the modules: each process has one copy of each class.
 */
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { dirname, join, relative } from 'node:path'
import { build, type Metafile, type Plugin } from 'esbuild'
import { packageRoot } from './stack-package.js'

const root = packageRoot()
const dist = join(root, 'dist')
const folder = join(dist, 'bundled')

/** `millcourse` among them: definitions share it with the command that reads them. Each lies where it lies in `dist`. */
const entries = ['cli/command-process.js', 'core/define/index.js']

/** Of many modules each, and plain JavaScript. Others stay packages: they are one file already, hold binaries, or are rarely asked for. */
const bundledPackages = [
  '@msgpack/msgpack',
  '@noble/hashes',
  '@temporalio/client',
  '@temporalio/common',
  'cli-table3',
  'commander',
  'kysely',
  'p-retry',
  'pg',
  'zod',
]

/** Only what `cli/main.ts` starts from the modules asks for these. */
const unbundledModules = /\/(workers\/stack-processes|cli\/commands\/(dev|drill))\.js$/

/** From the modules in `dist`, in place of the bundle that is there. @throws Error of esbuild, naming the file */
export async function buildCommandBundle(): Promise<void> {
  const { outputFiles, metafile } = await build({
    ...{ entryPoints: entries.map((entry) => join(dist, entry)), outbase: dist, outdir: folder },
    ...{ absWorkingDir: root, chunkNames: 'chunks/[name]-[hash]', write: false, metafile: true, logLevel: 'error' },
    ...{ bundle: true, splitting: true, format: 'esm', platform: 'node', target: 'node20', keepNames: true },
    // Packages in CommonJS ask Node for its own modules.
    banner: { js: "import{createRequire as __from}from'node:module';const require=__from(import.meta.url);" },
    plugins: [chosenPackages, ownPlaces],
  })
  await rm(folder, { recursive: true, force: true })
  for (const { path, contents } of outputFiles) {
    await mkdir(dirname(path), { recursive: true })
    await writeFile(path, contents)
  }
  await writeFile(join(folder, 'licenses.txt'), await licensesOf(metafile))
}

const chosenPackages: Plugin = {
  name: 'chosen packages',
  setup({ onResolve }) {
    onResolve({ filter: /^[^./]/ }, ({ path, importer }) => {
      const isChosen = bundledPackages.some((name) => path === name || path.startsWith(`${name}/`))
      // A package that is not chosen may still be part of one that is.
      return importer.startsWith(`${dist}/`) && !isChosen ? { path, external: true } : null
    })
    onResolve({ filter: /^pg-native$/ }, ({ path }) => ({ path, external: true }))
    onResolve({ filter: /^\..*\.js$/ }, ({ path, resolveDir }) => {
      const file = join(resolveDir, path)
      // As the files in `bundled/cli` and `bundled/chunks` see it.
      return unbundledModules.test(file) ? { path: join('../..', relative(dist, file)), external: true } : null
    })
  },
}

/** A module that looks around itself sees `bundled` as `dist`: the entries, and the package's own folders above. */
const ownPlaces: Plugin = {
  name: 'own places',
  setup({ onLoad }) {
    onLoad({ filter: /\.js$/ }, async ({ path }) => {
      if (!path.startsWith(`${dist}/`)) return null
      const written = await readFile(path, 'utf8')
      const place = `new URL(${JSON.stringify(join('..', relative(dist, path)))}, import.meta.url).href`
      return { contents: written.replaceAll('import.meta.url', place), loader: 'js' }
    })
  },
}

/** Whoever passes on a package's code passes on its licence. */
async function licensesOf({ inputs }: Metafile): Promise<string> {
  const packages = new Set(
    Object.keys(inputs).flatMap((path) => /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(path)?.[0] ?? []),
  )
  const texts = [...packages].sort().map(async (path) => {
    const { name, version, license } = JSON.parse(await readFile(join(root, path, 'package.json'), 'utf8'))
    const files = await readdir(join(root, path))
    const file = files.find((one) => /^licen[sc]e/i.test(one)) ?? files.find((one) => /^readme/i.test(one))
    const text = file ? await readFile(join(root, path, file), 'utf8') : ''
    // Some have it at the end of their README alone.
    const from = /^readme/i.test(file ?? '') ? text.search(/^#+ *licen[sc]e/im) : 0
    return `${name} ${version} (${license})\n\n${from < 0 ? '' : text.slice(from).trim()}\n`
  })
  return (await Promise.all(texts)).join(`\n${'-'.repeat(80)}\n\n`)
}
