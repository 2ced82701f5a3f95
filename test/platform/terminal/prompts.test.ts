/** Prompts without a terminal: nothing is asked, and nothing waits. */
import { describe, expect, test } from 'bun:test'
import { confirm, password } from '../../../src/platform/terminal/prompts.ts'

describe('prompts', () => {
  test('without a terminal nothing is asked and nothing waits', async () => {
    const context = { interactive: false, signal: new AbortController().signal }
    expect(await confirm('sure?', context)).toEqual({ status: 'no_terminal' })
    expect(await password('password', context)).toEqual({ status: 'no_terminal' })
  })
})
