import { resolve } from 'node:path'
import { type DevStack, startDevStack } from '../../workers/dev-stack.js'
import type { CliContext, Report } from '../context.js'

/** Starts the local stack, says what runs where, and stays until Ctrl-C or until the stack cannot go on. */
export async function dev(
  context: CliContext,
  options: { readonly worker: boolean; readonly watcher: boolean; readonly server: boolean },
): Promise<Report> {
  const nothingMore: Report = { outcome: 'done', data: undefined, text: '' }
  let running: DevStack
  try {
    running = await startDevStack({
      repoDir: context.repoDir,
      withWorker: options.worker,
      withWatcher: options.watcher,
      withServer: options.server,
      now: context.pretendedNow,
      signal: context.signal,
      log: ({ kind, text }) => (kind === 'starting' ? context.progress.update(text) : context.progress.line(text)),
    })
  } catch (error) {
    if (context.signal.aborted) return nothingMore
    throw error
  }
  context.progress.end()
  const { addresses, owner } = running.stack
  process.stdout.write(
    context.isJson
      ? `${JSON.stringify({ ready: true, repo: context.repoDir, pid: owner.pid, addresses })}\n`
      : readyText(context.repoDir, addresses),
  )
  const error = await running.ended
  if (error) throw error
  return nothingMore
}

function readyText(repoDir: string, addresses: Readonly<Record<string, string>>): string {
  const width = Math.max(...Object.keys(addresses).map((name) => name.length))
  const lines = Object.entries(addresses).map(([name, address]) => `  ${name.padEnd(width)}  ${address}`)
  const state = resolve(repoDir, '.millcourse')
  return `\nThe stack is up (state and logs in ${state}):\n${lines.join('\n')}\n\nIn another terminal: millcourse plan, millcourse apply. Ctrl-C stops it; the next start goes on from here.\n`
}
