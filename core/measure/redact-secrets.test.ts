import { describe, expect, test } from 'vitest'
import { redactSecrets } from './index.js'

const secrets: readonly (readonly [what: string, text: string, secret: string])[] = [
  ['a URL with a password', 'connect postgresql://ml:hunter2@db:5432/x', 'hunter2'],
  ['a URL with a password and no user', 'redis://:hunter2@cache:6379', 'hunter2'],
  ['a URL that begins as the example does', 'postgresql://user:password@host:5432/database:hunter2@db/x', 'hunter2'],
  ['a signed URL', 'GET https://b.s3.amazonaws.com/k?X-Amz-Signature=0badc0de&X-Amz-Date=1', '0badc0de'],
  ['its session', 'https://b/k?a=1&X-Amz-Security-Token=FwoGZXIvYXdz%2Fabc', 'FwoGZXIvYXdz'],
  ['an access key id', 'key AKIAIOSFODNN7EXAMPLE is not known', 'AKIAIOSFODNN7EXAMPLE'],
  ['a role’s key id', 'ASIAIOSFODNN7EXAMPLE', 'ASIAIOSFODNN7EXAMPLE'],
  ['a bearer token', 'authorization header "Bearer abc.def-ghi"', 'abc.def-ghi'],
  [
    'an AWS authorization header',
    'AWS4-HMAC-SHA256 Credential=AKID/2026/us, Signature=fe5f80f77d5fa3beca038a24',
    'fe5f80f77d5fa',
  ],
  ['a basic authorization', 'authorization: Basic bWw6aHVudGVyMg==', 'bWw6aHVudGVyMg'],
  ['a webhook secret', 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw', 'MfKQ9r8GKYqr'],
  ['a JSON web token', 'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.dozjgNryP4J3jVmN', 'dozjgNryP4J3jVmN'],
  ['a field of an object', JSON.stringify({ secretAccessKey: 'wJalrXUtnFEMI' }), 'wJalrXUtnFEMI'],
  ['a field of an object inside a string', JSON.stringify({ m: JSON.stringify({ apiKey: 'k-123 456' }) }), 'k-123 456'],
  ['a variable', 'MILLCOURSE_WEBHOOK_SECRET=tops3cret next', 'tops3cret'],
  ['a connection string', "host=db password='hun ter2' user=ml", 'hun ter2'],
  ['a DuckDB secret', "CREATE SECRET (TYPE s3, KEY_ID 'x', SECRET_ACCESS_KEY: 'wJalr')", 'wJalr'],
  [
    'the canonical request of a signature that does not match',
    "should have been 'POST\n/\n\nhost:dynamodb\nx-amz-security-token:FwoG//ZXIv+YXdz==\n\nhost'",
    'FwoG//ZXIv',
  ],
  ['a header of a key', 'x-api-key: k-123456', 'k-123456'],
  ['a list of tokens', 'MILLCOURSE_API_TOKENS=abcdef', 'abcdef'],
  ['its later ones', 'MILLCOURSE_API_TOKENS=abcdef,ghijkl next', 'ghijkl'],
  ['a list of tokens in an object', JSON.stringify({ tokens: ['abcdef', 'ghijkl'], kept: 1 }), 'abcdef'],
  ['the later ones in an object', "{ tokens: [ 'abcdef', 'ghijkl' ] }", 'ghijkl'],
  ['a secret in DuckDB’s own form', "(TYPE s3, KEY_ID 'x', SECRET 'wJalrXUtnFEMI', REGION 'r')", 'wJalrXUtnFEMI'],
  ['a session token in DuckDB’s own form', "SECRET 'a', SESSION_TOKEN 'FwoGZX''Iv/Yx'", 'Iv/Yx'],
  ['such a statement, cut off', "CREATE SECRET s (TYPE s3, SECRET 'wJalrXUt", 'wJalrXUt'],
  ['a webhook of Slack', 'POST https://hooks.slack.com/services/T00/B00/XXXXyyyy failed', 'XXXXyyyy'],
  ['a password with a slash', 'postgres://user:p%40ss/word@db', 'word'],
  ['a password with an @', 'connect postgresql://u:S3cr@t!@db/x', 't!'],
  ['a user with an @', 'postgresql://u@tenant:hunter2@db/x', 'hunter2'],
  ['a password with a quote', JSON.stringify({ password: 'hun"ter2' }), 'ter2'],
  ['a password that is a number', JSON.stringify({ password: 271828 }), '271828'],
  ['a password whose quote is not closed', 'password="hunter2', 'hunter2'],
  ['a private key', '-----BEGIN PRIVATE KEY-----\nMIIEvQIBADAN\n-----END PRIVATE KEY-----', 'MIIEvQIBADAN'],
]

describe('redactSecrets', () => {
  test.each(secrets)('hides %s', (_what, text, secret) => {
    expect(text).toContain(secret)
    expect(redactSecrets(text)).not.toContain(secret)
    expect(redactSecrets(JSON.stringify({ msg: text, error: { message: text } }))).not.toContain(secret)
  })

  test.each(secrets)('JSON with %s stays JSON', (_what, text) => {
    const line = JSON.stringify({ msg: text, facts: { a: text, url: text }, after: 'kept' })
    expect(JSON.parse(redactSecrets(line))).toMatchObject({ after: 'kept' })
  })

  test('hides once', () => {
    const hidden = redactSecrets('GET /k?X-Amz-Security-Token=FwoG&a=1 password=x')
    expect(hidden).toBe('GET /k?X-Amz-Security-Token=[redacted]&a=1 password=[redacted]')
    expect(redactSecrets(hidden)).toBe(hidden)
  })

  test.each([
    ['Authorization: Bearer abc.def-123]', 'Authorization: [redacted]'],
    ['sent Bearer abc.def-123]', 'sent Bearer [redacted]'],
    ['authorization: Basic bWw6aHVudGVyMg==]', 'authorization: [redacted]'],
    ['Authorization: [Bearer abc.def-123]', 'Authorization: [redacted]'],
    ['password=hunter2]', 'password=[redacted]'],
    ['password=[redacted]]', 'password=[redacted]'],
  ])('%s has one bracket: %s', (text, expected) => {
    expect(redactSecrets(text)).toBe(expected)
    expect(redactSecrets(JSON.stringify([text]))).toBe(JSON.stringify([expected]))
  })

  test.each(secrets)('hides %s the same a second time', (_what, text) => {
    expect(redactSecrets(redactSecrets(text))).toBe(redactSecrets(text))
  })

  test('leaves alone what tells no secret', () => {
    for (const text of [
      'run 0192f6c2-7a3e-7000-8000-000000000000 of airport_delays@v1 [2001-01-01T00:00:00Z, 2001-01-01T01:00:00Z)',
      's3://lake/flights/date=2001-01-01/part-7.parquet?versionId=3',
      'postgresql://db:5432/millcourse',
      'write it as postgresql://user:password@host:5432/database; then again',
      '{"keys":["origin"],"etag":"9b2cf535f27731c974343645a3985328"}',
      'no bearer token was sent; basic configuration is enough',
      'GET http://127.0.0.1:8080/v1/online/spending@v1',
      'Unexpected token \'a\', "abc" is not valid JSON',
      '{"msg":"enter password:","after":"kept","secret":null,"tokens":[]}',
      "key 'user_id' of view 'spending'",
      'column "secretary" was DOUBLE, is VARCHAR',
    ])
      expect(redactSecrets(text)).toBe(text)
  })
})
