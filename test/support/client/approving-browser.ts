/** Programs for `$BROWSER`, one of which approves a login. */
import { chmodSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { temporaryFolder } from '../temporary.ts'

/**
 * A `$BROWSER` that behaves like a person who approves at once: it follows the authorize URL to the
 * callback, and leaves the last page's status and text in `report`.
 */
export function scriptedBrowser(): { command: string; report: string } {
  const folder = temporaryFolder()
  const script = join(folder, 'browse.ts')
  const report = join(folder, 'page.txt')
  writeFileSync(
    script,
    `const response = await fetch(process.argv[2] ?? '')
await Bun.write(${JSON.stringify(report)}, response.status + '\\n' + (await response.text()))
`,
  )
  return { command: `"${process.execPath}" "${script}" %s`, report }
}

/** An executable shell script in a folder of its own. */
export function shellScript(body: string): string {
  const path = join(temporaryFolder(), 'script')
  writeFileSync(path, `#!/bin/sh\n${body}\n`)
  chmodSync(path, 0o755)
  return path
}
