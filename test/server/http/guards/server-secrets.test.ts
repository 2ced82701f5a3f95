/** The server's own secrets over the API: for administrators of the server only, and never with a value. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { type Company, openCompany, type Person } from '../company.ts'

let company: Company
beforeAll(async () => {
  company = await openCompany()
})
afterAll(() => company.stop())

/** What reaches beyond one tenant. */
const REACHING: [method: string, path: string, body: object][] = [
  ['PUT', '/api/secrets/SHARED?scope=server', { value: 'canary-8d2f-value' }],
  ['DELETE', '/api/secrets/SHARED?scope=server', {}],
  ['POST', '/api/secrets/rewrap', {}],
]

describe("the server's own secrets", () => {
  test.each(REACHING)('%s %s is for administrators of the server alone', async (method, path, body) => {
    const status = async (who: Person | undefined) => (await company.ask(who, method, path, { body })).status
    // eve administers another tenant, bob is a member, mia is in both and administers neither.
    expect([await status('eve'), await status('bob'), await status('mia'), await status(undefined)]).toEqual([
      403, 403, 403, 401,
    ])
    expect(await status('ada')).toBeLessThan(300)
  })

  test('no answer about them holds a value', async () => {
    const shared = { body: { value: 'canary-8d2f-value' } }
    await company.ask('ada', 'PUT', '/api/secrets/SHARED?scope=server', shared)
    const { text } = await company.ask('ada', 'GET', '/api/secrets')
    expect(text).toContain('"key":"SHARED"')
    expect(text).not.toContain('canary')
  })

  test('a scope that is not valid is refused', async () => {
    const body = { value: 'a value' }
    const { status } = await company.ask('ada', 'PUT', '/api/secrets/SHARED?scope=everything', { body })
    expect(status).toBe(400)
  })
})
