/** Copies the commits of a repository that a task has written into a clean one that git can push. */
import { cp, lstat, mkdir, readdir, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { Fault } from '../../../contract/fault.ts'
import type { Git } from './git-process.ts'

/** Objects and references. Settings, hooks, the index and links to other repositories are not copied. */
const TAKEN = ['HEAD', 'objects', 'refs', 'packed-refs', 'shallow']
const MAX_SETTINGS = 64 * 1024
/** Files by which a repository refers to objects elsewhere, which could be anybody's on this machine. */
const ELSEWHERE = ['objects/info/alternates', 'objects/info/http-alternates']

/**
 * A repository of our own with the commits of one that a task has written. In a repository that somebody else could
 * write to, git would run programs that its settings name, and links could lead to other repositories of this machine.
 * @param to a folder that is created. @returns the folder to run git in.
 */
export async function pushable(git: Git, from: string, to: string): Promise<string> {
  const theirs = join(from, '.git')
  const stat = await lstat(theirs).catch(() => undefined)
  if (stat?.isDirectory() !== true) {
    throw new Fault('failed', 'srcDir is not a git repository', {
      hint: 'srcDir names the folder that has .git in it',
    })
  }
  await mkdir(to)
  await git.local(to, ['init', '-q', '--template=', `--object-format=${await formatOf(theirs)}`, '.'])
  for (const name of TAKEN) {
    const part = join(theirs, name)
    if ((await lstat(part).catch(() => undefined)) === undefined) continue
    await refuseLinks(part)
    const ours = join(to, '.git', name)
    await rm(ours, { recursive: true, force: true })
    await rename(part, ours).catch(() => cp(part, ours, { recursive: true }))
  }
  for (const name of ELSEWHERE) await rm(join(to, '.git', name), { force: true })
  return to
}

/** The hash of a repository, by its settings, of which nothing else is taken. */
async function formatOf(repository: string): Promise<string> {
  const settings = join(repository, 'config')
  const isFile = (await lstat(settings).catch(() => undefined))?.isFile() === true
  const text = isFile ? await Bun.file(settings).slice(0, MAX_SETTINGS).text() : ''
  return /^\s*objectformat\s*=\s*"?sha256\b/im.test(text) ? 'sha256' : 'sha1'
}

async function refuseLinks(path: string): Promise<void> {
  const stat = await lstat(path)
  if (stat.isDirectory()) for (const name of await readdir(path)) await refuseLinks(join(path, name))
  else if (!stat.isFile()) throw new Fault('failed', 'the repository contains links or special files')
}
