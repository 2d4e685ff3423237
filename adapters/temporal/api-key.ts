/** An API key in a file can be replaced while processes run: it is read again when the file has changed. */
import { readFileSync, statSync } from 'node:fs'
import { MillcourseError } from '../../core/errors.js'

const variable = 'TEMPORAL_API_KEY_FILE'

/** The key of now, at each call. @throws MillcourseError CONFIG_INVALID at the first call, when there is none; later the last one stays. */
export function apiKeyFromFile(file: string): () => string {
  let key: string | null = null
  let readAs = ''
  return () => {
    try {
      const { mtimeMs, size, ino } = statSync(file)
      const version = `${mtimeMs} ${size} ${ino}`
      if (key !== null && version === readAs) return key
      const found = readFileSync(file, 'utf8').trim()
      if (found === '') throw new Error('it is empty')
      key = found
      readAs = version
    } catch (cause) {
      // In the moment of being replaced it may be gone or empty.
      if (key !== null) return key
      throw new MillcourseError('CONFIG_INVALID', `${variable}: ${file} holds no API key`, {
        cause,
        hint: `let ${variable} name a file with nothing but the key, readable by this process`,
        facts: { variable, file },
      })
    }
    return key
  }
}
