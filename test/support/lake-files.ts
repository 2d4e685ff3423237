/** Files in the lake, looked into and changed as a disk or an operator may. */
import type { ActivityDeps } from '../../activities/activity-deps.js'

type Parts = Pick<ActivityDeps, 'engine' | 'lake'>

export async function rewriteFile({ engine, lake }: Parts, path: string, select: string): Promise<void> {
  const file = lake.uri(path)
  await engine.withSession(async (session) => {
    await session.execute({ sql: `CREATE TEMP TABLE kept AS SELECT ${select} FROM read_parquet('${file}')` })
    await session.execute({ sql: `COPY kept TO '${file}' (FORMAT parquet)` })
  })
}

export async function columnsOf({ engine, lake }: Parts, path: string): Promise<string[]> {
  const sql = `SELECT column_name AS name FROM (DESCRIBE FROM read_parquet('${lake.uri(path)}'))`
  return (await engine.withSession((session) => session.all({ sql }))).map(({ name }) => String(name))
}
