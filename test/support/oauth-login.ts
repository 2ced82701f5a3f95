import { createHash, randomBytes } from 'node:crypto'
import { httpBrowser } from './http-browser.ts'

export interface Tokens {
  access_token: string
  refresh_token: string
  expires_in: number
}

/** A whole login as `fob-cli` by hand: authorize, sign in, consent, exchange. */
export async function logIn(
  server: string,
  account: { email: string; password: string },
  scope = 'openid offline_access pipelines:read pipelines:write runs:read runs:trigger secrets:read secrets:write',
): Promise<Tokens> {
  const verifier = randomBytes(32).toString('base64url')
  const redirect = 'http://127.0.0.1:8765/callback'
  const query = new URLSearchParams({
    response_type: 'code',
    client_id: 'fob-cli',
    redirect_uri: redirect,
    scope,
    state: randomBytes(16).toString('base64url'),
    code_challenge: createHash('sha256').update(verifier).digest('base64url'),
    code_challenge_method: 'S256',
    prompt: 'consent',
  })
  const browser = httpBrowser({ stopAt: redirect })
  const signIn = await browser.open(`${server}/oauth/authorize?${query.toString()}`)
  const consent = await browser.submit(signIn, account)
  const end = await browser.submit(consent, {}, 'Authorize')
  const code = end.url.searchParams.get('code')
  if (code === null) throw new Error(`the login ended at ${end.url.pathname} with ${end.status}`)
  const answer = await fetch(`${server}/oauth/token`, {
    method: 'POST',
    body: new URLSearchParams({
      grant_type: 'authorization_code',
      client_id: 'fob-cli',
      redirect_uri: redirect,
      code,
      code_verifier: verifier,
    }),
  })
  if (!answer.ok) throw new Error(`the exchange was answered with ${answer.status}`)
  return (await answer.json()) as Tokens
}
