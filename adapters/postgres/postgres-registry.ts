/**
 * Applied definitions on Postgres. A definition's content holds from one revision until another, so that what was applied when
 * can be told, and a retired view can still be explained with the entity and source it was built from.
 */
import { createHash } from 'node:crypto'
import { type Selectable, sql } from 'kysely'
import { bundleFor } from '../../core/define/bundle.js'
import { canonicalJson, type Json } from '../../core/define/canonical-json.js'
import type {
  Definition,
  FeatureRepo,
  FeatureServiceDefinition,
  FeatureViewDefinition,
} from '../../core/define/definitions.js'
import { didYouMean } from '../../core/define/did-you-mean.js'
import { versionMax } from '../../core/define/names.js'
import { MillcourseError } from '../../core/errors.js'
import type { RegistryWriter } from '../../core/ports/registry.js'
import type { ServingDefinitions } from '../../core/serve/index.js'
import { formatInstant, type Instant } from '../../core/time/instant.js'
import { inTurn } from './apply-turn.js'
import { writeAudit } from './audit.js'
import { BundleCache } from './bundle-cache.js'
import { type Database, type OpenTransaction, type PostgresClient, toJson } from './client.js'
import { createScheduleMarks } from './schedule-marks.js'
import type { DefinitionsTable } from './schema.js'

type Identity = Pick<Selectable<DefinitionsTable>, 'kind' | 'name' | 'version'>

export function createPostgresRegistry(client: PostgresClient): RegistryWriter {
  const bundles = new BundleCache()
  return {
    ...createScheduleMarks(client),
    serverVersion: () =>
      client.query(async (db) => {
        const { rows } = await sql<{ server_version: string }>`show server_version`.execute(db)
        return rows[0]!.server_version
      }),

    inTurn: (work) => inTurn(client, work),

    apply: (repo, { by }) => client.transact((trx) => applyRepo(trx, client.project, repo, by)),

    current: (before) =>
      client.query(async (db) => {
        const revision = await newestRevision(db, before)
        if (revision === 0) return null
        return { revision, repo: toRepo(client.project, await readDefinitions(db, revision)) }
      }),

    view: (name, version) =>
      client.query(async (db) => {
        const newest = await newestRevision(db)
        return bundles.of(newest, name, version, async () => {
          const row = await findView(db, name, version)
          if (row === undefined) throw await unknownView(db, client.project, name, version)
          const lastRevision = row.until_revision === null ? await newestRevision(db) : row.until_revision - 1
          const repo = toRepo(client.project, await readDefinitions(db, lastRevision))
          return bundleFor(repo, row.body as FeatureViewDefinition)
        })
      }),

    service: async (name) =>
      client.query(async (db) => {
        const row = await db
          .selectFrom('definitions')
          .select('body')
          .where('kind', '=', 'service')
          .where('name', '=', name)
          .where('until_revision', 'is', null)
          .orderBy('version', 'desc')
          .limit(1)
          .executeTakeFirst()
        return row?.body.kind === 'service' ? row.body : null
      }),

    viewNames: () =>
      client.query(async (db) => {
        const rows = await db.selectFrom('definitions').select('name').distinct().where('kind', '=', 'view').execute()
        return rows.map(({ name }) => name)
      }),

    serving: () =>
      client.query(async (db) => {
        const revision = await newestRevision(db)
        // What was applied between the two statements is for the next look.
        const rows = await db.selectFrom('definitions').selectAll().where('since_revision', '<=', revision).execute()
        const tables = await db
          .selectFrom('view_versions')
          .select(['view', 'version', 'online_table'])
          .where('online_table', 'is not', null)
          .execute()
        const named = new Map(tables.map((one) => [`${one.view}@v${one.version}`, one.online_table]))
        return servingFrom(client.project, revision, rows, named)
      }),
  }
}

// ── applying ────────────────────────────────────────────────────────────────────────────────────────────────────────────

