/** The tables of a project's schema, as Postgres's own catalogue tells them: what a later migration adds is part of a backup, too. */
import { sql } from 'kysely'
import type { ArchivedTable } from '../../core/ports/ledger-archive.js'
import { migrationTables } from './backup-names.js'
import type { OpenTransaction } from './client.js'

/** What is there before anything was applied is no content. */
export async function countRows(
  trx: OpenTransaction,
  schema: string,
  tables: readonly ArchivedTable[],
): Promise<bigint> {
  const counts = tables.map(({ name }) => sql`(select count(*) from ${sql.id(schema, name)})`)
  const { rows } = await sql<{ rows: bigint }>`select ${sql.join(counts, sql` + `)} as rows`.execute(trx)
  return rows[0]!.rows
}

/** Each table after those it refers to. */
export async function readTables(trx: OpenTransaction, schema: string): Promise<ArchivedTable[]> {
  const { rows } = await sql<{ name: string; columns: { name: string; type: string }[]; refers: string[] }>`
    select c.relname as name,
      (select json_agg(json_build_object('name', a.attname, 'type', format_type(a.atttypid, a.atttypmod)) order by a.attnum)
        from pg_attribute a where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped) as columns,
      coalesce((select json_agg(r.relname) from pg_constraint k join pg_class r on r.oid = k.confrelid
        where k.conrelid = c.oid and k.contype = 'f'), '[]') as refers
    from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where n.nspname = ${schema} and c.relkind = 'r'
    order by c.relname`.execute(trx)
  const left = rows.filter(({ name }) => !migrationTables.includes(name))
  const ordered: ArchivedTable[] = []
  while (left.length > 0) {
    const names = new Set(left.map(({ name }) => name))
    const next = left.findIndex(({ name, refers }) => refers.every((other) => other === name || !names.has(other)))
    const [{ name, columns }] = left.splice(Math.max(next, 0), 1) as [(typeof left)[number]]
    ordered.push({ name, columns })
  }
  return ordered
}
