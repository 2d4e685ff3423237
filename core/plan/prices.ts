import { MillcourseError } from '../errors.js'

/** US dollars, as docs/costs.md has them: list prices from memory, to be replaced by those of your region and contract. */
export interface Prices {
  readonly millionWriteUnits: number
  readonly millionReadUnits: number
  readonly thousandS3Writes: number
  readonly thousandS3Reads: number
  /** Moved between S3 and a worker, either way: free within a region. */
  readonly s3Gigabyte: number
  /** Of a worker, for the time in which DuckDB works: one of 2 vCPU and 8 GB. */
  readonly engineHour: number
}

export const defaultPrices: Prices = {
  millionWriteUnits: 0.625,
  millionReadUnits: 0.125,
  thousandS3Writes: 0.005,
  thousandS3Reads: 0.0004,
  s3Gigabyte: 0,
  engineHour: 0.11652,
}

const names: Readonly<Record<string, keyof Prices>> = {
  'write-units': 'millionWriteUnits',
  'read-units': 'millionReadUnits',
  's3-writes': 'thousandS3Writes',
  's3-reads': 'thousandS3Reads',
  's3-gb': 's3Gigabyte',
  'engine-hours': 'engineHour',
}

/** `write-units=0.7,s3-writes=0.005`; what is not named keeps its default. @throws MillcourseError CONFIG_INVALID */
export function parsePrices(text: string): Prices {
  const prices: { -readonly [Field in keyof Prices]: number } = { ...defaultPrices }
  for (const part of text.split(',').map((one) => one.trim())) {
    const [, name = '', number = ''] = /^([a-z0-9-]+)=(\d+(?:\.\d+)?)$/.exec(part) ?? []
    const field = Object.hasOwn(names, name) ? names[name] : undefined
    if (field === undefined)
      throw new MillcourseError('CONFIG_INVALID', `"${part}" is no price`, {
        hint: `write ${Object.keys(names).join('=…, ')}=… with US dollars: a million units, a thousand requests, a GB, an hour`,
      })
    prices[field] = Number(number)
  }
  return prices
}

/** As it is written in `MILLCOURSE_PRICES`. */
export function formatPrices(prices: Prices): string {
  return Object.entries(names)
    .map(([name, field]) => `${name}=${prices[field]}`)
    .join(',')
}
