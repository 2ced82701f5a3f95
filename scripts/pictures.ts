/** Takes the pictures of `docs/pages/` again, by the same list that the tests use. */
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import type { Page } from 'playwright-core'
import { startPageWorld } from '../test/support/servers/pages-in-chromium.ts'
import { PAGES } from '../test/support/servers/page-list.ts'
import { withPalette } from './palette.ts'
import { PICTURE_LIST, renderPictureList } from './picture-list.ts'

const FOLDER = resolve(import.meta.dir, '../docs/pages')

/** The first screens of a long list show what it is. */
const MAX_HEIGHT = 1200

/** What differs from run to run: the focus, times, ports, codes, tokens. A picture is to change only when its page does. */
const STEADY = `(() => {
  document.activeElement?.blur()
  const steady = (text) => text
    .replace(/\\d{4}-\\d\\d-\\d\\d \\d\\d:\\d\\d UTC/g, '2026-01-31 17:05 UTC')
    .replace(/127\\.0\\.0\\.1:\\d{4,5}(?!\\/callback)/g, '127.0.0.1:8080')
    .replace(/\\b[B-DF-HJ-NP-TV-XZ]{4}-[B-DF-HJ-NP-TV-XZ]{4}\\b/g, 'WDJB-MJHT')
    .replace(/\\b(ci|iv)_[0-9A-Za-z]{36}/g, (_, kind) => kind + '_' + 'x'.repeat(36))
    .replace(/[0-9a-f]{32}(?![0-9a-f])/g, '0'.repeat(32))
    .replace(/\\b[\\w-]{43}(?![\\w-])/g, 'x'.repeat(43))
    .replace(/\\b(jwt|session) [\\w-]{16,}/g, (_, kind) => kind + ' ' + 'x'.repeat(21))
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT)
  while (walk.nextNode()) walk.currentNode.data = steady(walk.currentNode.data)
  for (const input of document.querySelectorAll('input')) input.value = steady(input.value)
})()`

const world = await startPageWorld()
try {
  mkdirSync(FOLDER, { recursive: true })
  for (const name of readdirSync(FOLDER)) if (name.endsWith('.png')) rmSync(join(FOLDER, name))
  for (const visit of PAGES) {
    const { page, close } = await world.open(visit.who)
    await visit.show(page, world)
    await page.getByRole('heading', { level: 1, name: visit.heading }).waitFor()
    await takePicture(page, join(FOLDER, `${visit.name}.png`))
    await close()
  }
  writeFileSync(PICTURE_LIST, renderPictureList(PAGES))
} finally {
  await world.stop()
}

async function takePicture(page: Page, path: string): Promise<void> {
  const width = (await page.evaluate(`document.body.classList.contains('wide') ? 760 : 480`)) as number
  await page.setViewportSize({ width, height: 400 })
  await page.mouse.move(0, 0)
  await page.evaluate(STEADY)
  const height = (await page.evaluate('document.documentElement.scrollHeight')) as number
  await page.setViewportSize({ width, height: Math.min(height, MAX_HEIGHT) })
  writeFileSync(path, withPalette(await page.screenshot({ animations: 'disabled', caret: 'hide' })))
}
