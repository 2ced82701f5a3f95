/** The words for on and off that variables and settings accept. */
import { describe, expect, test } from 'bun:test'
import { readSwitch } from '../../src/platform/parse-boolean-words.ts'

describe('readSwitch', () => {
  test.each([
    [['1', 'true', 'yes', 'on', 'TRUE', 'Yes', 'oN'], true],
    [['0', 'false', 'no', 'off', 'FALSE', 'No', 'oFF'], false],
    [['', ' ', 'y', 'n', 'tru', '2', '-1', 'yes please', 'true\n', 'constructor'], undefined],
  ])('%j says %p', (words, on) => {
    for (const word of words) expect([word, readSwitch(word)]).toEqual([word, on])
  })
})
