/** Names are given one after the other: where one of them cannot be given, those before it are taken back, the last first. */
import { isMillcourseError, MillcourseError } from '../../core/errors.js'

export type TakeBack = () => Promise<void>

/** @throws whatever `work` throws; where something could not be taken back, that says so */
export async function takingBack(work: (given: TakeBack[]) => Promise<void>): Promise<void> {
  const given: TakeBack[] = []
  try {
    await work(given)
  } catch (error) {
    for (const takeBack of given.toReversed()) {
      try {
        await takeBack()
      } catch (again) {
        throw halfDone(error, again)
      }
    }
    throw error
  }
}

function halfDone(error: unknown, again: unknown): unknown {
  if (!isMillcourseError(error)) return error
  const { facts } = error.detail
  const why = again instanceof Error ? again.message.split('\n')[0] : String(again)
  return new MillcourseError(error.code, `${error.message}; and what was there could not be put back: ${why}`, {
    cause: error,
    hint: 'see what lies there: a set is that of its manifest where output.sha256 is its hash; make the set again with --overwrite',
    ...(facts === undefined ? {} : { facts }),
  })
}
