/** What of a process's memory V8 and the allocator do not give back at will, from the lines that heap-log.mjs has written. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { MemorySample, ProcessLife } from './memory-lives.js'

interface HeapLine {
  readonly at: string
  readonly pid: number
  /** 0: the main one. */
  readonly thread: number
  readonly rss: number
  readonly heapTotal: number
  readonly heapUsed: number
}

/** Lives whose samples are resident memory without the unused part of the heaps, after a collection; its lowest in a time is what is kept. */
export async function keptMemory(lives: readonly ProcessLife[], logDir: string): Promise<ProcessLife[]> {
  const names = [...new Set(lives.map(({ name }) => name))]
  const texts = await Promise.all(names.map((name) => readFile(join(logDir, `${name}.heap.jsonl`), 'utf8')))
  // The last line of a process that was killed may be cut.
  const lines = texts.flatMap((text) => text.split('\n').filter((line) => line.endsWith('}}')))
  const samples = lines.map((line) => JSON.parse(line) as HeapLine)
  return lives.map((life) => ({ ...life, samples: keptBy(samples.filter(({ pid }) => pid === life.pid)) }))
}

/** @param lines of one process, in the order in which they were written */
function keptBy(lines: readonly HeapLine[]): MemorySample[] {
  const unused = new Map<number, number>()
  const samples: MemorySample[] = []
  for (const { at, thread, rss, heapTotal, heapUsed } of lines) {
    unused.set(thread, heapTotal - heapUsed)
    const allUnused = [...unused.values()].reduce((sum, bytes) => sum + bytes, 0)
    if (thread === 0) samples.push({ atMs: Date.parse(at), rssBytes: rss - allUnused })
  }
  return samples
}
