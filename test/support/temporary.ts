/** Temporary folders that are removed when the tests end, after whatever uses them has stopped. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const made: string[] = []
const closers: (() => Promise<void>)[] = []

/** A fresh folder that goes when the tests end. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'fob-test-'))
  made.push(folder)
  return folder
}

/** When the tests end, and before the folders go: for what still works in one. */
export function beforeRemoval(close: () => Promise<void>): void {
  closers.push(close)
}

/** `process.on('exit')` does not come under `bun test`, so the preload calls this after the last test. */
export async function removeTemporaryFolders(): Promise<void> {
  await Promise.all(closers.splice(0).map((close) => close()))
  for (const folder of made.splice(0)) rmSync(folder, { recursive: true, force: true })
}
