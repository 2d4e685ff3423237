import type { IncidentRule } from '../watch/index.js'

/** Where the pages lie in this repository. */
const folder = 'docs/runbooks'

/** What to do about incidents of a rule: a link below `baseUrl`; without one the page's path in the repository. */
export function runbookOf(rule: IncidentRule, baseUrl: string | null): string {
  return `${baseUrl === null ? folder : baseUrl.replace(/\/+$/, '')}/${rule}.md`
}
