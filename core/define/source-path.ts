import type { Problem } from './declare.js'

/** Time tokens a path may have; they stand for the UTC time of a partition. */
export const pathTokens = ['yyyy', 'MM', 'dd', 'HH', 'mm', 'yyyy-MM-dd'] as const

const schemes = ['s3://', 'file:///']

export function checkSourcePath(who: string, path: unknown): Problem[] {
  const refuse = (message: string, hint: string): Problem[] => [
    { code: 'DEFINE_INVALID', message: `${who}: path ${message}`, hint, facts: { path: String(path) } },
  ]
  if (typeof path !== 'string' || path.trim() === '')
    return refuse('is missing', 'flights/date={yyyy-MM-dd}/hour={HH}/*.parquet')
  const scheme = /^[a-z0-9+.-]+:\/\//i.exec(path)?.[0]
  if (scheme && !schemes.some((known) => path.startsWith(known)))
    return refuse(
      `begins with ${scheme}, which is not read`,
      `begin with ${schemes.join(' or ')}, or lie below the source root`,
    )
  if (!scheme && (path.startsWith('/') || path.includes('\\')))
    return refuse(`"${path}" is absolute without a scheme`, `file://${path}`)
  if (path.split('/').includes('..')) return refuse(`"${path}" leaves its root`, 'write it without ..')
  const unknown = [...path.matchAll(/\{([^}]*)\}?/g)].find(([token, inner]) => !token.endsWith('}') || !isToken(inner))
  if (unknown)
    return refuse(
      `has the unknown time token ${unknown[0]}`,
      `the tokens are ${pathTokens.map((token) => `{${token}}`).join(' ')}`,
    )
  const backwards = [...path.matchAll(/\[!?([^\]/]+)\]/g)].flatMap(([, characters]) => backwardsIn(characters!))[0]
  if (backwards !== undefined)
    return refuse(`has the characters [${backwards}], from the last to the first`, 'write the lower one first: [a-z]')
  return []
}

/** Ranges of characters that hold none; read as a pattern reads them. */
function backwardsIn(characters: string): string[] {
  return [...characters.matchAll(/(.)-(.)/gs)].flatMap(([range, from, to]) => (from! > to! ? [range] : []))
}

function isToken(text: string | undefined): boolean {
  return pathTokens.some((token) => token === text)
}
