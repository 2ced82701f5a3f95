/** Skips a test where the real program or service that it needs is missing. */
import { test } from 'bun:test'

/** Set by `scripts/test --quick`. */
const isQuick = process.env.TEST_QUICK === '1'

/**
 * What keeps the tests from a real part, if anything: `look` says what is missing. With `CI` set nothing may be
 * skipped, so then the tests run and fail. `scripts/test --quick` leaves every part out.
 */
export function missingPart(look: () => string | undefined): string | undefined {
  if (isQuick) return 'left out by --quick'
  return process.env.CI ? undefined : look()
}

/** A test that needs a real part. Where that is `missing` it is reported as skipped, with the part's name. */
export function testWith(
  missing: string | undefined,
  title: string,
  run: () => Promise<void>,
  timeoutMs?: number,
): void {
  if (missing === undefined) test(title, run, timeoutMs)
  else test.skip(`${title} (missing here: ${missing})`, run)
}
