/** What the kernel says of a process: its memory and its CPU. Linux only. */
import { readFileSync, writeFileSync } from 'node:fs'

const ticksPerSecond = 100

/** Resident now, and the most since the start or since `resetPeak`. */
export function memoryOf(pid: number): { readonly rssBytes: number; readonly peakBytes: number } {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  const kilobytes = (field: string) => Number(new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(status)?.[1]) * 1024
  return { rssBytes: kilobytes('VmRSS'), peakBytes: kilobytes('VmHWM') }
}

export function resetPeak(pid: number): void {
  writeFileSync(`/proc/${pid}/clear_refs`, '5')
}

/** User and system time of all its threads. */
export function cpuMsOf(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  // The second field is the program's name in parentheses and may hold blanks.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return ((Number(fields[11]) + Number(fields[12])) * 1000) / ticksPerSecond
}
