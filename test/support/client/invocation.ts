/** What the `run` of a command gets for a command line: read by the same checks and by citty. */
import { type Command, defineCommand, type Invocation, runCommand } from '../../../src/cli/command.ts'
import type { Args } from '../../../src/cli/parsing/argument-definitions.ts'
import { checkArguments } from '../../../src/cli/parsing/check-arguments.ts'
import { fakeDeps } from './fake-deps.ts'

/** @throws Fault what the checks throw */
export async function invocationOf<const A extends Args>(
  args: A,
  argv: readonly string[],
): Promise<Invocation<A>> {
  let given: Invocation<A> | undefined
  const command: Command = defineCommand({
    meta: { description: 'for the tests', examples: ['fob x'] },
    args,
    run: async (invocation) => {
      given = invocation
    },
  })
  await runCommand(command, checkArguments(command, argv, 'fob x'), { deps: fakeDeps(), root: command })
  if (given === undefined) throw new Error('the command did not run')
  return given
}
