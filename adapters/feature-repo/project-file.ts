import { readFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { z } from 'zod'
import { MillcourseError } from '../../core/errors.js'

const projectFile = z.strictObject({
  project: z.string().regex(/^[a-z][a-z0-9_]{0,39}$/, 'lower-case letters, digits and _, at most 40, a letter first'),
})

/** The project's name, which names its schema, its task queue and its tables. @throws MillcourseError REPO_NOT_FOUND, CONFIG_INVALID */
export async function readProject(dir: string): Promise<string> {
  const path = join(resolve(dir), 'millcourse.json')
  const text = await readFile(path, 'utf8').catch((cause: unknown) => {
    throw new MillcourseError('REPO_NOT_FOUND', `${dir} is not a feature repo: it has no millcourse.json`, {
      cause,
      hint: `name the folder with --repo DIR, or make one with \`millcourse init ${dir}\``,
      facts: { path },
    })
  })
  try {
    return projectFile.parse(JSON.parse(text)).project
  } catch (cause) {
    const reason = cause instanceof z.ZodError ? z.prettifyError(cause) : String(cause)
    throw new MillcourseError('CONFIG_INVALID', `${join(dir, 'millcourse.json')}: ${reason}`, {
      cause,
      hint: '{ "project": "flights" }',
      facts: { path },
    })
  }
}
