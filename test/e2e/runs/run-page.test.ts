/** The pages of pipelines and runs in Chromium: live output, search, links to lines, and a server without logins. */
import { afterAll, beforeAll, describe, expect } from 'bun:test'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import axe from 'axe-core'
import type { Browser, BrowserContextOptions, Page } from 'playwright-core'
import { type AxeJudge, openAxeJudge, seriousFindings } from '../../support/real-parts/axe.ts'
import { launchChromium, missingChromium } from '../../support/real-parts/chromium.ts'
import { fob, type Running, start } from '../../support/client/compiled-binary.ts'
import { ADA, startBinaryServer } from '../../support/servers/binary-server.ts'
import { testWith } from '../../support/real-parts/skip-without-part.ts'
import { freePort } from '../../support/free-port.ts'
import { temporaryFolder } from '../../support/temporary.ts'

const missing = missingChromium()

/** Waits for a file that the test makes, so that a run is live for as long as the test looks at it. */
const LIVE = (gate: string) => `
const sh = (name: string, script: string) =>
  runtime.run({ name, command: { path: 'sh', args: ['-c', script] }, allowFailure: true })
const pipeline = async () => {
  console.log('plain \\u001b[1;31mred and bold\\u001b[0m <img src=x onerror=alert(1)>')
  await Promise.all([
    sh('numbers', 'seq 1 100000'),
    sh('gate', 'echo waiting; until [ -e ${gate} ]; do sleep 0.2; done; echo "error: it broke" >&2; exit 3'),
  ])
}
export { pipeline }
`

let server: { url: string; running: Running }
let browser: Browser
let axeJudge: AxeJudge
const folder = temporaryFolder()
const gate = join(folder, 'gate')

beforeAll(async () => {
  if (missing !== undefined) return
  const url = `http://127.0.0.1:${freePort()}`
  const running = start(['server', '--listen', new URL(url).host, '--data', join(folder, 'data')])
  await running.saw('"listening"')
  server = { url, running }
  browser = await launchChromium()
  axeJudge = openAxeJudge(browser)
  const file = join(folder, 'live.ts')
  writeFileSync(file, LIVE(gate))
  const set = await fob(['pipeline', 'set', file, '-s', url])
  if (set.code !== 0) throw new Error(set.err)
})
afterAll(async () => {
  await browser?.close()
  server?.running.child.kill('SIGINT')
  await server?.running.ended
})

type PageOptions = Pick<BrowserContextOptions, 'bypassCSP' | 'javaScriptEnabled'>
const VIEWPORT = { width: 1100, height: 800 }
const pages = new Map<string, Promise<Page>>()

async function openPage(options: PageOptions): Promise<Page> {
  const page = await browser.newPage({ bypassCSP: true, viewport: VIEWPORT, ...options })
  page.on('dialog', () => expect.unreachable('what a run prints was taken for markup'))
  page.on('pageerror', (error) => expect.unreachable(error.message))
  return page
}

/** An empty page, the same one for the same options: each context costs half a second of a core. */
async function withPage<T>(act: (page: Page) => Promise<T>, options: PageOptions = {}): Promise<T> {
  const key = JSON.stringify(options)
  const opening = pages.get(key) ?? openPage(options)
  pages.set(key, opening)
  const page = await opening
  try {
    return await act(page)
  } finally {
    await page.goto('about:blank')
    await page.unrouteAll()
    await page.emulateMedia({ colorScheme: null })
    await page.setViewportSize(VIEWPORT)
  }
}

/** Loads it anew in a window of that size. A page of its own would be a process more. */
async function openAt(page: Page, url: string, viewport: Look['viewport']): Promise<void> {
  await page.goto('about:blank')
  await page.setViewportSize(viewport)
  await page.goto(url)
}

/** In the page itself, with its scripts. */
const liveFindings = async (page: Page) => {
  await page.evaluate(axe.source)
  return await seriousFindings(page)
}

/** In a copy of it, of the same size and colours: for pages that stand still. */
async function findingsOf(page: Page, look: Look): Promise<string[]> {
  const copy = await axeJudge.copyOf(page)
  await copy.setViewportSize(look.viewport)
  await copy.emulateMedia({ colorScheme: look.colorScheme })
  return await seriousFindings(copy)
}
interface Look {
  colorScheme: 'light' | 'dark'
  viewport: { width: number; height: number }
}

