/** Every page of the server, with the way to it. */
import type { Page } from 'playwright-core'
import { notingBrowser } from '../client/binary-login.ts'
import { start } from '../client/compiled-binary.ts'
import { ADA } from './binary-server.ts'
import {
  askForDevice,
  authorizeUrl,
  BOB,
  type PageVisitor,
  type PageWorld,
  signIn,
} from './pages-in-chromium.ts'
import { PIPELINE_PAGES } from './pipeline-page-list.ts'

/**
 * Every page that the server can show, each with the way to it that a person takes: by links, fields and
 * buttons. The tests look at each of them, `scripts/pictures` takes its picture. A new page gets a row here;
 * `test/e2e/server/pages.test.ts` fails on a route of a page that no row comes by.
 */
export interface PageVisit {
  /** Of the picture; small letters and hyphens. */
  name: string
  /** What it shows, for the list of pictures. */
  about: string
  who?: PageVisitor
  /** The `<h1>` that has to be there in the end. */
  heading: string
  show(page: Page, world: PageWorld): Promise<unknown>
}

const button = (page: Page, name: string) => page.getByRole('button', { name, exact: true }).first().click()
const link = (page: Page, name: string) => page.getByRole('link', { name }).first().click()
const at =
  (path: string) =>
  (page: Page, { local }: PageWorld) =>
    page.goto(local.url + path)

async function typeCode(page: Page, { local }: PageWorld, code?: string): Promise<void> {
  await page.goto(`${local.url}/auth/device`)
  await page.getByLabel('Code').fill(code ?? (await askForDevice(local.url)))
  await button(page, 'Continue')
}

async function generate(page: Page, name: string): Promise<void> {
  await page.getByLabel('Name', { exact: true }).fill(name)
  await page.getByLabel('See runs and their logs').check()
  await page.getByLabel('All, later ones included').check()
  await button(page, 'Generate token')
}

async function setForm(page: Page, path: string, selector: string, value: string): Promise<void> {
  await page.evaluate(`for (const e of document.querySelectorAll(${JSON.stringify(selector)}))
    e.value = ${JSON.stringify(value)}`)
  await page.locator(`form[action="${path}"] button`).first().click()
}

const LOGIN: PageVisit[] = [
  { name: 'front', about: 'What a visitor sees first', heading: 'This is a fob server', show: at('/') },
  {
    name: 'login',
    about: 'Login with an account of the server',
    heading: 'Sign in',
    show: at('/settings/'),
  },
  {
    name: 'login-refused',
    about: 'A wrong password',
    heading: 'Sign in',
    async show(page, { local }) {
      await page.goto(`${local.url}/auth/login`)
      await signIn(page, { ...ADA, password: 'not the password' })
      await page.getByRole('alert').waitFor()
    },
  },
  {
    name: 'login-expired',
    about: 'An expired login',
    heading: 'This login has expired',
    show: at('/auth/login/0123456789abcdefghijk'),
  },
  {
    name: 'login-identity-providers',
    about: 'Login with an identity provider',
    heading: 'Sign in',
    show: (page, { providers }) => page.goto(`${providers.url}/settings/sessions`),
  },
  {
    name: 'login-cancelled',
    about: 'A login that was cancelled at the identity provider',
    heading: 'Sign in',
    async show(page, { providers }) {
      await page.goto(`${providers.url}/settings/sessions`)
      providers.github.behaviour.consent = 'deny'
      await link(page, 'Continue with GitHub')
      providers.github.behaviour.consent = 'grant'
      await page.getByRole('alert').waitFor()
    },
  },
  ...['GitHub', 'GitLab', 'Microsoft'].map((provider) => ({
    name: `sessions-${provider.toLowerCase()}`,
    about: `The settings of somebody from ${provider}`,
    heading: 'Sessions',
    async show(page: Page, { providers }: PageWorld) {
      await page.goto(`${providers.url}/settings/sessions`)
      await link(page, `Continue with ${provider}`)
    },
  })),
  {
    name: 'consent',
    about: 'Consent to a login of the command line',
    who: 'ada',
    heading: 'Authorize access',
    show: (page, { local }) => page.goto(authorizeUrl(local.url)),
  },
  {
    name: 'consent-registered',
    about: 'Consent to a program that registered itself',
    heading: 'Authorize access',
    async show(page, { local }) {
      const answer = await fetch(`${local.url}/oauth/register`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({
          client_name: 'An MCP host',
          redirect_uris: ['http://127.0.0.1:33418/callback'],
        }),
      })
      const { client_id: clientId } = (await answer.json()) as { client_id: string }
      await page.goto(authorizeUrl(local.url, clientId, 33_418))
      await signIn(page, BOB)
    },
  },
  {
    name: 'consent-denied',
    about: 'A login to the pages that was not finished',
    heading: 'You are not logged in',
    show: at('/auth/return?error=access_denied'),
  },
  {
    name: 'logged-in',
    about: 'What the command line shows in the browser at the end of a login',
    who: 'ada',
    heading: 'Logged in',
    async show(page, { local }) {
      const note = notingBrowser()
      const running = start(['auth', 'login', '-s', local.url, '--insecure-storage'], {
        env: { BROWSER: note.command },
      })
      await page.goto(await note.opened())
      await button(page, 'Authorize')
      await running.ended
    },
  },
  {
    name: 'protocol-error',
    about: 'A login request that is not valid',
    heading: 'This login cannot go on',
    show: at('/oauth/authorize?client_id=nobody'),
  },
]

