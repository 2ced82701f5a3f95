/** The parts of attacks on the authorization server. */
import { createHash, randomBytes } from 'node:crypto'
import { Secret } from '../../../src/redact/secret.ts'
import { ADA, type BinaryServer, startBinaryServer } from '../servers/binary-server.ts'
import { type HttpBrowser, httpBrowser, type Page } from '../servers/http-browser.ts'
import {
  startServerWithIdentityProviders,
  type ServerWithIdentityProviders,
} from '../servers/server-with-identity-providers.ts'

/**
 * What an attack is made of: the binary with two tenants, the binary with identity providers, and codes to misuse.
 */

/** Administers the tenant `acme`, and belongs to no other. */
export const EVE = { email: 'eve@acme.example', password: 'eves own password' }
export const REDIRECT = 'http://127.0.0.1:8765/callback'

export interface Target {
  local: BinaryServer
  providers: ServerWithIdentityProviders
  stop(): Promise<void>
}

export async function startTarget(): Promise<Target> {
  const local = await startBinaryServer({
    setUp: async ({ accounts, tenants }) => {
      const tenant = await tenants.add({ slug: 'acme', name: 'acme' })
      const password = new Secret(EVE.password)
      await accounts.addLocal({ email: EVE.email, password, tenant, role: 'admin' })
    },
  })
  const providers = await startServerWithIdentityProviders()
  return {
    local,
    providers,
    async stop() {
      await local.stop()
      await providers.stop()
    },
  }
}

export interface Attempt {
  url: string
  verifier: string
  state: string
}

/** An authorize request; a parameter that is undefined is left out. */
export function attempt(server: string, params: Record<string, string | undefined> = {}): Attempt {
  const verifier = randomBytes(32).toString('base64url')
  const state = randomBytes(16).toString('base64url')
  const all = {
    response_type: 'code',
    client_id: 'fob-cli',
    redirect_uri: REDIRECT,
    state,
    code_challenge: createHash('sha256').update(verifier).digest('base64url'),
    code_challenge_method: 'S256',
    ...params,
  }
  const given = Object.entries(all).filter((pair): pair is [string, string] => pair[1] !== undefined)
  return { url: `${server}/oauth/authorize?${new URLSearchParams(given).toString()}`, verifier, state }
}

export interface Code {
  code: string
  verifier: string
  /** Where the browser was sent to with it. */
  answer: URL
  browser: HttpBrowser
}

/** A code that Ada has consented to. */
export async function getCode(server: string): Promise<Code> {
  const { url, verifier } = attempt(server)
  const browser = httpBrowser({ stopAt: REDIRECT })
  const consent = await browser.submit(await browser.open(url), ADA)
  const { url: answer } = await browser.submit(consent, {}, 'Authorize')
  return { code: answer.searchParams.get('code') ?? '', verifier, answer, browser }
}

export interface Answer {
  status: number
  body: Record<string, string>
}

export async function askToken(server: string, fields: Record<string, string | undefined>): Promise<Answer> {
  const given = Object.entries(fields).filter((pair): pair is [string, string] => pair[1] !== undefined)
  const body = new URLSearchParams(given)
  const answer = await fetch(`${server}/oauth/token`, { method: 'POST', body })
  return { status: answer.status, body: (await answer.json()) as Record<string, string> }
}

export function redeem(
  server: string,
  { code, verifier }: Code,
  more: Record<string, string | undefined> = {},
): Promise<Answer> {
  return askToken(server, {
    grant_type: 'authorization_code',
    client_id: 'fob-cli',
    redirect_uri: REDIRECT,
    code,
    code_verifier: verifier,
    ...more,
  })
}

/** The status that the API answers to this bearer token. */
export async function believed(server: string, token: string): Promise<number> {
  const headers = { authorization: `Bearer ${token}` }
  return (await fetch(`${server}/api/v1/profile`, { headers })).status
}

/** A browser in which Ada is logged in on our own pages. */
export async function adasBrowser(server: string): Promise<{ browser: HttpBrowser; page: Page }> {
  const browser = httpBrowser()
  await browser.submit(await browser.open(`${server}/settings/sessions`), ADA)
  return { browser, page: await browser.open(`${server}/settings/sessions`) }
}
