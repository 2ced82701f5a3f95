import * as v from 'valibot'
import { MAX_SECRET_BYTES, type SecretValue } from '../../../contract/api/secrets.ts'
import { Fault } from '../../../contract/fault.ts'
import { Secret } from '../../../redact/secret.ts'
import { type Client, openClient } from '../../client/client.ts'
import { defineCommand } from '../../command.ts'
import type { Deps } from '../../deps.ts'
import { readGivenFile } from '../../input/read-named-file.ts'
import type { Globals } from '../../parsing/global-flags.ts'
import { parseKeyValues } from '../../parsing/key-values.ts'
import { readSecret } from '../../input/read-secret.ts'
import {
  placeName,
  placeOf,
  placeQuery,
  scopeFlags,
  type SecretPlaceFlags,
} from '../../parsing/secret-place.ts'

export const command = defineCommand({
  summary: 'Set a secret',
  description:
    'The value comes from standard input, a prompt that shows nothing, or a file: any bytes up to 256 KiB.\n' +
    'It never comes back out. Of a piped value with one line, the line end is cut.',
  examples: [
    'fob secrets set API_KEY                             # asks for the value',
    'printf %s "$KEY" | fob secrets set API_KEY --pipeline deploy',
    'fob secrets set DEPLOY_KEY --from-file ~/.ssh/deploy',
  ],
  flags: {
    ...scopeFlags,
    'from-file': { type: 'string', value: 'PATH', description: 'the value is what this file holds' },
    'allow-short': {
      type: 'boolean',
      description: 'accept fewer than 4 bytes, which redaction makes unreadable logs of',
    },
  },
  positionals: {
    key: {
      arity: 'required',
      description: 'the name, or KEY=VALUE (which stays in the shell history)',
      completes: 'secret',
    },
  },
  async run({ flags, positionals, globals }, deps) {
    placeQuery(flags)
    const { key, value } = await readAssignment(positionals.key, flags['from-file'], deps, globals)
    const client = await openClient(deps, globals)
    await setSecret({ key, value, place: flags, allowShort: flags['allow-short'] }, client)
  },
})

export interface SetSecret {
  key: string
  value: Secret
  place: SecretPlaceFlags
  allowShort: boolean
}

export async function setSecret({ key, value, place, allowShort }: SetSecret, client: Client): Promise<void> {
  await client.api.request({
    method: 'PUT',
    path: `/api/secrets/${encodeURIComponent(key)}`,
    query: placeQuery(place),
    body: { value: sendable(value), ...(allowShort ? { allowShort } : {}) },
    secrets: [value],
    schema: v.unknown(),
  })
  warnOfBlanks(key, value, client)
  client.did({ key, ...placeOf(place), set: true }, `Set ${key} ${placeName(place)}`)
}

/** Blanks at the ends are most often a slip of copying, and nobody can look at the value later. */
function warnOfBlanks(key: string, value: Secret, { say }: Client): void {
  if (!value.isText || !/^[ \t]|[ \t]\r?\n?$/.test(value.reveal())) return
  say(`warning: the value of ${key} begins or ends with blanks, which are part of it now`)
}

/** Bytes that are not text cross the wire as base64. */
function sendable(value: Secret): SecretValue {
  return value.isText ? value.reveal() : { base64: value.bytes().toString('base64') }
}

async function readAssignment(
  argument: string,
  fromFile: string | undefined,
  deps: Deps,
  globals: Globals,
): Promise<{ key: string; value: Secret }> {
  const inline = argument.includes('=')
  if (inline && fromFile !== undefined) throw new Fault('usage', 'give either KEY=VALUE or --from-file')
  const [[key, text] = ['', '']] = parseKeyValues([inline ? argument : `${argument}=`], 'secrets set')
  if (inline) return { key, value: new Secret(text) }
  if (fromFile !== undefined) {
    return { key, value: new Secret(await readGivenFile(fromFile, { limitBytes: MAX_SECRET_BYTES }, deps)) }
  }
  const question = { what: `value of ${key}`, instead: key, limitBytes: MAX_SECRET_BYTES, anyBytes: true }
  return { key, value: await readSecret(deps, globals, question) }
}