const DEVICE: PageVisit[] = [
  {
    name: 'device-code',
    about: 'Where the code of a device is typed',
    heading: 'Log in a device',
    show: at('/auth/device'),
  },
  {
    name: 'device-wrong-code',
    about: 'A wrong code',
    heading: 'Log in a device',
    async show(page, world) {
      await typeCode(page, world, 'BCDF-GHJK')
      await page.getByRole('alert').waitFor()
    },
  },
  {
    name: 'device-confirm',
    about: 'The device that asks',
    heading: 'Is this your device?',
    show: (page, world) => typeCode(page, world),
  },
  {
    name: 'device-denied',
    about: 'A device that was refused',
    heading: 'Nothing was authorized',
    async show(page, world) {
      await typeCode(page, world)
      await button(page, 'Cancel')
    },
  },
  {
    name: 'device-consent',
    about: 'Consent to a device',
    heading: 'Authorize access',
    async show(page, world) {
      await typeCode(page, world)
      await button(page, 'Continue')
      await signIn(page, ADA)
    },
  },
  {
    name: 'device-done',
    about: 'The device is logged in',
    who: 'ada',
    heading: 'Your device is logged in',
    async show(page, world) {
      await typeCode(page, world)
      await button(page, 'Continue')
      await button(page, 'Authorize')
    },
  },
]

const CAROL = { email: 'carol@example.com', password: 'carols own password' }

/** The links that Ada has created, by the slug of the tenant. */
const links = new Map<string, string>()

async function createInvitation(page: Page, { local }: PageWorld, tenant: string, email = ''): Promise<void> {
  await page.goto(`${local.url}/settings/members?tenant=${tenant}`)
  await page.getByLabel('E-mail').fill(email)
  await button(page, 'Create invitation')
  links.set(tenant, await page.getByLabel('Link for').inputValue())
}

async function openInvitation(page: Page, { local }: PageWorld, link: string): Promise<void> {
  await page.goto(`${local.url}/invitation?other=yes`)
  await page.getByLabel('Link or code').fill(link)
  await button(page, 'Open')
}

async function openAsCarol(page: Page, world: PageWorld): Promise<void> {
  await openInvitation(page, world, links.get('acme-labs') ?? '')
  await link(page, 'Log in with a password')
  await signIn(page, CAROL)
  await page.getByRole('button', { name: 'Accept as' }).waitFor()
}

