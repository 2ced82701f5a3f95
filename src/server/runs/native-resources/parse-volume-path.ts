/** Reads a path such as `workspace/sub` as a volume of the run and a path in it. */
import { Fault } from '../../../contract/fault.ts'

const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/

/**
 * `/workspace`, `workspace` or `workspace/sub`: the first segment is a volume of the run, the rest a path in it.
 * @param field the name of the field in errors. @throws Fault `usage`
 */
export function volumePath(text: string, field: string): { volume: string; path: string } {
  const [volume = '', ...rest] = text.replace(/^\/+|\/+$/g, '').split('/')
  const isPath = rest.every((part) => part !== '' && part !== '.' && part !== '..' && !part.includes('\0'))
  if (NAME.test(volume) && isPath && text.length <= 4096) return { volume, path: rest.join('/') || '.' }
  throw new Fault('usage', `${field} is not a path in a volume`, {
    hint: 'write VOLUME or VOLUME/PATH, for example /workspace',
  })
}
