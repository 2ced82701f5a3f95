/** A browser login through the real Chromium, with the compiled binary. */
import { describe, expect } from 'bun:test'
import { notingBrowser } from '../../support/client/binary-login.ts'
import { start } from '../../support/client/compiled-binary.ts'
import { ADA, startBinaryServer } from '../../support/servers/binary-server.ts'
import { launchChromium, missingChromium } from '../../support/real-parts/chromium.ts'
import { testWith } from '../../support/real-parts/skip-without-part.ts'

describe('a login in Chromium', () => {
  testWith(
    missingChromium(),
    'S195 to S210: sign in, consent, and the page says that the terminal goes on',
    async () => {
      const server = await startBinaryServer()
      const note = notingBrowser()
      const login = start(['auth', 'login', '-s', server.url, '--insecure-storage'], {
        env: { BROWSER: note.command },
      })
      const browser = await launchChromium()
      try {
        const page = await browser.newPage({ viewport: { width: 360, height: 640 } })
        const complaints: string[] = []
        page.on('console', (message) => complaints.push(message.text()))
        page.on('pageerror', (error) => complaints.push(error.message))
        await page.goto(await note.opened())
        await page.getByLabel('E-mail').fill(ADA.email)
        await page.getByLabel('Password').fill(ADA.password)
        await page.keyboard.press('Enter')
        await page.getByRole('button', { name: 'Authorize' }).waitFor()
        expect(await page.locator('main').textContent()).toContain(ADA.email)
        // Nothing of a page is cut off or scrolls sideways at 360 px.
        expect(await page.evaluate('document.documentElement.scrollWidth')).toBeLessThanOrEqual(360)
        await page.getByRole('button', { name: 'Authorize' }).click()
        await page.getByText('✓ Logged in — return to your terminal').waitFor()
        expect(new URL(page.url()).hostname).toBe('127.0.0.1')
        const { code, err } = await login.ended
        expect(code).toBe(0)
        expect(err).toContain(ADA.email)
        // The content security policy stopped nothing, because there was nothing to stop.
        expect(complaints.filter((text) => !text.includes('favicon'))).toEqual([])
      } finally {
        await browser.close()
        await server.stop()
      }
    },
    60_000,
  )
})
