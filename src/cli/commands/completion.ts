/** `fob completion`: prints the script that makes a shell complete fob. */
import { Fault } from '../../contract/fault.ts'
import { nearest } from '../../contract/nearest-word.ts'
import { defineCommand } from '../command.ts'
import { SCRIPTS, type Shell, SHELLS } from '../completion/shell-scripts.ts'
import type { Deps } from '../deps.ts'
import { alternatives } from '../parsing/check-arguments.ts'

export const command = defineCommand({
  meta: {
    description: 'Print a completion script for your shell',
    details: `For bash, zsh and fish. Completes commands, flags and their values. Names of pipelines, runs, secrets, tokens,
runners and tenants come from your server, with your stored login; a server that takes too long is not waited for.`,
    examples: [
      `echo 'eval "$(fob completion bash)"' >> ~/.bashrc`,
      `echo 'eval "$(fob completion zsh)"' >> ~/.zshrc     # after compinit`,
      'fob completion fish > ~/.config/fish/completions/fob.fish',
    ],
  },
  args: { shell: { type: 'positional', description: SHELLS.join(', '), completes: SHELLS } },
  run: async ({ args }, deps) => printScript({ shell: parseShell(args.shell) }, deps),
})

interface PrintScriptOptions {
  shell: Shell
}

function printScript({ shell }: PrintScriptOptions, { io }: Deps): void {
  io.stdout.write(SCRIPTS[shell])
}

/** @throws Fault `usage` */
function parseShell(text: string): Shell {
  const shell = SHELLS.find((name) => name === text)
  if (shell !== undefined) return shell
  throw new Fault('usage', `fob completion takes ${alternatives(SHELLS)}`, {
    hint: `run fob completion ${nearest(text, SHELLS) ?? SHELLS[0]}`,
  })
}
