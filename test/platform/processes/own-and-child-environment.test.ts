/** The environment of fob: private variables are removed, and every child process gets an explicit environment. */
import { expect, test } from 'bun:test'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { childEnv, takeEnvironment } from '../../../src/platform/processes/own-and-child-environment.ts'

const PRIVATE = {
  FOB_TOKEN: 'canary',
  FOB_SECRETS_SQLITE_PASSPHRASE: 'canary',
  CI_AUTH_TOKEN: 'canary',
  BUN_OPTIONS: '--preload=canary',
  BUN_CONFIG_VERBOSE_FETCH: 'curl',
}
const OTHERS = { PATH: '/usr/bin', CI: 'true', FOBBED: 'x', BUNDLE: 'y' }

test('all variables are read, and the private ones are then gone from the process', () => {
  const env: Record<string, string | undefined> = { ...PRIVATE, ...OTHERS }
  expect(takeEnvironment(env)).toEqual({ ...PRIVATE, ...OTHERS })
  expect(env).toEqual(OTHERS)
})

test('a child gets everything but the private ones', () => {
  expect(childEnv({ ...PRIVATE, ...OTHERS, UNSET: undefined })).toEqual(OTHERS)
})

// Bun.spawn without `env` passes on what the process was started with, deleted variables included.
test('every child process is given its environment', () => {
  const src = join(import.meta.dir, '../../../src')
  const files = readdirSync(src, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ts'))
  const starts = files.flatMap((name) =>
    [...readFileSync(join(src, name), 'utf8').matchAll(/Bun\.spawn(?:Sync)?\([\s\S]{0,600}/g)].map(
      ([text]) => ({
        name,
        hasEnv: /\benv\b|, options\)/.test(text),
      }),
    ),
  )
  expect(starts.length).toBeGreaterThan(3)
  expect(starts.filter(({ hasEnv }) => !hasEnv)).toEqual([])
})
