/** The system's errors about files and folders, in words. */

const WORDS: Readonly<Record<string, string>> = {
  ENOENT: 'it is not there',
  ENOTDIR: 'a part of its path is not a folder',
  EACCES: 'permission denied',
  EPERM: 'permission denied',
  EISDIR: 'it is not a regular file',
  EEXIST: 'a file stands in its place',
  ELOOP: 'its path is a circle of symbolic links',
  ENAMETOOLONG: 'its name is too long',
  EFBIG: 'it is too large',
  EROFS: 'the file system is read-only',
  ENOSPC: 'the disk is full',
  EDQUOT: 'the disk quota is used up',
}

/**
 * An error's code as the end of "cannot read …: ".
 * @param own the caller's own words for codes, which come first
 */
export function codeWords(code: string | undefined, own: Readonly<Record<string, string>> = {}): string {
  if (code === undefined) return 'the system refuses it'
  return own[code] ?? WORDS[code] ?? `the system says ${code}`
}

/** The same for an error that was caught. */
export function whyUnreadable(error: unknown): string {
  return codeWords(codeOf(error))
}

/** Whether an error says that the file or folder does not exist. */
export function isMissing(error: unknown): boolean {
  const code = codeOf(error)
  return code === 'ENOENT' || code === 'ENOTDIR'
}

/** The code of a system error, such as `EACCES`; undefined for any other value. */
export function codeOf(error: unknown): string | undefined {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  return typeof code === 'string' ? code : undefined
}

/** An error as the system's own, for what is refused before the system is asked. */
export function fileError(code: string, message: string): NodeJS.ErrnoException {
  return Object.assign(new Error(message), { code })
}
