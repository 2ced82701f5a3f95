/** S3 as a store for secrets: its settings, when they ask for it, and how it is opened. */
import { Fault } from '../../../contract/fault.ts'
import { Secret } from '../../../redact/secret.ts'
import type { BackendChoice, BackendKind } from '../backend-interface.ts'
import { readS3Settings, SERVER_SIDE_ENCRYPTIONS, type Values } from './s3-settings.ts'

/** An S3 bucket, when one is named; it then comes before SQLite. */
export const s3Kind: BackendKind = {
  name: 's3',
  settings: {
    'secrets-s3-bucket': { value: 'BUCKET', description: 'keep secrets in this S3 bucket' },
    'secrets-s3-endpoint': {
      value: 'URL',
      description:
        'an S3-compatible server, for example http://localhost:9000 (default: AWS_ENDPOINT_URL_S3, else AWS)',
    },
    'secrets-s3-region': { value: 'REGION', description: 'the region of the bucket' },
    'secrets-s3-access-key-id': {
      value: 'ID',
      description: "whose access (default: the environment's: variables, profile, role)",
    },
    'secrets-s3-secret-access-key': { value: 'KEY', secret: true, description: 'and the key' },
    'secrets-s3-passphrase': {
      value: 'PASSPHRASE',
      secret: true,
      description: 'what secrets in S3 are encrypted under before they are sent (recommended)',
    },
    'secrets-s3-encrypt': {
      value: 'HOW',
      description: `let S3 encrypt as well: ${SERVER_SIDE_ENCRYPTIONS.join(', ')}`,
    },
    'secrets-s3-prefix': { value: 'PREFIX', description: 'keep everything under this prefix' },
  },

  choose(values, env): BackendChoice | undefined {
    if (values['secrets-s3-bucket'] === undefined) return refuseWithoutBucket(values)
    const settings = readS3Settings(values['secrets-s3-bucket'], values, env)
    const passphrase = values['secrets-s3-passphrase']
    return {
      kind: 's3',
      passphrase: passphrase === undefined ? undefined : new Secret(passphrase),
      passphraseFlag: '--secrets-s3-passphrase',
      encrypts: settings.sse !== undefined,
      lasting: true,
      async open({ log, unlock }) {
        const { openS3Backend } = await import('./s3-backend.ts')
        return openS3Backend({ ...settings, sealed: unlock !== undefined }, log)
      },
    }
  },
}

/** The other settings mean nothing without a bucket, so one was forgotten. */
function refuseWithoutBucket(values: Values): undefined {
  const given = Object.keys(s3Kind.settings).find((name) => values[name] !== undefined)
  if (given === undefined) return undefined
  throw new Fault('config', `--${given} is set, but --secrets-s3-bucket is not`, {
    hint: 'name the bucket, or remove the S3 settings',
  })
}
