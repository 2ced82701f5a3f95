/** A server with two tenants and four people in different roles, for the tests of access between them. */
import { ALL_SCOPES } from '../../../src/contract/token-scopes.ts'
import { systemClock } from '../../../src/platform/clock.ts'
import { Secret } from '../../../src/redact/secret.ts'
import { administer } from '../../../src/server/administration/open-data-folder.ts'
import { openDatabase } from '../../../src/server/db/open-database.ts'
import { users } from '../../../src/server/db/schema.ts'
import { databasePath } from '../../../src/server/db/database-files.ts'
import { eq } from 'drizzle-orm'
import { type HttpBrowser, httpBrowser, type Page } from '../../support/servers/http-browser.ts'
import { logIn } from '../../support/servers/oauth-login.ts'
import { localAccounts, startServer, type TestServer } from '../../support/servers/test-server.ts'
import { temporaryFolder } from '../../support/temporary.ts'

/** People of two tenants: ada administers `default`, bob is a member; eve administers `acme`; mia is in both. */
export type Person = 'ada' | 'bob' | 'eve' | 'mia'

export interface Company {
  server: TestServer
  /** Asks as a person (or as nobody), with all scopes. */
  ask(
    who: Person | undefined,
    method: string,
    path: string,
    options?: { body?: unknown; tenant?: string; headers?: Record<string, string> },
  ): Promise<{ status: number; text: string; headers: Headers }>
  /** A browser in which the person is logged in, and the page that it then shows. */
  browse(who: Person, path: string): Promise<{ browser: HttpBrowser; page: Page }>
  /** As a provider would at the next login. */
  setGroups(who: Person, groups: { organizations?: string[]; groups?: string[] }): Promise<void>
  stop(): Promise<void>
}

const account = (who: Person) => ({ email: `${who}@company.com`, password: 'correct horse battery' })

export async function openCompany(
  options: { rbac?: string; trustedProxies?: string[] } = {},
): Promise<Company> {
  const dataDir = temporaryFolder()
  await administer({ dataDir, clock: systemClock, create: true }, async ({ accounts, tenants }) => {
    const acme = await tenants.add({ slug: 'acme', name: 'Acme Labs' })
    const password = new Secret(account('ada').password)
    await accounts.addLocal({ email: account('ada').email, password })
    await accounts.addLocal({ email: account('bob').email, password })
    await accounts.addLocal({ email: account('eve').email, password, role: 'admin', tenant: acme })
    const mia = await accounts.addLocal({ email: account('mia').email, password })
    await tenants.setMember({ userId: mia.id, tenantId: acme.id, role: 'viewer' })
  })
  const server = await startServer({ strategy: localAccounts, dataDir, ...options })
  const tokens = new Map<Person, Promise<string>>()
  const scope = ['openid', ...ALL_SCOPES].join(' ')
  const tokenOf = (who: Person): Promise<string> => {
    const known =
      tokens.get(who) ?? logIn(server.url, account(who), scope).then((answer) => answer.access_token)
    tokens.set(who, known)
    return known
  }

  return {
    server,
    async ask(who, method, path, { body, tenant, headers } = {}) {
      const response = await fetch(`${server.url}${path}`, {
        method,
        redirect: 'manual',
        headers: {
          ...(who === undefined ? {} : { authorization: `Bearer ${await tokenOf(who)}` }),
          ...(tenant === undefined ? {} : { 'x-tenant': tenant }),
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
          ...headers,
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      })
      return { status: response.status, text: await response.text(), headers: response.headers }
    },
    async browse(who, path) {
      const browser = httpBrowser()
      await browser.submit(await browser.open(`${server.url}${path}`), account(who), 'Sign in')
      return { browser, page: await browser.open(`${server.url}${path}`) }
    },
    async setGroups(who, groups) {
      const { db, close } = openDatabase(databasePath(dataDir))
      await db
        .update(users)
        .set(groups)
        .where(eq(users.email, account(who).email))
      close()
    },
    stop: () => server.stop(),
  }
}

export const SCRIPT = (words: string) =>
  `const pipeline = async () => { console.log(${JSON.stringify(words)}) }\nexport { pipeline }\n`
