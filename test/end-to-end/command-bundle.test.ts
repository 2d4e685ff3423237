/** Of which files a command is made: few, and never of both builds at once, because each has classes and definitions of its own. */
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

const root = new URL('../../', import.meta.url).href
const program = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url))

const asData = (code: string) => `data:text/javascript,${encodeURIComponent(code)}`
/** Tells each file that is loaded on standard error; what CommonJS loads by itself at the end. */
const loadHook = asData(`import { writeSync } from 'node:fs'
export function load(url, context, next) {
  writeSync(2, 'loaded ' + url + '\\n')
  return next(url, context)
}`)
const tellLoaded = asData(`import { createRequire, register } from 'node:module'
register(${JSON.stringify(loadHook)})
const { cache } = createRequire(${JSON.stringify(root)})
process.on('exit', () => { for (const file of Object.keys(cache)) process.stderr.write('loaded file://' + file + '\\n') })`)

/** Paths below the package. */
function loadedBy(...command: string[]): string[] {
  const { stdout, stderr, status } = spawnSync(process.execPath, ['--import', tellLoaded, program, ...command], {
    encoding: 'utf8',
    cwd: fileURLToPath(root),
  })
  expect({ status, stdout, stderr: status === 0 ? '' : stderr }).toMatchObject({ status: 0 })
  const urls = stderr.matchAll(/^loaded (\S+)$/gm)
  return [...new Set([...urls].map(([, url]) => url!).filter((url) => url.startsWith(root)))].map((url) =>
    url.slice(root.length),
  )
}

const bundledPackage = /^node_modules\/(kysely|zod|pg|commander|cli-table3|@temporalio|@msgpack)\//

test.each(['plan --offline --repo feature_repo', 'runs --help', '--version'])(
  'a command that a person waits for comes from the bundle alone: %s',
  (command) => {
    const loaded = loadedBy(...command.split(' '))
    expect(loaded).toContain('dist/bundled/cli/command-process.js')
    expect(loaded.filter((path) => /^dist\/(?!bundled\/|cli\/main\.js$)/.test(path))).toEqual([])
    expect(loaded.filter((path) => bundledPackage.test(path))).toEqual([])
  },
)

test('definitions import the module that the command has', () => {
  expect(loadedBy('plan', '--offline', '--repo', 'feature_repo')).toContain('dist/bundled/core/define/index.js')
})

test.each(['dev', 'worker', 'watcher', 'server', 'drill'])('%s comes from the modules alone', (command) => {
  const loaded = loadedBy(command, '--help')
  expect(loaded).toContain('dist/cli/command-process.js')
  expect(loaded.filter((path) => path.startsWith('dist/bundled/'))).toEqual([])
})

test('licences go with the packages that are in the bundle', () => {
  const licenses = readFileSync(new URL('../../dist/bundled/licenses.txt', import.meta.url), 'utf8')
  for (const name of ['kysely', 'zod', 'pg', 'commander', '@temporalio/client', '@grpc/grpc-js', 'protobufjs'])
    expect(licenses).toMatch(new RegExp(`^${name} \\d+\\.\\d+\\.\\d+ \\(`, 'm'))
  expect(licenses.split(/^-{80}$/m).filter((text) => text.trim().split('\n').length < 4)).toEqual([])
})
