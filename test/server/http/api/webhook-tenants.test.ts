/** The address of a webhook in a tenant other than the default one. */
import { afterAll, beforeAll, expect, test } from 'bun:test'
import { githubHeaders } from '../../../support/servers/webhook-signer.ts'
import { type Company, openCompany, SCRIPT } from '../company.ts'

let company: Company
beforeAll(async () => {
  company = await openCompany()
})
afterAll(() => company.stop())

test('a webhook of another tenant than the default one has the tenant in its address', async () => {
  const body = { source: SCRIPT('words'), filename: 'deploy.ts' }
  await company.ask('ada', 'PUT', '/api/pipelines/deploy', { body })
  await company.ask('eve', 'PUT', '/api/pipelines/deploy', { body })
  const wish = { body: { provider: 'github' } }
  const made = await company.ask('eve', 'PUT', '/api/pipelines/deploy/webhook', wish)
  const { url, secret } = JSON.parse(made.text) as { url: string; secret: string }
  expect(url).toBe(`${company.server.url}/api/webhooks/deploy?tenant=acme`)

  const post = async (target: string) => {
    const headers = githubHeaders('{}', secret, 'g')
    return (await fetch(target, { method: 'POST', headers, body: '{}' })).status
  }
  // That of the default tenant has none, and eve's secret opens none but her own.
  expect(await post(url.replace('?tenant=acme', ''))).toBe(404)
  await company.ask('ada', 'PUT', '/api/pipelines/deploy/webhook', wish)
  expect(await post(url.replace('?tenant=acme', ''))).toBe(401)
  expect(await post(url)).toBe(202)
  expect((await company.ask('ada', 'GET', '/api/runs')).text).toContain('"items":[]')
  expect((await company.ask('eve', 'GET', '/api/runs')).text).toContain('"triggeredBy":"webhook"')
})
