/** `fob secrets re-encrypt`: has the server encrypt all secrets anew, under a new data key. */
import { rewrapResponse } from '../../../contract/api/secrets.ts'
import { Fault } from '../../../contract/fault.ts'
import { type Client, openClient } from '../../client/command-context.ts'
import { defineCommand } from '../../command.ts'
import type { Deps } from '../../deps.ts'
import type { Globals } from '../../parsing/global-flags.ts'

export const command = defineCommand({
  meta: {
    description: 'Encrypt all secrets under a new data key',
    details: `For administrators, after rotating a passphrase that somebody else knew. The server stays available. Ctrl-C
stops it at any point; the same command continues where it stopped.`,
    examples: ['fob secrets re-encrypt'],
  },
  args: {},
  run: ({ globals }, deps) => reEncryptSecrets({ globals }, deps),
})

interface ReEncryptSecretsOptions {
  globals: Globals
}

async function reEncryptSecrets({ globals }: ReEncryptSecretsOptions, deps: Deps): Promise<void> {
  await reEncrypt(await openClient(deps, globals), deps)
}

/** @throws Fault `failed` when some secrets cannot be decrypted: the old keys are kept for them then */
export async function reEncrypt(client: Client, { io }: Pick<Deps, 'io'>): Promise<void> {
  const request = () =>
    client.api.request({ method: 'POST', path: '/api/secrets/rewrap', body: {}, schema: rewrapResponse })
  const show = (text: string) => {
    if (io.stderr.isTerminal) client.say(text)
  }
  let progress = await request()
  while (!progress.finished) {
    show(`${progress.done} of ${progress.total}`)
    progress = await request()
  }
  const { done, failed, key } = progress
  if (failed.length > 0) {
    const names = failed.map((secret) => `${secret.key} (${secret.scope})`).join(', ')
    throw new Fault('failed', `these secrets cannot be decrypted and were not moved: ${names}`, {
      hint: 'set or delete them, then run this again; until then the old key is kept',
    })
  }
  client.say(`Moved ${done} ${done === 1 ? 'secret' : 'secrets'} to the key ${key}`)
}
