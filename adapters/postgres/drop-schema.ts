import { sql } from 'kysely'
import { createPostgresClient, type PostgresClientOptions, schemaName } from './client.js'

/** Registry and ledger of a project, with all that they know. Nobody gets them back but from a backup. */
export async function dropSchema(options: PostgresClientOptions): Promise<void> {
  const client = createPostgresClient(options)
  const { db } = client.maintain()
  try {
    await sql`DROP SCHEMA IF EXISTS ${sql.id(schemaName(options.project))} CASCADE`.execute(db)
  } finally {
    await db.destroy()
    await client.close()
  }
}
