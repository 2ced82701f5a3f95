import { test } from 'bun:test'

/**
 * A test that needs a real part of the outside world. Where the part is missing it is reported as skipped,
 * with the part's name; with `CI` set it runs all the same, and fails.
 */
export function testWith(
  missing: string | undefined,
  title: string,
  run: () => Promise<void>,
  timeoutMs?: number,
): void {
  if (missing === undefined || process.env.CI) test(title, run, timeoutMs)
  else test.skip(`${title} (missing here: ${missing})`, run)
}

const BROWSERS = ['chromium', 'chromium-browser', 'google-chrome']

/** The path of a Chromium, if there is one. */
export function chromiumPath(): string | undefined {
  return BROWSERS.map((name) => Bun.which(name)).find((path) => path !== null) ?? undefined
}