async function applyRepo(trx: OpenTransaction, project: string, repo: FeatureRepo, by: string) {
  if (repo.project !== project)
    throw new MillcourseError(
      'CONFIG_INVALID',
      `the repo is of project "${repo.project}", the registry of "${project}"`,
      {
        hint: 'check --repo and MILLCOURSE_PROJECT',
      },
    )
  // One apply at a time; readers are not kept waiting.
  await sql`select pg_advisory_xact_lock(hashtextextended(${`millcourse apply ${project}`}, 0))`.execute(trx)
  const former = await newestRevision(trx)
  const before = new Map((await readDefinitions(trx, former)).map((row) => [labelOf(row), row]))
  const after = new Map(definitionsOf(repo).map((definition) => [labelOf(identityOf(definition)), definition]))
  const changed = [...after].filter(([label, definition]) => before.get(label)?.hash !== hashOf(definition))
  const ended = [...before].filter(([label]) => !after.has(label) || changed.some(([one]) => one === label))
  if (changed.length === 0 && ended.length === 0 && former > 0) return { revision: former, isChanged: false }
  const revision = former + 1
  await trx.insertInto('revisions').values({ revision, applied_by: by }).execute()
  await endDefinitions(
    trx,
    ended.map(([, row]) => row),
    revision,
  )
  await insertDefinitions(
    trx,
    changed.map(([, definition]) => definition),
    revision,
  )
  await writeAudit(trx, { by, action: 'apply', subject: `revision ${revision}`, reason: null })
  return { revision, isChanged: true }
}

/** One statement for all of them, as what follows: a first apply brings hundreds. */
async function endDefinitions(trx: OpenTransaction, ended: readonly Identity[], revision: number): Promise<void> {
  if (ended.length === 0) return
  const kinds = sql<string[]>`${ended.map(({ kind }) => kind)}::text[]`
  const names = sql<string[]>`${ended.map(({ name }) => name)}::text[]`
  const versions = sql<number[]>`${ended.map(({ version }) => version)}::integer[]`
  await trx
    .updateTable('definitions')
    .set({ until_revision: revision })
    .where(sql<boolean>`(kind, name, version) in (select * from unnest(${kinds}, ${names}, ${versions}))`)
    .where('until_revision', 'is', null)
    .execute()
}

/** Postgres takes 65,535 parameters in a statement. */
const insertedAtOnce = 1_000

async function insertDefinitions(
  trx: OpenTransaction,
  definitions: readonly Definition[],
  revision: number,
): Promise<void> {
  for (let from = 0; from < definitions.length; from += insertedAtOnce)
    await trx
      .insertInto('definitions')
      .values(
        definitions.slice(from, from + insertedAtOnce).map((definition) => ({
          ...identityOf(definition),
          since_revision: revision,
          hash: hashOf(definition),
          body: toJson(withoutLocation(definition)),
        })),
      )
      .execute()
}

// ── reading ─────────────────────────────────────────────────────────────────────────────────────────────────────────────

/** 0: nothing was applied yet. */
async function newestRevision(db: Database, before?: Instant): Promise<number> {
  const newest = db.selectFrom('revisions').select('revision').orderBy('revision', 'desc').limit(1)
  const isBefore = before === undefined ? null : sql<boolean>`applied_at < ${formatInstant(before)}::timestamptz`
  const row = await (isBefore === null ? newest : newest.where(isBefore)).executeTakeFirst()
  return row?.revision ?? 0
}

/** As they were at that revision. */
async function readDefinitions(db: Database, revision: number) {
  return await db
    .selectFrom('definitions')
    .selectAll()
    .where('since_revision', '<=', revision)
    .where((row) => row.or([row('until_revision', 'is', null), row('until_revision', '>', revision)]))
    .orderBy('name')
    .orderBy('version')
    .execute()
}

/** The applied version comes before retired ones, else the newest. */
async function findView(db: Database, name: string, version: number | undefined) {
  if (version !== undefined && version > versionMax) return undefined
  const named = db.selectFrom('definitions').selectAll().where('kind', '=', 'view').where('name', '=', name)
  return await (version === undefined ? named : named.where('version', '=', version))
    .orderBy((row) => row('until_revision', 'is', null), 'desc')
    .orderBy('version', 'desc')
    .orderBy('since_revision', 'desc')
    .limit(1)
    .executeTakeFirst()
}

