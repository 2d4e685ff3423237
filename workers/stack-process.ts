/** Processes by id *and* start: an id alone is given to someone else after a while. */
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'

export interface LivingProcess {
  readonly pid: number
  /** When it started, in the system's own words; compared only for equality. */
  readonly startMark: string
}

/** Null: there is no such process (a zombie that waits to be reaped counts as none). */
export function livingProcess(pid: number): LivingProcess | null {
  const startMark = process.platform === 'linux' ? linuxStartMark(pid) : psStartMark(pid)
  return startMark === null ? null : { pid, startMark }
}

export function isAlive(known: LivingProcess): boolean {
  return livingProcess(known.pid)?.startMark === known.startMark
}

function linuxStartMark(pid: number): string | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    // The second field is the program's name in parentheses and may hold blanks: count from the last one.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return fields[0] === 'Z' ? null : `${bootId()}/${fields[19]}`
  } catch {
    return null
  }
}

/** Start times count from the boot: without its id, a file left by yesterday's boot could match. */
function bootId(): string {
  return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
}

function psStartMark(pid: number): string | null {
  try {
    const line = execFileSync('ps', ['-o', 'stat=,lstart=', '-p', String(pid)], { encoding: 'utf8' }).trim()
    return line === '' || line.startsWith('Z') ? null : line.replace(/^\S+\s+/, '')
  } catch {
    return null
  }
}
