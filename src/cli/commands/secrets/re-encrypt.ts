import { rewrapResponse } from '../../../contract/api/secrets.ts'
import { Fault } from '../../../contract/fault.ts'
import { type Client, openClient } from '../../client/client.ts'
import { defineCommand } from '../../command.ts'
import type { Deps } from '../../deps.ts'

export const command = defineCommand({
  summary: 'Move all secrets to a new data key',
  description:
    'For administrators, after a passphrase was rotated because somebody else knew it. The server goes on\n' +
    'serving. Ctrl-C stops it at any point; the same command takes it up again.',
  examples: ['fob secrets rewrap'],
  flags: {},
  positionals: {},
  async run({ globals }, deps) {
    await rewrap(await openClient(deps, globals), deps)
  },
})

/** @throws Fault `failed` when there are secrets that do not open: the old keys are kept for them then */
export async function rewrap(client: Client, { io }: Pick<Deps, 'io'>): Promise<void> {
  const ask = () =>
    client.api.request({ method: 'POST', path: '/api/secrets/rewrap', body: {}, schema: rewrapResponse })
  const show = (text: string) => {
    if (io.stderr.isTerminal) client.say(text)
  }
  let answer = await ask()
  while (!answer.finished) {
    show(`${answer.done} of ${answer.total}`)
    answer = await ask()
  }
  const { done, failed, key } = answer
  if (failed.length > 0) {
    const names = failed.map((secret) => `${secret.key} (${secret.scope})`).join(', ')
    throw new Fault('failed', `these do not open and were not moved: ${names}`, {
      hint: 'set or delete them, then run this again; until then the old key is kept',
    })
  }
  client.say(`Moved ${done} ${done === 1 ? 'secret' : 'secrets'} to the key ${key}`)
}
