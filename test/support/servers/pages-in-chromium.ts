/** Two servers, and a Chromium that opens their pages. */
import { createHash, randomBytes } from 'node:crypto'
import type { Browser, Page } from 'playwright-core'
import { Secret } from '../../../src/redact/secret.ts'
import { ADA, type BinaryServer, startBinaryServer } from './binary-server.ts'
import { launchChromium } from '../real-parts/chromium.ts'
import {
  startServerWithIdentityProviders,
  type ServerWithIdentityProviders,
} from './server-with-identity-providers.ts'

/**
 * The binary twice (accounts of its own; stand-ins of all identity providers), and a Chromium to look at its pages
 * with.
 */
export interface PageWorld {
  local: BinaryServer
  providers: ServerWithIdentityProviders
  browser: Browser
  /**
   * A page without scripts: in the browser of `who`, logged in on the server with accounts of its own, or in a fresh
   * one.
   */
  open(who?: PageVisitor): Promise<{ page: Page; close(): Promise<void> }>
  stop(): Promise<void>
}

/** Ada administers; Bob is a member. */
export type PageVisitor = 'ada' | 'bob'

export const BOB = { email: 'bob@example.com', password: 'bobs own password' }

export const NARROW = { width: 360, height: 640 }

export async function startPageWorld(): Promise<PageWorld> {
  const local = await startBinaryServer({
    setUp: ({ accounts }) => accounts.addLocal({ email: BOB.email, password: new Secret(BOB.password) }),
  })
  const providers = await startServerWithIdentityProviders()
  const browser = await launchChromium()
  /** One page for each visitor and one for strangers: a page of its own for each visit would be a process each. */
  const known = new Map<PageVisitor | undefined, Page>()
  const newPage = async (who: PageVisitor | undefined): Promise<Page> => {
    const page = await browser.newPage({ viewport: NARROW, javaScriptEnabled: false })
    if (who !== undefined) {
      await page.goto(`${local.url}/settings/sessions`)
      await signIn(page, who === 'ada' ? ADA : BOB)
      await page.getByRole('heading', { name: 'Sessions' }).waitFor()
    }
    known.set(who, page)
    return page
  }
  return {
    local,
    providers,
    browser,
    async open(who) {
      const page = known.get(who) ?? (await newPage(who))
      await page.setViewportSize(NARROW)
      if (who === undefined) await page.context().clearCookies()
      return {
        page,
        async close() {
          await page.removeAllListeners(undefined, { behavior: 'wait' })
          await page.goto('about:blank')
        },
      }
    },
    async stop() {
      await browser.close()
      await local.stop()
      await providers.stop()
    },
  }
}

/** Fills in the login page. */
export async function signIn(page: Page, { email, password }: typeof ADA): Promise<void> {
  await page.getByLabel('E-mail').fill(email)
  await page.getByLabel('Password').fill(password)
  await page.getByRole('button', { name: 'Sign in' }).click()
}

/** Where a program sends the browser to log in; without `clientId`, our command line. */
export function authorizeUrl(server: string, clientId = 'fob-cli', port = 8765): string {
  const query = new URLSearchParams({
    response_type: 'code',
    client_id: clientId,
    redirect_uri: `http://127.0.0.1:${port}/callback`,
    state: randomBytes(16).toString('base64url'),
    code_challenge: createHash('sha256').update('v'.repeat(43)).digest('base64url'),
    code_challenge_method: 'S256',
  })
  return `${server}/oauth/authorize?${query.toString()}`
}

/** A device asks to be logged in. @returns the code that a person types */
export async function askForDevice(server: string): Promise<string> {
  const answer = await fetch(`${server}/oauth/device_authorization`, {
    method: 'POST',
    body: new URLSearchParams({ client_id: 'fob-cli' }),
    headers: { 'user-agent': 'fob/0.1.0 (build-host-7)' },
  })
  return ((await answer.json()) as { user_code: string }).user_code
}
