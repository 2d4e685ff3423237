/** What a run takes, is judged by and leaves, and what is decided on it: R21, R26-R28, R34, R37. */
import { type Mutation, mutationsOf } from './mutation.js'

const times = ['test/reference/times.test.ts']
const plan = ['core/plan/plan.test.ts']
const judge = ['core/judge/judge-profile.test.ts']
const steps = ['test/workflows/decide-steps.test.ts']
const decisions = ['test/contract/ledger-decisions.contract.test.ts']
const ledger = ['test/contract/ledger.contract.test.ts']

const need = 'core/plan/interval-need.ts'
const decide = 'adapters/postgres/decisions.ts'

export const mutationsOfRuns: readonly Mutation[] = [
  ...mutationsOf('R21', times, [
    {
      breaks: 'a row at the end belongs to the run',
      file: 'core/compute/interval-query.ts',
      before: "operation('<', column(eventColumn), literal(interval.end))",
      after: "operation('<=', column(eventColumn), literal(interval.end))",
    },
  ]),
  ...mutationsOf(
    'R21',
    ['core/time/time.property.test.ts'],
    [
      {
        breaks: 'an interval that ends in the future is taken',
        file: 'core/time/interval.ts',
        before: 'if (interval.end > now)',
        after: 'if (interval.start > now)',
      },
      {
        breaks: 'an empty interval is taken',
        file: 'core/time/interval.ts',
        before: "if (interval.start === interval.end) refuse('is empty', 'an interval ends after it starts')",
        after: 'if (interval.start === interval.end) return',
      },
    ],
  ),
  ...mutationsOf('R21', plan, [
    {
      breaks: 'a run with other files is taken for unchanged',
      file: need,
      before: '    previous.inputsHash === now.inputsHash &&\n',
      after: '',
    },
  ]),
  ...mutationsOf('R26', judge, [
    {
      breaks: 'a null rate equal to its limit is held',
      file: 'core/judge/judge-profile.ts',
      before: 'limit != null && observed > limit',
      after: 'limit != null && observed >= limit',
    },
    {
      breaks: 'a finding holds nothing',
      file: 'core/judge/decide-findings.ts',
      before: "findings.some(({ severity }) => severity === 'hold') ||",
      after: '',
    },
  ]),
  ...mutationsOf('R26', steps, [
    {
      breaks: 'what is judged bad is committed',
      file: 'activities/judge-interval.ts',
      before: '    return withoutRows(verdict)\n',
      after: "    return { ...withoutRows(verdict), decision: 'publish' }\n",
    },
  ]),
  ...mutationsOf('R27', plan, [
    {
      breaks: 'changed files re-open nothing',
      file: need,
      before: 'pinned !== null && pinned !== context.inputsHash',
      after: 'pinned !== null && false',
    },
    {
      breaks: 'a failure that has to be fixed is tried again and again',
      file: need,
      before: "errorCodes[errorCode].retry !== 'after-fix'",
      after: 'errorCodes[errorCode] !== undefined',
    },
  ]),
  ...mutationsOf(
    'R27',
    ['core/source/source.test.ts'],
    [
      {
        breaks: 'a file whose last row is at the start of an interval does not touch it',
        file: 'core/source/source-file.ts',
        before: 'file.eventMax >= interval.start',
        after: 'file.eventMax > interval.start',
      },
    ],
  ),
  ...mutationsOf(
    'R27',
    ['test/workflows/plan-steps.test.ts'],
    [
      {
        breaks: 'without a lookback finished intervals are looked at again',
        file: 'activities/plan-tick.ts',
        before: 'if (view.lookback === null) return null',
        after: 'if (view.lookback === null) return range',
      },
      {
        breaks: 'no finished interval is looked at again',
        file: 'activities/plan-tick.ts',
        before: 'return start < range.end ? { start, end: range.end } : null',
        after: 'return null',
      },
    ],
  ),
  ...mutationsOf(
    'R28',
    ['core/publish/publish.test.ts'],
    [
      {
        breaks: 'keys that do not reconcile pass',
        file: 'core/publish/key-counts.ts',
        before: 'if (touched !== counts.published + counts.unchanged + counts.superseded)',
        after: 'if (touched < counts.published)',
      },
    ],
  ),
  ...mutationsOf(
    'R28',
    ['test/reference/interval-rows.test.ts'],
    [
      {
        breaks: 'rejected rows are not read ones',
        file: 'core/compute/interval-query.ts',
        before: "any([isClass('outside'), isClass('replaced')])",
        after: "any([isClass('outside'), isClass('replaced'), isClass('null_key')])",
      },
      {
        breaks: 'null keys of other intervals are rejected, too',
        file: 'core/compute/interval-query.ts',
        before: 'all([nullKey, isHere])',
        after: 'nullKey',
      },
    ],
  ),
  ...mutationsOf('R28', steps, [
    {
      breaks: 'rows that do not reconcile pass',
      file: 'activities/record-run.ts',
      before: 'if (read !== kept + rejectedRows + filtered)',
      after: 'if (read < kept + rejectedRows + filtered)',
    },
  ]),
  ...mutationsOf('R34', steps, [
    {
      breaks: 'each run of a backfill publishes',
      file: 'activities/publish-interval.ts',
      before: "if (run.kind === 'backfill')",
      after: "if (run.kind === 'rerun')",
    },
  ]),
  ...mutationsOf('R37', decisions, [
    {
      breaks: 'a run below the committed one is decided on',
      file: decide,
      before: 'return current.number > run.number ? current.runId : null',
      after: 'return null',
    },
    {
      breaks: 'reject takes the accepted version away',
      file: decide,
      before: "if (currentId !== null) return { kind: 'kept' }\n",
      after: '',
    },
    {
      breaks: 'what is not held is accepted',
      file: decide,
      before: "accept: ['held'],",
      after: "accept: ['held', 'failed', 'not-ready'],",
    },
  ]),
  ...mutationsOf('R37', ledger, [
    {
      breaks: 'a run below the committed one commits over it',
      file: 'adapters/postgres/commits.ts',
      before: 'current !== null && current.number > number)',
      after: 'current !== null && current.number < number)',
    },
    {
      breaks: 'runs of an interval have one number',
      file: 'adapters/postgres/runs.ts',
      before: 'number: sql<number>`held.last_number + 1`',
      after: 'number: sql<number>`held.last_number + 0`',
    },
  ]),
]
