import { expect, test } from 'vitest'
import { checkSourcePath } from '../define/source-path.js'
import { globPattern } from './glob.js'

test('a range of characters from the last to the first is refused: no pattern can be made of it', () => {
  const isRefused = (path: string): boolean => checkSourcePath('source', path).length > 0
  for (const path of ['x/[z-a].parquet', 'x/[!9-0]*.parquet', 'x/[a-cz-b]/{yyyy}/*.parquet']) {
    expect(isRefused(path), path).toBe(true)
    expect(() => globPattern(path.replace('{yyyy}', '2001'))).toThrow(SyntaxError)
  }
  for (const path of ['x/[a-z].parquet', 'x/[!a-]*.parquet', 'x/[-z]*.parquet', 'x/z-a].parquet', 'x/[a-cb-z]/*']) {
    expect(isRefused(path), path).toBe(false)
    expect(globPattern(path)).toBeInstanceOf(RegExp)
  }
})
