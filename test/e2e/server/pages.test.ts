/** Every page of the server in Chromium: without scripts, by keyboard, at 360 px, in light and dark. */
import { readdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import type { Page } from 'playwright-core'
import { PICTURE_LIST, renderPictureList } from '../../../scripts/picture-list.ts'
import { ROUTES } from '../../../src/server/http/routes.ts'
import { ADA } from '../../support/servers/binary-server.ts'
import { NARROW, type PageWorld, signIn, startPageWorld } from '../../support/servers/pages-in-chromium.ts'
import { PAGES, type PageVisit } from '../../support/servers/page-list.ts'
import { type AxeJudge, openAxeJudge, seriousFindings } from '../../support/real-parts/axe.ts'
import { missingChromium } from '../../support/real-parts/chromium.ts'
import { testWith } from '../../support/real-parts/skip-without-part.ts'

/** Every page of the binary in Chromium, with scripts switched off, as `support/servers/page-list.ts` lists them. */

const missing = missingChromium()
const WIDE = { width: 1280, height: 800 }
/** What answers programs; every other route is a page, or a step on the way to one. */
const FOR_PROGRAMS =
  /^\/(?:api|oauth|mcp|assets|\.well-known|health|metrics|openapi\.json)(?:\/|$)|^\/runs\/:id\/(?:events|log)$/

let world: PageWorld
const visited = new Set<string>()
beforeAll(async () => {
  if (missing !== undefined) return
  world = await startPageWorld()
  axeJudge = openAxeJudge(world.browser)
}, 60_000)
afterAll(() => world?.stop())

describe('without scripts, by keyboard, at 360 px, in light and dark', () => {
  for (const visit of PAGES) {
    testWith(missing, `${visit.name}: ${visit.about}`, () => look(visit), 60_000)
  }

  testWith(missing, 'and no route of a page was left out', async () => {
    const routes = ROUTES.filter(({ path }) => !FOR_PROGRAMS.test(path)).map(
      ({ method, path }) => `${method} ${path}`,
    )
    expect(routes.length).toBeGreaterThan(10)
    expect(routes.filter((route) => !visited.has(route))).toEqual([])
  })
})

describe('with scripts', () => {
  testWith(
    missing,
    'the link of an invitation opens by itself, and its secret is in no request, in no address bar and no history',
    async () => {
      const page = await world.browser.newPage({ viewport: NARROW })
      const asked: string[] = []
      page.on('request', (request) => asked.push(`${request.url()} ${request.headers()['referer'] ?? ''}`))
      await page.goto(`${world.local.url}/settings/members`)
      await signIn(page, ADA)
      await page.getByLabel('E-mail').fill('dora@example.com')
      await page.getByRole('button', { name: 'Create invitation' }).click()
      const link = await page.getByLabel('Link for').inputValue()
      await page.context().clearCookies()
      await page.goto(`${world.local.url}/`)
      await page.goto(link)
      await page.getByRole('heading', { name: 'You are invited' }).waitFor()
      const secret = link.split('#')[1] ?? ''
      expect(secret).toStartWith('iv_')
      expect(page.url()).toBe(`${world.local.url}/invitation`)
      await page.goBack()
      expect(page.url()).toBe(`${world.local.url}/`)
      // A browser keeps the fragment of what it was told to open to itself.
      expect(asked.filter((text) => text.replace(link, '').includes(secret))).toEqual([])
      await page.close()
    },
    60_000,
  )
})

test('the list of pages names each picture once', () => {
  const names = PAGES.map(({ name }) => name)
  expect(new Set(names).size).toBe(names.length)
})

test('docs/pages.md has a picture of each (take them anew with scripts/pictures)', async () => {
  expect(await Bun.file(PICTURE_LIST).text()).toBe(renderPictureList(PAGES))
  const folder = join(dirname(PICTURE_LIST), 'pages')
  expect(readdirSync(folder).toSorted()).toEqual(PAGES.map(({ name }) => `${name}.png`).toSorted())
})

async function look(visit: PageVisit): Promise<void> {
  const { page, close } = await world.open(visit.who)
  const complaints: string[] = []
  page.on('console', (message) => complaints.push(message.text()))
  page.on('response', (response) => visited.add(routeOf(response.request().method(), response.url())))
  await visit.show(page, world)
  await page.getByRole('heading', { level: 1, name: visit.heading }).waitFor()
  expect(await page.evaluate('document.contentType')).toBe('text/html')

  await judge(page)
  await page.setViewportSize(WIDE)
  await tabThrough(page)
  // A page's own style and icon are all that it may load, and nothing of it may be refused.
  expect(complaints.filter((text) => /policy|refused to/i.test(text))).toEqual([])
  await close()
}

/** Where axe-core looks: it needs timers, which stand still where scripts are off. */
let axeJudge: AxeJudge

/** Nothing scrolls sideways and axe-core has nothing serious to say: each size once, each palette once. */
async function judge(shown: Page): Promise<void> {
  const page = await axeJudge.copyOf(shown)
  for (const [viewport, colorScheme] of [
    [NARROW, 'light'],
    [WIDE, 'dark'],
  ] as const) {
    await page.setViewportSize(viewport)
    await page.emulateMedia({ colorScheme })
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBeLessThanOrEqual(viewport.width)
    expect(await seriousFindings(page)).toEqual([])
  }
}

const CONTROLS = 'a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex="0"]'
const FOCUSABLE = `[...document.querySelectorAll('${CONTROLS}')]
  .filter((e) => !e.disabled && e.tabIndex >= 0 && e.getClientRects().length > 0 && e.checkVisibility())`

/** Tab reaches every control, in the order of the document (radio buttons as one), and each shows where it is. */
async function tabThrough(page: Page): Promise<void> {
  await page.evaluate(`(() => {
    const radios = new Set()
    window.stops = ${FOCUSABLE}.filter((e) => {
      if (e.type !== 'radio') return true
      const group = [...document.querySelectorAll('input[type=radio]')].filter((r) => r.name === e.name)
      return e === (group.find((r) => r.checked) ?? group[0])
    })
    document.activeElement.blur()
    getSelection().removeAllRanges()
  })()`)
  const stops = (await page.evaluate('window.stops.length')) as number
  // What has the focus by itself (autofocus) does not move the place that Tab starts from once it is blurred.
  await page.evaluate(`(() => {
    const start = document.createElement('span')
    start.tabIndex = -1
    document.body.prepend(start)
    start.focus()
    start.remove()
  })()`)
  const seen: unknown[] = []
  for (let i = 0; i < stops; i++) {
    await page.keyboard.press('Tab')
    seen.push(
      await page.evaluate(`(() => {
        const style = getComputedStyle(document.activeElement)
        const at = window.stops.indexOf(document.activeElement)
        return style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2 ? at
          : 'no outline: ' + document.activeElement.outerHTML.slice(0, 200)
      })()`),
    )
  }
  expect(seen).toEqual(Array.from({ length: stops }, (_, i) => i))
}

/** The row of the table that answered, such as `GET /auth/login/:uid`. */
function routeOf(method: string, url: string): string {
  const have = new URL(url).pathname.split('/')
  const row = ROUTES.find(({ method: verb, path }) => {
    const want = path.split('/')
    return (
      verb === method &&
      want.length === have.length &&
      want.every((part, i) => part.startsWith(':') || part === have[i])
    )
  })
  return `${method} ${row?.path ?? 'nothing'}`
}
