/** The settings of retention: ages and sizes, and the texts that are refused. */
import { describe, expect, test } from 'bun:test'
import { readSettings } from '../../../src/server/settings/settings.ts'

const read = (flags: Record<string, string>, file?: unknown) => readSettings({ flags, env: {}, file })

describe('how long what runs leave is kept', () => {
  const DAY_MS = 24 * 60 * 60_000

  test.each<[string, string, number]>([
    ['keep-logs', '90d', 90 * DAY_MS],
    ['keep-logs', '1h', DAY_MS / 24],
    ['keep-logs', '90m', DAY_MS / 16],
    ['keep-logs', 'forever', Infinity],
    ['keep-runs', '7d', 7 * DAY_MS],
    ['keep-runs', 'forever', Infinity],
    ['keep-logs-size', '10GiB', 10 * 1024 ** 3],
    ['keep-logs-size', '500MB', 500_000_000],
    ['max-log-size', '1mib', 1024 ** 2],
    ['max-log-size', '2TB', 2 * 1000 ** 4],
  ])('--%s %s', (name, text, value) => {
    const key = {
      'keep-logs': 'keepLogsMs',
      'keep-runs': 'keepRunsMs',
      'keep-logs-size': 'keepLogsBytes',
      'max-log-size': 'maxLogBytes',
    }[name]
    for (const { keep } of [read({ [name]: text }), read({}, { [name.replaceAll('-', '_')]: text })]) {
      expect(Object.entries(keep).filter(([, given]) => given !== undefined)).toEqual([[key ?? '', value]])
    }
  })

  test.each([
    ['keep-logs', '0'],
    ['keep-logs', '0d'],
    ['keep-logs', '59m'],
    ['keep-logs', '30s'],
    ['keep-logs', '90'],
    ['keep-logs', '-1d'],
    ['keep-logs', '1.5d'],
    ['keep-logs', 'never'],
    ['keep-logs', '999999999d'],
    ['keep-runs', '6d'],
    ['keep-runs', '0'],
  ])('--%s %s is refused', (name, value) => {
    expect(() => read({ [name]: value })).toThrow(`--${name} takes a time such as`)
  })

  test.each(['0', '10', '999KB', '-1GB', 'forever', '1e9MB', '1PB', '999999999TB'])(
    '%s is no size for logs',
    (value) => {
      for (const name of ['keep-logs-size', 'max-log-size']) {
        expect(() => read({ [name]: value })).toThrow(`--${name} takes a size such as`)
      }
    },
  )
})