/** The elements of the whole page. */
const size = (page: Page) => page.evaluate<number>('document.querySelectorAll("*").length')
const badge = (page: Page, text: string) => page.locator('#run-status', { hasText: text }).waitFor()
/** Whether a person can see all of this line: it is in the log's box, and the box's part is in the window. */
const isSeen = (page: Page, line: string) =>
  page.evaluate<boolean>(`(() => {
    const at = document.querySelector(${JSON.stringify(line)}).getBoundingClientRect()
    const box = document.getElementById('log').getBoundingClientRect()
    return at.top >= Math.max(0, box.top) && at.bottom <= Math.min(innerHeight, box.bottom)
  })()`)
const WINDOWS = [
  { width: 1100, height: 800 },
  { width: 1280, height: 720 },
  { width: 1366, height: 657 },
  { width: 360, height: 640 },
]
const NEWEST = '.block:last-child .line:last-child'
/** Resolves once so many more lines are there. */
const more = async (page: Page) => {
  const number =
    'Number([...document.querySelectorAll(".block")].reduce((n, b) => n + Number(b.dataset.count), 0))'
  const before = await page.evaluate<number>(number)
  await page.waitForFunction(`${number} > ${before + 10}`)
}
let runUrl = ''

describe('the pages of pipelines and runs in Chromium', () => {
  testWith(
    missing,
    'a run is started on its page and followed live: tasks as they go, colours, search, the first error, links to lines',
    () =>
      withPage(async (page) => {
        await page.goto(`${server.url}/pipelines`)
        await page.getByRole('link', { name: 'live' }).click()
        expect(await liveFindings(page)).toEqual([])
        await page.getByText('Run it now').click()
        await page.getByRole('button', { name: 'Run', exact: true }).click()
        await page.waitForURL(/\/runs\/run_/)
        runUrl = page.url()
        await page.locator('#tasks li', { hasText: 'numbers' }).getByText('passed').waitFor()
        await badge(page, 'running')
        expect(await liveFindings(page)).toEqual([])
        // It follows a live run: the end of the log is what is seen.
        await page.locator('.line', { hasText: /^\d+numbers100000$/ }).waitFor()
        expect(await isSeen(page, '.line:last-child')).toBe(true)
        // 100,003 lines, of which the page holds those that can be seen.
        expect(await size(page)).toBeLessThan(10_000)

        await page.getByLabel('Search the log').fill('red and bold')
        await page.getByText('1 found').waitFor()
        await page.getByRole('button', { name: 'Next' }).click()
        const red = page.locator('.line.marked .ansi-red')
        expect(await red.textContent()).toBe('red and bold')
        expect(await page.locator('.line.marked').textContent()).toContain('<img src=x onerror=alert(1)>')

        writeFileSync(gate, '')
        await badge(page, 'passed')
        expect(await page.locator('#tasks li', { hasText: 'gate' }).textContent()).toMatch(
          /failed\s+exit code 3/,
        )
        await page.getByRole('button', { name: 'First error' }).click()
        await page.locator('.line.marked', { hasText: 'error: it broke' }).waitFor()
        await page.getByLabel('Task', { exact: true }).selectOption('gate')
        await page.locator('.line').nth(1).waitFor()
        expect(await page.locator('.line .of').allTextContents()).toEqual(['gate', 'gate'])
      }),
    60_000,
  )

  testWith(missing, 'a link to a line opens there, in a log of 100,000', () =>
    withPage(async (page) => {
      await page.goto(`${runUrl}#L50000`)
      await page.locator('#L50000.marked').waitFor()
      expect(await page.locator('#L50000').isVisible()).toBe(true)
    }),
  )

  testWith(
    missing,
    'what is gone to is inside the window, whatever its size: the first error, what is searched for, a linked line',
    async () => {
      await withPage(async (page) => {
        for (const viewport of WINDOWS) {
          const seen = async (line: string) => {
            await page.locator(line).waitFor()
            expect({ viewport, line, isSeen: await isSeen(page, line) }).toEqual({
              viewport,
              line,
              isSeen: true,
            })
          }
          await openAt(page, `${runUrl}#L60`, viewport)
          await seen('#L60.marked')
          await page.locator('.block').nth(1000).waitFor({ state: 'attached' })
          // As a page that was opened without a line.
          await page.evaluate('document.getElementById("log").scrollTo(0, 0); scrollTo(0, 0)')
          await page.getByRole('button', { name: 'First error' }).click()
          await seen('.marked.stderr')
          await page.evaluate('scrollTo(0, 0)')
          await page.getByLabel('Search the log').fill('77777')
          await page.keyboard.press('Enter')
          await page.locator('.marked', { hasText: '77777' }).waitFor()
          await seen('.marked')
        }
      })
    },
    60_000,
  )

  testWith(
    missing,
    'a run that is followed shows its newest line, and moves neither a page nor a log that somebody has scrolled',
    async () => {
      const never = join(folder, 'goes-on')
      const source = `export const pipeline = async () => {
        const sh = (name: string, script: string) => runtime.run({ name, command: { path: 'sh', args: ['-c', script] } })
        for (let i = 0; i < 30; i++) await sh('short' + i, 'echo short')
        await sh('ticks', 'i=0; until [ -e ${never} ]; do for n in 1 2 3 4 5; do i=$((i+1)); echo tick $i; done; sleep 0.1; done')
      }`
      const file = join(folder, 'ticks.ts')
      writeFileSync(file, source)
      await fob(['pipeline', 'set', file, '-s', server.url])
      const started = await fob(['pipeline', 'run', 'ticks', '--detach', '-o', 'json', '-s', server.url])
      const { id } = JSON.parse(started.out) as { id: string }
      await withPage(async (page) => {
        for (const viewport of WINDOWS) {
          await openAt(page, `${server.url}/runs/${id}`, viewport)
          await page.locator('.line', { hasText: 'tick' }).first().waitFor()
          await more(page)
          expect({ viewport, isSeen: await isSeen(page, NEWEST) }).toEqual({ viewport, isSeen: true })
          await page.evaluate('scrollTo(0, 0)')
          await more(page)
          expect(await page.evaluate<number>('scrollY')).toBe(0)
          await page.getByRole('button', { name: 'Follow' }).click()
          await page.getByRole('button', { name: 'Follow' }).click()
          expect({ viewport, isSeen: await isSeen(page, NEWEST) }).toEqual({ viewport, isSeen: true })
          // By keyboard as well as by wheel.
          await page.locator('#log').focus()
          await page.keyboard.press('PageUp')
          await page.locator('#log-follow[aria-pressed="false"]').waitFor()
        }
      })
      writeFileSync(never, '')
    },
    60_000,
  )

  testWith(
    missing,
    'a run that is watched to its failure says how long it took, task by task, and is resumed without a reload',
    () =>
      withPage(
        async (page) => {
          const until = join(folder, 'fails')
          const source = `export const pipeline = async () => {
            const sh = (name: string, script: string) => runtime.run({ name, command: { path: 'sh', args: ['-c', script] } })
            await sh('first', 'echo no error; echo error: none of this matters')
            const { code } = await sh('second', 'until [ -e ${until} ]; do sleep 0.2; done; echo it is; echo FAIL: the test x; exit 4')
            if (code !== 0) throw new Error('it ended with ' + code)
          }`
          const file = join(folder, 'fails.ts')
          writeFileSync(file, source)
          await fob(['pipeline', 'set', file, '-s', server.url])
          const started = await fob(['pipeline', 'run', 'fails', '--detach', '-o', 'json', '-s', server.url])
          const { id } = JSON.parse(started.out) as { id: string }
          await page.goto(`${server.url}/runs/${id}`)
          await page.locator('#tasks li', { hasText: 'second' }).getByText('running').waitFor()
          await page.getByRole('button', { name: 'Stop' }).waitFor()
          const took = /passed\s+\d\.\d s/
          await page.locator('#tasks li', { hasText: took }).waitFor()
          writeFileSync(until, '')
          await badge(page, 'failed')
          const resume = page.getByRole('button', { name: 'Resume' })
          await resume.waitFor()
          expect(await page.getByRole('button', { name: 'Stop' }).count()).toBe(0)
          expect(await page.locator('#run-facts').textContent()).toMatch(/Took\s+\d/)
          const second = page.locator('#tasks li', { hasText: 'second' })
          expect(await second.textContent()).toMatch(/failed\s+exit code 4,\s+\d/)
          await page.getByRole('button', { name: 'First error' }).click()
          expect(await page.locator('.marked').textContent()).toEndWith('FAIL: the test x')
          await page.reload()
          await page.locator('.line').first().waitFor()
          expect(await second.textContent()).toMatch(/failed\s+exit code 4,\s+\d/)
          expect(await page.locator('#tasks li').count()).toBe(2)
          await resume.click()
          await page.locator('#tasks li').nth(2).waitFor()
        },
        { bypassCSP: false },
      ),
  )

  testWith(
    missing,
    'without a script the same page shows the end of the log, and the way to what came before',
    () =>
      withPage(
        async (page) => {
          await page.goto(runUrl)
          await badge(page, 'passed')
          expect(await page.locator('.log li').last().textContent()).toContain('error: it broke')
          await page.getByRole('link', { name: 'Earlier output' }).click()
          await page.waitForURL(/before=/)
          expect(await page.locator('.log li', { hasText: 'numbers' }).count()).toBeGreaterThan(100)
          expect(await page.content()).not.toContain('<img src=x')
          // Numbers are those of all lines, as with the script.
          const numbered = page.locator('.log li', { hasText: /^\d+numbers\d+$/ }).nth(50)
          const [, number] = /^(\d+)numbers/.exec((await numbered.textContent()) ?? '') ?? []
          expect(Number(number)).toBeGreaterThan(50_000)
          await page.goto(`${page.url()}#L${number}`)
          expect(await isSeen(page, `#L${number}`)).toBe(true)
          const line = await withPage(async (scripted) => {
            await scripted.goto(`${runUrl}#L${number}`)
            return await scripted.locator('.line.marked').textContent()
          })
          expect(await numbered.textContent()).toBe(line)
          expect(await page.getByRole('button', { name: 'Stop' }).count()).toBe(0)
        },
        { javaScriptEnabled: false },
      ),
  )

  testWith(
    missing,
    'colours can be read in light and dark, with a script and without, and are no inline style',
    async () => {
      const source = `export const pipeline = () => {
        for (const text of ['39', '2', '30', '31', '32', '33', '34', '35', '36', '37', '90', '38;5;208', '38;2;9;9;9', '7']) {
          const grounds = ['49', '40', '41', '42', '43', '44', '45', '46', '47', '100', '48;5;208', '48;2;250;250;250']
          console.log(grounds.map((ground) => '\\u001b[' + text + ';' + ground + 'm on ' + ground + '\\u001b[0m').join(' '))
        }
      }`
      const file = join(folder, 'colours.ts')
      writeFileSync(file, source)
      await fob(['pipeline', 'set', file, '-s', server.url])
      const done = await fob(['pipeline', 'run', 'colours', '-s', server.url])
      const [, id] = /Run (run_\S+)/.exec(done.err) ?? []
      const viewport = { width: 1500, height: 900 }
      for (const isScripted of [true, false]) {
        await withPage(async (page) => {
          if (!isScripted) await page.route('**/assets/run.js', (route) => route.abort())
          await openAt(page, `${server.url}/runs/${id}`, viewport)
          await page
            .locator(isScripted ? '.line .ansi-on-red' : '.log li .ansi-on-red')
            .first()
            .waitFor()
          expect(await page.locator('.ansi-on-yellow').count()).toBeGreaterThan(10)
          expect(await page.locator('#log [style]:not(.block)').count()).toBe(0)
          for (const colorScheme of ['light', 'dark'] as const) {
            await page.emulateMedia({ colorScheme })
            expect(await findingsOf(page, { colorScheme, viewport })).toEqual([])
          }
        })
      }
    },
    60_000,
  )

  testWith(
    missing,
    'times are in the zone of the reader, and what is worth copying has a button that works by keyboard and moves nothing',
    async () => {
      // Under the pages' own policy, unlike the other tests here.
      const context = await browser.newContext({ timezoneId: 'America/New_York', viewport: VIEWPORT })
      await context.grantPermissions(['clipboard-read', 'clipboard-write'], { origin: server.url })
      const page = await context.newPage()
      const complaints: string[] = []
      page.on('console', (message) => complaints.push(message.text()))
      await page.goto(runUrl)
      const time = page.locator('#run-facts time').first()
      expect(await time.textContent()).toMatch(/^\d{4}-\d\d-\d\d \d\d:\d\d E[SD]T$/)
      expect(await time.getAttribute('title')).toMatch(/^\d{4}-\d\d-\d\d \d\d:\d\d UTC$/)
      const clipboard = () => page.evaluate<string>('navigator.clipboard.readText()')
      const places = () =>
        page.evaluate<string>(
          'JSON.stringify([...document.querySelectorAll("main *:not(#log *)")].map((e) => e.getBoundingClientRect()))',
        )
      const copy = page.getByRole('button', { name: 'Copy', exact: true }).first()
      const before = await places()
      await copy.focus()
      await page.keyboard.press('Enter')
      await page.getByRole('button', { name: 'Copied' }).waitFor()
      expect(await places()).toBe(before)
      expect(await clipboard()).toBe(new URL(runUrl).pathname.slice('/runs/'.length))
      await page.getByRole('button', { name: 'Copy', exact: true }).last().click()
      expect(await clipboard()).toMatch(/^fob runs logs run_\w+ -f$/)
      await page.getByLabel('Task', { exact: true }).selectOption('gate')
      await page.locator('.line').nth(1).waitFor()
      await page.getByRole('button', { name: 'Copy the log' }).click()
      await page.getByRole('button', { name: 'Copied' }).last().waitFor()
      expect(await clipboard()).toBe('waiting\nerror: it broke\n')

      await page.goto(`${server.url}/runs`)
      const listed = page.locator('.rows time').first()
      expect(await listed.textContent()).toMatch(/^(?:just now|\d+ min\. ago)$/)
      expect(await listed.getAttribute('title')).toMatch(/ E[SD]T, .* UTC$/)
      expect(complaints).toEqual([])
      await context.close()
    },
    60_000,
  )

  testWith(missing, 'without scripts times are in UTC, and there is no button that copies', () =>
    withPage(
      async (page) => {
        await page.goto(runUrl)
        expect(await page.locator('#run-facts time').first().textContent()).toEndWith(' UTC')
        expect(await page.getByRole('button', { name: 'Copy' }).count()).toBe(0)
        expect(await page.locator('.copy').first().isVisible()).toBe(false)
      },
      { javaScriptEnabled: false },
    ),
  )

  testWith(missing, 'runs are filtered, and run again from the list, with axe satisfied in both widths', () =>
    withPage(async (page) => {
      await page.goto(`${server.url}/runs`)
      await page.getByLabel('Pipeline').fill('live')
      await page.getByLabel('Started by').fill('open')
      await page.getByRole('button', { name: 'Show' }).click()
      await page.waitForURL(/pipeline=live.*by=open/)
      for (const width of [360, 1280]) {
        await page.setViewportSize({ width, height: 800 })
        expect(await liveFindings(page)).toEqual([])
        expect(await page.evaluate<number>('document.documentElement.scrollWidth')).toBeLessThanOrEqual(width)
      }
      await page
        .getByRole('button', { name: /^Run again live, run_/ })
        .first()
        .click()
      await page.waitForURL((url) => url.pathname.startsWith('/runs/run_') && url.href !== runUrl)
      await page.getByText('Again', { exact: true }).waitFor()
      await badge(page, 'passed')
      for (const width of [360, 1280]) {
        await page.setViewportSize({ width, height: 800 })
        expect(await liveFindings(page)).toEqual([])
        expect(await page.evaluate<number>('document.documentElement.scrollWidth')).toBeLessThanOrEqual(width)
      }
      await page.goto(`${server.url}/runs?by=nobody`)
      await page.getByRole('link', { name: 'Clear the filters' }).click()
      await page.getByRole('link', { name: 'run_' }).first().waitFor()
    }),
  )

  testWith(missing, 'a pipeline is paused on its page, and unpaused', () =>
    withPage(
      async (page) => {
        await page.goto(`${server.url}/pipelines/live`)
        await page.getByRole('button', { name: 'Pause' }).click()
        await page.getByText('no run starts until').waitFor()
        expect(await page.getByText('Run it now').count()).toBe(0)
        expect((await fob(['pipeline', 'run', 'live', '-s', server.url])).err).toContain('paused')
        await page.getByRole('button', { name: 'Unpause' }).click()
        await page.getByText('Run it now').waitFor()
      },
      { javaScriptEnabled: false },
    ),
  )

  testWith(missing, 'a run is stopped on its page, without a script', async () => {
    const file = join(folder, 'endless.ts')
    writeFileSync(
      file,
      `export const pipeline = () => runtime.run({ name: 'endless', command: { path: 'sleep', args: ['600'] } })`,
    )
    await fob(['pipeline', 'set', file, '-s', server.url])
    const started = await fob(['pipeline', 'run', 'endless', '--detach', '-o', 'json', '-s', server.url])
    const { id } = JSON.parse(started.out) as { id: string }
    await withPage(
      async (page) => {
        await page.goto(`${server.url}/runs/${id}`)
        await page.getByRole('button', { name: 'Stop' }).click()
        const ended = async () => {
          await page.goto(`${server.url}/runs/${id}`)
          return (await page.locator('#run-status').textContent()) === 'stopped'
        }
        const deadline = Date.now() + 10_000
        while (!(await ended())) if (Date.now() > deadline) expect.unreachable('the run was not stopped')
      },
      { javaScriptEnabled: false },
    )
  })

  testWith(
    missing,
    'at 360 px, light and dark, the pages fit and axe finds nothing serious',
    async () => {
      const viewport = { width: 360, height: 640 }
      await withPage(async (page) => {
        for (const path of ['/pipelines', '/pipelines/live', '/runs', new URL(runUrl).pathname]) {
          await openAt(page, server.url + path, viewport)
          for (const colorScheme of ['light', 'dark'] as const) {
            await page.emulateMedia({ colorScheme })
            const width = await page.evaluate<number>('document.documentElement.scrollWidth')
            expect({ path, width }).toEqual({ path, width: 360 })
            expect(await findingsOf(page, { colorScheme, viewport })).toEqual([])
          }
        }
      })
    },
    90_000,
  )

  testWith(missing, 'where people log in, the pages are theirs alone', async () => {
    const own = await startBinaryServer()
    try {
      const page = await openPage({})
      await page.goto(`${own.url}/pipelines`)
      await page.getByLabel('E-mail').fill(ADA.email)
      await page.getByLabel('Password').fill(ADA.password)
      await page.keyboard.press('Enter')
      await page.getByText('There are none yet').waitFor()
      await page.getByText(ADA.email).waitFor()
      const events = await fetch(`${own.url}/runs/run_1/events`, { redirect: 'manual' })
      expect(events.status).toBe(303)
      const forged = await fetch(`${own.url}/pipelines/live`, { method: 'POST', redirect: 'manual' })
      expect(forged.status).toBe(401)
    } finally {
      await own.stop()
    }
  })
})

describe('the pages where nobody logs in', () => {
  testWith(
    missing,
    'take no form from another site, nor one that does not say where it comes from',
    async () => {
      const post = (headers: Record<string, string>) =>
        fetch(`${server.url}/pipelines/live`, {
          method: 'POST',
          redirect: 'manual',
          headers: { ...headers, 'content-type': 'application/x-www-form-urlencoded' },
          body: 'do=run&csrf=&task=&args=',
        }).then(({ status }) => status)
      expect(await post({ origin: 'https://evil.example' })).toBe(403)
      expect(await post({ 'sec-fetch-site': 'cross-site' })).toBe(403)
      expect(await post({})).toBe(403)
      expect(await post({ origin: server.url })).toBe(303)
    },
  )
})
