/** Whether an S3 server did encrypt as it was asked to: by what its response to a write says. */
import { createHash } from 'node:crypto'
import type { PutObjectCommandInput, PutObjectCommandOutput } from '@aws-sdk/client-s3'

type Asked = Pick<PutObjectCommandInput, 'ServerSideEncryption' | 'SSECustomerKey'>
type Response = Pick<
  PutObjectCommandOutput,
  'ServerSideEncryption' | 'SSECustomerAlgorithm' | 'SSECustomerKeyMD5'
>

/**
 * A server that does not know the headers of encryption ignores them, and stores in the clear; one that does know
 * them names in its response what it has done.
 * @returns false where it does not say so, or says something else
 */
export function confirmsEncryption(asked: Asked, response: Response): boolean {
  const { ServerSideEncryption: how, SSECustomerKey: key } = asked
  if (how !== undefined && response.ServerSideEncryption !== how) return false
  if (typeof key !== 'string') return true
  const { SSECustomerAlgorithm: algorithm, SSECustomerKeyMD5: digest } = response
  const expected = createHash('md5').update(Buffer.from(key, 'base64')).digest('base64')
  return algorithm === 'AES256' && (digest === undefined || digest === expected)
}
