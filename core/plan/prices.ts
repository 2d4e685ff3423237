import { MillcourseError } from '../errors.js'

/** US dollars, as docs/costs.md has them: list prices from memory, to be replaced by those of your region and contract. */
export interface Prices {
  readonly millionWriteUnits: number
  readonly thousandS3Writes: number
  readonly thousandS3Reads: number
}

export const defaultPrices: Prices = { millionWriteUnits: 0.625, thousandS3Writes: 0.005, thousandS3Reads: 0.0004 }

const names: Readonly<Record<string, keyof Prices>> = {
  'write-units': 'millionWriteUnits',
  's3-writes': 'thousandS3Writes',
  's3-reads': 'thousandS3Reads',
}

/** `write-units=0.7,s3-writes=0.005`; what is not named keeps its default. @throws MillcourseError CONFIG_INVALID */
export function parsePrices(text: string): Prices {
  const prices: { -readonly [Field in keyof Prices]: number } = { ...defaultPrices }
  for (const part of text.split(',').map((one) => one.trim())) {
    const [, name = '', number = ''] = /^([a-z0-9-]+)=(\d+(?:\.\d+)?)$/.exec(part) ?? []
    const field = Object.hasOwn(names, name) ? names[name] : undefined
    if (field === undefined)
      throw new MillcourseError('CONFIG_INVALID', `"${part}" is no price`, {
        hint: `write ${Object.keys(names).join('=…, ')}=… with US dollars: a million write units, a thousand requests`,
      })
    prices[field] = Number(number)
  }
  return prices
}
