/** Registers the search attributes where the server lets us, and says what to run where it does not. Nothing but lists depends on them. */
import { setTimeout as sleep } from 'node:timers/promises'
import { type ConnectionLike, isGrpcServiceError } from '@temporalio/client'
import { defineSearchAttributeKey, type SearchAttributePair } from '@temporalio/common'
import type { FeatureViewDefinition } from '../../core/define/definitions.js'
import { type NotSearchable, searchAttributes } from '../../core/ports/run-control.js'

type Services = Pick<ConnectionLike, 'workflowService'> & {
  readonly operatorService: {
    addSearchAttributes(request: object): Promise<unknown>
  }
}

/** IndexedValueType of Temporal's API, and what its command line calls it. */
const types = { KEYWORD: { number: 2, word: 'Keyword' }, DATETIME: { number: 6, word: 'Datetime' } } as const

/** A server tells its parts of new attributes within seconds; what takes longer is there at the next start. */
const tries = 10
const pauseMs = 300

/** Null: every list can be searched by them. May be repeated, by many processes at once. */
export async function ensureSearchAttributes(server: Services, namespace: string): Promise<NotSearchable | null> {
  const first = await probe(server, namespace)
  if (first === null) return null
  if (first.isAway) return { because: first.because, commands: commandsFor(namespace) }
  const refused = await register(server, namespace)
  for (let tried = 0; tried < tries && refused === null; tried++) {
    if ((await probe(server, namespace)) === null) return null
    await sleep(pauseMs)
  }
  return { because: (refused ?? first).because, commands: commandsFor(namespace) }
}

/** Asks with all of them, which every server understands or refuses, whoever asks. Null: understood. */
async function probe({ workflowService }: Services, namespace: string): Promise<Refused | null> {
  const value = { KEYWORD: "'none'", DATETIME: "'1970-01-01T00:00:00Z'" }
  const query = Object.entries(searchAttributes).map(([name, type]) => `${name} = ${value[type]}`)
  return said(() => workflowService.countWorkflowExecutions({ namespace, query: query.join(' AND ') }))
}

/** Null: done. Temporal Cloud, and a server that guards its operators, refuse. */
async function register({ operatorService }: Services, namespace: string): Promise<Refused | null> {
  const wanted = Object.entries(searchAttributes).map(([name, type]) => [name, types[type].number])
  return said(() => operatorService.addSearchAttributes({ namespace, searchAttributes: Object.fromEntries(wanted) }))
}

interface Refused {
  readonly because: string
  /** It has nothing to say of attributes now. */
  readonly isAway: boolean
}

/** DEADLINE_EXCEEDED, RESOURCE_EXHAUSTED and UNAVAILABLE of gRPC; the credentials are refused in the same way. */
const awayCodes: readonly number[] = [4, 7, 8, 14, 16]

async function said(work: () => Promise<unknown>): Promise<Refused | null> {
  try {
    await work()
    return null
  } catch (error) {
    // Whatever it is, no run may wait for it.
    if (isGrpcServiceError(error)) return { because: error.details, isAway: awayCodes.includes(error.code) }
    return { because: error instanceof Error ? error.message : String(error), isAway: false }
  }
}

function commandsFor(namespace: string): string[] {
  const all = Object.entries(searchAttributes).map(([name, type]) => ({ name, word: types[type].word }))
  const own = all.map(({ name, word }) => `--name ${name} --type ${word}`)
  const cloud = all.map(({ name, word }) => `--sa "${name}=${word}"`)
  return [
    `temporal operator search-attribute create --namespace ${namespace} ${own.join(' ')}`,
    `tcld namespace search-attributes add --namespace ${namespace} ${cloud.join(' ')}`,
  ]
}

const viewKey = defineSearchAttributeKey('MillcourseView', searchAttributes.MillcourseView)
const ownerKey = defineSearchAttributeKey('MillcourseOwner', searchAttributes.MillcourseOwner)
const kindKey = defineSearchAttributeKey('MillcourseKind', searchAttributes.MillcourseKind)

/** Of a Schedule and the ticks that it starts. */
export function scheduleAttributes({ name, owner }: FeatureViewDefinition): SearchAttributePair[] {
  return [
    { key: viewKey, value: name },
    ...(owner === null ? [] : [{ key: ownerKey, value: owner }]),
    { key: kindKey, value: 'scheduled' },
  ]
}
