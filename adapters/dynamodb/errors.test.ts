import { expect, test } from 'vitest'
import { toOnlineStoreError } from './errors.js'

const denied = (message: string) =>
  toOnlineStoreError(Object.assign(new Error(message), { name: 'AccessDeniedException' }), 'millcourse.shop.v.v1')
const role = 'User: arn:aws:sts::111122223333:assumed-role/worker/1 is not authorized to perform:'

test.each([
  [
    'the tags of a new table',
    `${role} dynamodb:TagResource on resource: arn:aws:dynamodb:eu-central-1:111122223333:table/x because no identity-based policy allows the dynamodb:TagResource action`,
    'grant dynamodb:TagResource on the table',
  ],
  [
    'the key of a table',
    `KMS key access denied error: ${role} kms:Decrypt on resource: arn:aws:kms:eu-central-1:111122223333:key/1`,
    "grant kms:Decrypt on the table's key, by way of DynamoDB",
  ],
])('a denial says what to grant: %s', (_, message, hint) => {
  expect(denied(message)).toMatchObject({ code: 'PUBLISH_ACCESS_DENIED', detail: { hint } })
})

test('a denial that names no action lists what each needs', () => {
  expect(denied('The security token included in the request is invalid').detail.hint).toMatch(
    /GetItem.*PartiQLUpdate.*TagResource.*kms:Decrypt/,
  )
})