const INVITATIONS: PageVisit[] = [
  {
    name: 'invitation-created',
    about: 'The link of an invitation, shown once',
    who: 'ada',
    heading: 'Your invitation',
    async show(page, world) {
      await createInvitation(page, world, 'acme-labs')
      await createInvitation(page, world, 'default', CAROL.email)
    },
  },
  {
    name: 'invitations',
    about: 'Invitations that can be accepted',
    who: 'ada',
    heading: 'Members of',
    show: at('/settings/members'),
  },
  {
    name: 'invitation-open',
    about: 'Where the link of an invitation leads without scripts',
    heading: 'Open an invitation',
    show: at('/invitation'),
  },
  {
    name: 'invitation-refused',
    about: 'An invitation that there is not',
    heading: 'Open an invitation',
    async show(page, world) {
      await openInvitation(page, world, 'iv_of_another_server')
      await page.getByRole('alert').waitFor()
    },
  },
  {
    name: 'invitation',
    about: 'An invitation for an e-mail that has no account yet',
    heading: 'You are invited',
    show: (page, world) => openInvitation(page, world, links.get('default') ?? ''),
  },
  {
    name: 'invitation-joined',
    about: 'An invitation accepted by choosing a password',
    heading: 'You are a member',
    async show(page, world) {
      await openInvitation(page, world, links.get('default') ?? '')
      await page.getByLabel('Password', { exact: true }).fill(CAROL.password)
      await page.getByLabel('Password again').fill(CAROL.password)
      await button(page, 'Accept and create the account')
    },
  },
  {
    name: 'invitation-accept',
    about: 'An invitation in the browser of somebody who is logged in',
    heading: 'You are invited',
    show: openAsCarol,
  },
  {
    name: 'invitation-accepted',
    about: 'An invitation accepted by somebody who was logged in',
    heading: 'You are a member',
    async show(page, world) {
      await openAsCarol(page, world)
      await page.getByRole('button', { name: 'Accept as' }).click()
    },
  },
]

const SETTINGS: PageVisit[] = [
  {
    name: 'sessions',
    about: 'Sessions',
    who: 'ada',
    heading: 'Sessions',
    show: at('/settings'),
  },
  {
    name: 'sessions-ended',
    about: 'All other browsers signed out',
    who: 'ada',
    heading: 'Sessions',
    async show(page, world) {
      await page.goto(`${world.local.url}/settings/sessions`)
      await button(page, 'Sign out all other browsers')
      await page.getByRole('status').waitFor()
    },
  },
  {
    name: 'tokens-none',
    about: 'No token yet',
    who: 'ada',
    heading: 'Personal access tokens',
    show: at('/settings/tokens'),
  },
  {
    name: 'tokens-new',
    about: 'Generate new token',
    who: 'ada',
    heading: 'Generate new token',
    show: at('/settings/tokens/new'),
  },
  {
    name: 'tokens-new-refused',
    about: 'A new token that was refused',
    who: 'ada',
    heading: 'Generate new token, again',
    async show(page, { local }) {
      await page.goto(`${local.url}/settings/tokens/new`)
      await page.getByLabel('Name', { exact: true }).fill('Nightly')
      await button(page, 'Generate token')
    },
  },
  {
    name: 'tokens-created',
    about: 'The new token, shown once',
    who: 'ada',
    heading: 'Your new token',
    async show(page, { local }) {
      await page.goto(`${local.url}/settings/tokens`)
      await link(page, 'Generate new token')
      await generate(page, 'Nightly')
    },
  },
  {
    name: 'tokens',
    about: 'Personal access tokens',
    who: 'ada',
    heading: 'Personal access tokens',
    show: at('/settings/tokens'),
  },
  {
    name: 'tokens-revoked',
    about: 'A token that was revoked',
    who: 'ada',
    heading: 'Personal access tokens',
    async show(page, { local }) {
      await page.goto(`${local.url}/settings/tokens`)
      await page.getByRole('button', { name: 'Revoke Nightly' }).click()
      await page.getByRole('status').waitFor()
    },
  },
  {
    name: 'password',
    about: 'Changing one’s own password',
    who: 'ada',
    heading: 'Password',
    show: at('/settings/password'),
  },
  {
    name: 'password-refused',
    about: 'A current password that is not right',
    who: 'ada',
    heading: 'Password',
    async show(page, { local }) {
      await page.goto(`${local.url}/settings/password`)
      await page.getByLabel('Current password').fill('not the password')
      await page.getByLabel('New password', { exact: true }).fill('a new password')
      await page.getByLabel('New password again').fill('a new password')
      await button(page, 'Change password')
      await page.getByRole('alert').waitFor()
    },
  },
  {
    name: 'password-elsewhere',
    about: 'The password of somebody from a provider',
    heading: 'Password',
    async show(page, { providers }) {
      await page.goto(`${providers.url}/settings/password`)
      await link(page, 'Continue with GitHub')
    },
  },
  {
    name: 'tenants',
    about: 'Memberships',
    who: 'ada',
    heading: 'Tenants',
    show: at('/settings/tenants'),
  },
  {
    name: 'tenants-added',
    about: 'A tenant that was added',
    who: 'ada',
    heading: 'Tenants',
    async show(page, { local }) {
      await page.goto(`${local.url}/settings/tenants`)
      await page.getByLabel('Slug').fill('acme-labs')
      await page.getByLabel('Name').fill('Acme Labs')
      await button(page, 'Add tenant')
      await page.getByRole('status').waitFor()
    },
  },
  {
    name: 'members',
    about: 'Members of a tenant',
    who: 'ada',
    heading: 'Members of',
    show: at('/settings/members'),
  },
  {
    name: 'members-refused',
    about: 'An unknown member',
    who: 'ada',
    heading: 'Members of',
    async show(page, { local }) {
      await page.goto(`${local.url}/settings/members?tenant=acme-labs`)
      await page.getByLabel('User').fill('nobody')
      await button(page, 'Add member')
      await page.getByRole('alert').waitFor()
    },
  },
  {
    name: 'members-pending',
    about: 'Somebody who becomes a member at the first login',
    who: 'ada',
    heading: 'Members of',
    async show(page, { local }) {
      await page.goto(`${local.url}/settings/members?tenant=acme-labs`)
      await page.getByLabel('User').fill('github:octocat')
      await button(page, 'Add member')
      await page.getByRole('status').waitFor()
    },
  },
  ...INVITATIONS,
  { name: 'audit', about: 'The audit log', who: 'ada', heading: 'Audit log', show: at('/settings/audit') },
  {
    name: 'audit-none',
    about: 'An audit log without matching entries',
    who: 'ada',
    heading: 'Audit log',
    async show(page, { local }) {
      await page.goto(`${local.url}/settings/audit`)
      await page.getByLabel('Action').fill('secret.rm')
      await page.getByLabel('Outcome').selectOption('refused')
      await button(page, 'Show')
    },
  },
  {
    name: 'sign-out',
    about: 'Before signing out',
    who: 'ada',
    heading: 'Sign out',
    show: at('/auth/logout'),
  },
  {
    name: 'signed-out',
    about: 'After signing out',
    heading: 'You are signed out',
    async show(page, { local }) {
      await page.goto(`${local.url}/settings/sessions`)
      await signIn(page, BOB)
      await button(page, 'Sign out')
    },
  },
]

