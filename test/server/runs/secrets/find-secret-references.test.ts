/** The secrets that the source of a script names, also in a hostile source. */
import { expect, test } from 'bun:test'
import { referencedSecrets } from '../../../../src/server/runs/secrets/find-secret-references.ts'

const SOURCES: [source: string, keys: string[]][] = [
  [`env: { A: 'secret:A', B: "secret:B", C: \`secret:C\` }`, ['A', 'B', 'C']],
  [`'secret:A' + 'secret:A'`, ['A']],
  // A reference is a whole literal.
  [`'see secret:A', 'secret:A, too', 'secret:', 'secret:1', "SECRET:A"`, []],
  [`'secret:' + name, \`secret:\${name}\`, \`secret:A\${x}\``, []],
  // Comments
  [`// 'secret:A'\nx('secret:B') // "secret:C"`, ['B']],
  [`/* 'secret:A'\n * don't */ x('secret:B')`, ['B']],
  [`'http://x', 'secret:A'`, ['A']],
  [`'/*', 'secret:A', '*/'`, ['A']],
  [`/* never closed 'secret:A'`, []],
  // Quotes in quotes
  [`"'secret:A'", 'it\\'s', 'secret:B'`, ['B']],
  [`"a\\\\", 'secret:A'`, ['A']],
  [`'not closed\nx("secret:A")`, ['A']],
  // Templates, and code within them
  [`\`it's \${f({ a: 'secret:A' }, \`b \${'secret:B'} c'\`)} don't\`, 'secret:C'`, ['A', 'B', 'C']],
  [`\`'secret:A'\``, []],
  [`{ a: { b: 'secret:A' } } \`\\\` \\\${\` + 'secret:B'`, ['A', 'B']],
  // A regular expression, and a division
  [`x.match(/['"]/), 'secret:A'`, ['A']],
  [`return /[/'"]\\/'/.test('secret:A')`, ['A']],
  [`a / b + 'secret:A' / "c"`, ['A']],
]

test.each(SOURCES)('S64: %s refers to %j', (source, keys) => {
  expect(referencedSecrets(source)).toEqual(keys)
})

test('a hostile source is read once, not again and again', () => {
  const { user, system } = process.threadCpuUsage()
  for (const piece of ["'", '/*', '`${', '/x', '{`', "'\\\\", '//']) referencedSecrets(piece.repeat(300_000))
  const used = process.threadCpuUsage()
  // Processor time: other programs on the machine do not count.
  expect((used.user + used.system - user - system) / 1000).toBeLessThan(2000)
})
