import { isErrorCode } from '../errors.js'
import type { Incident, IncidentRule } from '../watch/index.js'
import { errorGuides, page } from './error-guides.js'

/** In the repository, and in the package. */
export const runbookFolder = 'docs/runbooks'

/**
 * The page that says what to do: the code's own, else the rule's.
 * @param baseUrl where the folder is read; null: the page is named by its path
 */
export function runbookOf(rule: IncidentRule, code: string | null, baseUrl: string | null): string {
  const name = code !== null && hasRunbook(code) ? code.toLowerCase() : rule
  return `${baseUrl?.replace(/\/+$/, '') ?? runbookFolder}/${name}.md`
}

/** Of a failed run its code says more than the rule; a source's schema has a page of its own. */
export function incidentRunbook({ rule, facts }: Pick<Incident, 'rule' | 'facts'>, baseUrl: string | null): string {
  return runbookOf(rule, rule === 'failed' && facts.code !== undefined ? String(facts.code) : null, baseUrl)
}

export function hasRunbook(code: string): boolean {
  return isErrorCode(code) && errorGuides[code].runbook === page
}
