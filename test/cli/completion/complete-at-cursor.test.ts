/** Completion at the cursor: commands, flags, values and looked-up names, each with its description. */
import { describe, expect, test } from 'bun:test'
import { complete, type Completion, type Given } from '../../../src/cli/completion/complete-at-cursor.ts'
import type { Listed } from '../../../src/cli/parsing/argument-definitions.ts'
import { ROOT } from '../../../src/cli/root-command.ts'

/** What is offered for a line that ends at the cursor. */
async function at(line: string, asked: [Listed, Given][] = []): Promise<Completion> {
  const words = line.split(' ').slice(1)
  return complete(words, ROOT, async (what, given) => {
    asked.push([what, given])
    return [{ value: `some-${what}` }, { value: `other-${what}` }]
  })
}
async function wordsAt(line: string): Promise<string[]> {
  const completion = await at(line)
  if (completion.kind !== 'words') throw new Error(`${completion.kind} are offered`)
  return completion.candidates.map(({ value }) => value)
}

describe('at the cursor stands', () => {
  test.each([
    ['a command', 'fob ru', ['run', 'runners', 'runs']],
    ['a command under another', 'fob auth log', ['login', 'logout']],
    ['a command behind a global flag', 'fob -s http://x --debug pipeline un', ['unpause']],
    ['a command that has commands under it', 'fob server service-k', ['service-key']],
    ['a command behind help', 'fob help tenants u', ['use']],
    ['a flag', 'fob runs list --li', ['--limit']],
    ['a flag of every command', 'fob runs list --out', ['--output']],
    ['a flag before the command', 'fob --no', ['--no-input']],
    ['what turns a flag off', 'fob auth login --no', ['--no-browser', '--no-input']],
    ['what removes what a flag sets', 'fob pipeline set x.ts --no-s', ['--no-schedule']],
    ['that only once', 'fob pipeline set x.ts --no-schedule --no-s', []],
    ['nothing that contradicts it', 'fob pipeline set x.ts --no-schedule --sch', []],
    ['a flag again that may be repeated', 'fob pipeline set x.ts --schedule x --sch', ['--schedule']],
    ['not what contradicts that', 'fob pipeline set x.ts --schedule x --no-s', []],
    ['the one value of a flag', 'fob secrets rm X --scope ', ['server']],
    ['a setting of the server', 'fob server --list', ['--listen']],
    ['one of the values of a flag', 'fob pipeline set x.ts --driver d', ['docker']],
    ['one of them behind "="', 'fob runs list --output=t', ['--output=table', '--output=tsv']],
    ['one of them behind another spelling', 'fob runs list -o j', ['json']],
    ['a name, for a flag', 'fob runs list -p s', ['some-pipeline']],
    ['a name, for an argument', 'fob runs show o', ['other-run']],
    ['a name behind a flag with its value', 'fob runs logs -s http://x -f s', ['some-run']],
    ['a name behind --', 'fob runs show -- s', ['some-run']],
    ['a login', 'fob auth switch s', ['some-login']],
    ['a server', 'fob auth token --server s', ['some-server']],
    ['a server behind an older spelling', 'fob auth token --api-url=s', ['--api-url=some-server']],
    ['a shell', 'fob completion f', ['fish']],
  ])('%s: %s', async (_, line, offered) => {
    expect(await wordsAt(line)).toEqual(offered)
  })

  test.each([
    ['a flag that is there already', 'fob runs list --limit 3 --lim'],
    ['a flag that was turned off already', 'fob auth login --no-browser --no-br'],
    ['an older spelling', 'fob secrets rew'],
    ['what nobody knows', 'fob nonsense '],
    ['more arguments than there are', 'fob runs show some-run '],
    ['a command behind a flag of the group’s own', 'fob server --listen 127.0.0.1:1 use'],
    ['another spelling, a plumbing command or an internal one', 'fob __'],
    ['the value of a flag that has none', 'fob runs logs --follow='],
    ['the value of what turns a flag off', 'fob auth login --no-browser='],
    ['the value of no flag', 'fob runs logs --nonsense='],
    ['a value that nobody can know', 'fob runs list --limit '],
    ['a flag behind --', 'fob runs show -- --out'],
    ['what waits for the value of a flag', 'fob runs list --limit --out'],
  ])('nothing for %s: %s', async (_, line) => {
    expect(await wordsAt(line)).toEqual([])
  })

  test.each([
    ['fob pipeline set ', 'files'],
    ['fob pipeline set a.ts --secret-file ', 'files'],
    ['fob server --config=', 'files'],
    ['fob server check --data ', 'folders'],
  ])('paths, which are the shell’s: %s', async (line, kind) => {
    expect((await at(line)).kind).toBe(kind as Completion['kind'])
  })

  test('a flag that may be repeated, again', async () => {
    expect(await wordsAt('fob tokens create x --scope runs:read --sco')).toEqual(['--scope'])
  })

  test('with what it is', async () => {
    const completion = await at('fob runs sto')
    expect(completion).toEqual({
      kind: 'words',
      candidates: [{ value: 'stop', description: 'Stop a run' }],
    })
  })

  test('the flags of a command before those of every command', async () => {
    const flags = await wordsAt('fob runs list --')
    expect(flags.slice(0, flags.indexOf('--server'))).toEqual([
      '--pipeline',
      '--status',
      '--by',
      '--since',
      '--until',
      '--limit',
    ])
  })
})

test('names are looked up where the line says, and only where a name stands', async () => {
  const asked: [Listed, Given][] = []
  await at('fob --url=http://x pipeline run -t acme -c creds.json d', asked)
  expect(asked).toEqual([['pipeline', { server: 'http://x', tenant: 'acme', 'auth-config': 'creds.json' }]])
  asked.length = 0
  await at('fob pipeline run --de', asked)
  expect(asked).toEqual([])
})
