/** A search for planted values in files. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { formsOf } from '../../../src/redact/secret-forms.ts'
import { Secret } from '../../../src/redact/secret.ts'

/** Each `file: form` of a canary, in any encoding, in the files of a folder. Empty is what is hoped for. */
export function findCanaries(folder: string, canaries: readonly string[]): string[] {
  const forms = new Set(canaries.flatMap((canary) => [...formsOf(new Secret(canary))]))
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) =>
    entry.isFile(),
  )
  if (files.length === 0) throw new Error(`there is no file in ${folder}`)
  return files.flatMap(({ parentPath, name }) => {
    // One byte a character, as forms are.
    const bytes = readFileSync(join(parentPath, name), 'latin1')
    // In the database text also stands within JSON.
    return [...forms]
      .filter((form) => bytes.includes(form) || bytes.includes(JSON.stringify(form).slice(1, -1)))
      .map((form) => `${name}: ${form}`)
  })
}
