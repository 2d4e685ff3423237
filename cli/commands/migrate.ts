import type { CliContext, Report } from '../context.js'
import { plural } from '../output/words.js'

/** For deployments that migrate apart, before the first worker of a release starts; `apply` and workers do the same by themselves. */
export async function migrate(context: CliContext, { check = false }: { readonly check?: boolean }): Promise<Report> {
  const state = await context.migrate({ isCheck: check })
  const { applied, pending, done, newer } = state
  const standing =
    newer.length === 0
      ? `${plural(applied.length, 'migration')} applied`
      : `${plural(applied.length, 'migration')} applied, ${newer.join(', ')} by a later release, which this one works with`
  const what =
    pending.length > 0
      ? `to be applied: ${pending.join(', ')}`
      : done.length > 0
        ? `applied ${done.join(', ')}`
        : 'up to date'
  const text = `${what}; ${standing}`
  return { outcome: pending.length > 0 ? 'failed' : 'done', data: state, text }
}
