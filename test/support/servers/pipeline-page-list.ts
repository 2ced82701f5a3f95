/** The pages of pipelines and runs, with the way to each. */
import type { Page } from 'playwright-core'
import { ADA } from './binary-server.ts'
import type { PageWorld } from './pages-in-chromium.ts'
import type { PageVisit } from './page-list.ts'

/** The pages about pipelines and runs, for the list of all pages. */

const DEPLOY = `const pipeline = async () => {
  console.log('deploying to', pipelineContext.args[0] ?? 'nowhere')
  const build = runtime.run({ name: 'build', command: { path: 'seq', args: ['1', '5'] } })
  const test = runtime.run({ name: 'test', command: { path: 'sh', args: ['-c', 'echo "error: 1 of 12 failed" >&2; exit 2'] } })
  await Promise.all([build, test])
  if ((await test).code !== 0) throw new Error('the tests do not pass')
}

export { pipeline }
`

const REPORT = `export const pipeline = async () => {
  await runtime.run({ name: 'mail', command: { path: 'true' }, env: { PASSWORD: 'secret:MAIL_PASSWORD' } })
}
`

/** As Ada, through the API. */
async function ask(url: string, method: string, path: string, body: unknown): Promise<void> {
  const send = (target: string, verb: string, sent: unknown, headers: Record<string, string> = {}) =>
    fetch(url + target, {
      method: verb,
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify(sent),
    })
  const login = (await (await send('/api/auth/login', 'POST', ADA)).json()) as { token: string }
  const answer = await send(path, method, body, { authorization: `Bearer ${login.token}` })
  if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`)
}

const button = (page: Page, name: string) => page.getByRole('button', { name, exact: true }).first().click()

/** The run that is newest, once it has ended. */
async function lastRun(page: Page, { local }: PageWorld): Promise<void> {
  const deadline = Date.now() + 20_000
  do {
    await page.goto(`${local.url}/runs`)
    await page.getByRole('link', { name: 'run_' }).first().click()
    await page.locator('#run-status').waitFor()
  } while (!/failed|passed|stopped/.test(await statusOf(page)) && Date.now() < deadline)
}
const statusOf = async (page: Page) => (await page.locator('#run-status').textContent()) ?? ''

export const PIPELINE_PAGES: PageVisit[] = [
  {
    name: 'pipelines-none',
    about: 'No pipeline yet',
    who: 'ada',
    heading: 'Pipelines',
    show: (page, { local }) => page.goto(`${local.url}/pipelines`),
  },
  {
    name: 'pipeline',
    about: 'A pipeline: its runs, its secrets, its source',
    who: 'ada',
    heading: 'deploy',
    async show(page, { local }) {
      await ask(local.url, 'PUT', '/api/pipelines/deploy', {
        source: DEPLOY,
        filename: 'deploy.ts',
        secrets: { DEPLOY_TOKEN: 'a long value' },
      })
      await page.goto(`${local.url}/pipelines`)
      await page.getByRole('link', { name: 'deploy' }).click()
      await page.getByText('Run it now').click()
    },
  },
  {
    name: 'run',
    about: 'A failed run, without scripts',
    who: 'ada',
    heading: 'deploy',
    async show(page, world) {
      await page.goto(`${world.local.url}/pipelines/deploy`)
      await page.getByText('Run it now').click()
      await page.getByLabel('Arguments').fill('staging')
      await button(page, 'Run')
      await lastRun(page, world)
    },
  },
  {
    name: 'run-stopped',
    about: 'A run that was stopped on its page',
    who: 'ada',
    heading: 'slow',
    async show(page, world) {
      await ask(world.local.url, 'PUT', '/api/pipelines/slow', {
        source: `export const pipeline = () => runtime.run({ name: 'wait', command: { path: 'sleep', args: ['60'] } })`,
        filename: 'slow.ts',
      })
      await page.goto(`${world.local.url}/pipelines/slow`)
      await page.getByText('Run it now').click()
      await button(page, 'Run')
      await button(page, 'Stop')
      await lastRun(page, world)
    },
  },
  {
    name: 'pipeline-needs',
    about: 'A pipeline with triggers, and with a secret that is not set',
    who: 'ada',
    heading: 'report',
    async show(page, { local }) {
      await ask(local.url, 'PUT', '/api/pipelines/report', {
        source: REPORT,
        filename: 'report.ts',
        schedules: [{ cron: '0 6 * * 1-5', timeZone: 'Europe/Paris' }],
      })
      await ask(local.url, 'PUT', '/api/pipelines/report/webhook', { provider: 'github' })
      await page.goto(`${local.url}/pipelines/report`)
    },
  },
  {
    name: 'runs',
    about: 'The runs of all pipelines',
    who: 'ada',
    heading: 'Runs',
    show: (page, { local }) => page.goto(`${local.url}/runs`),
  },
  {
    name: 'runs-none',
    about: 'Filters that no run matches',
    who: 'ada',
    heading: 'Runs',
    async show(page, { local }) {
      await page.goto(`${local.url}/runs`)
      await page.getByLabel('Started by').fill('schedule')
      await page.getByLabel('Since').fill('7d')
      await button(page, 'Show')
      await page.getByText('No run matches these filters.').waitFor()
    },
  },
  {
    name: 'run-again',
    about: 'A run that was started again',
    who: 'ada',
    heading: 'deploy',
    async show(page, { local }) {
      await page.goto(`${local.url}/runs?pipeline=deploy`)
      await page
        .getByRole('button', { name: /^Run again deploy/ })
        .first()
        .click()
      await page.waitForURL(/\/runs\/run_/)
    },
  },
  {
    name: 'pipelines',
    about: 'All pipelines, each with its last run',
    who: 'ada',
    heading: 'Pipelines',
    show: (page, { local }) => page.goto(`${local.url}/pipelines`),
  },
  {
    name: 'secrets',
    about: 'The names of secrets, and the form that sets one',
    who: 'ada',
    heading: 'Secrets',
    show: (page, { local }) => page.goto(`${local.url}/secrets`),
  },
  {
    name: 'secrets-set',
    about: 'A secret that was set',
    who: 'ada',
    heading: 'Secrets',
    async show(page, { local }) {
      await page.goto(`${local.url}/secrets`)
      await page.getByLabel('Name', { exact: true }).fill('SLACK_TOKEN')
      await page.getByLabel('Value').fill('a value that nobody sees again')
      await button(page, 'Set secret')
      await page.getByRole('status').waitFor()
      await page.getByText('Delete SLACK_TOKEN').click()
      await page.evaluate('scrollTo(0, 0)')
    },
  },
]
