/**
 * Options that no definition has. The compiler says it first; a repo is loaded without it, and a misspelled check or SLA that was
 * dropped in silence would let pass what it was written to hold.
 */
import type { Problem } from './declare.js'
import { isPlainObject } from './names.js'

/** The options there are: `true` for a value, else those inside it; `each`: any names, and those inside each. */
export type OptionShape = { readonly [option: string]: true | OptionShape | { readonly each: OptionShape } }

export const documentationOptions = { owner: true, description: true, tags: true } as const

/** @param who `view 'orders'`, as the message begins */
export function unknownOptions(who: string, given: unknown, shape: OptionShape, path = ''): Problem[] {
  if (!isPlainObject(given)) return []
  return Object.entries(given).flatMap(([name, value]): Problem[] => {
    const inner = Object.hasOwn(shape, name) ? shape[name] : undefined
    const option = `${path}${name}`
    if (inner === true) return []
    if (inner === undefined)
      return [
        {
          code: 'DEFINE_INVALID',
          message: `${who} has no option '${option}'`,
          hint: `${path === '' ? 'there are' : `${path.slice(0, -1)} has`} ${Object.keys(shape).join(', ')}`,
          facts: { option },
        },
      ]
    if (!isEach(inner)) return unknownOptions(who, value, inner, `${option}.`)
    return Object.entries(isPlainObject(value) ? value : {}).flatMap(([key, one]) =>
      unknownOptions(who, one, inner.each, `${option}.${key}.`),
    )
  })
}

function isEach(shape: OptionShape | { readonly each: OptionShape }): shape is { readonly each: OptionShape } {
  return typeof shape.each === 'object'
}
