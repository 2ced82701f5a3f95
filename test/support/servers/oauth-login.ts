/** A login over HTTP that ends with tokens. */
import { createHash, randomBytes } from 'node:crypto'
import { httpBrowser } from './http-browser.ts'

export interface Tokens {
  access_token: string
  refresh_token: string
  expires_in: number
}

type Account = { email: string; password: string }

const SCOPE =
  'openid offline_access pipelines:read pipelines:write runs:read runs:trigger secrets:read secrets:write'

/** A whole login as `fob-cli` by hand: authorize, sign in, consent, exchange. */
export function logIn(server: string, account: Account, scope = SCOPE): Promise<Tokens> {
  return logInTo(server, account, { id: 'fob-cli', redirect: 'http://127.0.0.1:8765/callback', scope })
}

/** The same of a program that nobody knows: it registers itself first (RFC 7591). */
export async function logInToProgram(server: string, account: Account, scope = SCOPE): Promise<Tokens> {
  const redirect = 'http://127.0.0.1:9999/cb'
  const metadata = {
    client_name: 'Somebody\u2019s tool',
    redirect_uris: [redirect],
    grant_types: ['authorization_code', 'refresh_token'],
  }
  const answer = await fetch(`${server}/oauth/register`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(metadata),
  })
  const { client_id: id } = (await answer.json()) as { client_id: string }
  return logInTo(server, account, { id, redirect, scope })
}

async function logInTo(
  server: string,
  account: Account,
  { id, redirect, scope }: { id: string; redirect: string; scope: string },
): Promise<Tokens> {
  const verifier = randomBytes(32).toString('base64url')
  const query = new URLSearchParams({
    response_type: 'code',
    client_id: id,
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
      client_id: id,
      redirect_uri: redirect,
      code,
      code_verifier: verifier,
    }),
  })
  if (!answer.ok) throw new Error(`the exchange was answered with ${answer.status}`)
  return (await answer.json()) as Tokens
}
