/** The HTTP requests of one `fob auth login`, sent by a program that does nothing else. */
import { createHash, randomBytes } from 'node:crypto'
import * as v from 'valibot'
import { FOB_CLI_ID } from '../../../src/contract/cli-oauth-client.ts'
import { ALL_SCOPES } from '../../../src/contract/token-scopes.ts'
import { httpBrowser } from '../../../test/support/servers/http-browser.ts'
import { ADA } from '../api/servers.ts'

const REDIRECT = 'http://127.0.0.1:8765/callback'

/**
 * Sends what the command and its browser send to the server, one after the other: the way to log in, the metadata, the
 * pages of the person, the exchange of the code, the profile.
 * @returns milliseconds
 */
export async function bareLogin(server: string): Promise<number> {
  const started = performance.now()
  await read(`${server}/health`)
  await read(`${server}/.well-known/oauth-authorization-server`)
  const verifier = randomBytes(32).toString('base64url')
  const browser = httpBrowser({ stopAt: REDIRECT })
  const consent = await browser.submit(await browser.open(authorizeUrl(server, verifier)), ADA)
  const { url } = await browser.submit(consent, {}, 'Authorize')
  const body = new URLSearchParams({
    grant_type: 'authorization_code',
    client_id: FOB_CLI_ID,
    redirect_uri: REDIRECT,
    code: url.searchParams.get('code') ?? '',
    code_verifier: verifier,
  })
  const tokens = await read(`${server}/oauth/token`, { method: 'POST', body })
  const { access_token: token } = v.parse(v.object({ access_token: v.string() }), tokens)
  await read(`${server}/api/v1/profile`, { headers: { authorization: `Bearer ${token}` } })
  return performance.now() - started
}

function authorizeUrl(server: string, verifier: string): string {
  const parameters = new URLSearchParams({
    response_type: 'code',
    client_id: FOB_CLI_ID,
    redirect_uri: REDIRECT,
    scope: ['openid', 'offline_access', ...ALL_SCOPES].join(' '),
    prompt: 'consent',
    state: randomBytes(32).toString('base64url'),
    code_challenge: createHash('sha256').update(verifier).digest('base64url'),
    code_challenge_method: 'S256',
  })
  return `${server}/oauth/authorize?${parameters.toString()}`
}

async function read(url: string, init: RequestInit = {}): Promise<unknown> {
  const response = await fetch(url, init)
  if (!response.ok) throw new Error(`${new URL(url).pathname} responded with ${response.status}`)
  return response.json()
}
