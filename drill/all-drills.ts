/** The drills are the files of `drills/`: one more file is one more drill. */
import { readdir } from 'node:fs/promises'
import { MillcourseError } from '../core/errors.js'
import type { Drill } from './drill.js'

const folder = new URL('./drills/', import.meta.url)

/** By name. @throws MillcourseError USAGE where one is not known */
export async function findDrills(names: readonly string[] | 'all'): Promise<Drill[]> {
  const drills = await allDrills()
  if (names === 'all') return drills
  return names.map((name) => {
    const found = drills.find((drill) => drill.name === name)
    if (found) return found
    throw new MillcourseError('USAGE', `there is no drill ${name}`, {
      hint: `all, list, or one of ${drills.map((drill) => drill.name).join(', ')}`,
    })
  })
}

async function allDrills(): Promise<Drill[]> {
  const files = (await readdir(folder)).filter((file) => /\.(ts|js)$/.test(file) && !/\.d\.ts$/.test(file))
  const drills = await Promise.all(
    files.sort().map(async (file) => ((await import(new URL(file, folder).href)) as { readonly drill: Drill }).drill),
  )
  return drills
}
