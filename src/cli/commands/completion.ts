import { Fault } from '../../contract/fault.ts'
import { nearest } from '../../contract/nearest-word.ts'
import { defineCommand } from '../command.ts'
import { SCRIPTS, SHELLS } from '../completion/shells.ts'

export const command = defineCommand({
  summary: 'Print what makes a shell complete fob',
  description: `For bash, zsh and fish. Commands, flags and their values; names of pipelines, runs, secrets, tokens, runners
and tenants come from your server, asked with your stored login for as long as you would wait.`,
  examples: [
    `echo 'eval "$(fob completion bash)"' >> ~/.bashrc`,
    `echo 'eval "$(fob completion zsh)"' >> ~/.zshrc     # behind compinit`,
    'fob completion fish > ~/.config/fish/completions/fob.fish',
  ],
  flags: {},
  positionals: { shell: { arity: 'required', description: SHELLS.join(', '), completes: SHELLS } },
  async run({ positionals: { shell } }, { io }) {
    const known = SHELLS.find((name) => name === shell)
    if (known === undefined) {
      throw new Fault('usage', `fob completes in ${SHELLS.join(', ')}`, {
        hint: `run fob completion ${nearest(shell, SHELLS) ?? SHELLS[0]}`,
      })
    }
    io.stdout.write(SCRIPTS[known])
  },
})
