/** Trying out a bucket before anything depends on it. */
import { randomBytes, randomUUID } from 'node:crypto'
import { Fault } from '../../../contract/fault.ts'
import { KEY_BYTES } from '../cipher.ts'
import { notEncrypted, statusOf } from './explain-s3-errors.ts'
import type { S3Settings } from './s3-settings.ts'
import type { Condition, S3Objects } from './s3-objects.ts'

/**
 * Tries on a bucket, before anything depends on it, everything that a vault does: to write (with the encryption
 * that is asked for, which it has to confirm), read, list and delete. Leaves nothing behind.
 * @returns whether the server keeps the conditions of writes, rather than refusing or ignoring them
 * @throws Fault that says what to fix
 */
export async function probeBucket(
  objects: S3Objects,
  settings: S3Settings,
): Promise<{ conditional: boolean }> {
  const name = `${settings.prefix}probe/${randomUUID()}`
  const customerKey = settings.sse === 'sse-c' ? randomBytes(KEY_BYTES) : undefined
  const body = `{"fob":"${randomUUID()}"}`
  // The cheapest call comes first: it tells a wrong address, bucket, region or key.
  await objects.list(`${settings.prefix}probe/`)
  try {
    const conditional = await writeConditionally(objects, name, body, customerKey)
    const read = await objects.get(name, customerKey)
    if (read?.body.toString() !== body) {
      throw new Fault('config', `the bucket ${settings.bucket} does not give back what was written to it`, {
        hint: 'check whether a proxy between fob and the S3 server changes or caches responses',
      })
    }
    if (customerKey !== undefined && (await readsWithoutKey(objects, name))) throw notEncrypted(settings)
    await objects.delete(name)
    return { conditional }
  } catch (error) {
    // What went wrong first is what there is to say.
    await objects.delete(name).catch(() => {})
    throw error
  }
}

/** Whether a server gives out without its key what was to be encrypted under it: then it is not. */
async function readsWithoutKey(objects: S3Objects, name: string): Promise<boolean> {
  try {
    return (await objects.get(name)) !== undefined
  } catch (error) {
    const status = error instanceof Fault ? statusOf(error.cause) : undefined
    if (status !== undefined && status >= 400 && status < 500) return false
    throw error
  }
}

/** The object stands afterwards, whatever the server knows of conditions. */
async function writeConditionally(
  objects: S3Objects,
  name: string,
  body: string,
  customerKey: Buffer | undefined,
): Promise<boolean> {
  const put = (condition?: Condition) =>
    objects.put(name, body, { customerKey, ...(condition && { condition }) })
  const created = await put({ kind: 'absent' })
  if (created === 'unsupported') {
    await put()
    return false
  }
  // A server that has never heard of conditions ignores them: then these two are written.
  const again = await put({ kind: 'absent' })
  const wrong = await put({ kind: 'etag', etag: '"00000000000000000000000000000000"' })
  return again === 'changed' && wrong === 'changed'
}
