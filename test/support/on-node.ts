/**
 * Runs a command on another major version of Node: `tsx test/support/on-node.ts 22 npm test`. The binary comes from the npm
 * package of this platform (`node@22` itself only fetches that one, by an install script, and those are off in many places).
 */
import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** Pinned: which Node passed must not depend on the day. */
const versions: Readonly<Record<string, string>> = { 22: '22.23.3' }

const [major = '', command = '', ...args] = process.argv.slice(2)
const version = versions[major]
if (version === undefined || command === '') {
  process.stderr.write(`usage: on-node MAJOR COMMAND…; MAJOR is one of: ${Object.keys(versions).join(', ')}\n`)
  process.exit(64)
}
const folder = fileURLToPath(new URL(`../../.cache/node-${version}/`, import.meta.url))
const name = `node-${process.platform === 'win32' ? 'win' : process.platform}-${process.arch}`
const bin = join(folder, 'node_modules', name, 'bin')
if (!existsSync(join(bin, 'node'))) {
  process.stdout.write(`fetching Node ${version} (${name})\n`)
  execFileSync('npm', ['install', '--no-save', '--prefix', folder, `${name}@${version}`], { stdio: 'inherit' })
}
const env = { ...process.env, PATH: `${bin}${delimiter}${process.env.PATH ?? ''}` }
const found = execFileSync('node', ['--version'], { env, encoding: 'utf8' }).trim()
if (found !== `v${version}`) throw new Error(`asked for Node ${version}, the PATH leads to ${found}`)
process.stdout.write(`on Node ${found}: ${[command, ...args].join(' ')}\n`)
const { status, signal } = spawnSync(command, args, { env, stdio: 'inherit' })
process.exit(signal === null ? (status ?? 1) : 1)
