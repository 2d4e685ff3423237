import type { HistoryFile } from './generated-history.js'
import type { History } from './many-histories.js'

/**
 * The least of a case that still fails: the first history that fails alone, without the rows and questions that it fails without. Each try
 * costs about a second, so parts are left out once, in order, and not searched.
 */
export async function narrowed(
  many: readonly History[],
  fails: (histories: readonly History[]) => Promise<boolean>,
): Promise<readonly History[]> {
  for (const one of many) {
    if (!(await fails([one]))) continue
    let least = one
    for (const smaller of [withoutRow, withoutQuestion])
      for (let at = 0; ; ) {
        const tried = smaller(least, at)
        if (tried === null) break
        if (await fails([tried])) least = tried
        else at++
      }
    return [least]
  }
  return many
}

/** Counted over all files; null: there is no such row. */
function withoutRow({ files, asked }: History, at: number): History | null {
  let before = 0
  for (const [index, file] of files.entries()) {
    const place = at - before
    before += file.rows.length
    if (place >= file.rows.length) continue
    const rows = file.rows.toSpliced(place, 1)
    const left: HistoryFile[] = rows.length > 0 ? files.with(index, { ...file, rows }) : files.toSpliced(index, 1)
    return { files: left, asked }
  }
  return null
}

function withoutQuestion({ files, asked }: History, at: number): History | null {
  return at < asked.length ? { files, asked: asked.toSpliced(at, 1) } : null
}
