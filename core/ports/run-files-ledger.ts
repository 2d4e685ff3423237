/**
 * The ledger's part on what runs leave behind in the lake beside what they commit: candidates that were not committed, attempts that died,
 * rejected rows. Marked first, removed a grace later, then known to be gone.
 */
interface ViewKey {
  readonly view: string
  readonly version: number
}

/** All that attempts of a run have written below `<room>/<run>/`. */
export interface RunFiles {
  readonly room: 'candidates' | 'quarantine'
  readonly runId: string
}

/** From a run's end. */
export interface RunFileRetention {
  readonly candidatesKeptMs: number
  readonly quarantineKeptMs: number
}

export interface RunFilesWriter {
  /** How many folders are new; some thousands at a time. Never of a run under way, nor of a held one that can still be accepted (R37). */
  markRunFiles(key: ViewKey, retention: RunFileRetention): Promise<number>
  /** Marked for at least `graceMs`, and not yet told to be gone; some thousands at a time. */
  markedRunFiles(key: ViewKey, graceMs: number): Promise<RunFiles[]>
  /** They are gone. */
  forgetRunFiles(key: ViewKey, gone: readonly RunFiles[]): Promise<void>
}
