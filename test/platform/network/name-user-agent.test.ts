/** Which program a request says it comes from. */
import { describe, expect, test } from 'bun:test'
import { namingUserAgent } from '../../../src/platform/network/name-user-agent.ts'

describe('a request', () => {
  test.each([
    ['names fob, not the library, where nothing else is named', undefined, 'fob/1.2.3'],
    ['keeps its other headers', { accept: 'application/json' }, 'fob/1.2.3'],
    ['keeps a name of its own', { 'User-Agent': 'fob/1.2.3 (build-7)' }, 'fob/1.2.3 (build-7)'],
  ])('%s', async (_title, headers: Record<string, string> | undefined, wanted) => {
    const sent: Headers[] = []
    const fetch = namingUserAgent(async (_url, init) => {
      sent.push(new Headers(init?.headers))
      return new Response()
    }, 'fob/1.2.3')
    await fetch('http://127.0.0.1:1/', headers && { headers })
    expect(sent[0]?.get('user-agent')).toBe(wanted)
    for (const [name, value] of Object.entries(headers ?? {})) expect(sent[0]?.get(name)).toBe(value)
  })
})
