import { existsSync, readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { readConfig } from '../../workers/config.js'
import { knownVariables, productCommands, writtenFolders } from './product-words.js'

interface Service {
  readonly image: string
  readonly command?: string[]
  readonly environment?: Record<string, string>
  readonly volumes?: string[]
  readonly tmpfs?: string[]
  readonly ports?: string[]
  readonly healthcheck?: { readonly test: string[] }
  readonly depends_on?: Record<string, { readonly condition: string; readonly required?: boolean }>
  readonly profiles?: string[]
  readonly restart?: string
  readonly stop_grace_period?: string
}
interface Compose {
  readonly services: Record<string, Service>
  readonly volumes: Record<string, null>
}

const read = (file: string) => readFileSync(new URL(`../${file}`, import.meta.url), 'utf8')
const compose = parse(read('compose.yaml'), { merge: true }) as Compose
const services = Object.entries(compose.services)
const processes = ['migrate', 'worker', 'watcher', 'server']

/** The example's variables, and those that it leaves to be filled in. */
const example = Object.fromEntries(
  [...read('compose.env.example').matchAll(/^([A-Z_0-9]+)=(.*)$/gm)].map(([, name, value]) => [
    name!,
    value || `filled-in-by-a-person`,
  ]),
)

/** As compose does it: `${A}`, `${A:-b}`, `${A-b}`, `${A:?why}`. */
function interpolated(text: string): string {
  return text.replaceAll(/\$\{([A-Z_0-9]+)(?:(:?[-?])([^}]*))?\}/g, (_, name: string, operator = '', other = '') => {
    const given = example[name]
    if (given !== undefined) return given
    if (operator.endsWith('?')) throw new Error(`${name} is not in compose.env.example: ${other}`)
    return operator.endsWith('-') ? other : ''
  })
}

describe.each(services)('%s', (name, service) => {
  test('its image is pinned, its health is asked, it starts again by itself', () => {
    expect(interpolated(service.image)).toMatch(/:v?\d+\.\d+(\.\d+)?$/)
    expect(service.restart).toMatch(name === 'migrate' ? /^on-failure:\d+$/ : /^unless-stopped$/)
    if (name === 'migrate') expect(service.healthcheck).toBeUndefined()
    else expect(service.healthcheck!.test[0]).toMatch(/^CMD/)
  })
  test('its volumes are declared or lie here, its ports are open on this machine only unless said otherwise', () => {
    for (const volume of service.volumes ?? []) {
      const from = volume.split(':')[0]!
      if (from.startsWith('./')) expect(existsSync(new URL(`../${from}`, import.meta.url)), from).toBe(true)
      else expect(Object.keys(compose.volumes)).toContain(from)
    }
    for (const port of service.ports ?? []) expect(interpolated(port)).toMatch(/^127\.0\.0\.1:\d+:\d+$/)
  })
  test('it waits for parts that exist, and needs none that a profile may leave out', () => {
    for (const [part, { condition, required }] of Object.entries(service.depends_on ?? {})) {
      expect(compose.services[part], part).toBeDefined()
      expect(condition).toBe(part === 'migrate' ? 'service_completed_successfully' : 'service_healthy')
      if (compose.services[part]!.profiles) expect(required).toBe(false)
    }
  })
})

describe.each(processes)('the process %s', (name) => {
  const service = compose.services[name]!
  const given = () => Object.entries(service.environment!).map(([variable, value]) => [variable, interpolated(value)])
  test('knows every variable', () => {
    const unknown = Object.keys(service.environment!).filter((variable) => !knownVariables().includes(variable))
    expect(unknown).toEqual([])
  })
  test('starts with them', () => {
    const config = readConfig(Object.fromEntries(given()))
    expect(config.lake).toBe('s3://lake/millcourse')
    expect(config.online.endpoint).toBe('http://dynamodb:8000')
    expect(Number.parseInt(service.stop_grace_period!, 10) * 1000).toBeGreaterThan(config.worker.shutdownGraceMs)
  })
  test('has a place for what it writes, for the root is read only', () => {
    const places = [...(service.volumes ?? []).map((volume) => volume.split(':')[1]!), ...service.tmpfs!]
    const folders = writtenFolders(Object.fromEntries(given()))
    expect(folders).toHaveLength(name === 'migrate' ? 0 : 1)
    expect(folders.filter((folder) => !places.includes(folder))).toEqual([])
  })
  test('runs a command of the product', () => {
    expect(productCommands()).toContain(service.command![0])
  })
})

test('Temporal takes scheduled runs first: it reads the file that says so', () => {
  const { environment, volumes } = compose.services.temporal!
  const [from, to] = volumes!.find((volume) => volume.includes('dynamicconfig'))!.split(':') as [string, string]
  expect(to).toBe(`/etc/temporal/${environment!.DYNAMIC_CONFIG_FILE_PATH}`)
  const one = [{ value: 1 }]
  expect(parse(read(from))).toEqual({
    'matching.useNewMatcher': [{ value: true }],
    'matching.numTaskqueueReadPartitions': one,
    'matching.numTaskqueueWritePartitions': one,
  })
})

test('the image is built without secrets, history and what is made here', () => {
  const ignored = read('../.dockerignore').split('\n')
  expect(ignored).toContain('.git')
  const unshared = read('../.gitignore').split('\n').filter(Boolean)
  for (const path of unshared.map((line) => line.replace(/\/$/, '')))
    expect(ignored, path).toContain(path.includes('/') ? path : `**/${path}`)
})

test('every volume is used', () => {
  const used = services.flatMap(([, { volumes }]) => volumes ?? []).map((volume) => volume.split(':')[0])
  expect(Object.keys(compose.volumes).filter((volume) => !used.includes(volume))).toEqual([])
})

test('Prometheus asks every process that measures, by the alert rules that are there', () => {
  const { scrape_configs: scrapes, rule_files: rules } = parse(read('compose/prometheus.yaml')) as {
    rule_files: string[]
    scrape_configs: { dns_sd_configs: { names: string[]; port: number }[] }[]
  }
  for (const file of rules)
    expect(existsSync(new URL(file.replace('/etc/prometheus/', '../'), import.meta.url)), file).toBe(true)
  const [asked] = scrapes[0]!.dns_sd_configs
  expect(asked!.names).toEqual(['worker', 'watcher', 'server'])
  for (const name of asked!.names)
    expect(compose.services[name]!.environment!.MILLCOURSE_HTTP_PORT).toBe(String(asked!.port))
})