const REFUSALS: PageVisit[] = [
  {
    name: 'not-found',
    about: 'A page that does not exist (404)',
    heading: 'There is no such page',
    show: at('/nothing'),
  },
  {
    name: 'not-allowed',
    about: 'A page for administrators (403)',
    who: 'bob',
    heading: 'That is not allowed',
    show: at('/settings/members'),
  },
  {
    name: 'not-a-member',
    about: 'A tenant of other people (403)',
    who: 'bob',
    heading: 'You are not let in',
    show: at('/settings/tokens?tenant=acme-labs'),
  },
  {
    name: 'form-refused',
    about: 'A form without the value of its session (403)',
    who: 'ada',
    heading: 'That form was not accepted',
    async show(page, { local }) {
      await page.goto(`${local.url}/auth/logout`)
      await setForm(page, '/auth/logout', 'input[name=csrf]', 'x')
    },
  },
  {
    name: 'form-foreign',
    about: 'A form of another website (403)',
    who: 'ada',
    heading: 'That is not allowed',
    async show(page, { local }) {
      const form = `<form method="post" action="${local.url}/auth/logout"><button>Win</button></form>`
      const website = Bun.serve({
        hostname: '127.0.0.1',
        port: 0,
        fetch: () => new Response(form, { headers: { 'content-type': 'text/html' } }),
      })
      await page.goto(website.url.href)
      await button(page, 'Win')
      await website.stop(true)
    },
  },
  {
    name: 'session-ended',
    about: 'A form sent after the end of the session (401)',
    who: 'bob',
    heading: 'You are no longer logged in',
    async show(page, { local }) {
      await page.goto(`${local.url}/auth/logout`)
      await page.context().clearCookies()
      await button(page, 'Sign out')
    },
  },
  {
    name: 'too-many',
    about: 'Too many requests (429)',
    heading: 'Too many requests',
    async show(page, { providers }) {
      const send = () => fetch(`${providers.url}/auth/login/none`, { method: 'POST' })
      while ((await send()).status !== 429);
      await page.goto(`${providers.url}/auth/github`)
    },
  },
]

/** In this order: later ones see what earlier ones made. */
export const PAGES: readonly PageVisit[] = [...LOGIN, ...DEVICE, ...SETTINGS, ...PIPELINE_PAGES, ...REFUSALS]
