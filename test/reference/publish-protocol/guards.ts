/** Each thing the protocol does so that nothing goes wrong. Taken away in the model, the search has to find what breaks. */
export const guards = {
  'write-condition': 'R36: an item lands only if the stored sequence is not higher',
  'end-condition': 'R29, R36: E is written under the same condition as items',
  'end-always-written': 'R36: every publish writes E, changed or not, so that an older E is refused',
  'end-after-items': 'R29: E is written after all items',
  'end-newest': 'R29: E is the newest end that is not blocked, never the end of the covered run',
  'end-blocked': 'R32: a window with a gap is not published (onGap: block)',
  'cover-up-to-end': 'R32, R33: a commit after a blocked E is not covered, so that it is published when E moves',
  'covering-fixed': 'R33: finishing marks the commits fixed when the publish opened, not those that came since',
  'leaving-keys': 'R29: keys whose rows leave the window are looked at, also those without a new row',
  'replaced-keys': 'R31: keys of the rows that a rerun no longer finds are looked at',
  'newest-row': 'R22: the newest row by its own order wins, not the last one committed',
  'record-before-write': 'R36: the keys of a publish are recorded before its first online write',
  'record-lease': 'R36: recording a delta checks the lease',
  'finish-lease': 'R36: finishing checks the lease',
  'rewrite-unfinished': 'R36: a successor rewrites the keys of every unfinished publish since the last finished one',
  'rewrite-unchanged': 'R36: … also those whose value does not differ from the published state',
  'all-keys-when-lost': 'R36: with a delta file lost, all keys are rewritten',
  'all-keys-of-uncovered': 'R36: … also keys known only from commits that this publish does not cover',
  'new-sequence': 'R36: an attempt that does not continue a recorded delta draws a new sequence',
  'resume-newest': 'R36: a recorded delta is continued only while nobody has drawn a later sequence',
  'cursor-acknowledged': 'a successor goes on after the last acknowledged item, not after the last one sent',
  'cursor-of-sequence': 'a cursor counts only for the sequence under which it was acknowledged',
  'release-unfinished': 'R36: a lease given back leaves its publish unfinished',
  'rebuild-by-scan': 'with the published state lost, it is rebuilt by a scan, not taken for empty',
  'empty-item': 'R36: missing is an empty item that keeps its sequence, never a delete',
  'writer-lease':
    'R36: a publisher asks its monotonic clock before each batch, so that it ends before empty items expire',
  'first-load-own-table': 'R36: a first load, which has no conditions, is written into a table of its own',
  'first-load-once': 'R36: … only while no publish of the version is finished',
  'first-load-not-resumed': 'R36: … by one attempt: another one has another table, not only another lease',
  'first-load-unknown-outcome': 'R36: … and is given up when a write may still land after it',
  'first-load-named-when-finished': 'R36: its table is read, and published into, only once it is finished',
  'number-at-pin': 'R37: a run is numbered when its inputs are pinned, not when it starts',
  'commit-number': 'R37: a decision on a run numbered below the committed one is refused',
  'commit-supersedes': 'R36: a commit is refused when the version it was planned against is no longer the current one',
  'accept-judged': 'R37: accept commits exactly the judged candidate',
  'reject-keeps': 'R37: reject keeps the accepted version where there is one',
  'commit-bounds': 'R21: a run commits nothing outside its interval',
  'reopen-cleared-at-pin': 'R27: pinning clears the reopen mark; what re-opens the interval later is kept',
  'reopen-seen-at-listing': 'R27: … only what it had seen before it listed its files',
  'compare-any-outcome': 'R27: files are compared with those of the latest run, whatever its outcome',
  'tick-publishes': 'R33: a tick publishes unmarked commits where no publish is open',
} as const

/** Spare work or make doubly sure, but nothing breaks without them: the search must find nothing. */
export const conveniences = {
  'wait-for-lease': 'R36: who finds the lease taken waits',
} as const

export type Guard = keyof typeof guards | keyof typeof conveniences
