/** A real Chromium: where it is, and how the tests start it. */
import { type Browser, chromium } from 'playwright-core'
import { missingPart } from './skip-without-part.ts'

/** The first is the same engine without windows, which starts in a fourth of the time. */
const PROGRAMS = ['chromium-headless-shell', 'chromium', 'chromium-browser', 'google-chrome']

const ARGS = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  // Pictures are smaller, and the same on every machine, without colours at the edges of letters.
  '--disable-lcd-text',
  // Each process and thread more costs as much processor time as a page.
  '--num-raster-threads=1',
  '--process-per-site',
  '--in-process-gpu',
]

const chromiumPath = () => PROGRAMS.map((name) => Bun.which(name)).find((path) => path !== null)

/** The part that is missing here, or undefined. */
export function missingChromium(): string | undefined {
  return missingPart(() => (chromiumPath() === undefined ? 'chromium' : undefined))
}

/** Headless, without anything that talks to the network by itself. `await using` closes it. */
export function launchChromium(): Promise<Browser> {
  return chromium.launch({ executablePath: chromiumPath() ?? 'chromium', args: ARGS })
}
