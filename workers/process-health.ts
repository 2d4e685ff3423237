/** Readiness from questions to the parts: each asked with a limit, at the same time, and an answer remembered for a moment. */

import type { ProcessTelemetry } from '../adapters/telemetry/process-telemetry.js'
import { isMillcourseError } from '../core/errors.js'
import { type ProcessName, redactSecrets } from '../core/measure/index.js'
import type { PartState, Readiness } from './process-http.js'

export interface PartQuestion {
  readonly part: string
  /** What there is to say of it, or null; throws when it is not well. */
  readonly ask: () => Promise<string | null>
}

const askWithinMs = 2_000
/** Probes come from kubelets, load balancers and people at once: the parts are asked for all of them together. */
const rememberMs = 1_000

export function newReadiness(questions: readonly PartQuestion[]): () => Promise<Readiness> {
  let last: { readonly atMs: number; readonly answer: Promise<Readiness> } | null = null
  return () => {
    if (last === null || performance.now() - last.atMs > rememberMs)
      last = { atMs: performance.now(), answer: askAll(questions) }
    return last.answer
  }
}

/** Who scrapes need not probe, too: an alert goes by the same answers. */
export function measureReadiness(
  process: ProcessName,
  telemetry: Pick<ProcessTelemetry, 'beforeScrape' | 'show'>,
  readiness: () => Promise<Readiness>,
): void {
  telemetry.beforeScrape(async () => {
    const { parts } = await readiness()
    const readings = parts.map(({ part, isOk }) => ({ labels: { process, part }, value: isOk ? 1 : 0 }))
    telemetry.show('millcourse_part_ready', readings)
  })
}

async function askAll(questions: readonly PartQuestion[]): Promise<Readiness> {
  const parts = await Promise.all(questions.map(askPart))
  return { isReady: parts.every(({ isOk }) => isOk), parts }
}

async function askPart({ part, ask }: PartQuestion): Promise<PartState> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`does not answer within ${askWithinMs} ms`)), askWithinMs)
  })
  const asking = ask()
  try {
    return { part, isOk: true, why: await Promise.race([asking, late]) }
  } catch (error) {
    asking.catch(() => {})
    return { part, isOk: false, why: whyOf(error) }
  } finally {
    clearTimeout(timer)
  }
}

/** Probes are answered to everybody who reaches them, and a vendor's words may quote what the vendor was sent. */
function whyOf(error: unknown): string {
  if (isMillcourseError(error)) return redactSecrets(`${error.code}: ${error.message}`)
  return redactSecrets(error instanceof Error ? error.message : String(error))
}
