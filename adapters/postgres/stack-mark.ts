import { sql } from 'kysely'
import { createPostgresClient } from './client.js'

/**
 * What the database says that it is (`ALTER DATABASE d SET millcourse.environment = 'production'`), whoever asks and from whatever shell.
 * Null: nothing.
 */
export async function readStackMark(url: string): Promise<string | null> {
  const client = createPostgresClient({ url, project: 'millcourse', poolMax: 1 })
  try {
    const { rows } = await client.query((db) =>
      sql<{ mark: string | null }>`SELECT current_setting('millcourse.environment', true) AS mark`.execute(db),
    )
    return rows[0]?.mark || null
  } finally {
    await client.close()
  }
}
