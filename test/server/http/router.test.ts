/** The router: matching of paths and parameters, and the methods that a path allows. */
import { describe, expect, test } from 'bun:test'
import { openRouter } from '../../../src/server/http/router.ts'
import type { Route } from '../../../src/server/http/routes.ts'

const row = (method: Route['method'], path: string): Route => ({
  method,
  path,
  guard: 'none',
  handler: () => new Response(),
})
const router = openRouter([
  row('GET', '/'),
  row('GET', '/tokens'),
  row('DELETE', '/tokens/current'),
  row('DELETE', '/tokens/:id'),
  row('GET', '/runs/:id/log'),
  row('POST', '/runs/:id/log'),
])

describe('the router', () => {
  test.each<[method: string, path: string, row: string | undefined, params?: Record<string, string>]>([
    ['GET', '/', '/'],
    ['GET', '', undefined],
    ['GET', '/tokens', '/tokens'],
    ['HEAD', '/tokens', '/tokens'],
    ['GET', '/tokens/', undefined],
    ['GET', '//tokens', undefined],
    ['POST', '/tokens', undefined],
    ['get', '/tokens', undefined],
    ['GET', '/%74okens', '/tokens'],
    ['DELETE', '/tokens/current', '/tokens/current'],
    ['DELETE', '/tokens/curren%74', '/tokens/current'],
    ['DELETE', '/tokens/tok_1', '/tokens/:id', { id: 'tok_1' }],
    ['DELETE', '/tokens/', undefined],
    ['DELETE', '/tokens/:id', '/tokens/:id', { id: ':id' }],
    ['DELETE', '/tokens/a%2Fb', '/tokens/:id', { id: 'a/b' }],
    ['DELETE', '/tokens/a%zz', '/tokens/:id', { id: 'a%zz' }],
    ['DELETE', '/tokens/a/b', undefined],
    ['GET', '/runs/run_1/log', '/runs/:id/log', { id: 'run_1' }],
    ['GET', '/runs//log', undefined],
    ['GET', '/runs/__proto__/log', '/runs/:id/log', { id: '__proto__' }],
  ])('%s %s', (method, path, wanted, params = {}) => {
    const found = router.find(method, path)
    expect(found?.route.path).toBe(wanted)
    if (found !== undefined) expect({ ...found.params }).toEqual(params)
  })

  test('says which methods a path has', () => {
    expect(router.methods('/runs/1/log')).toEqual(['GET', 'HEAD', 'POST'])
    expect(router.methods('/nothing')).toEqual([])
  })
})