async function unknownView(db: Database, project: string, name: string, version: number | undefined) {
  const rows = await db
    .selectFrom('definitions')
    .select(['name', 'version'])
    .where('kind', '=', 'view')
    .where('until_revision', 'is', null)
    .orderBy('name')
    .execute()
  const known = rows.map((row) => `${row.name}@v${row.version}`).join(', ')
  const asked = version === undefined ? name : `${name}@v${version}`
  const near = didYouMean(
    name,
    rows.map((row) => row.name).filter((one) => one !== name),
  )
  return new MillcourseError('REGISTRY_UNKNOWN_VIEW', `there is no view "${asked}" in project "${project}"`, {
    hint: known === '' ? 'nothing is applied yet: millcourse apply' : `${near}applied views are ${known}`,
    facts: { view: asked },
  })
}

function toRepo(project: string, rows: readonly { readonly body: Definition }[]): FeatureRepo {
  const of = <Kind extends Definition['kind']>(kind: Kind) =>
    rows.map((row) => row.body).filter((body): body is Extract<Definition, { kind: Kind }> => body.kind === kind)
  return { project, entities: of('entity'), sources: of('source'), views: of('view'), services: of('service') }
}

type Row = Selectable<DefinitionsTable>

/** @param tables of versions whose first load named one, by `<view>@v<version>` */
function servingFrom(
  project: string,
  revision: number,
  rows: readonly Row[],
  tables: ReadonlyMap<string, string | null>,
): ServingDefinitions {
  const holdsAt = (row: Row, at: number) =>
    row.since_revision <= at && (row.until_revision === null || row.until_revision > at)
  const repos = new Map<number, FeatureRepo>()
  const repoAt = (at: number): FeatureRepo => {
    const repo =
      repos.get(at) ??
      toRepo(
        project,
        rows.filter((row) => holdsAt(row, at)),
      )
    repos.set(at, repo)
    return repo
  }
  const lastOf = (kind: Row['kind']) => {
    const last = new Map<string, Row>()
    for (const row of rows.filter((one) => one.kind === kind)) {
      const known = last.get(labelOf(row))
      if (known === undefined || row.since_revision > known.since_revision) last.set(labelOf(row), row)
    }
    return [...last.values()].sort((a, b) => a.name.localeCompare(b.name) || a.version - b.version)
  }
  const isApplied = (row: Row) => holdsAt(row, revision)
  const bundle = (row: Row) =>
    bundleFor(repoAt(isApplied(row) ? revision : row.until_revision! - 1), row.body as FeatureViewDefinition)
  return {
    project,
    revision,
    views: lastOf('view').map((row) => ({
      definition: bundle(row),
      isApplied: isApplied(row),
      table: tables.get(`${row.name}@v${row.version}`) ?? null,
    })),
    services: lastOf('service').map((row) => ({
      definition: row.body as FeatureServiceDefinition,
      isApplied: isApplied(row),
    })),
  }
}

// ── content ─────────────────────────────────────────────────────────────────────────────────────────────────────────────

/** Entities and sources have no version. */
function identityOf(definition: Definition): Identity {
  const { kind, name } = definition
  return { kind, name, version: 'version' in definition ? definition.version : 0 }
}

function labelOf({ kind, name, version }: Identity): string {
  return JSON.stringify([kind, name, version])
}

function definitionsOf(repo: FeatureRepo): Definition[] {
  return [...repo.entities, ...repo.sources, ...repo.views, ...repo.services]
}

/** Where it was written is no part of what it says. */
function withoutLocation(definition: Definition): Definition {
  return { ...definition, at: null }
}

function hashOf(definition: Definition): string {
  const content = canonicalJson(withoutLocation(definition) as unknown as Json)
  return createHash('sha256').update(content).digest('hex')
}
