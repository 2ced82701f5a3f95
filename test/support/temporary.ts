import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const made: string[] = []

/** A fresh folder that goes when the tests end. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'fob-test-'))
  made.push(folder)
  return folder
}

process.on('exit', () => {
  for (const folder of made) rmSync(folder, { recursive: true, force: true })
})
