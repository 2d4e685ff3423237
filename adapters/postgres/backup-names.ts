/** Schemas that a restore works in. They hold a character that no project has, so no project's schema can be meant. */
import { createHash } from 'node:crypto'

/** Kysely's own, made anew by the migrations of whoever restores. */
export const migrationTables: readonly string[] = ['kysely_migration', 'kysely_migration_lock']

/** One for each project's schema, so that what an interrupted restore left is found by the next one. */
export function stagingSchema(schema: string): string {
  return `millcourse-restoring-${digestOf(schema)}`
}

export function replacedSchema(schema: string, at: string): string {
  return `millcourse-replaced-${at}-${digestOf(schema)}`
}

function digestOf(schema: string): string {
  return createHash('sha256').update(schema).digest('hex').slice(0, 12)
}
