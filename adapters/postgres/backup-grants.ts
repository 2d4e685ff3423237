/** The rights that people gave others in a project's schema (a read-only login of the server), carried over to the schema that takes its place. */
import { sql } from 'kysely'
import type { OpenTransaction } from './client.js'

/**
 * Rights on the schema, its tables, columns and sequences, and on tables yet to be made. Default privileges of a role that this login is
 * not a member of stay behind: they speak of tables which that role makes.
 */
export async function copyGrants(trx: OpenTransaction, from: string, to: string): Promise<void> {
  const grantee = sql`case grantee when 0 then 'PUBLIC' else quote_ident(pg_get_userbyid(grantee)) end`
  const option = sql`case when is_grantable then ' WITH GRANT OPTION' else '' end`
  const { rows } = await sql<{ statement: string }>`
    with spaces as (
      select old.oid as old_id, old.nspacl, old.nspowner, new.oid as new_id
      from pg_namespace old, pg_namespace new where old.nspname = ${from} and new.nspname = ${to}
    ), parts as (
      select c.oid, c.relacl, c.relowner, c.relname, case c.relkind when 'S' then 'SEQUENCE' else 'TABLE' end as kind
      from spaces join pg_class c on c.relnamespace = old_id and c.relkind in ('r', 'p', 'v', 'm', 'S')
      where exists (select 1 from pg_class twin where twin.relnamespace = new_id and twin.relname = c.relname)
    )
    select format('GRANT %s ON SCHEMA %I TO %s%s', privilege_type, ${to}::text, ${grantee}, ${option}) as statement
    from spaces, aclexplode(nspacl) where grantee <> nspowner
    union all
    select format('GRANT %s ON %s %I.%I TO %s%s', privilege_type, kind, ${to}::text, relname, ${grantee}, ${option})
    from parts, aclexplode(relacl) where grantee <> relowner
    union all
    select format('GRANT %s (%I) ON TABLE %I.%I TO %s%s', privilege_type, attname, ${to}::text, relname, ${grantee}, ${option})
    from parts join pg_attribute a on a.attrelid = parts.oid and not a.attisdropped, aclexplode(a.attacl)
    where grantee <> relowner and exists (
      select 1 from spaces join pg_class twin on twin.relnamespace = new_id and twin.relname = parts.relname
      join pg_attribute b on b.attrelid = twin.oid and b.attname = a.attname and not b.attisdropped)
    union all
    select format('ALTER DEFAULT PRIVILEGES FOR ROLE %I IN SCHEMA %I GRANT %s ON %s TO %s%s',
      pg_get_userbyid(defaclrole), ${to}::text, privilege_type, kind, ${grantee}, ${option})
    from spaces join pg_default_acl on defaclnamespace = old_id
      join (values ('r', 'TABLES'), ('S', 'SEQUENCES'), ('f', 'FUNCTIONS'), ('T', 'TYPES')) as kinds(letter, kind)
        on letter = defaclobjtype::text, aclexplode(defaclacl)
    where pg_has_role(defaclrole, 'MEMBER')`.execute(trx)
  for (const { statement } of rows) await sql.raw(statement).execute(trx)
}
