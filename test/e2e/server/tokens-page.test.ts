/** The page of personal access tokens in Chromium, without scripts: create, show once, revoke. */
import { describe, expect } from 'bun:test'
import { fob } from '../../support/client/compiled-binary.ts'
import { ADA, startBinaryServer } from '../../support/servers/binary-server.ts'
import { launchChromium, missingChromium } from '../../support/real-parts/chromium.ts'
import { testWith } from '../../support/real-parts/skip-without-part.ts'

describe('the tokens page in Chromium', () => {
  testWith(
    missingChromium(),
    'S168, S172: Settings → Security → Personal access tokens → Generate new token, without a script',
    async () => {
      const server = await startBinaryServer()
      const browser = await launchChromium()
      try {
        const context = await browser.newContext({
          viewport: { width: 360, height: 640 },
          javaScriptEnabled: false,
        })
        const page = await context.newPage()
        const complaints: string[] = []
        page.on('console', (message) => complaints.push(message.text()))
        await page.goto(`${server.url}/settings/tokens`)
        await page.getByLabel('E-mail').fill(ADA.email)
        await page.getByLabel('Password').fill(ADA.password)
        await page.keyboard.press('Enter')
        await page.getByRole('link', { name: 'Generate new token' }).waitFor()
        expect(await page.locator('main').textContent()).toContain('Security')
        await page.getByRole('link', { name: 'Generate new token' }).click()
        await page.getByLabel('Name', { exact: true }).fill('From Chromium')
        await page.getByLabel('See runs and their logs').press('Space')
        await page.getByLabel('All, later ones included').check()
        await page.getByLabel('Expires').selectOption('in 7 days')
        await page.getByRole('button', { name: 'Generate token' }).press('Enter')
        const token = await page.getByLabel('From Chromium').inputValue()
        expect(await fob(['runs', 'list', '-s', server.url], { env: { FOB_TOKEN: token } })).toMatchObject({
          code: 0,
          err: '',
        })
        await page.getByRole('link', { name: 'Back to your tokens' }).click()
        await page.getByRole('button', { name: 'Revoke From Chromium' }).waitFor()
        expect(await page.content()).not.toContain(token)
        await page.getByRole('button', { name: 'Revoke From Chromium' }).click()
        await page.getByText('The token was revoked.').waitFor()
        expect((await fob(['runs', 'list', '-s', server.url], { env: { FOB_TOKEN: token } })).code).toBe(4)
        expect(complaints.filter((text) => !text.includes('favicon'))).toEqual([])
      } finally {
        await browser.close()
        await server.stop()
      }
    },
    60_000,
  )
})
