/** Programs that do the same work, each in a process of its own, in turns that rotate: medians of what they took, and ratios. */
import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { median, rounded } from './figures.js'

/** What a program of the race prints as its last line. */
export interface Took {
  readonly seconds: number
  readonly cpuSeconds: number
  readonly peakMb: number
  /** CPU seconds of each statement. */
  readonly steps?: readonly string[]
}

export const rounds = Number(process.env.MILLCOURSE_BENCH_ROUNDS ?? 5)

/** Of each program its medians. */
export async function race(programs: Readonly<Record<string, () => Promise<Took>>>): Promise<Record<string, number>> {
  const took: Record<string, Took[]> = {}
  const names = Object.keys(programs)
  for (let round = 0; round < rounds; round++)
    for (let turn = 0; turn < names.length; turn++) {
      const name = names[(round + turn) % names.length]!
      took[name] = [...(took[name] ?? []), await programs[name]!()]
    }
  const of = (name: string, figure: 'seconds' | 'cpuSeconds' | 'peakMb'): number =>
    median(took[name]!.map((one) => one[figure]))
  process.stderr.write(`product, cpu seconds: ${took.product?.at(-1)?.steps?.join(', ')}\n`)
  return Object.fromEntries([
    ...names.flatMap((name) => [
      [`${name}Seconds`, rounded(of(name, 'seconds'), 2)],
      [`${name}CpuSeconds`, rounded(of(name, 'cpuSeconds'), 2)],
      [`${name}PeakMb`, rounded(of(name, 'peakMb'))],
    ]),
  ])
}

/** One of this folder's TypeScript programs. */
export async function script(name: string, args: readonly string[]): Promise<string> {
  return await printed(process.execPath, ['--import', 'tsx', fileOf(name), ...args])
}

export async function program(name: string, args: readonly string[]): Promise<Took> {
  return lastLine(await script(name, args))
}

/** One of this folder's Python programs. */
export async function inPython(python: string, name: string, args: readonly string[]): Promise<Took> {
  return lastLine(await printed(python, [fileOf(name), ...args]))
}

const fileOf = (name: string): string => fileURLToPath(new URL(`./${name}`, import.meta.url))

async function printed(command: string, args: readonly string[]): Promise<string> {
  return (await promisify(execFile)(command, [...args], { maxBuffer: 2 ** 26 })).stdout
}

const lastLine = (text: string): Took => JSON.parse(text.trim().split('\n').at(-1)!) as Took
