import { expect, test } from 'vitest'
import { parseS3Uri } from './location.js'

test.each([
  ['s3://b/x', /^"s3:\/\/b\/x" lies in no bucket: "b" is none of S3's names$/],
  ['s3://-bucket', /"-bucket" is none/],
  ['/tmp/x', /^"\/tmp\/x" does not lie in S3$/],
])('%s names no place in S3, and why', (uri, message) => {
  expect(() => parseS3Uri(uri)).toThrow(message)
})
