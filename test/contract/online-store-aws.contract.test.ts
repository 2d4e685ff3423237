import { describe, expect, test } from 'vitest'
import { onlineStoreContract } from './online-store.contract.js'
import { awsHome } from './online-store-homes.js'

// It costs money and needs an account: only where somebody asks for it.
const isAsked = process.env.MILLCOURSE_TEST_AWS === '1'

if (isAsked) onlineStoreContract('AWS', awsHome)
else
  describe('online store on AWS', () => {
    test('is asked for by MILLCOURSE_TEST_AWS=1', () => {
      expect(isAsked).toBe(false)
    })
  })
