/** Where the rows lie that a run has rejected, and why it did: the ledger knows their file, the lake whether it is still there. */
import type { RejectReason } from '../../core/compute/index.js'
import { isMillcourseError } from '../../core/errors.js'
import type { Lake } from '../../core/ports/lake.js'
import type { RunRecord } from '../../core/ports/ledger.js'
import { formatBytes, formatCount } from '../output/words.js'

export interface RejectedRows {
  /** One Parquet file of the declared columns, with `__reason`: a path or `s3://…`, as engines read it. */
  readonly uri: string
  readonly rows: number
  readonly sizeBytes: number
  /** R28, as the run counted them. */
  readonly reasons: Readonly<Record<RejectReason, number>>
  /** False: removed after its retention. Null: the lake could not be asked. */
  readonly isThere: boolean | null
}

/** Undefined: the run has rejected none, or has not computed its rows. */
export async function rejectedRows(
  lake: () => Promise<Lake>,
  { candidate }: Pick<RunRecord, 'candidate'>,
): Promise<RejectedRows | undefined> {
  if (!candidate?.quarantine) return undefined
  const { path, rows, sizeBytes } = candidate.quarantine
  const opened = await lake()
  const isThere = await isThereNow(opened, path)
  return { uri: opened.uri(path), rows, sizeBytes, reasons: candidate.counts.rejected, isThere }
}

/** The screen is looked at when stores are down, too. */
async function isThereNow(lake: Lake, path: string): Promise<boolean | null> {
  try {
    return (await lake.head(path)) !== null
  } catch (error) {
    if (isMillcourseError(error)) return null
    throw error
  }
}

const reasonTexts: Readonly<Record<RejectReason, string>> = {
  null_key: 'with a null in the key',
  null_event_time: 'without an event time',
}

/** `place`: to be copied, so on a line of its own; null: there is nothing to look at. */
export function rejectedText({ uri, sizeBytes, reasons, isThere }: RejectedRows): {
  readonly text: string
  readonly place: string | null
} {
  const told = (Object.keys(reasonTexts) as RejectReason[])
    .filter((reason) => reasons[reason] > 0)
    .map((reason) => `${formatCount(reasons[reason])} ${reasonTexts[reason]}`)
    .join(', ')
  if (isThere === false) return { text: `${told}; their file was removed (MILLCOURSE_KEEP_QUARANTINE)`, place: null }
  const doubt = isThere === null ? ' (the lake could not be asked whether it is still there)' : ''
  return { text: `${told}, each with its __reason, ${formatBytes(sizeBytes)}${doubt}:`, place: uri }
}
